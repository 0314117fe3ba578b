"""Reading entries by index, changing them without changing the array, and the scatter that is their adjoint."""

from typing import Any

import numpy as np

from tinygrad_edu.errors import DTypeError, NotDifferentiableError
from tinygrad_edu.kinds import general, linear, multilinear
from tinygrad_edu.mode import current_mode
from tinygrad_edu.op import Interval, Node, Operation, case, implements
from tinygrad_edu.ops.questions import refuse_traced

__all__ = [
    "at_add", "at_set", "compress", "getitem", "scatter", "take", "take_along_axis",
]  # fmt: skip


def plain_index(index: Any) -> Any:
    """An index that nobody changes after it was recorded: lists become arrays, arrays are copied.

    Raises
    ------
    NotDifferentiableError
        If a Value is in it.
    DTypeError
        If an array in it holds neither integers nor booleans.
    """
    if isinstance(index, tuple):
        return tuple([part if part.__class__ is slice else plain_index(part) for part in index])
    if not isinstance(index, (list, np.ndarray, Node)):
        return index
    index = as_index("getitem", index)
    return index if isinstance(index, Node) else np.array(index)


def as_index(name: str, index: Any) -> Any:
    """`index` as an array of integers or booleans; `name` is the function that complains otherwise.

    In a recording (`tinygrad_edu.compile`), integers that are computed there may be a Value.
    """
    if isinstance(index, Node) and np.result_type(index.data).kind == "b":
        refuse_traced("the selection x[mask]", index)
    if isinstance(index, Node) and (current_mode().capture is None or np.result_type(index.data).kind not in "iu"):
        raise NotDifferentiableError(
            f"{name}: a Value cannot be an index; use plain integers, for example v.data.astype(int)"
        )
    if isinstance(index, Node):
        return index
    array = np.asarray(index)
    if array.dtype.kind in "biu":
        return array
    if array.size == 0:  # an empty list says nothing about its type
        return array.astype(np.intp)
    raise DTypeError(f"{name}: expected integers or booleans as indices, got an array of {array.dtype}")


def _getitem(x: Any, index: Any) -> Any:
    return np.asarray(x)[index]


def _scatter(g: Any, index: Any, shape: Any) -> Any:
    out = np.zeros(shape, g.dtype if g.__class__ is np.ndarray else np.result_type(g))
    index = _as_array(index) if not isinstance(index, tuple) else tuple([_as_array(part) for part in index])
    if _is_unique(index):
        out[index] = g
        return out
    if out.size > 8 * np.size(g) and not isinstance(index, np.ndarray):
        np.add.at(out, index, g)
        return out
    # np.add.at is fast (measured: 5 to 10 times) on one axis only: so the index is turned into flat positions.
    positions = _flat_positions(index, out)
    np.add.at(out.reshape(-1), positions.reshape(-1), np.broadcast_to(g, positions.shape).reshape(-1))
    return out


def _add_piece(total: Any, g: Any, index: Any) -> None:
    if _is_unique(index):
        total[index] += g
    else:
        total += _scatter(g, index, total.shape)


def _as_array(part: Any) -> Any:
    return np.asarray(part) if isinstance(part, list) else part


def _is_unique(index: Any) -> bool:
    """Whether the index names no entry twice: slices, single integers, one boolean mask."""
    parts = index if isinstance(index, tuple) else (index,)
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    return not arrays or (len(arrays) == 1 and arrays[0].dtype == bool)


def _flat_positions(index: Any, out: Any) -> Any:
    if isinstance(index, np.ndarray):  # whole rows, such as those of an embedding
        width = int(np.prod(out.shape[1:], dtype=np.intp))
        rows = np.where(index < 0, index + len(out), index) * width
        return np.add.outer(rows, np.arange(width)).reshape(index.shape + out.shape[1:])
    return np.arange(out.size).reshape(out.shape)[index]


getitem = linear(
    "getitem", _getitem,
    adjoint=lambda g, x, index: scatter(g, index=index, shape=np.shape(x)), add_piece=_add_piece,
    symbol="[ ]", reads="1 at the entries read; repeats add up",
    cases=(
        case((4,), index=1),
        case((4, 3), index=slice(None, None, -2)),
        case((4, 3), index=(slice(1, 3), -1)),
        case((4, 3), index=(Ellipsis, None, 0)),
        case((4,), index=np.array([0, 2, 2, -1])),
        case((4, 3), index=np.array([[0, 2, -1], [3, 3, 3]])),
        case((4, 3), index=(np.array([[0, 1], [3, 0]]), slice(None, 2))),
        case((4, 3), index=(np.array([0, 0, 3]), np.array([1, 1, 2]))),
        case((2, 3, 2), index=(np.array([0, 1, 1]), slice(None), np.array([1, 1, 1]))),
        case((2, 3, 2), index=(0, slice(None), np.array([1, 1, 0]))),
        case((3,), index=np.array([True, False, True])),
        case((2, 3), index=np.array([[True, False, True], [False, True, False]])),
        case((2, 3), index=(slice(None), np.array([True, False, True]))),
        case((2, 3), index=(np.array([0, 0]), np.array([True, False, True]))),
        case((), index=()),
        case((), index=None),
        case((0, 3), index=slice(0, 0)),
        case((4,), index=np.array([], dtype=int)),
    ),
    doc="""The entries at `index`: slices, integers, None, an ellipsis, arrays of integers or booleans, mixtures.""",
)  # fmt: skip

