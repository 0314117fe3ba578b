"""Numbers of 120 digits on which plain NumPy code runs: the independent reference for every gradient of the bank.

NumPy calls a method of the same name for every entry of an object array, so ``np.sin(x)`` of an array
of `Exact` is right to 100 digits and more, and a difference quotient at a step of 1e-25 is right to 25 and more.
"""

import operator
from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, ROUND_FLOOR, Context, Decimal, localcontext
from functools import cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

DIGITS = 120
STEP = Decimal("1e-25")  # of a coordinate
AT_ZERO = Decimal("1e-30")  # the step of a coordinate that is 0
SMALL = Decimal("1e-25")  # below it, series of four terms
CONTEXT = Context(prec=DIGITS, Emax=MAX_EMAX, Emin=MIN_EMIN)
WIDE = Context(prec=2 * DIGITS, Emax=MAX_EMAX, Emin=MIN_EMIN)  # for angles of many turns


def gradient(f: Callable[[Any], Any], x: Array) -> Array:
    """Derivatives of f by every entry of x, shape ``f(x).shape + x.shape``: what is right, rounded to floats.

    Examples
    --------
    >>> gradient(lambda x: np.sum(x**2), np.array([1.0, 3.0]))
    array([2., 6.])
    """
    left, right = sides(f, x)
    return (left + right) / 2


def sides(f: Callable[[Any], Any], x: Array) -> tuple[Array, Array]:
    """The derivatives by every entry of x from the left and from the right."""
    found = []
    for i in range(x.size):
        unit = np.zeros(x.shape)
        unit.flat[i] = 1.0
        found.append(slopes(f, x, unit))
    shape = found[0][0].shape + x.shape
    left, right = (np.stack(columns, axis=-1).reshape(shape) for columns in zip(*found, strict=True))
    return left, right


def slopes(f: Callable[[Any], Any], x: Array, direction: Array) -> tuple[Array, Array]:
    """The slopes of f along a direction, seen from the left and from the right."""
    with localcontext(CONTEXT):
        sizes = [abs(Decimal(float(a))) for a, d in zip(x.flat, direction.flat, strict=True) if d and a]
        step = Exact(STEP * min(sizes) if sizes else AT_ZERO)
        point, move = lift(x), lift(direction) * step
        middle = np.asarray(f(point), dtype=object)
        right = (np.asarray(f(point + move), dtype=object) - middle) / step
        left = (middle - np.asarray(f(point - move), dtype=object)) / step
    return np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)


def value(f: Callable[[Any], Any], x: Array) -> Array:
    """F(x), rounded to floats once."""
    with localcontext(CONTEXT):
        return np.asarray(np.asarray(f(lift(x)), dtype=object), dtype=np.float64)


def _decimal(x: Any) -> Decimal:
    if isinstance(x, Exact):
        return x.value
    return x if isinstance(x, Decimal) else Decimal(x) if isinstance(x, int) else Decimal(float(x))


@cache
def _pi() -> Decimal:
    """Machin's formula, 16 arctan(1/5) - 4 arctan(1/239), to twice the digits."""
    with localcontext(WIDE):
        total = Decimal(0)
        for factor, n in ((16, 5), (-4, 239)):
            term, k = Decimal(factor) / n, 1
            while abs(term).adjusted() > -2 * DIGITS - 4:
                total += term / k if k % 4 == 1 else -term / k
                term, k = term / (n * n), k + 2
        return total


def _sine(x: Decimal, quarters: int) -> Decimal:
    """Sine of x plus so many quarter turns."""
    if not x:
        return Decimal((0, 1, 0, -1)[quarters])
    with localcontext(WIDE):
        turns = (x * 2 / _pi()).to_integral_value()
        rest = x - turns * _pi() / 2
    quarters = (quarters + int(turns)) % 4
    square = rest * rest
    total = term = Decimal(1) if quarters % 2 else +rest
    k = 1 if quarters % 2 else 2
    while term and term.adjusted() > total.adjusted() - DIGITS - 2:
        term = -term * square / (k * (k + 1))
        total += term
        k += 2
    return total if quarters < 2 else -total


