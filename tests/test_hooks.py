"""Gradient hooks: called with the complete gradient of a pass, and free while nobody has one."""

import gc

import numpy as np
import pytest

from tinygrad_edu import Value, backward, no_grad
from tinygrad_edu.errors import GradientError, ShapeError
from tinygrad_edu.transforms import checkpoint, grad, hvp
from tinygrad_edu.watch import HOOKED


@pytest.fixture(autouse=True)
def no_hook_is_left_behind():
    assert len(HOOKED) == 0
    yield
    gc.collect()
    assert len(HOOKED) == 0


def test_a_hook_sees_the_complete_gradient_once_in_a_pass():
    x = Value([1.0, 2.0])
    y = x * 2
    seen = []
    handle = y.register_hook(seen.append)
    loss = (y * y).sum() + (3 * y).sum()
    loss.backward()
    assert [g.tolist() for g in seen] == [[7.0, 11.0]]
    loss.backward()
    assert len(seen) == 2
    np.testing.assert_array_equal(x.grad, [28.0, 44.0])
    handle.remove()


def test_a_hook_elsewhere_leaves_other_graphs_on_the_fast_path(monkeypatch):
    handle = Value(1.0).register_hook(print)
    x, hooked = Value(3.0), Value(2.0)
    careful = []
    monkeypatch.setattr(backward, "_into_slots_with_care", lambda root, *rest: careful.append(root))
    (x * x).backward()
    assert (x.grad, careful) == (6.0, [])
    hooked.register_hook(print)
    product = hooked * x
    product.backward()
    assert careful == [product]
    handle.remove()


def test_a_hook_on_a_leaf_sees_the_gradient_of_this_pass_and_not_the_sum():
    x = Value(3.0)
    seen = []
    handle = x.register_hook(seen.append)
    (x * x).backward()
    (x * x).backward()
    assert seen == [6.0, 6.0]
    assert x.grad == 12.0
    handle.remove()


def test_what_a_hook_returns_takes_the_place_of_the_gradient():
    x = Value([1.0, -2.0])
    y = x * 3
    first = y.register_hook(lambda g: np.clip(g, -1, 1))
    second = y.register_hook(lambda g: 10 * g)  # gets what the first one returned
    (y * y).sum().backward()
    np.testing.assert_array_equal(x.grad, [30.0, -30.0])
    np.testing.assert_array_equal(y.grad, [10.0, -10.0])
    first.remove()
    second.remove()


@pytest.mark.parametrize("keep", ["all", "leaves"])
def test_a_hook_that_changes_its_argument_changes_nothing_else(keep):
    x, w = Value([1.0, 2.0]), Value([3.0, 4.0])
    y = x + w
    handle = y.register_hook(lambda g: g.fill(99.0))
    y.sum().backward(keep=keep)
    np.testing.assert_array_equal(x.grad, [1.0, 1.0])
    np.testing.assert_array_equal(w.grad, [1.0, 1.0])
    assert not np.shares_memory(x.grad, w.grad)
    handle.remove()


def test_the_pass_with_hooks_gives_the_same_gradients_as_the_fast_one(rng):
    def build():
        w, x, b = Value(np.arange(6.0).reshape(2, 3) / 7), Value(np.linspace(-1, 1, 6).reshape(3, 2)), Value(0.3)
        h = np.tanh(w @ x + b)
        return (w, x, b), h, (h * h).mean() + b * 2

    leaves, hidden, loss = build()
    loss.backward()
    again, hidden_again, loss_again = build()
    handle = hidden_again.register_hook(lambda g: None)
    loss_again.backward()
    for a, b in zip((*leaves, hidden, loss), (*again, hidden_again, loss_again), strict=True):
        np.testing.assert_array_equal(a.grad, b.grad)
        assert type(a.grad) is type(b.grad)
    handle.remove()


def test_a_removed_hook_is_not_called_and_removing_twice_is_fine():
    x = Value(2.0)
    handle = x.register_hook(lambda g: 1 / 0)
    handle.remove()
    handle.remove()
    assert len(HOOKED) == 0  # and passes are fast again
    (x * x).backward()
    assert x.grad == 4.0


def test_a_hook_goes_with_its_node_by_reference_counting_alone():
    gc.disable()
    try:
        y = Value(2.0) * 3
        y.register_hook(lambda g: g)
        assert len(HOOKED) == 1
        del y
        assert len(HOOKED) == 0
    finally:
        gc.enable()


def test_a_hook_survives_naming_its_node():
    x = Value(2.0)
    handle = x.register_hook(lambda g: 5.0)
    x.name = "x"
    (x * 3).backward()
    assert x.grad == 5.0
    handle.remove()


def test_hooks_work_inside_transforms_and_in_recorded_passes():
    def f(x):
        y = x * x
        y.register_hook(lambda g: 2 * g)
        x.register_hook(lambda g: 10 * g)
        return y

    assert grad(f)(3.0) == 120.0
    x = Value(3.0)
    y = x * x
    y.register_hook(lambda g: g * x)
    y.backward(create_graph=True)
    assert x.grad.data == 18.0
    x.zero_grad()


def test_a_hook_inside_a_checkpoint_is_called_in_the_recomputation():
    def f(x):
        y = x * x
        y.register_hook(lambda g: 2 * g)
        return y + 0.0

    x = Value(3.0)
    checkpoint(f)(x).backward()
    assert x.grad == 12.0


def test_a_hook_on_the_argument_of_a_checkpointed_function_is_called():
    def f(x):
        x.register_hook(lambda g: 2 * g)
        return x * x

    x = Value(3.0)
    checkpoint(f)(x).backward()
    assert x.grad == 12.0


def test_a_hook_on_a_value_that_a_checkpoint_uses_is_called_once():
    w = Value(2.0)
    seen = []
    handle = w.register_hook(seen.append)
    checkpoint(lambda x: x * w)(Value(3.0)).backward()
    assert seen == [3.0]
    handle.remove()


def test_reversed_gradients_by_a_hook_inside_hvp():
    def f(x):
        y = x * x
        y.register_hook(lambda g: -g)
        return np.sum(y)

    np.testing.assert_array_equal(hvp(f)(np.ones(2), np.ones(2)), [-2.0, -2.0])


def test_a_gradient_of_another_shape_is_refused():
    x = Value([1.0, 2.0])
    handle = x.register_hook(lambda g: g.sum())
    with pytest.raises(ShapeError, match=r"shape \(\) for a value of shape \(2,\)"):
        (x * x).sum().backward()
    handle.remove()


def test_where_no_gradient_arrives_a_hook_is_refused():
    with no_grad():
        y = Value(2.0) * 3
    with pytest.raises(GradientError, match="no gradient ever reaches"):
        y.register_hook(print)
    with pytest.raises(TypeError, match="expected a function"):
        Value(1.0).register_hook(3)
