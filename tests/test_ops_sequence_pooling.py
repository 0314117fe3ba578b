"""Pooling of sequences: small loops as the yardstick, gradients by hand, what does not fit."""

import numpy as np
import pytest

from tinygrad_edu import Value, avg_pool1d, max_pool1d
from tinygrad_edu.errors import ArgumentError, ShapeError

SETTINGS = [(2, None, 0, 1), (3, 1, 1, 1), (3, 2, (2, 0), 1), (2, 1, 1, 3)]


def windows(x, kernel, stride, padding, dilation, border):
    """Each window of a sequence (length, channels), with its border."""
    left, right = (padding, padding) if isinstance(padding, int) else padding
    x = np.pad(x, ((left, right), (0, 0)), constant_values=border)
    reach = dilation * (kernel - 1) + 1
    return np.array([x[i : i + reach : dilation] for i in range(0, len(x) - reach + 1, stride or kernel)])


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), SETTINGS)
def test_the_largest_of_each_window(kernel, stride, padding, dilation, rng):
    x = rng.normal(size=(2, 7, 3))
    expected = [windows(one, kernel, stride, padding, dilation, -np.inf).max(axis=1) for one in x]
    np.testing.assert_array_equal(max_pool1d(x, kernel, stride, padding, dilation), expected)


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), SETTINGS[:3])
@pytest.mark.parametrize("count_include_pad", [True, False])
def test_the_mean_of_each_window(kernel, stride, padding, dilation, count_include_pad, rng):
    x = rng.normal(size=(2, 7, 3))
    border = 0.0 if count_include_pad else np.nan
    expected = [np.nanmean(windows(one, kernel, stride, padding, dilation, border), axis=1) for one in x]
    np.testing.assert_allclose(avg_pool1d(x, kernel, stride, padding, count_include_pad), expected, rtol=1e-13)


def test_gradients_go_where_the_numbers_came_from():
    x = Value(np.array([1.0, 4.0, 2.0, 3.0, 9.0]).reshape(1, 5, 1))
    (max_pool1d(x, 2) * np.array([10.0, 20.0]).reshape(1, 2, 1)).sum().backward()
    assert x.grad.ravel().tolist() == [0.0, 10.0, 0.0, 20.0, 0.0]
    x.zero_grad()
    (avg_pool1d(x, 2) * np.array([10.0, 20.0]).reshape(1, 2, 1)).sum().backward()
    assert x.grad.ravel().tolist() == [5.0, 5.0, 10.0, 10.0, 0.0]


def test_same_padding_keeps_the_length():
    assert max_pool1d(np.ones((1, 5, 2)), 3, 1, "same").shape == (1, 5, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: max_pool1d(np.ones((5, 2)), 2), ShapeError, r"\(batch, length, channels\); got shape \(5, 2\)"),
        (lambda: avg_pool1d(np.ones((1, 2, 2)), 3), ShapeError, "larger than the image"),
        (lambda: max_pool1d(np.ones((1, 5, 2)), (1, 2)), ArgumentError, r"kernel_size must be an int.*got \(1, 2\)"),
        (lambda: max_pool1d(np.ones((1, 5, 2)), 2, stride=0), ArgumentError, "stride must be an int, 1 or more; got 0"),
    ],
)
def test_what_does_not_fit_is_said(call, error, message):
    with pytest.raises(error, match=message):
        call()
