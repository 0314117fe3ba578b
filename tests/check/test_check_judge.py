"""The verdict on one claimed slope; faults are planted in the walk, and the judge must not be fooled."""

import math

import numpy as np
import pytest

from tinygrad_edu.check.findings import Doubts
from tinygrad_edu.check.intervals import UNIT, Sample
from tinygrad_edu.check.judge import judge
from tinygrad_edu.check.walk import Verdict, Walk


def walk(f, x, stretch=1.375, noise=0.0):
    scale = 2.0 ** math.floor(math.log2(abs(x))) if x else 1.0

    def line(t):
        step = ((x + scale * t) - x) / scale
        try:
            value = f(x + scale * step)
        except (ValueError, ArithmeticError):
            return None
        return Sample(step, value - f(x), UNIT * abs(value)) if step else None

    return Walk(line, abs(f(x)), noise, stretch), scale


def verdict(f, x, claim, **options):
    line, scale = walk(f, x, **options)
    return judge(line, claim * scale)


@pytest.mark.parametrize("stretch", [1.0, 1.125, 1.5, 1.875])
@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (math.sin, 1e10, math.cos(1e10)),
        (math.sin, 1.0, math.cos(1.0)),
        (lambda x: x * x, 1e12, 2e12),
        (lambda x: 1 / x, 1e-8, -1e16),
        (math.exp, 50.0, math.exp(50)),
        (lambda x: x**20, 3.0, 20 * 3.0**19),
        (math.log, 1e-300, 1e300),
        (math.sqrt, 1e-12, 5e5),
    ],
)
def test_a_right_slope_passes_and_one_off_by_a_millionth_fails(f, x, slope, stretch):
    assert verdict(f, x, slope, stretch=stretch).verdict is Verdict.PASS
    for wrong in (1 + 1e-6, 1 - 1e-6, -1.0, 2.0, 0.0):
        assert verdict(f, x, wrong * slope, stretch=stretch).verdict is Verdict.FAIL


@pytest.mark.parametrize("size", [1e-2, 1e-4, 1e-6, 1e-8])
def test_an_error_that_passes_is_no_larger_than_the_certified_digits_say(size):
    found = verdict(math.sin, 1.0, math.cos(1.0) * (1 + size))
    assert found.verdict is Verdict.FAIL
    assert found.digits == pytest.approx(-math.log10(size), abs=0.1)


def test_between_the_slopes_of_a_kink_is_kink_and_outside_is_fail():
    for claim in (0.0, 0.3, 1.0):
        assert verdict(lambda x: max(x, 0.0), 0.0, claim).verdict is Verdict.KINK
    for claim in (-0.01, 1.01, 2.0):
        assert verdict(lambda x: max(x, 0.0), 0.0, claim).verdict is Verdict.FAIL


def test_the_middle_of_a_kink_is_not_passed_off_as_a_slope():
    """A central difference says exactly 1/2 at relu(0); that is nobody's derivative."""
    assert verdict(lambda x: max(x, 0.0), 0.0, 0.5).verdict is Verdict.KINK


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9, 1e-12])
def test_a_kink_nearby_does_not_hide_the_slope_at_the_point(distance):
    f = lambda x: max(x - 1.0, 0.0)  # noqa: E731
    assert verdict(f, 1 + distance, 1.0).verdict in (Verdict.PASS, Verdict.KINK)
    assert verdict(f, 1 - distance, 0.0).verdict in (Verdict.PASS, Verdict.KINK)
    assert verdict(f, 1 + distance, -1.0).verdict is Verdict.FAIL


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9])
def test_the_slope_beyond_a_kink_nearby_is_a_wrong_slope(distance):
    f = lambda x: max(x - 1.0, 0.0)  # noqa: E731
    assert verdict(f, 1 + distance, 0.0).verdict is Verdict.FAIL
    assert verdict(f, 1 - distance, 1.0).verdict is Verdict.FAIL


def test_a_vertical_tangent_is_inconclusive():
    found = verdict(lambda x: math.copysign(abs(x) ** (1 / 3), x), 0.0, 1.0)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "do not settle" in found.reason


def test_a_domain_that_ends_here_is_judged_from_inside():
    found = verdict(lambda x: x * math.sqrt(x), 0.0, 0.0)
    assert found.verdict is Verdict.PASS
    assert "one side" in found.reason
    assert verdict(lambda x: x * math.sqrt(x), 0.0, 0.1).verdict is Verdict.FAIL


