"""The sizes of convolutions and pools: what a user wrote, checked and made explicit."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, ShapeError

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


@dataclass(frozen=True)
class Geometry:
    """The sizes of a convolution: of the image, the kernel, and how the kernel moves."""

    size: Pair
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)

    @property
    def padded(self) -> Pair:
        """The size of the image with its padding."""
        (top, bottom), (left, right) = self.padding
        return self.size[0] + top + bottom, self.size[1] + left + right

    @property
    def out(self) -> Pair:
        """How many windows there are, down and across (below 1 if the kernel does not fit)."""
        down, across = (
            (n - d * (k - 1) - 1) // s + 1
            for n, k, s, d in zip(self.padded, self.kernel, self.stride, self.dilation, strict=True)
        )
        return down, across


def geometry_of(name: str, x: Any, kernel: Pair, stride: Any, padding: Any, dilation: Any = 1) -> Geometry:
    """The sizes of a convolution or pooling of `x`, or an error that says what does not fit."""
    size = np.shape(x)[1:3]
    steps, gaps = pair(name, "stride", stride), pair(name, "dilation", dilation)
    geometry = Geometry(size, kernel, steps, padding_of(name, padding, size, kernel, steps, gaps), gaps)
    if min(geometry.out) < 1:
        raise ShapeError(
            f"{name}: a window of {kernel} with dilation {gaps} is larger than the image of {size} with padding "
            f"{geometry.padding}; make the image larger, the window smaller, or use padding='same'"
        )
    return geometry


def check_images(name: str, x: Any, axes: int, names: str, what: str = "x") -> None:
    """A ShapeError unless `x` has so many axes."""
    if np.ndim(x) != axes:
        raise ShapeError(f"{name}: {what} must have {axes} axes, {names}; got shape {np.shape(x)}")


def pair(name: str, what: str, value: Any, least: int = 1) -> Pair:
    """One int for both directions, or one for each."""
    both = (value, value) if isinstance(value, (int, np.integer)) else tuple(value)
    if len(both) != 2 or not all(isinstance(n, (int, np.integer)) and n >= least for n in both):
        raise ArgumentError(f"{name}: {what} must be an int or a pair of them, {least} or more; got {value!r}")
    return int(both[0]), int(both[1])


def whole(name: str, what: str, value: Any) -> int:
    """A whole number of 1 or more."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ArgumentError(f"{name}: {what} must be an int, 1 or more; got {value!r}")
    return int(value)


def sideways(name: str, padding: Any) -> Any:
    """The padding of a sequence as that of an image with a height of 1."""
    if isinstance(padding, str):
        return padding
    left, right = pair(name, "padding", padding, 0)
    return ((0, 0), (left, right))


def padding_of(name: str, padding: Any, size: Pair, kernel: Pair, stride: Pair, dilation: Pair) -> Padding:
    """Padding in any of its forms as ((top, bottom), (left, right))."""
    if padding == "valid":
        return ((0, 0), (0, 0))
    if padding == "same":
        total = [
            max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
            for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)
        ]
        return ((total[0] // 2, total[0] - total[0] // 2), (total[1] // 2, total[1] - total[1] // 2))
    if isinstance(padding, str):
        raise ArgumentError(f"{name}: padding must be 'valid', 'same' or numbers; got {padding!r}")
    nested = not isinstance(padding, (int, np.integer)) and not isinstance(padding[0], (int, np.integer))
    if nested and len(padding) == 2:
        return pair(name, "padding", padding[0], 0), pair(name, "padding", padding[1], 0)
    down, across = pair(name, "padding", padding, 0)
    return ((down, down), (across, across))
