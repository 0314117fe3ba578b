"""The same entries in other places: turned, rolled, repeated, or taken from diagonals and triangles."""

from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.kinds import linear
from tinygrad_edu.op import NUMPY, Node, case, implements
from tinygrad_edu.ops.indexing import as_index, getitem, scatter, take
from tinygrad_edu.ops.questions import refuse_traced
from tinygrad_edu.ops.reduction import sum as total
from tinygrad_edu.ops.shape import ravel

__all__ = [
    "diag", "diagflat", "diagonal", "flip", "fliplr", "flipud", "repeat", "roll", "rot90", "sliding_window_view",
    "tile", "trace", "tril", "triu", "unique", "vander",
]  # fmt: skip

flip = linear(
    "flip", lambda m, axis=None: np.flip(m, axis),
    adjoint=lambda g, m, axis: np.flip(g, axis),
    reads="1", numpy=[np.flip], cases=(case((3,)), case((2, 3), axis=0), case((2, 3, 2), axis=(0, -1)), case((0, 3))),
    doc="""The entries in reverse order along an axis, several, or all.""",
)  # fmt: skip


def _back(shift: Any) -> Any:
    return tuple(-s for s in shift) if isinstance(shift, (tuple, list)) else -shift


roll = linear(
    "roll", lambda a, shift, axis=None: np.roll(a, shift, axis),
    adjoint=lambda g, a, shift, axis: np.roll(g, _back(shift), axis),
    reads="1", numpy=[np.roll],
    cases=(case((4,), shift=1), case((2, 3), shift=-2), case((2, 3), shift=(1, 4), axis=(0, 1)), case((0, 3), shift=1)),
    doc="""The entries moved along an axis (the flat array, if None); what leaves at the end comes in at the start.""",
)  # fmt: skip


@implements(np.fliplr)
def fliplr(m: Any) -> Any:
    """The columns in reverse order; see `np.fliplr`.

    Examples
    --------
    >>> fliplr(np.array([[1.0, 2.0]]))
    array([[2., 1.]])
    """
    if np.ndim(m) < 2:
        raise ArgumentError(f"fliplr: expected an array of two axes or more, got {np.ndim(m)}; use flip")
    return flip(m, 1)


@implements(np.flipud)
def flipud(m: Any) -> Any:
    """The rows in reverse order; see `np.flipud`.

    Examples
    --------
    >>> flipud(np.array([1.0, 2.0]))
    array([2., 1.])
    """
    if np.ndim(m) < 1:
        raise ArgumentError("flipud: expected an array of one axis or more, got a single number")
    return flip(m, 0)


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """The array turned by `k` quarter turns, from the first axis named towards the second; see `np.rot90`.

    Examples
    --------
    >>> rot90(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[2., 4.],
           [1., 3.]])
    """
    n = np.ndim(m)
    first, second = axes
    if n < 2 or first % n == second % n:
        raise ArgumentError(f"rot90: expected two different axes of an array of two or more, got {axes} of {n}")
    k %= 4
    if k == 2:
        return flip(m, (first, second))
    if k == 1:
        return np.swapaxes(flip(m, second), first, second)
    return flip(np.swapaxes(m, first, second), second) if k == 3 else flip(m, ())


