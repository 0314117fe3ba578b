"""Exponentials and logarithms that compile to vector instructions: polynomials, without a call or a jump.

Accurate to a few units in the last place; infinities, NaN, zeros and numbers below the normal range come out as
NumPy's. The exponent of a number is read, and made, through its bits (a view as an integer).
"""

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from tinygrad_edu.ops import gaussian

INSIDE = {"no_cfunc_wrapper": True}  # kernels call them, and Python in tests, but never C: quicker to compile
Compiler: Any = importlib.import_module("numba.core.compiler").Compiler


class Apart(Compiler):  # type: ignore[misc]  # numba has no type for it
    """Compiles a function whose arrays never share memory: loops over many of them need no tests for that."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.state.flags.noalias = True
        self.state.flags.no_cfunc_wrapper = True  # nobody calls it from C


def compiled(function: Callable[..., Any]) -> Any:
    """The function, compiled for every type that it is called with; a product and the sum after it are rounded once."""
    return njit(error_model="numpy", nogil=True, forceinline=True, fastmath={"contract"}, **INSIDE)(function)


# Written for numba, which takes every name from around a function as a constant.
def _functions(f: Any, i: Any, terms: int, log_terms: int, low: float, high: float, log2: tuple[float, float]) -> Any:
    """The functions for a floating-point type `f`, with `i` the integer of its width.

    `log2` is log 2 as a number of few bits and the rest; below `low`, e^x is 0, and above `high` it is infinite.
    """
    info = np.finfo(f)
    bits, bias = i(info.nmant), i(info.maxexp - 1)
    magic = f(1.5 * 2.0**info.nmant)  # adding it leaves the nearest whole number in the last bits
    magic_bits = magic.view(i)
    fraction = i((1 << info.nmant) - 1)
    root = f(math.sqrt(0.5)).view(i)
    up = f(1.0).view(i) - root
    tiny, scale, scaled = f(info.tiny), f(2.0 ** (info.nmant + 2)), f(info.nmant + 2)
    log2e, log2_high, log2_low = f(1.0 / math.log(2.0)), f(log2[0]), f(log2[1])
    zero, one, two, far, inf, nan = f(0.0), f(1.0), f(2.0), f(20.0), f(np.inf), f(np.nan)
    low, high = f(low), f(high)
    taylor = tuple([f(1.0 / math.factorial(k)) for k in range(terms, 1, -1)])
    odd = tuple([f(2.0 / k) for k in range(2 * log_terms + 1, 1, -2)])

    @compiled
    def power_of_two(k: Any) -> Any:
        return i((k + bias) << bits).view(f)

    @compiled
    def reduced(x: Any) -> Any:
        """`k`, and ``e^r - 1``, where ``x = k log 2 + r``; x lies in a range where e^x does."""
        t = f(x * log2e + magic)
        k = t - magic
        r = (x - k * log2_high) - k * log2_low
        p = taylor[0]
        for c in taylor[1:]:
            p = p * r + c
        return i(t.view(i) - magic_bits), p * r * r + r

    @compiled
    def split(x: Any) -> Any:
        """The same for every x."""
        x = low if x < low else x
        return reduced(high if x > high else x)

    @compiled
    def exp(x: Any) -> Any:
        gone = x < low  # what is hidden from a softmax: its products would be below the normal range, which is slow
        k, p = split(zero if gone else x)
        half = k >> i(1)  # 2^k may be out of range where the result is not
        return zero if gone else (p + one) * power_of_two(half) * power_of_two(i(k - half))

    @compiled
    def expm1(x: Any) -> Any:
        k, p = split(x)
        half = k >> i(1)
        s, t = power_of_two(half), power_of_two(i(k - half))
        near = p * s * t + (s * t - one)
        large = (p + one) * s * t - one
        return x if x == zero else (large if k > bias else near)

    @compiled
    def tanh(x: Any) -> Any:
        size = abs(x)
        k, p = reduced(two * (far if size > far else size))
        s = power_of_two(k)
        e = p * s + (s - one)
        return f(np.copysign(e / (e + two), x))

    @compiled
    def log(x: Any) -> Any:
        y = f(x * scale if x < tiny else x)
        b = i(y.view(i) + up)
        k = f((b >> bits) - bias) - (scaled if x < tiny else zero)
        m = i((b & fraction) + root).view(f)  # in [sqrt 1/2, sqrt 2)
        s = (m - one) / (m + one)
        z = s * s
        p = odd[0]
        for c in odd[1:]:
            p = p * z + c
        found = k * log2_high + (k * log2_low + (s * z * p + two * s))
        return found if zero < x < inf else (-inf if x == zero else (nan if x < zero else x))

    @compiled
    def log1p(x: Any) -> Any:
        u = one + x
        d = u - one
        return log(u) * (x / d) if d != zero and u < inf else x if not x < -one else nan

    return exp, expm1, tanh, log, log1p


exp_float32, expm1_float32, tanh_float32, log_float32, log1p_float32 = _functions(
    np.float32, np.int32, 7, 5, -104.0, 89.0, (0.693359375, -2.12194440054690583e-4)
)
exp_float64, expm1_float64, tanh_float64, log_float64, log1p_float64 = _functions(
    np.float64, np.int64, 13, 10, -746.0, 710.0, (6.93147180369123816490e-01, 1.90821492927058770002e-10)
)


# Press and others, Numerical Recipes, 6.2: the complementary error function to 1.2e-7 of itself, as t e^P(t).
ERFC = tuple(
    np.float32(c)
    for c in (
        0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368,
        -1.26551223,
    )
)  # fmt: skip
HALF, ONE, ROOT = np.float32(0.5), np.float32(1.0), np.float32(math.sqrt(0.5))


@compiled
def ndtr_float32(x: Any) -> Any:
    """The normal distribution function."""
    z = abs(x) * ROOT
    t = ONE / (ONE + HALF * z)
    p = ERFC[0]
    for c in ERFC[1:]:
        p = p * t + c
    below = HALF * t * exp_float32(p - z * z)
    return ONE - below if x > np.float32(0.0) else below


@compiled
def ndtr_float64(x: Any) -> Any:
    """The normal distribution function."""
    return 0.5 * math.erfc(-x * math.sqrt(0.5))


# Both as in `ops.gaussian`, where the source of the formula stands. In one kernel they share their exponential.
POLYNOMIAL = tuple(np.float32(c) for c in gaussian.POLYNOMIAL)
SHIFT, FAR, DENSITY = np.float32(gaussian.SHIFT), np.float32(gaussian.FAR), np.float32(gaussian.DENSITY)


@compiled
def below_float32(a: Any) -> Any:
    """The normal distribution function at -a."""
    t = ONE / (a + SHIFT)
    p = POLYNOMIAL[0]
    for c in POLYNOMIAL[1:]:
        p = p * t + c
    return p * t * exp_float32(a * a * -HALF)


@compiled
def gelu_float32(x: Any) -> Any:
    """Gelu."""
    a = FAR if abs(x) > FAR else abs(x)
    return (np.float32(0.0) if x < np.float32(0.0) else x) - a * below_float32(a)


@compiled
def gelu_slope_float32(x: Any) -> Any:
    """Its derivative."""
    a = FAR if abs(x) > FAR else abs(x)
    return HALF + np.float32(np.copysign(HALF - below_float32(a) + a * (DENSITY * exp_float32(a * a * -HALF)), x))


@compiled
def piece(block: Any, places: Any, k: int) -> Any:
    """The piece of a block that begins and ends at these places of a table."""
    return block[places[k] : places[k + 1]]


def _plus(x: Any, y: Any) -> Any:
    """The sum, of which a loop may be split into several running sums."""
    return x + y


plus: Any = njit(error_model="numpy", nogil=True, fastmath={"reassoc"}, **INSIDE)(_plus)


def _larger(x: Any, y: Any) -> Any:
    """The larger of two numbers of which neither is NaN; the loop looks out for those itself."""
    return x if x > y else y


def _smaller(x: Any, y: Any) -> Any:
    return x if x < y else y


larger: Any = njit(error_model="numpy", nogil=True, fastmath={"nnan", "nsz"}, **INSIDE)(_larger)
smaller: Any = njit(error_model="numpy", nogil=True, fastmath={"nnan", "nsz"}, **INSIDE)(_smaller)
