"""The same numbers in another shape or type, or in another order of axes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, DTypeError
from tinygrad_edu.kinds import linear
from tinygrad_edu.mode import current_mode
from tinygrad_edu.op import Node, case, implements

__all__ = [
    "astype", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "broadcast_to", "copy", "expand_dims",
    "full_like", "matrix_transpose", "meshgrid", "moveaxis", "permute_dims", "ravel", "reshape", "resize", "rollaxis",
    "squeeze", "swapaxes", "transpose",
]  # fmt: skip

identity = linear(
    "identity", lambda x: x if isinstance(x, float) else x.copy(), adjoint=lambda g, x: g,
    symbol="=", reads="1", cases=(case(()), case((2, 3))),
    doc="""A copy.""",
)  # fmt: skip


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """A copy; a Value's remembers what it is a copy of. See `np.copy`.

    Examples
    --------
    >>> copy(np.array([1.0, 2.0]))
    array([1., 2.])
    """
    return identity(np.asarray(a) if isinstance(a, (list, tuple)) else a)


def _cast(x: Any, dtype: Any) -> Any:
    if np.dtype(dtype).kind == "c":
        raise DTypeError(f"astype: a Value holds real numbers, got dtype={np.dtype(dtype)}")
    return np.asarray(x).astype(dtype)[()]


cast = linear(
    "cast", _cast,
    adjoint=lambda g, x, dtype: g.astype(np.result_type(x)),
    reads="1", cases=(case((), dtype=np.dtype("float64")), case((2, 3), dtype=np.dtype("float64"))),
    doc="""The same numbers in another floating-point type.""",
)  # fmt: skip


@implements(getattr(np, "astype", None))  # since NumPy 2.1
def astype(x: Any, dtype: Any, *, copy: bool = True) -> Any:
    """The same numbers in another floating-point type; see `np.astype`.

    Parameters
    ----------
    x : Value or array
    dtype : floating-point dtype
    copy : bool
        Without effect: no two nodes share memory that is written to.

    Returns
    -------
    Value or array

    Raises
    ------
    DTypeError
        If `x` is a Value and the dtype is not a floating-point one: integers have no derivative.

    Examples
    --------
    >>> astype(np.array([1.0, 2.0]), np.float32)
    array([1., 2.], dtype=float32)
    """
    kind = np.dtype(dtype)
    if isinstance(x, Node) and kind.kind != "f" and current_mode().capture is None:
        raise DTypeError(f"astype: a Value holds floating-point numbers, got dtype={kind}; use .data for plain ones")
    return cast(x, kind)


_reshape = linear(
    "reshape", lambda x, shape: np.reshape(x, shape),
    adjoint=lambda g, x, shape: np.reshape(g, np.shape(x)),
    reads="1",
    cases=(case((2, 3), shape=(3, 2)), case((6,), shape=(2, -1)), case((), shape=(1, 1)), case((0, 3), shape=(3, 0))),
    doc="""The same numbers, row by row, in another shape.""",
)  # fmt: skip


@implements(np.reshape)
def reshape(a: Any, shape: Any, order: str = "C", *, copy: bool | None = None) -> Any:
    """The same numbers in another shape; see `np.reshape`.

    Parameters
    ----------
    a : Value or array
    shape : int or tuple of int
        One of them may be -1: what is left over.
    order : {"C", "F"}
        Row by row, or column by column. ("A" would depend on memory, and is refused.)
    copy : bool, optional
        Without effect, but False is refused: whether a copy is made is not promised.

    Returns
    -------
    Value or array

    Raises
    ------
    ArgumentError
        If `order` is neither, or `copy` is False.

    Examples
    --------
    >>> reshape(np.arange(4.0), (2, 2), order="F")
    array([[0., 2.],
           [1., 3.]])
    """
    if copy is False:
        raise ArgumentError("reshape: copy=False is not supported for Values; leave it out")
    if order == "C":
        return _reshape(a, shape=shape)
    _only_c_or_f("reshape", order)
    sizes = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    return np.transpose(_reshape(np.transpose(a), shape=sizes[::-1]))


def _only_c_or_f(name: str, order: str) -> None:
    if order not in ("C", "F"):
        raise ArgumentError(f"{name}: order must be 'C' or 'F', got {order!r}; a graph knows nothing of memory")


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    """The numbers in a row; see `np.ravel`.

    Examples
    --------
    >>> ravel(np.array([[1.0, 2.0], [3.0, 4.0]]), order="F")
    array([1., 3., 2., 4.])
    """
    return reshape(a, -1, order)


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """The numbers in another shape and amount, repeated from the start as needed; see `np.resize`.

    Examples
    --------
    >>> resize(np.array([1.0, 2.0]), (3,))
    array([1., 2., 1.])
    """
    positions = np.resize(np.arange(np.size(a)), new_shape)
    return np.reshape(np.take(a, positions.reshape(-1)), positions.shape)


def _inverse(axes: Any) -> Any:
    return None if axes is None else tuple(int(i) for i in np.argsort([a % len(axes) for a in axes]))


transpose = linear(
    "transpose", lambda x, axes=None: np.transpose(x, axes),
    adjoint=lambda g, x, axes: np.transpose(g, _inverse(axes)),
    symbol="T", reads="1", numpy=[np.transpose],
    cases=(
        case(()), case((3,)), case((2, 3)), case((2, 3, 4), axes=(1, 2, 0)), case((2, 3), axes=(-1, 0)), case((0, 3)),
    ),
    doc="""The axes in another order; reversed, if none is told.""",
)  # fmt: skip

swapaxes = linear(
    "swapaxes", lambda x, axis1, axis2: np.swapaxes(x, axis1, axis2),
    adjoint=lambda g, x, axis1, axis2: np.swapaxes(g, axis1, axis2),
    symbol="T", reads="1", numpy=[np.swapaxes],
    cases=(case((2, 3), axis1=0, axis2=1), case((2, 3, 4), axis1=-1, axis2=-2)),
    doc="""Two axes in each other's place.""",
)  # fmt: skip


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any) -> Any:
    """Each matrix of a stack transposed; see `np.matrix_transpose`.

    Examples
    --------
    >>> matrix_transpose(np.zeros((5, 2, 3))).shape
    (5, 3, 2)
    """
    return swapaxes(x, -1, -2)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Some axes in new places, the others in order; see `np.moveaxis`.

    Parameters
    ----------
    a : Value or array
    source, destination : int or sequence of int, as many

    Returns
    -------
    Value or array

    Raises
    ------
    ValueError
        If there are not as many places as axes, or an axis is not there.

    Examples
    --------
    >>> moveaxis(np.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    return transpose(a, _order_of_axes(np.ndim(a), lambda x: np.moveaxis(x, source, destination)))


def _order_of_axes(n: int, move: Callable[[Any], Any]) -> tuple[int, ...]:
    """Where each axis of the result comes from: NumPy itself says it, by the lengths 0, 1, 2 ... of n axes."""
    return tuple(move(np.empty(tuple(range(n)))).shape)


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """One axis moved in front of the axis `start`; see `np.rollaxis`.

    Examples
    --------
    >>> rollaxis(np.zeros((2, 3, 4)), 2).shape
    (4, 2, 3)
    """
    return transpose(a, _order_of_axes(np.ndim(a), lambda x: np.rollaxis(x, axis, start)))


def _unbroadcast(g: Any, x: Any, shape: Any) -> Any:
    have = np.shape(x)
    extra = np.ndim(g) - len(have)
    stretched = tuple(i for i, n in enumerate(np.shape(g)) if i < extra or (have[i - extra] == 1 and n != 1))
    return np.reshape(np.sum(g, axis=stretched), have) if stretched else g


broadcast_to = linear(
    "broadcast_to", lambda x, shape: np.broadcast_to(x, shape), adjoint=_unbroadcast,
    reads="1", numpy=[np.broadcast_to],
    cases=(case((), shape=(3,)), case((3,), shape=(2, 3)), case((2, 1), shape=(2, 3)), case((1, 3), shape=(0, 3))),
    doc="""The numbers repeated along new axes and axes of length 1, to a given shape.""",
)  # fmt: skip


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any) -> tuple[Any, ...]:
    """Every operand in the shape that all broadcast to; see `np.broadcast_arrays`.

    Examples
    --------
    >>> [x.shape for x in broadcast_arrays(np.zeros(3), np.zeros((2, 1)))]
    [(2, 3), (2, 3)]
    """
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple([broadcast_to(x, shape) for x in args])


