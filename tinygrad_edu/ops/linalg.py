"""Products of matrices and tensors."""

import math
from typing import Any

import numpy as np

from tinygrad_edu.kinds import multilinear
from tinygrad_edu.op import case

__all__ = [
    "matmul",
]


def _forward(x: Any, y: Any) -> Any:
    if np.ndim(x) > 2 and np.ndim(y) == 2 and x.flags.c_contiguous:  # one large product, not a stack of small ones
        return np.matmul(_flat(x), y).reshape(*x.shape[:-1], y.shape[1])
    return np.matmul(x, y)


def _flat(x: Any) -> Any:
    """A stack of matrices as one: all rows below each other."""
    *stack, n = np.shape(x)
    return np.reshape(x, (math.prod(stack), n))


def _pull_left(g: Any, x: Any, y: Any) -> Any:
    if y.ndim == 1:  # a vector on the right: out[..., i] = sum over k of x[..., i, k] y[k]
        return g * y if x.ndim == 1 else np.expand_dims(g, -1) * y
    if x.ndim == 1:  # a vector on the left: out[..., j] = sum over k of x[k] y[..., k, j]
        return (y @ np.expand_dims(g, -1))[..., 0]
    if y.ndim == 2 and x.ndim > 2:
        return np.reshape(_flat(g) @ y.mT, np.shape(x))
    return g @ y.mT


def _pull_right(g: Any, x: Any, y: Any) -> Any:
    if x.ndim == 1:
        return g * x if y.ndim == 1 else np.expand_dims(x, -1) * np.expand_dims(g, -2)
    if y.ndim == 1:
        return (np.expand_dims(g, -2) @ x)[..., 0, :]
    if y.ndim == 2 and x.ndim > 2:
        return _flat(x).mT @ _flat(g)
    return x.mT @ g


def _hint(x: Any, y: Any) -> str:
    a, b = np.shape(x), np.shape(y)
    if not a or not b:
        return "matmul needs arrays of one axis or more; for numbers use *"
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] == inner:
        return "The stacks in front of the last two axes must broadcast"
    text = f"The last axis of the left ({a[-1]}) must equal the second-to-last of the right ({inner})"
    return text + ("; did you mean x @ y.T?" if len(b) > 1 and a[-1] == b[-1] else "")


matmul = multilinear(
    "matmul", _forward, pull=(_pull_left, _pull_right), numpy=(np.matmul,),
    symbol="@", reads=("g @ y.T", "x.T @ g"), hint=_hint,
    cases=(
        case((2, 3), (3, 4)),
        case((3,), (3,)),
        case((3,), (3, 2)),
        case((2, 3), (3,)),
        case((2, 2, 3), (3, 2)),
        case((2, 3), (2, 3, 2)),
        case((2, 1, 2, 3), (3, 3, 2)),
        case((3,), (2, 3, 2)),
        case((2, 2, 3), (3,)),
        case((0, 3), (3, 2)),
        case((2, 0), (0, 3)),
    ),
    doc="""Matrix product of two arrays.""",
)  # fmt: skip
