from functools import partial

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.nn import (
    GRU,
    SGD,
    Adam,
    Add,
    BatchNorm1d,
    Callback,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Model,
    MultiHeadAttention,
    Sequential,
    accuracy,
    evaluate,
    fit,
    mse,
)
from tinygrad_edu.nn.data import blobs, xor
from tinygrad_edu.nn.trainable import OPTIMIZERS


def lesson_18():
    return Sequential([Flatten(), Dense(128, activation="relu"), Dropout(0.2), Dense(10)])


# -- Keras, line for line


def test_the_model_of_lesson_18_has_its_parameters_and_trains(rng):
    x, y = rng.normal(size=(60, 28, 28)), rng.integers(0, 10, 60)
    model = Sequential([Flatten(), Dense(128, activation="relu"), Dropout(0.2), Dense(10)])
    model.compile(optimizer="adam", loss="softmax_cross_entropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=5, rng=0, progress=False)
    assert model.n_parameters == 101_770
    assert history["accuracy"][-1] > 0.9 > history["accuracy"][0]
    assert model.evaluate(x, y)["accuracy"] > 0.95
    assert model.predict(x).shape == (60, 10)
    assert str(model.summary()) == (
        "Sequential 'sequential'\n"
        "layer   kind     output shape  parameters\n"
        "layer0  Flatten  (None, 784)            0\n"
        "layer1  Dense    (None, 128)      100,480\n"
        "layer2  Dropout  (None, 128)            0\n"
        "layer3  Dense    (None, 10)         1,290\n"
        "total                             101,770"
    )


def small(seed=0):
    rng = np.random.default_rng(seed)
    return Sequential(Dense(8, activation="tanh", rng=rng), Dense(2, rng=rng))


def test_fit_as_a_method_is_fit_the_function(rng):
    data = xor(80, noise=0.1, rng=0)
    methods, functions = small(), small()
    methods.compile(partial(SGD, lr=0.3, momentum=0.9), "softmax_cross_entropy")
    first = methods.fit(*data, epochs=4, validation_split=0.25, rng=5, progress=False)
    functions(data[0][:1])
    optimizer = SGD(functions.parameters(), 0.3, momentum=0.9)
    second = fit(functions, data, "softmax_cross_entropy", optimizer, 4, validation=0.25, rng=5, progress=False)
    assert first.metrics == second.metrics
    assert methods.evaluate(*data) == evaluate(functions, data, "softmax_cross_entropy")


def test_fitting_twice_goes_on_with_the_same_optimizer():
    data = xor(40, noise=0.1, rng=0)
    model = small()
    model.compile("adam", "softmax_cross_entropy")
    model.fit(*data, epochs=1, rng=0, progress=False)
    first = model.optimizer
    model.fit(*data, epochs=1, rng=0, progress=False)
    assert isinstance(first, Adam)
    assert model.optimizer is first
    assert first.state[0]["step"] == 4


def test_validation_data_callbacks_and_given_optimizers():
    data, seen = xor(40, noise=0.1, rng=0), []

    class Listen(Callback):
        def on_epoch_end(self, state):
            seen.append(sorted(state.numbers))

    model = small()
    model(data[0])
    optimizer = SGD(model.parameters(), 0.1)
    model.compile(optimizer, mse_of_classes, metrics=[accuracy])
    model.fit(*data, epochs=2, validation_data=data, callbacks=[Listen()], rng=0, progress=False)
    assert model.optimizer is optimizer
    assert seen == [["accuracy", "loss", "val_accuracy", "val_loss"]] * 2


def mse_of_classes(outputs, labels, reduction="mean"):
    return mse(outputs, np.eye(2)[labels], reduction=reduction)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda m: m.compile("adam"), "say which loss"),
        (lambda m: m.compile("adan", "mse"), "no optimizer is called 'adan'; there are sgd"),
        (lambda m: m.compile("adam", "mes"), "loss: none is called 'mes'"),
        (lambda m: m.compile(3, "mse"), "expected an optimizer, its name, or what makes one"),
        (lambda m: m.compile("adam", ["mse", "mae"]), "one output, so one loss"),
        (lambda m: m.fit([[1.0]], [1]), "fit: the model has no loss yet"),
        (lambda m: m.evaluate([[1.0]], [1]), "evaluate: the model has no loss yet"),
        (lambda m: m.summary(), "has no parameters yet"),
        (lambda m: m.summary(()), r"samples of shape \(\) do not fit"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(action, message):
    with pytest.raises(ArgumentError, match=message):
        action(Sequential(Dense(2), Dense(2, activation="tanh")))


# -- weights of samples


def test_sample_weights_of_one_change_nothing_and_of_zero_leave_samples_out():
    x, y = xor(40, noise=0.1, rng=0)
    runs = {}
    for name, weights in (("none", None), ("ones", np.ones(40)), ("half", np.repeat([1.0, 0.0], 20))):
        model = small()
        model.compile(partial(SGD, lr=0.5), "softmax_cross_entropy", metrics=[])
        model.fit(x, y, epochs=1, batch_size=40, sample_weight=weights, shuffle=False, progress=False)
        runs[name] = model[0].weight.data
    np.testing.assert_allclose(runs["ones"], runs["none"], rtol=1e-12)
    model = small()
    model.compile(partial(SGD, lr=0.25), "softmax_cross_entropy", metrics=[])
    model.fit(x[:20], y[:20], epochs=1, batch_size=20, shuffle=False, progress=False)
    np.testing.assert_allclose(runs["half"], model[0].weight.data, rtol=1e-12)


def test_weights_follow_their_samples_through_shuffling_and_splitting():
    x = np.arange(10.0)[:, None]
    seen = []

    def loss(outputs, targets, reduction="mean"):
        seen.extend(np.ravel(targets).tolist())
        losses = (outputs[:, 0] - targets[:, 0]) * 0.0 + targets[:, 0]
        return losses if reduction == "none" else np.mean(losses)

    model = Sequential(Dense(1, 1))
    model.compile("sgd", loss)
    history = model.fit(
        x, x, batch_size=8, validation_split=0.2, sample_weight=1.0 / (1.0 + x[:, 0]), rng=3, progress=False,
        compile=False,
    )  # fmt: skip
    trained = np.array(seen[:8])
    assert history["loss"][0] == pytest.approx(np.mean(trained / (1 + trained)))
    assert sorted(seen) == list(range(10))


def test_a_loss_without_reduction_cannot_be_weighted():
    model = Sequential(Dense(1, 1))
    model.compile("sgd", lambda outputs, targets: mse(outputs, targets))
    with pytest.raises(ArgumentError, match="takes no reduction='none'"):
        model.fit([[1.0], [2.0]], [[1.0], [2.0]], sample_weight=[1.0, 2.0], batch_size=2, progress=False)


@pytest.mark.parametrize("weights", [[1.0], [[1.0], [1.0]], [1.0, -1.0], [1.0, np.nan]])
def test_weights_that_are_none_are_refused(weights):
    model = Sequential(Dense(1, 1))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="weight"):
        model.fit([[1.0], [2.0]], [[1.0], [2.0]], sample_weight=weights, batch_size=2, progress=False)


