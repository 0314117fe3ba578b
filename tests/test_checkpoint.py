"""checkpoint: one node, recomputed in the backward pass, in every transform and both modes."""

import numpy as np
import pytest

from tinygrad_edu import Value, no_grad
from tinygrad_edu.errors import GradientError
from tinygrad_edu.graph import replay, topological
from tinygrad_edu.transforms import checkpoint, grad, hessian, hvp, jacobian, jvp, value_and_grad


def block(x, scale=1.0):
    return np.tanh(x * scale) * np.exp(-x * x)


def test_a_checkpointed_function_is_one_node_with_the_same_gradient():
    x = Value([0.3, -0.7])
    y = checkpoint(block)(x)
    assert [node.op.name for node in topological(y)] == ["leaf", "checkpoint(block)"]
    np.testing.assert_array_equal(y.data, block(x.data))
    y.sum().backward()
    np.testing.assert_allclose(x.grad, grad(lambda x: block(x).sum())(x.data), rtol=1e-15)


def test_the_function_runs_once_forward_and_once_backward_however_many_operands():
    calls = []

    def f(a, b, c):
        calls.append(1)
        return a * b * c

    values = Value(2.0), Value(3.0), Value(4.0)
    y = checkpoint(f)(*values)
    assert len(calls) == 1
    y.backward()
    assert len(calls) == 2
    assert [v.grad for v in values] == [12.0, 8.0, 6.0]


def test_values_used_from_outside_are_differentiated_too():
    w = Value([2.0, 3.0], name="w")
    hidden = w * w
    x = Value([1.0, -1.0])
    y = checkpoint(lambda x: np.sum(np.sin(x * hidden) * w))(x)
    assert set(y.parents) == {x, hidden, w}
    y.backward()
    expected_x, expected_w = grad(lambda x, w: np.sum(np.sin(x * w * w) * w), argnum=(0, 1))(x.data, w.data)
    np.testing.assert_allclose(x.grad, expected_x, rtol=1e-14)
    np.testing.assert_allclose(w.grad, expected_w, rtol=1e-14)


def test_every_transform_sees_through_it(rng):
    x, v = rng.normal(size=3), rng.normal(size=3)
    plain = lambda x: np.sum(block(x) ** 2) + x[0] * x[1] * x[2]  # noqa: E731
    f = checkpoint(plain)
    np.testing.assert_allclose(grad(f)(x), grad(plain)(x), rtol=1e-14)
    np.testing.assert_allclose(jvp(f, x, v)[1], jvp(plain, x, v)[1], rtol=1e-14)
    np.testing.assert_allclose(hvp(f)(x, v), hvp(plain)(x, v), rtol=1e-12)
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(hessian(f, mode=mode)(x), hessian(plain)(x), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(jacobian(hessian(f))(x), jacobian(hessian(plain))(x), rtol=1e-11, atol=1e-13)


def test_checkpoints_nest():
    inner = checkpoint(lambda x: np.sin(x) * x)
    outer = checkpoint(lambda x: inner(inner(x)) + x)
    plain = lambda x: np.sin(np.sin(x) * x) * (np.sin(x) * x) + x  # noqa: E731
    np.testing.assert_allclose(grad(outer)(0.7), grad(plain)(0.7), rtol=1e-14)
    np.testing.assert_allclose(grad(grad(outer))(0.7), grad(grad(plain))(0.7), rtol=1e-13)


def test_a_state_of_several_arrays_goes_through():
    @checkpoint
    def step(state, x):
        h, c = state["h"], state["c"]
        c = c * 0.5 + np.tanh(x + h)
        return {"h": np.tanh(c), "c": c, "name": "state", "n": 2}

    def loss(x):
        state = {"h": np.zeros(2), "c": np.ones((2, 2))}
        for _ in range(3):
            state = step(state, x)
        assert (state["name"], state["n"]) == ("state", 2)
        return np.sum(state["h"] * state["c"])

    step_plain = step.__wrapped__

    def loss_plain(x):
        state = {"h": np.zeros(2), "c": np.ones((2, 2))}
        for _ in range(3):
            state = step_plain(state, x)
        return np.sum(state["h"] * state["c"])

    x = np.array([0.3, -0.4])
    value, slope = value_and_grad(loss)(x)
    assert value == loss_plain(x)
    np.testing.assert_allclose(slope, grad(loss_plain)(x), rtol=1e-14)


def test_keywords_and_plain_arguments_pass_through():
    x = Value(0.5)
    y = checkpoint(block)(x, scale=2.0)
    y.backward()
    np.testing.assert_allclose(x.grad, grad(block)(0.5, scale=2.0), rtol=1e-15)
    assert checkpoint(block)(0.5) == block(0.5)
    with no_grad():
        assert checkpoint(block)(x).parents == ()


def test_a_function_that_gives_another_result_when_done_again_is_refused(rng):
    noisy = checkpoint(lambda x: x * rng.normal())
    y = noisy(Value(1.0))
    with pytest.raises(GradientError, match="another result"):
        y.backward()


def test_a_function_that_uses_other_values_when_done_again_is_refused():
    w = Value(3.0)
    shared = {"h": w * 1.0}
    y = checkpoint(lambda x: x * shared["h"])(Value(2.0))
    shared["h"] = w * 1.0  # the same number, but not the node that the graph knows
    with pytest.raises(GradientError, match="used other Values"):
        y.backward()


def test_results_of_several_types_keep_them():
    x = Value(np.ones(2))
    low, high = checkpoint(lambda x: (x.astype(np.float32) * 2, x * 3))(x)
    assert (low.data.dtype, high.data.dtype) == (np.float32, np.float64)
    (low.sum() + high.sum()).backward()
    np.testing.assert_array_equal(x.grad, [5.0, 5.0])


def test_a_checkpoint_can_be_replayed_with_other_data_of_its_operands():
    w = Value(3.0)
    x = Value(2.0)
    y = checkpoint(lambda x: x * w + x)(x)
    assert replay(y, {x: 5.0}) == 20.0
    assert replay(y, {w: 10.0}) == 22.0


def test_scalars_and_float32_keep_their_kind():
    y = checkpoint(lambda x: x * 2.0)(Value(3.0))
    assert type(y.data) is float
    x = Value(np.ones(2, dtype=np.float32))
    checkpoint(lambda x: x * x)(x).sum().backward()
    assert x.grad.dtype == np.float32


def test_memory_in_between_is_not_kept():
    x = Value(np.ones(1000))
    f = lambda x: np.sin(np.cos(np.sin(np.cos(x))))  # noqa: E731
    assert len(topological(f(x))) == 5
    assert len(topological(checkpoint(f)(checkpoint(f)(x)))) == 3
