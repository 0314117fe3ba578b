"""Calls in NumPy's own signatures: on Values they give NumPy's numbers, and gradients that differences confirm.

Each call is a line of plain NumPy. `x` and `y` have shape (3, 4), `z` (2, 3, 4), `v` (5,), `s` is a number. Their
entries are distinct, lie between 0.2 and 1.8, and keep away from whole numbers, so that no step and no tie is near.
"""

import numpy as np
import pytest

from tinygrad_edu import Value, ops


def each(pattern, names):
    return [pattern.format(name) for name in names.split()]


REDUCING = (
    "sum prod mean max min var std ptp median amax amin nansum nanprod nanmean nanmax nanmin nanvar nanstd nanmedian"
)

ELEMENTWISE = [
    *each(
        "np.{}(x)",
        "absolute arctan arcsinh cbrt ceil conj cos cosh deg2rad degrees exp exp2 expm1 fabs fix floor log log10 log1p "
        "log2 negative positive rad2deg radians reciprocal rint sign sin sinc sinh sqrt square tan tanh trunc "
        "real imag real_if_close",
    ),
    "np.arccos(x / 2)",
    "np.arcsin(x / 2)",
    "np.arctanh(x / 2)",
    "np.arccosh(x + 1)",
    *each(
        "np.{}(x, y)",
        "add subtract multiply divide true_divide power float_power arctan2 hypot logaddexp logaddexp2 maximum minimum "
        "fmax fmin remainder mod fmod floor_divide copysign heaviside",
    ),
    "np.maximum(x, 1.0)",
    "np.power(x, 3)",
    "np.ldexp(x, 3)",
    "np.ldexp(x, np.array([1, 2, 0, -1]))",
    "np.divmod(x, 0.7)",
    "np.modf(x)",
    "np.round(x, 1)",
    "np.around(x)",
    "np.unwrap(x * 5, axis=0)",
    "np.clip(x, 0.5, 1.5)",
    "np.clip(x, None, y)",
    "np.clip(x, max=1.0)",
    "np.where(mask, x, y)",
    "np.where(mask, 0.0, x)",
    "np.select([mask, ~mask & (np.arange(4) > 1)], [x, y * y], 7.0)",
    "np.choose(np.array([2, 0, 1, 1]), [x, y, 0.5])",
    "np.choose(np.array([7, 0, -1, 1]), [x, y, 0.5], mode='wrap')",
    "np.nan_to_num(np.where(mask, x, nan), nan=2.0)",
    "np.piecewise(x, [mask], [np.sqrt, 3.0])",
    "np.full_like(x, s)",
]

REDUCTIONS = [
    *each("np.{}(z)", REDUCING),
    *each("np.{}(z, axis=1)", REDUCING),
    *each("np.{}(z, (0, -1), keepdims=True)", REDUCING),
    "np.sum(x, 0)",
    "np.sum(x, -1, None)",
    "np.sum(x, axis=1, dtype=np.float32)",
    "np.sum(x, axis=1, initial=3.0, where=mask)",
    "np.prod(x, axis=0, initial=s, where=mask)",
    "np.mean(x, 0, where=mask)",
    "np.mean(x, 0, np.float32)",
    "np.max(x, axis=0, initial=0.9, where=mask)",
    "np.min(x, axis=0, initial=0.9, where=mask)",
    "np.var(x, 0, ddof=1)",
    "np.var(x, 1, correction=1, where=mask | (np.arange(4) < 2))",
    "np.std(x, axis=1, mean=np.mean(x, axis=1, keepdims=True))",
    "np.average(x)",
    "np.average(x, 0, [1.0, 2.0, 3.0])",
    "np.average(x, weights=y, returned=True)",
    "np.average(z, axis=(2, 0), weights=np.reshape(v[:4], (4, 1)) * np.ones(2), keepdims=True)",
    "np.nanmean(np.where(mask, x, nan), axis=1)",
    "np.nanstd(np.where(mask, x, nan), axis=1, ddof=0)",
    "np.nanmax(np.where(mask, x, nan), axis=1)",
    "np.nanmedian(np.where(mask, x, nan), axis=1)",
    "np.nanquantile(np.where(mask, x, nan), [0.1, 0.6], axis=1)",
    "np.nanpercentile(np.where(mask, x, nan), 30, axis=0)",
    "np.nancumsum(np.where(mask, x, nan), axis=0)",
    "np.nancumprod(np.where(mask, x, nan))",
    *each(
        "np.quantile(z, [0.2, 0.5, 0.97], 1, method='{}')",
        "inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen weibull linear "
        "median_unbiased normal_unbiased lower higher midpoint nearest",
    ),
    "np.percentile(z, 30, axis=(0, 2), keepdims=True)",
    "np.cumsum(x)",
    "np.cumsum(x, 1)",
    "np.cumprod(x, 0)",
    "np.cumprod(z, axis=-1)",
    "np.cumulative_sum(x, axis=1, include_initial=True)",
    "np.cumulative_prod(v)",
    "np.cov(x)",
    "np.cov(x, y, rowvar=False)",
    "np.cov(x, None, True, True)",
    "np.cov(v)",
    "np.cov(x, aweights=[1.0, 2.0, 1.0, 0.5], fweights=[1, 2, 1, 1])",
    "np.cov(x, aweights=[1.0, 2.0, 1.0, 0.5])",
    "np.cov(x, aweights=(1, 2, 1, 1), bias=True)",
    "np.corrcoef(x)",
    "np.sort(z)",
    "np.sort(z, None)",
    "np.sort(z, 0, 'stable')",
    "np.partition(v, 2)[2]",
    "np.partition(x, (1, 2), axis=0)[1]",
    "np.unique(v)",
    "np.unique(np.concatenate([v, v]), return_inverse=True, return_counts=True)",
]

