"""Special functions: their numbers with and without SciPy, and their derivatives."""

import subprocess
import sys

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.ops import special

FUNCTIONS = ["erf", "erfc", "ndtr", "digamma", "gammaln"]
THEIRS = {"digamma": "psi"}


@pytest.fixture
def without_scipy(monkeypatch):
    monkeypatch.setattr(special, "_scipy", lambda name: None)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_fallback_gives_scipys_numbers(name, without_scipy):
    scipy = pytest.importorskip("scipy.special")
    x = np.concatenate([np.linspace(-20.3, 20, 501), [0.0, np.inf, np.nan]])
    expected = getattr(scipy, THEIRS.get(name, name))(x)
    found = getattr(special, name)(x)
    near = np.isfinite(expected)
    np.testing.assert_allclose(found[near], expected[near], rtol=1e-11, atol=1e-12)
    assert not np.isfinite(found[~near]).any()


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_polygamma_without_scipy(n, without_scipy):
    scipy = pytest.importorskip("scipy.special")
    x = np.linspace(0.01, 40.0, 300)
    np.testing.assert_allclose(special.polygamma(x, n=n), scipy.polygamma(n, x), rtol=1e-12)


def test_digamma_has_its_textbook_values():
    assert special.digamma(1.0) == pytest.approx(-0.5772156649015329, rel=1e-14)
    assert special.polygamma(1.0, n=1) == pytest.approx(np.pi**2 / 6, rel=1e-14)


@pytest.mark.parametrize("name", [*FUNCTIONS, "gelu"])
def test_numbers_and_arrays_agree_and_float32_is_kept(name):
    f = getattr(special, name)
    x = np.array([0.3, 1.5, 2.5])
    np.testing.assert_allclose([f(float(v)) for v in x], f(x), rtol=1e-14)
    assert isinstance(f(0.3), float)
    value = Value(x.astype(np.float32))
    out = f(value)
    out.backward(np.ones(3))
    assert out.dtype == value.grad.dtype == np.float32


@pytest.mark.parametrize("name", [*FUNCTIONS, "gelu"])
def test_three_derivatives_in_a_row(name):
    f, at, step = getattr(special, name), 1.3, 1e-5
    x = Value(at)
    node, slopes = f(x), []
    for _ in range(3):
        x.zero_grad()
        node.backward(create_graph=True)
        node = x.grad
        slopes.append(node.data)

    def derivative(order, point):
        if order == 0:
            return f(point)
        v = Value(point)
        out = f(v)
        for _ in range(order):
            v.zero_grad()
            out.backward(create_graph=True)
            out = v.grad
        return out.data

    for order, found in enumerate(slopes):
        numeric = (derivative(order, at + step) - derivative(order, at - step)) / (2 * step)
        assert found == pytest.approx(numeric, rel=1e-8)


def test_gelu_is_x_times_the_normal_distribution_and_tanh_comes_close():
    x = np.linspace(-5, 5, 101)
    np.testing.assert_allclose(special.gelu(x), x * special.ndtr(x), rtol=1e-15)
    assert 1e-5 < np.abs(special.gelu(x, approximate="tanh") - special.gelu(x)).max() < 5e-4
    v = Value(x)
    special.gelu(v, approximate="tanh").backward(np.ones(101))
    step = 1e-6
    numeric = (special.gelu(x + step, "tanh") - special.gelu(x - step, "tanh")) / (2 * step)
    np.testing.assert_allclose(v.grad, numeric, atol=1e-9)


def test_gelu_of_large_float32_arrays_is_right_to_a_unit_in_the_last_place():
    x = np.linspace(-14.0, 14.0, 40_001)
    value = Value(x.astype(np.float32))
    exact = Value(value.data.astype(np.float64))
    out, expected = special.gelu(value), special.gelu(exact)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out.data, expected.data, rtol=1.2e-7, atol=1e-7)
    out.backward(np.ones_like(out.data))
    expected.backward(np.ones_like(x))
    np.testing.assert_allclose(value.grad, exact.grad, rtol=0, atol=3e-7)


def test_gelu_of_large_float32_arrays_knows_infinities_and_nan():
    x = np.repeat(np.array([np.inf, -1e30, np.nan, 1e30, 0.0, -0.0], np.float32), 1000)
    found = special.gelu(x)[::1000]
    np.testing.assert_array_equal(found[[0, 2, 3, 4, 5]], np.array([np.inf, np.nan, 1e30, 0, 0], np.float32))
    assert -1e-33 < found[1] <= 0
    np.testing.assert_array_equal(special.gelu(x.reshape(60, 100).T)[0], special.gelu(x)[::100])


def test_gelu_refuses_an_unknown_approximation():
    with pytest.raises(ArgumentError, match="none, tanh"):
        special.gelu(1.0, approximate="sigmoid")


def test_functions_are_silent_and_finite_far_out():
    x = Value(np.array([-1000.0, 1000.0]))
    for f in (special.erf, special.erfc, special.ndtr, special.gelu, lambda v: special.gelu(v, "tanh")):
        x.zero_grad()
        f(x).backward(np.ones(2))
        assert np.isfinite(x.grad).all()


def test_scipys_functions_answer_values():
    scipy = pytest.importorskip("scipy.special")
    x = Value(np.array([0.5, 1.5]))
    for name, ours in [("erf", special.erf), ("psi", special.digamma), ("gammaln", special.gammaln)]:
        out = getattr(scipy, name)(x)
        assert out.op is ours
    assert scipy.expit(x).op.name == "sigmoid"


def test_scipy_is_not_imported_before_it_is_needed():
    code = "import sys, tinygrad_edu, tinygrad_edu.ops.special as s; s.erf(1.0); assert 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FUNCTIONS, "gelu", "gelu_tanh"])
def test_special_functions_agree_with_pytorch(name):
    torch = pytest.importorskip("torch")
    theirs = {
        "gelu": torch.nn.functional.gelu,
        "gelu_tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    }.get(name) or getattr(torch.special, name)
    ours = getattr(special, name, None) or (lambda x: special.gelu(x, approximate="tanh"))
    x = np.linspace(0.1, 6, 50)
    value, tensor = Value(x), torch.tensor(x, requires_grad=True)
    out, expected = ours(value), theirs(tensor)
    np.testing.assert_allclose(out.data, expected.detach().numpy(), rtol=1e-12)
    out.backward(np.ones(50))
    expected.sum().backward()
    exact = 1e-8 if name == "digamma" else 1e-11  # PyTorch's trigamma has nine digits
    np.testing.assert_allclose(value.grad, tensor.grad.numpy(), rtol=exact, atol=1e-14)
