"""Reductions: fewer numbers from many."""

import math
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.kinds import general, linear
from tinygrad_edu.op import case, implements
from tinygrad_edu.ops.choice import where as choose_where
from tinygrad_edu.ops.elementwise import maximum, minimum
from tinygrad_edu.ops.shape import astype

__all__ = ["amax", "amin", "max", "mean", "min", "prod", "ptp", "sum"]

AXES = (
    case(()),
    case((3,)),
    case((2, 3)),
    case((2, 3), axis=0),
    case((2, 3), axis=-1, keepdims=True),
    case((2, 3, 2), axis=(0, 2)),
    case((2, 3, 2), axis=(-1, 0), keepdims=True),
    case((2, 3, 2), axis=()),
)
EMPTY = (case((0, 3)), case((0, 3), axis=0), case((3, 0), axis=0))


def restore(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """`g`, the result of reducing `x`, with the reduced axes back as axes of length 1."""
    if keepdims or np.ndim(x) == 0:
        return g
    if axis is None:
        return np.reshape(g, (1,) * np.ndim(x))
    return np.expand_dims(g, axis) if axis != () else g


def reduced_axes(x: Any, axis: Any) -> tuple[int, ...]:
    """The axes that a reduction works on, as non-negative numbers."""
    n = np.ndim(x)
    if axis is None:
        return tuple(range(n))
    return tuple([i % n if n else i for i in (axis if isinstance(axis, tuple) else (axis,))])


def count(x: Any, axis: Any) -> int:
    """How many entries of `x` go into one entry of the reduction."""
    shape = np.shape(x)
    if not shape:
        return 1
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return math.prod([shape[i] for i in axes])


def prepare(a: Any, dtype: Any, where: Any, neutral: float) -> Any:
    """`a` in the dtype asked for, with `neutral` in the places that a mask leaves out."""
    if dtype is not None:
        a = astype(a, dtype)
    return a if where is True else choose_where(where, a, np.asarray(neutral, dtype=np.result_type(a)))


_sum = linear(
    "sum", lambda x, axis=None, keepdims=False: np.add.reduce(x, axis=axis, keepdims=keepdims),
    adjoint=lambda g, x, axis, keepdims: np.broadcast_to(
        restore(g, x, axis, keepdims or axis is None), np.shape(x)
    ),
    symbol="Σ", reads="1", cases=AXES + EMPTY,
    doc="""The sum over an axis, several, or all.""",
)  # fmt: skip


def _mean_of(x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    if x.__class__ is np.ndarray and x.dtype.char in "fd" and x.size:  # as np.mean has it, in a third of the time
        return np.add.reduce(x, axis=axis, keepdims=keepdims) / count(x, axis)
    return np.mean(x, axis=axis, keepdims=keepdims)


_mean = linear(
    "mean", _mean_of,
    adjoint=lambda g, x, axis, keepdims: np.broadcast_to(
        restore(g / count(x, axis), x, axis, keepdims or axis is None), np.shape(x)
    ),
    reads="1 / n", cases=AXES,
    doc="""The mean over an axis, several, or all.""",
)  # fmt: skip


@implements(np.sum)
def sum(
    a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """The sum over an axis, several, or all; see `np.sum`.

    Parameters
    ----------
    a : Value or array
    axis : int, tuple of int, or None for all
    dtype : floating-point dtype, optional
        To sum in.
    keepdims : bool
        Keep the reduced axes, with length 1.
    initial : Value or number, optional
        Added to the result.
    where : bool array
        Only these entries count.

    Returns
    -------
    Value or array

    Examples
    --------
    >>> sum(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    array([4., 6.])
    """
    if dtype is not None or where is not True:
        a = prepare(a, dtype, where, 0.0)
    total = _sum.apply(a, axis=axis, keepdims=keepdims)
    return total if initial is None else total + initial


@implements(np.mean)
def mean(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, where: Any = True) -> Any:
    """The mean over an axis, several, or all; see `np.mean`.

    Parameters
    ----------
    a, axis, dtype, keepdims, where
        As for `sum`.

    Returns
    -------
    Value or array

    Examples
    --------
    >>> mean(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    array([2., 3.])
    """
    if dtype is not None:
        a = astype(a, dtype)
    if where is True:
        return _mean.apply(a, axis=axis, keepdims=keepdims)
    return sum(a, axis, keepdims=keepdims, where=where) / counted(a, axis, keepdims, where)


def counted(a: Any, axis: Any, keepdims: bool, where: Any) -> Any:
    """How many entries a mask leaves to each entry of the reduction, in the floating-point type of `a`."""
    kind = np.result_type(a, np.float16)
    return np.sum(np.broadcast_to(where, np.shape(a)), axis=axis, keepdims=keepdims, dtype=kind)


def _share(out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """1 at the extreme entry, 1/k at each of k tied ones, else 0."""
    at = x == restore(out, x, axis, keepdims)
    return at / np.sum(at, axis=axis, keepdims=True)


def _pull_extreme(g: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return restore(g, x, axis, keepdims) * _share(out, x, axis, keepdims)


def _push_extreme(t: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return np.sum(t * _share(out, x, axis, keepdims), axis=axis, keepdims=keepdims)


_max = general(
    "max", lambda x, axis=None, keepdims=False: np.max(x, axis=axis, keepdims=keepdims),
    pull=(_pull_extreme,), push=(_push_extreme,),
    reads="1 at the largest entry; ties share it evenly", cases=AXES,
    doc="""The largest entry over an axis, several, or all.""",
)  # fmt: skip

_min = general(
    "min", lambda x, axis=None, keepdims=False: np.min(x, axis=axis, keepdims=keepdims),
    pull=(_pull_extreme,), push=(_push_extreme,),
    reads="1 at the smallest entry; ties share it evenly", cases=AXES,
    doc="""The smallest entry over an axis, several, or all.""",
)  # fmt: skip


def _needs_initial(name: str, where: Any, initial: Any) -> None:
    if where is not True and initial is None:
        raise ArgumentError(f"{name}: with where=, nothing may be left of a slice: say initial= to start from")


@implements(np.max, np.amax)
def max(a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
    """The largest entry over an axis, several, or all; ties share the gradient. See `np.max`.

    Parameters
    ----------
    a, axis, keepdims, where
        As for `sum`.
    initial : Value or number
        A lower bound of the result; needed with `where`.

    Returns
    -------
    Value or array

    Raises
    ------
    ArgumentError
        If `where` is given without `initial`.

    Examples
    --------
    >>> max(np.array([[1.0, 4.0], [3.0, 2.0]]), axis=1)
    array([4., 3.])
    """
    _needs_initial("max", where, initial)
    result = _max(prepare(a, None, where, -np.inf), axis=axis, keepdims=keepdims)
    return result if initial is None else maximum(result, initial)


@implements(np.min, np.amin)
def min(a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
    """The smallest entry over an axis, several, or all; ties share the gradient. See `np.min`.

    Parameters
    ----------
    a, axis, keepdims, where
        As for `sum`.
    initial : Value or number
        An upper bound of the result; needed with `where`.

    Returns
    -------
    Value or array

    Raises
    ------
    ArgumentError
        If `where` is given without `initial`.

    Examples
    --------
    >>> min(np.array([[1.0, 4.0], [3.0, 2.0]]), axis=1)
    array([1., 2.])
    """
    _needs_initial("min", where, initial)
    result = _min(prepare(a, None, where, np.inf), axis=axis, keepdims=keepdims)
    return result if initial is None else minimum(result, initial)


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The largest entry minus the smallest; see `np.ptp`.

    Examples
    --------
    >>> float(ptp(np.array([1.0, 5.0, 2.0])))
    4.0
    """
    return _max(a, axis=axis, keepdims=keepdims) - _min(a, axis=axis, keepdims=keepdims)


# The factors of an entry's derivative are the products before it and after it: no division, so zeros are no exception.
def _others(x: Any, axis: Any) -> Any:
    """For each entry, the product of all others that it is multiplied with."""
    axes = reduced_axes(x, axis)
    if np.ndim(x) == 0:
        return np.ones_like(x)
    last = tuple(range(np.ndim(x) - len(axes), np.ndim(x)))
    moved = np.moveaxis(x, axes, last)
    kept = np.shape(moved)[: np.ndim(x) - len(axes)]
    flat = np.reshape(moved, (*kept, count(x, axis)))
    before = _products_before(flat)
    after = np.flip(_products_before(np.flip(flat, -1)), -1)
    return np.moveaxis(np.reshape(before * after, np.shape(moved)), last, axes)


def _products_before(x: Any) -> Any:
    return np.cumprod(np.concatenate([np.ones_like(x[..., :1]), x[..., :-1]], axis=-1), axis=-1)


_prod = general(
    "prod", lambda x, axis=None, keepdims=False: np.prod(x, axis=axis, keepdims=keepdims),
    pull=(lambda g, out, x, axis, keepdims: restore(g, x, axis, keepdims) * _others(x, axis),),
    push=(lambda t, out, x, axis, keepdims: np.sum(t * _others(x, axis), axis=axis, keepdims=keepdims),),
    symbol="Π", reads="the product of the other entries", cases=AXES + EMPTY,
    doc="""The product over an axis, several, or all.""",
)  # fmt: skip


@implements(np.prod)
def prod(
    a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """The product over an axis, several, or all; zeros differentiate as anything else. See `np.prod`.

    Parameters
    ----------
    a, axis, dtype, keepdims, where
        As for `sum`.
    initial : Value or number, optional
        A factor of the result.

    Returns
    -------
    Value or array

    Examples
    --------
    >>> prod(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    array([3., 8.])
    """
    product = _prod(prepare(a, dtype, where, 1.0), axis=axis, keepdims=keepdims)
    return product if initial is None else product * initial


amax, amin = max, min
