"""Every layer that PyTorch has gives what PyTorch gives, in float64: outputs and all gradients."""

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.nn import (
    ELU,
    GELU,
    GRU,
    LSTM,
    SELU,
    AvgPool1d,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    ConvTranspose1d,
    ConvTranspose2d,
    Dense,
    ElmanRNN,
    Embedding,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    HardSigmoid,
    HardSwish,
    HardTanh,
    LayerNorm,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    MaxPool1d,
    MaxPool2d,
    Mish,
    MultiHeadAttention,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
    TransformerBlock,
    ZeroPad2d,
    to_channel_first,
    to_channel_last,
    weight_to_channel_last,
)

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")
nn = torch.nn
TOLERANCE = 1e-10


def tensor(array, grad=False):
    return torch.tensor(np.array(array), requires_grad=grad)


def take(parameter, array):
    """Our parameter gets the numbers of PyTorch's, in our layout."""
    assert parameter.shape == array.shape
    parameter.data[...] = array


def compare(ours, theirs, inputs, pairs, to_theirs=lambda x: x, to_ours=lambda x: x, call=None, results=None):
    """The largest deviation, of outputs, gradients of inputs and of parameters.

    `pairs` is a list of (our parameter, function of a getter that reads PyTorch's numbers or gradients).
    """
    rng = np.random.default_rng(1)
    theirs = theirs.double()
    values = [Value(x) for x in inputs]
    tensors = [tensor(to_theirs(x), grad=True) for x in inputs]
    if ours._recipe is not None:
        ours(*values)  # lazy layers make their parameters
    for module in theirs.parameters():
        with torch.no_grad():
            module += torch.tensor(rng.normal(scale=0.1, size=tuple(module.shape)))
    for name, read in pairs.items():
        take(dict(ours.named_parameters())[name], read(lambda t: t.detach().numpy()))
    assert set(pairs) == {name for name, _ in ours.named_parameters()}
    out, expected = (call or (lambda f, xs: f(*xs)))(ours, values), (results or (lambda f, xs: f(*xs)))(theirs, tensors)
    outs = out if isinstance(out, (tuple, list)) else [out]
    expecteds = expected if isinstance(expected, (tuple, list)) else [expected]
    weights = [rng.normal(size=one.shape) for one in outs]
    total = sum((one * weight).sum() for one, weight in zip(outs, weights, strict=True))
    total.backward()
    shaped = [tensor(to_theirs(w)) if w.ndim == inputs[0].ndim else tensor(w) for w in weights]
    sum((one * weight).sum() for one, weight in zip(expecteds, shaped, strict=True)).backward()

    def back(array):
        return to_ours(array) if array.ndim == inputs[0].ndim else array

    deviations = [np.abs(a.data - back(b.detach().numpy())).max() for a, b in zip(outs, expecteds, strict=True)]
    deviations += [np.abs(a.grad - to_ours(b.grad.numpy())).max() for a, b in zip(values, tensors, strict=True)]
    named = dict(ours.named_parameters())
    deviations += [np.abs(named[name].grad - read(lambda t: t.grad.numpy())).max() for name, read in pairs.items()]
    assert np.isfinite(deviations).all()
    assert max(deviations) < TOLERANCE, deviations
    print(f"max deviation {max(deviations):.1e}")  # shown by pytest -rP
    return max(deviations)


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape)


class Plain(nn.Module):
    """A function as a module. (nn.Hardsigmoid differentiates with 1/6 in float32, also in float64.)"""

    def __init__(self, name, function):
        super().__init__()
        self.name, self.forward = name, function

    def __repr__(self):
        return self.name


ENTRYWISE = [
    (ReLU(), nn.ReLU()),
    (LeakyReLU(0.2), nn.LeakyReLU(0.2)),
    (LeakyReLU(), nn.LeakyReLU()),
    (ReLU6(), nn.ReLU6()),
    (ELU(0.7), nn.ELU(0.7)),
    (SELU(), nn.SELU()),
    (GELU(), nn.GELU()),
    (GELU("tanh"), nn.GELU("tanh")),
    (SiLU(), nn.SiLU()),
    (Mish(), nn.Mish()),
    (Sigmoid(), nn.Sigmoid()),
    (LogSigmoid(), nn.LogSigmoid()),
    (Tanh(), nn.Tanh()),
    (Softplus(), nn.Softplus(threshold=1000)),
    (Softsign(), nn.Softsign()),
    (HardTanh(), nn.Hardtanh()),
    (HardSigmoid(), Plain("Hardsigmoid", lambda x: torch.clamp(x / 6 + 0.5, 0, 1))),
    (HardSwish(), Plain("Hardswish", lambda x: x * torch.clamp(x / 6 + 0.5, 0, 1))),
    (Softmax(), nn.Softmax(-1)),
    (Softmax(axis=0), nn.Softmax(0)),
    (LogSoftmax(), nn.LogSoftmax(-1)),
    (Flatten(), nn.Flatten()),
]


