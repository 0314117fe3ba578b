"""What the matrix factorisations share: checks, samples for tests, and small pieces of their rules."""

from typing import Any

import numpy as np

from tinygrad_edu.errors import ShapeError
from tinygrad_edu.op import Case


def need_matrix(name: str, x: Any, square: bool = False) -> tuple[int, int]:
    """The sizes of the matrix (or stack of matrices) `x`, or a ShapeError that names the operation."""
    shape = np.shape(x)
    if len(shape) < 2 or (square and shape[-1] != shape[-2]):
        kind = "a square matrix or a stack of them" if square else "a matrix or a stack of them"
        raise ShapeError(f"{name}: expected {kind}, got shape {shape}")
    return shape[-2], shape[-1]


def symmetric(a: Any) -> Any:
    """The symmetric part of each matrix."""
    return (a + a.mT) * 0.5


def diagonals(x: Any) -> Any:
    """The diagonal of each matrix of a stack."""
    return np.einsum("...ii->...i", x)


def eye_like(x: Any, n: int) -> Any:
    """The n x n identity, in the dtype of x."""
    return np.eye(n, dtype=np.result_type(x))


def scale_of(x: Any) -> Any:
    """The sum of the absolute values of each vector, as a number per matrix: (..., 1, 1)."""
    return np.expand_dims(np.sum(np.abs(x), axis=-1), (-1, -2))


def well_conditioned(rng: np.random.Generator, drawn: Case) -> list[Any]:
    """Operands of which the first is a stack of matrices far from singular."""
    first, *rest = (rng.uniform(-1.0, 1.0, size=shape) for shape in drawn.shapes)
    return [first + 3.0 * np.eye(*first.shape[-2:]), *rest]


def positive_definite(rng: np.random.Generator, drawn: Case) -> list[Any]:
    """Symmetric operands far from singular, and with eigenvalues far from each other."""
    made = []
    for shape in drawn.shapes:
        a = rng.uniform(-0.4, 0.4, size=shape)
        made.append(a @ a.mT + np.diag(np.arange(2.0, 2.0 + shape[-1])))
    return made


def spread_out(rng: np.random.Generator, drawn: Case) -> list[Any]:
    """Operands of full rank whose singular values are far from each other."""
    made = []
    for shape in drawn.shapes:
        a = rng.uniform(-0.4, 0.4, size=shape)
        k = min(shape[-2:])
        a[..., np.arange(k), np.arange(k)] += np.arange(2.0, 2.0 + k)
        made.append(a)
    return made
