"""Powers and the exponential of square matrices."""

import math
import operator
from typing import Any

import numpy as np

from tinygrad_edu.kinds import general
from tinygrad_edu.op import Interval, case, implements
from tinygrad_edu.ops.linalg import matmul
from tinygrad_edu.ops.matrices import eye_like, need_matrix
from tinygrad_edu.ops.systems import inv

__all__ = [
    "matrix_power",
    "expm",
]


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """A square matrix multiplied with itself n times, as `np.linalg.matrix_power`.

    Parameters
    ----------
    a : Value or array, shape (..., n, n)
    n : int
        Negative powers are those of the inverse.

    Returns
    -------
    Value or array

    Raises
    ------
    LinearAlgebraError
        If n is negative and a is singular.

    Notes
    -----
    By repeated squaring: about ``2 log2(n)`` products.

    Examples
    --------
    >>> matrix_power(np.array([[1.0, 1.0], [0.0, 1.0]]), 5)
    array([[1., 5.],
           [0., 1.]])
    """
    size, _ = need_matrix("matrix_power", a, square=True)
    n = operator.index(n)
    if n == 0:
        return a * 0.0 + eye_like(a, size)
    square, left, power = inv(a) if n < 0 else a, abs(n), None
    while left:
        if left % 2:
            power = square if power is None else matmul(power, square)
        left //= 2
        if left:
            square = matmul(square, square)
    return np.positive(power) if power is a else power


# Numerator of the [13/13] Padé approximant of exp, and the norm up to which it is accurate in double precision.
PADE = [
    math.factorial(26 - k) * math.factorial(13) / (math.factorial(26) * math.factorial(k) * math.factorial(13 - k))
    for k in range(14)
]
ACCURATE_TO = 5.371920351148152


def _expm(a: Any) -> Any:
    n, _ = need_matrix("expm", a, square=True)
    size = np.max(np.sum(np.abs(a), axis=-2), initial=0.0)
    halvings = max(0, math.ceil(math.log2(size / ACCURATE_TO))) if np.isfinite(size) and size > 0 else 0
    x = a / 2.0**halvings
    even, odd = [np.broadcast_to(eye_like(a, n), np.shape(a)) * PADE[k] for k in (0, 1)]
    square = x @ x
    power = square
    for k in range(2, 14, 2):
        even = even + PADE[k] * power
        odd = odd + PADE[k + 1] * power
        power = power @ square
    odd = x @ odd
    result = np.linalg.solve(even - odd, even + odd)
    for _ in range(halvings):
        result = result @ result
    return result


def _frechet(a: Any, direction: Any) -> Any:
    """The derivative of expm at `a` in a direction: the upper right block of expm([[a, d], [0, a]])."""
    n = np.shape(a)[-1]
    upper = np.concatenate([a, direction], axis=-1)
    lower = np.concatenate([np.zeros_like(a), a], axis=-1)
    return expm(np.concatenate([upper, lower], axis=-2))[..., :n, n:]


expm = general(
    "expm", _expm,
    pull=(lambda g, out, a: _frechet(a.mT, g),),
    push=(lambda t, out, a: _frechet(a, t),),
    symbol="expm", reads="upper right block of expm([[a^T, g], [0, a^T]])",
    domain=Interval(-1.0, 1.0), cases=(case((3, 3)), case((1, 1)), case((2, 3, 3))),
    doc="""The exponential of each square matrix: sum of a^k / k!.

    Scaling and squaring with a [13/13] Padé approximant: Higham, *The scaling and squaring method for
    the matrix exponential revisited* (2005). Derivative: Al-Mohy & Higham (2009), by a block matrix.
    """,
)  # fmt: skip
