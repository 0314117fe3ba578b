"""What a derivative is where there is none, and where a formula would divide by zero: the conventions, one by one."""

import numpy as np
import pytest

import tinygrad_edu.ops.activation as act
from tinygrad_edu import Value
from tinygrad_edu.backward import backward
from tinygrad_edu.ops.cumulative import cummax
from tinygrad_edu.ops.indexing import scatter
from tinygrad_edu.transforms import hessian


def gradient(f, *operands):
    values = [Value(x) for x in operands]
    result = f(*values)
    (result if result.shape == () else result.sum()).backward()
    found = [value.grad for value in values]
    return found[0] if len(found) == 1 else found


def listed(f, *operands):
    found = gradient(f, *operands)
    return [np.asarray(x).tolist() for x in found] if isinstance(found, list) else np.asarray(found).tolist()


def test_relu_at_zero_has_derivative_zero():
    assert listed(act.relu, [-1.0, 0.0, 1.0]) == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("f", [np.abs, np.fabs, np.sign])
def test_the_absolute_value_at_zero_has_derivative_zero(f):
    v = Value([0.0, 2.0])
    (f(v) + 0 * v).sum().backward()
    assert v.grad[0] == 0.0


@pytest.mark.parametrize("f", [np.maximum, np.minimum, np.fmax, np.fmin])
def test_a_tie_of_two_operands_is_split_in_half(f):
    assert listed(f, [1.0, 3.0], [1.0, 3.0]) == [[0.5, 0.5], [0.5, 0.5]]


def test_fmax_hands_everything_to_the_operand_that_is_a_number():
    assert listed(np.fmax, [np.nan, 1.0], [2.0, np.nan]) == [[0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize("f", [np.max, np.min, np.maximum.reduce, np.nanmax])
def test_tied_extremes_share_the_gradient_evenly(f):
    assert listed(f, [2.0, 2.0, 2.0, 2.0]) == [0.25] * 4


def test_a_running_maximum_credits_the_first_of_tied_entries():
    assert listed(cummax, [1.0, 3.0, 3.0, 2.0]) == [1.0, 3.0, 0.0, 0.0]


def test_at_the_edges_of_clip_the_gradient_passes():
    assert listed(lambda x: np.clip(x, -1, 1), [-2.0, -1.0, 0.0, 1.0, 2.0]) == [0.0, 1.0, 1.0, 1.0, 0.0]
    assert listed(act.hard_tanh, [-1.0, 1.0]) == [1.0, 1.0]
    assert listed(act.hard_sigmoid, [-3.0, 3.0]) == pytest.approx([1 / 6, 1 / 6])


@pytest.mark.parametrize("f", [np.std, np.nanstd, lambda x: np.std(x, where=np.array([True, True, False]))])
def test_a_standard_deviation_of_zero_has_gradient_zero(f):
    assert listed(f, [2.0, 2.0, 2.0]) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("f", [np.hypot, np.arctan2])
def test_length_and_angle_at_the_origin_have_gradient_zero(f):
    assert listed(f, [0.0], [0.0]) == [[0.0], [0.0]]


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([2.0, 3.0, 4.0], [12.0, 8.0, 6.0]),
        ([0.0, 3.0, 4.0], [12.0, 0.0, 0.0]),
        ([0.0, 3.0, 0.0], [0.0, 0.0, 0.0]),
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
    ],
)
def test_a_product_differentiates_with_any_number_of_zeros(x, expected):
    assert listed(np.prod, x) == expected


def test_the_second_derivative_of_a_product_with_two_zeros_is_the_rest():
    x = Value([0.0, 3.0, 0.0])
    backward(np.prod(x), create_graph=True)
    first = x.grad
    x.zero_grad()
    first[0].backward()
    assert x.grad.tolist() == [0.0, 0.0, 3.0]


@pytest.mark.parametrize("x", [[2.0, 0.0, 3.0, 4.0], [0.0, 0.0, 3.0, 2.0], [1.0, 2.0, 3.0, 0.0]])
def test_running_products_differentiate_with_zeros(x):
    weights = np.array([1.0, 10.0, 100.0, 1000.0])
    expected = [
        sum(weights[j] * np.prod([x[k] for k in range(j + 1) if k != i]) for j in range(i, 4)) for i in range(4)
    ]
    assert listed(lambda v: np.cumprod(v) * weights, x) == expected


def test_sorting_keeps_tied_gradients_in_order():
    assert listed(lambda v: np.sort(v) * np.array([1.0, 10.0, 100.0]), [2.0, 1.0, 2.0]) == [10.0, 1.0, 100.0]


def test_an_even_median_shares_the_gradient_between_its_two_middle_entries():
    assert listed(np.median, [4.0, 1.0, 3.0, 9.0]) == [0.5, 0.0, 0.5, 0.0]


