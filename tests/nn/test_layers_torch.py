"""Every layer that PyTorch has gives what PyTorch gives, in float64: outputs and all gradients."""

import numpy as np
import pytest

from tests.nn.beside_torch import TOLERANCE, compare, normal, take, tensor, torch
from tinygrad_edu.nn import (
    ELU,
    GELU,
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
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
    ZeroPad2d,
    to_channel_first,
    to_channel_last,
    weight_to_channel_last,
)

pytestmark = pytest.mark.slow
nn = torch.nn


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
