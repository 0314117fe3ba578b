"""What moving all inputs at once tells: noise, the blur of a slope; and what must not hide it."""

import numpy as np
import pytest

from tinygrad_edu.check import Verdict, check_gradients
from tinygrad_edu.check.intervals import Sample
from tinygrad_edu.check.lines import STEP, Cotangent, Shaken, noise_level
from tinygrad_edu.check.subjects import from_gradient

rng = np.random.default_rng(9)
ALL = Cotangent(np.ones(1), 0)


def line(f):
    return lambda t: Sample(t, f(t), 0.0)


@pytest.mark.parametrize("height", [1e-12, 1e-9, 1e-7])
def test_the_noise_of_stairs_is_seen_at_any_scale(height):
    """The fault planted: close by, the function is a straight line between two jumps."""
    assert 0.5 * height < noise_level(line(lambda t: t + height * np.floor(0.7 * t / height))) < 5 * height


@pytest.mark.parametrize("f", [np.sin, lambda t: max(t - 2.0**-22, 0.0), lambda t: t**3])
def test_what_grows_with_the_scale_is_no_noise(f):
    assert noise_level(line(f)) < 1e-15


def shaken(f, x):
    x = np.asarray(x)
    subject = from_gradient(f, [x], np.zeros(x.shape), None)
    first = np.zeros(x.shape)
    first[0] = 1.0
    return Shaken(subject, {0: np.where(np.arange(x.size) % 2, -0.75, 1.0)}, {0: first})


def test_a_shaken_slope_is_a_difference_quotient_while_everything_moves():
    found = shaken(lambda x: x[0] ** 2 * x[1], [3.0, 5.0])
    assert found.at(0.0)[0] == pytest.approx(30.0, rel=1e-12)
    assert found.at(2.0**-3)[0] == pytest.approx(2 * 3.125 * (5 - 0.75 / 8), rel=1e-12)


def test_rounding_of_another_input_inside_the_function_blurs_a_slope():
    """The fault planted: along x[0] the function is a straight line; its slope is a number rounded to 1e-7."""
    exact = shaken(lambda x: x[0] * x[1], [1.0, 0.7]).slope(ALL, 1e-16)
    rounded = shaken(lambda x: x[0] * ((x[1] + 1e9) - 1e9), [1.0, 0.7]).slope(ALL, 1e-16)
    assert exact == 0.0
    assert 2e-8 < rounded < 1e-6


def test_noise_that_the_function_has_anyway_blurs_nothing():
    noisy = shaken(lambda x: np.sum(x) + 1e-9 * np.sin(1e20 * np.sum(x)), [1.0, 0.7])
    assert noisy.slope(ALL, 1e-8) == 0.0
    assert noisy.slope(ALL, 1e-16) > 1e-9 / STEP / 10


def test_a_gradient_that_is_right_but_for_such_rounding_is_not_called_wrong_and_a_wrong_one_is():
    def f(x):
        return np.sum(x[0] * ((x[1:] + 1e9) - 1e9))

    x = np.array([1.0, 0.7, 0.3, -0.4])
    gradient = np.array([np.sum(x[1:]), 1.0, 1.0, 1.0])
    assert check_gradients(f, x, gradient=gradient).passed
    assert not check_gradients(f, x, gradient=gradient * [1.01, 1, 1, 1], raise_on_fail=False).passed


def test_moves_that_cancel_in_a_sum_do_not_hide_its_noise():
    """The fault planted: with moves of equal size, x + y - 1 stays exactly 0, and seems free of noise."""
    report = check_gradients(lambda x: np.maximum(x[0] + x[1] - 1, 0.0), np.array([0.5, 0.5]), gradient=np.full(2, 0.5))
    assert report.verdict is Verdict.KINK


def test_entries_drowned_by_others_do_not_spoil_the_report():
    x = np.array([1.0, 40.0, 3.0])
    report = check_gradients(lambda x: np.sum(1.0 / (1.0 + np.exp(-x))), x)
    assert report.verdict is Verdict.PASS
    assert any("drowned" in entry.reason or "as good as zero" in entry.reason for entry in report.entries)


def test_where_scales_differ_by_far_a_drowned_entry_is_left_open():
    x = np.array([1e-8, 1.0, 1e8])
    doubled = 2 * x * [2.0, 1.0, 1.0]
    assert check_gradients(lambda x: np.sum(x * x), x, gradient=doubled).verdict is Verdict.INCONCLUSIVE
