"""Whole numbers near a number, remainders, and the other functions made of steps: flat between jumps."""

import math
import operator
from typing import Any

import numpy as np

from tinygrad_edu.kinds import elementwise, linear
from tinygrad_edu.op import Interval, case, implements
from tinygrad_edu.ops.elementwise import multiply, sign

__all__ = [
    "around", "ceil", "conj", "conjugate", "copysign", "divmod", "fix", "floor", "floor_divide", "fmod", "heaviside",
    "imag", "ldexp", "mod", "modf", "real", "remainder", "rint", "round", "trunc",
]  # fmt: skip

# Between steps of 0.7 and more, so that no test draws a jump.
DIVISOR = Interval(0.7, 1.3)

floor = elementwise("floor", np.floor, along=(None,), reads="0")
ceil = elementwise("ceil", np.ceil, along=(None,), reads="0")
trunc = elementwise("trunc", np.trunc, along=(None,), reads="0", numpy=[np.fix])
rint = elementwise("rint", np.rint, along=(None,), reads="0")


def _round(a: Any, decimals: int = 0) -> Any:
    return np.round(a, decimals)


round = elementwise(
    "round", _round, along=(None,), reads="0", numpy=[np.round, np.around],
    cases=(case(()), case((2, 3), decimals=1)),
    doc="""Rounded to so many decimals, halves to the even digit. Its derivative is 0.""",
)  # fmt: skip

remainder = elementwise(
    "remainder", np.remainder, scalar=operator.mod,
    along=(lambda t, out, x, y: t, lambda t, out, x, y: -t * floor(x / y)),
    symbol="mod", reads=("1", "-floor(x / y)"), domain=(Interval(), DIVISOR),
)  # fmt: skip

fmod = elementwise(
    "fmod", np.fmod, scalar=math.fmod,
    along=(lambda t, out, x, y: t, lambda t, out, x, y: -t * trunc(x / y)),
    reads=("1", "-trunc(x / y)"), domain=(Interval(), DIVISOR),
)  # fmt: skip

floor_divide = elementwise(
    "floor_divide", np.floor_divide, scalar=operator.floordiv,
    along=(None, None),
    symbol="//", reads=("0", "0"), domain=(Interval(), DIVISOR),
)  # fmt: skip

heaviside = elementwise(
    "heaviside", np.heaviside,
    along=(None, lambda t, out, x, y: t * (x == 0)),
    reads=("0", "1 where x = 0, else 0"),
)  # fmt: skip

copysign = elementwise(
    "copysign", np.copysign, scalar=math.copysign,
    along=(lambda t, out, x, y: t * (sign(x) * np.copysign(1.0, y)), None),
    reads=("sign(x) sign(y), and 0 at x = 0", "0"),
)  # fmt: skip


@implements(np.divmod)
def divmod(x1: Any, x2: Any) -> tuple[Any, Any]:
    """The floor of the quotient, and the remainder; see `np.divmod`.

    Examples
    --------
    >>> divmod(np.array([7.0]), 3.0)
    (array([2.]), array([1.]))
    """
    return floor_divide(x1, x2), remainder(x1, x2)


@implements(np.modf)
def modf(x: Any) -> tuple[Any, Any]:
    """The fractional part, and the whole part; both have the sign of `x`. See `np.modf`.

    Examples
    --------
    >>> modf(np.array([-1.5]))
    (array([-0.5]), array([-1.]))
    """
    return fmod(x, 1.0), trunc(x)


@implements(np.ldexp)
def ldexp(x1: Any, x2: Any) -> Any:
    """`x1` times 2 to the whole power `x2`; see `np.ldexp`.

    Examples
    --------
    >>> ldexp(np.array([3.0]), 2)
    array([12.])
    """
    return multiply(x1, np.ldexp(np.ones((), dtype=np.result_type(x1, np.float16)), x2))


# Values hold no complex numbers: these three are here so that code written for both kinds runs.
conjugate = elementwise("conjugate", np.conjugate, scalar=operator.pos, along=(lambda t, out, x: t,), reads="1")
real = linear(
    "real", lambda val: np.real(val), adjoint=lambda g, val: g,
    reads="1", numpy=[np.real, np.real_if_close], cases=(case(()), case((2, 3))),
    doc="""The real part.""",
)  # fmt: skip
imag = elementwise(
    "imag", lambda val: np.imag(val), along=(None,), reads="0", numpy=[np.imag],
    doc="""The imaginary part: zeros for a Value.""",
)  # fmt: skip

around, conj, fix, mod = round, conjugate, trunc, remainder
