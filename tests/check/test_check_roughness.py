"""How a function departs from smooth ones: rounding noise, stairs, jumps; and what must not be taken for them."""

import math

import numpy as np
import pytest

from tinygrad_edu.check.intervals import Sample
from tinygrad_edu.check.roughness import estimate_noise, jump_between, roughness


@pytest.mark.parametrize("grid", [1e-14, 1.5e-8, 1e-5])
def test_the_noise_of_a_function_with_steps_is_about_their_height(grid):
    f = lambda t: round((math.sin(0.7 + t) - math.sin(0.7)) / grid) * grid  # noqa: E731
    assert 0.1 * grid < estimate_noise(f) < 3 * grid


@pytest.mark.parametrize("level", [1e-13, 1e-9, 1e-6])
def test_the_noise_of_a_noisy_function_is_found_within_a_factor_of_four(level):
    rng = np.random.default_rng(1)
    f = lambda t: math.sin(t) + level * rng.normal()  # noqa: E731
    assert level / 4 < estimate_noise(f) < 4 * level


def test_a_smooth_function_is_not_called_noisy():
    f = lambda t: math.exp(1 + t) - math.e  # noqa: E731
    assert estimate_noise(f) < 4e-16 * math.e


def test_a_constant_function_costs_two_evaluations_and_has_no_noise():
    calls = []
    assert estimate_noise(lambda t: float(bool(calls.append(t)))) == 0.0
    assert len(calls) == 2


def test_a_function_with_values_to_one_side_only_is_left_alone():
    assert estimate_noise(lambda t: math.sqrt(t) if t >= 0 else math.nan) == 0.0


def test_a_single_jump_is_a_clue_to_the_noise():
    assert estimate_noise(lambda t: 1e-6 * (t > 2.0**-13)) == 1e-6


@pytest.mark.parametrize("width", [2.0**-k for k in (47, 43, 39, 33, 28, 24, 20, 16)])
def test_stairs_whose_width_is_a_power_of_two_are_seen_at_their_height(width):
    """The fault planted: steps that are whole numbers of stairs, as powers of two are, see a straight line."""
    f = lambda t: 0.7071 * width * round(t / width)  # noqa: E731 - one line of mathematics
    assert 0.15 * width < estimate_noise(f) < 2 * width


def line(f):
    return lambda t: Sample(t, f(t), 0.0)


@pytest.mark.parametrize("height", [1e-12, 1e-6])
def test_stairs_are_as_rough_as_they_are_high(height):
    found = roughness(line(lambda t: height * math.floor(t / height)), 0.01)
    assert 0.1 * height < found < 0.6 * height


@pytest.mark.parametrize("f", [math.sin, math.exp, lambda t: abs(t) + t * t, lambda t: max(t, -1e-9)])
def test_a_smooth_function_and_a_kink_close_by_are_not_rough(f):
    assert roughness(line(f), 2.0**-6) < 3e-12


def test_a_kink_further_out_and_a_ripple_are_rough():
    assert roughness(line(lambda t: max(t, 0.003)), 0.01) > 1e-5
    assert 1e-7 < roughness(line(lambda t: t + 1e-6 * math.sin(1e5 * t)), 0.01) < 1e-6


def test_a_function_with_too_few_values_has_no_roughness_that_is_known():
    assert math.isnan(roughness(lambda t: Sample(t, t, 0.0) if t > 0 else None, 0.1))


def test_a_jump_is_found_where_it_is_and_with_its_height():
    found = jump_between(line(lambda t: t + 0.25 * (t > 0.7)), 0.1, 1.0)
    assert found.step == pytest.approx(0.7, abs=1e-6)
    assert found.height == pytest.approx(0.25, abs=1e-6)


@pytest.mark.parametrize("f", [lambda t: max(0.0, t - 0.7), lambda t: t**3, math.sin])
def test_what_is_steep_or_has_a_kink_does_not_jump(f):
    assert jump_between(line(f), 0.1, 1.0) is None


def test_one_of_many_stairs_is_a_jump():
    assert jump_between(line(lambda t: 1e-3 * math.floor(t / 1e-3)), 0.1, 1.0).height == pytest.approx(1e-3)


def test_a_jump_beyond_the_domain_is_not_looked_for():
    assert jump_between(lambda t: Sample(t, math.sqrt(0.5 - t), 0.0) if t < 0.5 else None, 0.1, 1.0) is None
