"""The same numbers in another shape, order or company."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.kinds import linear
from tinygrad_edu.op import case, implements


def _identity(x: Any) -> Any:
    return x if isinstance(x, float) else x.copy()


identity = linear("identity", _identity, adjoint=lambda g, x: g, symbol="=", reads="1", cases=(case(()), case((2, 3))), numpy=[np.copy])


def _cast(x: Any, dtype: Any) -> Any:
    return np.asarray(x).astype(dtype)[()]


cast = linear(
    "cast", _cast,
    adjoint=lambda g, x, dtype: g.astype(np.result_type(x)),
    reads="1", cases=(case((2, 3), dtype=np.dtype("float64")),),
)  # fmt: skip


@implements(np.astype)
def astype(x: Any, dtype: Any) -> Any:
    """The same numbers in another floating-point type."""
    return cast(x, np.dtype(dtype))


def _reshape(x: Any, shape: Any) -> Any:
    return np.reshape(x, shape)


reshape = linear(
    "reshape", _reshape,
    adjoint=lambda g, x, shape: np.reshape(g, np.shape(x)),
    reads="1",
    cases=(case((2, 3), shape=(3, 2)), case((6,), shape=(2, -1)), case((), shape=(1, 1)), case((0, 3), shape=(3, 0))),
    numpy=[np.reshape],
)  # fmt: skip


def _transpose(x: Any, axes: Any = None) -> Any:
    return np.transpose(x, axes)


def _inverse(axes: Any) -> Any:
    return None if axes is None else tuple(int(i) for i in np.argsort([a % len(axes) for a in axes]))


transpose = linear(
    "transpose", _transpose,
    adjoint=lambda g, x, axes: np.transpose(g, _inverse(axes)),
    symbol="T", reads="1",
    cases=(case(()), case((3,)), case((2, 3)), case((2, 3, 4), axes=(1, 2, 0)), case((2, 3), axes=(-1, 0)), case((0, 3))),
    numpy=[np.transpose],
)  # fmt: skip


def _swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    return np.swapaxes(x, axis1, axis2)


swapaxes = linear(
    "swapaxes", _swapaxes,
    adjoint=lambda g, x, axis1, axis2: np.swapaxes(g, axis1, axis2),
    symbol="T", reads="1",
    cases=(case((2, 3), axis1=0, axis2=1), case((2, 3, 4), axis1=-1, axis2=-2)),
    numpy=[np.swapaxes],
)  # fmt: skip


@implements(np.matrix_transpose)
def matrix_transpose(x: Any) -> Any:
    """Each matrix of a stack transposed."""
    return swapaxes(x, -1, -2)


def _broadcast_to(x: Any, shape: Any) -> Any:
    return np.broadcast_to(x, shape)


def _unbroadcast(g: Any, x: Any, shape: Any) -> Any:
    have = np.shape(x)
    extra = np.ndim(g) - len(have)
    stretched = tuple(i for i, n in enumerate(np.shape(g)) if i < extra or (have[i - extra] == 1 and n != 1))
    return np.reshape(np.sum(g, axis=stretched), have) if stretched else g


broadcast_to = linear(
    "broadcast_to", _broadcast_to, adjoint=_unbroadcast,
    reads="1",
    cases=(case((), shape=(3,)), case((3,), shape=(2, 3)), case((2, 1), shape=(2, 3)), case((1, 3), shape=(0, 3))),
    numpy=[np.broadcast_to],
)  # fmt: skip


def _squeeze(x: Any, axis: Any = None) -> Any:
    return np.squeeze(x, axis)


squeeze = linear(
    "squeeze", _squeeze,
    adjoint=lambda g, x, axis: np.reshape(g, np.shape(x)),
    reads="1", cases=(case((1, 3, 1)), case((1, 3), axis=0), case((1, 1), axis=(0, 1))), numpy=[np.squeeze],
)  # fmt: skip


def _expand_dims(x: Any, axis: Any) -> Any:
    return np.expand_dims(x, axis)


expand_dims = linear(
    "expand_dims", _expand_dims,
    adjoint=lambda g, x, axis: np.reshape(g, np.shape(x)),
    reads="1", cases=(case((3,), axis=0), case((2, 3), axis=(0, -1)), case((), axis=0)), numpy=[np.expand_dims],
)  # fmt: skip


def _concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    return np.concatenate(arrays, axis=axis)


def _piece(g: Any, index: int, *arrays: Any, axis: int | None) -> Any:
    """The part of `g` that came from one of the concatenated arrays."""
    sizes = [np.size(x) if axis is None else np.shape(x)[axis] for x in arrays]
    start = sum(sizes[:index])
    part = slice(start, start + sizes[index])
    if axis is None:
        return np.reshape(g[part], np.shape(arrays[index]))
    return g[(slice(None),) * (axis % np.ndim(g)) + (part,)]


concatenate = linear(
    "concatenate", _concatenate, adjoint=_piece, variadic=True,
    symbol="concat", reads="1",
    cases=(
        case((2, 3), (1, 3)),
        case((2, 3), (2, 1), axis=-1),
        case((2,), (1, 3), axis=None),
        case((0, 2), (3, 2), (1, 2)),
    ),
    numpy=[np.concatenate],
)  # fmt: skip


def _stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    return np.stack(arrays, axis=axis)


stack = linear(
    "stack", _stack,
    adjoint=lambda g, index, *arrays, axis: g[(slice(None),) * (axis % np.ndim(g)) + (index,)],
    variadic=True, reads="1",
    cases=(case((), ()), case((3,), (3,), (3,)), case((2, 3), (2, 3), axis=-1), case((2,), (2,), axis=1)),
    numpy=[np.stack],
)  # fmt: skip
