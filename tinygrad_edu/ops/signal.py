"""Sequences: differences, gradients along axes, convolution, interpolation, integrals, polynomials."""

from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.kinds import multilinear
from tinygrad_edu.op import case, implements
from tinygrad_edu.ops.choice import where
from tinygrad_edu.ops.indexing import gathered, getitem
from tinygrad_edu.ops.joining import concatenate
from tinygrad_edu.ops.reduction import sum as total
from tinygrad_edu.ops.shape import astype, ravel

__all__ = ["convolve", "correlate", "diff", "ediff1d", "gradient", "interp", "linspace", "polyval", "trapezoid"]


def _part(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    """Some slices along an axis."""
    return getitem(x, index=(slice(None),) * (axis % np.ndim(x)) + (slice(start, stop),))


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours along an axis, `n` times; see `np.diff`.

    Parameters
    ----------
    a : Value or array
    n : int
    axis : int
    prepend, append : Value, array or number
        Put before and after the array first.

    Returns
    -------
    Value or array

    Raises
    ------
    ArgumentError
        If `n` is negative, or `a` is a single number.

    Examples
    --------
    >>> diff(np.array([1.0, 4.0, 9.0]))
    array([3., 5.])
    """
    if n < 0 or np.ndim(a) == 0:
        raise ArgumentError(f"diff: expected an array and n of 0 or more, got {np.ndim(a)} axes and n={n}")
    if n == 0:
        return a
    one = tuple(1 if i == axis % np.ndim(a) else size for i, size in enumerate(np.shape(a)))
    ends = [x if x is None or np.ndim(x) else np.broadcast_to(x, one) for x in (prepend, append)]
    parts = [x for x in (ends[0], a, ends[1]) if x is not None]
    a = parts[0] if len(parts) == 1 else concatenate(parts, axis)
    for _ in range(n):
        a = _part(a, axis, 1, None) - _part(a, axis, None, -1)
    return a


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences of neighbours of the flat array, with something before and after; see `np.ediff1d`.

    Examples
    --------
    >>> ediff1d(np.array([1.0, 4.0]), to_begin=0.0)
    array([0., 3.])
    """
    parts = [_in_type_of(ary, ravel(x)) for x in (to_begin, diff(ravel(ary)), to_end) if x is not None]
    return parts[0] if len(parts) == 1 else concatenate(parts)


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Slopes along axes by central differences, one-sided at the ends; see `np.gradient`.

    Parameters
    ----------
    f : Value or array
    *varargs : number or vector
        The spacing of all axes, or of each; a vector holds coordinates. They may be Values.
    axis : int, tuple of int, or None for all
    edge_order : {1, 2}

    Returns
    -------
    Value or array, or a tuple of them for several axes

    Raises
    ------
    ArgumentError
        If there are neither no, one, nor as many spacings as axes, or an axis is too short.

    Examples
    --------
    >>> gradient(np.array([1.0, 2.0, 4.0]))
    array([1. , 1.5, 2. ])
    """
    axes = range(np.ndim(f)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    spacings = varargs * len(axes) if len(varargs) == 1 and np.ndim(varargs[0]) == 0 else varargs or (1.0,) * len(axes)
    if len(spacings) != len(axes):
        raise ArgumentError(f"gradient: expected one spacing, or {len(axes)}, one an axis; got {len(varargs)}")
    if edge_order not in (1, 2):
        raise ArgumentError(f"gradient: edge_order must be 1 or 2, got {edge_order!r}")
    slopes = [_in_type_of(f, _slope(f, h, i, edge_order)) for i, h in zip(axes, spacings, strict=True)]
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def _in_type_of(like: Any, x: Any) -> Any:
    """`x` in the type of `like`, if that is one of floating-point numbers."""
    kind = np.result_type(like)
    return x if kind.kind != "f" or np.result_type(x) == kind else astype(x, kind)


def _slope(f: Any, spacing: Any, axis: int, edge_order: int) -> Any:
    n = np.shape(f)[axis]
    if n < edge_order + 1:
        raise ArgumentError(f"gradient: axis {axis} has {n} entries; edge_order={edge_order} needs {edge_order + 1}")
    if np.ndim(spacing) > 1 or (np.ndim(spacing) == 1 and np.shape(spacing)[0] != n):
        raise ShapeError(f"gradient: coordinates of shape {np.shape(spacing)} for an axis of {n} entries")
    h = np.broadcast_to(spacing, (n - 1,)) if np.ndim(spacing) == 0 else diff(spacing)
    h = np.reshape(h, (n - 1,) + (1,) * (np.ndim(f) - 1 - axis % np.ndim(f)))
    step = diff(f, axis=axis) / h  # the slope of each gap
    left, right = _part(step, axis, None, -1), _part(step, axis, 1, None)
    before, after = h[:-1], h[1:]
    # The parabola through three neighbours: its slope in the middle weighs the nearer gap more.
    middle = (left * after + right * before) / (before + after)
    first, last = _part(step, axis, None, 1), _part(step, axis, -1, None)
    if edge_order == 2:
        bend_first = (_part(step, axis, 1, 2) - first) / (h[:1] + h[1:2])
        bend_last = (last - _part(step, axis, -2, -1)) / (h[-1:] + h[-2:-1])
        first, last = first - bend_first * h[:1], last + bend_last * h[-1:]
    return concatenate([first, middle, last], axis)


def _widened(g: Any, n: int, m: int, mode: str) -> Any:
    """The gradient of the full convolution, from that of its middle."""
    if mode == "full":
        return g
    short = min(n, m) - 1
    before = short // 2 if mode == "same" else short
    return np.pad(g, (before, n + m - 1 - before - np.shape(g)[0]))


convolve = multilinear(
    "convolve", lambda a, v, mode="full": np.convolve(np.atleast_1d(a), np.atleast_1d(v), mode),
    pull=(
        lambda g, a, v, mode: np.reshape(
            np.convolve(_widened(g, np.size(a), np.size(v), mode), np.flip(np.ravel(v)), "valid"), np.shape(a)
        ),
        lambda g, a, v, mode: np.reshape(
            np.convolve(_widened(g, np.size(a), np.size(v), mode), np.flip(np.ravel(a)), "valid"), np.shape(v)
        ),
    ),
    symbol="*", reads=("g correlated with v", "g correlated with a"), numpy=[np.convolve],
    cases=tuple(
        case(*shapes, mode=mode)
        for mode in ("full", "same", "valid")
        for shapes in (((5,), (3,)), ((2,), (4,)), ((4,), (2,)), ((), (3,)))
    ),
    doc="""The discrete convolution of two sequences: "full", of the length of the longer ("same"), or "valid".""",
)  # fmt: skip


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """The correlation of two sequences: the convolution with the second one reversed; see `np.correlate`.

    Examples
    --------
    >>> correlate(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0]))
    array([2., 3.])
    """
    a, v = ravel(a), ravel(v)
    if np.size(a) < np.size(v):  # so that "same" is centred on the same entry as NumPy's
        return np.flip(convolve(v, np.flip(a), mode))
    return convolve(a, np.flip(v), mode)


@implements(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    """The piecewise linear function through (xp, fp), at `x`; see `np.interp`.

    All of `x`, `xp` and `fp` may be Values. At a knot, the slope by `x` is that of the piece on its
    right; outside, 0.

    Parameters
    ----------
    x : Value or array
    xp : Value or array, shape (n,), ascending
    fp : Value or array, shape (n,)
    left, right : Value or number
        The result below and above the knots; the first and the last of `fp` if not given.

    Returns
    -------
    Value or array, shape of `x`

    Raises
    ------
    ShapeError
        If `xp` and `fp` are not two vectors of one length.

    Examples
    --------
    >>> interp(np.array([0.5, 3.0]), np.array([0.0, 1.0, 2.0]), np.array([0.0, 10.0, 30.0]))
    array([ 5., 30.])
    """
    n = np.size(xp)
    if np.ndim(xp) != 1 or np.shape(xp) != np.shape(fp) or n == 0:
        raise ShapeError(f"interp: xp and fp must be two vectors of one length, got {np.shape(xp)} and {np.shape(fp)}")
    after = np.searchsorted(xp, x, side="right")
    low = np.clip(after - 1, 0, max(n - 2, 0))
    high = np.minimum(low + 1, n - 1)
    x0, x1, y0, y1 = (gathered(table, i) for table in (xp, fp) for i in (low, high))
    width = x1 - x0
    inside = y0 + (y1 - y0) / where(width == 0, 1.0, width) * (x - x0)
    result = where(x < xp[0], fp[0] if left is None else left, inside)
    result = where(x > xp[-1], fp[-1] if right is None else right, result)
    return _in_type_of(np.float64(), result)  # as NumPy, whatever came


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of samples along an axis, by trapezoids; see `np.trapezoid`.

    Parameters
    ----------
    y : Value or array
    x : Value or array, optional
        Where the samples lie; `dx` apart if not given.
    dx : Value or number
    axis : int

    Returns
    -------
    Value or array

    Examples
    --------
    >>> float(trapezoid(np.array([1.0, 2.0, 3.0])))
    4.0
    """
    if x is None:
        widths = dx
    elif np.ndim(x) == 1:
        widths = np.reshape(diff(x), (-1,) + (1,) * (np.ndim(y) - 1 - axis % np.ndim(y)))
    else:
        widths = diff(x, axis=axis)
    return total((_part(y, axis, 1, None) + _part(y, axis, None, -1)) * widths / 2.0, axis)


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """The polynomial with coefficients `p`, highest power first, at `x`; see `np.polyval`.

    Examples
    --------
    >>> float(polyval(np.array([3.0, 0.0, 1.0]), 2.0))
    13.0
    """
    result = np.zeros_like(x)
    for i in range(np.shape(p)[0]):
        result = result * x + p[i]
    return result


@implements(np.linspace)
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0
) -> Any:
    """Evenly spaced numbers from `start` to `stop`, which may be Values; see `np.linspace`.

    Examples
    --------
    >>> linspace(0.0, 1.0, 3)
    array([0. , 0.5, 1. ])
    """
    gaps = num - 1 if endpoint else num
    kind = np.result_type(start, stop, 1.0)
    share = np.linspace(0.0, 1.0, num, endpoint, dtype=kind)
    share = np.reshape(share, (num,) + (1,) * np.ndim(stop - start))
    result = np.expand_dims(start, 0) * (1.0 - share) + np.expand_dims(stop, 0) * share
    if axis != 0:
        result = np.moveaxis(result, 0, axis)
    result = _in_type_of(kind, result) if dtype is None else astype(result, dtype)
    return (result, (stop - start) / gaps) if retstep else result
