"""vjp, jvp, jacobian, hessian, hvp: shapes, modes, containers, and agreement of the two modes."""

import tracemalloc

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import (
    ArgumentError,
    GradientError,
    IndependentResultWarning,
    NotDifferentiableError,
    ShapeError,
)
from tinygrad_edu.kinds import General, elementwise, general
from tinygrad_edu.op import REGISTRY
from tinygrad_edu.transforms import elementwise_grad, grad, hessian, hvp, jacobian, jvp, vjp


def mixed(x, y):
    """Broadcasting, products, reductions, indexing and a softmax in one function of two arrays."""
    h = np.tanh(x @ y) + x[:, :1] / (2.0 + np.cos(y[0]))
    return np.concatenate([h.sum(axis=0), np.exp(-h).max(axis=1), h.reshape(-1)[::2]])


def test_reverse_and_forward_mode_are_adjoint(rng):
    xs = rng.normal(size=(3, 2)), rng.normal(size=(2, 4))
    ts = rng.normal(size=(3, 2)), rng.normal(size=(2, 4))
    value, tangent = jvp(mixed, xs, ts)
    again, pullback = vjp(mixed, *xs)
    np.testing.assert_array_equal(value, mixed(*xs))
    np.testing.assert_array_equal(value, again)
    u = rng.normal(size=value.shape)
    left = u @ tangent
    right = sum(np.sum(g * t) for g, t in zip(pullback(u), ts, strict=True))
    assert abs(left - right) <= 1e-12 * abs(left)


