"""`check_gradients`: what it accepts, what it leaves untouched, what it reports."""

import math
import warnings

import numpy as np
import pytest

from tinygrad_edu import Value, no_grad, stop_gradient
from tinygrad_edu.check import Report, Verdict, check_gradients
from tinygrad_edu.errors import ArgumentError, DTypeError, GradientCheckError, ShapeError

rng = np.random.default_rng(7)
X = rng.normal(size=(3, 2))
W = rng.normal(size=(2, 4))


def test_every_entry_of_every_input_is_compared():
    report = check_gradients(lambda x, w: np.tanh(x @ w).sum(), X, W)
    assert report.verdict is Verdict.PASS
    assert [entry.argument for entry in report.entries] == ["x"] * 6 + ["w"] * 8
    assert report.entries[1].index == (0, 1)
    assert report.miss_probability == 0.0


def test_names_are_used_and_must_be_as_many_as_inputs():
    report = check_gradients(lambda x, w: (x @ w).sum(), X, W, names=("x", "w"))
    assert {entry.argument for entry in report.entries} == {"x", "w"}
    with pytest.raises(ArgumentError, match="2 inputs, but 1 names"):
        check_gradients(lambda x, w: (x @ w).sum(), X, W, names=("x",))


def test_an_array_as_result_is_checked_as_a_full_jacobian():
    report = check_gradients(lambda x: x @ W, X)
    assert report.passed
    assert len(report.entries) == 6 * 12
    assert report.entries[0].output == (0, 0)
    assert report.entries[0].analytic == W[0, 0]


def test_a_large_result_is_weighed_by_random_cotangents_and_the_report_says_so():
    report = check_gradients(lambda x: np.tanh(x * np.ones(5000)), 0.3)
    assert report.passed
    assert any("2 random cotangents" in note for note in report.notes)
    assert report.miss_probability == 0.25


def test_a_wrong_rule_fails_and_the_message_leads_to_it(wrong_square):
    with pytest.raises(GradientCheckError, match=r"gradient for x is wrong at \[0\]") as caught:
        check_gradients(lambda x: wrong_square(x).sum(), np.array([0.5, 3.0]), names=("x",))
    message = str(caught.value)
    assert "analytic 0.5\n" in message
    assert "numeric  1 ±" in message
    assert "ratio    0.5" in message
    assert "factor 1/2" in message
    assert "2 of the 2 entries" in message
    assert isinstance(caught.value.report, Report)
    assert not caught.value.report.passed


def test_a_failure_can_be_had_as_a_report(wrong_square):
    report = check_gradients(wrong_square, 3.0, raise_on_fail=False)
    assert report.verdict is Verdict.FAIL
    assert report.worst.ratio == pytest.approx(0.5)


def test_a_function_that_ignores_an_input_has_a_zero_gradient_there():
    report = check_gradients(lambda x, y: x * x, 3.0, 4.0)
    assert report.verdict is Verdict.PASS
    assert report.entries[1].analytic == 0.0


def test_a_gradient_lost_on_the_way_fails():
    with pytest.raises(GradientCheckError, match="does not arrive"):
        check_gradients(lambda x: x * 0 + x.data**2, 3.0)
    with pytest.raises(GradientCheckError, match="does not arrive"):
        check_gradients(lambda x: stop_gradient(x) ** 2, 3.0)


def test_inputs_may_be_values_floats_integers_lists_and_keep_what_they_hold():
    x = Value(X, name="x")
    before = X.copy()
    report = check_gradients(lambda a, b, c: (a * b).sum() * c.sum(), x, 3, [1, 2])
    assert report.passed
    assert report.entries[0].argument == "x"
    assert x.grad is None
    assert (x.data == before).all()
    assert (before == X).all()


def test_float32_is_promoted_and_the_report_says_so():
    report = check_gradients(lambda x: (x * x).sum(), X.astype(np.float32), names=("x",))
    assert report.passed
    assert any("x is float32: its float64 twin was checked" in note for note in report.notes)
    assert report.worst.digits > 8