def _tile_shapes(shape: tuple[int, ...], reps: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Repeats and lengths, axis by axis, both as long as the longer one."""
    reps = tuple(int(r) for r in np.atleast_1d(reps))
    n = max(len(shape), len(reps))
    return (1,) * (n - len(reps)) + reps, (1,) * (n - len(shape)) + shape


def _untile(g: Any, A: Any, reps: Any) -> Any:
    reps, sizes = _tile_shapes(np.shape(A), reps)
    pairs = tuple(number for pair in zip(reps, sizes, strict=True) for number in pair)
    return np.reshape(np.sum(np.reshape(g, pairs), axis=tuple(range(0, len(pairs), 2))), np.shape(A))


tile = linear(
    "tile", lambda A, reps: np.tile(A, reps), adjoint=_untile,
    reads="1; repeats add up", numpy=[np.tile],
    cases=(
        case((3,), reps=2), case((2, 3), reps=(2, 1)), case((3,), reps=(2, 3)), case((2, 3), reps=0), case((), reps=2),
    ),
    doc="""The whole array repeated so many times along each axis.""",
)  # fmt: skip


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each entry repeated along an axis (of the flat array, if None); see `np.repeat`.

    Parameters
    ----------
    a : Value or array
    repeats : int, or one int an entry
    axis : int, optional

    Returns
    -------
    Value or array

    Examples
    --------
    >>> repeat(np.array([1.0, 2.0]), [1, 2])
    array([1., 2., 2.])
    """
    n = np.size(a) if axis is None else np.shape(a)[axis]
    return take(a, np.repeat(np.arange(n), as_index("repeat", repeats)), axis)


tril = linear(
    "tril", lambda m, k=0: np.tril(m, k), adjoint=lambda g, m, k: np.tril(g, k),
    reads="1 on and below the diagonal, else 0", numpy=[np.tril],
    cases=(case((3, 3)), case((2, 3), k=1), case((2, 3, 2), k=-1)),
    doc="""The lower triangle, zeros above the k-th diagonal.""",
)  # fmt: skip

triu = linear(
    "triu", lambda m, k=0: np.triu(m, k), adjoint=lambda g, m, k: np.triu(g, k),
    reads="1 on and above the diagonal, else 0", numpy=[np.triu],
    cases=(case((3, 3)), case((2, 3), k=1), case((2, 3, 2), k=-1)),
    doc="""The upper triangle, zeros below the k-th diagonal.""",
)  # fmt: skip


def _diagonal_index(rows: int, columns: int, offset: int) -> tuple[Any, Any]:
    start_row, start_column = max(-offset, 0), max(offset, 0)
    length = max(min(rows - start_row, columns - start_column), 0)
    return np.arange(length) + start_row, np.arange(length) + start_column


@implements(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The entries on a diagonal of two axes, along a new last axis; see `np.diagonal`.

    Examples
    --------
    >>> diagonal(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([1., 4.])
    """
    if np.ndim(a) < 2:
        raise ArgumentError(f"diagonal: expected an array of two axes or more, got {np.ndim(a)}")
    if (axis1, axis2) not in ((-2, -1), (np.ndim(a) - 2, np.ndim(a) - 1)):
        a = np.moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = np.shape(a)[-2:]
    return getitem(a, index=(..., *_diagonal_index(rows, columns, offset)))


@implements(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Any:
    """The sum of a diagonal of two axes; see `np.trace`.

    Examples
    --------
    >>> float(trace(np.array([[1.0, 2.0], [3.0, 4.0]])))
    5.0
    """
    return total(diagonal(a, offset, axis1, axis2), -1, dtype)


@implements(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """A matrix with these numbers on its k-th diagonal, zeros elsewhere; see `np.diagflat`.

    Examples
    --------
    >>> diagflat(np.array([1.0, 2.0]))
    array([[1., 0.],
           [0., 2.]])
    """
    n = np.size(v) + abs(k)
    return scatter(ravel(v), index=_diagonal_index(n, n, k), shape=(n, n))


@implements(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """The k-th diagonal of a matrix, or the matrix with a vector on it; see `np.diag`.

    Examples
    --------
    >>> diag(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([1., 4.])
    """
    if np.ndim(v) not in (1, 2):
        raise ArgumentError(f"diag: expected a vector or a matrix, got an array of {np.ndim(v)} axes; use diagonal")
    return diagflat(v, k) if np.ndim(v) == 1 else diagonal(v, k)


@implements(np.unique)
def unique(
    ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
    axis: int | None = None, *, equal_nan: bool = True,
) -> Any:  # fmt: skip
    """The different entries in ascending order; see `np.unique`.

    The gradient of each goes to the first entry that has its number. Index, inverse and counts are
    plain integers; how many entries differ is fixed when the graph is recorded.

    Parameters
    ----------
    ar : Value or array
    return_index, return_inverse, return_counts : bool
    axis : int, optional
        Look for different slices along this axis; the flat array if None.
    equal_nan : bool

    Returns
    -------
    Value or array, or a tuple that begins with it

    Examples
    --------
    >>> unique(np.array([3.0, 1.0, 3.0]), return_inverse=True)
    (array([1., 3.]), array([1, 0, 1]))
    """
    refuse_traced("np.unique", ar)
    plain = np.array(ar.data) if isinstance(ar, Node) else ar
    _, first, inverse, counts = np.unique(plain, True, True, True, axis, equal_nan=equal_nan)
    wanted = [x for x, flag in ((first, return_index), (inverse, return_inverse), (counts, return_counts)) if flag]
    values = take(ar, first, axis)
    return (values, *wanted) if wanted else values


@implements(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of a vector's entries as columns; see `np.vander`.

    Examples
    --------
    >>> vander(np.array([2.0, 3.0]), 3)
    array([[4., 2., 1.],
           [9., 3., 1.]])
    """
    exponents = np.arange(np.shape(x)[0] if N is None else N, dtype=float)
    return np.expand_dims(x, -1) ** (exponents if increasing else exponents[::-1])


def sliding_window_view(x: Any, window_shape: Any, axis: Any = None) -> Any:
    """All windows of a shape, as new last axes; see `np.lib.stride_tricks.sliding_window_view`.

    Examples
    --------
    >>> sliding_window_view(np.array([1.0, 2.0, 3.0]), 2)
    array([[1., 2.],
           [2., 3.]])
    """
    positions = np.lib.stride_tricks.sliding_window_view(np.arange(np.size(x)).reshape(np.shape(x)), window_shape, axis)
    return getitem(ravel(x), index=np.array(positions))


NUMPY[np.lib.stride_tricks.sliding_window_view] = sliding_window_view