def _binary(combine: Callable[[Decimal, Decimal], Decimal]) -> Callable[["Exact", Any], Any]:
    def method(self: "Exact", other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else Exact(combine(self.value, _decimal(other)))

    return method


class Exact:
    """A number of 80 digits, with the methods that NumPy looks for in an object array."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = _decimal(value)

    __add__ = _binary(operator.add)
    __sub__ = _binary(operator.sub)
    __rsub__ = _binary(lambda x, y: y - x)
    __mul__ = _binary(operator.mul)
    __truediv__ = _binary(operator.truediv)
    __rtruediv__ = _binary(lambda x, y: y / x)
    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, power: Any) -> "Exact":
        if isinstance(power, Exact):
            return (power * self.log()).exp()
        if float(power).is_integer():
            return Exact(self.value ** int(power)) if power else Exact(1)
        return Exact((_decimal(power) * self.value.ln()).exp()) if self.value else Exact(0)

    def __neg__(self) -> "Exact":
        return Exact(-self.value)

    def __pos__(self) -> "Exact":
        return self

    def __abs__(self) -> "Exact":
        return Exact(abs(self.value))

    def __lt__(self, other: Any) -> bool:
        return self.value < _decimal(other)

    def __le__(self, other: Any) -> bool:
        return self.value <= _decimal(other)

    def __gt__(self, other: Any) -> bool:
        return self.value > _decimal(other)

    def __ge__(self, other: Any) -> bool:
        return self.value >= _decimal(other)

    def __eq__(self, other: object) -> bool:
        return self.value == _decimal(other)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)

    __hash__ = None  # type: ignore[assignment]  # equal to floats and ints, and never a key

    def floor(self) -> "Exact":
        """Rounded down."""
        return Exact(self.value.to_integral_value(ROUND_FLOOR))

    def conjugate(self) -> "Exact":
        """Itself."""
        return self

    def sqrt(self) -> "Exact":
        """The square root."""
        return Exact(self.value.sqrt())

    def exp(self) -> "Exact":
        """E to its power."""
        return Exact(self.value.exp())

    def expm1(self) -> "Exact":
        """E to its power, less 1."""
        x = self.value
        return Exact(x.exp() - 1 if abs(x) > SMALL else x + x * x / 2 + x**3 / 6 + x**4 / 24)

    def log(self) -> "Exact":
        """The natural logarithm."""
        return Exact(self.value.ln())

    def log1p(self) -> "Exact":
        """The logarithm of 1 plus it."""
        x = self.value
        return Exact((1 + x).ln() if abs(x) > SMALL else x - x * x / 2 + x**3 / 3 - x**4 / 4)

    def sin(self) -> "Exact":
        """Sine."""
        return Exact(_sine(self.value, 0))

    def cos(self) -> "Exact":
        """Cosine."""
        return Exact(_sine(self.value, 1))

    def tan(self) -> "Exact":
        """Tangent."""
        return self.sin() / self.cos()

    def tanh(self) -> "Exact":
        """Hyperbolic tangent."""
        e = (-2 * abs(self)).expm1()
        value = -e / (2 + e)
        return value if self.value > 0 else -value

    def arctan(self) -> "Exact":
        """The float's arctan and the angle that is left, which is so small that three terms give it."""
        near = Exact(float(np.arctan(float(self))))
        s, c = near.sin(), near.cos()
        rest = (self * c - s) / (c + self * s)
        return near + rest - rest**3 / 3 + rest**5 / 5

    def arcsin(self) -> "Exact":
        """By arctan."""
        return (self / (1 - self * self).sqrt()).arctan()

    def __repr__(self) -> str:
        return f"Exact({float(self)!r})"


lift = np.frompyfunc(Exact, 1, 1)
