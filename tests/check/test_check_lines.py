"""Lines through the inputs, along which a function is followed: their steps, and what rounding adds."""

import numpy as np
import pytest

from tinygrad_edu.check.lines import Coordinate, Cotangent, Line, cotangents
from tinygrad_edu.check.subjects import from_gradient, unit_of


def subject(f, *inputs):
    return from_gradient(f, inputs, tuple(np.zeros(np.shape(x)) for x in inputs), None)


def test_a_step_along_a_coordinate_is_the_one_that_floating_point_took():
    line = Coordinate(subject(lambda x: x, np.array([1.0])), 0, 0, 1.0)
    step, out = line.at(1.3e-16)
    assert step == 2.0**-52
    assert out == 1.0 + 2.0**-52
    assert line.at(1e-17) == (0.0, None)


def test_what_rounding_strays_from_a_line_counts_as_rounding():
    x = np.array([1 - 2.0**-53])
    sample = Line(subject(lambda x: x, x), {0: np.ones(1)}).along(Cotangent(np.ones(1), 0), {0: np.array([8.0])})
    assert sample(2.0**-10).rounding == pytest.approx(8 * 2.0**-53 + 2.0**-52, rel=1e-2)
    assert sample(-(2.0**-10)).rounding == pytest.approx(2.0**-52, rel=1e-2)


def test_each_entry_of_a_result_weighs_as_its_magnitude_needs():
    draw = np.random.default_rng(0)
    (one,) = cotangents(np.array([1e8, 1e-3, 1.0]), (3,), draw, most=1, draws=1)
    assert np.all(np.abs(one.weights * [1e8, 1e-3, 1.0]) < 4)
    assert np.all(np.abs(one.weights * [1e8, 1e-3, 1.0]) > 0.4)


def test_a_result_in_float32_is_as_rough_as_float32():
    assert unit_of(np.float32(1.0)) == np.finfo(np.float32).eps
    assert unit_of(1.0) == unit_of(3) == np.finfo(np.float64).eps
