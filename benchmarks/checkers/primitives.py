"""The primitives of random compositions: plain NumPy code, for floats, exact numbers and Values alike.

An entry is code in x (and y), with names in braces for the constants that are drawn for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Draw = np.random.Generator


@dataclass(frozen=True)
class Primitive:
    """Code of one or two operands, and its domain."""

    code: str
    allows: Callable[..., Any] = lambda *operands: True

    @property
    def operands(self) -> int:
        """How many results it takes."""
        return 2 if "y" in self.code.replace("array", "") else 1

    def written(self, draw: Draw, x: Any) -> str:
        """The code with its constants, drawn for an operand x."""
        constants = {name: make(draw, x) for name, make in CONSTANTS.items() if "{" + name + "}" in self.code}
        return self.code.format(**constants)


def below(limit: float) -> Callable[..., Any]:
    """Operands of at most this magnitude."""
    return lambda *values: all(np.max(np.abs(v)) < limit for v in values)


def above(limit: float) -> Callable[..., Any]:
    """Operands greater than this."""
    return lambda x: np.min(x) > limit


def apart(*values: Any) -> Any:
    """A last operand that is nowhere 0."""
    return np.min(np.abs(values[-1])) > 0


def not_all_zero(x: Any) -> Any:
    """An operand that is not 0 everywhere."""
    return np.max(np.abs(x)) > 0


def _size(x: Any) -> float:
    return float(np.max(np.abs(x))) or 1.0


def _list(array: Any) -> str:
    return f"np.array({array.tolist()!r})"


CONSTANTS: dict[str, Callable[[Draw, Any], Any]] = {
    "c": lambda draw, x: float(draw.choice((-1.0, 1.0)) * 10 ** draw.uniform(-4, 4)),
    "far": lambda draw, x: float(10 ** draw.uniform(4, 9)) * _size(x),
    "near": lambda draw, x: float(np.ravel(x)[0]) * (1 + float(draw.choice((-1.0, 1.0)) * 10 ** draw.uniform(-12, -1))),
    "small": lambda draw, x: float(10 ** draw.uniform(-9, 0)) * _size(x),
    "speed": lambda draw, x: float(10 ** draw.uniform(0, 5)) / _size(x),
    "n": lambda draw, x: int(draw.choice((2, 3, 4, 5, 10, 20))),
    "k": lambda draw, x: int(draw.integers(1, 4)),
    "matrix": lambda draw, x: _list(draw.normal(size=(int(draw.integers(1, 5)), np.shape(x)[0]))),
    "weights": lambda draw, x: _list(draw.normal(size=np.shape(x))),
}

SINGLES = (
    Primitive("np.sin(x)", below(1e8)),
    Primitive("np.cos(x)", below(1e8)),
    Primitive("np.tan(x)", below(100.0)),
    Primitive("np.exp(x)", below(100.0)),
    Primitive("np.expm1(x)", below(100.0)),
    Primitive("np.log(x)", above(0.0)),
    Primitive("np.log1p(x)", above(-0.9)),
    Primitive("np.sqrt(x)", above(0.0)),
    Primitive("x**1.5", above(0.0)),
    Primitive("np.tanh(x)"),
    Primitive("np.arctan(x)"),
    Primitive("np.square(x)"),
    Primitive("np.abs(x)"),
    Primitive("1.0 / x", apart),
    Primitive("x * np.abs(x)"),
    Primitive("np.maximum(x, 0.0)"),
    Primitive("np.where(x > 0, x, 0.01 * x)"),
    Primitive("np.clip(x, -1.0, 1.0)"),
    Primitive("np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0.0)"),
    Primitive("0.5 * (1.0 + np.tanh(0.5 * x))"),
    Primitive("x**{n}"),
    Primitive("{c} * x"),
    Primitive("x + {c}"),
    Primitive("x + {far}"),
    Primitive("(x + {far}) - {far}"),
    Primitive("np.maximum(x, {near})"),
    Primitive("x + {small} * np.sin({speed} * x)"),
)

PAIRS = (
    Primitive("x + y"),
    Primitive("x - y"),
    Primitive("x * y"),
    Primitive("x / y", apart),
    Primitive("np.maximum(x, y)"),
    Primitive("np.minimum(x, y)"),
    Primitive("np.sqrt(x * x + y * y)", apart),
    Primitive("x * np.exp(-y * y)", below(12.0)),
)

VECTOR = (
    Primitive("np.cumsum(x)"),
    Primitive("np.cumprod(x)"),
    Primitive("np.sort(x)"),
    Primitive("x[::-1]"),
    Primitive("x - np.mean(x)"),
    Primitive("np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x)))"),
    Primitive("x / np.sqrt(np.sum(x * x))", not_all_zero),
    Primitive("np.concatenate([x, x * x])"),
    Primitive("x[:, None] * x[None, :]"),
    Primitive("np.roll(x, {k})"),
    Primitive("{matrix} @ x"),
)

MATRIX = (
    Primitive("x @ x.T"),
    Primitive("x.T"),
    Primitive("np.sum(x, axis=0)"),
    Primitive("np.mean(x, axis=1)"),
    Primitive("np.max(x, axis=0)"),
    Primitive("x - np.mean(x, axis=0)"),
    Primitive("{matrix} @ x"),
)

ENDS = (
    Primitive("np.sum(x)"),
    Primitive("np.mean(x)"),
    Primitive("np.prod(x)"),
    Primitive("np.var(x)"),
    Primitive("np.max(x)"),
    Primitive("np.max(x) + np.log(np.sum(np.exp(x - np.max(x))))"),
    Primitive("np.sqrt(np.sum(x * x))", not_all_zero),
    Primitive("np.sum(x * x)"),
    Primitive("np.sum({weights} * x)"),
)