SHAPES = [
    "np.reshape(x, (2, 6))",
    "np.reshape(x, -1, 'F')",
    "np.reshape(z, (4, -1), order='F')",
    "np.ravel(x)",
    "np.ravel(x, 'F')",
    "np.resize(x, (2, 9))",
    "np.transpose(z)",
    "np.transpose(z, (1, 2, 0))",
    "np.permute_dims(z, (1, 2, 0))",
    "np.matrix_transpose(z)",
    "np.moveaxis(z, 0, -1)",
    "np.moveaxis(z, (0, 1), (-1, 0))",
    "np.rollaxis(z, 2)",
    "np.rollaxis(z, 0, 2)",
    "np.swapaxes(z, 0, 2)",
    "np.squeeze(np.expand_dims(x, (0, 2)), 2)",
    "np.broadcast_to(x, (2, 3, 4))",
    "np.broadcast_arrays(x, z)",
    "np.copy(x)",
    "np.astype(x, np.float32)",
    "np.atleast_1d(s)",
    "np.atleast_2d(v, x)",
    "np.atleast_3d(x)",
    "np.meshgrid(v, x[0])",
    "np.meshgrid(v, x[0], y[1], indexing='ij', sparse=True)",
    "np.concatenate([x, y])",
    "np.concatenate((x, [[1, 2], [3, 4], [5, 6]]), 1)",
    "np.concatenate([x, v], axis=None)",
    "np.concat([x, y], axis=-1, dtype=np.float32)",
    "np.stack([x, y, np.ones((3, 4))], 1)",
    "np.stack([s, 2, v[0]])",
    "np.hstack([x, y])",
    "np.hstack([v, 3.0, [1.0]])",
    "np.vstack([x, y[0], [1, 2, 3, 4]])",
    "np.dstack([x, y])",
    "np.column_stack([x[:, 0], y, [1, 2, 3]])",
    "np.append(x, v)",
    "np.append(x, y, 1)",
    "np.block([[x, y], [np.zeros((1, 8))]])",
    "np.block([v, 1.0])",
    "np.split(x, 2, axis=1)",
    "np.array_split(v, 3)",
    "np.array_split(v, [1, 1, 4])",
    "np.hsplit(x, [1])",
    "np.vsplit(x, 3)",
    "np.dsplit(z, 2)",
    "np.unstack(x, axis=1)",
    "np.tile(x, 2)",
    "np.tile(v, (2, 3))",
    "np.repeat(x, 2)",
    "np.repeat(x, [0, 2, 1], 0)",
    "np.flip(z)",
    "np.flip(z, (0, 2))",
    "np.fliplr(x)",
    "np.flipud(x)",
    "np.roll(x, 5)",
    "np.roll(x, (1, 2), (0, 1))",
    "np.roll(x, -1, 0)",
    *each("np.rot90(z, {}, (0, 2))", "-1 0 1 2 3"),
    "np.tril(x)",
    "np.triu(z, 1)",
    "np.diag(x, 1)",
    "np.diag(v, -1)",
    "np.diagflat(x, 1)",
    "np.diagonal(z)",
    "np.diagonal(z, -1, 2, 1)",
    "np.trace(x, 1)",
    "np.trace(z, axis1=1, axis2=2)",
    "np.vander(v)",
    "np.vander(v, 3, True)",
    "np.pad(x, 1)",
    "np.pad(x, (1, 2), 'constant', constant_values=(3.0, 4.0))",
    "np.pad(x, ((1, 2), (3, 0)), 'linear_ramp', end_values=5.0)",
    "np.pad(x, ((1, 2), (3, 0)), 'maximum', stat_length=2)",
    "np.pad(x, ((1, 2), (3, 0)), 'minimum', stat_length=((1, 2), (3, 4)))",
    "np.pad(x, ((1, 2), (3, 0)), 'mean', stat_length=(1, 2))",
    "np.pad(x, 1, 'reflect', reflect_type='odd')",
    "np.pad(x, 1, 'symmetric', reflect_type='odd')",
    *each("np.pad(x, ((1, 2), (3, 0)), '{}')", "edge linear_ramp maximum minimum mean median reflect symmetric wrap"),
    "np.pad(x, {1: (1, 2)})",
]

