"""Second order and forward mode: the same check of other claims; rules are planted that fail in one of them only."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import check_gradients
from tinygrad_edu.check import Verdict
from tinygrad_edu.check.modes import gradient_of
from tinygrad_edu.errors import ArgumentError, GradientCheckError
from tinygrad_edu.kinds import elementwise, general

rng = np.random.default_rng(5)
X, W = rng.normal(size=(2, 3)), rng.normal(size=(3, 2))


def test_second_derivatives_are_checked_against_differences_of_the_first():
    report = check_gradients(lambda x: x**3, 2.0, order=2)
    assert report.verdict is Verdict.PASS
    assert report.worst.analytic == pytest.approx(12.0)
    report = check_gradients(lambda x, w: np.sum(np.tanh(x @ w)), X, W, order=2, names=("x", "w"))
    assert report.verdict is Verdict.PASS
    assert len(report.entries) == 12 * 12
    assert any("second order" in note for note in report.notes)


def test_a_rule_that_is_right_once_and_wrong_twice_fails_in_second_order_only():
    sine = elementwise("sine_once", np.sin, along=(lambda t, out, x: t * tg.stop_gradient(np.cos(x)),))
    assert check_gradients(lambda x: sine(x), 0.7).passed
    with pytest.raises(GradientCheckError):
        check_gradients(lambda x: sine(x) * x, 0.7, order=2)


def test_a_function_that_is_linear_has_second_derivatives_of_zero():
    report = check_gradients(lambda x, y: 3.0 * x + y, 2.0, 1.0, order=2)
    assert report.verdict is Verdict.PASS
    assert {entry.analytic for entry in report.entries} == {0.0}


def test_the_flat_gradient_goes_through_the_inputs_in_turn_and_weighs_results_that_are_arrays():
    assert gradient_of(lambda x, y: np.sum(x * x) * y, 2)(np.array([1.0, 2.0]), 3.0).tolist() == [6.0, 12.0, 5.0]
    weighed = gradient_of(lambda x: x * 2.0, 1)(np.ones(3))
    assert len(set(weighed.tolist())) == 3
    assert all(1.0 <= g <= 3.0 for g in weighed)


@pytest.mark.parametrize("order", [1, 2])
def test_forward_mode_is_checked_entry_by_entry_and_compared_with_reverse_mode(order):
    report = check_gradients(lambda x, w: np.tanh(x @ w), X, W, mode="forward", order=order)
    assert report.verdict is Verdict.PASS
    assert report.notes[-1] == "forward mode; reverse mode gives the same"


def test_a_wrong_push_fails_in_forward_mode_only():
    cube = general(
        "cube_push", lambda x: x**3, pull=(lambda g, out, x: g * 3 * x**2,), push=(lambda t, out, x: t * 2 * x**2,)
    )
    assert check_gradients(lambda x: cube(x), 2.0).passed
    report = check_gradients(lambda x: cube(x), 2.0, mode="forward", raise_on_fail=False)
    assert report.verdict is Verdict.FAIL
    assert "the two modes disagree" in report.notes[-1]
    assert any("the modes disagree" in entry.reason for entry in report.entries)


def test_modes_that_disagree_fail_even_where_differences_agree_with_forward_mode():
    cube = general(
        "cube_pull", lambda x: x**3, pull=(lambda g, out, x: g * 2 * x**2,), push=(lambda t, out, x: t * 3 * x**2,)
    )
    report = check_gradients(lambda x: cube(x), 2.0, mode="forward", raise_on_fail=False)
    (failed,) = [entry for entry in report.entries if entry.verdict is Verdict.FAIL]
    assert (failed.analytic, failed.numeric) != (12.0, 12.0)
    assert failed.ratio == pytest.approx(1.5)


def test_too_many_entries_for_forward_mode_are_refused_with_the_way_out():
    with pytest.raises(ArgumentError, match="mode='reverse'"):
        check_gradients(lambda x: np.sum(x * x), np.ones(2001), mode="forward")


@pytest.mark.parametrize("options", [{"order": 3}, {"mode": "sideways"}])
def test_what_is_neither_order_nor_mode_is_refused(options):
    with pytest.raises(ArgumentError, match="expected order 1 or 2, mode 'reverse' or 'forward'"):
        check_gradients(np.sin, 1.0, **options)


def test_a_gradient_by_hand_has_neither():
    with pytest.raises(ArgumentError, match="leave them out with gradient="):
        check_gradients(np.sin, 1.0, gradient=np.cos, order=2)


def test_a_float32_graph_is_replayed_in_float64():
    """In float32, differences would show three digits; the twin shows more than eight."""
    x = tg.Value(rng.normal(size=(4, 3)).astype(np.float32), name="x")
    w = tg.Value(rng.normal(size=(3, 2)).astype(np.float32), name="w")
    root = np.sum(np.tanh(x @ w) ** 2)
    assert root.data.dtype == np.float32
    report = tg.check_graph(root)
    assert report.verdict is Verdict.PASS
    assert min(entry.digits for entry in report.entries) > 8
    assert sum("float64 twin" in note for note in report.notes) == 2


def test_a_float32_function_is_checked_in_float64_in_second_order_too():
    report = check_gradients(lambda x: np.sum(np.exp(x)), np.ones(3, np.float32), order=2)
    assert report.verdict is Verdict.PASS
    assert min(entry.digits for entry in report.entries) > 8
