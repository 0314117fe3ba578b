"""Steps that go image by image as one kernel: networks give what they give step by step, and order is kept."""

import numpy as np
import pytest

import tinygrad_edu
from tests.compiler.test_compiled_battery import close
from tinygrad_edu import Value

pytest.importorskip("numba")
from tinygrad_edu.compiler import blas
from tinygrad_edu.compiler.code import Code, Part
from tinygrad_edu.compiler.kernels import call, groups, products, threads
from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.op import REGISTRY


def conv(x, w, **options):
    return tinygrad_edu.conv2d(x, w, padding="same", **options)


def layer(x, w, b, v):
    """A convolution with bias, ReLU and pool."""
    return np.sum(tinygrad_edu.max_pool2d(tinygrad_edu.relu(conv(x, w) + b), 2) ** 2)


def plain(x, w, b, v):
    """As in a network: two convolutions, each with bias, ReLU and pool."""
    y = tinygrad_edu.max_pool2d(tinygrad_edu.relu(conv(x, w) + b), 2)
    return np.sum(tinygrad_edu.max_pool2d(tinygrad_edu.relu(conv(y, v)), 2, stride=1) ** 2)


def residual(x, w, b, v):
    """A result that is read twice, once inside of the kernel and once after it."""
    y = tinygrad_edu.relu(conv(x, w) + b)
    z = y + np.tanh(conv(y, v))
    return np.sum(z * z) + np.sum(np.exp(-y))


def normalised(x, w, b, v):
    """Sums over the whole batch between two convolutions: they cannot be one kernel."""
    y = conv(x, w)
    y = (y - np.mean(y, axis=(0, 1, 2))) / np.sqrt(np.var(y, axis=(0, 1, 2)) + 1.0) + b
    return np.sum(tinygrad_edu.relu(conv(tinygrad_edu.relu(y), v, stride=2)))


def scaled_by_a_sum(x, w, b, v):
    """A sum of channels that goes back into the images."""
    y = tinygrad_edu.relu(conv(x, w) + b)
    return np.sum(tinygrad_edu.relu(conv(y * np.sum(y, axis=(0, 1, 2)), v) * b))


def other_masks(x, w, b, v):
    """A pool's gradient where something else than its own images decides."""
    y = conv(x, w) + b
    return np.sum(tinygrad_edu.max_pool2d(np.where(y > 0.1, y, -y), 2) * 2.0) + np.sum(np.maximum(conv(y, v), 0.5))


def two_sizes(x, w, b, v):
    """Batches of two sizes in one plan."""
    y = tinygrad_edu.relu(conv(x, w) + b)
    return np.sum(conv(y, v)) + np.sum(np.tanh(conv(y[:1] * 2.0, v)))


NETWORKS = [plain, residual, normalised, scaled_by_a_sum, other_masks, two_sizes]


def data(dtype, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(dtype) for shape in ((3, 6, 7, 2), (3, 3, 2, 4), (4,), (2, 3, 4, 4))]


def compare(f, dtype, tolerance):
    fast = tinygrad_edu.compile(f, jit=True)
    for seed in range(2):
        ours, theirs = ([Value(x) for x in data(dtype, seed)] for _ in range(2))
        found, expected = fast(*ours), f(*theirs)
        close(found.data, expected.data, tolerance)
        found.backward()
        expected.backward()
        for a, b in zip(ours, theirs, strict=True):
            assert (a.grad is None) == (b.grad is None)
            if b.grad is not None:
                close(a.grad, b.grad, tolerance)
    return fast


@pytest.mark.slow
def test_a_layer_is_one_kernel_and_so_is_its_gradient():
    text = compare(layer, np.float32, 1e-4).explain()
    called = [line.split("(")[0].strip() for line in text.splitlines() if line.startswith("    kernel_")]
    assert {name.rstrip("_0123456789") for name in called} == {
        "kernel_conv2d_to_square", "kernel_max_pool2d_spread_to_conv2d_kernel"
    }  # fmt: skip
    assert " conv2d(" not in text


@pytest.mark.slow
@pytest.mark.parametrize("f", NETWORKS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("largest", [1, 6])
def test_networks_cut_into_kernels_in_any_way_are_the_same(f, largest, monkeypatch):
    monkeypatch.setattr(groups, "LARGEST", largest)
    compare(f, np.float64, 1e-11)


def test_two_threads_give_the_numbers_of_one_to_the_last_bit(monkeypatch):
    found = []
    for count in (1, 2):
        monkeypatch.setattr(threads, "allowed", lambda count=count: count)
        monkeypatch.setattr(threads, "_idle", [])
        monkeypatch.setattr(threads, "_made", [])
        monkeypatch.setattr("tinygrad_edu.compiler.kernels.call.WORTH", 0.0)
        values = [Value(x) for x in data(np.float32)]
        loss = tinygrad_edu.compile(layer, jit=True)(*values)
        loss.backward()
        found.append([loss.data, *(v.grad for v in values[:3])])
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.slow
def test_nan_and_infinities_go_through_as_they_do_step_by_step():
    x, w, b, _ = data(np.float64)
    x[0, 1, 1, 0], x[1, 2, 2, 1] = np.nan, np.inf

    def f(x, w, b):
        return tinygrad_edu.max_pool2d(tinygrad_edu.relu(conv(x, w) + b), 2)

    fast = tinygrad_edu.compile(f, jit=True)
    with np.errstate(invalid="ignore"):
        ours, theirs = Value(x), Value(x)
        found, expected = fast(ours, w, b), f(theirs, w, b)
        np.testing.assert_allclose(found.data, expected.data, rtol=1e-12)
        g = np.random.default_rng(1).normal(size=found.shape)
        found.backward(g)
        expected.backward(g)
        np.testing.assert_allclose(ours.grad, theirs.grad, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    ("features", "of_blas", "few", "by_tiles", "waits"),
    [
        (80, 2, 0, False, True),
        (80, 1, 0, False, False),
        (4, 2, 0, False, False),
        (80, 2, 1e9, False, False),
        (80, 2, 0, True, False),
    ],
)
def test_threads_of_blas_that_wait_in_a_loop_get_no_company(features, of_blas, few, by_tiles, waits, monkeypatch):
    monkeypatch.setattr(call, "blas_threads", lambda: of_blas)
    monkeypatch.setattr(blas, "FEW", few)
    monkeypatch.setattr(blas, "found", lambda: blas.Threads(lambda: of_blas, lambda n: None))
    if not by_tiles:
        monkeypatch.setattr(products, "LARGEST", 0)
    operands = [Var("input", shape, np.dtype(np.float64)) for shape in ((64, features), (features, 64))]
    out = Var("result", (64, 64), np.dtype(np.float64))
    product = Step(REGISTRY["matmul"], tuple(operands), {}, out)
    code = Code([Part("forward", operands, [product], [out])], jit=True)
    assert call._blas_waits(code) == waits
