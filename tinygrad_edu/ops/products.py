"""Products beyond matmul: dot, inner, outer, tensordot, kron, cross, and chains of matrices."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.kinds import Multilinear, multilinear
from tinygrad_edu.op import NUMPY, case, implements
from tinygrad_edu.ops.linalg import matmul

__all__ = [
    "dot",
    "vdot",
    "inner",
    "outer",
    "kron",
    "tensordot",
    "cross",
    "vecdot",
    "matvec",
    "vecmat",
    "multi_dot",
]


def _pair(x: Any, y: Any, axes: Any) -> tuple[list[int], list[int]]:
    """The contracted axes of x and of y, as non-negative numbers, in the order in which they pair up."""
    n, m = np.ndim(x), np.ndim(y)
    if isinstance(axes, (int, np.integer)):
        return list(range(n - axes, n)), list(range(axes))
    left, right = ([part] if isinstance(part, (int, np.integer)) else list(part) for part in axes)
    return [int(i) % n for i in left], [int(i) % m for i in right]


def _rest(x: Any, axes: list[int]) -> list[int]:
    return [i for i in range(np.ndim(x)) if i not in axes]


def _order(target: list[int]) -> tuple[int, ...]:
    """The transposition that brings axes, now listed in `target`, back to 0, 1, 2 ..."""
    return tuple(int(i) for i in np.argsort(target))


def _pull_left(g: Any, x: Any, y: Any, axes: Any) -> Any:
    left, right = _pair(x, y, axes)
    kept = _rest(x, left)
    back = np.tensordot(g, y, axes=(list(range(len(kept), np.ndim(g))), _rest(y, right)))
    return np.transpose(back, _order(kept + [left[right.index(j)] for j in sorted(right)]))


def _pull_right(g: Any, x: Any, y: Any, axes: Any) -> Any:
    left, right = _pair(x, y, axes)
    kept = _rest(x, left)
    back = np.tensordot(x, g, axes=(kept, list(range(len(kept)))))
    return np.transpose(back, _order([right[left.index(i)] for i in sorted(left)] + _rest(y, right)))


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    return np.tensordot(a, b, axes=axes)


tensordot = multilinear(
    "tensordot", _tensordot, pull=(_pull_left, _pull_right),
    symbol="⊗", reads=("g · y", "x · g"),
    cases=(
        case((2, 3, 4), (3, 4, 2)),
        case((2, 3), (3, 2), axes=1),
        case((2,), (3,), axes=0),
        case((2, 3, 4), (4, 2, 5), axes=([0, 2], [1, 0])),
        case((3, 2), (3, 4), axes=(0, 0)),
        case((2, 3), (2, 3), axes=((-2, -1), (0, 1))),
        case((0, 3), (3, 2), axes=1),
    ),
    numpy=[np.tensordot, np.linalg.tensordot],
    doc="""The sum over pairs of axes of two arrays, as `np.tensordot`.""",
)  # fmt: skip


def _cross3(x: Any, y: Any) -> Any:
    if np.shape(x)[-1:] != (3,) or np.shape(y)[-1:] != (3,):
        raise ShapeError(
            f"cross: expected vectors of 3 numbers, got shapes {np.shape(x)} and {np.shape(y)}; "
            "write vectors in the plane with a third entry 0"
        )
    return np.cross(x, y)


_cross: Multilinear = multilinear(
    "cross", _cross3,
    pull=(lambda g, x, y: _cross(y, g), lambda g, x, y: _cross(g, x)),
    symbol="×₃", reads=("y × g", "g × x"),
    cases=(case((3,), (3,)), case((2, 3), (3,)), case((2, 1, 3), (4, 3))),
)  # fmt: skip


@implements(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The cross product of vectors of three numbers, as `np.cross`.

    Parameters
    ----------
    a, b : Value or array, with an axis of length 3
    axisa, axisb, axisc : int
        The axes of the vectors in a, in b, and in the result.
    axis : int, optional
        All three at once.

    Returns
    -------
    Value or array

    Raises
    ------
    ShapeError
        If an axis has another length than 3.

    Examples
    --------
    >>> cross(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    array([0., 0., 1.])
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    return _from_last(_cross(_to_last(a, axisa), _to_last(b, axisb)), axisc)


def _to_last(x: Any, axis: int) -> Any:
    n = np.ndim(x)
    return x if axis in (-1, n - 1) else np.transpose(x, [*(i for i in range(n) if i != axis % n), axis % n])


def _from_last(x: Any, axis: int) -> Any:
    n = np.ndim(x)
    if axis in (-1, n - 1):
        return x
    order = list(range(n - 1))
    order.insert(axis % n, n - 1)
    return np.transpose(x, order)


@implements(np.linalg.cross)
def linalg_cross(x1: Any, x2: Any, *, axis: int = -1) -> Any:
    """The cross product along one axis, as `np.linalg.cross`."""
    return cross(x1, x2, axis=axis)


@implements(np.dot)
def dot(a: Any, b: Any) -> Any:
    """The dot product, as `np.dot`: matmul for matrices, and over the last axis of a otherwise.

    Parameters
    ----------
    a, b : Value or array

    Returns
    -------
    Value or array

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> w = Value([1.0, 2.0])
    >>> dot(w, np.array([3.0, 5.0])).backward()
    >>> w.grad
    array([3., 5.])
    """
    n, m = np.ndim(a), np.ndim(b)
    if n == 0 or m == 0:
        return np.multiply(a, b)
    if m == 1 or (n <= 2 and m == 2):
        return matmul(a, b)
    return tensordot(a, b, axes=(-1, -2))


@implements(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    """The dot product of both operands, flattened, as `np.vdot`."""
    return matmul(np.reshape(a, -1), np.reshape(b, -1))


@implements(np.inner)
def inner(a: Any, b: Any) -> Any:
    """Sums of products over the last axes, as `np.inner`."""
    return np.multiply(a, b) if np.ndim(a) == 0 or np.ndim(b) == 0 else tensordot(a, b, axes=(-1, -1))


@implements(np.outer)
def outer(a: Any, b: Any) -> Any:
    """Every product of an entry of a and one of b, both flattened, as `np.outer`."""
    return np.multiply(np.reshape(a, (-1, 1)), np.reshape(b, (1, -1)))


@implements(np.linalg.outer)
def linalg_outer(x1: Any, x2: Any) -> Any:
    """The outer product of two vectors, as `np.linalg.outer`."""
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ShapeError(f"outer: expected two vectors, got shapes {np.shape(x1)} and {np.shape(x2)}; see np.outer")
    return outer(x1, x2)


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """The Kronecker product, as `np.kron`: every entry of a replaced by that entry times b.

    Parameters
    ----------
    a, b : Value or array
        If one has fewer axes, axes of length 1 are put in front.

    Returns
    -------
    Value or array

    Examples
    --------
    >>> kron(np.array([1.0, 10.0]), np.array([1.0, 2.0]))
    array([ 1.,  2., 10., 20.])
    """
    n = max(np.ndim(a), np.ndim(b))
    left = (1,) * (n - np.ndim(a)) + np.shape(a)
    right = (1,) * (n - np.ndim(b)) + np.shape(b)
    x = np.reshape(a, tuple(size for i in left for size in (i, 1)))
    y = np.reshape(b, tuple(size for j in right for size in (1, j)))
    return np.reshape(np.multiply(x, y), tuple(i * j for i, j in zip(left, right, strict=True)))


@implements(np.linalg.matmul)
def linalg_matmul(x1: Any, x2: Any) -> Any:
    """Matmul, as `np.linalg.matmul`."""
    return matmul(x1, x2)


def vecdot(x1: Any, x2: Any, *, axis: int = -1) -> Any:
    """Dot products of vectors along an axis, as `np.linalg.vecdot`; stacks broadcast.

    Parameters
    ----------
    x1, x2 : Value or array
    axis : int

    Returns
    -------
    Value or array

    Raises
    ------
    ShapeError
        If the vectors differ in length.

    Examples
    --------
    >>> vecdot(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 1.0]))
    array([3., 7.])
    """
    if np.ndim(x1) == 0 or np.ndim(x2) == 0 or np.shape(x1)[axis] != np.shape(x2)[axis]:
        raise ShapeError(
            f"vecdot: axis {axis} of both must have one length, got shapes {np.shape(x1)} and {np.shape(x2)}"
        )
    return np.sum(np.multiply(x1, x2), axis=axis)


def matvec(x1: Any, x2: Any) -> Any:
    """Matrix times vector over stacks of both, as `np.matvec`."""
    return matmul(x1, np.expand_dims(x2, -1))[..., 0]


def vecmat(x1: Any, x2: Any) -> Any:
    """Vector times matrix over stacks of both, as `np.vecmat`."""
    return matmul(np.expand_dims(x1, -2), x2)[..., 0, :]


def _enter_those_there() -> None:
    """Newer NumPy has vecdot, matvec and vecmat as functions of their own."""
    ours: dict[str, Callable[..., Any]] = {"vecdot": vecdot, "matvec": matvec, "vecmat": vecmat}
    for name, function in ours.items():
        theirs = getattr(np, name, None)
        if theirs is not None:
            NUMPY[theirs] = function
    NUMPY[np.linalg.vecdot] = vecdot


_enter_those_there()


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any]) -> Any:
    """The product of a chain of matrices, multiplied in the cheapest order, as `np.linalg.multi_dot`.

    Parameters
    ----------
    arrays : sequence of Value or array
        Matrices; the first and the last may be vectors.

    Returns
    -------
    Value or array

    Raises
    ------
    ArgumentError
        If there are fewer than two.
    ShapeError
        If one in between is not a matrix, or neighbours do not fit.

    Notes
    -----
    The order is found by dynamic programming (Cormen et al., Introduction to Algorithms, 15.2).

    Examples
    --------
    >>> a, b, c = np.ones((2, 30)), np.ones((30, 3)), np.ones(3)
    >>> multi_dot([a, b, c])
    array([90., 90.])
    """
    arrays = list(arrays)
    if len(arrays) < 2:
        raise ArgumentError(f"multi_dot: expected at least two arrays, got {len(arrays)}")
    for i, x in enumerate(arrays):
        if np.ndim(x) != 2 and not (np.ndim(x) == 1 and i in (0, len(arrays) - 1)):
            raise ShapeError(
                f"multi_dot: expected matrices (first and last may be vectors), got shape {np.shape(x)} at position {i}"
            )
    first = np.shape(arrays[0])[0] if np.ndim(arrays[0]) == 2 else 1
    last = np.shape(arrays[-1])[1] if np.ndim(arrays[-1]) == 2 else 1
    sizes = [first, *(np.shape(x)[0] for x in arrays[1:]), last]
    splits = _cheapest(sizes)

    def product(i: int, j: int) -> Any:
        return arrays[i] if i == j else matmul(product(i, splits[i, j]), product(splits[i, j] + 1, j))

    return product(0, len(arrays) - 1)


def _cheapest(sizes: list[int]) -> dict[tuple[int, int], int]:
    """For each stretch i..j of the chain, the matrix after which to split it."""
    n = len(sizes) - 1
    cost: dict[tuple[int, int], float] = {(i, i): 0.0 for i in range(n)}
    splits = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            best = math.inf
            for k in range(i, j):
                price = cost[i, k] + cost[k + 1, j] + float(sizes[i]) * sizes[k + 1] * sizes[j + 1]
                if price < best:
                    best, splits[i, j] = price, k
            cost[i, j] = best
    return splits