@pytest.mark.parametrize(("ours", "theirs"), ENTRYWISE, ids=lambda layer: repr(layer))
def test_layers_without_parameters(ours, theirs):
    compare(ours, theirs, [4 * normal(5, 3, 7)], {})


@pytest.mark.parametrize("features", [1, 3])
def test_prelu(features):
    theirs = nn.PReLU(features)
    pairs = {"weight": lambda get: get(theirs.weight)}
    compare(PReLU(features), theirs, [normal(4, 5, 3)], pairs, to_channel_first, to_channel_last)


@pytest.mark.parametrize("bias", [True, False])
def test_dense(bias):
    theirs = nn.Linear(5, 3, bias=bias)
    pairs = {"weight": lambda get: get(theirs.weight).T}
    if bias:
        pairs["bias"] = lambda get: get(theirs.bias)
    compare(Dense(3, bias=bias), theirs, [normal(2, 4, 5)], pairs)


def conv_pairs(theirs, transposed=False):
    pairs = {"weight": lambda get: weight_to_channel_last(get(theirs.weight), transposed)}
    if theirs.bias is not None:
        pairs["bias"] = lambda get: get(theirs.bias)
    return pairs


@pytest.mark.parametrize("options", [
    {},
    {"stride": 2, "padding": 1},
    {"stride": (2, 1), "padding": (0, 2), "dilation": (1, 2)},
    {"padding": "same", "dilation": 2},
    {"groups": 2, "bias": False},
    {"groups": 4, "padding": 1},
])  # fmt: skip
def test_conv2d(options):
    theirs = nn.Conv2d(4, 8, (3, 2), **options)
    ours = Conv2d(8, (3, 2), **options)
    compare(ours, theirs, [normal(2, 7, 8, 4)], conv_pairs(theirs), to_channel_first, to_channel_last)


@pytest.mark.parametrize(
    "options", [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "groups": 2}, {"padding": "same"}]
)
def test_conv1d(options):
    theirs = nn.Conv1d(4, 6, 3, **options)
    compare(Conv1d(6, 3, **options), theirs, [normal(2, 9, 4)], conv_pairs(theirs), to_channel_first, to_channel_last)


@pytest.mark.parametrize("options", [
    {},
    {"stride": 2, "padding": 1, "output_padding": 1},
    {"stride": (3, 2), "padding": (1, 0), "output_padding": (2, 1)},
    {"dilation": 2, "bias": False},
    {"stride": 2, "groups": 2},
])  # fmt: skip
def test_conv_transpose2d(options):
    theirs = nn.ConvTranspose2d(4, 6, (3, 2), **options)
    ours = ConvTranspose2d(6, (3, 2), **options)
    compare(ours, theirs, [normal(2, 4, 5, 4)], conv_pairs(theirs, transposed=True), to_channel_first, to_channel_last)


@pytest.mark.parametrize(
    "options", [{}, {"stride": 2, "padding": 1, "output_padding": 1}, {"dilation": 2, "groups": 2}]
)
def test_conv_transpose1d(options):
    theirs = nn.ConvTranspose1d(4, 6, 3, **options)
    ours = ConvTranspose1d(6, 3, **options)
    compare(ours, theirs, [normal(2, 5, 4)], conv_pairs(theirs, transposed=True), to_channel_first, to_channel_last)


POOLS = [
    (MaxPool2d(2), nn.MaxPool2d(2)),
    (MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0)), nn.MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0))),
    (MaxPool2d(2, stride=1, dilation=2), nn.MaxPool2d(2, stride=1, dilation=2)),
    (AvgPool2d(2), nn.AvgPool2d(2)),
    (AvgPool2d(3, stride=2, padding=1), nn.AvgPool2d(3, stride=2, padding=1)),
    (AvgPool2d(3, 2, 1, count_include_pad=False), nn.AvgPool2d(3, 2, 1, count_include_pad=False)),
    (ZeroPad2d(((1, 2), (0, 3))), nn.ZeroPad2d((0, 3, 1, 2))),
    (GlobalAvgPool(), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())),
    (GlobalMaxPool(), nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten())),
]


