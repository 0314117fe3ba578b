"""Kinks by name: the operation that switches branch, and the convention that it keeps there."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Value, check_gradients, check_graph
from tinygrad_edu.check.branches import CONVENTIONS, STAIRS, switches, told
from tinygrad_edu.check.subjects import from_graph, from_values
from tinygrad_edu.op import REGISTRY

ONE_TIE = np.array([1.0, 1.0, 0.0])
IMAGE = np.array([1.0, 1.0, 0.0, 0.0]).reshape(1, 2, 2, 1)
WEIGHTS = np.array([1.0, 2.0, 4.0])

AT_KINKS = {  # for each convention: a function, a point on its kink, and the gradient that the convention means
    "relu": (tg.relu, 0.0, 0.0),
    "leaky_relu": (tg.leaky_relu, 0.0, 0.01),
    "absolute": (np.abs, 0.0, 0.0),
    "maximum": (lambda x: np.maximum(x, 1.0), 1.0, 0.5),
    "minimum": (lambda x: np.minimum(x, 1.0), 1.0, 0.5),
    "fmax": (lambda x: np.fmax(x, 1.0), 1.0, 0.5),
    "fmin": (lambda x: np.fmin(x, 1.0), 1.0, 0.5),
    "clip": (lambda x: np.clip(x, 0.0, 1.0), 1.0, 1.0),
    "max": (np.max, ONE_TIE, [0.5, 0.5, 0.0]),
    "min": (lambda x: np.min(-x), ONE_TIE, [-0.5, -0.5, 0.0]),
    "max_pool2d": (lambda x: np.sum(tg.max_pool2d(x, 2)), IMAGE, IMAGE / 2),
    "cummax": (lambda x: np.sum(np.maximum.accumulate(x)), ONE_TIE, [3.0, 0.0, 0.0]),
    "cummin": (lambda x: np.sum(np.minimum.accumulate(-x)), ONE_TIE, [-3.0, 0.0, 0.0]),
    "sort": (lambda x: np.sum(np.sort(x) * WEIGHTS), ONE_TIE, [2.0, 4.0, 1.0]),
    "partition": (lambda x: np.sum(np.partition(x, 1) * WEIGHTS), ONE_TIE, None),
    "where": (lambda x: np.where(x > 1, 2.0 * x - 1.0, x), 1.0, 1.0),
    "getitem": (lambda x: x[np.argmax(x.data)], ONE_TIE, [1.0, 0.0, 0.0]),
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_the_report_names_the_operation_that_switches_and_the_convention_is_the_one_in_force(name):
    f, x, gradient = AT_KINKS[name]
    report = check_gradients(f, x, raise_on_fail=False)
    reasons = " ".join(entry.reason for entry in report.entries)
    assert f"switching: {name} (by convention {CONVENTIONS[name]}" in reasons
    assert __file__ in reasons
    if gradient is not None:
        leaf = Value(x)
        f(leaf).backward()
        assert np.array_equal(leaf.grad, gradient)


def test_the_tables_name_operations_that_are_there():
    assert {*CONVENTIONS, *STAIRS} <= set(REGISTRY)


def test_a_jump_is_named_with_the_operation_that_makes_it():
    report = check_gradients(lambda x: np.where(x > 1, x + 1, x), 1.0)
    assert "jumps by 1 at this point" in report.worst.reason
    assert "switching: where" in report.worst.reason
    report = check_gradients(lambda x: x + np.floor(x), 3.0)
    assert "switching: floor (by convention its derivative is 0" in report.worst.reason


def test_a_branch_that_python_took_is_told_as_such():
    report = check_gradients(lambda x: x if x > 0 else 2 * x, 0.0)
    assert "another path (an `if` on the values)" in report.worst.reason


def test_a_recorded_graph_is_replayed_and_tells_the_line_that_was_recorded():
    with tg.record_lines():
        x = Value(np.array([0.0, 2.0]), name="x")
        root = np.sum(tg.relu(x))
    report = check_graph(root)
    assert "switching: relu" in report.worst.reason
    assert __file__ in report.worst.reason


def moved(subject, *directions):
    return [switch.node.op.name for switch in switches(subject, dict(enumerate(map(np.asarray, directions))))]


def test_an_operation_that_does_not_switch_along_the_direction_is_not_named():
    """The fault planted: relu switches in the first entry, and nothing does along the second."""
    subject = from_values(lambda x: np.sum(tg.relu(x) + np.abs(x + 5.0)), [np.array([0.0, 1.0])], None)
    assert moved(subject, [1.0, 0.0]) == ["relu"]
    assert moved(subject, [0.0, 1.0]) == []


def test_of_two_kinks_only_the_nearer_is_named():
    x = Value(np.array(1.0 + 2.0**-30), name="x")
    subject = from_graph(tg.relu(x - 1.0) + np.abs(x - 1.0001), None)
    assert moved(subject, 1.0) == ["relu"]


def test_a_smooth_function_and_a_gradient_by_hand_have_no_switches():
    assert moved(from_values(lambda x: np.tanh(x), [np.array(0.3)], None), 1.0) == []
    report = check_gradients(lambda x: np.maximum(x, 0), 0.0, gradient=0.0)
    assert "switching" not in report.worst.reason


def test_many_switches_are_counted_not_listed():
    subject = from_values(lambda x: sum(tg.relu(x * k) for k in range(1, 8)), [np.array(0.0)], None)
    text = told(switches(subject, {0: np.array(1.0)}))
    assert text.count("relu") == 3
    assert text.endswith("and 4 more")