@implements(np.full_like)
def full_like(a: Any, fill_value: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    """An array of the shape and type of `a`, filled; the filling may be a Value. See `np.full_like`.

    Examples
    --------
    >>> full_like(np.zeros((2, 2)), 3.0)
    array([[3., 3.],
           [3., 3.]])
    """
    filling = cast(fill_value, np.result_type(a) if dtype is None else np.dtype(dtype))
    return broadcast_to(filling, np.shape(a) if shape is None else shape)


squeeze = linear(
    "squeeze", lambda x, axis=None: np.squeeze(x, axis),
    adjoint=lambda g, x, axis: np.reshape(g, np.shape(x)),
    reads="1", cases=(case((1, 3, 1)), case((1, 3), axis=0), case((1, 1), axis=(0, 1))), numpy=[np.squeeze],
    doc="""Without the axes of length 1: all, or those told.""",
)  # fmt: skip

expand_dims = linear(
    "expand_dims", lambda x, axis: np.expand_dims(x, axis),
    adjoint=lambda g, x, axis: np.reshape(g, np.shape(x)),
    reads="1", cases=(case((3,), axis=0), case((2, 3), axis=(0, -1)), case((), axis=0)), numpy=[np.expand_dims],
    doc="""With new axes of length 1 at the places told.""",
)  # fmt: skip


def _at_least(widen: Callable[[Any], Any], arys: tuple[Any, ...]) -> Any:
    results = tuple([reshape(x, widen(np.empty(np.shape(x))).shape) for x in arys])
    return results[0] if len(results) == 1 else results


@implements(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    """Numbers as vectors, everything else as it is; a tuple for several operands. See `np.atleast_1d`.

    Examples
    --------
    >>> atleast_1d(3.0)
    array([3.])
    """
    return _at_least(np.atleast_1d, arys)


@implements(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    """Numbers and vectors as matrices of one row; a tuple for several operands. See `np.atleast_2d`.

    Examples
    --------
    >>> atleast_2d(np.zeros(3)).shape
    (1, 3)
    """
    return _at_least(np.atleast_2d, arys)


@implements(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    """Everything with three axes or more; a tuple for several operands. See `np.atleast_3d`.

    Examples
    --------
    >>> atleast_3d(np.zeros((2, 3))).shape
    (2, 3, 1)
    """
    return _at_least(np.atleast_3d, arys)


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """Coordinates of a grid from those of its axes; see `np.meshgrid`.

    Parameters
    ----------
    *xi : vectors, Value or array
    copy : bool
        Without effect.
    sparse : bool
        Leave the axes that only repeat at length 1.
    indexing : {"xy", "ij"}
        Whether the first vector runs along the second axis, or the first.

    Returns
    -------
    tuple of Values or arrays

    Raises
    ------
    ArgumentError
        If `indexing` is neither.

    Examples
    --------
    >>> [x.shape for x in meshgrid(np.zeros(2), np.zeros(3))]
    [(3, 2), (3, 2)]
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}")
    n = len(xi)
    places = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    wide = [reshape(x, tuple(-1 if i == place else 1 for i in range(n))) for x, place in zip(xi, places, strict=True)]
    return tuple(wide) if sparse else broadcast_arrays(*wide)


permute_dims = transpose