def test_a_claim_that_is_not_finite_fails_where_the_function_is_smooth():
    assert verdict(math.sin, 1.0, math.nan).verdict is Verdict.FAIL
    assert verdict(math.sin, 1.0, math.inf).verdict is Verdict.FAIL


def test_an_infinite_slope_at_a_vertical_tangent_is_not_called_wrong():
    assert verdict(math.sqrt, 0.0, math.inf).verdict is Verdict.INCONCLUSIVE


def test_a_function_faster_than_floats_can_follow_is_inconclusive():
    assert verdict(math.sin, 1e17, math.cos(1e17), noise=0.7).verdict is Verdict.INCONCLUSIVE


def test_a_point_without_neighbours_in_the_domain_is_inconclusive():
    found = verdict(lambda x: 1.0 if x == 3.0 else math.nan, 3.0, 0.0)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "domain" in found.reason


def test_a_period_that_divides_every_step_does_not_hide_the_slope():
    """The fault planted: with steps of 2^-k alone, sin(2 pi 1024 x) seems constant."""
    f = lambda x: math.sin(2 * math.pi * 1024 * x)  # noqa: E731
    assert verdict(f, 1.0, 2 * math.pi * 1024, stretch=1.0).verdict is Verdict.PASS
    assert verdict(f, 1.0, 0.0, stretch=1.0).verdict is Verdict.FAIL
    assert verdict(f, 1.0, 0.0, stretch=1.375).verdict is Verdict.FAIL


def test_cancellation_inside_the_function_is_inconclusive_and_says_so():
    found = verdict(lambda x: (1 - math.cos(x)) / x**2, 1e-5, -1e-5 / 12)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "cancel" in found.reason


def test_noise_hides_no_more_than_it_must():
    rng = np.random.default_rng(0)
    f = lambda x: math.sin(x) + 1e-8 * rng.uniform(-1, 1)  # noqa: E731
    line = Walk(lambda t: Sample(t, f(1 + t) - math.sin(1), 1e-8), 1.0, noise=1e-8)
    found = judge(line, math.cos(1))
    assert found.verdict is Verdict.PASS
    assert 4 < found.digits < 8
    line = Walk(lambda t: Sample(t, f(1 + t) - math.sin(1), 1e-8), 1.0, noise=1e-8)
    assert judge(line, math.cos(1) * 1.001).verdict is Verdict.FAIL


def test_noise_that_is_underestimated_threefold_ends_in_no_false_alarm():
    for seed in range(40):
        rng = np.random.default_rng(seed)

        def line(t, rng=rng):
            return Sample(t, math.sin(1 + t) - math.sin(1) + 1e-9 * rng.normal(), 1e-9)

        assert judge(Walk(line, 1.0, noise=1e-9), math.cos(1)).verdict is not Verdict.FAIL


def test_the_rounding_of_the_claim_itself_is_allowed_for():
    line, _ = walk(math.sin, 1.0)
    assert judge(line, math.cos(1) * 1.001, slack=0.01).verdict is not Verdict.FAIL


def test_a_smooth_function_takes_few_evaluations_and_a_wrong_claim_some_more():
    line, _ = walk(math.sin, 1.0)
    judge(line, math.cos(1.0))
    assert 2 * len(line.samples) == 8
    line, _ = walk(math.sin, 1.0)
    judge(line, 2 * math.cos(1.0))
    assert 2 * len(line.samples) <= 40


def test_a_function_that_shows_no_change_refutes_only_claims_that_would_show_close_by():
    flat = lambda t: Sample(t, 0.0, UNIT)  # noqa: E731
    assert judge(Walk(flat, 1.0), 0.0).verdict is Verdict.PASS
    assert judge(Walk(flat, 1.0), 1e-3).verdict is Verdict.FAIL
    assert judge(Walk(flat, 1.0), 1e-9).verdict is Verdict.INCONCLUSIVE


# -- what only looks like a wrong claim, and what only looks like a right one


def stairs(x, c=1e9):
    return (x + c) - c