# -- functional models


def two_eyes():
    image, words = Input((4, 2), name="image"), Input(5, name="words")
    left = Dense(6, activation="relu", rng=0)(Flatten()(image))
    right = Dense(6, activation="relu", rng=1)(words)
    joined = Concatenate()(left, right)
    skip = joined + Dense(12, activation="tanh", rng=2)(joined)
    kind, size = Dense(3, rng=3, name="kind")(skip), Dense(1, rng=4, name="size")(skip)
    return Model([image, words], [kind, size], name="two_eyes")


def test_a_functional_model_computes_what_its_layers_do(rng):
    model, a, b = two_eyes(), rng.normal(size=(7, 4, 2)), rng.normal(size=(7, 5))
    kind, size = model(a, b)
    f1, d1, d2, c, d3, d4, d5 = model.layers
    joined = c(d1(f1(a)), d2(b))
    skip = joined + d3(joined)
    np.testing.assert_array_equal(kind.data, d4(skip).data)
    np.testing.assert_array_equal(size.data, d5(skip).data)
    for same in (model([a, b]), model({"words": b, "image": a})):
        np.testing.assert_array_equal(same[0].data, kind.data)
    assert [layer.__class__.__name__ for layer in model.layers].count("Dense") == 5


def test_gradients_reach_every_parameter_of_all_branches(rng):
    model = two_eyes()
    kind, size = model(rng.normal(size=(7, 4, 2)), rng.normal(size=(7, 5)))
    ((kind**2).sum() + (size**2).sum()).backward()
    assert len(model.parameters()) == 10
    assert all(np.any(parameter.grad != 0) for parameter in model.parameters())


