"""The walk along a line: what makes a kink, and what only looks like one."""

import math

import pytest

from tinygrad_edu.check.intervals import Sample
from tinygrad_edu.check.walk import FINEST, Walk


def walked(function):
    walk = Walk(lambda t: Sample(t, function(t), 0.0), magnitude=1.0)
    walk.take(range(8, 30))
    return walk


@pytest.mark.parametrize("error", [2e-15, 5e-15, 2e-14])
def test_a_rounding_error_of_the_value_in_the_middle_is_no_clear_kink(error):
    walk = walked(lambda t: 3.0 * t + t * t + error)
    assert walk.bends
    assert not walk.bends_clearly


def test_the_corner_of_a_relu_is_a_clear_kink():
    assert walked(lambda t: max(t, 0.0)).bends_clearly


def test_a_parabola_has_none():
    walk = walked(lambda t: 3.0 * t + t * t)
    assert not walk.bends
    assert not walk.bends_clearly


def line(function):
    return lambda t: Sample(t, function(t), 0.0)


def test_the_hull_of_a_kink_reaches_from_slope_to_slope_and_that_of_a_parabola_is_its_slope():
    hull = walked(lambda t: max(t, 0.0)).hull
    assert hull.low == pytest.approx(0.0, abs=1e-6)
    assert hull.high == pytest.approx(1.0, abs=1e-6)
    hull = walked(lambda t: 3.0 * t + t * t).hull
    assert hull.half < 1e-12


def test_a_weak_bend_is_seen_by_the_difference_of_the_sides_where_neither_side_is_known_so_well():
    """The fault planted: each one-sided interval is wider than the kink, and the two overlap."""
    walk = Walk(lambda t: Sample(t, t + 5 * t * t + 1e-6 * abs(t), 1e-13), magnitude=1.0, noise=1e-13)
    walk.take(range(6, 22))
    assert walk.bend.middle == pytest.approx(2e-6, rel=0.01)
    assert walk.bends_clearly


def test_noise_that_nobody_announced_shows_at_the_finest_steps():
    walk = Walk(line(lambda t: t + 1e-16 * math.sin(1e40 * t * t)), magnitude=1.0)
    walk.take((*FINEST, 12, 11, 10))
    assert 1e-17 < walk.noise < 2e-15


def test_a_vertical_tangent_is_not_taken_for_noise():
    walk = Walk(line(lambda t: math.copysign(abs(t) ** (1 / 3), t)), magnitude=1.0)
    walk.take(FINEST)
    assert walk.noise == 0.0


def test_a_close_look_widens_the_bars_of_the_steps_that_are_rough_and_of_no_others():
    walk = Walk(line(lambda t: t + 1e-9 * math.sin(1e6 * t)), magnitude=1.0, noise=2e-16)
    walk.take(range(6, 40))
    before = {b.octave: b.high - b.low for b in walk._found}
    walk.look_closely(39)
    after = {b.octave: b.high - b.low for b in walk._found}
    assert max(after[k] for k in after if k > 30) < 2 * max(before[k] for k in before if k > 30)
    assert all(after[k] > 1e-9 * 2.0**k for k in after if 8 < k < 14)


def test_trust_is_lost_and_not_regained():
    walk = walked(lambda t: 3.0 * t + t * t)
    narrow = walk.central.half
    walk.trust_no_more_than(1e-9)
    wide = walk.central.half
    walk.trust_no_more_than(1e-12)
    assert wide > 1e3 * narrow
    assert walk.central.half == wide


def test_stairs_are_found_from_the_slope_between_them():
    walk = Walk(line(lambda t: 1e-7 * math.floor(t / 1e-7 + 0.5)), magnitude=1.0)
    walk.take((*FINEST, *range(9, 40)))
    assert walk.central.middle == 0.0
    jump = walk.stairs(walk.central)
    assert abs(jump.height) == pytest.approx(1e-7)
    assert walk.has_other_slope(walk.central, 0.1)
    ripple = Walk(line(lambda t: t + 1e-7 * math.sin(1e7 * t)), magnitude=1.0)
    ripple.take((*FINEST, *range(9, 40)))
    assert ripple.stairs(ripple.central) is None


def test_smaller_steps_take_sides():
    walk = Walk(lambda t: Sample(t, t + 1e-5 * math.sin(1e3 * t), 2e-6), magnitude=1.0, noise=2e-6)
    walk.take(range(2, 18))
    large = walk.at_large
    assert walk.sides_with(1.01, large, 8)
    assert not walk.sides_with(1.1, large, 8)
