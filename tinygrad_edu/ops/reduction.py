"""Reductions: fewer numbers from many."""

from typing import Any

import numpy as np

from tinygrad_edu.kinds import general, linear
from tinygrad_edu.op import case

AXES = (
    case(()),
    case((3,)),
    case((2, 3)),
    case((2, 3), axis=0),
    case((2, 3), axis=-1, keepdims=True),
    case((2, 3, 2), axis=(0, 2)),
    case((2, 3, 2), axis=(-1, 0), keepdims=True),
    case((2, 3, 2), axis=()),
)
EMPTY = (case((0, 3)), case((0, 3), axis=0), case((3, 0), axis=0))


def restore(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """`g`, the result of reducing `x`, with the reduced axes back as axes of length 1."""
    if keepdims or np.ndim(x) == 0:
        return g
    if axis is None:
        return np.reshape(g, (1,) * np.ndim(x))
    return np.expand_dims(g, axis) if axis != () else g


def count(x: Any, axis: Any) -> int:
    """How many entries of `x` go into one entry of the reduction."""
    shape = np.shape(x)
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return int(np.prod([shape[i] for i in axes], dtype=np.int64))


def _sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.sum(x, axis=axis, keepdims=keepdims)


def _mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.mean(x, axis=axis, keepdims=keepdims)


sum = linear(
    "sum", _sum,
    adjoint=lambda g, x, axis, keepdims: np.broadcast_to(restore(g, x, axis, keepdims), np.shape(x)),
    symbol="Σ", reads="1", cases=AXES + EMPTY, numpy=[np.sum],
)  # fmt: skip

mean = linear(
    "mean", _mean,
    adjoint=lambda g, x, axis, keepdims: np.broadcast_to(
        restore(g / count(x, axis), x, axis, keepdims), np.shape(x)
    ),
    reads="1 / n", cases=AXES, numpy=[np.mean],
)  # fmt: skip


def _var(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    return np.var(x, axis=axis, ddof=ddof, keepdims=keepdims)


def _std(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    return np.std(x, axis=axis, ddof=ddof, keepdims=keepdims)


def _centred(x: Any, axis: Any) -> Any:
    return x - np.mean(x, axis=axis, keepdims=True)


SPREADS = (*AXES[1:7], case((4,), ddof=1), case((2, 3), axis=1, ddof=1, keepdims=True))

var = general(
    "var", _var,
    pull=(
        lambda g, out, x, axis, ddof, keepdims: restore(g, x, axis, keepdims)
        * (_centred(x, axis) * (2.0 / (count(x, axis) - ddof))),
    ),
    push=(
        lambda t, out, x, axis, ddof, keepdims: np.sum(
            t * (_centred(x, axis) * (2.0 / (count(x, axis) - ddof))), axis=axis, keepdims=keepdims
        ),
    ),
    reads="2 (x - mean) / (n - ddof)", cases=SPREADS, numpy=[np.var],
)  # fmt: skip

# Where all entries are equal the deviation is 0 and has no derivative; 0 is handed back, as for norm at 0.
std = general(
    "std", _std,
    pull=(
        lambda g, out, x, axis, ddof, keepdims: restore(g / (out + (out == 0)), x, axis, keepdims)
        * (_centred(x, axis) / (count(x, axis) - ddof)),
    ),
    push=(
        lambda t, out, x, axis, ddof, keepdims: np.sum(
            t * (_centred(x, axis) / (count(x, axis) - ddof)), axis=axis, keepdims=keepdims
        ) / (out + (out == 0)),
    ),
    reads="(x - mean) / ((n - ddof) std)", cases=SPREADS, numpy=[np.std],
)  # fmt: skip


def _max(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.max(x, axis=axis, keepdims=keepdims)


def _min(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.min(x, axis=axis, keepdims=keepdims)


def _share(out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """1 at the extreme entry, 1/k at each of k tied ones, else 0."""
    at = x == restore(out, x, axis, keepdims)
    return at / np.sum(at, axis=axis, keepdims=True)


def _pull_extreme(g: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return restore(g, x, axis, keepdims) * _share(out, x, axis, keepdims)


def _push_extreme(t: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return np.sum(t * _share(out, x, axis, keepdims), axis=axis, keepdims=keepdims)


max = general(
    "max", _max, pull=(_pull_extreme,), push=(_push_extreme,),
    reads="1 at the largest entry; ties share it evenly", cases=AXES, numpy=[np.max],
)  # fmt: skip

min = general(
    "min", _min, pull=(_pull_extreme,), push=(_push_extreme,),
    reads="1 at the smallest entry; ties share it evenly", cases=AXES, numpy=[np.min],
)  # fmt: skip
