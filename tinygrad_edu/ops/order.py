"""Order statistics: sorting, partitions, medians and quantiles."""

from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.kinds import general
from tinygrad_edu.op import Node, case, implements
from tinygrad_edu.ops.choice import where
from tinygrad_edu.ops.indexing import take_along_axis
from tinygrad_edu.ops.reduction import reduced_axes

__all__ = ["median", "nanmedian", "nanpercentile", "nanquantile", "partition", "percentile", "quantile", "sort"]


# Tied entries stay in the order in which they came (a stable sort), and so do their gradients.
def _order(x: Any, axis: int) -> Any:
    return np.argsort(x, axis=axis, kind="stable")


_sort = general(
    "sort", lambda x, axis=-1: np.sort(x, axis=axis),
    pull=(lambda g, out, x, axis: take_along_axis(g, np.argsort(_order(x, axis), axis=axis), axis),),
    push=(lambda t, out, x, axis: take_along_axis(t, _order(x, axis), axis),),
    reads="1 at the entry that came to this place; of tied ones, in order",
    cases=(case((4,)), case((3, 2)), case((3, 2), axis=0), case((2, 0))),
    doc="""The entries in ascending order along an axis.""",
)  # fmt: skip


@implements(np.sort)
def sort(a: Any, axis: int | None = -1, kind: str | None = None, *, stable: bool | None = None) -> Any:
    """A sorted copy, ascending along an axis (of the flat array, if None); see `np.sort`.

    Parameters
    ----------
    a : Value or array
    axis : int or None
    kind, stable
        Without effect: the gradients of tied entries always keep their order.

    Returns
    -------
    Value or array

    Examples
    --------
    >>> sort(np.array([3.0, 1.0, 2.0]))
    array([1., 2., 3.])
    """
    return _sort(np.reshape(a, -1), axis=0) if axis is None else _sort(a, axis=axis)


def _parted(x: Any, kth: Any, axis: int = -1) -> Any:
    return np.take_along_axis(x, np.argpartition(x, kth, axis=axis), axis)


_partition = general(
    "partition", _parted,
    pull=(
        lambda g, out, x, kth, axis: take_along_axis(
            g, np.argsort(np.argpartition(x, kth, axis=axis), axis=axis), axis
        ),
    ),
    push=(lambda t, out, x, kth, axis: take_along_axis(t, np.argpartition(x, kth, axis=axis), axis),),
    reads="1 at the entry that came to this place",
    cases=(case((5,), kth=2), case((3, 4), kth=1), case((4, 2), kth=(1, 2), axis=0)),
    doc="""The entries with the k-th smallest in its sorted place, smaller ones before it, larger ones after it.""",
)  # fmt: skip


@implements(np.partition)
def partition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect") -> Any:
    """The entries along an axis with the k-th smallest in its sorted place; see `np.partition`.

    Examples
    --------
    >>> float(partition(np.array([3.0, 1.0, 2.0]), 1)[1])
    2.0
    """
    if kind != "introselect":
        raise ArgumentError(f"partition: kind must be 'introselect', got {kind!r}")
    kth = tuple(kth) if np.ndim(kth) else int(kth)
    return _partition(np.reshape(a, -1), kth=kth, axis=0) if axis is None else _partition(a, kth=kth, axis=axis)


