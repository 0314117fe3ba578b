"""Networks wired before there is data: `Symbol` stands for an array, `call` notes what is done with it.

Shapes are found by doing it, on zeros of two sizes: axes that differ are those that may be any length.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.mode import no_grad
from tinygrad_edu.op import Node

Shape = tuple[int | None, ...]


def _noted(function: Callable[..., Any], swap: bool = False) -> Callable[["Symbol", Any], "Symbol"]:
    def method(self: "Symbol", other: Any) -> "Symbol":
        return call(function, (other, self) if swap else (self, other), {})  # type: ignore[no-any-return]  # one array

    return method


@dataclass(eq=False)
class Symbol:
    """A place for an array in a network that is being wired; see `tinygrad_edu.nn.Input`.

    NumPy functions, operators and indexing work on it, as layers do.

    Attributes
    ----------
    shape : tuple of int or None
        None where any length will do, as for the batch.
    dtype : dtype
    source : Call or None
        What makes it; None for an input.
    index : int or None
        Which of several results of its source.
    name : str or None
    """

    shape: Shape
    dtype: np.dtype[Any]
    source: "Call | None" = None
    index: int | None = None
    name: str | None = None

    @property
    def ndim(self) -> int:
        """How many axes."""
        return len(self.shape)

    __add__, __radd__ = _noted(operator.add), _noted(operator.add, swap=True)
    __sub__, __rsub__ = _noted(operator.sub), _noted(operator.sub, swap=True)
    __mul__, __rmul__ = _noted(operator.mul), _noted(operator.mul, swap=True)
    __truediv__, __rtruediv__ = _noted(operator.truediv), _noted(operator.truediv, swap=True)
    __matmul__, __rmatmul__ = _noted(operator.matmul), _noted(operator.matmul, swap=True)
    __pow__ = _noted(operator.pow)
    __getitem__ = _noted(operator.getitem)

    def __neg__(self) -> "Symbol":
        return self * -1.0

    def __iter__(self) -> Any:
        raise TypeError(f"{self!r} stands for an array whose length is not known yet; it cannot be gone through")

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call(function, args, kwargs)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        return call(ufunc if method == "__call__" else getattr(ufunc, method), args, kwargs)

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        return f"Symbol(shape={self.shape}{name})"


@dataclass(eq=False)
class Call:
    """One use of a layer or function in the wiring."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    results: list[Symbol] = field(default_factory=list)

    @property
    def operands(self) -> list[Symbol]:
        """The symbols among the arguments."""
        return list(_symbols((self.args, self.kwargs)))

    def run(self, values: Mapping[Symbol, Any]) -> Any:
        """What the function gives, for arrays in the places of symbols."""
        return self.function(*_filled(self.args, values), **_filled(self.kwargs, values))


def is_wiring(args: Sequence[Any]) -> bool:
    """Whether a module is called on symbols (or on a list of them), not on arrays."""
    if not args:
        return False
    first = args[0]
    if first.__class__ is list or first.__class__ is tuple:
        return len(first) > 0 and first[0].__class__ is Symbol
    return first.__class__ is Symbol


def call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Symbols for what `function` would give; the call is noted in them."""
    made = Call(function, args, kwargs)
    with no_grad(), np.errstate(all="ignore"):
        trials = [made.run({symbol: _zeros(symbol, extra) for symbol in made.operands}) for extra in (0, 1)]
    several = isinstance(trials[0], (tuple, list))
    pairs = list(zip(*trials, strict=True)) if several else [tuple(trials)]
    made.results = [
        Symbol(_common(*pair), np.result_type(_plain(pair[0])), made, i if several else None)
        for i, pair in enumerate(pairs)
    ]
    return tuple(made.results) if several else made.results[0]


def order(outputs: Iterable[Symbol]) -> list[Call]:
    """The calls that lead to the outputs, each after those it needs."""
    found: list[Call] = []
    done: set[int] = set()
    stack = [(symbol.source, False) for symbol in reversed(list(outputs))]
    while stack:
        made, ready = stack.pop()
        if made is None or id(made) in done:
            continue
        if ready:
            done.add(id(made))
            found.append(made)
        else:
            stack.append((made, True))
            stack += [(symbol.source, False) for symbol in reversed(made.operands)]
    return found


def _zeros(symbol: Symbol, extra: int) -> Any:
    """An array for a trial; the lengths that may be any are 2 and 3 for the batch, else 32 and 33."""
    lengths = [((32 if axis else 2) + extra) if n is None else n for axis, n in enumerate(symbol.shape)]
    return np.zeros(lengths, dtype=symbol.dtype)


def _common(a: Any, b: Any) -> Shape:
    if np.ndim(_plain(a)) != np.ndim(_plain(b)):
        raise ArgumentError(f"a layer gave {np.ndim(a)} axes for a batch of 2 samples, and {np.ndim(b)} for 3")
    return tuple(m if m == n else None for m, n in zip(np.shape(_plain(a)), np.shape(_plain(b)), strict=True))


def _plain(x: Any) -> Any:
    return x.data if isinstance(x, Node) else x


def _symbols(structure: Any) -> Iterable[Symbol]:
    if isinstance(structure, Symbol):
        yield structure
    elif isinstance(structure, (tuple, list)):
        for item in structure:
            yield from _symbols(item)
    elif isinstance(structure, Mapping):
        for item in structure.values():
            yield from _symbols(item)


def _filled(structure: Any, values: Mapping[Symbol, Any]) -> Any:
    """The same structure with arrays in the places of symbols."""
    if isinstance(structure, Symbol):
        return values[structure]
    if isinstance(structure, (tuple, list)):
        return type(structure)([_filled(item, values) for item in structure])
    if isinstance(structure, Mapping):
        return {key: _filled(item, values) for key, item in structure.items()}
    return structure
