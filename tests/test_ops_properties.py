"""Any shape, axis, stride and type: NumPy's numbers, gradients of the operand's shape and type, nothing changed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_edu import Value, log_softmax, logsumexp, softmax
from tinygrad_edu.check.operations import call_at
from tinygrad_edu.op import REGISTRY
from tinygrad_edu.ops.padding import LINEAR, STATISTICS
from tinygrad_edu.transforms import jvp, vjp

FAST = settings(max_examples=60, deadline=None)
REDUCTIONS = (
    np.sum, np.prod, np.mean, np.max, np.min, np.var, np.std, np.ptp, np.median, np.nansum, np.nanprod, np.nanmean,
    np.nanmax, np.nanmin, np.nanvar,
)  # fmt: skip
ALONG = (
    np.cumsum, np.cumprod, np.sort, np.diff, np.flip, np.maximum.accumulate, np.minimum.accumulate, np.trapezoid,
    lambda x, axis: np.take(x, [0, -1, 0], axis), lambda x, axis: np.repeat(x, 2, axis),
    lambda x, axis: np.roll(x, 2, axis), lambda x, axis: np.concatenate([x, x], axis),
    lambda x, axis: np.stack([x, x], axis), lambda x, axis: np.moveaxis(x, axis, 0),
    lambda x, axis: np.split(x, [1], axis)[1], lambda x, axis: np.quantile(x, 0.3, axis),
    lambda x, axis: np.partition(x, 0, axis),
)  # fmt: skip


@st.composite
def arrays(draw, min_side=1):
    """Distinct numbers of either sign in any memory layout: reversed, strided, transposed, float32 or float64."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=min_side, max_side=4))
    count = int(np.prod(shape))
    numbers = np.linspace(0.5, 1.5, count) * np.where(np.arange(count) % 3, 1, -1)
    order = draw(st.permutations(range(count)))
    x = numbers[np.array(order, dtype=int)].reshape(shape).astype(draw(st.sampled_from([np.float64, np.float32])))
    for axis in range(x.ndim):
        if draw(st.booleans()):
            x = np.flip(x, axis)
    if draw(st.booleans()):
        x = np.repeat(x, 2, axis=-1)[..., ::2]
    return np.asfortranarray(x) if draw(st.booleans()) else x


def close(dtype):
    return {"rtol": 2e-4, "atol": 1e-3} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-10}


def verify(f, x):
    """Numbers, shapes and types as NumPy has them; <u, J t> = <J^T u, t>; the operand as it was."""
    before = x.copy()
    expected = f(x)
    value, pullback = vjp(f, x)
    assert np.shape(value) == np.shape(expected)
    assert np.result_type(value) == np.result_type(expected)
    np.testing.assert_allclose(value, expected, **close(x.dtype))
    u = np.cos(np.arange(np.size(expected))).reshape(np.shape(expected)).astype(x.dtype)
    t = np.sin(np.arange(x.size)).reshape(x.shape).astype(x.dtype)
    seed = u.copy()
    gradient = pullback(u)
    assert gradient.shape == x.shape
    assert gradient.dtype == x.dtype
    _, tangent = jvp(f, (x,), (t,))
    tolerance = 1e-4 if x.dtype == np.float32 else 1e-12
    difference = abs(np.sum(u * tangent) - np.sum(gradient * t))
    assert difference <= tolerance * (1 + np.abs(gradient).sum())
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(u, seed)


@FAST
@given(arrays(), st.sampled_from(REDUCTIONS), st.data())
def test_a_reduction_over_any_axes_of_any_array(x, reduce, data):
    axes = st.integers(-x.ndim, x.ndim - 1)
    several = st.lists(st.integers(0, x.ndim - 1), unique=True, min_size=1).map(tuple)
    axis = data.draw(st.one_of(st.none(), axes, several))
    keepdims = data.draw(st.booleans())
    verify(lambda v: reduce(v, axis=axis, keepdims=keepdims), x)


@FAST
@given(arrays(), st.sampled_from(ALONG), st.data())
def test_a_function_along_any_axis_of_any_array(x, along, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    verify(lambda v: along(v, axis=axis), x)


@FAST
@given(arrays(), arrays(), st.sampled_from([np.add, np.multiply, np.maximum, np.arctan2, np.hypot, np.logaddexp]))
def test_operands_of_any_shapes_that_broadcast(x, y, f):
    shape = (*y.shape, *(1,) * x.ndim)
    y = np.reshape(y, shape).astype(x.dtype)
    verify(lambda v: f(v, y), x)
    verify(lambda v: f(y, v), x)


@FAST
@given(arrays(min_side=2), st.sampled_from([*LINEAR, *STATISTICS]), st.data())
def test_padding_by_any_widths_in_any_mode(x, mode, data):
    widths = data.draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=x.ndim, max_size=x.ndim))
    verify(lambda v: np.pad(v, widths, mode), x)


@FAST
@given(st.integers(0, 3), st.integers(0, 3), st.sampled_from([np.sum, np.prod, np.cumsum, np.sort, np.ravel, np.flip]))
def test_empty_arrays_have_empty_gradients(n, m, f):
    x = Value(np.ones((n, m)))
    result = f(x)
    np.testing.assert_array_equal(result.data, f(x.data))
    result.sum().backward()
    assert x.grad.shape == (n, m)


SMOOTH = [name for name, op in REGISTRY.items() if op.kind == "elementwise" and op.arity == 1 and not op.terminal]


@pytest.mark.parametrize("name", SMOOTH)
def test_an_infinite_gradient_stays_infinite_where_the_derivative_is_not_zero(name):
    op = REGISTRY[name]
    call = call_at(op, op.cases[0], np.random.default_rng(0))
    plain, infinite = [[Value(x) for x in call.inputs] for _ in range(2)]
    with np.errstate(all="ignore"):
        for values, seed in ((plain, 1.0), (infinite, np.inf)):
            out = call(*values)
            out.backward(np.full(out.shape, seed))
    for one, other in zip(plain, infinite, strict=True):
        assert np.all(np.isinf(other.grad) | (one.grad == 0))


@pytest.mark.parametrize("f", [softmax, log_softmax, logsumexp])
def test_of_whole_numbers_and_truths_softmax_is_that_of_floats(f):
    for x in (np.array([[3, 1, -2], [0, 0, 5]]), np.array([True, False])):
        np.testing.assert_allclose(f(x), f(x.astype(np.float64)), rtol=1e-15)


@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:invalid value")
@pytest.mark.parametrize("spread", [np.var, np.std])
def test_the_spread_of_too_few_numbers_is_nan_and_so_is_its_gradient(spread):
    x = Value(np.array([[1.0], [2.0]]))
    out = spread(x, axis=1, ddof=1)
    out.backward(np.ones(2))
    assert np.all(np.isnan(out.data))
    assert np.all(np.isnan(x.grad))
