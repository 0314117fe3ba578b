"""Sums over the first axes, as gradients of biases need them."""

import numpy as np
import pytest

import tinygrad_edu
from tinygrad_edu import Value, sums


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_sum_over_the_first_axes_is_numpys(dtype, axes):
    whole = np.random.default_rng(0).normal(size=(12, 14, 9, 16)).astype(dtype)
    for x in (whole, whole[::2, ::-1], whole.transpose(2, 1, 0, 3)):
        out = np.full(x.shape[axes:], 7, dtype)
        expected = x.sum(axis=tuple(range(axes)), dtype=np.float64)
        np.testing.assert_allclose(sums.add_rows(x, axes, out), expected, atol=2e-5 if dtype is np.float32 else 1e-11)
        assert out.dtype == dtype
        assert sums.fits(x, axes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("axes", [1, 2])
def test_a_sum_over_the_last_axes_is_numpys(dtype, axes):
    whole = np.random.default_rng(0).normal(size=(40, 14, 9, 16)).astype(dtype)
    whole[3, 4, 5, 6], whole[7, 8, 1, 2] = np.inf, np.nan
    for x in (whole, whole[::2, ::-1], whole.transpose(2, 1, 0, 3)):
        last = tuple(range(-axes, 0))
        out = np.full(x.sum(axis=last, keepdims=True).shape, 7, dtype)
        sums.add_columns(x, axes, out)
        expected = x.sum(axis=last, dtype=np.float64, keepdims=True)
        np.testing.assert_allclose(out, expected, atol=2e-5 if dtype is np.float32 else 1e-11)
        assert sums.fits_last(x, axes)


def test_infinite_numbers_and_nan_come_through():
    x = np.ones((300, 16))
    x[3, 4], x[5, 6] = np.inf, np.nan
    found = sums.add_rows(x, 1)
    assert found[4] == np.inf
    assert np.isnan(found[6])
    assert np.all(found[[0, 1, 2, 3, 5, *range(7, 16)]] == 300)


def test_few_numbers_whole_ones_and_sums_of_everything_are_left_to_numpy():
    assert not sums.fits(np.ones((4, 4)), 1)
    assert not sums.fits(np.ones((4096, 4), int), 1)
    assert not sums.fits(np.ones(9999), 1)
    assert not sums.fits(np.ones((9999, 1)), 1)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("reduce", [np.sum, np.mean])
def test_a_plan_adds_up_as_the_function_does(reduce, keepdims):
    x = np.random.default_rng(0).normal(size=(32, 20, 16))
    fast = tinygrad_edu.compile(lambda x: reduce(np.tanh(x), axis=(0, 1), keepdims=keepdims) * 2.0, jit=False)
    found, expected = fast(Value(x)).data, reduce(np.tanh(x), axis=(0, 1), keepdims=keepdims) * 2.0
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found.shape == expected.shape
    assert "add_rows(" in fast.explain()


def test_the_gradient_of_a_bias_is_the_sum_over_everything_else():
    g = np.random.default_rng(0).normal(size=(32, 20, 16))
    bias = Value(np.zeros(16))
    (bias + np.zeros(g.shape)).backward(g)
    np.testing.assert_allclose(bias.grad, g.sum(axis=(0, 1)), rtol=1e-12, atol=1e-12)
