"""Arithmetic, powers, exponentials and logarithms: each result from one entry of each operand."""

import math
import operator

import numpy as np

from tinygrad_edu.kinds import PRODUCT, SUM, elementwise
from tinygrad_edu.op import Interval, Operation

__all__ = [
    "abs", "absolute", "add", "cbrt", "divide", "exp", "exp2", "expm1", "fabs", "float_power", "fmax", "fmin", "hypot",
    "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2", "maximum", "minimum", "multiply", "negative",
    "positive", "pow", "power", "reciprocal", "sign", "sqrt", "square", "subtract", "true_divide",
]  # fmt: skip

POSITIVE = Interval(0.1, 4.0)
NONZERO = Interval(0.5, 3.0)

add = elementwise(
    "add", np.add, scalar=operator.add,
    along=SUM,
    symbol="+", reads=("1", "1"),
)  # fmt: skip

subtract = elementwise(
    "subtract", np.subtract, scalar=operator.sub,
    along=(lambda t, out, x, y: t, lambda t, out, x, y: -t),
    symbol="-", reads=("1", "-1"),
)  # fmt: skip

multiply = elementwise(
    "multiply", np.multiply, scalar=operator.mul,
    along=PRODUCT,
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
        lambda t, out, x, y: t * (y * x ** (y + (y == 0) - 1)),  # booleans can be added, not subtracted
        lambda t, out, x, y: t * (out * log(x + (x == 0))),
    ),
    symbol="^", reads=("y x^(y-1)", "x^y log x"),
    domain=(POSITIVE, Interval(-2.0, 3.0)),
)  # fmt: skip

float_power = elementwise(
    "float_power", np.float_power, scalar=math.pow, along=power.rules,
    symbol="^", reads=power.reads, domain=power.domain,
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
    "absolute", np.absolute, scalar=operator.abs,
    along=(lambda t, out, x: t * sign(x),), numpy=[np.fabs],
    symbol="abs", reads="sign x, and 0 at 0",
)  # fmt: skip

sign: Operation = elementwise(
    "sign", np.sign, scalar=lambda x: float((x > 0) - (x < 0)) if x == x else x,
    along=(None,), reads="0",
)  # fmt: skip

exp = elementwise("exp", np.exp, scalar=math.exp, along=(lambda t, out, x: t * out,), reads="e^x")
expm1 = elementwise("expm1", np.expm1, scalar=math.expm1, along=(lambda t, out, x: t * (out + 1.0),), reads="e^x")
exp2 = elementwise(
    "exp2", np.exp2, scalar=math.exp2,
    along=(lambda t, out, x: t * (out * math.log(2.0)),),
    reads="2^x log 2",
)  # fmt: skip

log: Operation = elementwise(
    "log", np.log, scalar=math.log,
    along=(lambda t, out, x: t / x,),
    reads="1 / x", domain=POSITIVE,
)  # fmt: skip

log1p = elementwise(
    "log1p", np.log1p, scalar=math.log1p,
    along=(lambda t, out, x: t / (1.0 + x),),
    reads="1 / (1 + x)", domain=Interval(-0.9, 4.0),
)  # fmt: skip

log2 = elementwise(
    "log2", np.log2, scalar=math.log2,
    along=(lambda t, out, x: t / (x * math.log(2.0)),),
    reads="1 / (x log 2)", domain=POSITIVE,
)  # fmt: skip

log10 = elementwise(
    "log10", np.log10, scalar=math.log10,
    along=(lambda t, out, x: t / (x * math.log(10.0)),),
    reads="1 / (x log 10)", domain=POSITIVE,
)  # fmt: skip

# out is at least as large as both operands: neither exponential overflows.
logaddexp = elementwise(
    "logaddexp", np.logaddexp,
    along=(
        lambda t, out, x, y: t * exp(x - out),
        lambda t, out, x, y: t * exp(y - out),
    ),
    symbol="log Σ exp", reads=("e^x / (e^x + e^y)", "e^y / (e^x + e^y)"),
)  # fmt: skip

logaddexp2 = elementwise(
    "logaddexp2", np.logaddexp2,
    along=(
        lambda t, out, x, y: t * exp2(x - out),
        lambda t, out, x, y: t * exp2(y - out),
    ),
    symbol="log2 Σ exp2", reads=("2^x / (2^x + 2^y)", "2^y / (2^x + 2^y)"),
)  # fmt: skip

sqrt = elementwise(
    "sqrt", np.sqrt, scalar=math.sqrt,
    along=(lambda t, out, x: t * 0.5 / out,),
    reads="1 / (2 sqrt x)", domain=POSITIVE,
)  # fmt: skip

cbrt = elementwise(
    "cbrt", np.cbrt, scalar=math.cbrt,
    along=(lambda t, out, x: t / (3.0 * out * out),),
    reads="1 / (3 cbrt(x)^2)", domain=NONZERO,
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

hypot = elementwise(
    "hypot", np.hypot, scalar=math.hypot,
    along=(
        lambda t, out, x, y: t * (x / (out + (out == 0))),
        lambda t, out, x, y: t * (y / (out + (out == 0))),
    ),
    reads=("x / sqrt(x^2 + y^2), and 0 at the origin", "y / sqrt(x^2 + y^2), and 0 at the origin"),
    domain=(Interval(), NONZERO),
    doc="""The length of the vector (x, y). At the origin, where it has a kink, both derivatives are 0 by convention,
    and the Hessian is the identity: finite, where the true second derivatives grow without bound.""",
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

# Like maximum and minimum, but a number beats NaN (y != y is true for NaN alone).
fmax = elementwise(
    "fmax", np.fmax,
    along=(
        lambda t, out, x, y: t * (0.5 * ((x >= y) | (y != y)) + 0.5 * ((x > y) | (y != y))),
        lambda t, out, x, y: t * (0.5 * ((y >= x) | (x != x)) + 0.5 * ((y > x) | (x != x))),
    ),
    symbol="max", reads=("1 if x > y or y is NaN, 1/2 at a tie", "1 if y > x or x is NaN, 1/2 at a tie"),
)  # fmt: skip

fmin = elementwise(
    "fmin", np.fmin,
    along=(
        lambda t, out, x, y: t * (0.5 * ((x <= y) | (y != y)) + 0.5 * ((x < y) | (y != y))),
        lambda t, out, x, y: t * (0.5 * ((y <= x) | (x != x)) + 0.5 * ((y < x) | (x != x))),
    ),
    symbol="min", reads=("1 if x < y or y is NaN, 1/2 at a tie", "1 if y < x or x is NaN, 1/2 at a tie"),
)  # fmt: skip

fabs, true_divide = absolute, divide
abs, pow = absolute, power
