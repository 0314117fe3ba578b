"""Walks and modes: order, scopes, recording."""

import asyncio
import copy
import pickle
import threading

import pytest

from tinygrad_edu import Value, no_grad, record_lines, scope
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.graph import Replay, ancestors, descendants, leaves, replay, topological
from tinygrad_edu.kinds import elementwise
from tinygrad_edu.op import REGISTRY


def test_parents_are_ordered_and_repeat():
    a, b = Value(1.0), Value(2.0)
    assert (a * a).parents == (a, a)
    assert (b - a).parents == (b, a)
    assert a.parents == ()


def test_topological_order_puts_parents_first_and_each_node_once():
    a = Value(1.0)
    b = a + a
    c = b * a
    order = topological(c)
    assert [id(node) for node in order] == [id(a), id(b), id(c)]


def test_walks_survive_a_deep_chain():
    x = y = Value(1.0)
    for _ in range(50_000):
        y = y + 1.0
    assert len(topological(y)) == 100_001
    assert leaves(y) == [x]


def test_ancestors_and_descendants_are_each_others_mirror():
    a, b = Value(1.0), Value(2.0)
    c = a * b
    d = c + b
    assert ancestors(d) == {a, b, c}
    assert descendants(d, of=[a]) == {a, c, d}


def test_a_replay_computes_the_graph_for_other_inputs_and_changes_nothing():
    a, b = Value(2.0), Value([1.0, 2.0])
    y = (a * b + 1.0).sum()
    assert replay(y, {a: 5.0}) == 17.0
    assert replay(y, {}) == y.data == 8.0
    again = Replay(y)
    assert [again.run({a: n}) for n in (0.0, 1.0)] == [2.0, 5.0]


def test_scopes_nest_and_each_entry_is_a_new_scope():
    with scope("net"):
        a = Value(1.0) * 2
        with scope("layer"):
            b = a + 1
    with scope("net"):
        c = b * 2
    assert (a.scope.path, b.scope.path, c.scope.path) == ("net", "net/layer", "net")
    assert b.scope.parent is a.scope
    assert c.scope is not a.scope
    assert (b * 2).scope is None


def test_naming_a_node_leaves_its_neighbours_in_the_scope_alone():
    with scope("net"):
        a, b = Value(1.0) * 2, Value(1.0) * 3
    a.name = "first"
    assert (a.name, b.name, a.scope.path) == ("first", None, "net")


def test_parameters_and_scope_live_together():
    with scope("net"):
        y = Value([1.0, 2.0]).sum(axis=0)
    assert (y.params, y.scope.path) == ({"axis": 0, "keepdims": False}, "net")


def test_no_grad_is_also_a_decorator_and_nests():
    @no_grad()
    def double(x):
        return x * 2

    x = Value(1.0)
    assert double(x).parents == ()
    with no_grad():
        with no_grad():
            pass
        assert (x * 2).parents == ()
    assert (x * 2).parents != ()


def test_no_grad_decorates_coroutines_and_refuses_generators():
    @no_grad()
    async def double(x):
        await asyncio.sleep(0)
        return x * 2

    assert asyncio.run(double(Value(1.0))).parents == ()
    with pytest.raises(TypeError, match="generator"):

        @no_grad()
        def values():
            yield 1


def test_no_grad_in_one_thread_leaves_another_recording():
    inside, done = threading.Event(), threading.Event()
    results = {}

    def quiet():
        with no_grad():
            inside.set()
            done.wait(10)
            results["quiet"] = (Value(1.0) * 2).parents

    thread = threading.Thread(target=quiet)
    thread.start()
    inside.wait(10)
    results["loud"] = (Value(1.0) * 2).parents
    done.set()
    thread.join()
    assert results["quiet"] == ()
    assert len(results["loud"]) == 2


def test_recorded_lines_name_the_users_line():
    with record_lines():
        y = Value([1.0, 2.0]).sum()
        z = y * 2
    assert all(node.line.startswith(__file__) for node in (y, z))
    assert int(z.line.rpartition(":")[2]) == int(y.line.rpartition(":")[2]) + 1
    assert (y * 2).line is None


def test_an_operation_of_ours_is_not_replaced_but_a_users_own_may_be_entered_again():
    with pytest.raises(ArgumentError, match="'exp' exists"):
        elementwise("exp", lambda x: x, along=(lambda t, out, x: t,))
    first = elementwise("again_test", lambda x: x, along=(lambda t, out, x: t,))
    second = elementwise("again_test", lambda x: x, along=(lambda t, out, x: t,))
    assert REGISTRY["again_test"] is second is not first


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda graph: pickle.loads(pickle.dumps(graph))])
def test_a_copied_graph_is_a_graph_of_its_own(twin):
    with scope("net"):
        x = Value(3.0, name="x")
        y = (x * x).exp()
    again = twin(y)
    (leaf,) = leaves(again)
    again.backward()
    assert leaf is not x
    assert (leaf.name, again.scope.path, again.op is y.op) == ("x", "net", True)
    assert leaf.grad == 6.0 * y.data
    assert x.grad is None


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda graph: pickle.loads(pickle.dumps(graph))])
def test_a_graph_far_deeper_than_the_recursion_limit_is_copied_and_shared_nodes_stay_shared(twin):
    x = Value(1.0, name="x")
    middle = x
    for _ in range(2_000):
        middle = middle * x
    root = middle
    for _ in range(2_000):
        root = root + x
    root_again, middle_again, x_again = twin([root, middle, x])
    assert {middle_again, x_again} <= set(topological(root_again))
    root_again.backward()
    assert (x_again.grad, x_again.name, x.grad) == (4_001.0, "x", None)


def test_a_shallow_copy_of_a_node_has_the_same_operands():
    x = Value(3.0)
    y = x * x
    assert copy.copy(y).parents == (x, x)


def test_wrong_parameters_are_refused_by_name():
    x = Value([1.0])
    with pytest.raises(ArgumentError, match="no parameter 'axes'"):
        x.softmax(axes=0)
    with pytest.raises(ArgumentError, match="takes 1 operand"):
        x.softmax(0, False, 3)