def test_several_losses_and_metrics_by_output(rng):
    model, a, b = two_eyes(), rng.normal(size=(60, 4, 2)), rng.normal(size=(60, 5))
    labels, sizes = (a[:, 0, 0] > 0).astype(int), b[:, :1] * 2
    model.compile("adam", {"kind": "softmax_cross_entropy", "size": "mse"}, ["mae"], loss_weights=[1.0, 0.5])
    with pytest.raises(ArgumentError, match="expected a list of 2 arrays"):
        model.fit([a, b], labels, progress=False)
    model.compile(partial(Adam, lr=0.02), ["softmax_cross_entropy", "mse"], loss_weights=[1.0, 0.5])
    history = model.fit([a, b], {"kind": labels, "size": sizes}, epochs=30, rng=0, validation_split=0.2, progress=False)
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    kind, size = model.predict([a, b])
    assert (kind.shape, size.shape) == ((60, 3), (60, 1))
    expected = evaluate(model, ((a, b), labels), lambda out, y: softmax_of(out[0], y))["loss"] + 0.5 * np.mean(
        (size - sizes) ** 2
    )
    assert model.evaluate([a, b], [labels, sizes])["loss"] == pytest.approx(expected, rel=1e-12)


def softmax_of(logits, labels):
    from tinygrad_edu.nn import softmax_cross_entropy

    return softmax_cross_entropy(logits, labels)


def test_metrics_of_several_outputs_bear_their_names(rng):
    x = Input(3)
    model = Model(x, [Dense(2, name="a")(x), Dense(2, name="b")(x)])
    model.compile("sgd", "softmax_cross_entropy", ["accuracy"])
    y = rng.integers(0, 2, 20)
    numbers = model.evaluate(rng.normal(size=(20, 3)), [y, y])
    assert set(numbers) == {"loss", "a_accuracy", "b_accuracy"}
    weighted = model.fit(rng.normal(size=(20, 3)), [y, y], sample_weight=np.ones(20), batch_size=20, progress=False)
    assert np.isfinite(weighted["loss"][0])


def test_metrics_that_are_no_means_see_all_samples_of_their_output(rng):
    x = Input(3)
    model = Model(x, [Dense(1, rng=0, name="a")(x), Dense(1, rng=1, name="b")(x)])
    model.compile("sgd", "mse", ["r2"])
    data, targets = rng.normal(size=(20, 3)), [rng.normal(size=(20, 1)) for _ in range(2)]
    numbers = model.evaluate(data, targets, batch_size=7)
    for name, out, y in zip("ab", model.predict(data), targets, strict=True):
        expected = 1 - np.sum((out - y) ** 2) / np.sum((y - y.mean()) ** 2)
        assert numbers[f"{name}_r2"] == pytest.approx(expected, rel=1e-12)


