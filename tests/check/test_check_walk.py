"""The walk along a line: what makes a kink, and what only looks like one."""

import pytest

from tinygrad_edu.check.intervals import Sample
from tinygrad_edu.check.walk import Walk


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