@pytest.mark.parametrize("x", ["text", 1j, [1j], None])
def test_inputs_that_are_no_real_numbers_are_refused(x):
    with pytest.raises(DTypeError):
        check_gradients(lambda x: x, x)


def test_calls_that_cannot_be_meant_are_refused():
    with pytest.raises(ArgumentError, match="point to check at"):
        check_gradients(lambda: Value(1.0))
    with pytest.raises(ArgumentError, match="returned a tuple"):
        check_gradients(lambda x: (x, x), 1.0)
    with pytest.raises(ArgumentError, match="returned a NoneType"):
        check_gradients(lambda x: None, 1.0)
    with pytest.raises(ArgumentError, match="need as many gradients"):
        check_gradients(lambda x, y: x * y, 1.0, 2.0, gradient=(1.0,))


def test_an_error_in_the_function_itself_is_the_callers_to_see():
    with pytest.raises(ShapeError):
        check_gradients(lambda x: x @ np.ones(7), X)


def test_a_function_whose_shape_depends_on_its_numbers_is_refused():
    with pytest.raises(ShapeError, match="nearby"):
        check_gradients(lambda x: x[x > 0.5] * 1.0, np.array([0.5, 1.0]))


def test_perturbed_points_are_computed_without_recording():
    recorded = []

    def f(x):
        y = x * x
        recorded.append(bool(y.parents))
        return y

    check_gradients(f, 3.0)
    assert recorded.count(True) == 1
    assert len(recorded) > 8


def test_points_outside_the_domain_warn_nobody():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_gradients(np.log, 1e-3, gradient=1e3).passed
        assert check_gradients(lambda x: np.log(x) + np.sqrt(x), 1e-300).passed
        assert check_gradients(np.sqrt, 0.0).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("x", [-1.0, 0.0, math.inf, math.nan])
def test_a_point_where_nothing_is_finite_is_inconclusive_with_the_reason(x):
    report = check_gradients(np.log, x)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.passed
    assert "not finite" in report.worst.reason


def test_a_function_that_draws_random_numbers_is_inconclusive_with_the_reason():
    draw = np.random.default_rng(0)
    report = check_gradients(lambda x: x * draw.random(), 3.0)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "two results" in report.worst.reason


def test_it_works_inside_no_grad_as_well():
    with no_grad():
        assert check_gradients(lambda x: x * x, 3.0).entries[0].analytic == 6.0


def test_inputs_without_entries_pass_with_a_note():
    report = check_gradients(lambda x: x.sum(), np.zeros((0, 3)))
    assert report.verdict is Verdict.PASS
    assert report.entries == ()
    assert report.worst is None
    assert "no entries" in report.notes[0]
    assert "nothing to check" in str(report)


def test_a_check_can_be_repeated_and_its_randomness_handed_in():
    f, x = lambda x: np.sum(np.sin(x)), np.linspace(0.1, 3, 900)
    assert check_gradients(f, x) == check_gradients(f, x)
    assert check_gradients(f, x, rng=1) == check_gradients(f, x, rng=np.random.default_rng(1))
    assert check_gradients(f, x, rng=1) != check_gradients(f, x, rng=2)


def test_evaluations_are_counted_and_few():
    calls = []

    def f(x):
        calls.append(1)
        return np.sum(np.sin(x))

    report = check_gradients(f, np.linspace(0.5, 2.0, 50))
    assert report.evaluations == len(calls)
    assert report.evaluations < 20 * 50


def test_steps_are_no_multiples_of_a_period():
    """The fault planted: at steps of 2^-k alone, this function seems constant."""
    f = lambda x: np.sin(2 * np.pi * 2**20 * x)  # noqa: E731
    assert check_gradients(f, 1.0, gradient=2 * np.pi * 2**20).passed
    assert not check_gradients(f, 1.0, gradient=0.0, raise_on_fail=False).passed


def test_where_pythons_floats_turn_complex_the_function_has_no_value():
    slope = 1.5 * (1.0 - 0.999) ** 0.5
    right = check_gradients(lambda x: (x - 0.999) ** 1.5, 1.0, gradient=slope, raise_on_fail=False)
    wrong = check_gradients(lambda x: (x - 0.999) ** 1.5, 1.0, gradient=1.01 * slope, raise_on_fail=False)
    assert (right.verdict, wrong.verdict) == (Verdict.PASS, Verdict.FAIL)