@pytest.mark.parametrize(("ours", "theirs"), POOLS, ids=lambda layer: repr(layer)[:50])
def test_pooling_and_padding(ours, theirs):
    compare(ours, theirs, [normal(2, 7, 8, 3)], {}, to_channel_first, to_channel_last)


SEQUENCE_POOLS = [
    (MaxPool1d(2), nn.MaxPool1d(2)),
    (MaxPool1d(3, stride=2, padding=1), nn.MaxPool1d(3, stride=2, padding=1)),
    (MaxPool1d(2, stride=1, dilation=3), nn.MaxPool1d(2, stride=1, dilation=3)),
    (AvgPool1d(2), nn.AvgPool1d(2)),
    (AvgPool1d(3, stride=2, padding=1), nn.AvgPool1d(3, stride=2, padding=1)),
    (AvgPool1d(3, 1, 1, count_include_pad=False), nn.AvgPool1d(3, 1, 1, count_include_pad=False)),
]


@pytest.mark.parametrize(("ours", "theirs"), SEQUENCE_POOLS, ids=lambda layer: repr(layer)[:50])
def test_pooling_of_sequences(ours, theirs):
    compare(ours, theirs, [normal(2, 9, 3)], {}, to_channel_first, to_channel_last)


@pytest.mark.parametrize("options", [{}, {"momentum": 0.3, "eps": 1e-3}, {"momentum": None}, {"affine": False}])
@pytest.mark.parametrize("shape", [(6, 3), (4, 5, 3), (4, 3, 2, 3)])
def test_batch_norm_in_training_and_its_running_statistics(shape, options):
    images = len(shape) == 4
    ours = (BatchNorm2d if images else BatchNorm1d)(**options)
    theirs = (nn.BatchNorm2d if images else nn.BatchNorm1d)(3, **options)
    pairs = {} if options.get("affine") is False else {
        "weight": lambda get: get(theirs.weight), "bias": lambda get: get(theirs.bias),
    }  # fmt: skip
    first, last = (to_channel_first, to_channel_last) if len(shape) > 2 else (lambda x: x, lambda x: x)
    ours(3 * normal(*shape))
    with torch.no_grad():
        theirs.double()(tensor(first(3 * normal(*shape))))
    compare(ours, theirs, [normal(*shape)], pairs, first, last)
    np.testing.assert_allclose(ours.running_mean.data, theirs.running_mean.numpy(), rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(ours.running_var.data, theirs.running_var.numpy(), rtol=0, atol=TOLERANCE)
    compare(ours.eval(), theirs.eval(), [2 * normal(*shape) + 1], pairs, first, last)


@pytest.mark.parametrize(
    ("ours", "shape"), [(LayerNorm(), 5), (LayerNorm((3, 5), eps=1e-3), (3, 5)), (LayerNorm(5, affine=False), 5)]
)
def test_layer_norm(ours, shape):
    theirs = nn.LayerNorm(shape, eps=ours.eps, elementwise_affine=ours.affine)
    pairs = {"weight": lambda get: get(theirs.weight), "bias": lambda get: get(theirs.bias)} if ours.affine else {}
    compare(ours, theirs, [normal(4, 3, 5)], pairs)


@pytest.mark.parametrize("padding", [None, 2])
def test_embedding(padding):
    theirs, ours = nn.Embedding(6, 3, padding_idx=padding).double(), Embedding(6, 3, padding_index=padding)
    take(ours.weight, theirs.weight.detach().numpy())
    indices, weights = np.array([[0, 2, 2], [5, 2, 0]]), normal(2, 3, 3)
    out, expected = ours(indices), theirs(tensor(indices))
    (out * weights).sum().backward()
    (expected * tensor(weights)).sum().backward()
    np.testing.assert_allclose(out.data, expected.detach().numpy(), rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(ours.weight.grad, theirs.weight.grad.numpy(), rtol=0, atol=TOLERANCE)


class OneBias:
    """Reads PyTorch's two biases as our one: numbers are added, gradients are equal already."""

    def __init__(self, theirs, way, n):
        self.ih, self.hh = (getattr(theirs, f"bias_{kind}_{way}") for kind in ("ih", "hh"))
        self.gru, self.n = isinstance(theirs, nn.GRU), n

    def __call__(self, get):
        one, two = get(self.ih), get(self.hh)
        if not np.shares_memory(one, self.ih.detach().numpy()):
            return one
        return np.concatenate([(one + two)[: 2 * self.n], one[2 * self.n :]]) if self.gru else one + two


def recurrent_pairs(theirs, ours):
    """The cells of ours from the layers and directions of PyTorch's; a GRU has one more bias, of its new state."""
    pairs, n = {}, ours.hidden_size
    sides = ["", "_reverse"] if ours.bidirectional else [""]
    for k, way in enumerate(f"l{layer}{side}" for layer in range(ours.num_layers) for side in sides):
        pairs[f"cells.{k}.weight_input"] = lambda get, way=way: get(getattr(theirs, f"weight_ih_{way}")).T
        pairs[f"cells.{k}.weight_hidden"] = lambda get, way=way: get(getattr(theirs, f"weight_hh_{way}")).T
        if theirs.bias:
            pairs[f"cells.{k}.bias"] = OneBias(theirs, way, n)
        if theirs.bias and isinstance(theirs, nn.GRU):
            pairs[f"cells.{k}.bias_hidden"] = lambda get, way=way: get(getattr(theirs, f"bias_hh_{way}"))[2 * n :]
    return pairs


RECURRENT = [
    (ElmanRNN, nn.RNN, {}, {}),
    (ElmanRNN, nn.RNN, {"activation": "relu"}, {"nonlinearity": "relu"}),
    (LSTM, nn.LSTM, {}, {}),
    (GRU, nn.GRU, {}, {}),
]
COMMON = [
    {},
    {"num_layers": 2},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True},
    {"bias": False},
]


@pytest.mark.parametrize("options", COMMON, ids=repr)
@pytest.mark.parametrize(("ours", "theirs", "mine", "other"), RECURRENT, ids=["RNN", "RNN-relu", "LSTM", "GRU"])
def test_recurrent_layers_with_all_steps_states_and_masks(ours, theirs, mine, other, options):
    rng = np.random.default_rng(3)
    batch, time, features, hidden = 3, 5, 4, 6
    layer = ours(hidden, in_features=features, return_sequences=True, return_state=True, rng=0, **mine, **options)
    twin = theirs(features, hidden, batch_first=True, **other, **options).double()
    cells = len(layer.cells)
    states = [rng.normal(size=(cells, batch, hidden)) for _ in range(2 if ours is LSTM else 1)]
    lengths = np.array([5, 2, 4])
    pair = ours is LSTM

    def we(mask):
        def call(f, xs):
            out, last = f(xs[0], state=tuple(xs[1:]) if pair else xs[1], mask=mask)
            return [out, *(last if pair else [last])]

        return call

    def they(f, ts):
        out, last = f(ts[0], tuple(ts[1:]) if pair else ts[1])
        return [out, *(last if pair else [last])]

    def they_packed(f, ts):
        packed = nn.utils.rnn.pack_padded_sequence(ts[0], torch.tensor(lengths), batch_first=True, enforce_sorted=False)
        out, *last = they(f, [packed, *ts[1:]])
        return [nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=time)[0], *last]

    inputs = [rng.normal(size=(batch, time, features)), *states]
    pairs = recurrent_pairs(twin, layer)
    for call, results in ((we(None), they), (we(np.arange(time) < lengths[:, None]), they_packed)):
        twin.zero_grad(set_to_none=True)
        layer.zero_grad()
        compare(layer, twin, inputs, pairs, call=call, results=results)


