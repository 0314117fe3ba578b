"""Arithmetic and the elementary functions: each entry of the result from one entry of each operand."""

import math
import operator
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.kinds import elementwise
from tinygrad_edu.op import Interval, Node, implements

POSITIVE = Interval(0.1, 4.0)
NONZERO = Interval(0.5, 3.0)

add = elementwise(
    "add", np.add, scalar=operator.add,
    along=(lambda t, out, x, y: t, lambda t, out, x, y: t),
    symbol="+", reads=("1", "1"),
)  # fmt: skip

subtract = elementwise(
    "subtract", np.subtract, scalar=operator.sub,
    along=(lambda t, out, x, y: t, lambda t, out, x, y: -t),
    symbol="-", reads=("1", "-1"),
)  # fmt: skip

multiply = elementwise(
    "multiply", np.multiply, scalar=operator.mul,
    along=(lambda t, out, x, y: t * y, lambda t, out, x, y: t * x),
    symbol="×", reads=("y", "x"),
)  # fmt: skip

divide = elementwise(
    "divide", np.true_divide, scalar=operator.truediv,
    along=(lambda t, out, x, y: t / y, lambda t, out, x, y: -t * out / y),
    symbol="÷", reads=("1 / y", "-x / y^2"),
    domain=(Interval(), NONZERO),
)  # fmt: skip

# x ** (y - 1) at y = 0 would be 1 / x: the exponent stays 0 there, and the factor y makes the rule 0.
# The derivative by y is out * log(x), and 0 where x = 0 and y > 0 (its limit), so log reads 1 there.
power = elementwise(
    "power", np.power, scalar=math.pow,
    along=(
        lambda t, out, x, y: t * (y * x ** (y - (y != 0))),
        lambda t, out, x, y: t * (out * log(x + (x == 0))),
    ),
    symbol="^", reads=("y x^(y-1)", "x^y log x"),
    domain=(POSITIVE, Interval(-2.0, 3.0)),
)  # fmt: skip

negative = elementwise(
    "negative", np.negative, scalar=operator.neg,
    along=(lambda t, out, x: -t,),
    symbol="neg", reads="-1",
)  # fmt: skip

positive = elementwise(
    "positive", np.positive, scalar=operator.pos,
    along=(lambda t, out, x: t,),
    symbol="+", reads="1",
)  # fmt: skip

absolute = elementwise(
    "absolute", np.absolute, scalar=abs,
    along=(lambda t, out, x: t * sign(x),), numpy=[np.fabs],
    symbol="abs", reads="sign x, and 0 at 0",
)  # fmt: skip

sign = elementwise(
    "sign", np.sign, scalar=lambda x: float((x > 0) - (x < 0)) if x == x else x,
    along=(None,), reads="0",
)  # fmt: skip

exp = elementwise("exp", np.exp, scalar=math.exp, along=(lambda t, out, x: t * out,), reads="e^x")
expm1 = elementwise("expm1", np.expm1, scalar=math.expm1, along=(lambda t, out, x: t * (out + 1.0),), reads="e^x")

log = elementwise("log", np.log, scalar=math.log, along=(lambda t, out, x: t / x,), reads="1 / x", domain=POSITIVE)
log1p = elementwise(
    "log1p", np.log1p, scalar=math.log1p,
    along=(lambda t, out, x: t / (1.0 + x),),
    reads="1 / (1 + x)", domain=Interval(-0.9, 4.0),
)  # fmt: skip

sqrt = elementwise(
    "sqrt", np.sqrt, scalar=math.sqrt,
    along=(lambda t, out, x: t * 0.5 / out,),
    reads="1 / (2 sqrt x)", domain=POSITIVE,
)  # fmt: skip

square = elementwise(
    "square", np.square, scalar=lambda x: x * x,
    along=(lambda t, out, x: t * (2.0 * x),),
    symbol="x²", reads="2 x",
)  # fmt: skip

reciprocal = elementwise(
    "reciprocal", np.reciprocal, scalar=lambda x: 1.0 / x,
    along=(lambda t, out, x: -t * (out * out),),
    symbol="1/x", reads="-1 / x^2", domain=NONZERO,
)  # fmt: skip

