"""What each family of layers promises beyond the battery; PyTorch is asked in test_layers_torch.py."""

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, CheckpointError, DataError, DTypeError, ShapeError
from tinygrad_edu.nn import (
    Add,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Buffer,
    Concatenate,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Dense,
    Dropout,
    Embedding,
    LayerNorm,
    LearnedPositions,
    MaxPool2d,
    Module,
    MultiHeadAttention,
    Multiply,
    Parameter,
    Reshape,
    Sequential,
    SinusoidalPositions,
    StochasticPool2d,
    TransformerBlock,
    ZeroPad2d,
    to_channel_first,
    to_channel_last,
    weight_to_channel_first,
    weight_to_channel_last,
)
from tinygrad_edu.nn.init import orthogonal

# -- sizes, and layers that wait for them


@pytest.mark.parametrize(
    ("make", "features"),
    [
        (lambda: Dense(3), (None, 3)),
        (lambda: Dense(2, 3), (2, 3)),
        (lambda: Dense(out_features=3), (None, 3)),
        (lambda: Dense(3, in_features=2), (2, 3)),
        (lambda: Dense(in_features=2, out_features=3), (2, 3)),
    ],
)
def test_sizes_by_place_and_by_name(make, features):
    layer = make()
    assert (layer.in_features, layer.out_features) == features
    assert layer(np.ones((1, 2))).shape == (1, 3)
    assert layer.in_features == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(), r"Dense takes sizes by position, \(out_features\) or \(in_features, out_features\).*missing"),
        (lambda: Dense(3, "relu"), r"Did you mean activation='relu'\?"),
        (lambda: Dense(2, 3, 4), "takes sizes by position"),
        (lambda: Dense(2, 3, in_features=2), "in_features is there twice"),
        (lambda: Dense(3, out_features=3), "out_features is there twice"),
        (lambda: Dense(2.0), "out_features must be a positive whole number"),
        (lambda: Conv2d(3), r"\(out_features, kernel_size\) or \(in_features, out_features, kernel_size\)"),
        (lambda: Conv2d(2, (3, 3, 3)), "kernel_size must be an int or 2 of them"),
        (lambda: Conv1d(3, 2, groups=2), "groups=2 must divide out_features=3"),
        (lambda: Conv2d(3, 3, padding="full")(np.ones((1, 5, 5, 1))), "padding must be 'valid', 'same' or numbers"),
    ],
)
def test_sizes_that_can_be_misread_are_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.parameters(), lambda m: m.n_parameters, lambda m: m.state_dict(), lambda m: m.zero_grad(),
        lambda m: m.load_state_dict({}), lambda m: list(m.named_parameters()), lambda m: list(m.named_buffers()),
    ],
)  # fmt: skip
def test_a_model_with_a_layer_that_waits_does_not_hide_its_parameters(ask):
    model = Sequential(Dense(2, 3), Dense(1))
    with pytest.raises(ArgumentError, match=r"Dense \(layers.1\) has no parameters yet.*first call"):
        ask(model)
    model(np.ones((1, 2)))
    ask(model) if "load" not in str(ask.__code__.co_names) else None
    assert model.n_parameters == 13


def test_an_attribute_that_is_not_there_yet_says_when_it_will_be():
    with pytest.raises(AttributeError, match="no attribute 'weight' yet: it is made at the first call"):
        _ = Dense(3).weight
    with pytest.raises(AttributeError, match=r"no attribute 'wieght'$"):
        _ = Dense(2, 3).wieght


def test_lazy_layers_draw_what_eager_ones_do():
    eager, lazy = Dense(4, 3, rng=5), Dense(3, rng=5)
    lazy(np.ones((1, 4)))
    np.testing.assert_array_equal(eager.weight.data, lazy.weight.data)
    assert lazy.weight.name == "weight"


def test_parameters_made_late_are_named_for_pictures_and_in_the_scope_of_their_place():
    model = Sequential(Dense(3), Dense(2))
    out = model(np.ones((1, 2)))
    assert out.scope.path == "sequential/layer1"
    assert [p.name for p in model.parameters()] == ["weight", "bias"] * 2


# -- buffers


class Counter(Module):
    def __init__(self):
        self.scale, self.count = Parameter(2.0), Buffer(0.0)

    def forward(self, x):
        self.count.data[...] += 1
        return self.scale * x