@pytest.mark.parametrize(("ours", "theirs", "mine", "other"), RECURRENT, ids=["RNN", "RNN-relu", "LSTM", "GRU"])
def test_dropout_acts_between_layers_and_not_behind_the_last(ours, theirs, mine, other):
    options = {"num_layers": 3, "bidirectional": True}
    everything = np.nextafter(1.0, 0.0)  # what is drawn differs from PyTorch's, unless all is dropped
    layer = ours(3, in_features=2, return_sequences=True, rng=0, dropout=everything, **mine, **options)
    twin = theirs(2, 3, batch_first=True, dropout=1.0, **other, **options).double()
    pairs, outputs = recurrent_pairs(twin, layer), lambda f, ts: f(ts[0])[0]
    compare(layer, twin, [normal(2, 4, 2)], pairs, results=outputs)
    layer.zero_grad()
    twin.zero_grad()
    compare(layer.eval(), twin.eval(), [normal(2, 4, 2)], pairs, results=outputs)


def test_the_last_output_of_a_long_sequence_goes_through_many_steps():
    layer, twin = LSTM(3, in_features=2, rng=0), nn.LSTM(2, 3, batch_first=True).double()
    compare(
        layer, twin, [normal(2, 40, 2)], recurrent_pairs(twin, layer),
        results=lambda f, ts: f(ts[0])[0][:, -1],
    )  # fmt: skip


