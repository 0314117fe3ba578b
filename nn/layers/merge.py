"""Layers of several inputs: their sum, their product, or one beside the other."""

import operator
from functools import reduce
from typing import Any

import numpy as np

from tinygrad_edu.errors import ShapeError
from tinygrad_edu.nn.layers.registry import example
from tinygrad_edu.nn.module import Module


class _Merge(Module):
    """Takes arrays one by one, ``Add()(a, b)``, or in a list as Keras has it, ``Add()([a, b])``."""

    def forward(self, *inputs: Any) -> Any:
        """One array of all."""
        arrays = list(inputs[0]) if len(inputs) == 1 and isinstance(inputs[0], (list, tuple)) else list(inputs)
        shapes = [np.shape(x) for x in arrays]
        if not arrays or not self._fit(shapes):
            got = ", ".join(map(str, shapes)) or "none"
            raise ShapeError(f"{self.label}: expected inputs of {self._must}, got {got}")
        return self._merge(arrays)

    _must = "equal shapes"

    def _fit(self, shapes: list[tuple[int, ...]]) -> bool:
        return len(set(shapes)) == 1

    def _merge(self, arrays: list[Any]) -> Any:
        raise NotImplementedError(f"{type(self).__name__} says how inputs are merged: def _merge")


@example(lambda: Add(), (2, 3), (2, 3), wrong=(2, 4))
class Add(_Merge):
    """The sum of its inputs: where a skip connection ends.

    Examples
    --------
    >>> Add()(np.array([1.0, 2.0]), np.array([10.0, 20.0]))
    array([11., 22.])
    """

    def _merge(self, arrays: list[Any]) -> Any:
        return reduce(operator.add, arrays)


@example(lambda: Multiply(), (2, 3), (2, 3), wrong=(2, 4))
class Multiply(_Merge):
    """The product of its inputs, entry by entry: a gate.

    Examples
    --------
    >>> Multiply()(np.array([1.0, 2.0]), np.array([0.0, 0.5]))
    array([0., 1.])
    """

    def _merge(self, arrays: list[Any]) -> Any:
        return reduce(operator.mul, arrays)


@example(lambda: Concatenate(), (2, 3), (2, 4), wrong=(3, 4))
class Concatenate(_Merge):
    """Its inputs one after the other along an axis.

    Parameters
    ----------
    axis : int
        The last one, if not told otherwise: features beside features.
    name : str, optional

    Examples
    --------
    >>> Concatenate()(np.zeros((5, 2)), np.zeros((5, 3))).shape
    (5, 5)
    """

    _must = "shapes that differ along the axis only"

    def __init__(self, axis: int = -1, name: str | None = None) -> None:
        super().__init__(name)
        self.axis = axis

    def _fit(self, shapes: list[tuple[int, ...]]) -> bool:
        n = len(shapes[0])
        if not -n <= self.axis < n:
            return False
        axis = self.axis % n
        return len({(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}) == 1 and {n} == set(map(len, shapes))

    def _merge(self, arrays: list[Any]) -> Any:
        return np.concatenate(arrays, axis=self.axis)

    def extra_repr(self) -> str:
        """The axis, if it is not the last."""
        return "" if self.axis == -1 else f"axis={self.axis}"