scatter: Operation = linear(
    "scatter", _scatter,
    adjoint=lambda g, x, index, shape: getitem(g, index=index),
    reads="1",
    cases=(
        case((2,), index=slice(1, 3), shape=(4,)),
        case((3,), index=np.array([0, 2, 2]), shape=(4,)),
        case((2, 3), index=np.array([1, 1]), shape=(4, 3)),
        case((3,), index=(np.array([0, 1, 0]), np.array([1, 1, 1])), shape=(2, 2)),
        case((2,), index=np.array([True, False, True]), shape=(3,)),
    ),
    doc="""Zeros of `shape` with the operand added at `index`: the adjoint of indexing.""",
)  # fmt: skip


class At:
    """In an index, the place of the `row`-th array of integers that is computed when the graph runs."""

    __slots__ = ("row",)

    def __init__(self, row: int) -> None:
        self.row = row

    def __repr__(self) -> str:
        return f"At({self.row})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, At) and other.row == self.row

    def __hash__(self) -> int:
        return hash((At, self.row))


def _filled(index: Any, at: Any) -> Any:
    """An index with the arrays of integers, the rows of `at`, in their places."""
    if isinstance(index, tuple):
        return tuple([_filled(part, at) for part in index])
    return np.asarray(at)[index.row] if isinstance(index, At) else index


# Indices that a recording computes: `at` has one row for each of them.
getitem_at = multilinear(
    "getitem_at", lambda x, at, index: _getitem(x, _filled(index, at)),
    pull=(lambda g, x, at, index: scatter_at(g, at, index=index, shape=np.shape(x)), None),
    symbol="[ ]", reads=("1 at the entries read; repeats add up", "0"),
    domain=(Interval(), Interval(0, 2, integer=True)),
    cases=(
        case((4,), (1, 3), index=At(0)),
        case((3, 4), (1, 3), index=(np.arange(3), At(0))),
        case((3, 4), (2, 5), index=(At(0), At(1))),
    ),
    doc="""The entries at an index that has been computed.""",
)  # fmt: skip

scatter_at: Operation = multilinear(
    "scatter_at", lambda g, at, index, shape: _scatter(g, _filled(index, at), shape),
    pull=(lambda t, g, at, index, shape: getitem_at(t, at, index=index), None),
    reads=("1", "0"), domain=(Interval(), Interval(0, 2, integer=True)),
    cases=(
        case((3,), (1, 3), index=At(0), shape=(4,)),
        case((3,), (1, 3), index=(np.arange(3), At(0)), shape=(3, 4)),
    ),
    doc="""Zeros with the operand added at an index that has been computed: the adjoint of getitem_at.""",
)  # fmt: skip


def gathered(x: Any, index: Any) -> Any:
    """The entries of `x` at an index in which there may be Values (in a recording): `getitem` or `getitem_at`."""
    if current_mode().capture is None:
        return getitem.apply(x, index=index)
    index, at = _computed(index)
    return getitem(x, index=index) if at is None else getitem_at(x, at, index=index)


def scattered(g: Any, index: Any, shape: Any) -> Any:
    """Zeros with `g` added at an index in which there may be Values (in a recording)."""
    index, at = _computed(index)
    return scatter(g, index=index, shape=shape) if at is None else scatter_at(g, at, index=index, shape=shape)


def _computed(index: Any) -> tuple[Any, Any]:
    """An index with `At` in the places of its Values, and those in rows; None if there are none."""
    parts = index if isinstance(index, tuple) else (index,)
    found: list[Any] = [part for part in parts if isinstance(part, Node)]
    if not found:
        return index, None
    shape = np.broadcast_shapes(*map(np.shape, found))
    rows = [part if np.shape(part) == shape else np.broadcast_to(part, shape) for part in found]
    at = np.expand_dims(rows[0], 0) if len(rows) == 1 else np.stack(rows)
    places = iter(range(len(found)))
    filled = tuple([At(next(places)) if isinstance(part, Node) else part for part in parts])
    return (filled if isinstance(index, tuple) else filled[0]), at


