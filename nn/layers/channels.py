"""Images and weights between channel-last, which is used here, and channel-first, which PyTorch uses."""

from typing import Any

import numpy as np

from tinygrad_edu.errors import ShapeError


def to_channel_last(x: Any) -> Any:
    """(batch, channels, ...) as (batch, ..., channels): images and sequences from PyTorch for our layers.

    Parameters
    ----------
    x : Value or array with three axes or more

    Returns
    -------
    Value or array

    Raises
    ------
    ShapeError
        If there are fewer axes.

    Examples
    --------
    >>> to_channel_last(np.zeros((8, 3, 32, 30))).shape
    (8, 32, 30, 3)
    """
    return np.moveaxis(_with_axes("to_channel_last", x, 3), 1, -1)


def to_channel_first(x: Any) -> Any:
    """(batch, ..., channels) as (batch, channels, ...), for PyTorch.

    Examples
    --------
    >>> to_channel_first(np.zeros((8, 32, 30, 3))).shape
    (8, 3, 32, 30)
    """
    return np.moveaxis(_with_axes("to_channel_first", x, 3), -1, 1)


def weight_to_channel_last(weight: Any, transposed: bool = False) -> Any:
    """A convolution's weight from PyTorch, (out, in, *kernel), as ours: (*kernel, in, out).

    Parameters
    ----------
    weight : array
    transposed : bool
        Whether it is that of a transposed convolution, which PyTorch keeps as (in, out, *kernel).

    Returns
    -------
    array, for `load_state_dict` of Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d

    Raises
    ------
    ShapeError
        If it has fewer than three axes.

    Examples
    --------
    >>> weight_to_channel_last(np.zeros((16, 3, 5, 5))).shape
    (5, 5, 3, 16)
    >>> weight_to_channel_last(np.zeros((3, 16, 5, 5)), transposed=True).shape
    (5, 5, 3, 16)
    """
    moved = (0, 1) if transposed else (1, 0)
    return np.moveaxis(_with_axes("weight_to_channel_last", weight, 3), moved, (-2, -1))


def weight_to_channel_first(weight: Any, transposed: bool = False) -> Any:
    """A convolution's weight as PyTorch keeps it: the way back of `weight_to_channel_last`.

    Examples
    --------
    >>> weight_to_channel_first(np.zeros((5, 5, 3, 16))).shape
    (16, 3, 5, 5)
    """
    moved = (0, 1) if transposed else (1, 0)
    return np.moveaxis(_with_axes("weight_to_channel_first", weight, 3), (-2, -1), moved)


def _with_axes(name: str, x: Any, least: int) -> Any:
    if np.ndim(x) < least:
        raise ShapeError(f"{name}: expected at least {least} axes, got shape {np.shape(x)}")
    return x
