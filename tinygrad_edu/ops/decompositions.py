"""Cholesky and QR factorisations.

Rules: Murray, *Differentiation of the Cholesky decomposition* (2016); Walter & Lehmann, *Algorithmic
differentiation of the QR and eigenvalue decomposition* (2010); Seeger et al., *Auto-differentiating
linear algebra* (2017).

A symmetric matrix is read as ``(a + a.mT) / 2``: NumPy's result for every symmetric one (NumPy looks
at one triangle only), and a gradient that is symmetric and agrees with finite differences.
"""

from typing import Any, Literal

import numpy as np

from tinygrad_edu.errors import NotDifferentiableError
from tinygrad_edu.kinds import general
from tinygrad_edu.op import case, implements
from tinygrad_edu.ops.matrices import (
    diagonals,
    eye_like,
    need_matrix,
    positive_definite,
    scale_of,
    spread_out,
    symmetric,
)
from tinygrad_edu.ops.packing import exists, pack, split

__all__ = [
    "cholesky",
    "qr",
]


QRResult: Any = type(np.linalg.qr(np.eye(1)))


def _cholesky(a: Any) -> Any:
    need_matrix("cholesky", a, square=True)
    return np.linalg.cholesky(symmetric(a))


def _half(x: Any) -> Any:
    """The lower triangle, with half of the diagonal."""
    n = np.shape(x)[-1]
    return x * (np.tril(np.ones((n, n), dtype=np.result_type(x))) - 0.5 * eye_like(x, n))


def _cholesky_pull(g: Any, out: Any, a: Any) -> Any:
    middle = np.linalg.solve(out.mT, _half(out.mT @ g))
    return symmetric(np.linalg.solve(out.mT, middle.mT).mT)


def _cholesky_push(t: Any, out: Any, a: Any) -> Any:
    inside = np.linalg.solve(out, np.linalg.solve(out, symmetric(t)).mT)
    return out @ _half(inside)


_lower = general(
    "cholesky", _cholesky, pull=(_cholesky_pull,), push=(_cholesky_push,),
    reads="L^-T half(L^T g) L^-1", cases=(case((3, 3)), case((1, 1)), case((2, 3, 3))), sample=positive_definite,
    hint=lambda a: (
        f"The smallest eigenvalue is {np.min(np.linalg.eigvalsh(symmetric(a))):.3g}; "
        "a little on the diagonal helps: a + 1e-6 * np.eye(n)"
    ),
)  # fmt: skip


@implements(np.linalg.cholesky)
def cholesky(a: Any, *, upper: bool = False) -> Any:
    """The Cholesky factor L with a = L @ L.mT, as `np.linalg.cholesky`.

    Parameters
    ----------
    a : Value or array, shape (..., n, n)
        Symmetric and positive definite; read as ``(a + a.mT) / 2``.
    upper : bool
        Give L.mT instead.

    Returns
    -------
    Value or array, shape (..., n, n)

    Raises
    ------
    LinearAlgebraError
        If a is not positive definite; the message has its smallest eigenvalue.

    Notes
    -----
    Murray (2016), equation 10.

    Examples
    --------
    >>> cholesky(np.array([[4.0, 2.0], [2.0, 2.0]]))
    array([[2., 0.],
           [1., 1.]])
    """
    factor = _lower(a)
    return factor.mT if upper else factor


def _qr_packed(a: Any) -> Any:
    q, r = np.linalg.qr(a)
    return pack((q, 2), (r, 2))


def _qr_split(packed: Any, a: Any) -> list[Any]:
    m, n = np.shape(a)[-2:]
    return split(packed, (m, n), (n, n))


NOT_FULL_RANK = (
    "qr: the matrix has not full rank, and then Q and R have no derivative: the gradient is nan. "
    "Drop dependent columns, or add a small multiple of the identity."
)


def _regular(r: Any) -> Any:
    """R, or nan where it is singular; the identity stands in for it so that nothing fails on the way."""
    diagonal = np.abs(diagonals(r))
    n = np.shape(r)[-1]
    bad = np.any(diagonal <= n * np.finfo(np.result_type(r)).eps * scale_of(diagonal)[..., 0], axis=-1)
    bad = np.expand_dims(bad, (-1, -2))
    return np.where(bad, eye_like(r, n), exists(r, bad, message=NOT_FULL_RANK)), bad


def _qr_pull(g: Any, out: Any, a: Any) -> Any:
    (q, r), (gq, gr) = _qr_split(out, a), _qr_split(g, a)
    safe, bad = _regular(r)
    n = np.shape(r)[-1]
    m = r @ gr.mT - gq.mT @ q
    below = m * np.tril(np.ones((n, n), dtype=np.result_type(r)), -1)
    mirrored = below + below.mT + m * eye_like(r, n)
    return exists(np.linalg.solve(safe, (gq + q @ mirrored).mT).mT, bad, message="")


def _qr_push(t: Any, out: Any, a: Any) -> Any:
    q, r = _qr_split(out, a)
    safe, bad = _regular(r)
    n = np.shape(r)[-1]
    along = np.linalg.solve(safe.mT, t.mT).mT  # t R^-1
    seen = q.mT @ along
    below = seen * np.tril(np.ones((n, n), dtype=np.result_type(r)), -1)
    turn = below - below.mT
    moved = (seen - turn) @ r
    return exists(pack((along - q @ (seen - turn), 2), (moved, 2)), bad[..., 0], message="")


_qr = general(
    "qr", _qr_packed, pull=(_qr_pull,), push=(_qr_push,),
    reads="(gq + q copyltu(r gr^T - gq^T q)) r^-T",
    cases=(case((3, 3)), case((4, 2)), case((2, 3, 2)), case((3, 1))), sample=spread_out,
)  # fmt: skip


@implements(np.linalg.qr)
def qr(a: Any, mode: Literal["reduced", "complete", "r"] = "reduced") -> Any:
    """The QR factorisation, as `np.linalg.qr`.

    Parameters
    ----------
    a : Value or array, shape (..., m, n)
    mode : {"reduced", "complete", "r"}
        "r" gives R alone. "complete" is the same as "reduced" unless m > n, where the further
        columns of Q are arbitrary and have no derivative.

    Returns
    -------
    QRResult
        NumPy's named tuple ``(Q, R)``; or R alone.

    Raises
    ------
    NotDifferentiableError
        For the modes without a derivative.

    Warns
    -----
    RuntimeWarning
        In the backward pass, if (the first m columns of) a have not full rank: nan.

    Notes
    -----
    Walter & Lehmann (2010); Seeger et al. (2017), section 4. A wide matrix [x, y] is factorised as
    x = Q U, with R = [U, Q.mT @ y].

    Examples
    --------
    >>> q, r = qr(np.array([[3.0, 1.0], [4.0, 2.0]]))
    >>> np.round(np.abs(q @ r), 12)
    array([[3., 1.],
           [4., 2.]])
    """
    m, n = need_matrix("qr", a)
    if mode not in ("reduced", "complete", "r") or (mode == "complete" and m > n):
        raise NotDifferentiableError(
            f"qr: mode={mode!r} has no derivative for a matrix of {m} x {n}; use mode='reduced' or mode='r'"
        )
    if m >= n:
        q, r = split(_qr(a), (m, n), (n, n))
    else:
        q, r = split(_qr(a[..., :m]), (m, m), (m, m))
        r = np.concatenate([r, q.mT @ a[..., m:]], axis=-1)
    return r if mode == "r" else QRResult(q, r)
