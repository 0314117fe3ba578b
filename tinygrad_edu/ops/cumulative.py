"""Running sums, products and extremes."""

from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.kinds import general, linear
from tinygrad_edu.op import Interval, case, implements
from tinygrad_edu.ops.indexing import scattered, take_along_axis
from tinygrad_edu.ops.shape import astype

__all__ = ["cummax", "cummin", "cumprod", "cumsum", "cumulative_prod", "cumulative_sum"]

ALONG = (case((3,)), case((2, 3)), case((2, 3), axis=0), case((2, 3, 2), axis=1), case((0, 3)), case((3, 0)))

_cumsum = linear(
    "cumsum", lambda x, axis=-1: np.cumsum(x, axis),
    adjoint=lambda g, x, axis: np.flip(np.cumsum(np.flip(g, axis), axis), axis),
    symbol="Σ≤", reads="1 at every entry up to this one", cases=ALONG,
    doc="""Running sums along an axis.""",
)  # fmt: skip


# out_i = x_0 ... x_i. No rule divides by x, so zeros differentiate as anything else: what an entry
# contributes is the product before it times s_i = g_i + x_(i+1) s_(i+1), a linear recurrence.
def _pull_cumprod(g: Any, out: Any, x: Any, axis: int) -> Any:
    x, g = np.swapaxes(x, axis, -1), np.swapaxes(g, axis, -1)
    tails = np.flip(_recurrence(_shifted(np.flip(x, -1)), np.flip(g, -1)), -1)
    return np.swapaxes(_products_before(x) * tails, axis, -1)


def _push_cumprod(t: Any, out: Any, x: Any, axis: int) -> Any:
    x, t = np.swapaxes(x, axis, -1), np.swapaxes(t, axis, -1)
    return np.swapaxes(_recurrence(x, t * _products_before(x)), axis, -1)


def _shifted(x: Any) -> Any:
    """Each entry's left neighbour; 1 for the first."""
    return np.concatenate([np.ones_like(x[..., :1]), x[..., :-1]], axis=-1)


def _products_before(x: Any) -> Any:
    return np.cumprod(_shifted(x), -1)


def _recurrence(a: Any, b: Any) -> Any:
    """s_j = b_j + a_j s_(j-1) along the last axis, in log2(n) steps that each double what is joined."""
    step = 1
    while step < np.shape(b)[-1]:
        b = np.concatenate([b[..., :step], b[..., step:] + a[..., step:] * b[..., :-step]], axis=-1)
        a = np.concatenate([a[..., :step], a[..., step:] * a[..., :-step]], axis=-1)
        step *= 2
    return b


_cumprod = general(
    "cumprod", lambda x, axis=-1: np.cumprod(x, axis),
    pull=(_pull_cumprod,), push=(_push_cumprod,),
    symbol="Π≤", reads="the product of the other entries up to this one", cases=ALONG, domain=Interval(-2.0, 2.0),
    doc="""Running products along an axis.""",
)  # fmt: skip


def _first_attained(x: Any, running: Any, axis: int) -> Any:
    """For each entry, the position along the axis where its running extreme was first reached."""
    n = np.shape(x)[axis]
    position = np.expand_dims(np.arange(n), tuple(range(1, np.ndim(x) - axis % np.ndim(x))))
    before = np.take(running, range(n - 1), axis=axis)
    after = np.take(running, range(1, n), axis=axis)
    first = np.ones_like(np.take(running, [0] if n else [], axis=axis), dtype=bool)
    new = np.concatenate([first, before != after], axis=axis)
    return np.maximum.accumulate(np.where(new, position, 0), axis=axis)


def _pull_running(g: Any, out: Any, x: Any, axis: int) -> Any:
    grid = list(np.ogrid[tuple(slice(n) for n in np.shape(x))])
    grid[axis] = _first_attained(x, out, axis)
    return scattered(g, tuple(grid), np.shape(x))


def _push_running(t: Any, out: Any, x: Any, axis: int) -> Any:
    return take_along_axis(t, _first_attained(x, out, axis), axis)


_cummax = general(
    "cummax", lambda x, axis=-1: np.maximum.accumulate(x, axis),
    pull=(_pull_running,), push=(_push_running,),
    reads="1 at the largest entry so far; of tied ones, the first", cases=ALONG,
    doc="""The largest entry so far, along an axis.""",
)  # fmt: skip

_cummin = general(
    "cummin", lambda x, axis=-1: np.minimum.accumulate(x, axis),
    pull=(_pull_running,), push=(_push_running,),
    reads="1 at the smallest entry so far; of tied ones, the first", cases=ALONG,
    doc="""The smallest entry so far, along an axis.""",
)  # fmt: skip


def _run(op: Any, a: Any, axis: int | None, dtype: Any) -> Any:
    a = a if dtype is None else astype(a, dtype)
    return op(np.reshape(a, -1), axis=0) if axis is None or np.ndim(a) == 0 else op(a, axis=axis)


@implements(np.cumsum)
def cumsum(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sums along an axis (of the flat array if None); see `np.cumsum`.

    Examples
    --------
    >>> cumsum(np.array([1.0, 2.0, 3.0]))
    array([1., 3., 6.])
    """
    return _run(_cumsum, a, axis, dtype)


@implements(np.cumprod)
def cumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running products along an axis (of the flat array if None); see `np.cumprod`.

    Examples
    --------
    >>> cumprod(np.array([1.0, 2.0, 3.0]))
    array([1., 2., 6.])
    """
    return _run(_cumprod, a, axis, dtype)


def cummax(a: Any, axis: int | None = None) -> Any:
    """The largest entry so far, along an axis; `np.maximum.accumulate` comes to this.

    Examples
    --------
    >>> cummax(np.array([1.0, 3.0, 2.0]))
    array([1., 3., 3.])
    """
    return _run(_cummax, a, axis, None)


def cummin(a: Any, axis: int | None = None) -> Any:
    """The smallest entry so far, along an axis; `np.minimum.accumulate` comes to this.

    Examples
    --------
    >>> cummin(np.array([3.0, 1.0, 2.0]))
    array([3., 1., 1.])
    """
    return _run(_cummin, a, axis, None)


@implements(getattr(np, "cumulative_sum", None))  # since NumPy 2.1
def cumulative_sum(x: Any, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Running sums, with a leading 0 if `include_initial`; see `np.cumulative_sum`.

    Examples
    --------
    >>> cumulative_sum(np.array([1.0, 2.0]), include_initial=True)
    array([0., 1., 3.])
    """
    return _cumulative("cumulative_sum", cumsum, x, axis, dtype, 0.0 if include_initial else None)


@implements(getattr(np, "cumulative_prod", None))  # since NumPy 2.1
def cumulative_prod(x: Any, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Running products, with a leading 1 if `include_initial`; see `np.cumulative_prod`.

    Examples
    --------
    >>> cumulative_prod(np.array([3.0, 2.0]), include_initial=True)
    array([1., 3., 6.])
    """
    return _cumulative("cumulative_prod", cumprod, x, axis, dtype, 1.0 if include_initial else None)


def _cumulative(name: str, run: Any, x: Any, axis: int | None, dtype: Any, initial: float | None) -> Any:
    n = np.ndim(x)
    if axis is None:
        if n != 1:
            raise ArgumentError(f"{name}: say which axis, for an array with {n} axes")
        axis = 0
    result = run(x, axis, dtype)
    if initial is None:
        return result
    shape = tuple(1 if i == axis % n else size for i, size in enumerate(np.shape(x)))
    return np.concatenate([np.full(shape, initial, dtype=np.result_type(result)), result], axis=axis)
