"""Every layer with an example of it: what the battery of tests walks, and the tables of the docs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np

from tinygrad_edu.nn.module import Module

L = TypeVar("L", bound=type[Module])
Sample = tuple[int, ...] | Callable[[np.random.Generator], Any]


@dataclass(frozen=True)
class Example:
    """A layer of a class, what to call it on, and what it must refuse.

    Attributes
    ----------
    make : callable
        Gives the layer; the same one each time.
    inputs : tuple of shapes, or functions of a Generator
        What a call gets: normal numbers of a shape, or what the function draws.
    wrong : shape, or None
        An input that the layer must refuse with a ShapeError; None if it takes any.
    """

    make: Callable[[], Module]
    inputs: tuple[Sample, ...]
    wrong: tuple[int, ...] | None

    def draw(self, rng: np.random.Generator) -> list[Any]:
        """Inputs for a call."""
        return [rng.normal(size=one) if isinstance(one, tuple) else one(rng) for one in self.inputs]


LAYERS: Final[dict[type[Module], list[Example]]] = {}


def example(make: Callable[[], Module], *inputs: Sample, wrong: tuple[int, ...] | None) -> Callable[[L], L]:
    """Enter a layer class, with an example, into `LAYERS`; a class may have several.

    Parameters
    ----------
    make : callable
        Gives a layer whose randomness has a seed.
    *inputs : shapes, or functions of a Generator
        What to call it on.
    wrong : shape, or None
        An input it must refuse; None if there is none.

    Examples
    --------
    >>> @example(lambda: Double(), (2, 3), wrong=None)
    ... class Double(Module):
    ...     def forward(self, x):
    ...         return 2 * x
    >>> LAYERS.pop(Double)[0].make()
    Double()
    """

    def enter(layer: L) -> L:
        LAYERS.setdefault(layer, []).append(Example(make, inputs, wrong))
        return layer

    return enter