INDEXING = [
    "np.take(x, rows)",
    "np.take(x, rows, 0)",
    "np.take(x, [[9, -1]], axis=1, mode='clip')",
    "np.take(x, [[9, -1]], axis=1, mode='wrap')",
    "np.take_along_axis(x, np.array([[0], [3], [3]]), 1)",
    "np.take_along_axis(x, np.array([3, 3, 11]), None)",
    "np.compress([True, False, True], x, 0)",
    "np.extract(mask, x)",
    "np.delete(x, [0, 2], 0)",
    "np.delete(v, 1)",
    "np.bincount(np.array([0, 3, 3, 1, 0]), v, 6)",
    "x[1]",
    "z[..., None, ::-2]",
    "z[1, :, [0, 0, 3]]",
    "z[:, [[0, 2], [1, 1]], 1:3]",
    "x[mask]",
    "z[:, mask]",
    "x[np.array([True, False, True]), 1:]",
    "x[rows, rows]",
    "x[[]]",
    "v[-2]",
]

SIGNALS = [
    "np.diff(x)",
    "np.diff(x, 2, 0)",
    "np.diff(x, prepend=0.0, append=y)",
    "np.ediff1d(x, to_begin=1.0, to_end=[2.0, 3.0])",
    "np.gradient(v)",
    "np.gradient(v, 0.5, edge_order=2)",
    "np.gradient(x, 2.0)",
    "np.gradient(x, 2.0, np.array([0.0, 1.0, 3.0, 3.5]))",
    "np.gradient(x, np.array([0.0, 1.0, 3.0, 3.5]), axis=1, edge_order=2)",
    "np.gradient(x, s, axis=-1)",
    *each("np.{}(v, x[0], 'full')", "convolve correlate"),
    *each("np.{}(x[0], v, 'full')", "convolve correlate"),
    *each("np.{}(v, x[0], 'same')", "convolve correlate"),
    *each("np.{}(x[0], v, 'same')", "convolve correlate"),
    *each("np.{}(v, x[0], 'valid')", "convolve correlate"),
    *each("np.{}(x[0], v, 'valid')", "convolve correlate"),
    "np.correlate(v, x[0, :3])",
    "np.convolve(x[1], x[0, :3], mode='same')",
    "np.interp(x * 4 - 1, np.arange(5.0) ** 1.5, v)",
    "np.interp(x, np.cumsum(v) / 3, v, left=s, right=-1.0)",
    "np.trapezoid(x)",
    "np.trapezoid(x, y, axis=0)",
    "np.trapezoid(x, np.cumsum(v[:3]), axis=0)",
    "np.trapezoid(x, dx=s)",
    "np.polyval(v, x)",
    "np.linspace(s, 3.0, 4)",
    "np.linspace(v, x[0, 0], 5, False, True, axis=-1)",
]

UFUNC_METHODS = [
    "np.add.reduce(z)",
    "np.add.reduce(z, (0, 2), keepdims=True)",
    "np.add.reduce(z, axis=None, initial=2.0)",
    "np.multiply.reduce(z, 1)",
    "np.maximum.reduce(z)",
    "np.minimum.reduce(x, axis=1, initial=0.9, where=mask)",
    "np.fmax.reduce(np.where(mask, x, nan), axis=1)",
    "np.fmin.reduce(np.where(mask, x, nan), axis=1)",
    "np.logaddexp.reduce(x, axis=1)",
    "np.add.accumulate(x)",
    "np.multiply.accumulate(x, 1)",
    "np.maximum.accumulate(x)",
    "np.minimum.accumulate(x, axis=1)",
    "np.multiply.outer(v, x)",
    "np.subtract.outer(np.arange(3.0), x)",
    "np.hypot.outer(v, [1.0, 2.0])",
]

CALLS = [*ELEMENTWISE, *REDUCTIONS, *SHAPES, *INDEXING, *SIGNALS, *UFUNC_METHODS]
CONSTANTS = {
    "nan": np.nan,
    "rows": np.array([2, 0, 2]),
    "mask": np.array([[True, False, True, True], [False, False, True, False], [True, True, True, False]]),
}


