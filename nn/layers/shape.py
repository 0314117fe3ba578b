"""Layers that change the shape and nothing else."""

import math
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.nn.layers.registry import example
from tinygrad_edu.nn.module import Module
from tinygrad_edu.ops.geometry import Padding, padding_of


@example(lambda: Flatten(), (2, 3, 4), wrong=())
class Flatten(Module):
    """All axes but the first, the batch, become one.

    Examples
    --------
    >>> Flatten()(np.zeros((32, 8, 8))).shape
    (32, 64)
    """

    def forward(self, x: Any) -> Any:
        """Shape (batch, ...) to (batch, product of the rest)."""
        shape = np.shape(x)
        if not shape:
            raise ShapeError(f"{self.label}: expected an array whose first axis is the batch, got shape ()")
        return np.reshape(x, (shape[0], math.prod(shape[1:])))


@example(lambda: Reshape(2, -1), (2, 6), wrong=(2, 5))
class Reshape(Module):
    """Each sample in another shape; the batch stays.

    Parameters
    ----------
    *shape : int, or one tuple
        Of one sample; one size may be -1, which is settled by the others.
    name : str, optional

    Examples
    --------
    >>> Reshape(8, 8, 1)(np.zeros((32, 64))).shape
    (32, 8, 8, 1)
    """

    def __init__(self, *shape: int | tuple[int, ...], name: str | None = None) -> None:
        super().__init__(name)
        sizes: Any = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        if any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < -1 for n in sizes):
            raise ArgumentError(f"Reshape: expected whole numbers, one of which may be -1, got {sizes!r}")
        if sum(n == -1 for n in sizes) > 1:
            raise ArgumentError(f"Reshape: only one size may be -1, got {sizes!r}")
        self.shape: tuple[int, ...] = tuple(map(int, sizes))

    def forward(self, x: Any) -> Any:
        """Shape (batch, ...) to (batch, *shape)."""
        given = np.shape(x)
        fixed = math.prod(n for n in self.shape if n != -1)
        n = math.prod(given[1:])
        if not given or (n != fixed if -1 not in self.shape else not fixed or n % fixed):
            raise ShapeError(
                f"{self.label}: expected samples that can have shape {self.shape}, "
                f"got {n} numbers each, in an input of shape {given}"
            )
        return np.reshape(x, (given[0], *(n // fixed if size == -1 else size for size in self.shape)))

    def extra_repr(self) -> str:
        """The shape of one sample."""
        return ", ".join(map(str, self.shape))


@example(lambda: ZeroPad2d((1, 2)), (2, 3, 4, 2), wrong=(3, 4, 2))
class ZeroPad2d(Module):
    """Rows and columns of zeros around images.

    Parameters
    ----------
    padding : int, pair of int, or pair of pairs
        On every side; down and across; or ((top, bottom), (left, right)), which is Keras's order.
        (PyTorch's tuple of four is (left, right, top, bottom).)
    name : str, optional

    Examples
    --------
    >>> ZeroPad2d(((0, 1), (2, 0)))(np.ones((1, 2, 2, 1)))[0, :, :, 0]
    array([[0., 0., 1., 1.],
           [0., 0., 1., 1.],
           [0., 0., 0., 0.]])
    """

    def __init__(self, padding: Any = 1, name: str | None = None) -> None:
        super().__init__(name)
        if isinstance(padding, str):
            raise ArgumentError(f"ZeroPad2d: padding must be numbers, got {padding!r}")
        self.padding: Padding = padding_of("ZeroPad2d", padding, (0, 0), (1, 1), (1, 1), (1, 1))

    def forward(self, x: Any) -> Any:
        """Shape (batch, height, width, channels) to the same with more height and width."""
        if np.ndim(x) != 4:
            raise ShapeError(
                f"{self.label}: expected an input of shape (batch, height, width, channels), got {np.shape(x)}"
            )
        return np.pad(x, ((0, 0), *self.padding, (0, 0)))

    def extra_repr(self) -> str:
        """The padding."""
        return repr(self.padding)