def test_buffers_are_state_and_no_parameters():
    model = Sequential(Counter(), Counter())
    model(1.0)
    assert [name for name, _ in model.named_parameters()] == ["layers.0.scale", "layers.1.scale"]
    assert [name for name, _ in model.named_buffers()] == ["layers.0.count", "layers.1.count"]
    state = model.state_dict()
    assert state["layers.0.count"] == 1.0
    twin = Sequential(Counter(), Counter())
    twin.load_state_dict(state)
    assert twin[1].count.data == 1.0
    twin(1.0)
    assert state["layers.0.count"] == model[0].count.data == 1.0
    with pytest.raises(CheckpointError, match=r"missing: layers\.1\.count"):
        twin.load_state_dict({name: x for name, x in state.items() if name != "layers.1.count"})


# -- convolution, pooling, shapes


def test_a_convolution_finds_edges():
    image = np.zeros((1, 5, 6, 1))
    image[:, :, 3:] = 1.0
    layer = Conv2d(1, 1, (1, 2), bias=False)
    layer.weight.data[:] = np.array([-1.0, 1.0]).reshape(1, 2, 1, 1)
    np.testing.assert_array_equal(layer(image).data[0, :, :, 0], np.tile([0, 0, 1, 0, 0], (5, 1)))


def test_a_kernel_is_shared_by_all_places():
    layer = Conv2d(8, 3, rng=0)
    layer(np.zeros((1, 28, 28, 1)))
    assert layer.n_parameters == 80
    assert Dense(784, 26 * 26 * 8).n_parameters == 784 * 5408 + 5408


def test_a_transposed_convolution_is_the_adjoint(rng):
    layer, transposed = Conv2d(2, 3, 3, stride=2, bias=False, rng=0), ConvTranspose2d(3, 2, 3, stride=2, bias=False)
    transposed.weight.data[:] = np.swapaxes(layer.weight.data, 2, 3)
    x, y = rng.normal(size=(1, 7, 7, 2)), rng.normal(size=(1, 3, 3, 3))
    assert np.sum(layer(x).data * y) == pytest.approx(np.sum(x * transposed(y).data), rel=1e-12)


def test_channels_first_and_back(rng):
    x, w = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(6, 3, 2, 2))
    assert to_channel_last(x).shape == (2, 4, 5, 3)
    assert weight_to_channel_last(w).shape == (2, 2, 3, 6)
    np.testing.assert_array_equal(to_channel_first(to_channel_last(x)), x)
    for transposed in (False, True):
        np.testing.assert_array_equal(weight_to_channel_first(weight_to_channel_last(w, transposed), transposed), w)
    with pytest.raises(ShapeError, match="at least 3 axes"):
        to_channel_last(x[0, 0])


def test_images_that_look_channel_first_are_told_so():
    with pytest.raises(ShapeError, match=r"shape \(batch, height, width, 3\), got .*to_channel_last"):
        Conv2d(3, 8, 3)(np.ones((2, 3, 32, 32)))


def test_max_mean_and_stochastic_pooling_keep_different_things():
    x = np.array([[0.0, 1.0], [2.0, 5.0]]).reshape(1, 2, 2, 1)
    assert MaxPool2d(2)(x).item() == 5.0
    assert AvgPool2d(2)(x).item() == 2.0
    layer = StochasticPool2d(2, rng=0)
    drawn = [layer(x).item() for _ in range(2000)]
    counts = {value: drawn.count(value) / 2000 for value in set(drawn)}
    assert counts == pytest.approx({1.0: 1 / 8, 2.0: 2 / 8, 5.0: 5 / 8}, abs=0.03)
    assert layer.eval()(x).item() == pytest.approx((1 + 4 + 25) / 8)


def test_zero_padding_keeps_the_size_and_stride_halves_it():
    x = np.ones((1, 8, 8, 1))
    assert Conv2d(4, 3)(ZeroPad2d(1)(x)).shape == Conv2d(4, 3, padding="same")(x).shape == (1, 8, 8, 4)
    assert Conv2d(4, 3, padding="same", stride=2)(x).shape == (1, 4, 4, 4)


@pytest.mark.parametrize(("shape", "given"), [((2, -1), (3, 8)), ((8,), (3, 2, 4)), ((2, 2, 2), (3, 8))])
def test_reshape_keeps_the_batch(shape, given):
    out = Reshape(*shape)(Value(np.zeros(given)))
    assert out.shape[0] == 3
    assert out.size == np.prod(given)
    assert Reshape(shape)(np.zeros(given)).shape == out.shape


@pytest.mark.parametrize("make", [lambda: Reshape(-1, -1), lambda: Reshape(2.5), lambda: ZeroPad2d("same")])
def test_shapes_that_are_none_are_refused(make):
    with pytest.raises(ArgumentError):
        make()