def operands():
    """Distinct numbers in a mixed order, as plain arrays."""
    shapes = {"x": (3, 4), "y": (3, 4), "z": (2, 3, 4), "v": (5,), "s": ()}
    count = sum(int(np.prod(shape)) for shape in shapes.values())
    numbers = np.linspace(0.21, 1.79, count)
    numbers = numbers + 0.02 * (np.abs(numbers - 1) < 0.015)
    numbers = iter(np.random.default_rng(5).permutation(numbers))
    taken = {name: [next(numbers) for _ in range(int(np.prod(shape)))] for name, shape in shapes.items()}
    return {name: np.reshape(taken[name], shape) if shape else float(taken[name][0]) for name, shape in shapes.items()}


def run(call, data, namespace=np):
    """The results of a call, always as a list."""
    result = eval(call, {"np": namespace, **CONSTANTS}, data)
    return list(result) if isinstance(result, (tuple, list)) else [result]


def numbers(result):
    return result.data if isinstance(result, Value) else result


class Ours:
    """tinygrad_edu's functions under NumPy's names, and NumPy's own where there is nothing to differentiate."""

    def __getattr__(self, name):
        for module in vars(ops).values():
            if name in getattr(module, "__all__", ()) and module is not ops:
                return getattr(module, name)
        return getattr(np, name)


@pytest.mark.parametrize("call", CALLS)
def test_a_call_on_values_gives_what_numpy_gives_on_arrays(call):
    data = operands()
    expected = run(call, data)
    found = run(call, {name: Value(x) for name, x in data.items()})
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert np.shape(numbers(ours)) == np.shape(theirs)
        assert np.result_type(numbers(ours)) == np.result_type(theirs)
        np.testing.assert_allclose(numbers(ours), theirs, rtol=1e-6 if np.result_type(theirs) == np.float32 else 1e-12)


# NumPy adds up the weights of bincount in float64; here they stay in their own type.
@pytest.mark.parametrize("call", [call for call in CALLS if "bincount" not in call])
def test_a_call_on_float32_values_gives_the_type_that_numpy_gives(call):
    data = {name: np.asarray(x, dtype=np.float32) for name, x in operands().items()}
    expected = run(call, data)
    values = {name: Value(x) for name, x in data.items()}
    found = run(call, values)
    assert [np.result_type(numbers(ours)) for ours in found] == [np.result_type(theirs) for theirs in expected]
    for result in found:
        if isinstance(result, Value) and not result.op.terminal:
            result.sum().backward()
    assert {np.result_type(value.grad) for value in values.values() if value.grad is not None} <= {np.dtype(np.float32)}


@pytest.mark.parametrize("call", [call for call in CALLS if call not in UFUNC_METHODS])
def test_the_functions_of_the_package_give_the_same_on_plain_arrays(call):
    data = operands()
    for ours, theirs in zip(run(call, data, Ours()), run(call, data), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6 if np.result_type(theirs) == np.float32 else 1e-12)


@pytest.mark.parametrize("call", [call for call in CALLS if "float32" not in call])
def test_the_gradient_of_a_call_agrees_with_differences(call):
    data = operands()
    leaves = {name: Value(x) for name, x in data.items()}
    results = [result for result in run(call, leaves) if isinstance(result, Value)]
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=result.shape) for result in results]
    loss = sum((result * weight).sum() for result, weight in zip(results, weights, strict=True))
    if not loss.op.terminal:
        loss.backward()

    def slope(name, direction, step=1e-6):
        sides = []
        for sign in (1, -1):
            moved = run(call, {**data, name: data[name] + sign * step * direction})
            smooth = [x for x in moved if np.result_type(x).kind == "f"]
            sides.append(sum(np.nansum(x * weight) for x, weight in zip(smooth, weights, strict=False)))
        return (sides[0] - sides[1]) / (2 * step)

    for name, leaf in leaves.items():
        direction = rng.normal(size=np.shape(data[name]))
        expected = slope(name, direction)
        found = 0.0 if leaf.grad is None else np.sum(leaf.grad * direction)
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-7), f"with respect to {name}"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("axis", [None, 0, (0, -1), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_mean_is_numpys_to_the_last_bit(dtype, axis, keepdims):
    x = (1000 * np.random.default_rng(0).standard_normal((7, 5, 3))).astype(dtype)
    found, expected = np.mean(Value(x), axis=axis, keepdims=keepdims).data, np.mean(x, axis=axis, keepdims=keepdims)
    assert (type(found), found.dtype) == (type(expected), expected.dtype)
    np.testing.assert_array_equal(found, expected)
