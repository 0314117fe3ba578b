"""Pooling of sequences: that of images with a height of 1."""

from typing import Any

import numpy as np

from tinygrad_edu.ops.geometry import check_images, sideways, whole
from tinygrad_edu.ops.pooling import avg_pool2d, max_pool2d

__all__ = ["avg_pool1d", "max_pool1d"]


def max_pool1d(x: Any, kernel_size: int, stride: int | None = None, padding: Any = "valid", dilation: int = 1) -> Any:
    """The largest entry of each window, channel by channel.

    Parameters
    ----------
    x : Value or array, shape (batch, length, channels)
    kernel_size : int
    stride : int, optional
        The kernel size if not given, so that windows tile the sequence (a remainder is left out).
    padding : {"valid", "same"}, int, or pair of int (left, right)
        The border never wins.
    dilation : int

    Returns
    -------
    Value or array, shape (batch, windows, channels)

    Raises
    ------
    ShapeError
        If x has not three axes, or the window is longer than the padded sequence.

    Examples
    --------
    >>> max_pool1d(np.array([1.0, 4.0, 2.0, 3.0]).reshape(1, 4, 1), 2)[0, :, 0]
    array([4., 3.])
    """
    name = "max_pool1d"
    tall, kernel, steps = _as_images(name, x, kernel_size, stride)
    gaps = (1, whole(name, "dilation", dilation))
    return np.squeeze(max_pool2d(tall, kernel, steps, sideways(name, padding), gaps), 1)


def avg_pool1d(
    x: Any, kernel_size: int, stride: int | None = None, padding: Any = "valid", count_include_pad: bool = True
) -> Any:
    """The mean of each window, channel by channel.

    Parameters
    ----------
    x : Value or array, shape (batch, length, channels)
    kernel_size, stride, padding
        As for `max_pool1d`.
    count_include_pad : bool
        Whether the zeros of the border count (as in PyTorch), or the mean is over the sequence alone
        (as in Keras).

    Returns
    -------
    Value or array, shape (batch, windows, channels)

    Raises
    ------
    ShapeError
        If x has not three axes, or the window is longer than the padded sequence.

    Examples
    --------
    >>> avg_pool1d(np.array([1.0, 4.0, 2.0, 3.0]).reshape(1, 4, 1), 2)[0, :, 0]
    array([2.5, 2.5])
    """
    tall, kernel, steps = _as_images("avg_pool1d", x, kernel_size, stride)
    return np.squeeze(avg_pool2d(tall, kernel, steps, sideways("avg_pool1d", padding), count_include_pad), 1)


def _as_images(name: str, x: Any, kernel_size: int, stride: int | None) -> tuple[Any, Any, Any]:
    """The sequences as images of height 1, with the window and its steps."""
    check_images(name, x, 3, "(batch, length, channels)")
    kernel = (1, whole(name, "kernel_size", kernel_size))
    return np.expand_dims(x, 1), kernel, kernel if stride is None else (1, whole(name, "stride", stride))