@implements(np.quantile)
def quantile(a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """The q-th quantile over an axis, several, or all; see `np.quantile`.

    Parameters
    ----------
    a : Value or array
    q : float or array of them, in [0, 1]
        Its axes come first in the result. No gradient flows to it.
    axis : int, tuple of int, or None for all
    method : str
        Any of NumPy's. Those that pick an entry hand it the whole gradient; those that mix two share it.
    keepdims : bool

    Returns
    -------
    Value or array

    Raises
    ------
    ArgumentError
        If `a` is empty.

    Notes
    -----
    Of tied entries, the gradient goes to the one that a stable sort puts at the place.

    Examples
    --------
    >>> float(quantile(np.array([1.0, 2.0, 4.0]), 0.75))
    3.0
    """
    return _quantile("quantile", a, q, axis, method, keepdims, skip_nan=False)


@implements(np.percentile)
def percentile(a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """The q-th percentile, q in [0, 100]: `quantile` of q / 100. See `np.percentile`.

    Examples
    --------
    >>> float(percentile(np.array([1.0, 2.0, 4.0]), 75))
    3.0
    """
    return _quantile("percentile", a, _hundredth(q), axis, method, keepdims, skip_nan=False)


@implements(np.median)
def median(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The median over an axis, several, or all; between two middle entries, their mean. See `np.median`.

    Examples
    --------
    >>> float(median(np.array([1.0, 2.0, 4.0, 9.0])))
    3.0
    """
    return _quantile("median", a, 0.5, axis, "linear", keepdims, skip_nan=False)


@implements(np.nanquantile)
def nanquantile(a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """As `quantile`, of the entries that are not NaN; see `np.nanquantile`.

    Examples
    --------
    >>> float(nanquantile(np.array([1.0, np.nan, 3.0]), 0.5))
    2.0
    """
    return _quantile("nanquantile", a, q, axis, method, keepdims, skip_nan=True)


@implements(np.nanpercentile)
def nanpercentile(a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """As `percentile`, of the entries that are not NaN; see `np.nanpercentile`.

    Examples
    --------
    >>> float(nanpercentile(np.array([1.0, np.nan, 3.0]), 50))
    2.0
    """
    return _quantile("nanpercentile", a, _hundredth(q), axis, method, keepdims, skip_nan=True)


@implements(np.nanmedian)
def nanmedian(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """As `median`, of the entries that are not NaN; see `np.nanmedian`.

    Examples
    --------
    >>> float(nanmedian(np.array([1.0, np.nan, 3.0])))
    2.0
    """
    return _quantile("nanmedian", a, 0.5, axis, "linear", keepdims, skip_nan=True)


def _hundredth(q: Any) -> Any:
    return q if isinstance(q, Node) else np.true_divide(q, 100)


def _quantile(name: str, a: Any, q: Any, axis: Any, method: str, keepdims: bool, skip_nan: bool) -> Any:
    if isinstance(q, Node):
        raise ArgumentError(f"{name}: q has no derivative rule; give plain numbers")
    if np.ndim(a) == 0:
        a = np.reshape(a, 1)
    axes = reduced_axes(a, axis)
    ordered = _sort(_joined_last(a, axes), axis=-1)
    kept, n = np.shape(ordered)[:-1], np.shape(ordered)[-1]
    if n == 0:
        raise ArgumentError(f"{name}: no entries along axis {axis} of an array of shape {np.shape(a)}")
    missing = np.isnan(ordered)  # sorted to the end
    counts = n - np.sum(missing, axis=-1)
    place = _places(q, counts if skip_nan else np.full(kept, n), method)
    low = np.floor(place).astype(int)
    probe: Any = np.zeros(1, dtype=np.result_type(ordered))
    kind = np.quantile(probe, q if np.ndim(q) else float(q), method=method).dtype  # type: ignore[call-overload]
    share = (place - low).astype(kind)
    flat = np.broadcast_to(ordered, np.shape(q) + np.shape(ordered))
    below, above = (take_along_axis(flat, np.expand_dims(i, -1), -1)[..., 0] for i in (low, np.minimum(low + 1, n - 1)))
    result = below + where(share > 0, above - below, 0.0) * share
    spoilt = counts == 0 if skip_nan else counts < n
    result = where(spoilt, np.asarray(np.nan, dtype=share.dtype), result)
    if keepdims:
        sizes = tuple(1 if i in axes else size for i, size in enumerate(np.shape(a)))
        result = np.reshape(result, np.shape(q) + sizes)
    return result


def _joined_last(a: Any, axes: tuple[int, ...]) -> Any:
    """`a` with some axes moved to the end and made one."""
    n = np.ndim(a)
    moved = np.moveaxis(a, axes, tuple(range(n - len(axes), n)))
    kept = np.shape(moved)[: n - len(axes)]
    return np.reshape(moved, (*kept, int(np.prod(np.shape(moved)[n - len(axes) :], dtype=int))))


def _places(q: Any, counts: Any, method: str) -> Any:
    """Where the quantile of so many sorted entries lies between them: what NumPy says for the numbers 0, 1, 2 ..."""
    places = np.zeros(np.shape(q) + np.shape(counts))
    for n in np.unique(counts):
        if n:
            found = np.asarray(np.quantile(np.arange(float(n)), q, method=method))  # type: ignore[call-overload]
            places[..., counts == n] = found[..., np.newaxis]
    return places
