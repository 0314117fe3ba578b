"""The backward pass: every path counted once, nothing shared, nothing left behind."""

import gc
import sys

import numpy as np
import pytest

from tinygrad_edu import Value, no_grad, stop_gradient
from tinygrad_edu.errors import GradientError, ShapeError
from tinygrad_edu.kinds import elementwise, linear


def test_micrograds_readme_expression_has_its_numbers():
    a, b = Value(-4.0), Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert (round(g.data, 4), round(a.grad, 4), round(b.grad, 4)) == (24.7041, 138.8338, 645.5773)
    assert g.data.__class__ is a.grad.__class__ is float


def test_a_value_used_twice_collects_both_gradients():
    a = Value(3.0)
    (a * a).backward()
    assert a.grad == 6.0


def test_shared_subgraphs_are_counted_along_every_path():
    a = Value(1.0)
    b = a + a
    c = b + b
    c.backward()
    assert (a.grad, b.grad) == (4.0, 2.0)


def test_backward_twice_doubles_leaves_and_nothing_else():
    a = Value(1.0)
    b = a + a
    c = b * 3.0
    c.backward()
    c.backward()
    assert (a.grad, b.grad, c.grad) == (12.0, 3.0, 1.0)


def test_two_losses_add_up_in_a_leaf_until_it_is_cleared():
    x = Value([1.0, 2.0])
    (x * 3.0).sum().backward()
    (x * x).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]
    x.zero_grad()
    assert x.grad is None


def test_a_graph_with_exponentially_many_paths_is_walked_once_per_node():
    x = y = Value(1.0)
    for _ in range(200):
        y = y + y
    y.backward()
    assert x.grad == 2.0**200


def test_an_ordering_trap_waits_for_all_consumers():
    a = Value(2.0)
    b = a * 3.0
    loss = b * (b + a)  # a is reached before b is finished
    loss.backward()
    assert a.grad == 3.0 * (6.0 + 2.0) + 6.0 * (3.0 + 1.0)


def test_a_million_nodes_build_differentiate_and_are_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        before = sys.getallocatedblocks()
        x = Value(1.0)
        y = x
        for _ in range(1_000_000):
            y = y + 1.0
        y.backward()
        assert (y.data, x.grad) == (1_000_001.0, 1.0)
        built = sys.getallocatedblocks()
        del y
        x.zero_grad()
        after = sys.getallocatedblocks()
    finally:
        gc.enable()
    assert built - before > 1_000_000
    assert after - before < 1_000


