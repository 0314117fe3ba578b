"""A user's own operation: ten lines, and everything else follows."""

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.kinds import elementwise, general, linear
from tinygrad_edu.op import REGISTRY
from tinygrad_edu.transforms import elementwise_grad, grad, hessian, jvp, vjp


@pytest.fixture
def soft_gap():
    yield elementwise(
        "soft_gap_test",
        lambda x, y: np.sqrt(1 + (x - y) ** 2) - 1,
        along=(lambda t, out, x, y: t * (x - y) / (out + 1), lambda t, out, x, y: t * (y - x) / (out + 1)),
    )
    del REGISTRY["soft_gap_test"]


def test_an_elementwise_operation_broadcasts_in_both_modes(soft_gap, rng):
    x, y, t = rng.normal(size=(3, 1)), rng.normal(size=4), rng.normal(size=4)
    value, pullback = vjp(lambda x, y: soft_gap(x, y), x, y)
    u = rng.normal(size=(3, 4))
    by_x, by_y = pullback(u)
    assert (value.shape, by_x.shape, by_y.shape) == ((3, 4), (3, 1), (4,))
    _, tangent = jvp(lambda y: soft_gap(x, y), y, t)
    np.testing.assert_allclose(np.sum(u * tangent), np.sum(by_y * t), rtol=1e-12)


def test_it_has_derivatives_of_any_order(soft_gap):
    x = np.array([-1.0, 0.0, 0.5])
    f = lambda x: soft_gap(x, 0.0)  # noqa: E731
    np.testing.assert_allclose(elementwise_grad(elementwise_grad(f))(x), (1 + x**2) ** -1.5, rtol=1e-14)
    np.testing.assert_allclose(grad(grad(grad(f)))(1.0), -3 * 2**-2.5, rtol=1e-14)
    assert grad(f)(0.0) == 0.0


def test_it_computes_on_plain_numbers_and_records_on_values(soft_gap):
    assert soft_gap(0.0, 0.0) == 0.0
    assert type(soft_gap(np.ones(2), 1.0)) is np.ndarray
    node = soft_gap(Value(1.0), 2.0)
    assert (node.op.name, [parent.op.name for parent in node.parents]) == ("soft_gap_test", ["leaf", "constant"])


def test_an_operation_with_a_numpy_function_as_forward_leaves_that_function_alone():
    try:
        for _ in range(2):  # a notebook cell run twice
            wrong = elementwise("wrong_sine_test", np.sin, along=(lambda t, out, x: t * 100.0,))
        assert grad(np.sin)(0.0) == 1.0
        assert grad(wrong)(0.0) == 100.0
    finally:
        del REGISTRY["wrong_sine_test"]


def test_the_name_of_a_built_in_operation_is_taken():
    for name, forward in (("sin", np.sin), ("sign", lambda x: x)):
        with pytest.raises(ArgumentError, match="choose another name"):
            elementwise(name, forward, along=(lambda t, out, x: t,))


def test_a_linear_operation_needs_its_adjoint_alone(rng):
    twist = linear("twist_test", lambda x: x[::-1] * 2.0, adjoint=lambda g, x: g[::-1] * 2.0)
    x, t = rng.normal(size=5), rng.normal(size=5)
    np.testing.assert_array_equal(jvp(twist, x, t)[1], 2 * t[::-1])
    np.testing.assert_array_equal(vjp(twist, x)[1](t), 2 * t[::-1])
    del REGISTRY["twist_test"]


def test_a_general_operation_pulls_and_pushes(rng):
    size = general(
        "size_test",
        lambda x: np.sqrt(np.sum(x * x)),
        pull=(lambda g, out, x: g * x / out,),
        push=(lambda t, out, x: np.sum(t * x) / out,),
    )
    x = rng.normal(size=3)
    length = np.linalg.norm(x)
    unit = x / length
    np.testing.assert_allclose(grad(size)(x), unit, rtol=1e-14)
    for mode in ("forward", "reverse"):
        matrix = hessian(size, mode=mode)(x)
        np.testing.assert_allclose(matrix, (np.eye(3) - np.outer(unit, unit)) / length, rtol=1e-12, atol=1e-14)
    del REGISTRY["size_test"]
