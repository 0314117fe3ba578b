"""Transforms inside transforms: perturbations are never confused, in any mixture of modes."""

import itertools

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.transforms import elementwise_grad, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp


def by_jvp(f):
    return lambda x: jvp(f, (x,), (1.0,))[1]


def by_vjp(f):
    return lambda x: vjp(f, x)[1](1.0)


WAYS = {
    "grad": grad,
    "jvp": by_jvp,
    "vjp": by_vjp,
    "jacobian forward": lambda f: jacobian(f, mode="forward"),
    "jacobian reverse": lambda f: jacobian(f, mode="reverse"),
    "elementwise_grad": elementwise_grad,
}
pairs = pytest.mark.parametrize(("outer", "inner"), list(itertools.product(WAYS, WAYS)))


@pairs
def test_an_inner_derivative_does_not_see_the_outer_perturbation(outer, inner):
    d, e = WAYS[outer], WAYS[inner]
    assert d(lambda x: x * e(lambda y: x + y)(1.0))(1.0) == 1.0
    assert d(lambda x: x * e(lambda y: x * y)(2.0))(3.0) == 6.0


@pairs
def test_an_inner_derivative_taken_at_the_outer_argument_keeps_the_two_apart(outer, inner):
    d, e = WAYS[outer], WAYS[inner]
    # x * d/dy (x^2 y^3) at y = x is 3 x^5, whose derivative is 15 x^4
    assert d(lambda x: x * e(lambda y: x**2 * y**3)(x))(2.0) == 15 * 2.0**4


@pairs
def test_second_derivatives_agree_in_every_mixture_of_modes(outer, inner):
    d, e = WAYS[outer], WAYS[inner]
    found = d(e(lambda x: np.sin(x) * np.exp(x)))(0.7)
    np.testing.assert_allclose(found, 2 * np.cos(0.7) * np.exp(0.7), rtol=1e-14)


@pytest.mark.parametrize("ways", list(itertools.product(["grad", "jvp"], repeat=3)))
def test_third_derivatives_agree_in_every_mixture_of_modes(ways):
    f = lambda x: x**5 / (1 + x)  # noqa: E731
    for way in ways:
        f = WAYS[way](f)
    x = 0.5  # x^5/(1+x) = x^4 - x^3 + x^2 - x + 1 - 1/(1+x)
    np.testing.assert_allclose(f(x), 24 * x - 6 + 6 / (1 + x) ** 4, rtol=1e-12)


def test_five_grads_of_a_power():
    f = lambda x: x**7  # noqa: E731
    for _ in range(5):
        f = grad(f)
    assert f(2.0) == 7 * 6 * 5 * 4 * 3 * 4.0


def test_a_gradient_inside_a_loop_of_steps_can_be_differentiated():
    def loss(x):
        return (x - 3.0) ** 2

    def after_steps(rate):
        x = 0.0
        for _ in range(3):
            x = x - rate * grad(loss)(x)
        return loss(x)

    rate = 0.1  # x - 3 shrinks by (1 - 2 rate) a step
    np.testing.assert_allclose(grad(after_steps)(rate), 9 * 6 * (1 - 2 * rate) ** 5 * -2, rtol=1e-12)


def test_a_gradient_penalty_reaches_the_parameters():
    w = Value([1.0, 2.0])
    x = np.array([0.5, -1.0])
    slope = grad(lambda v: np.sum(np.tanh(w * v)))(x)
    np.sum(slope**2).backward()
    by_hand = grad(lambda w: np.sum((w * (1 - np.tanh(w * x) ** 2)) ** 2))(w.data)
    np.testing.assert_allclose(w.grad, by_hand, rtol=1e-12)


def test_a_tangent_can_be_what_is_differentiated():
    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(grad(lambda t: np.sum(jvp(lambda v: v**3, (x,), (t,))[1]))(np.ones(2)), 3 * x**2)


def test_a_pullback_may_be_called_later_and_inside_another_transform():
    x = np.array([1.0, 2.0])
    value, pullback = vjp(np.square, x)
    np.testing.assert_array_equal(value, x**2)
    np.testing.assert_array_equal(pullback(np.ones(2)), 2 * x)
    np.testing.assert_array_equal(pullback(np.array([1.0, 0.0])), [2.0, 0.0])
    np.testing.assert_array_equal(grad(lambda g: np.sum(pullback(g) ** 2))(np.ones(2)), 8 * x**2)


def test_hvp_is_the_hessian_times_the_vector(rng):
    def f(x):
        return np.sum(np.sin(x[:-1]) * x[1:] ** 2)

    x, v = rng.normal(size=5), rng.normal(size=5)
    np.testing.assert_allclose(hvp(f)(x, v), hessian(f)(x) @ v, rtol=1e-12, atol=1e-12)


def test_a_derivative_of_a_hessian_is_symmetric_in_all_axes(rng):
    third = jacobian(hessian(lambda x: np.exp(np.sum(x * x) / 4) + x[0] * x[1] * x[2]))
    t = third(rng.normal(size=3))
    for axes in itertools.permutations(range(3)):
        np.testing.assert_allclose(t, t.transpose(axes), rtol=1e-10, atol=1e-12)


def test_value_and_grad_inside_grad():
    def f(x):
        value, slope = value_and_grad(lambda y: y**3)(x)
        return value * slope  # 3 x^5

    assert grad(f)(2.0) == 15 * 16.0