def test_lists_and_masks_are_wired_as_well(rng):
    a, b, real = Input((4, 3)), Input((4, 3)), Input(4, dtype=bool, name="real")
    out = GRU(5, rng=0)(Add()([a, b]), mask=real)
    model = Model([a, b, real], out)
    x, y = rng.normal(size=(2, 6, 4, 3))
    mask = np.arange(4) < np.array([1, 2, 3, 4, 4, 4])[:, None]
    np.testing.assert_array_equal(model(x, y, mask).data, model.layers[1](x + y, mask=mask).data)
    assert model.predict([x, y, mask]).shape == (6, 5)


def test_a_shared_layer_counts_once_and_collects_both_gradients(rng):
    a, b = Input(3), Input(3)
    shared = Dense(2, activation="tanh", rng=0)
    model = Model([a, b], Add()(shared(a), shared(b)))
    assert model.n_parameters == 8
    x, y = rng.normal(size=(2, 4, 3))
    model(x, y).sum().backward()
    together = shared.weight.grad
    model.zero_grad()
    (shared(x).sum() + shared(y).sum()).backward()
    np.testing.assert_allclose(together, shared.weight.grad, rtol=1e-13)
    rows = model.summary().rows
    assert [(row.kind, row.parameters, len(row.shapes)) for row in rows] == [("Dense", 8, 2), ("Add", 0, 1)]
    assert "(None, 2) × 2" in str(model.summary())


def test_numpy_and_operators_wire_too(rng):
    x = Input((3, 4))
    y = np.concatenate([np.tanh(x), 2.0 * x[:, ::-1] - x / 3.0, -x, x**2], axis=-1)
    model = Model(x, np.mean(y, axis=1) @ np.ones((16, 2)))
    data = rng.normal(size=(5, 3, 4))
    parts = [np.tanh(data), 2 * data[:, ::-1] - data / 3, -data, data**2]
    expected = np.concatenate(parts, axis=-1).mean(axis=1) @ np.ones((16, 2))
    np.testing.assert_allclose(model(Value(data)).data, expected, rtol=1e-13)
    assert y.shape == (None, 3, 16)


def test_an_open_length_stays_open(rng):
    tokens = Input((None,), dtype=int)
    x = MultiHeadAttention(8, 2, causal=True, rng=0)(Embedding(11, 8, rng=0)(tokens))
    model = Model(tokens, GRU(5, rng=0)(x))
    assert x.shape == (None, None, 8)
    for length in (1, 4, 9):
        assert model(rng.integers(0, 11, (2, length))).shape == (2, 5)
    assert "(None, None, 8)" in str(model.summary())


def test_a_model_is_a_layer_of_another(rng):
    x = Input(4)
    inner = Model(x, Dense(3, rng=0)(x), name="inner")
    outer_in = Input(4)
    outer = Model(outer_in, inner(outer_in) * 2.0)
    data = rng.normal(size=(2, 4))
    out = outer(data)
    np.testing.assert_array_equal(out.data, 2 * inner(data).data)
    assert outer.n_parameters == 15
    assert outer.layers == [inner]
    assert out.parents[0].scope.path == "model/inner/layer0"


def test_wiring_leaves_no_trace_in_running_statistics_or_generators():
    x = Input(3)
    norm, drop = BatchNorm1d(), Dropout(0.5, rng=0)
    Model(x, drop(norm(x)))
    np.testing.assert_array_equal(norm.running_mean.data, np.zeros(3))
    assert drop.rng.random() == np.random.default_rng(0).random()
    assert norm.training
    assert drop.training


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x, y: Model(x, Dense(2)(y)), ArgumentError, "not among the inputs"),
        (lambda x, y: Model(x, y), ArgumentError, "not among the inputs"),
        (lambda x, y: Model(Dense(2)(x), x), ArgumentError, r"must be what Input\(...\) gave"),
        (lambda x, y: Model(x, 3.0), ArgumentError, "outputs must be what Input"),
        (lambda x, y: Model([], x), ArgumentError, "inputs must be what Input"),
        (lambda x, y: Input((3, 0)), ArgumentError, "whole numbers or None"),
        (lambda x, y: Model(x, x * 1.0)(np.ones((2, 4))), ShapeError, r"expected input0 of shape \(batch, 3\), got"),
        (lambda x, y: Model([x, y], x + y)(np.ones((2, 3))), ShapeError, r"2 inputs \(input0, input1\), got 1"),
        (lambda x, y: Model(x, x * 1.0)({"z": 1}), ArgumentError, "by the names input0, got z"),
        (lambda x, y: list(x), TypeError, "length is not known"),
        (lambda x, y: Dense(4, 2)(x), ShapeError, r"expected an input of shape \(..., 4\), got \(2, 3\)"),
    ],
)
def test_a_wrong_wiring_is_refused_where_it_is_written(make, error, message):
    with pytest.raises(error, match=message):
        make(Input(3), Input(3))


