"""Intervals for a slope, from samples of a line; and the noise of a function, from its values."""

import math

import numpy as np
import pytest

from tinygrad_edu.check.intervals import (
    CENTRAL,
    ONE_SIDED,
    UNIT,
    Bracket,
    Sample,
    Slope,
    brackets,
    intersect,
    measure,
)


def samples(f, x, octaves, rounding=UNIT):
    return {
        k: tuple(Sample(t, f(x + t) - f(x), rounding * abs(f(x + t))) for t in (2.0**-k, -(2.0**-k))) for k in octaves
    }


def central(f, x, octaves=range(20, 4, -1)):
    slopes = measure(samples(f, x, octaves), UNIT * abs(f(x)))
    return slopes, brackets(slopes.central, CENTRAL)


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (math.sin, 1.0, math.cos(1.0)),
        (math.exp, 2.0, math.exp(2.0)),
        (lambda x: x**7, 1.5, 7 * 1.5**6),
        (lambda x: 1 / x, 0.5, -4.0),
        (math.tanh, 0.3, 1 - math.tanh(0.3) ** 2),
    ],
)
def test_every_bracket_of_a_smooth_function_holds_its_slope(f, x, slope):
    _, found = central(f, x)
    assert len(found) > 20
    assert all(b.low <= slope <= b.high for b in found)


def test_the_brackets_of_a_smooth_function_narrow_to_ten_digits():
    _, found = central(math.sin, 1.0)
    agreed = intersect(found)
    assert agreed.broken is None
    assert agreed.half < 1e-10


def test_one_sided_brackets_hold_the_slope_too():
    slopes = measure(samples(math.exp, 0.0, range(20, 4, -1)), UNIT)
    for side in (slopes.right, slopes.left):
        found = brackets(side, ONE_SIDED)
        assert found
        assert all(b.low <= 1.0 <= b.high for b in found)


def test_a_parabola_is_exact_even_if_the_two_steps_differ():
    f = lambda t: 3 * t + 5 * t * t  # noqa: E731 - one line of mathematics
    slopes = measure({3: (Sample(0.25, f(0.25), 0.0), Sample(-0.125, f(-0.125), 0.0))}, 0.0)
    assert slopes.central[3].value == pytest.approx(3.0, abs=1e-15)


def test_the_sides_of_a_kink_have_disjoint_intervals():
    slopes = measure(samples(abs, 0.0, range(20, 4, -1)), 0.0)
    right = intersect(brackets(slopes.right, ONE_SIDED))
    left = intersect(brackets(slopes.left, ONE_SIDED))
    assert right.misses(left)
    assert right.holds(1.0)
    assert left.holds(-1.0)


def test_differences_that_do_not_shrink_give_no_bracket():
    diverging = {k: Slope(2.0 ** (k / 2), 1e-16 * 2.0**k, 2.0**-k) for k in range(5, 20)}
    assert brackets(diverging, CENTRAL) == []


def test_a_zero_crossing_of_the_differences_is_not_taken_for_convergence():
    # D(h) = h^2 - h^4 * 3.2 ** 2 turns at h = 1/4.5: between two octaves the difference is small by accident.
    turning = {k: Slope(4.0**-k - 10.24 * 16.0**-k, 1e-17, 2.0**-k) for k in range(-1, 12)}
    assert all(b.low <= 0.0 <= b.high for b in brackets(turning, CENTRAL))


def test_slow_convergence_widens_the_bracket_instead_of_narrowing_it():
    # sign(x) |x|^1.5 has slope 0 at 0, and D(h) = sqrt(h).
    slow = {k: Slope(2.0 ** (-k / 2), 1e-17, 2.0**-k) for k in range(0, 40)}
    found = brackets(slow, CENTRAL)
    assert found
    assert all(b.low <= 0.0 for b in found)


def test_noise_that_nobody_announced_seldom_makes_a_bracket_too_narrow():
    held = count = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        noisy = {k: Slope(1.0 + rng.uniform(-1, 1) * 1e-8 * 2.0**k, 1e-16 * 2.0**k, 2.0**-k) for k in range(2, 16)}
        found = brackets(noisy, CENTRAL)
        held += sum(b.low <= 1.0 <= b.high for b in found)
        count += len(found)
    assert count > 100
    assert held >= 0.85 * count


def test_brackets_that_are_too_narrow_by_far_would_be_noticed():
    """The fault planted: a truncation error that the differences do not show."""
    _, found = central(math.sin, 1.0)
    shifted = [Bracket(b.low + 1e-3, b.high + 1e-3, b.octave) for b in found]
    assert not all(b.low <= math.cos(1.0) <= b.high for b in shifted)


def test_intersecting_stops_at_the_first_disjoint_bracket_from_the_inside_out():
    agreed = intersect([Bracket(5.0, 6.0, 3), Bracket(0.0, 2.0, 9), Bracket(1.0, 3.0, 8), Bracket(0.0, 1.5, 2)])
    assert (agreed.low, agreed.high, agreed.broken) == (1.0, 2.0, 3)
    assert {b.octave for b in agreed.brackets} == {9, 8}


def test_no_interval_where_only_large_steps_settle():
    assert intersect([Bracket(0.0, 1.0, 3)], finest=40) is None
    assert intersect([Bracket(0.0, 1.0, 3)], finest=10) is not None


def test_steps_that_rounding_made_uneven_are_extrapolated_as_they_are():
    """The fault planted: near the resolution of a float, one step is not twice the other."""
    uneven = {49: 0.9, 48: 2.3, 47: 3.6}
    slopes = {k: Slope(1.0 + 0.01 * h, 1e-9, h) for k, h in uneven.items()}
    assert all(b.low <= 1.0 <= b.high for b in brackets(slopes, ONE_SIDED))
    four = {k: Slope(1.0 + 0.01 * h * h, 1e-12, h) for k, h in {**uneven, 46: 8.1}.items()}
    found = brackets(four, CENTRAL)
    assert min(b.high - b.low for b in found) < 1e-9
    assert all(b.low <= 1.0 <= b.high for b in found)


def test_nothing_comes_of_nothing():
    assert intersect([]) is None
    assert brackets({}, CENTRAL) == []
    assert measure({3: (None, None)}, 0.0) == ({}, {}, {}, {})


def test_a_witness_is_an_octave_whose_own_bracket_excludes_the_value():
    agreed = intersect([Bracket(0.0, 2.0, 9), Bracket(1.0, 3.0, 8), Bracket(1.2, 1.9, 8)])
    assert agreed.witnesses(0.5) == {8}
    assert agreed.witnesses(9.0) == {8, 9}
    assert agreed.witnesses(0.95, slack=0.5) == set()
