"""The same numbers and gradients as PyTorch, in float64, where PyTorch has the operation."""

import numpy as np
import pytest

import tinygrad_edu.ops.activation as act
from tinygrad_edu import Value
from tinygrad_edu.ops.cumulative import cummax, cummin
from tinygrad_edu.ops.indexing import at_add

pytestmark = pytest.mark.slow

X = np.random.default_rng(3).permutation(np.linspace(-1.9, 2.1, 24)).reshape(2, 3, 4)


def both(pattern, names):
    """The same call for NumPy and for PyTorch."""
    return [(f"np.{pattern.format(name)}", f"torch.{pattern.format(name)}") for name in names.split()]


# Ours, then PyTorch's; `p` is positive. Text, so that PyTorch is not loaded before a test runs.
UNARY = [
    *both("{}(x)", "sin cos tanh exp expm1 exp2 arctan arcsinh square sinc abs sinh cosh deg2rad"),
    *both("{}(p)", "sqrt log log1p log2 log10 reciprocal"),
    *both("{}(x / 3)", "arcsin arccos arctanh tan"),
    *both("{}(p + 1)", "arccosh"),
    *(
        (f"act.{name}(x)", f"F.{name}(x)")
        for name in ("relu", "softplus", "silu", "mish", "elu", "selu", "leaky_relu", "softsign")
    ),
    ("act.sigmoid(x)", "torch.sigmoid(x)"),
    ("act.hard_sigmoid(2 * x)", "torch.clamp(x / 3 + 0.5, 0, 1)"),  # PyTorch's own has a 1/6 in float32
    ("act.hard_tanh(x)", "F.hardtanh(x)"),
    ("act.log_sigmoid(x)", "F.logsigmoid(x)"),
    ("act.softmax(x, 1)", "F.softmax(x, 1)"),
    ("act.log_softmax(x, 1)", "F.log_softmax(x, 1)"),
    ("act.logsumexp(x, (0, 2))", "torch.logsumexp(x, (0, 2))"),
]
BINARY = [
    *both(
        "{}(x, y)",
        "add subtract multiply divide arctan2 hypot logaddexp logaddexp2 maximum minimum fmax fmin remainder fmod "
        "copysign",
    ),
    ("np.power(np.abs(x), y)", "torch.pow(torch.abs(x), y)"),
    ("np.where(x > y, x * y, y)", "torch.where(x > y, x * y, y)"),
    ("np.clip(x, -y, y)", "torch.clip(x, -y, y)"),
]
ARRAYS = [
    ("np.sum(x, (0, 2))", "torch.sum(x, (0, 2))"),
    ("np.mean(x, 1)", "torch.mean(x, 1)"),
    ("np.prod(x, 1)", "torch.prod(x, 1)"),
    ("np.prod(x * (np.abs(x.data) > 0.2), 1)", "torch.prod(x * (torch.abs(x) > 0.2), 1)"),
    ("np.var(x, 2, ddof=1)", "torch.var(x, 2)"),
    ("np.std(x, 2, ddof=1)", "torch.std(x, 2)"),
    ("np.max(x, (1, 2))", "torch.amax(x, (1, 2))"),
    ("np.max(np.round(x.data) + 0 * x, (0, 1))", "torch.amax(torch.round(x.detach()) + 0 * x, (0, 1))"),
    ("np.min(x)", "torch.min(x)"),
    ("np.cumsum(x, 1)", "torch.cumsum(x, 1)"),
    ("np.cumprod(x, 1)", "torch.cumprod(x, 1)"),
    ("np.cumprod(x * (np.abs(x.data) > 0.5), 2)", "torch.cumprod(x * (torch.abs(x) > 0.5), 2)"),
    ("cummax(x, 1)", "torch.cummax(x, 1)[0]"),
    ("cummin(x, 2)", "torch.cummin(x, 2)[0]"),
    ("np.sort(x, 1)", "torch.sort(x, 1)[0]"),
    ("np.quantile(x, 0.3, 2)", "torch.quantile(x, 0.3, 2)"),
    ("np.nanmedian(x, 1)", "torch.nanmedian(x, 1)[0]"),
    ("np.nansum(x, 1)", "torch.nansum(x, 1)"),
    ("np.roll(x, (1, 2), (0, 1))", "torch.roll(x, (1, 2), (0, 1))"),
    ("np.flip(x, (0, 2))", "torch.flip(x, (0, 2))"),
    ("np.rot90(x, 1, (1, 2))", "torch.rot90(x, 1, (1, 2))"),
    ("np.tile(x, (2, 1, 3))", "torch.tile(x, (2, 1, 3))"),
    ("np.repeat(x, 3, 1)", "torch.repeat_interleave(x, 3, 1)"),
    ("np.tril(x)", "torch.tril(x)"),
    ("np.diagonal(x, 1, 1, 2)", "torch.diagonal(x, 1, 1, 2)"),
    ("np.diff(x, 2)", "torch.diff(x, 2)"),
    ("np.trapezoid(x)", "torch.trapezoid(x)"),
    ("np.stack(np.gradient(x, axis=(1, 2)))", "torch.stack(torch.gradient(x, dim=(1, 2)))"),
    ("np.pad(x, 1, 'edge')", "F.pad(x[None], (1,) * 6, 'replicate')[0]"),
    ("np.pad(x, 1, 'reflect')", "F.pad(x[None], (1,) * 6, 'reflect')[0]"),
    ("np.pad(x, 1, 'wrap')", "F.pad(x[None], (1,) * 6, 'circular')[0]"),
    ("x[:, [0, 0, 2], 1:]", "x[:, [0, 0, 2], 1:]"),
    ("np.cov(x[0])", "torch.cov(x[0])"),
    ("np.corrcoef(x[1])", "torch.corrcoef(x[1])"),
    (
        "at_add(x, ([0, 0, 1], [1, 1, 2]), 2.0 * x[:1, 0])",
        "torch.index_put(x, (torch.tensor([0, 0, 1]), torch.tensor([1, 1, 2])), 2.0 * x[:1, 0], accumulate=True)",
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), [*UNARY, *BINARY, *ARRAYS])
def test_numbers_and_gradients_agree_with_pytorch(ours, theirs):
    torch = pytest.importorskip("torch")
    arrays = {"x": X, "y": np.cos(7 * X[1]) + 1.3, "p": np.abs(X) + 0.1}
    values = {name: Value(x) for name, x in arrays.items()}
    tensors = {name: torch.tensor(x, requires_grad=True) for name, x in arrays.items()}
    names = {"np": np, "act": act, "cummax": cummax, "cummin": cummin, "at_add": at_add}
    result = eval(ours, names, values)
    expected = eval(theirs, {"torch": torch, "F": torch.nn.functional}, tensors)
    np.testing.assert_allclose(result.data, expected.detach().numpy(), rtol=1e-11, atol=1e-12)
    weights = np.cos(np.arange(result.size)).reshape(result.shape)
    (result * weights).sum().backward()
    (expected * torch.tensor(weights)).sum().backward()
    for name, value in values.items():
        of_value = np.zeros(value.shape) if value.grad is None else value.grad
        of_tensor = np.zeros(value.shape) if tensors[name].grad is None else tensors[name].grad.numpy()
        np.testing.assert_allclose(of_value, of_tensor, rtol=1e-10, atol=1e-11, err_msg=name)