def _at_set(x: Any, value: Any, index: Any) -> Any:
    out = np.array(x, dtype=np.result_type(x, value))
    out[index] = value
    return out


def _last_written(index: Any, shape: Any) -> Any:
    """1 where an entry of the value stays, 0 where a later one at the same place replaced it."""
    if _is_unique(index):
        return 1.0
    owner = np.zeros(shape, dtype=np.intp)
    order = np.arange(owner[index].size).reshape(owner[index].shape)
    owner[index] = order
    return (owner[index] == order) * 1.0


_set: Operation = general(
    "at_set", _at_set,
    pull=(
        lambda g, out, x, value, index: _set(g, 0.0, index=index),
        lambda g, out, x, value, index: getitem(g, index=index) * _last_written(index, np.shape(x)),
    ),
    push=(
        lambda t, out, x, value, index: _set(t, 0.0, index=index),
        lambda t, out, x, value, index: _set(np.zeros_like(out), t, index=index),
    ),
    symbol="[ ] =", reads=("1 where kept, 0 where set", "1"),
    cases=(
        case((4,), (), index=1),
        case((4, 3), (3,), index=slice(1, 3)),
        case((4, 3), (2, 3), index=np.array([3, 0])),
        case((3,), (3,), index=np.array([1, 1, 0])),
        case((3,), (2,), index=np.array([True, False, True])),
    ),
    doc="""The first operand with the second written at `index`.""",
)  # fmt: skip


def at_set(x: Any, index: Any, value: Any) -> Any:
    """`x` with `value` at `index`, as a new array: what ``x[index] = value`` is for plain arrays.

    Parameters
    ----------
    x : Value or array
    index : anything NumPy can index with
        If it names an entry twice, the last value stays.
    value : Value, array or number that broadcasts to ``x[index]``

    Returns
    -------
    Value or array, shape of `x`

    Examples
    --------
    >>> at_set(np.zeros(3), 1, 5.0)
    array([0., 5., 0.])
    """
    return _set(x, value, index=plain_index(index))


def at_add(x: Any, index: Any, value: Any) -> Any:
    """`x` with `value` added at `index`, as a new array; entries named twice receive both.

    Parameters
    ----------
    x : Value or array
    index : anything NumPy can index with
    value : Value, array or number that broadcasts to ``x[index]``

    Returns
    -------
    Value or array, shape of `x`

    Examples
    --------
    >>> at_add(np.zeros(3), [0, 0, 2], np.array([1.0, 2.0, 5.0]))
    array([3., 0., 5.])
    """
    index = plain_index(index)
    shape = np.shape(x)
    target = np.broadcast_to(0.0, shape)[index].shape
    return x + scatter(np.broadcast_to(value, target), index=index, shape=shape)


@implements(np.take)
def take(a: Any, indices: Any, axis: int | None = None, *, mode: str = "raise") -> Any:
    """The entries at `indices` along an axis (of the flat array if None); see `np.take`.

    Parameters
    ----------
    a : Value or array
    indices : array of int
    axis : int, optional
    mode : {"raise", "wrap", "clip"}
        What to do with an index outside the axis.

    Returns
    -------
    Value or array

    Raises
    ------
    IndexError
        If an index is outside the axis, and `mode` is "raise".

    Examples
    --------
    >>> take(np.array([[1.0, 2.0], [3.0, 4.0]]), [1, 0], axis=1)
    array([[2., 1.],
           [4., 3.]])
    """
    if axis is None:
        a, axis = np.reshape(a, -1), 0
    indices = as_index("take", indices)
    if indices.dtype == bool or mode != "raise":  # NumPy reads booleans as 0 and 1 here
        indices = np.take(np.arange(np.shape(a)[axis]), indices, mode=mode)  # type: ignore[call-overload]
    return gathered(a, (slice(None),) * (axis % np.ndim(a)) + (plain_index(indices),))


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """The entries at `indices` along an axis, one index an entry of the result; see `np.take_along_axis`.

    Parameters
    ----------
    arr : Value or array
    indices : array of int, of the same number of axes
    axis : int, optional

    Returns
    -------
    Value or array

    Examples
    --------
    >>> take_along_axis(np.array([[3.0, 1.0], [2.0, 4.0]]), np.array([[1], [0]]), axis=1)
    array([[1.],
           [2.]])
    """
    indices = as_index("take_along_axis", indices)
    if axis is None:
        return gathered(np.reshape(arr, -1), indices)
    grid = list(np.ogrid[tuple(slice(n) for n in np.shape(arr))])
    grid[axis] = indices
    return gathered(arr, tuple(grid))


@implements(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    """The slices of `a` along an axis where the condition holds; see `np.compress`.

    Examples
    --------
    >>> compress([False, True], np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    array([[3., 4.]])
    """
    return take(a, np.flatnonzero(condition), axis)
