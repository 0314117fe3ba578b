"""Several results from one computation: packed into one node, and taken out by linear operations.

A factorisation is computed once and recorded as one node, whose last axis holds all of its results
one after the other; `split` takes them out, and `pack` is its inverse. Gradients of the results add
up in the packed node, so a rule sees all of them at once.
"""

import math
import warnings
from typing import Any

import numpy as np

from tinygrad_edu.kinds import Elementwise, Linear, elementwise, linear
from tinygrad_edu.op import case


def _part(x: Any, start: int, shape: tuple[int, ...]) -> Any:
    return np.reshape(x[..., start : start + math.prod(shape)], np.shape(x)[:-1] + shape)


def _place(x: Any, start: int, shape: tuple[int, ...], total: int) -> Any:
    lead = np.shape(x)[: np.ndim(x) - len(shape)]
    out = np.zeros((*lead, total), dtype=np.result_type(x))
    out[..., start : start + math.prod(shape)] = np.reshape(x, (*lead, math.prod(shape)))
    return out


part = linear(
    "part", _part,
    adjoint=lambda g, x, start, shape: place(g, start=start, shape=shape, total=np.shape(x)[-1]),
    symbol="part", reads="1",
    cases=(case((2, 7), start=1, shape=(2, 3)), case((4,), start=3, shape=()), case((2, 3), start=0, shape=(2,))),
    doc="""Some entries of the last axis, in a shape of their own: one result of several.""",
)  # fmt: skip

place: Linear = linear(
    "place", _place,
    adjoint=lambda g, x, start, shape, total: part(g, start=start, shape=shape),
    reads="1",
    cases=(case((2, 2, 3), start=1, shape=(2, 3), total=7), case((), start=3, shape=(), total=4)),
    doc="""Zeros, with the operand at its place on the last axis: the adjoint of `part`.""",
)  # fmt: skip


def split(packed: Any, *shapes: tuple[int, ...]) -> list[Any]:
    """The results in a packed array (or Value), each in its own shape."""
    starts = np.cumsum([0, *(math.prod(shape) for shape in shapes)])
    return [part(packed, start=int(start), shape=shape) for start, shape in zip(starts, shapes, strict=False)]


def pack(*pieces: tuple[Any, int]) -> Any:
    """Results packed on one last axis; each comes with its number of own axes (the others are the stack's)."""
    flat = []
    for x, axes in pieces:
        shape = np.shape(x)
        lead = len(shape) - axes
        flat.append(np.reshape(x, (*shape[:lead], math.prod(shape[lead:]))))
    return np.concatenate(flat, axis=-1)


def _exists(x: Any, missing: Any, message: str) -> Any:
    if not np.any(missing):
        return np.positive(x)
    if message:
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    return np.where(missing, np.asarray(np.nan, dtype=np.result_type(x)), x)


exists: Elementwise = elementwise(
    "exists", _exists,
    along=(lambda t, out, x, missing, message: exists(t, missing, message=message), None),
    reads=("1", "0"), cases=(case((2, 3), (2, 3), message=""),),
    sample=lambda rng, drawn: [rng.uniform(-1.0, 1.0, drawn.shapes[0]), np.zeros(drawn.shapes[1], dtype=bool)],
    doc="""x, and nan with a warning where it is a derivative that does not exist.""",
)  # fmt: skip