sin = elementwise("sin", np.sin, scalar=math.sin, along=(lambda t, out, x: t * cos(x),), reads="cos x")
cos = elementwise("cos", np.cos, scalar=math.cos, along=(lambda t, out, x: -t * sin(x),), reads="-sin x")

tanh = elementwise(
    "tanh", np.tanh, scalar=math.tanh,
    along=(lambda t, out, x: t * (1.0 - out * out),),
    reads="1 - tanh(x)^2",
)  # fmt: skip


def _maximum(x: float, y: float) -> float:
    return x if x >= y or x != x else y


def _minimum(x: float, y: float) -> float:
    return x if x <= y or x != x else y


maximum = elementwise(
    "maximum", np.maximum, scalar=_maximum,
    along=(
        lambda t, out, x, y: t * (0.5 * (x >= y) + 0.5 * (x > y)),
        lambda t, out, x, y: t * (0.5 * (y >= x) + 0.5 * (y > x)),
    ),
    symbol="max", reads=("1 if x > y, 1/2 at a tie, else 0", "1 if y > x, 1/2 at a tie, else 0"),
)  # fmt: skip

minimum = elementwise(
    "minimum", np.minimum, scalar=_minimum,
    along=(
        lambda t, out, x, y: t * (0.5 * (x <= y) + 0.5 * (x < y)),
        lambda t, out, x, y: t * (0.5 * (y <= x) + 0.5 * (y < x)),
    ),
    symbol="min", reads=("1 if x < y, 1/2 at a tie, else 0", "1 if y < x, 1/2 at a tie, else 0"),
)  # fmt: skip

# np.clip is minimum(maximum(x, low), high): high wins where the bounds cross.
_clip = elementwise(
    "clip", lambda x, low, high: np.minimum(np.maximum(x, low), high),
    along=(
        lambda t, out, x, low, high: t * ((x >= low) & (x <= high)),
        lambda t, out, x, low, high: t * ((x < low) & (low <= high)),
        lambda t, out, x, low, high: t * ((x > high) | (low > high)),
    ),
    reads=("1 inside and at the edges, else 0", "1 where x < low", "1 where x > high"),
    domain=(Interval(), Interval(-1.5, -0.5), Interval(0.5, 1.5)),
)  # fmt: skip


@implements(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Limit the values to [a_min, a_max]; a bound of None is none. At an edge the gradient passes.

    Parameters
    ----------
    a, a_min, a_max : Value or array, broadcast together
    min, max : the same bounds under NumPy's newer names

    Returns
    -------
    Value or array

    Examples
    --------
    >>> clip(np.array([-2.0, 0.5, 2.0]), -1.0, 1.0)
    array([-1. ,  0.5,  1. ])
    """
    low = a_min if min is None else min
    high = a_max if max is None else max
    return _clip(a, -np.inf if low is None else low, np.inf if high is None else high)


_where = elementwise(
    "where", lambda condition, x, y: np.where(condition, x, y), scalar=lambda condition, x, y: x if condition else y,
    along=(
        None,
        lambda t, out, condition, x, y: _where(condition, t, 0.0),
        lambda t, out, condition, x, y: _where(condition, 0.0, t),
    ),
    reads=("0", "1 where the condition holds, else 0", "1 where it does not, else 0"),
    domain=(Interval(0, 1, integer=True), Interval(), Interval()),
)  # fmt: skip


@implements(np.where)
def where(condition: Any, *branches: Any) -> Any:
    """`x` where the condition holds, `y` elsewhere, as `np.where` with three arguments.

    Parameters
    ----------
    condition : array of bool
    *branches : x and y, Value or array, broadcast together

    Returns
    -------
    Value or array

    Raises
    ------
    ArgumentError
        If there are not exactly two branches.

    Examples
    --------
    >>> where(np.array([True, False]), 1.0, 2.0)
    array([1., 2.])
    """
    if len(branches) != 2:
        raise ArgumentError(f"where: expected where(condition, x, y), got {1 + len(branches)} argument(s)")
    return _where(condition.data if isinstance(condition, Node) else condition, *branches)