# -- projections


def test_many_entries_are_checked_by_projections_and_the_chance_of_a_miss_is_stated():
    report = check_gradients(lambda x: np.sum(np.sin(x) * x), rng.normal(size=5000))
    assert report.verdict is Verdict.PASS
    assert report.miss_probability == 0.5**8
    assert report.evaluations < 700
    assert "5000 entries, checked by 8 random projections" in report.notes[0]
    assert "unseen with probability" in str(report)


@pytest.mark.parametrize("relative", [1.0, 1e-2, 1e-4])
def test_one_wrong_entry_among_5000_is_seen_and_found(relative):
    x = rng.normal(size=5000)
    gradient = np.cos(x) * x + np.sin(x)
    gradient[4321] *= 1 + relative
    report = check_gradients(lambda x: np.sum(np.sin(x) * x), x, gradient=gradient, raise_on_fail=False)
    assert not report.passed
    assert any(entry.index == (4321,) and entry.verdict is Verdict.FAIL for entry in report.entries)


def test_the_message_names_the_entry_and_not_the_projection():
    x = rng.normal(size=(50, 100))
    gradient = 2 * x
    gradient[7, 13] = 0.0
    with pytest.raises(GradientCheckError, match=r"wrong at \[7, 13\]"):
        check_gradients(lambda x: np.sum(x * x), x, gradient=gradient)


def test_errors_that_cancel_in_a_sum_are_seen_by_random_signs():
    """The fault planted: with all signs equal, +e and -e hide each other."""
    x = rng.uniform(1, 2, size=5000)
    gradient = 2 * x
    gradient[10] += 0.1
    gradient[20] -= 0.1 * np.ceil(x[20]) / np.ceil(x[10])
    assert not check_gradients(lambda x: np.sum(x * x), x, gradient=gradient, raise_on_fail=False).passed


def test_the_budget_decides_between_entries_and_projections():
    f, x = lambda x: np.sum(x * x), rng.normal(size=60)
    assert len(check_gradients(f, x).entries) == 60
    assert len(check_gradients(f, x, budget=100).entries) == 16
    assert check_gradients(f, x, budget=100).passed


def test_after_many_failures_the_rest_is_left_alone_and_the_report_says_so():
    report = check_gradients(lambda x: np.sum(x * x), rng.normal(size=100), gradient=np.zeros(100), raise_on_fail=False)
    assert len(report.entries) == 25
    assert any("75 more were not looked at" in note for note in report.notes)


# -- gradients from elsewhere


def test_a_gradient_by_hand_may_be_an_array_a_tuple_or_a_function():
    f = lambda x, y: np.sum(x * x * y)  # noqa: E731
    x, y = rng.normal(size=3), rng.normal(size=3)
    assert check_gradients(f, x, y, gradient=(2 * x * y, x * x)).passed
    assert check_gradients(f, x, y, gradient=lambda x, y: (2 * x * y, x * x)).passed
    assert check_gradients(np.sin, 1.0, gradient=math.cos).passed
    with pytest.raises(GradientCheckError, match="gradient for y"):
        check_gradients(f, x, y, gradient=(2 * x * y, x))


def test_a_gradient_of_the_wrong_shape_fails_and_says_what_is_missing():
    x, b = rng.normal(size=(4, 3)), rng.normal(size=3)
    with pytest.raises(GradientCheckError, match=r"must be summed over axis 0"):
        check_gradients(lambda b: np.sum((x + b) ** 2), b, gradient=2 * (x + b))
    with pytest.raises(GradientCheckError, match="looks transposed"):
        check_gradients(lambda x: np.sum(x * x), x, gradient=2 * x.T)


def test_the_functions_own_data_cannot_be_changed_by_it():
    x = np.ones(3)

    def f(x):
        x += 1.0
        return np.sum(x * x)

    assert check_gradients(f, x, gradient=np.full(3, 4.0)).verdict is Verdict.PASS
    assert (x == 1.0).all()
