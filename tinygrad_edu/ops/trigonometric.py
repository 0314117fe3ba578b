"""Angles: trigonometric and hyperbolic functions and their inverses, degrees, radians, sinc."""

import math
from typing import Any

import numpy as np

from tinygrad_edu.kinds import elementwise, general
from tinygrad_edu.op import Interval, Operation, case
from tinygrad_edu.ops.elementwise import hypot

__all__ = [
    "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "asin", "asinh", "atan",
    "atan2", "atanh", "cos", "cosh", "deg2rad", "degrees", "rad2deg", "radians", "sin", "sinc", "sinh",
    "spherical_bessel", "tan", "tanh", "unwrap",
]  # fmt: skip

INSIDE = Interval(-0.9, 0.9)
UNTIL_POLE = Interval(-1.4, 1.4)
ABOVE_ONE = Interval(1.2, 4.0)
APART_FROM_ZERO = Interval(0.5, 3.0)

sin = elementwise("sin", np.sin, scalar=math.sin, along=(lambda t, out, x: t * cos(x),), reads="cos x")
cos: Operation = elementwise("cos", np.cos, scalar=math.cos, along=(lambda t, out, x: -t * sin(x),), reads="-sin x")
tan = elementwise(
    "tan", np.tan, scalar=math.tan,
    along=(lambda t, out, x: t * (1.0 + out * out),),
    reads="1 + tan(x)^2", domain=UNTIL_POLE,
)  # fmt: skip

# (1 - x)(1 + x) keeps the digits that 1 - x^2 loses near the ends.
arcsin = elementwise(
    "arcsin", np.arcsin, scalar=math.asin,
    along=(lambda t, out, x: t / ((1.0 - x) * (1.0 + x)) ** 0.5,),
    reads="1 / sqrt(1 - x^2)", domain=INSIDE,
)  # fmt: skip

arccos = elementwise(
    "arccos", np.arccos, scalar=math.acos,
    along=(lambda t, out, x: -t / ((1.0 - x) * (1.0 + x)) ** 0.5,),
    reads="-1 / sqrt(1 - x^2)", domain=INSIDE,
)  # fmt: skip

arctan = elementwise(
    "arctan", np.arctan, scalar=math.atan,
    along=(lambda t, out, x: t / (1.0 + x * x),),
    reads="1 / (1 + x^2)",
)  # fmt: skip

# At the origin, where the angle has no derivative, 0 is handed back, as for the norm at 0.
arctan2 = elementwise(
    "arctan2", np.arctan2, scalar=math.atan2,
    along=(
        lambda t, out, y, x: t * (x / _length(x, y) / _length(x, y)),
        lambda t, out, y, x: -t * (y / _length(x, y) / _length(x, y)),
    ),
    reads=("x2 / (x1^2 + x2^2), and 0 at the origin", "-x1 / (x1^2 + x2^2), and 0 at the origin"),
    domain=(Interval(), APART_FROM_ZERO),
)  # fmt: skip


def _length(x: Any, y: Any) -> Any:
    """Without squares, which leave the range of floats long before the length does; 1 at the origin."""
    length = hypot(x, y)
    return length + (length == 0)


sinh = elementwise("sinh", np.sinh, scalar=math.sinh, along=(lambda t, out, x: t * cosh(x),), reads="cosh x")
cosh: Operation = elementwise("cosh", np.cosh, scalar=math.cosh, along=(lambda t, out, x: t * sinh(x),), reads="sinh x")
tanh = elementwise(
    "tanh", np.tanh, scalar=math.tanh,
    along=(lambda t, out, x: t * (1.0 - out * out),),  # t - t * out^2 would be nan for an infinite t
    reads="1 - tanh(x)^2",
)  # fmt: skip

arcsinh = elementwise(
    "arcsinh", np.arcsinh, scalar=math.asinh,
    along=(lambda t, out, x: t / hypot(1.0, x),),
    reads="1 / sqrt(1 + x^2)",
)  # fmt: skip

arccosh = elementwise(
    "arccosh", np.arccosh, scalar=math.acosh,
    along=(lambda t, out, x: t / ((x - 1.0) * (x + 1.0)) ** 0.5,),
    reads="1 / sqrt(x^2 - 1)", domain=ABOVE_ONE,
)  # fmt: skip

arctanh = elementwise(
    "arctanh", np.arctanh, scalar=math.atanh,
    along=(lambda t, out, x: t / ((1.0 - x) * (1.0 + x)),),
    reads="1 / (1 - x^2)", domain=INSIDE,
)  # fmt: skip

degrees = elementwise(
    "degrees", np.degrees, scalar=math.degrees,
    along=(lambda t, out, x: t * (180.0 / math.pi),),
    reads="180 / pi", numpy=[np.rad2deg],
)  # fmt: skip

radians = elementwise(
    "radians", np.radians, scalar=math.radians,
    along=(lambda t, out, x: t * (math.pi / 180.0),),
    reads="pi / 180", numpy=[np.deg2rad],
)  # fmt: skip


def _spherical_bessel(z: Any, n: int = 0) -> Any:
    """j_n(z): the power series where |z| is small, upward recurrence where that is stable."""
    z = np.asarray(z)
    small = np.abs(z) < n + 2
    near = np.where(small, z, 0)
    term = np.ones_like(near)
    for k in range(1, n + 1):
        term = term * near / (2 * k + 1)
    series = term
    for k in range(1, 24):
        term = term * (-near * near) / (2 * k * (2 * (n + k) + 1))
        series = series + term
    far = np.where(small, 1, z)
    before, here = np.cos(far) / far, np.sin(far) / far
    for k in range(n):
        before, here = here, (2 * k + 1) / far * here - before
    return np.where(small, series, here)[()].astype(z.dtype)


# sinc(x) = j_0(pi x), and the derivatives of j_n are j's again: exact at 0 in every order, where the
# textbook form (cos(pi x) - sinc(x)) / x is 0 / 0.
spherical_bessel: Operation = elementwise(
    "spherical_bessel", _spherical_bessel,
    along=(
        lambda t, out, z, n: t * (
            (n * spherical_bessel(z, n - 1) if n else 0.0) - (n + 1) * spherical_bessel(z, n + 1)
        ) / (2 * n + 1),
    ),
    symbol="j", reads="(n j_(n-1) - (n+1) j_(n+1)) / (2n + 1)",
    cases=(case(()), case((2, 3), n=1), case((3,), n=2)), domain=Interval(-5.0, 5.0),
    doc="""The spherical Bessel function of the first kind, of a whole order `n` (0 if not told otherwise).""",
)  # fmt: skip

sinc = elementwise(
    "sinc", np.sinc,
    along=(lambda t, out, x: t * (-math.pi * spherical_bessel(math.pi * x, 1)),),
    reads="(cos(pi x) - sinc x) / x, and 0 at 0", numpy=[np.sinc],
)  # fmt: skip


# Whole periods are added: the derivative is 1 wherever it exists.
unwrap = general(
    "unwrap", lambda p, discont=None, axis=-1, period=2 * math.pi: np.unwrap(p, discont, axis, period=period),
    pull=(lambda g, out, p, discont, axis, period: g,),
    push=(lambda t, out, p, discont, axis, period: t,),
    reads="1", numpy=[np.unwrap],
    cases=(case((4,)), case((2, 3), axis=0), case((2, 3), discont=4.0, period=6.0)),
    doc="""Angles without their jumps by whole periods along an axis.""",
)  # fmt: skip

deg2rad, rad2deg = radians, degrees
acos, acosh, asin, asinh, atan, atan2, atanh = arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh
