"""Variance, standard deviation, covariance, and weighted means."""

import math
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.kinds import general
from tinygrad_edu.op import Node, as_operand, case, implements
from tinygrad_edu.ops.choice import where as choose
from tinygrad_edu.ops.reduction import AXES, count, counted, mean, restore
from tinygrad_edu.ops.reduction import sum as total
from tinygrad_edu.ops.shape import astype

__all__ = ["average", "corrcoef", "cov", "std", "var"]


def _centred(x: Any, axis: Any) -> Any:
    return x - np.mean(x, axis=axis, keepdims=True)


def _free(x: Any, axis: Any, ddof: float) -> float:
    """By how much the squares are divided: by 0 for too few numbers, of which NumPy makes NaN."""
    return max(count(x, axis) - ddof, 0)


def _twice(x: Any, axis: Any, ddof: float) -> float:
    return 2.0 / free if (free := _free(x, axis, ddof)) else math.inf


SPREADS = (*AXES[1:7], case((4,), ddof=1), case((2, 3), axis=1, ddof=1, keepdims=True))

_var = general(
    "var", lambda x, axis=None, ddof=0, keepdims=False: np.var(x, axis=axis, ddof=ddof, keepdims=keepdims),
    pull=(
        lambda g, out, x, axis, ddof, keepdims: restore(g, x, axis, keepdims)
        * (_centred(x, axis) * _twice(x, axis, ddof)),
    ),
    push=(
        lambda t, out, x, axis, ddof, keepdims: np.sum(
            t * (_centred(x, axis) * _twice(x, axis, ddof)), axis=axis, keepdims=keepdims
        ),
    ),
    reads="2 (x - mean) / (n - ddof)", cases=SPREADS,
    doc="""The variance over an axis, several, or all; the squares are divided by n - ddof.""",
)  # fmt: skip

_std = general(
    "std", lambda x, axis=None, ddof=0, keepdims=False: np.std(x, axis=axis, ddof=ddof, keepdims=keepdims),
    pull=(
        lambda g, out, x, axis, ddof, keepdims: restore(g / (out + (out == 0)), x, axis, keepdims)
        * (_centred(x, axis) / _free(x, axis, ddof)),
    ),
    push=(
        lambda t, out, x, axis, ddof, keepdims: np.sum(
            t * (_centred(x, axis) / _free(x, axis, ddof)), axis=axis, keepdims=keepdims
        ) / (out + (out == 0)),
    ),
    reads="(x - mean) / ((n - ddof) std), and 0 where std = 0", cases=SPREADS,
    doc="""The standard deviation over an axis, several, or all; the squares are divided by n - ddof.

    Where all entries are equal the deviation is 0 and has no derivative. By convention its gradient there is 0, as that
    of `norm` at 0, and its Hessian finite: that of half the sum of squares about the mean, divided by n - ddof.
    """,
)  # fmt: skip


def _about(a: Any, axis: Any, ddof: float, keepdims: bool, where: Any, middle: Any) -> Any:
    """The variance about a given mean, or over the entries of a mask."""
    if middle is None:
        middle = mean(a, axis, keepdims=True, where=where)
    freedom = np.maximum(counted(a, axis, keepdims, where) - ddof, 0)
    return total((a - middle) ** 2, axis, keepdims=keepdims, where=where) / freedom


def root(variance: Any) -> Any:
    """The square root; 0 with gradient 0 where there is no variance."""
    none = variance == 0
    return choose(none, 0.0, np.sqrt(choose(none, 1.0, variance)))


def _freedom(name: str, ddof: float, correction: float | None) -> float:
    if correction is not None and ddof != 0:
        raise ArgumentError(f"{name}: ddof and correction are two names for one number; give one of them")
    return ddof if correction is None else correction


@implements(np.var)
def var(
    a: Any, axis: Any = None, dtype: Any = None, *, ddof: float = 0, keepdims: bool = False,
    where: Any = True, mean: Any = None, correction: float | None = None,
) -> Any:  # fmt: skip
    """The variance over an axis, several, or all; see `np.var`.

    Parameters
    ----------
    a, axis, dtype, keepdims, where
        As for `sum`.
    ddof, correction : float
        The squares are divided by n minus this; two names for one number.
    mean : Value or array, optional
        The mean, if it is known: with the reduced axes kept.

    Returns
    -------
    Value or array

    Raises
    ------
    ArgumentError
        If both `ddof` and `correction` are given.

    Examples
    --------
    >>> float(var(np.array([1.0, 3.0]), ddof=1))
    2.0
    """
    ddof = _freedom("var", ddof, correction)
    a = a if dtype is None else astype(a, dtype)
    if where is True and mean is None:
        return _var(a, axis=axis, ddof=ddof, keepdims=keepdims)
    return _about(a, axis, ddof, keepdims, where, mean)


