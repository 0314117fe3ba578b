"""Layers whose parameters wait for the first input, if its size was not given; and how their sizes are written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.init import Initializer, Rng, initializer, zeros
from tinygrad_edu.nn.module import Module, Parameter


@dataclass
class Recipe:
    """How a layer makes its parameters: where weights start, what draws them, their dtype."""

    init: Initializer
    rng: np.random.Generator
    dtype: DTypeLike

    def weight(self, *shape: int, init: str | Initializer | None = None) -> Parameter:
        """A weight drawn by the initialiser (or another one)."""
        draw = self.init if init is None else initializer(init)
        return Parameter(draw(shape, rng=self.rng, dtype=self.dtype))

    def fused(self, gates: int, *shape: int, init: str | Initializer | None = None) -> Parameter:
        """Weights of several gates side by side, each drawn by itself."""
        parts = [self.weight(*shape, init=init).data for _ in range(gates)]
        return Parameter(np.concatenate(parts, axis=-1))

    def zeros(self, *shape: int) -> Parameter:
        """A parameter that starts at 0, as biases do."""
        return Parameter(zeros(shape, dtype=self.dtype))

    def ones(self, *shape: int) -> Parameter:
        """A parameter that starts at 1, as scales do."""
        return Parameter(np.ones(shape, dtype=self.dtype))


class LazyLayer(Module):
    """The base of layers that learn the size of their input from it, unless they were told.

    A subclass calls `_prepare` at the end of its ``__init__``, and writes `_make`.

    Attributes
    ----------
    in_features : int or None
        The size of the input's last axis; None until it is known.
    """

    in_features: int | None = None
    axes = 0  # how many axes an input has; 0: one or more

    def _prepare(self, init: str | Initializer, rng: Rng, dtype: DTypeLike) -> None:
        """Keep the recipe, and make the parameters now if the input's size is known."""
        self._recipe = Recipe(initializer(init), np.random.default_rng(rng), dtype)
        if self.in_features is not None:
            self._finish(self.in_features)

    def _make(self, in_features: int, recipe: Recipe) -> None:
        """Make the parameters."""
        raise NotImplementedError(f"{type(self).__name__} says how its parameters are made: def _make")

    def _build(self, *args: Any) -> None:
        shape: tuple[int, ...] = np.shape(args[0]) if args else ()
        if not shape or (self.axes and len(shape) != self.axes) or not shape[-1]:
            self._refuse(shape)
        self._finish(shape[-1])

    def _finish(self, in_features: int) -> None:
        self._make(in_features, self._recipe)
        self.in_features = in_features
        self._recipe = None
        self._name_members()

    def _check(self, x: Any) -> None:
        """Refuse an input whose axes or last size are not what this layer takes."""
        shape = x.shape if isinstance(x, Value) else np.shape(x)
        if not shape or shape[-1] != self.in_features or (self.axes and len(shape) != self.axes):
            self._refuse(shape)

    def _refuse(self, shape: tuple[int, ...]) -> None:
        raise ShapeError(f"{self.label}: expected an input of shape {self._expected()}, got {shape}")

    def _expected(self) -> str:
        """The shape of an input, for messages."""
        before = ", ".join(AXES[self.axes])
        return f"({before}, {'features' if self.in_features is None else self.in_features})"

    if not TYPE_CHECKING:  # a type checker would think that every attribute exists

        def __getattr__(self, name: str) -> Any:
            waits = self._recipe is not None
            why = " yet: it is made at the first call, which tells the size of the input" if waits else ""
            raise AttributeError(f"{self.label} has no attribute {name!r}{why}")


AXES: Mapping[int, tuple[str, ...]] = {
    0: ("...",),
    2: ("batch",),
    3: ("batch", "length"),
    4: ("batch", "height", "width"),
}


def sizes_of(layer: str, given: tuple[Any, ...], **named: Any) -> dict[str, Any]:
    """Sizes by name, however they were written: the first may be left out, as Keras does.

    Parameters
    ----------
    layer : str
        For messages.
    given : tuple
        Sizes by position: all of them, or all but the first, which is that of the input.
    **named : the same sizes in order, where given by name; else None

    Raises
    ------
    ArgumentError
        If there are too few or too many, or one comes twice.

    Examples
    --------
    >>> sizes_of("Dense", (128,), in_features=None, out_features=None)
    {'in_features': None, 'out_features': 128}
    >>> sizes_of("Dense", (784, 128), in_features=None, out_features=None)
    {'in_features': 784, 'out_features': 128}
    >>> sizes_of("Dense", (128, "relu"), in_features=None, out_features=None)
    Traceback (most recent call last):
    ...
    tinygrad_edu.errors.ArgumentError: Dense takes sizes by position, (out_features) or (in_features, out_features), \
and everything else by name; got (128, 'relu'). Did you mean activation='relu'?
    """
    names = list(named)
    count = len(given)
    places = names if count == len(names) else names[1:]
    missing = [name for name in names[1:] if named[name] is None and name not in places[:count]]
    twice = [name for name in places[:count] if named[name] is not None]
    strings = [item for item in given if isinstance(item, str)]
    if count > len(names) or missing or twice or strings:
        hint = f". Did you mean activation={strings[0]!r}?" if strings else ""
        hint = f"; {twice[0]} is there twice" if twice else hint
        hint = f"; {missing[0]} is missing" if missing and not strings else hint
        raise ArgumentError(
            f"{layer} takes sizes by position, ({', '.join(names[1:])}) or ({', '.join(names)}), "
            f"and everything else by name; got {given!r}{hint}"
        )
    return {**named, **dict(zip(places, given, strict=False))}


def optional_size(what: str, number: Any) -> int | None:
    """A size, or None for one that the first input tells."""
    return None if number is None else size(what, number)
