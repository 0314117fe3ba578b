"""Norms of vectors and matrices; the trace and the diagonal of the last two axes.

At 0, where a norm has a kink, its gradient is 0, and so it is for each entry that is 0 in a norm
with 1 <= ord (a subgradient); the largest of several equal entries share the gradient evenly.
"""

from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.kinds import general
from tinygrad_edu.op import Interval, case, implements
from tinygrad_edu.ops.reduction import restore
from tinygrad_edu.ops.spectral import svdvals

__all__ = [
    "norm",
    "vector_norm",
    "matrix_norm",
]

VECTORS = (
    case((4,)), case(()), case((2, 3)), case((2, 3), axis=0), case((2, 3), axis=-1, keepdims=True),
    case((2, 3, 2), axis=(0, 2)), case((0, 3), axis=0),
)  # fmt: skip


def _euclidean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


euclidean_norm = general(
    "euclidean_norm", _euclidean,
    pull=(lambda g, out, x, axis, keepdims: restore(g / (out + (out == 0)), x, axis, keepdims) * x,),
    push=(
        lambda t, out, x, axis, keepdims: np.sum(t * x, axis=axis, keepdims=keepdims) / (out + (out == 0)),
    ),
    symbol="‖·‖", reads="x / |x|, and 0 at 0", cases=VECTORS,
    doc="""The square root of the sum of squares, over an axis, several, or all.

    At 0 it has a kink. By convention its gradient there is 0, and its Hessian the identity: that of half the sum of
    squares, finite where the true second derivatives grow without bound.
    """,
)  # fmt: skip


def _power_norm(x: Any, ord: float, axis: Any = None, keepdims: bool = False) -> Any:
    return np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdims) ** (1.0 / ord)


def _power_slope(out: Any, x: Any, ord: float, axis: Any, keepdims: bool) -> Any:
    """sign(x) (abs(x) / norm) ** (ord - 1), and 0 where x or the norm is 0."""
    base = restore(out, x, axis, keepdims)
    zero = x == 0
    return np.sign(x) * (np.abs(x) / (base + (base == 0)) + zero) ** (ord - 1.0)


power_norm = general(
    "power_norm", _power_norm,
    pull=(
        lambda g, out, x, ord, axis, keepdims: restore(g, x, axis, keepdims)
        * _power_slope(out, x, ord, axis, keepdims),
    ),
    push=(
        lambda t, out, x, ord, axis, keepdims: np.sum(
            t * _power_slope(out, x, ord, axis, keepdims), axis=axis, keepdims=keepdims
        ),
    ),
    reads="sign(x) (|x| / norm)^(p-1)", domain=Interval(0.3, 3.0),
    cases=(
        case((4,), ord=3), case((2, 3), ord=2.5), case((2, 3), ord=3, axis=1),
        case((2, 3), ord=0.5, axis=0, keepdims=True), case((3,), ord=-1.5),
    ),
    doc="""(sum abs(x) ** ord) ** (1 / ord).""",
)  # fmt: skip


def _vector(x: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    if ord is None or ord == 2:
        return euclidean_norm(x, axis=axis, keepdims=keepdims)
    if isinstance(ord, str):
        raise ArgumentError(f"norm: ord={ord!r} is for matrices; for vectors give a number, inf or None")
    if ord == np.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:  # how many entries are not 0: piecewise constant
        return np.sum(np.abs(np.sign(x)), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    return power_norm(x, ord=ord, axis=axis, keepdims=keepdims)


def _matrix(x: Any, ord: Any, axes: tuple[int, int], keepdims: bool) -> Any:
    if ord is None or ord in ("fro", "f"):
        return euclidean_norm(x, axis=axes, keepdims=keepdims)
    row, column = (i % np.ndim(x) for i in axes)
    if row == column:
        raise ArgumentError(f"norm: the two axes of a matrix must differ, got {axes}")
    rest = [i for i in range(np.ndim(x)) if i not in (row, column)]
    x = np.transpose(x, [*rest, row, column])
    if ord in (1, -1, np.inf, -np.inf):
        sums = np.sum(np.abs(x), axis=-2 if abs(ord) == 1 else -1)
        result = np.max(sums, axis=-1) if ord > 0 else np.min(sums, axis=-1)
    elif ord in (2, -2, "nuc"):
        s = np.abs(svdvals(x))  # abs has derivative 0 at 0: so has the norm of a zero matrix
        result = np.sum(s, axis=-1) if ord == "nuc" else np.max(s, axis=-1) if ord > 0 else np.min(s, axis=-1)
    else:
        raise ArgumentError(f"norm: ord={ord!r} is no matrix norm; choose among None 'fro' 'nuc' inf -inf 1 -1 2 -2")
    return np.expand_dims(result, (row, column)) if keepdims else result


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of a vector or a matrix, as `np.linalg.norm`.

    Parameters
    ----------
    x : Value or array
    ord : float, inf, -inf, "fro", "nuc" or None
        For vectors any number; for matrices those of NumPy. None is the square root of the sum of
        squares.
    axis : int, pair of int, or None
        One axis for vectors, two for matrices; None for the whole array, as NumPy takes it.
    keepdims : bool

    Returns
    -------
    Value or array

    Raises
    ------
    ArgumentError
        If there is no such norm.

    Notes
    -----
    At 0 the gradient is 0.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value([3.0, 4.0])
    >>> np.linalg.norm(x).backward()
    >>> x.grad
    array([0.6, 0.8])
    """
    axes = (axis,) if isinstance(axis, (int, np.integer)) else axis if axis is None else tuple(axis)
    if axes is None:
        if ord is None:
            return euclidean_norm(x, axis=None, keepdims=keepdims)
        axes = tuple(range(np.ndim(x)))
    if len(axes) == 1:
        return _vector(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix(x, ord, (axes[0], axes[1]), keepdims)
    raise ArgumentError(f"norm: one axis (vectors) or two (matrices) are needed, got {len(axes)}: axis={axis}")


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm of vectors, over any axes, as `np.linalg.vector_norm`; see `norm`."""
    return _vector(x, ord, axis, keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of each matrix in the last two axes, as `np.linalg.matrix_norm`; see `norm`."""
    return _matrix(x, ord, (-2, -1), keepdims)


@implements(np.linalg.trace)
def linalg_trace(x: Any, *, offset: int = 0) -> Any:
    """The trace of each matrix in the last two axes, as `np.linalg.trace`."""
    return np.trace(x, offset, -2, -1)


@implements(np.linalg.diagonal)
def linalg_diagonal(x: Any, *, offset: int = 0) -> Any:
    """The diagonal of each matrix in the last two axes, as `np.linalg.diagonal`."""
    return np.diagonal(x, offset, -2, -1)
