"""Linear systems, inverses and determinants.

Rules: Giles, *An extended collection of matrix derivative results* (2008); Golub & Pereyra, *The
differentiation of pseudo-inverses* (1973) for pinv and lstsq.
"""

from typing import Any

import numpy as np

from tinygrad_edu.errors import ShapeError
from tinygrad_edu.kinds import General, general
from tinygrad_edu.op import case, implements
from tinygrad_edu.ops.linalg import matmul
from tinygrad_edu.ops.matrices import need_matrix, well_conditioned
from tinygrad_edu.ops.packing import exists, split
from tinygrad_edu.ops.questions import current, holds
from tinygrad_edu.ops.spectral import svdvals

__all__ = [
    "solve",
    "inv",
    "det",
    "slogdet",
    "pinv",
    "lstsq",
    "matrix_rank",
]


SQUARES = (case((3, 3)), case((1, 1)), case((2, 3, 3)))
SlogdetResult: Any = type(np.linalg.slogdet(np.eye(1)))


def _solve(a: Any, b: Any) -> Any:
    n, _ = need_matrix("solve", a, square=True)
    rows = np.shape(b)[0] if np.ndim(b) == 1 else np.shape(b)[-2] if np.ndim(b) else None
    if rows != n:
        raise ShapeError(
            f"solve: a is {n} x {n}, so b must have {n} rows, got shape {np.shape(b)} "
            "(only a b with one axis is a vector; stacks of vectors need a last axis: b[..., None])"
        )
    return np.linalg.solve(a, b)


def _against(a: Any, b: Any, like: Any) -> Any:
    """``solve(a, b)``, where b is a stack of vectors if `like` is one vector."""
    return solve(a, np.expand_dims(b, -1))[..., 0] if np.ndim(like) == 1 else solve(a, b)


def _solve_pull_a(g: Any, out: Any, a: Any, b: Any) -> Any:
    back = _against(a.mT, g, b)
    if np.ndim(b) == 1:
        return -(np.expand_dims(back, -1) * np.expand_dims(out, -2))
    return -(back @ out.mT)


def _solve_push_a(t: Any, out: Any, a: Any, b: Any) -> Any:
    moved = np.matmul(t, np.expand_dims(out, -1))[..., 0] if np.ndim(b) == 1 else np.matmul(t, out)
    return -_against(a, moved, b)


solve = general(
    "solve", _solve,
    pull=(_solve_pull_a, lambda g, out, a, b: _against(a.mT, g, b)),
    push=(_solve_push_a, lambda t, out, a, b: _against(a, t, b)),
    reads=("-a^-T g x^T", "a^-T g"),
    cases=(
        case((3, 3), (3,)), case((3, 3), (3, 2)), case((2, 3, 3), (3,)), case((2, 3, 3), (3, 2)),
        case((3, 3), (2, 3, 2)), case((2, 1, 3, 3), (4, 3, 1)),
    ),
    sample=well_conditioned, numpy=[np.linalg.solve],
    doc="""The solution x of a x = b, as `np.linalg.solve`. A singular a is a LinearAlgebraError.""",
)  # fmt: skip


def _inv(a: Any) -> Any:
    need_matrix("inv", a, square=True)
    return np.linalg.inv(a)


inv = general(
    "inv", _inv,
    pull=(lambda g, out, a: -(out.mT @ g @ out.mT),),
    push=(lambda t, out, a: -(out @ t @ out),),
    symbol="inv", reads="-a^-T g a^-T", cases=SQUARES, sample=well_conditioned, numpy=[np.linalg.inv],
    hint=lambda a: "Where a is singular use np.linalg.pinv or np.linalg.lstsq",
    doc="""The inverse, as `np.linalg.inv`. A singular matrix is a LinearAlgebraError.""",
)  # fmt: skip