@implements(np.std)
def std(
    a: Any, axis: Any = None, dtype: Any = None, *, ddof: float = 0, keepdims: bool = False,
    where: Any = True, mean: Any = None, correction: float | None = None,
) -> Any:  # fmt: skip
    """The standard deviation over an axis, several, or all; see `np.std`. Its gradient at 0 is 0.

    Parameters
    ----------
    a, axis, dtype, ddof, keepdims, where, mean, correction
        As for `var`.

    Returns
    -------
    Value or array

    Examples
    --------
    >>> float(std(np.array([1.0, 3.0])))
    1.0
    """
    ddof = _freedom("std", ddof, correction)
    a = a if dtype is None else astype(a, dtype)
    if where is True and mean is None:
        return _std(a, axis=axis, ddof=ddof, keepdims=keepdims)
    return root(_about(a, axis, ddof, keepdims, where, mean))


@implements(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """The weighted mean over an axis, several, or all; see `np.average`.

    Parameters
    ----------
    a : Value or array
    axis : int, tuple of int, or None for all
    weights : Value or array, optional
        Of the shape of `a`, or of its shape along `axis`.
    returned : bool
        Also return the sum of the weights.
    keepdims : bool

    Returns
    -------
    Value or array, or a pair of them

    Raises
    ------
    ShapeError
        If the weights have neither shape.

    Examples
    --------
    >>> float(average(np.array([1.0, 4.0]), weights=np.array([2.0, 1.0])))
    2.0
    """
    if weights is None:
        result = mean(a, axis, keepdims=keepdims)
        scale: Any = np.full_like(result, count(a, axis))
    else:
        w = _as_wide(weights, a, axis)
        scale = total(w, axis, keepdims=keepdims)
        result = total(a * w, axis, keepdims=keepdims) / scale
        scale = np.broadcast_to(scale, np.shape(result))
    return (result, scale) if returned else result


def _as_wide(weights: Any, a: Any, axis: Any) -> Any:
    """Weights of some axes of `a`, in the shape of `a`."""
    shape, have = np.shape(a), np.shape(weights)
    if have == shape:
        return weights
    axes = axis if isinstance(axis, tuple) else (axis,)
    if axis is None or have != tuple(shape[i] for i in axes):
        raise ShapeError(
            f"average: weights of shape {have} do not fit an array of shape {shape} along axis {axis}: "
            f"expected {shape}" + ("" if axis is None else f" or {tuple(shape[i] for i in axes)}")
        )
    order = [i % len(shape) for i in axes]
    sorted_weights = np.transpose(weights, tuple(int(i) for i in np.argsort(order)))
    wide = tuple(n if i in order else 1 for i, n in enumerate(shape))
    return np.broadcast_to(np.reshape(sorted_weights, wide), shape)


@implements(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None,
    fweights: Any = None, aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    """The covariance matrix of variables, one a row (a column if `rowvar` is false); see `np.cov`.

    Parameters
    ----------
    m, y : Value or array
        Observations; those of `y` are further variables.
    rowvar, bias, ddof, fweights, aweights, dtype
        As for `np.cov`; `aweights` may be a Value. Computed in float64, as there, unless `dtype` says otherwise.

    Returns
    -------
    Value or array, shape (variables, variables); a number for one variable

    Examples
    --------
    >>> cov(np.array([[0.0, 2.0], [0.0, 4.0]]))
    array([[2., 4.],
           [4., 8.]])
    """
    parts = [np.atleast_2d(part) for part in (m, y) if part is not None]
    parts = [part if rowvar or np.ndim(given) < 2 else part.T for part, given in zip(parts, (m, y), strict=False)]
    x = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=0)
    kind = np.result_type(x, np.float64) if dtype is None else np.dtype(dtype)
    x = x if np.result_type(x) == kind else astype(x, kind)
    ddof = (0 if bias else 1) if ddof is None else ddof
    if fweights is None and aweights is None:
        centred = x - np.mean(x, axis=1, keepdims=True)
        result = centred @ centred.T / (np.shape(x)[1] - ddof)
    else:
        weights: Any = 1.0 if fweights is None else np.asarray(fweights, dtype=float)
        if aweights is not None:
            aweights = aweights if isinstance(aweights, Node) else as_operand(aweights)
            weights = weights * aweights
        mass = np.sum(weights)
        centred = x - np.sum(x * weights, axis=1, keepdims=True) / mass
        lost = ddof if aweights is None else ddof * np.sum(weights * aweights) / mass
        result = (centred * weights) @ centred.T / (mass - lost)
    return np.squeeze(result)


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """The correlation matrix of variables, one a row (a column if `rowvar` is false); see `np.corrcoef`.

    Examples
    --------
    >>> corrcoef(np.array([[0.0, 1.0, 2.0], [0.0, -1.0, -2.0]]))[0, 1].round(6)
    np.float64(-1.0)
    """
    c = cov(x, y, rowvar, dtype=dtype)
    if np.ndim(c) == 0:
        return c / c
    deviation = np.sqrt(np.diagonal(c))
    return c / deviation[:, None] / deviation[None, :]
