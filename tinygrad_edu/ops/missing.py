"""Reductions that skip NaN: a NaN contributes nothing and receives no gradient."""

from typing import Any

import numpy as np

from tinygrad_edu.op import implements
from tinygrad_edu.ops.choice import where as choose
from tinygrad_edu.ops.cumulative import cumprod, cumsum
from tinygrad_edu.ops.reduction import max as largest
from tinygrad_edu.ops.reduction import mean, prod, sum
from tinygrad_edu.ops.reduction import min as smallest
from tinygrad_edu.ops.shape import astype
from tinygrad_edu.ops.spread import root, var

__all__ = ["nancumprod", "nancumsum", "nanmax", "nanmean", "nanmin", "nanprod", "nanstd", "nansum", "nanvar"]


def _filled(a: Any, number: float) -> Any:
    return choose(np.isnan(a), np.asarray(number, dtype=np.result_type(a)), a)


@implements(np.nansum)
def nansum(
    a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """The sum of what is not NaN; see `np.nansum`.

    Examples
    --------
    >>> float(nansum(np.array([1.0, np.nan])))
    1.0
    """
    return sum(_filled(a, 0.0), axis, dtype, keepdims=keepdims, initial=initial, where=where)


@implements(np.nanprod)
def nanprod(
    a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Any:
    """The product of what is not NaN; see `np.nanprod`.

    Examples
    --------
    >>> float(nanprod(np.array([2.0, np.nan, 3.0])))
    6.0
    """
    return prod(_filled(a, 1.0), axis, dtype, keepdims=keepdims, initial=initial, where=where)


@implements(np.nanmean)
def nanmean(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, where: Any = True) -> Any:
    """The mean of what is not NaN; see `np.nanmean`.

    Examples
    --------
    >>> float(nanmean(np.array([1.0, np.nan, 3.0])))
    2.0
    """
    return mean(a, axis, dtype, keepdims=keepdims, where=~np.isnan(a) & where)


@implements(np.nanvar)
def nanvar(
    a: Any, axis: Any = None, dtype: Any = None, *, ddof: float = 0, keepdims: bool = False, where: Any = True,
    mean: Any = None, correction: float | None = None,
) -> Any:  # fmt: skip
    """The variance of what is not NaN; see `np.nanvar`.

    Examples
    --------
    >>> float(nanvar(np.array([1.0, np.nan, 3.0])))
    1.0
    """
    counted = ~np.isnan(a) & where
    a = _filled(a if dtype is None else astype(a, dtype), 0.0)
    return var(a, axis, ddof=ddof, keepdims=keepdims, where=counted, mean=mean, correction=correction)


@implements(np.nanstd)
def nanstd(
    a: Any, axis: Any = None, dtype: Any = None, *, ddof: float = 0, keepdims: bool = False, where: Any = True,
    mean: Any = None, correction: float | None = None,
) -> Any:  # fmt: skip
    """The standard deviation of what is not NaN; see `np.nanstd`.

    Examples
    --------
    >>> float(nanstd(np.array([1.0, np.nan, 3.0])))
    1.0
    """
    return root(nanvar(a, axis, dtype, ddof=ddof, keepdims=keepdims, where=where, mean=mean, correction=correction))


def _extreme(reduce: Any, a: Any, axis: Any, keepdims: bool, initial: Any, where: Any, never: float) -> Any:
    """A reduction over what is not NaN; NaN where nothing is left."""
    found = reduce(_filled(a, never), axis, keepdims=keepdims, initial=initial, where=where)
    gone = np.all(np.isnan(a), axis=axis, keepdims=keepdims)
    return found if initial is not None else choose(gone, np.asarray(np.nan, dtype=np.result_type(a)), found)


@implements(np.nanmax)
def nanmax(a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
    """The largest of what is not NaN; ties share the gradient. See `np.nanmax`.

    Examples
    --------
    >>> float(nanmax(np.array([1.0, np.nan, 3.0])))
    3.0
    """
    return _extreme(largest, a, axis, keepdims, initial, where, -np.inf)


@implements(np.nanmin)
def nanmin(a: Any, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Any:
    """The smallest of what is not NaN; ties share the gradient. See `np.nanmin`.

    Examples
    --------
    >>> float(nanmin(np.array([1.0, np.nan, 3.0])))
    1.0
    """
    return _extreme(smallest, a, axis, keepdims, initial, where, np.inf)


@implements(np.nancumsum)
def nancumsum(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sums in which NaN counts as 0; see `np.nancumsum`.

    Examples
    --------
    >>> nancumsum(np.array([1.0, np.nan, 3.0]))
    array([1., 1., 4.])
    """
    return cumsum(_filled(a, 0.0), axis, dtype)


@implements(np.nancumprod)
def nancumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running products in which NaN counts as 1; see `np.nancumprod`.

    Examples
    --------
    >>> nancumprod(np.array([2.0, np.nan, 3.0]))
    array([2., 2., 6.])
    """
    return cumprod(_filled(a, 1.0), axis, dtype)
