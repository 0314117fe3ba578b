"""Activations where rounding is the question: arguments of any size."""

import math

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.ops.activation import sigmoid

ARGUMENTS = [-math.inf, -745.0, -100.0, -89.0, -20.0, -1.0, -0.0, 0.0, 1.0, 20.0, 100.0, math.inf]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_sigmoid_of_an_array_is_right_to_the_last_bits_for_arguments_of_any_size(dtype):
    expected = np.array([sigmoid(x) for x in ARGUMENTS])  # on Python's floats: its own formula
    limits = np.finfo(dtype)
    with np.errstate(under="ignore"):
        found = sigmoid(Value(np.array(ARGUMENTS, dtype))).data
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=4 * limits.eps, atol=4 * limits.smallest_subnormal)


def test_the_sigmoid_of_nan_is_nan():
    assert np.isnan(sigmoid(np.array([np.nan, 0.0]))).tolist() == [True, False]