def test_a_median_with_a_nan_is_nan_and_nanmedian_leaves_it_out():
    assert np.isnan(np.median(Value([1.0, np.nan, 3.0])).data)
    assert listed(np.nanmedian, [1.0, np.nan, 3.0]) == [0.5, 0.0, 0.5]


@pytest.mark.parametrize("f", [np.nansum, np.nanmean, np.nanprod, np.nanvar, np.nanmax, np.nancumsum])
def test_a_nan_that_is_skipped_receives_no_gradient(f):
    found = gradient(f, [1.0, np.nan, 3.0])
    assert found[1] == 0.0
    assert np.isfinite(found).all()


def test_sinc_is_exact_at_zero_in_every_order():
    x = Value(0.0)
    expected = [1.0, 0.0, -(np.pi**2) / 3, 0.0, np.pi**4 / 5]
    node = np.sinc(x)
    for derivative in expected:
        assert float(node.data) == pytest.approx(derivative, abs=1e-12)
        x.zero_grad()
        node.backward(create_graph=True)
        node = x.grad


@pytest.mark.parametrize("x", [1e-9, 1e-4, 0.3, 0.9, 1.7, 6.0])
def test_the_slope_of_sinc_loses_no_digits_near_zero(x):
    from fractions import Fraction

    z = Fraction(np.pi * x)
    term, slope = Fraction(1), Fraction(0)
    for k in range(1, 60):  # sinc = sum of (-1)^k z^2k / (2k+1)!, differentiated term by term
        term *= -z * z / (2 * k * (2 * k + 1))
        slope += 2 * k * term / z
    assert gradient(np.sinc, x) == pytest.approx(float(slope) * np.pi, rel=1e-11)


def test_a_bad_branch_does_not_poison_the_good_one_in_piecewise():
    x = [-4.0, 4.0]
    assert listed(lambda v: np.piecewise(v, [v < 0, v >= 0], [lambda u: -u, np.sqrt]), x) == [-1.0, 0.25]


@pytest.mark.parametrize(
    "f",
    [act.softplus, act.silu, act.mish, act.elu, act.selu, act.softsign, act.log_sigmoid, act.sigmoid, act.leaky_relu],
)
@pytest.mark.parametrize("x", [-1000.0, 1000.0, 0.0])
def test_activations_are_finite_and_silent_for_arguments_of_any_size(f, x):
    for operand in (x, [x], np.array([x], dtype=np.float32)):
        assert np.isfinite(gradient(f, operand)).all()


def test_logaddexp_is_silent_for_operands_that_are_far_apart():
    assert listed(np.logaddexp, [1000.0, -1000.0], [-1000.0, 1000.0]) == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("f", [np.floor, np.ceil, np.trunc, np.rint, np.round, np.fix, np.sign])
def test_steps_are_flat(f):
    v = Value([0.3, 1.7])
    (v * f(v)).sum().backward()
    assert v.grad.tolist() == f(v.data).tolist()


def test_a_remainder_follows_its_divisor_by_whole_steps():
    assert listed(np.remainder, [7.5], [2.0]) == [[1.0], [-3.0]]
    assert listed(np.fmod, [-7.5], [2.0]) == [[1.0], [3.0]]


def test_unique_hands_the_gradient_to_the_first_entry_of_its_number():
    assert listed(lambda v: np.unique(v) * np.array([1.0, 10.0]), [3.0, 1.0, 3.0]) == [10.0, 1.0, 0.0]


def test_derivatives_keep_the_range_of_floats_where_squares_would_leave_it():
    for size in (1e-170, 1e160):
        y, x = Value(size), Value(size)
        np.arctan2(y, x).backward()
        assert y.grad == pytest.approx(0.5 / size, rel=1e-12)
    far = Value(1e200)
    np.arcsinh(far).backward()
    assert far.grad == pytest.approx(1e-200, rel=1e-12)


def test_a_scatter_by_a_list_adds_repeats_like_one_by_an_array():
    assert scatter(np.array([1.0, 2.0, 3.0]), [0, 0, 1], (2,)).tolist() == [3.0, 3.0]


def test_the_hessian_of_a_length_at_zero_is_the_identity_by_convention():
    np.testing.assert_array_equal(hessian(np.linalg.norm)(np.zeros(3)), np.eye(3))
    np.testing.assert_array_equal(hessian(lambda v: np.hypot(v[0], v[1]))(np.zeros(2)), np.eye(2))


def test_the_hessian_of_a_deviation_of_0_is_that_of_half_the_squares_about_the_mean():
    np.testing.assert_allclose(hessian(np.std)(np.ones(3)), (np.eye(3) - 1 / 3) / 3)
