"""Regular patterns in lists of positions: ``start + i stride_0 + j stride_1 + ...``."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Affine:
    """Positions over axes: where they start, and how far each axis steps."""

    start: int
    strides: tuple[int, ...]


def factor(columns: Sequence[Any], count: int) -> tuple[tuple[int, ...], list[Affine]] | None:
    """The fewest axes over which every column of positions is affine; None if there are none.

    Parameters
    ----------
    columns : sequence of integer arrays, each of shape (count,)
        For each operand the position of the entry that the i-th member reads.
    count : int

    Returns
    -------
    shape : tuple of int
        The sizes of the axes; their product is `count`.
    list of Affine
        One for each column.

    Examples
    --------
    >>> weights = np.array([0, 1, 3, 4, 0, 1, 3, 4])  # two neurons with two weights and a bias each,
    >>> inputs = np.array([9, 10, 9, 10, 11, 12, 11, 12])  # at two samples
    >>> shape, (w, x) = factor([weights, inputs], 8)
    >>> shape, w, x
    ((2, 2, 2), Affine(start=0, strides=(0, 3, 1)), Affine(start=9, strides=(2, 0, 1)))
    >>> factor([np.array([0, 1, 5, 2])], 4) is None
    True
    """
    starts = [np.asarray(column) for column in columns]
    axes: list[tuple[int, list[int]]] = []
    while count > 1:
        steps = [int(column[1] - column[0]) for column in starts]
        size = _run(starts, steps, count)
        if size == 1:
            return None
        axes.insert(0, (size, steps))
        starts = [column[::size] for column in starts]
        count //= size
    shape = tuple([size for size, _ in axes])
    return shape, [
        Affine(int(column[0]) if len(column) else 0, tuple([steps[i] for _, steps in axes]))
        for i, column in enumerate(starts)
    ]


def _run(columns: list[Any], steps: list[int], count: int) -> int:
    """The longest block size such that all columns run in equal steps within every block."""
    longest = count
    for column, step in zip(columns, steps, strict=True):
        breaks = np.flatnonzero(np.diff(column[:longest]) != step)
        if breaks.size:
            longest = int(breaks[0]) + 1
    for size in range(longest, 1, -1):
        if count % size == 0 and all(
            bool((np.diff(column.reshape(-1, size), axis=1) == step).all())
            for column, step in zip(columns, steps, strict=True)
        ):
            return size
    return 1


def positions(shape: tuple[int, ...], affine: Affine) -> Any:
    """The positions themselves, an integer array of that shape.

    Examples
    --------
    >>> positions((2, 3), Affine(4, (10, 1)))
    array([[ 4,  5,  6],
           [14, 15, 16]])
    """
    found = np.full(shape, affine.start, np.intp)
    for axis, (size, stride) in enumerate(zip(shape, affine.strides, strict=True)):
        found += stride * np.arange(size).reshape((size,) + (1,) * (len(shape) - axis - 1))
    return found


def reads_each_once(shape: tuple[int, ...], affine: Affine) -> bool:
    """Whether no position comes twice."""
    if not any(size > 1 and stride == 0 for size, stride in zip(shape, affine.strides, strict=True)):
        found = positions(shape, affine)
        return int(np.unique(found).size) == math.prod(shape)
    return False