def test_no_graph_needs_the_cyclic_collector():
    gc.collect()
    gc.disable()
    try:
        w = Value(np.ones((3, 2)))
        loss = np.concatenate([np.tanh(np.ones((4, 3)) @ w), np.ones((1, 2))]).mean()
        loss.backward()
        del loss, w
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        assert not [item for item in gc.garbage if type(item).__module__.startswith("tinygrad_edu")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_a_scalar_node_takes_at_most_160_bytes():
    x = Value(1.5)
    node = x * x
    assert sys.getsizeof(node) + 2 * sys.getsizeof(1.5) <= 160  # the node, its data, its gradient


def test_keep_leaves_drops_the_gradients_in_between():
    x = Value([1.0, 2.0])
    y = x * 3.0
    z = y.sum()
    z.backward(keep="leaves")
    assert (y.grad, z.grad) == (None, None)
    assert x.grad.tolist() == [3.0, 3.0]


def test_an_unknown_keep_is_an_error():
    with pytest.raises(ValueError, match="'all' or 'leaves', got 'some'"):
        Value(1.0).backward(keep="some")


@pytest.mark.parametrize("keep", ["all", "leaves"])
def test_no_gradient_shares_memory_with_another_node_or_with_the_seed(keep):
    x, y = Value(np.ones((2, 3))), Value(np.ones((2, 3)))
    a = x + y  # its rule hands the incoming gradient to both
    b = a.reshape(3, 2)  # and this one a view of it
    c = np.broadcast_to(b.T, (2, 3))
    seed = np.full((2, 3), 2.0)
    c.backward(seed, keep=keep)
    grads = [node.grad for node in (x, y, a, b, c) if node.grad is not None]
    arrays = [*grads, seed]
    assert len(grads) == (5 if keep == "all" else 2)
    assert not any(np.shares_memory(p, q) for i, p in enumerate(arrays) for q in arrays[:i])
    assert (seed == 2.0).all()
    x.grad += 1.0
    assert (y.grad == 2.0).all()


def test_a_root_that_is_not_a_number_needs_a_gradient():
    with pytest.raises(GradientError, match=r"shape \(3,\).*gradient="):
        (Value(np.ones(3)) * 2).backward()


def test_a_gradient_of_another_shape_is_an_error():
    with pytest.raises(ShapeError, match=r"\(2,\).*\(3,\)"):
        (Value(np.ones(3)) * 2).backward(np.ones(2))


def test_a_leaf_can_be_the_root():
    x = Value([1.0, 2.0])
    x.backward([3.0, 4.0])
    x.backward([3.0, 4.0])
    assert x.grad.tolist() == [6.0, 8.0]


def test_a_result_made_without_recording_has_nothing_to_differentiate():
    x = Value(3.0)
    with no_grad():
        y = x * x
    with pytest.raises(GradientError, match="no_grad"):
        y.backward()


def test_constants_get_no_gradient_and_no_rule_is_run_for_them():
    def forbidden(t, out, x, y):
        raise AssertionError("a rule ran for a constant")

    scale = elementwise("scale_test", np.multiply, along=(forbidden, lambda t, out, x, y: t * x))
    w = Value(2.0)
    y = scale(np.float64(3.0), w)
    y.backward()
    assert w.grad == 3.0
    assert y.parents[0].grad is None


def test_stop_gradient_cuts_the_graph():
    x = Value(3.0, name="x")
    frozen = stop_gradient(x)
    (x * frozen).backward()
    assert (x.grad, frozen.grad, frozen.name) == (3.0, None, "x")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_gradient_has_the_dtype_and_shape_of_its_node(dtype):
    x = Value(np.ones((2, 1), dtype))
    (x * np.arange(3.0)).sum().backward()
    assert (x.grad.dtype, x.grad.shape) == (dtype, (2, 1))
    assert x.grad.tolist() == [[3.0], [3.0]]


def test_a_scalar_broadcast_over_an_array_collects_the_sum_as_a_float():
    a = Value(2.0)
    (a * np.arange(4.0)).sum().backward()
    assert a.grad == 6.0
    assert a.grad.__class__ is float


def test_where_python_would_raise_scalars_agree_with_arrays():
    for make, at in ((lambda v: 1.0 / v, 0.0), (lambda v: v**0.5, 0.0), (np.log, 0.0)):
        scalar, array = Value(at), Value(np.array([at]))
        with np.errstate(all="ignore"):
            make(scalar).backward()
            make(array).backward([1.0])
        assert scalar.grad == array.grad[0]


def test_an_array_reused_after_it_was_recorded_changes_no_gradient():
    x, buffer = Value([1.0, 2.0, 3.0]), np.zeros(3)
    total = 0.0
    for i in range(3):
        buffer[:] = i + 1
        total = total + (x * buffer).sum()
    mask = np.array([True, False, True])
    total = total + np.sum(x, where=mask) + np.where(mask, x, 0.0).sum()
    mask[:] = False
    total.backward()
    assert x.grad.tolist() == [8.0, 6.0, 8.0]


def test_powers_with_integer_exponents_never_take_a_logarithm():
    for base in (-2.0, 0.0):
        x = Value(base)
        (x**2).backward()
        assert x.grad == 2.0 * base
    zero = Value(0.0)
    (zero**0).backward()
    assert zero.grad == 0.0
    (zero**1).backward()
    assert zero.grad == 1.0


def test_an_error_in_a_rule_names_the_operation_and_the_shapes():
    broken = linear("broken_test", lambda x: 2 * x, adjoint=lambda g, x: g[:1])
    x = Value(np.ones(3), name="x")
    with pytest.raises(GradientError, match=r"broken_test: its rule gave a gradient of shape \(1,\).*\(3,\)") as caught:
        broken(x).sum().backward()
    assert "in the backward rule of broken_test" in caught.value.__notes__[0]


def test_create_graph_gives_gradients_of_any_order():
    x = Value(2.0)
    y = x**4
    orders = []
    for _ in range(4):
        y.backward(create_graph=True)
        y, x_grad = x.grad, x.grad.data
        x.zero_grad()
        orders.append(x_grad)
    assert orders == [32.0, 48.0, 48.0, 24.0]


def test_create_graph_agrees_with_the_fast_pass_on_arrays():
    def loss(w):
        return np.sum(np.tanh(np.ones((4, 3)) @ w) ** 2)

    w = Value(np.arange(6.0).reshape(3, 2) / 7)
    loss(w).backward()
    fast = w.grad
    w.zero_grad()
    loss(w).backward(create_graph=True)
    np.testing.assert_allclose(w.grad.data, fast, rtol=1e-15)


def test_a_walk_that_is_interrupted_leaves_no_marks_in_the_gradients():
    class Interrupting(Value):
        __slots__ = ()
        _a = property(lambda self: interrupt(), lambda self, operand: None)

    def interrupt():
        raise KeyboardInterrupt

    x = Value(2.0)
    y = x * x
    z = y * Interrupting(3.0)
    with pytest.raises(KeyboardInterrupt):
        (y + z).backward()
    assert (x.grad, y.grad, z.grad) == (None, None, None)