def attention_pairs(theirs, prefix=""):
    """Dense layers from the fused (or separate) projections of nn.MultiheadAttention."""
    pairs = {f"{prefix}out.weight": lambda get: get(theirs.out_proj.weight).T}
    apart = (theirs.q_proj_weight, theirs.k_proj_weight, theirs.v_proj_weight)
    for i, name in enumerate(("query", "key", "value")):
        if theirs.in_proj_weight is None:
            pairs[f"{prefix}{name}.weight"] = lambda get, i=i: get(apart[i]).T
        else:
            pairs[f"{prefix}{name}.weight"] = lambda get, i=i: np.split(get(theirs.in_proj_weight), 3)[i].T
        if theirs.in_proj_bias is not None:
            pairs[f"{prefix}{name}.bias"] = lambda get, i=i: np.split(get(theirs.in_proj_bias), 3)[i]
    if theirs.out_proj.bias is not None:
        pairs[f"{prefix}out.bias"] = lambda get: get(theirs.out_proj.bias)
    return pairs


def test_self_attention_with_weights():
    theirs = nn.MultiheadAttention(6, 3, batch_first=True)
    compare(
        MultiHeadAttention(6, 3), theirs, [normal(2, 4, 6)], attention_pairs(theirs),
        call=lambda f, xs: f(xs[0], return_weights=True),
        results=lambda f, ts: f(ts[0], ts[0], ts[0], average_attn_weights=False),
    )  # fmt: skip


def test_causal_attention_without_bias():
    theirs = nn.MultiheadAttention(6, 2, bias=False, batch_first=True)
    late = torch.ones(4, 4, dtype=torch.bool).triu(1)
    compare(
        MultiHeadAttention(6, 2, causal=True, bias=False), theirs, [normal(2, 4, 6)], attention_pairs(theirs),
        results=lambda f, ts: f(ts[0], ts[0], ts[0], attn_mask=late)[0],
    )  # fmt: skip


def test_cross_attention_with_padded_keys_of_other_widths():
    theirs = nn.MultiheadAttention(6, 2, kdim=5, vdim=4, batch_first=True)
    real = np.array([[True, True, False], [True, False, False]])
    compare(
        MultiHeadAttention(6, 2, key_features=5, value_features=4), theirs,
        [normal(2, 4, 6), normal(2, 3, 5), normal(2, 3, 4)], attention_pairs(theirs),
        call=lambda f, xs: f(*xs, mask=real),
        results=lambda f, ts: f(*ts, key_padding_mask=tensor(~real))[0],
    )  # fmt: skip


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_transformer_block(norm_first, activation):
    theirs = nn.TransformerEncoderLayer(6, 2, 9, 0.0, activation, 1e-5, batch_first=True, norm_first=norm_first)
    ours = TransformerBlock(6, 2, hidden=9, activation=activation, norm_first=norm_first)
    pairs = attention_pairs(theirs.self_attn, "attention.")
    for mine, other in (("expand", theirs.linear1), ("contract", theirs.linear2)):
        pairs[f"{mine}.weight"] = lambda get, other=other: get(other.weight).T
        pairs[f"{mine}.bias"] = lambda get, other=other: get(other.bias)
    for mine, other in (("norm1", theirs.norm1), ("norm2", theirs.norm2)):
        pairs[f"{mine}.weight"] = lambda get, other=other: get(other.weight)
        pairs[f"{mine}.bias"] = lambda get, other=other: get(other.bias)
    real = np.array([[True, True, True, False], [True, True, False, False]])
    compare(
        ours, theirs, [normal(2, 4, 6)], pairs,
        call=lambda f, xs: f(xs[0], mask=real), results=lambda f, ts: f(ts[0], src_key_padding_mask=tensor(~real)),
    )  # fmt: skip