def test_inside_stairs_a_claim_of_the_flat_slope_between_them_is_not_passed():
    """The fault planted: steps too small to leave a stair see a slope of zero, to every digit."""
    noise = 2.0**-23
    assert verdict(stairs, 0.7, 0.0).verdict is not Verdict.PASS
    assert verdict(stairs, 0.7, 0.0, noise=noise).verdict is Verdict.FAIL
    assert verdict(stairs, 0.7, 1.0, noise=noise).verdict is Verdict.PASS


def test_a_slope_that_holds_between_stairs_only_is_not_passed():
    assert verdict(lambda x: stairs(x) ** 2 / x, 0.7, -1.0).verdict is Verdict.INCONCLUSIVE
    assert verdict(lambda x: stairs(x) ** 2 / x, 0.7, 1.0).verdict is not Verdict.FAIL


def test_coarse_stairs_are_the_function_itself():
    assert verdict(lambda x: math.floor(4 * x) / 4, 0.6, 0.0).verdict is Verdict.PASS
    assert verdict(lambda x: math.floor(4 * x) / 4, 0.6, 1.0).verdict is Verdict.FAIL


@pytest.mark.parametrize("distance", [0.0, 2.0**-45, 2.0**-33])
def test_a_kink_so_weak_that_rounding_nearly_hides_it_leaves_both_slopes_right(distance):
    """The fault planted: the mean of both slopes is known to more digits than either, and is neither."""
    f = lambda x: x + 1e-7 * max(x - 1 - distance, 0.0)  # noqa: E731 - one line of mathematics
    for claim in (1.0, 1 + 1e-7):
        assert verdict(f, 1.0, claim).verdict is not Verdict.FAIL
    assert verdict(f, 1.0, 1 + 1e-5).verdict is Verdict.FAIL


def test_a_ripple_that_rounding_half_hides_does_not_make_its_own_slope_wrong():
    f = lambda x: 1e6 + x + 1e-9 * math.sin(1e4 * x)  # noqa: E731 - one line of mathematics
    assert verdict(f, 1.0, 1 + 1e-5 * math.cos(1e4), noise=2e-10).verdict is not Verdict.FAIL


def test_a_jump_at_the_point_and_one_close_by_are_named():
    found = verdict(lambda x: x + (x > 1.0), 1.0, 1.0, noise=1.0)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "jumps by 1 at this point" in found.reason
    found = verdict(lambda x: x + (x > 1 + 1e-9), 1.0, 1.0, noise=1.0)
    assert "jumps by 1 at a distance of 1.0e-09" in found.reason
    rng = np.random.default_rng(0)
    found = verdict(lambda x: x + rng.uniform(-1, 1), 1.0, 1.0, noise=1.0)
    assert "as noise does" in found.reason


def test_a_drowned_claim_is_as_good_as_zero_and_the_report_says_so():
    line, scale = walk(math.tanh, 50.0)
    found = judge(line, 1.5e-43 * scale)
    assert found.verdict is Verdict.PASS
    assert "as good as zero" in found.reason
    hidden = lambda x: 1e12 + math.sin(x)  # noqa: E731
    assert judge(walk(hidden, 0.7)[0], 0.5 * math.cos(0.7)).verdict is Verdict.INCONCLUSIVE
    found = judge(walk(hidden, 0.7)[0], 0.5 * math.cos(0.7), negligible=1.0)
    assert found.verdict is Verdict.PASS
    assert "drowned" in found.reason


def test_doubts_are_asked_before_anything_is_said_against_a_claim_and_only_then():
    asked = []

    def slope():
        asked.append(1)
        return 1e-3

    doubts = Doubts(slope=slope)
    assert judge(walk(math.sin, 1.0)[0], math.cos(1.0), doubts=doubts).verdict is Verdict.PASS
    assert not asked
    assert judge(walk(math.sin, 1.0)[0], math.cos(1.0) * (1 + 1e-4), doubts=doubts).verdict is Verdict.INCONCLUSIVE
    assert asked


def test_a_gross_error_where_the_slope_is_plain_needs_no_second_look():
    line, _ = walk(math.sin, 1.0)
    assert judge(line, 2 * math.cos(1.0), doubts=Doubts(slope=lambda: pytest.fail("asked"))).verdict is Verdict.FAIL


def test_without_doubts_a_claim_gets_no_second_look():
    line, _ = walk(math.sin, 1.0)
    assert judge(line, math.cos(1.0) * (1 + 1e-5), doubts=None).verdict is Verdict.FAIL
    assert 2 * len(line.samples) < 40