def test_merging():
    a, b = np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])
    for given in ((a, b), ([a, b],)):
        np.testing.assert_array_equal(Add()(*given), a + b)
        np.testing.assert_array_equal(Multiply()(*given), a * b)
        np.testing.assert_array_equal(Concatenate()(*given), [[1, 2, 10, 20]])
    assert Concatenate(axis=0)(a, b).shape == (2, 2)
    with pytest.raises(ShapeError, match="equal shapes, got none"):
        Add()([])


# -- normalisation


@pytest.mark.parametrize("momentum", [0.3, None])  # None: all batches count the same
def test_batch_norm_follows_the_batches_and_uses_what_it_followed(momentum, rng):
    layer, batches = BatchNorm1d(momentum=momentum), rng.normal(3.0, 2.0, size=(5, 40, 2))
    mean, var = np.zeros(2), np.ones(2)
    for seen, batch in enumerate(batches, start=1):
        out, share = layer(batch), momentum or 1 / seen
        np.testing.assert_allclose(out.data.mean(axis=0), 0, atol=1e-12)
        mean, var = (1 - share) * mean + share * batch.mean(axis=0), (1 - share) * var + share * batch.var(0, ddof=1)
    np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.data, var, rtol=1e-12)
    expected = (batches[0] - mean) / np.sqrt(var + 1e-5)
    np.testing.assert_allclose(layer.eval()(batches[0]).data, expected, rtol=1e-12)


def test_batch_norm_of_one_sample_in_training_is_refused_and_in_evaluation_is_not():
    layer = BatchNorm1d(2)
    with pytest.raises(ShapeError, match="more than one value a feature"):
        layer(np.ones((1, 2)))
    assert layer.eval()(np.ones((1, 2))).shape == (1, 2)
    assert BatchNorm2d(2)(np.ones((1, 3, 3, 2))).shape == (1, 3, 3, 2)


def test_layer_norm_sees_its_own_sample_only(rng):
    layer, x = LayerNorm(), rng.normal(size=(3, 6))
    np.testing.assert_allclose(layer(x).data[1], layer(x[1:2]).data[0], rtol=1e-13)
    np.testing.assert_allclose(layer(100 * x + 5).data, layer(x).data, atol=1e-4)


@pytest.mark.parametrize(
    "make", [lambda: BatchNorm1d(momentum=2.0), lambda: BatchNorm2d(eps=-1.0), lambda: LayerNorm(0)]
)
def test_normalisations_that_are_none_are_refused(make):
    with pytest.raises(ArgumentError):
        make()


# -- embedding, attention, positions


def test_an_embedding_looks_up_rows_and_repeats_add_up():
    layer = Embedding(4, 2, rng=0)
    out = layer([1, 1, 3])
    np.testing.assert_array_equal(out.data, layer.weight.data[[1, 1, 3]])
    out.sum().backward()
    np.testing.assert_array_equal(layer.weight.grad, [[0, 0], [2, 2], [0, 0], [1, 1]])


def test_padding_of_an_embedding_is_zero_and_stays_it():
    layer = Embedding(4, 2, padding_index=0, rng=0)
    layer.weight.data[0] = 7.0
    out = layer([0, 1])
    np.testing.assert_array_equal(out.data[0], 0.0)
    out.sum().backward()
    np.testing.assert_array_equal(layer.weight.grad[0], 0.0)


def test_what_an_embedding_cannot_look_up_is_refused():
    with pytest.raises(DataError, match=r"lie in 0 to 3, but the one at \(1, 0\) is -1"):
        Embedding(4, 2)([[0], [-1]])
    with pytest.raises(DTypeError, match=r"whole numbers from 0 to 3.*x.astype\(int\)"):
        Embedding(4, 2)([0.0, 1.0])


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_its_equation_head_by_head(causal, rng):
    layer, x = MultiHeadAttention(6, 2, causal=causal, rng=0), rng.normal(size=(2, 4, 6))
    for dense in (layer.query, layer.key, layer.value, layer.out):
        dense.bias.data[:] = rng.normal(size=6)
    q, k, v = (x @ dense.weight.data + dense.bias.data for dense in (layer.query, layer.key, layer.value))
    taken = np.zeros_like(x)
    for sample in range(2):
        for head in (slice(0, 3), slice(3, 6)):
            for i in range(4):
                seen = slice(0, i + 1 if causal else 4)
                shares = np.exp(k[sample, seen, head] @ q[sample, i, head] / np.sqrt(3))
                taken[sample, i, head] = shares / shares.sum() @ v[sample, seen, head]
    np.testing.assert_allclose(layer(x).data, taken @ layer.out.weight.data + layer.out.bias.data, rtol=1e-11)