def _cofactor(a: Any) -> Any:
    """The derivative of det(a), which exists everywhere: products of the other singular values, in their basis."""
    u, s, vh = np.linalg.svd(a)
    ones = np.ones_like(s[..., :1])
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([ones, s[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return (u * np.expand_dims(before * after, -2)) @ vh * np.expand_dims(np.round(sign), (-1, -2))


SECOND_AT_SINGULAR = (
    "det: its second derivative at a singular matrix is not computed (it is nan here). "
    "The first derivative is right everywhere."
)


def _cofactor_along(t: Any, out: Any, a: Any) -> Any:
    # Jacobi's formula once more; the map is its own adjoint.
    inside = np.expand_dims(np.sum(t * out, axis=(-1, -2)), (-1, -2))
    det = np.expand_dims(np.linalg.det(a), (-1, -2))
    zero = det == 0
    return exists((inside * out - out @ t.mT @ out) / (det + zero), zero, message=SECOND_AT_SINGULAR)


cofactor = general(
    "cofactor", _cofactor, pull=(_cofactor_along,), push=(_cofactor_along,),
    reads="(<g, c> c - c g^T c) / det a", cases=SQUARES, sample=well_conditioned,
    doc="""The matrix of cofactors: det(a) inv(a).T, also where a is singular.""",
)  # fmt: skip


def _det(a: Any) -> Any:
    need_matrix("det", a, square=True)
    return np.linalg.det(a)


det = general(
    "det", _det,
    pull=(lambda g, out, a: np.expand_dims(g, (-1, -2)) * cofactor(a),),
    push=(lambda t, out, a: np.sum(t * cofactor(a), axis=(-1, -2)),),
    symbol="det", reads="g cofactor(a)", cases=SQUARES, sample=well_conditioned, numpy=[np.linalg.det],
    doc="""The determinant, as `np.linalg.det`. Its gradient is right at singular matrices too; see `cofactor`.""",
)  # fmt: skip


def _slogdet_packed(a: Any) -> Any:
    need_matrix("slogdet", a, square=True)
    return np.stack(np.linalg.slogdet(a), axis=-1)


def _slogdet_push(t: Any, out: Any, a: Any) -> Any:
    moved = np.sum(t * inv(a).mT, axis=(-1, -2))
    return np.stack([np.zeros_like(moved), moved], axis=-1)


_slogdet = general(
    "slogdet", _slogdet_packed,
    pull=(lambda g, out, a: np.expand_dims(g[..., 1], (-1, -2)) * inv(a).mT,),
    push=(_slogdet_push,),
    reads="a^-T for the logarithm, 0 for the sign", cases=SQUARES, sample=well_conditioned,
)  # fmt: skip


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """Sign and logarithm of the absolute value of the determinant, as `np.linalg.slogdet`.

    Parameters
    ----------
    a : Value or array, shape (..., n, n)

    Returns
    -------
    SlogdetResult
        NumPy's named tuple ``(sign, logabsdet)``; the sign has derivative 0.

    Raises
    ------
    LinearAlgebraError
        In the backward pass, if a is singular: the logarithm is -inf there and has no derivative.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a = Value([[2.0, 0.0], [0.0, 4.0]])
    >>> sign, logdet = np.linalg.slogdet(a)
    >>> logdet.backward()
    >>> a.grad
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    return SlogdetResult(*split(_slogdet(a), (), ()))


def _deficient(a: Any) -> Any:
    """Where in the stack a matrix has not full rank, as (..., 1, 1)."""
    return np.expand_dims(matrix_rank(a) < min(np.shape(a)[-2:]), (-1, -2))


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """The rank, a plain integer without derivative, as `np.linalg.matrix_rank`."""
    return _rank(current(A), tol=tol, hermitian=hermitian, rtol=rtol)


_rank = General(
    "matrix_rank",
    lambda A, tol=None, hermitian=False, rtol=None: np.linalg.matrix_rank(A, tol, hermitian, rtol=rtol),
    pull=(None,), push=(None,), reads="0",
)  # fmt: skip


def _full_rank(p: Any, a: Any, name: str) -> Any:
    message = (
        f"{name}: the matrix has not full rank, where the pseudo-inverse jumps and has no derivative: "
        "the gradient is nan. Add a small multiple of the identity (ridge), or drop dependent columns."
    )
    return exists(p, _deficient(a), message=message)


def _pinv_forward(a: Any, rcond: Any = None) -> Any:
    need_matrix("pinv", a)
    return np.linalg.pinv(a, rcond)


def _pinv_pull(g: Any, out: Any, a: Any, rcond: Any) -> Any:
    p = _full_rank(out, a, "pinv")
    second = g.mT @ p @ p.mT
    third = p.mT @ p @ g.mT
    return (second - a @ (p @ second)) + (third - (third @ p) @ a) - p.mT @ g @ p.mT


def _pinv_push(t: Any, out: Any, a: Any, rcond: Any) -> Any:
    p = _full_rank(out, a, "pinv")
    second = p @ p.mT @ t.mT
    third = t.mT @ p.mT @ p
    return (second - (second @ a) @ p) + (third - p @ (a @ third)) - p @ t @ p


pinv = general(
    "pinv", _pinv_forward, pull=(_pinv_pull,), push=(_pinv_push,),
    reads="-p^T g p^T + (1 - a p) g^T p p^T + p^T p g^T (1 - p a)",
    cases=(case((3, 3)), case((4, 2)), case((2, 4)), case((2, 3, 2))), sample=well_conditioned,
    numpy=[np.linalg.pinv],
    doc="""The pseudo-inverse, as `np.linalg.pinv`. Without full rank its gradient is nan, with a warning.""",
)  # fmt: skip


def _columns(x: Any, like: Any) -> Any:
    """`x` as a matrix, where `like` tells whether it is one vector."""
    return np.expand_dims(x, -1) if np.ndim(like) == 1 else x


def _lstsq_forward(a: Any, b: Any, rcond: Any = None) -> Any:
    if np.ndim(a) != 2 or np.ndim(b) not in (1, 2) or np.shape(a)[0] != np.shape(b)[0]:
        raise ShapeError(
            f"lstsq: expected a of shape (m, n) and b of shape (m,) or (m, k), got {np.shape(a)} and {np.shape(b)}"
        )
    return np.linalg.lstsq(a, b, rcond)[0]


def _lstsq_pull_a(g: Any, out: Any, a: Any, b: Any, rcond: Any) -> Any:
    p = _full_rank(pinv(a), a, "lstsq")
    g, x = _columns(g, b), _columns(out, b)
    residual = _columns(b, b) - a @ x
    return residual @ (p @ (p.mT @ g)).mT + p.mT @ x @ (g - p @ (a @ g)).mT - p.mT @ g @ x.mT


def _lstsq_push_a(t: Any, out: Any, a: Any, b: Any, rcond: Any) -> Any:
    p = _full_rank(pinv(a), a, "lstsq")
    x = _columns(out, b)
    free = t.mT @ (p.mT @ x)
    moved = p @ (p.mT @ (t.mT @ (_columns(b, b) - a @ x))) + free - p @ (a @ free) - p @ (t @ x)
    return moved[..., 0] if np.ndim(b) == 1 else moved


_lstsq = general(
    "lstsq", _lstsq_forward,
    pull=(_lstsq_pull_a, lambda g, out, a, b, rcond: _full_rank(pinv(a), a, "lstsq").mT @ g),
    push=(_lstsq_push_a, lambda t, out, a, b, rcond: _full_rank(pinv(a), a, "lstsq") @ t),
    reads=("r g^T p p^T + p^T x g^T (1 - p a) - p^T g x^T", "p^T g"),
    cases=(case((4, 2), (4,)), case((4, 2), (4, 3)), case((2, 4), (2,)), case((3, 3), (3, 2))),
    sample=well_conditioned,
)  # fmt: skip


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, int, Any]:
    """The least-squares solution of a x = b, as `np.linalg.lstsq`.

    Parameters
    ----------
    a : Value or array, shape (m, n)
    b : Value or array, shape (m,) or (m, k)
    rcond : float, optional
        Singular values below this part of the largest count as zero.

    Returns
    -------
    x : Value, shape (n,) or (n, k)
    residuals : Value, the squared residuals; empty if a has not full column rank, or m <= n
    rank : int
    s : Value, the singular values of a

    Notes
    -----
    Golub & Pereyra (1973). Without full rank the solution jumps when a moves: its gradient is nan
    there, with a RuntimeWarning.

    Examples
    --------
    >>> x, *_ = lstsq(np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]), np.array([1.0, 3.0, 5.0]))
    >>> np.round(x, 12)
    array([1., 2.])
    """
    x = _lstsq(a, b, rcond=rcond)
    m, n = np.shape(a)
    found = matrix_rank(a, rtol=rcond)
    rank = next(r for r in range(min(m, n), -1, -1) if holds(found == r))
    residual = np.square(b - matmul(a, x))
    residuals = np.reshape(np.sum(residual, axis=0), -1) if m > n == rank else np.zeros_like(residual)[:0].reshape(-1)
    return x, residuals, rank, svdvals(a)
