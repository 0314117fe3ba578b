"""The standard normal distribution for large float32 arrays: its distribution function, gelu, and gelu's slope.

``cdf(-a) = e^(-a^2 / 2) t P(t)`` with ``t = 1 / (1 + 0.3 a)`` and a polynomial P, the form of Abramowitz & Stegun 7.1.26.
`POLYNOMIAL` was fitted to `scipy.special.erfcx`, so that the largest relative error for a from 0 to 14.2, where float32
ends, is smallest: 1.6e-7. With the rounding of float32 it is 6e-7 for x > -2; further out e^(-x^2 / 2) loses digits as
x^2 does.

Block by block, so that what is in between stays in cache; one exponential serves the distribution and its density.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

LARGE = 1024  # numbers: fewer are not worth thirty calls of NumPy
BLOCK = 1 << 14  # numbers: four arrays of so many lie in cache
SHRINK = 0.3
POLYNOMIAL = (
    0.0355737804, -0.156782371, 0.205628953, -0.0530173394, 0.12820959, 0.100019965, 0.120736941, 0.119630505,
)  # fmt: skip
DENSITY = 1.0 / math.sqrt(2.0 * math.pi)  # at 0
SIGN, HALF = np.uint32(1 << 31), np.float32(0.5).view(np.uint32)

# Gets x, cdf(x), e^(-x^2 / 2) (both may be overwritten) and where its result goes.
Finish = Callable[[Any, Any, Any, Any], object]


def fits(x: Any) -> bool:
    """Whether these functions are for `x`."""
    return isinstance(x, np.ndarray) and x.dtype == np.float32 and x.size >= LARGE


def cdf(x: Any, out: Any = None) -> Any:
    """How likely a draw is below x, for float32 arrays; `out`, if given, is C-contiguous.

    Examples
    --------
    >>> cdf(np.array([-1.0, 0.0, 1.0, np.inf], np.float32)).round(4)
    array([0.1587, 0.5   , 0.8413, 1.    ], dtype=float32)
    """
    return _in_blocks(x, out, lambda x, below, e, out: np.copyto(out, below))


def gelu(x: Any, out: Any = None) -> Any:
    """``x * cdf(x)``."""
    return _in_blocks(x, out, lambda x, below, e, out: np.multiply(x, below, out))


def gelu_slope(x: Any, out: Any = None) -> Any:
    """``cdf(x) + x * density(x)``."""
    return _in_blocks(x, out, _slope)


def _slope(x: Any, below: Any, e: Any, out: Any) -> None:
    np.multiply(e, DENSITY, e)
    np.multiply(e, x, e)
    np.add(below, e, out)


def _in_blocks(x: Any, out: Any, finish: Finish) -> Any:
    out = np.empty(x.shape, np.float32) if out is None else out
    flat, results = x.reshape(-1), out.reshape(-1)
    rooms = np.empty((3, min(BLOCK, flat.size)), np.float32)
    with np.errstate(over="ignore"):
        for start in range(0, flat.size, BLOCK):
            block = flat[start : start + BLOCK]
            t, p, e = rooms[:, : block.size]
            _cdf(block, t, p, e)
            finish(block, p, e, results[start : start + BLOCK])
    return out


def _cdf(x: Any, t: Any, p: Any, e: Any) -> None:
    """Leave ``cdf(x)`` in `p` and ``e^(-x^2 / 2)`` in `e`."""
    np.absolute(x, t)
    np.multiply(t, SHRINK, t)
    np.add(t, 1.0, t)
    np.reciprocal(t, t)
    np.multiply(t, POLYNOMIAL[0], p)
    for c in POLYNOMIAL[1:]:
        np.add(p, c, p)
        np.multiply(p, t, p)
    np.multiply(x, x, e)
    np.multiply(e, -0.5, e)
    np.exp(e, e)
    np.multiply(p, e, p)  # cdf(-|x|); for x > 0 it is 1 minus that: signs are moved as bits
    sign, bits = t.view(np.uint32), p.view(np.uint32)
    np.bitwise_and(np.ascontiguousarray(x).view(np.uint32), SIGN, sign)
    np.bitwise_or(bits, sign, bits)
    np.bitwise_or(sign, HALF, sign)
    np.add(t, 0.5, t)
    np.subtract(t, p, p)