def test_causal_attention_does_not_see_the_future(rng):
    layer, x = MultiHeadAttention(4, 2, causal=True, rng=0), rng.normal(size=(1, 5, 4))
    before = layer(x).data
    x[:, 3:] += 10.0
    np.testing.assert_array_equal(layer(x).data[:, :3], before[:, :3])


def test_attention_weights_are_shares_and_masks_take_them_away(rng):
    layer, x = MultiHeadAttention(4, 2, rng=0), rng.normal(size=(2, 3, 4))
    _, weights = layer(x, return_weights=True)
    np.testing.assert_allclose(weights.data.sum(axis=-1), 1.0, rtol=1e-13)
    real = np.array([[True, True, False], [True, False, False]])
    wide = real[:, None, None]
    forms = [
        np.broadcast_to(wide, (2, 2, 3, 3)),
        np.broadcast_to(wide, (2, 1, 3, 3)),
        np.repeat(real[:, None], 3, axis=1),
    ]
    outs = [layer(x, mask=form) for form in (real, *forms)]
    for out in outs[1:]:
        np.testing.assert_array_equal(out.data, outs[0].data)
    _, weights = layer(x, mask=real, return_weights=True)
    np.testing.assert_array_equal(weights.data[0, :, :, 2], 0.0)


def test_a_query_that_may_look_nowhere_gets_zeros_and_finite_gradients(rng):
    layer, x = MultiHeadAttention(4, 2, rng=0), Value(rng.normal(size=(1, 3, 4)))
    out = layer(x, mask=np.zeros((1, 3), bool))
    np.testing.assert_array_equal(out.data, np.broadcast_to(layer.out.bias.data, (1, 3, 4)))
    out.sum().backward()
    np.testing.assert_array_equal(x.grad, 0.0)


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        (lambda m, x: m(x, mask=np.ones((2, 4), bool)), ShapeError, r"expected a mask of shape \(2, 3\), \(3, 3\)"),
        (lambda m, x: m(x, mask=np.ones((2, 3))), DTypeError, "must be boolean"),
        (lambda m, x: m(x, x[:1]), ShapeError, "expected one batch, and a value for each key"),
        (lambda m, x: m(x, x, x[:, :2]), ShapeError, "expected one batch, and a value for each key"),
        (lambda m, x: m(np.ones((3, 3, 4)), mask=np.ones((3, 3), bool)), ShapeError, "are the same here"),
        (lambda m, x: MultiHeadAttention(4, 3), ArgumentError, "heads=3 must divide features=4"),
    ],
)
def test_what_attention_cannot_do_is_refused(action, error, message):
    with pytest.raises(error, match=message):
        action(MultiHeadAttention(4, 2), np.ones((2, 3, 4)))


def test_without_positions_attention_does_not_know_the_order(rng):
    block, x, order = TransformerBlock(4, 2, rng=0), rng.normal(size=(1, 5, 4)), [3, 1, 4, 0, 2]
    np.testing.assert_allclose(block(x[:, order]).data, block(x).data[:, order], rtol=1e-10)
    position = SinusoidalPositions()
    assert not np.allclose(block(position(x[:, order])).data, block(position(x)).data[:, order])


def test_sinusoids_are_those_of_the_paper_for_odd_widths_too():
    for features in (4, 7):
        out = SinusoidalPositions()(np.zeros((1, 9, features)))[0]
        for p in range(9):
            for j in range(features):
                angle = p / 10000 ** (2 * (j // 2) / features)
                assert out[p, j] == pytest.approx(np.cos(angle) if j % 2 else np.sin(angle), abs=1e-14)


def test_learned_positions_are_added_and_the_longest_sequence_is_known():
    layer = LearnedPositions(6, 2, rng=0)
    np.testing.assert_array_equal(layer(np.zeros((3, 4, 2))).data[1], layer.weight.data[:4])
    with pytest.raises(ShapeError, match=r"\(..., at most 6, 2\), got \(3, 7, 2\)"):
        layer(np.zeros((3, 7, 2)))
    assert LearnedPositions(500, 40, rng=0).weight.data.std() == pytest.approx(0.02, rel=0.05)


def test_dropout_in_a_block_is_off_in_evaluation(rng):
    block, x = TransformerBlock(4, 2, dropout=0.5, rng=0), rng.normal(size=(1, 3, 4))
    assert not np.array_equal(block(x).data, block(x).data)
    block.eval()
    np.testing.assert_array_equal(block(x).data, block(x).data)
    assert sum(isinstance(part, Dropout) for part in block.modules()) == 2


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (3, 3, 5), (5,)])
def test_orthogonal_weights_keep_lengths(shape):
    w = orthogonal(shape, rng=0, gain=2.0).reshape(-1, shape[-1])
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, 4.0 * np.eye(min(w.shape)), atol=1e-12)