def test_a_thousand_layers_deep_is_no_recursion():
    x = y = Input(2)
    for _ in range(1500):
        y = y * 1.0
    np.testing.assert_array_equal(Model(x, y)(np.ones((1, 2))), np.ones((1, 2)))


# -- subclasses


class Twice(Model):
    def __init__(self):
        super().__init__()
        self.first = Dense(4, activation="tanh", rng=0)
        self.head = Dense(3, rng=1)

    def forward(self, x):
        return self.head(self.first(x))


def test_a_subclass_compiles_fits_and_sums_up():
    points, labels = blobs(90, noise=0.5, centers=[[0, 0], [4, 0], [0, 4]], rng=1)
    model = Twice()
    model.compile(partial(Adam, lr=0.05), "softmax_cross_entropy")
    history = model.fit(points, labels, epochs=10, rng=0, progress=False)
    assert history["accuracy"][-1] > 0.95
    assert [(row.name, row.shapes) for row in model.summary().rows] == [("first", ((None, 4),)), ("head", ((None, 3),))]
    assert model.summary().parameters == 4 * 3 + 15


def test_a_subclass_of_several_inputs_takes_a_tuple(rng):
    class Distance(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(2, rng=0)

        def forward(self, a, b):
            return np.sum((self.dense(a) - self.dense(b)) ** 2, axis=-1)

    a, b = rng.normal(size=(2, 30, 3))
    model = Distance()
    model.compile(partial(SGD, lr=0.01), "mse")
    history = model.fit((a, b), np.zeros(30), epochs=5, rng=0, progress=False)
    assert history["loss"][-1] < history["loss"][0]
    assert model.predict((a, b)).shape == (30,)
    assert model.summary().rows[0].shapes == ((None, 2), (None, 2))


def test_parameters_of_the_model_itself_are_in_the_summary():
    from tinygrad_edu.nn import Parameter

    class Shifted(Model):
        def __init__(self):
            super().__init__()
            self.shift, self.dense = Parameter(np.zeros(3)), Dense(2, 3, rng=0)

        def forward(self, x):
            return self.dense(x) + self.shift

    summary = Shifted().summary((2,))
    assert [(row.name, row.parameters) for row in summary.rows] == [("dense", 9), ("(own)", 3)]
    assert summary.parameters == 12


def test_a_model_that_begins_with_an_embedding_sums_up_before_and_after_a_call(rng):
    def make():
        return Sequential(Embedding(9, 4, rng=0), GRU(3, rng=0))

    called = make()
    called(rng.integers(0, 9, (2, 5)))
    assert str(called.summary()) == str(make().summary((5,)))
    assert called.summary().rows[0].shapes == ((None, 5, 4),)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_optimizer_is_known_by_name(name):
    model = small()
    model.compile(name, "softmax_cross_entropy")
    history = model.fit(*xor(40, noise=0.1, rng=0), epochs=2, rng=0, progress=False)
    assert history["loss"][1] < history["loss"][0]


def test_summary_leaves_the_model_as_it_was():
    model = Twice()
    model.summary((2,))
    assert "forward" not in vars(model.first)
    assert model.training
    assert model.first.in_features == 2
