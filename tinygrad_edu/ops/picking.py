"""Picking entries out of an array, and adding up by position: what NumPy has beside plain indexing."""

from typing import Any

import numpy as np

from tinygrad_edu.op import implements
from tinygrad_edu.ops.indexing import as_index, scatter, take
from tinygrad_edu.ops.questions import refuse_traced

__all__ = ["bincount", "delete", "extract"]


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """The entries of `arr` where the condition holds, in a row; see `np.extract`.

    Examples
    --------
    >>> extract(np.array([True, False, True]), np.array([1.0, 2.0, 3.0]))
    array([1., 3.])
    """
    return take(arr, np.flatnonzero(condition))


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """`arr` without the slices that `obj` names; see `np.delete`.

    Examples
    --------
    >>> delete(np.array([1.0, 2.0, 3.0]), 1)
    array([1., 3.])
    """
    kept = np.delete(np.arange(np.size(arr) if axis is None else np.shape(arr)[axis]), obj)
    return take(arr, kept, axis)


@implements(np.bincount)
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """The sum of the weights of each whole number in `x`; see `np.bincount`.

    Parameters
    ----------
    x : array of int, shape (n,)
    weights : Value or array, shape (n,), optional
    minlength : int

    Returns
    -------
    Value or array, shape (max(x) + 1 or `minlength`,)

    Examples
    --------
    >>> bincount(np.array([0, 2, 2]), np.array([1.0, 2.0, 3.0]))
    array([1., 0., 5.])
    """
    refuse_traced("np.bincount", x)
    x = as_index("bincount", x)
    counts = np.bincount(x, minlength=minlength)
    return counts if weights is None else scatter(weights, index=x, shape=counts.shape)
