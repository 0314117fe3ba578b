"""Several arrays made one, and one made several."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, DTypeError
from tinygrad_edu.kinds import linear
from tinygrad_edu.op import case, implements
from tinygrad_edu.ops.indexing import getitem
from tinygrad_edu.ops.shape import astype, ravel

__all__ = [
    "append", "array_split", "block", "column_stack", "concat", "concatenate", "dsplit", "dstack", "hsplit", "hstack",
    "split", "stack", "unstack", "vsplit", "vstack",
]  # fmt: skip


def _piece(g: Any, index: int, *arrays: Any, axis: int | None) -> Any:
    """The part of `g` that came from one of the concatenated arrays."""
    sizes = [np.size(x) if axis is None else np.shape(x)[axis] for x in arrays]
    start = sum(sizes[:index])
    part = slice(start, start + sizes[index])
    if axis is None:
        return np.reshape(g[part], np.shape(arrays[index]))
    return g[(slice(None),) * (axis % np.ndim(g)) + (part,)]


_concatenate = linear(
    "concatenate", lambda arrays, axis=0: np.concatenate(arrays, axis=axis), adjoint=_piece, variadic=True,
    symbol="concat", reads="1",
    cases=(
        case((2, 3), (1, 3)),
        case((2, 3), (2, 1), axis=-1),
        case((2,), (1, 3), axis=None),
        case((0, 2), (3, 2), (1, 2)),
    ),
    doc="""The operands one after the other along an axis.""",
)  # fmt: skip

_stack = linear(
    "stack", lambda arrays, axis=0: np.stack(arrays, axis=axis),
    adjoint=lambda g, index, *arrays, axis: g[(slice(None),) * (axis % np.ndim(g)) + (index,)],
    variadic=True, reads="1",
    cases=(case((), ()), case((3,), (3,), (3,)), case((2, 3), (2, 3), axis=-1), case((2,), (2,), axis=1)),
    doc="""The operands beside each other along a new axis.""",
)  # fmt: skip


def _joined(op: Any, arrays: Any, axis: int | None, dtype: Any) -> Any:
    if not isinstance(arrays, Sequence):
        arrays = list(arrays)
    result = op(arrays, axis=axis)
    return result if dtype is None else astype(result, dtype)


@implements(np.concatenate)
def concatenate(arrays: Any, axis: int | None = 0, *, dtype: Any = None) -> Any:
    """Arrays one after the other along an axis (flat, if None); see `np.concatenate`.

    Parameters
    ----------
    arrays : sequence of Values, arrays or lists of numbers
    axis : int or None
    dtype : floating-point dtype, optional

    Returns
    -------
    Value or array

    Examples
    --------
    >>> concatenate([np.array([1.0, 2.0]), [3.0]])
    array([1., 2., 3.])
    """
    return _joined(_concatenate, arrays, axis, dtype)


@implements(np.stack)
def stack(arrays: Any, axis: int = 0, *, dtype: Any = None) -> Any:
    """Arrays of one shape beside each other along a new axis; see `np.stack`.

    Examples
    --------
    >>> stack([np.array([1.0, 2.0]), [3.0, 4.0]], axis=1)
    array([[1., 3.],
           [2., 4.]])
    """
    return _joined(_stack, arrays, axis, dtype)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None) -> Any:
    """Arrays joined along the second axis, vectors along their only one; see `np.hstack`.

    Examples
    --------
    >>> hstack([np.zeros((2, 1)), np.zeros((2, 3))]).shape
    (2, 4)
    """
    arrays = [np.atleast_1d(x) for x in tup]
    return concatenate(arrays, 0 if arrays and np.ndim(arrays[0]) == 1 else 1, dtype=dtype)


@implements(np.vstack)
def vstack(tup: Any, *, dtype: Any = None) -> Any:
    """Arrays joined along the first axis, vectors as rows; see `np.vstack`.

    Examples
    --------
    >>> vstack([np.zeros(3), np.ones(3)]).shape
    (2, 3)
    """
    return concatenate([np.atleast_2d(x) for x in tup], 0, dtype=dtype)


@implements(np.dstack)
def dstack(tup: Any) -> Any:
    """Arrays joined along the third axis; see `np.dstack`.

    Examples
    --------
    >>> dstack([np.zeros((2, 3)), np.ones((2, 3))]).shape
    (2, 3, 2)
    """
    return concatenate([np.atleast_3d(x) for x in tup], 2)


@implements(np.column_stack)
def column_stack(tup: Any) -> Any:
    """Vectors as the columns of a matrix; see `np.column_stack`.

    Examples
    --------
    >>> column_stack([np.zeros(3), np.ones((3, 2))]).shape
    (3, 3)
    """
    return concatenate([np.reshape(x, (-1, 1)) if np.ndim(x) < 2 else x for x in tup], 1)


@implements(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """`values` after `arr`, along an axis (flat, if None); see `np.append`.

    Examples
    --------
    >>> append(np.array([1.0]), [2.0, 3.0])
    array([1., 2., 3.])
    """
    return concatenate([arr, values], axis) if axis is not None else concatenate([ravel(arr), ravel(values)])


@implements(np.block)
def block(arrays: Any) -> Any:
    """One array from nested lists of blocks: the innermost lists run along the last axis. See `np.block`.

    Examples
    --------
    >>> block([[np.eye(2), np.zeros((2, 1))], [np.zeros((1, 2)), 5.0]])
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 5.]])
    """
    depth = _depth(arrays)
    ndim = max(depth, *(np.ndim(x) for x in _flat(arrays)))

    def join(part: Any, level: int) -> Any:
        if not isinstance(part, list):
            if level != depth:
                raise ArgumentError(f"block: lists nested {level} deep beside others {depth} deep; nest all alike")
            return np.reshape(part, (1,) * (ndim - np.ndim(part)) + np.shape(part))
        return concatenate([join(item, level + 1) for item in part], axis=ndim - depth + level)

    return join(arrays, 0)


def _depth(part: Any) -> int:
    if not isinstance(part, list):
        return 0
    if not part:
        raise ArgumentError("block: an empty list has no place in it")
    return 1 + max(_depth(item) for item in part)


def _flat(part: Any) -> list[Any]:
    return [leaf for item in part for leaf in _flat(item)] if isinstance(part, list) else [part]


def _bounds(name: str, ary: Any, indices_or_sections: Any, axis: int) -> list[tuple[int, int]]:
    """Where the parts of a split begin and end: NumPy itself says it, on the positions."""
    if np.ndim(ary) == 0:
        raise ArgumentError(f"{name}: a single number cannot be split")
    if np.size(indices_or_sections) and np.asarray(indices_or_sections).dtype.kind not in "iu":
        raise DTypeError(f"{name}: expected a number of parts or the places to cut, got {indices_or_sections!r}")
    n = np.shape(ary)[axis]
    cut = np.split if name == "split" else np.array_split
    parts = cut(np.arange(n), indices_or_sections)
    return [(int(part[0]), int(part[-1]) + 1) if part.size else (0, 0) for part in parts]


def _cut(name: str, ary: Any, indices_or_sections: Any, axis: int) -> list[Any]:
    before = (slice(None),) * (axis % max(np.ndim(ary), 1))
    return [
        getitem(ary, index=(*before, slice(start, stop)))
        for start, stop in _bounds(name, ary, indices_or_sections, axis)
    ]


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """The array in so many parts along an axis, or cut at given places; see `np.array_split`.

    Examples
    --------
    >>> [part.shape for part in array_split(np.zeros(5), 2)]
    [(3,), (2,)]
    """
    return _cut("array_split", ary, indices_or_sections, axis)


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """The array in so many equal parts along an axis, or cut at given places; see `np.split`.

    Examples
    --------
    >>> split(np.arange(4.0), 2)
    [array([0., 1.]), array([2., 3.])]
    """
    return _cut("split", ary, indices_or_sections, axis)


@implements(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """The array cut along the second axis (a vector along its only one); see `np.hsplit`.

    Examples
    --------
    >>> [part.shape for part in hsplit(np.zeros((2, 4)), 2)]
    [(2, 2), (2, 2)]
    """
    return _cut("split", ary, indices_or_sections, 0 if np.ndim(ary) == 1 else 1)


@implements(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """The array cut along the first axis; it has at least two. See `np.vsplit`.

    Examples
    --------
    >>> [part.shape for part in vsplit(np.zeros((2, 4)), 2)]
    [(1, 4), (1, 4)]
    """
    if np.ndim(ary) < 2:
        raise ArgumentError(f"vsplit: expected an array of two axes or more, got {np.ndim(ary)}; use split")
    return _cut("split", ary, indices_or_sections, 0)


@implements(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """The array cut along the third axis; see `np.dsplit`.

    Examples
    --------
    >>> [part.shape for part in dsplit(np.zeros((1, 2, 4)), 2)]
    [(1, 2, 2), (1, 2, 2)]
    """
    if np.ndim(ary) < 3:
        raise ArgumentError(f"dsplit: expected an array of three axes or more, got {np.ndim(ary)}; use split")
    return _cut("split", ary, indices_or_sections, 2)


@implements(getattr(np, "unstack", None))  # since NumPy 2.1
def unstack(x: Any, *, axis: int = 0) -> tuple[Any, ...]:
    """The slices along an axis, one by one; see `np.unstack`.

    Examples
    --------
    >>> unstack(np.array([[1.0, 2.0], [3.0, 4.0]]))
    (array([1., 2.]), array([3., 4.]))
    """
    before = (slice(None),) * (axis % max(np.ndim(x), 1))
    return tuple([getitem(x, index=(*before, i)) for i in range(np.shape(x)[axis])])


concat = concatenate
