"""Eigenvalues of symmetric matrices, and singular values.

Rules: Giles, *An extended collection of matrix derivative results* (2008), sections 3.1 and 3.2;
Townsend, *Differentiating the singular value decomposition* (2016).

Where values coincide, their vectors have no derivative: a gradient that needs it is nan, and a
RuntimeWarning says why. A function of the values alone is differentiated all the same; one that
picks out a single one of several equal values gets the gradient that belongs to the vector NumPy
picked. A symmetric matrix is read as ``(a + a.mT) / 2``; see `tinygrad_edu.ops.decompositions`.
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
    "eigh",
    "eigvalsh",
    "svd",
    "svdvals",
]


EighResult: Any = type(np.linalg.eigh(np.eye(1)))
SVDResult: Any = type(np.linalg.svd(np.eye(1)))


def _over_gap(x: Any, gap: Any, scale: Any, used: Any, message: str) -> Any:
    """``x / gap``; where the gap closes 0, and nan if the vectors that it separates are used."""
    closed = np.abs(gap) <= 8.0 * np.finfo(np.result_type(gap)).eps * scale
    return exists(x / np.where(closed, np.inf, gap), closed & used, message=message)


def _pairs(used: Any) -> Any:
    return np.expand_dims(used, -1) | np.expand_dims(used, -2)


def _differences(x: Any) -> Any:
    """``x_j - x_i``, with inf on the diagonal so that nothing divided by it is left there."""
    infinite = np.diag(np.full(np.shape(x)[-1], np.inf, dtype=np.result_type(x)))
    return np.expand_dims(x, -2) - np.expand_dims(x, -1) + infinite


COINCIDING = (
    "{0} coincide here, and then {1} has no derivative: the gradient is nan. Use {2} alone, or a function of the "
    "matrix that needs no such vectors (solve, slogdet, expm), or separate them by a small perturbation."
)
EIGENVECTORS = COINCIDING.format("eigh: eigenvalues", "an eigenvector", "the eigenvalues (np.linalg.eigvalsh)")
SINGULAR = COINCIDING.format(
    "svd: singular values (or one and 0)", "a singular vector", "the singular values (np.linalg.svdvals)"
)


def _eigh_packed(a: Any) -> Any:
    need_matrix("eigh", a, square=True)
    w, v = np.linalg.eigh(symmetric(a))
    return pack((w, 1), (v, 2))


def _eigh_pull(g: Any, out: Any, a: Any) -> Any:
    n = np.shape(a)[-1]
    (w, v), (gw, gv) = split(out, (n,), (n, n)), split(g, (n,), (n, n))
    used = _pairs(np.any(gv != 0, axis=-2))
    turn = _over_gap(v.mT @ gv, _differences(w), scale_of(w), used, EIGENVECTORS)
    return symmetric(v @ (turn + np.expand_dims(gw, -1) * eye_like(g, n)) @ v.mT)


def _eigh_push(t: Any, out: Any, a: Any) -> Any:
    n = np.shape(a)[-1]
    w, v = split(out, (n,), (n, n))
    seen = v.mT @ symmetric(t) @ v
    turn = _over_gap(seen, _differences(w), scale_of(w), np.True_, "")
    return pack((diagonals(seen), 1), (v @ turn, 2))


_eigh = general(
    "eigh", _eigh_packed, pull=(_eigh_pull,), push=(_eigh_push,),
    reads="v (diag(gw) + (v^T gv)_ij / (w_j - w_i)) v^T",
    cases=(case((3, 3)), case((1, 1)), case((2, 3, 3))), sample=positive_definite,
)  # fmt: skip


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: Literal["L", "U", "l", "u"] = "L") -> Any:
    """Eigenvalues and eigenvectors of a symmetric matrix, as `np.linalg.eigh`.

    Parameters
    ----------
    a : Value or array, shape (..., n, n)
        Symmetric; read as ``(a + a.mT) / 2``, so `UPLO` changes nothing.
    UPLO : {"L", "U"}

    Returns
    -------
    EighResult
        NumPy's named tuple ``(eigenvalues, eigenvectors)``.

    Warns
    -----
    RuntimeWarning
        In the backward pass, where eigenvalues coincide and an eigenvector is used: nan.

    Notes
    -----
    Giles (2008), section 3.1. An eigenvector's sign is LAPACK's choice; only functions that do not
    depend on it are meaningful.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a = Value([[2.0, 0.0], [0.0, 3.0]])
    >>> w, v = np.linalg.eigh(a)
    >>> w[1].backward()
    >>> a.grad
    array([[0., 0.],
           [0., 1.]])
    """
    n = np.shape(a)[-1] if np.ndim(a) else 0
    return EighResult(*split(_eigh(a), (n,), (n, n)))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: Literal["L", "U", "l", "u"] = "L") -> Any:
    """The eigenvalues of a symmetric matrix, in ascending order, as `np.linalg.eigvalsh`; see `eigh`."""
    return eigh(a, UPLO).eigenvalues


def _svd_packed(a: Any) -> Any:
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return pack((u, 2), (s, 1), (vh, 2))


def _svd_split(packed: Any, a: Any) -> tuple[Any, Any, Any]:
    m, n = np.shape(a)[-2:]
    k = min(m, n)
    u, s, vh = split(packed, (m, k), (k,), (k, n))
    return u, s, vh.mT


def _outside(u: Any, x: Any) -> Any:
    """The part of x that is orthogonal to the columns of u."""
    return x - u @ (u.mT @ x)


def _svd_pull(g: Any, out: Any, a: Any) -> Any:
    m, n = np.shape(a)[-2:]
    (u, s, v), (gu, gs, gv) = _svd_split(out, a), _svd_split(g, a)
    row, column, top = np.expand_dims(s, -2), np.expand_dims(s, -1), scale_of(s)
    used_u, used_v = np.any(gu != 0, axis=-2), np.any(gv != 0, axis=-2)
    seen_u, seen_v = u.mT @ gu, v.mT @ gv
    turned = (seen_u - seen_u.mT) * row + column * (seen_v - seen_v.mT)
    inner = _over_gap(turned, _differences(s * s), top * top, _pairs(used_u | used_v), SINGULAR)
    back = u @ (inner + np.expand_dims(gs, -1) * eye_like(g, min(m, n))) @ v.mT
    if m > n:
        back = back + _over_gap(_outside(u, gu), row, top, np.expand_dims(used_u, -2), SINGULAR) @ v.mT
    if n > m:
        back = back + u @ _over_gap(_outside(v, gv), row, top, np.expand_dims(used_v, -2), SINGULAR).mT
    return back


def _svd_push(t: Any, out: Any, a: Any) -> Any:
    m, n = np.shape(a)[-2:]
    u, s, v = _svd_split(out, a)
    row, column, top = np.expand_dims(s, -2), np.expand_dims(s, -1), scale_of(s)
    seen = u.mT @ t @ v
    gap = _differences(s * s)
    du = u @ _over_gap(seen * row + column * seen.mT, gap, top * top, np.True_, "")
    dv = v @ _over_gap(column * seen + seen.mT * row, gap, top * top, np.True_, "")
    if m > n:
        du = du + _over_gap(_outside(u, t @ v), row, top, np.True_, "")
    if n > m:
        dv = dv + _over_gap(_outside(v, t.mT @ u), row, top, np.True_, "")
    return pack((du, 2), (diagonals(seen), 1), (dv.mT, 2))


_svd = general(
    "svd", _svd_packed, pull=(_svd_pull,), push=(_svd_push,),
    reads="u (diag(gs) + ...) v^T, with 1 / (s_j^2 - s_i^2)",
    cases=(case((3, 3)), case((4, 2)), case((2, 4)), case((2, 3, 2))), sample=spread_out,
)  # fmt: skip


@implements(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """The singular value decomposition, as `np.linalg.svd`.

    Parameters
    ----------
    a : Value or array, shape (..., m, n)
    full_matrices : bool
        Must be False unless m == n: the further vectors are arbitrary and have no derivative.
    compute_uv : bool
        False gives the singular values alone.

    Returns
    -------
    SVDResult
        NumPy's named tuple ``(U, S, Vh)``; or S alone.

    Raises
    ------
    NotDifferentiableError
        If `full_matrices` asks for vectors without a derivative.

    Warns
    -----
    RuntimeWarning
        In the backward pass, where singular values coincide and singular vectors are used: nan.

    Notes
    -----
    Giles (2008), section 3.2; Townsend, *Differentiating the singular value decomposition* (2016).

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a = Value([[0.0, 2.0], [3.0, 0.0]])
    >>> np.linalg.svd(a).S[0].backward()
    >>> np.abs(a.grad)
    array([[0., 0.],
           [1., 0.]])
    """
    m, n = need_matrix("svd", a)
    if compute_uv and full_matrices and m != n:
        raise NotDifferentiableError(
            f"svd: full_matrices=True completes the vectors of a {m} x {n} matrix by arbitrary ones, which have no "
            "derivative; pass full_matrices=False (or compute_uv=False for the singular values alone)"
        )
    k = min(m, n)
    u, s, vh = split(_svd(a), (m, k), (k,), (k, n))
    return SVDResult(u, s, vh) if compute_uv else s


@implements(np.linalg.svdvals)
def svdvals(x: Any) -> Any:
    """The singular values, largest first, as `np.linalg.svdvals`; see `svd`."""
    return svd(x, compute_uv=False)