def test_forward_mode_agrees_with_finite_differences(rng):
    xs = rng.normal(size=(3, 2)), rng.normal(size=(2, 4))
    ts = rng.normal(size=(3, 2)), rng.normal(size=(2, 4))
    step = 1e-6
    ahead, behind = (mixed(*[x + s * t for x, t in zip(xs, ts, strict=True)]) for s in (step, -step))
    np.testing.assert_allclose(jvp(mixed, xs, ts)[1], (ahead - behind) / (2 * step), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("mode", ["forward", "reverse", "auto"])
def test_both_modes_give_the_same_jacobian(mode, rng):
    x, y = rng.normal(size=(3, 2)), rng.normal(size=(2, 4))
    J = jacobian(mixed, argnum=(0, "y"), mode=mode)
    by_x, by_y = J(x, y)
    assert by_x.shape == (13, 3, 2)
    assert by_y.shape == (13, 2, 4)
    t = rng.normal(size=(3, 2))
    np.testing.assert_allclose(np.tensordot(by_x, t, 2), jvp(lambda x: mixed(x, y), x, t)[1], rtol=1e-12)


def test_jacobian_takes_the_cheaper_mode_and_says_which():
    tall = jacobian(lambda x: np.concatenate([x, x * x]))
    assert tall.chosen is None
    assert tall(np.ones(2)).shape == (4, 2)
    assert tall.chosen == "forward"
    wide = jacobian(lambda x: x[:2] * 3)
    np.testing.assert_array_equal(wide(np.ones(4)), 3 * np.eye(2, 4))
    assert wide.chosen == "reverse"


def test_an_unknown_mode_is_an_error():
    with pytest.raises(ArgumentError, match="'sideways'"):
        jacobian(np.sin, mode="sideways")


def test_a_jacobian_of_containers_has_the_result_outside_and_the_argument_inside():
    def f(p):
        return {"sum": p["a"] + p["b"], "dot": (p["a"] * p["b"]).sum()}

    for mode in ("forward", "reverse"):
        J = jacobian(f, mode=mode)({"a": np.array([1.0, 2.0]), "b": np.array([3.0, 4.0])})
        np.testing.assert_array_equal(J["sum"]["a"], np.eye(2))
        np.testing.assert_array_equal(J["dot"]["a"], [3.0, 4.0])
        np.testing.assert_array_equal(J["dot"]["b"], [1.0, 2.0])


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_arrays_in_fortran_order_or_with_negative_strides_keep_their_entries_apart(mode, rng):
    for x in (np.asfortranarray(rng.normal(size=(2, 3))), rng.normal(size=(2, 3))[::-1, ::-1]):
        np.testing.assert_array_equal(jacobian(lambda x: x * 1.0, mode=mode)(x).reshape(6, 6), np.eye(6))


def test_jacobians_of_numbers_and_of_nothing():
    assert jacobian(lambda x: x**2)(3.0) == 6.0
    assert jacobian(lambda x: np.stack([x, 2 * x]))(3.0).tolist() == [1.0, 2.0]
    assert jacobian(lambda x: x * 2)(np.ones((0, 2))).shape == (0, 2, 0, 2)


def test_a_jacobian_with_a_constant_row_has_zeros_there():
    J = jacobian(lambda x: (x * 2, np.ones(2)))(np.ones(2))
    np.testing.assert_array_equal(J[1], np.zeros((2, 2)))
    with pytest.warns(IndependentResultWarning):
        jacobian(lambda x: np.ones(3))(np.ones(2))


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_hessian_in_every_mode(mode):
    x = np.array([0.3, -0.2, 1.1])
    H = hessian(rosenbrock, mode=mode)
    by_hand = np.array(
        [
            [1200 * 0.09 - 400 * -0.2 + 2, -400 * 0.3, 0],
            [-400 * 0.3, 200 + 1200 * 0.04 - 400 * 1.1 + 2, 400 * 0.2],
            [0, 400 * 0.2, 200],
        ]
    )
    np.testing.assert_allclose(H(x), by_hand, rtol=1e-12)
    assert H.chosen == ("reverse" if mode == "reverse" else "forward")


def test_the_hessian_of_a_container_has_a_block_for_each_pair():
    H = hessian(lambda p: p["a"] ** 2 * p["b"])({"a": 2.0, "b": 3.0})
    assert H == {"a": {"a": 6.0, "b": 4.0}, "b": {"a": 4.0, "b": 0.0}}


def test_hvp_by_containers_and_keywords():
    f = lambda p, scale: scale * p["a"] ** 2 * p["b"]  # noqa: E731
    assert hvp(f)({"a": 2.0, "b": 3.0}, {"a": 1.0, "b": 0.0}, scale=1.0) == {"a": 6.0, "b": 4.0}
    with pytest.raises(ArgumentError, match="and then the vector"):
        hvp(lambda x: x**2)(1.0)
    with pytest.raises(ShapeError, match="tangent of x"):
        hvp(lambda x: np.sum(x**2))(np.ones(3), np.ones(2))


def test_jvp_takes_one_argument_or_a_tuple_and_containers():
    assert jvp(np.square, 3.0, 1.0) == (9.0, 6.0)
    assert jvp(np.square, (3.0,), (1.0,)) == (9.0, 6.0)
    value, tangent = jvp(lambda p: {"y": p["w"] * p["x"]}, {"w": 2.0, "x": 3.0}, {"w": 1.0, "x": 0.0})
    assert (value, tangent) == ({"y": 6.0}, {"y": 3.0})
    assert jvp(lambda x: (x * 2, "note"), 1.0, 1.0, has_aux=True) == (2.0, 2.0, "note")


def test_jvp_of_a_constant_is_zero():
    assert jvp(lambda x: 3.0, 1.0, 1.0) == (3.0, 0.0)


@pytest.mark.parametrize(
    ("xs", "ts", "error", "words"),
    [
        ((1.0, 2.0), (1.0,), ArgumentError, "2 tangent"),
        ((np.ones(2),), (np.ones(3),), ShapeError, r"shape \(3,\), expected \(2,\)"),
        (({"a": 1.0},), ({"b": 1.0},), ArgumentError, r"x\['a'\].*x\['b'\]"),
    ],
)
def test_tangents_that_do_not_fit_are_an_error(xs, ts, error, words):
    with pytest.raises(error, match=words):
        jvp(lambda x, y=0.0: x if isinstance(x, dict) else x + y, xs, ts)


def test_a_gradient_for_the_pullback_that_does_not_fit_is_an_error():
    _, pullback = vjp(np.square, np.ones(2))
    with pytest.raises(ShapeError, match=r"the gradient of result has shape \(\), expected \(2,\)"):
        pullback(1.0)


def test_vjp_of_several_results_and_has_aux():
    value, pullback, aux = vjp(lambda x, y: ((x * y, x + y), "note"), 2.0, 3.0, has_aux=True)
    assert (value, aux) == ((6.0, 5.0), "note")
    assert pullback((1.0, 10.0)) == (13.0, 12.0)
    assert pullback((0.0, 1.0)) == (1.0, 1.0)


def test_vjp_of_a_result_returned_twice_adds_up():
    _, pullback = vjp(lambda x: (lambda y: (y, y))(x * 2), 1.0)
    assert pullback((1.0, 10.0)) == 22.0
    _, pullback = vjp(lambda x: (x, x), 1.0)
    assert pullback((1.0, 10.0)) == 11.0


def test_python_numbers_agree_with_arrays_where_python_would_raise():
    for f in (lambda x: 1 / x, lambda x: np.sqrt(x), lambda x: np.log(x)):
        with np.errstate(all="ignore"):
            assert jvp(f, 0.0, 1.0)[1] == jvp(f, np.zeros(1), np.ones(1))[1][0]
            assert grad(f)(0.0) == elementwise_grad(f)(np.zeros(1))[0]


@pytest.fixture
def no_forward_rule():
    op = general("half_ruled_test", lambda x: x * x, pull=(lambda g, out, x: 2 * g * x,), push=(None,))
    yield op
    del REGISTRY[op.name]


def test_without_a_forward_rule_jvp_says_so_and_jacobian_and_hessian_go_in_reverse(no_forward_rule):
    with pytest.raises(NotDifferentiableError, match="half_ruled_test: no forward-mode rule"):
        jvp(no_forward_rule, 1.0, 1.0)
    J = jacobian(no_forward_rule)
    np.testing.assert_array_equal(J(np.array([1.0, 2.0])), np.diag([2.0, 4.0]))
    assert J.chosen == "reverse"
    f = lambda x: np.sum(x * no_forward_rule(x))  # noqa: E731
    np.testing.assert_array_equal(hessian(f)(np.array([1.0, 2.0])), np.diag([6.0, 12.0]))
    np.testing.assert_array_equal(hvp(f)(np.array([1.0, 2.0]), np.ones(2)), [6.0, 12.0])


def test_a_forward_rule_of_the_wrong_shape_is_named():
    op = General(
        "wrong_push_test", lambda x: np.sum(x), pull=(lambda g, out, x: g + 0 * x,), push=(lambda t, out, x: t,)
    )
    with pytest.raises(GradientError, match=r"wrong_push_test.*tangent of shape \(3,\).*shape \(\)"):
        jvp(op, np.ones(3), np.ones(3))


def test_an_error_in_a_forward_rule_names_the_operation():
    op = elementwise("faulty_push_test", lambda x: x * 1.0, along=(lambda t, out, x: t @ t,))
    with pytest.raises(TypeError, match="@") as caught:
        jvp(op, Value(1.0), 1.0)
    assert "faulty_push_test" in caught.value.__notes__[0]
    del REGISTRY[op.name]


def test_a_long_chain_needs_no_recursion():
    def f(x):
        for _ in range(20_000):
            x = x * 1.0001
        return x

    np.testing.assert_allclose(grad(f)(1.0), 1.0001**20_000, rtol=1e-9)
    np.testing.assert_allclose(jvp(f, 1.0, 1.0)[1], 1.0001**20_000, rtol=1e-9)


def test_a_pass_drops_the_gradients_that_it_has_used_up():
    def f(x):
        for _ in range(40):
            x = np.tanh(x)
        return x

    x = np.ones(20_000)
    _, pullback = vjp(f, x)
    tracemalloc.start()
    pullback(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * x.nbytes
