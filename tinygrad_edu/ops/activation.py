"""Activations of neurons, and the softmax family; stable for arguments of any size."""

import math
from typing import Any

import numpy as np

from tinygrad_edu.kinds import elementwise, general
from tinygrad_edu.op import Interval, case
from tinygrad_edu.ops.reduction import AXES, restore

relu = elementwise(
    "relu", lambda x: np.maximum(x, 0), scalar=lambda x: 0.0 if x <= 0.0 else x,
    along=(lambda t, out, x: t * (out > 0),),
    symbol="relu", reads="1 if x > 0, else 0",
    doc="""The rectifier max(x, 0). Its derivative at 0 is 0 by convention.""",
)  # fmt: skip


def _sigmoid(x: Any) -> Any:
    # e^-|x| never overflows: 1 / (1 + e) on the right, e / (1 + e) on the left.
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def _sigmoid_scalar(x: float) -> float:
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    small = math.exp(x)
    return small / (1.0 + small)


sigmoid = elementwise(
    "sigmoid", _sigmoid, scalar=_sigmoid_scalar,
    along=(lambda t, out, x: t * (out * (1.0 - out)),),
    symbol="σ", reads="s (1 - s)",
    doc="""The logistic function 1 / (1 + e^-x), stable for arguments of any size.""",
)  # fmt: skip


def _softmax(x: Any, axis: Any = -1) -> Any:
    e = np.exp(x - _peak(x, axis))
    return e / np.sum(e, axis=axis, keepdims=True)


def _log_softmax(x: Any, axis: Any = -1) -> Any:
    shifted = x - _peak(x, axis)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    peak = _peak(x, axis)
    total = np.log(np.sum(np.exp(x - peak), axis=axis, keepdims=True)) + peak
    return total if keepdims else np.squeeze(total, axis=_axes(total, axis))[()]


def _peak(x: Any, axis: Any) -> Any:
    """The largest entry, as what to subtract; 0 where it is infinite, so that inf - inf never happens."""
    peak = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    return np.where(np.isfinite(peak), peak, np.zeros_like(peak))


def _axes(x: Any, axis: Any) -> Any:
    return tuple(range(np.ndim(x))) if axis is None else axis


SOFTMAX_CASES = (case((4,)), case((2, 3)), case((2, 3), axis=0), case((2, 3, 2), axis=1), case((0, 3)))

softmax = general(
    "softmax", _softmax,
    pull=(lambda g, out, x, axis: out * (g - np.sum(g * out, axis=axis, keepdims=True)),),
    push=(lambda t, out, x, axis: out * (t - np.sum(t * out, axis=axis, keepdims=True)),),
    reads="s_i (1[i=j] - s_j)", cases=SOFTMAX_CASES,
    doc="""Softmax e^x / sum e^x along an axis (the last, if not told otherwise); stable.""",
)  # fmt: skip

log_softmax = general(
    "log_softmax", _log_softmax,
    pull=(lambda g, out, x, axis: g - np.exp(out) * np.sum(g, axis=axis, keepdims=True),),
    push=(lambda t, out, x, axis: t - np.sum(np.exp(out) * t, axis=axis, keepdims=True),),
    reads="1[i=j] - s_j", cases=SOFTMAX_CASES,
    doc="""The logarithm of softmax along an axis; stable where softmax underflows.""",
)  # fmt: skip

logsumexp = general(
    "logsumexp", _logsumexp,
    pull=(
        lambda g, out, x, axis, keepdims: restore(g, x, axis, keepdims)
        * np.exp(x - restore(out, x, axis, keepdims)),
    ),
    push=(
        lambda t, out, x, axis, keepdims: np.sum(
            t * np.exp(x - restore(out, x, axis, keepdims)), axis=axis, keepdims=keepdims
        ),
    ),
    reads="softmax(x)", cases=AXES, domain=Interval(),
    doc="""log(sum(exp(x))) over an axis, several, or all; stable.""",
)  # fmt: skip
