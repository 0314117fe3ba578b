"""Pooling of images and sequences: each window of a channel becomes one number. No parameters."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tinygrad_edu.errors import ShapeError
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.init import Rng
from tinygrad_edu.nn.layers.lazy import AXES
from tinygrad_edu.nn.layers.registry import example
from tinygrad_edu.nn.module import Module
from tinygrad_edu.ops import pooling as ops
from tinygrad_edu.ops import sequence_pooling
from tinygrad_edu.ops.geometry import pair


class _Pool(Module):
    """What all have in common; a subclass writes `_pool`."""

    axes: ClassVar[int] = 4  # of an input: 4 for images, 3 for sequences
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init__(self, kernel_size: Any, stride: Any = None, name: str | None = None) -> None:
        super().__init__(name)
        self.kernel_size = self._sizes("kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else self._sizes("stride", stride)

    def _sizes(self, what: str, value: Any) -> Any:
        kind = type(self).__name__
        return pair(kind, what, value) if self.axes == 4 else size(f"{kind}: {what}", value)

    def forward(self, x: Any) -> Any:
        """Shape (batch, ..., channels) to (batch, ..., channels), with fewer places between them."""
        if np.ndim(x) != self.axes:
            expected = ", ".join(AXES[self.axes])
            raise ShapeError(f"{self.label}: expected an input of shape ({expected}, channels), got {np.shape(x)}")
        try:
            return self._pool(x)
        except ShapeError as error:
            raise ShapeError(f"{self.label}: an input of shape {np.shape(x)} is too small: {error}") from None

    def _pool(self, x: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} says how a window becomes a number: def _pool")

    def extra_repr(self) -> str:
        """Sizes, and whatever is not the default."""
        shown = {"stride": self.stride} if self.stride != self.kernel_size else {}
        shown |= {name: getattr(self, name) for name, value in self._defaults.items() if getattr(self, name) != value}
        kernel = self.kernel_size
        if self.axes == 4 and len(set(kernel)) == 1:
            kernel = kernel[0]
        return ", ".join([str(kernel), *(f"{name}={value!r}" for name, value in shown.items())])


class _MaxPool(_Pool):
    _function: ClassVar[Callable[..., Any]]
    _defaults: ClassVar[dict[str, Any]] = {"padding": "valid", "dilation": 1}

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = "valid", dilation: Any = 1, name: str | None = None
    ) -> None:
        super().__init__(kernel_size, stride, name)
        self.padding, self.dilation = padding, dilation

    def _pool(self, x: Any) -> Any:
        return type(self)._function(x, self.kernel_size, self.stride, self.padding, self.dilation)


@example(lambda: MaxPool2d(2), (1, 4, 5, 2), wrong=(1, 1, 5, 2))
@example(lambda: MaxPool2d(3, stride=2, padding=1), (1, 4, 4, 2), wrong=(4, 4, 2))
class MaxPool2d(_MaxPool):
    """The largest number of each window, channel by channel; equal ones share its gradient.

    Parameters
    ----------
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        The kernel size if not given, so that windows tile the image (a remainder is left out).
    padding : as for `Conv2d`
        The border never wins.
    dilation : int or pair of int
    name : str, optional

    Raises
    ------
    ShapeError
        When called on something else than images, or on images smaller than the window.

    Examples
    --------
    >>> MaxPool2d(2)(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """

    _function = staticmethod(ops.max_pool2d)


@example(lambda: MaxPool1d(2), (2, 5, 3), wrong=(2, 1, 3))
@example(lambda: MaxPool1d(3, stride=2, padding=1), (1, 4, 2), wrong=(1, 4, 4, 2))
class MaxPool1d(_MaxPool):
    """The largest number of each window of a sequence, channel by channel; all else is as for `MaxPool2d`.

    Examples
    --------
    >>> MaxPool1d(2)(np.array([1.0, 4.0, 2.0, 3.0]).reshape(1, 4, 1))[0, :, 0]
    array([4., 3.])
    """

    axes = 3
    _function = staticmethod(sequence_pooling.max_pool1d)


class _AvgPool(_Pool):
    _function: ClassVar[Callable[..., Any]]
    _defaults: ClassVar[dict[str, Any]] = {"padding": "valid", "count_include_pad": True}

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = "valid",
        count_include_pad: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, name)
        self.padding, self.count_include_pad = padding, count_include_pad

    def _pool(self, x: Any) -> Any:
        return type(self)._function(x, self.kernel_size, self.stride, self.padding, self.count_include_pad)


@example(lambda: AvgPool2d(2), (1, 4, 5, 2), wrong=(1, 1, 5, 2))
@example(lambda: AvgPool2d(3, stride=2, padding=1, count_include_pad=False), (1, 4, 4, 2), wrong=(4, 4, 2))
class AvgPool2d(_AvgPool):
    """The mean of each window, channel by channel.

    Parameters
    ----------
    kernel_size, stride, padding, name
        As for `MaxPool2d`.
    count_include_pad : bool
        Whether the zeros of the border count (as in PyTorch), or the mean is over the image alone (as in
        Keras).

    Examples
    --------
    >>> AvgPool2d(2)(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """

    _function = staticmethod(ops.avg_pool2d)


@example(lambda: AvgPool1d(2), (2, 5, 3), wrong=(2, 1, 3))
@example(lambda: AvgPool1d(3, stride=2, padding=1, count_include_pad=False), (1, 4, 2), wrong=(1, 4, 4, 2))
class AvgPool1d(_AvgPool):
    """The mean of each window of a sequence, channel by channel; all else is as for `AvgPool2d`.

    Examples
    --------
    >>> AvgPool1d(2)(np.array([1.0, 4.0, 2.0, 3.0]).reshape(1, 4, 1))[0, :, 0]
    array([2.5, 2.5])
    """

    axes = 3
    _function = staticmethod(sequence_pooling.avg_pool1d)


@example(lambda: StochasticPool2d(2, rng=0), (1, 4, 4, 2), wrong=(1, 1, 4, 2))
class StochasticPool2d(_Pool):
    """One number of each window, drawn with a chance in proportion to it; meant for what a relu gives.

    Outside training it is the mean weighted by those chances.

    Parameters
    ----------
    kernel_size, stride, name
        As for `MaxPool2d`.
    rng : Generator or int, optional
        Draws, anew at each call.

    Notes
    -----
    Zeiler & Fergus (2013), "Stochastic pooling for regularization of deep convolutional neural networks".

    Examples
    --------
    >>> x = np.array([1.0, 0.0, 0.0, 3.0]).reshape(1, 2, 2, 1)
    >>> StochasticPool2d(2, rng=0)(x).item() in (1.0, 3.0), StochasticPool2d(2).eval()(x).item()
    (True, 2.5)
    """

    def __init__(self, kernel_size: Any, stride: Any = None, rng: Rng = None, name: str | None = None) -> None:
        super().__init__(kernel_size, stride, name)
        self.rng = np.random.default_rng(rng)

    def _pool(self, x: Any) -> Any:
        return ops.stochastic_pool2d(x, self.kernel_size, self.stride, self.rng, self.training)


class _Global(Module):
    """Over all axes between the batch and the channels."""

    def forward(self, x: Any) -> Any:
        """Shape (batch, ..., channels) to (batch, channels)."""
        if np.ndim(x) < 3:
            raise ShapeError(f"{self.label}: expected an input of shape (batch, ..., channels), got {np.shape(x)}")
        return self._over(x, tuple(range(1, np.ndim(x) - 1)))

    def _over(self, x: Any, axis: tuple[int, ...]) -> Any:
        raise NotImplementedError(f"{type(self).__name__} says what is done over all axes: def _over")


@example(lambda: GlobalAvgPool(), (2, 3, 4, 2), wrong=(3, 4))
class GlobalAvgPool(_Global):
    """The mean over all of an image (or sequence), channel by channel.

    Examples
    --------
    >>> GlobalAvgPool()(np.ones((2, 7, 7, 16))).shape
    (2, 16)
    """

    def _over(self, x: Any, axis: tuple[int, ...]) -> Any:
        return np.mean(x, axis=axis)


@example(lambda: GlobalMaxPool(), (2, 3, 4, 2), wrong=(3, 4))
class GlobalMaxPool(_Global):
    """The largest number of an image (or sequence), channel by channel.

    Examples
    --------
    >>> GlobalMaxPool()(np.arange(6.0).reshape(1, 3, 2))
    array([[4., 5.]])
    """

    def _over(self, x: Any, axis: tuple[int, ...]) -> Any:
        return np.max(x, axis=axis)
