"""Activations of neurons, and the softmax family; stable for arguments of any size."""

import math
from typing import Any

import numpy as np

from tinygrad_edu.kinds import elementwise, general
from tinygrad_edu.op import Interval, case
from tinygrad_edu.ops.choice import clip
from tinygrad_edu.ops.elementwise import absolute, exp, minimum
from tinygrad_edu.ops.reduction import AXES, restore
from tinygrad_edu.ops.trigonometric import tanh

__all__ = [
    "elu", "hard_sigmoid", "hard_tanh", "leaky_relu", "log_sigmoid", "log_softmax", "logsumexp", "mish", "relu", "selu",
    "sigmoid", "silu", "softmax", "softplus", "softsign",
]  # fmt: skip

relu = elementwise(
    "relu", lambda x: np.maximum(x, 0), scalar=lambda x: 0.0 if x <= 0.0 else x,
    along=(lambda t, out, x: t * (out > 0),),
    symbol="relu", reads="1 if x > 0, else 0",
    doc="""The rectifier max(x, 0). Its derivative at 0 is 0 by convention.""",
)  # fmt: skip


def _sigmoid(x: Any) -> Any:
    # e^-|x| never overflows: 1 / (1 + e) on the right, e / (1 + e) on the left. (np.where takes three times as long.)
    small = np.exp(-np.abs(x))
    return np.maximum(small, x >= 0) / (1 + small)


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


def _softplus_scalar(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


softplus = elementwise(
    "softplus", lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), scalar=_softplus_scalar,
    along=(lambda t, out, x: t * sigmoid(x),),
    reads="s(x), the sigmoid",
    doc="""log(1 + e^x), a smooth relu; stable for arguments of any size.""",
)  # fmt: skip

silu = elementwise(
    "silu", lambda x: x * _sigmoid(x), scalar=lambda x: x * _sigmoid_scalar(x),
    along=(lambda t, out, x: t * (sigmoid(x) + out * sigmoid(-x)),),
    reads="s(x) (1 + x (1 - s(x)))",
    doc="""The product of x and its sigmoid, also called swish.""",
)  # fmt: skip

mish = elementwise(
    "mish", lambda x: x * np.tanh(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))),
    scalar=lambda x: x * math.tanh(_softplus_scalar(x)),
    along=(lambda t, out, x: t * _mish_slope(x, tanh(softplus(x))),),
    reads="u + x (1 - u^2) s(x), with u = tanh(softplus(x))",
    doc="""The product of x and the tanh of softplus(x) (Misra, 2019).""",
)  # fmt: skip


def _mish_slope(x: Any, u: Any) -> Any:
    return u + x * (1.0 - u * u) * sigmoid(x)


leaky_relu = elementwise(
    "leaky_relu", lambda x, negative_slope=0.01: np.where(x > 0, x, x * negative_slope)[()],
    along=(lambda t, out, x, negative_slope: t * ((x > 0) + negative_slope * (x <= 0)),),
    reads="1 if x > 0, else the negative slope", cases=(case(()), case((3,)), case((2, 3), negative_slope=0.2)),
    doc="""x where it is positive, a small multiple of it elsewhere. Its derivative at 0 is the negative slope.""",
)  # fmt: skip

elu = elementwise(
    "elu", lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))[()],
    along=(lambda t, out, x, alpha: t * ((x > 0) + (x <= 0) * (alpha * exp(minimum(x, 0.0)))),),
    reads="1 if x > 0, else alpha e^x", cases=(case(()), case((3,)), case((2, 3), alpha=0.5)),
    doc="""x where it is positive, alpha (e^x - 1) elsewhere (Clevert and others, 2015).""",
)  # fmt: skip

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def selu(x: Any) -> Any:
    """The scaled elu that keeps mean 0 and variance 1 from layer to layer (Klambauer and others, 2017).

    Examples
    --------
    >>> selu(np.array([0.0, 1.0])).round(4)
    array([0.    , 1.0507])
    """
    return SELU_SCALE * elu(x, alpha=SELU_ALPHA)


softsign = elementwise(
    "softsign", lambda x: x / (1.0 + np.abs(x)), scalar=lambda x: x / (1.0 + abs(x)),
    along=(lambda t, out, x: t / (1.0 + absolute(x)) ** 2,),
    reads="1 / (1 + |x|)^2",
    doc="""x / (1 + |x|).""",
)  # fmt: skip


def hard_tanh(x: Any) -> Any:
    """`x` limited to [-1, 1]. At the edges the gradient passes, as for `clip`.

    Examples
    --------
    >>> hard_tanh(np.array([-3.0, 0.5]))
    array([-1. ,  0.5])
    """
    return clip(x, -1.0, 1.0)


def hard_sigmoid(x: Any) -> Any:
    """X / 6 + 1/2, limited to [0, 1]. At the edges the gradient passes, as for `clip`.

    Examples
    --------
    >>> hard_sigmoid(np.array([-4.0, 0.0, 3.0]))
    array([0. , 0.5, 1. ])
    """
    return clip(x / 6.0 + 0.5, 0.0, 1.0)


def log_sigmoid(x: Any) -> Any:
    """The logarithm of the sigmoid; stable where the sigmoid underflows.

    Examples
    --------
    >>> float(log_sigmoid(-1000.0))
    -1000.0
    """
    return -softplus(-x)


def _softmax(x: Any, axis: Any = -1) -> Any:
    e = np.exp(x - _peak(x, axis))
    return e / np.add.reduce(e, axis=axis, keepdims=True)


def _log_softmax(x: Any, axis: Any = -1) -> Any:
    shifted = x - _peak(x, axis)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis=axis, keepdims=True))


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    peak = _peak(x, axis)
    total = np.log(np.sum(np.exp(x - peak), axis=axis, keepdims=True)) + peak
    return total if keepdims else np.squeeze(total, axis=_axes(total, axis))[()]


def _peak(x: Any, axis: Any) -> Any:
    """The largest entry, as what to subtract; 0 where it is infinite, so that inf - inf never happens."""
    lowest = -np.inf if np.result_type(x).kind == "f" else None  # of whole numbers there is none
    peak = np.maximum.reduce(x, axis=axis, keepdims=True, initial=lowest)
    return np.where(np.isfinite(peak), peak, 0)


def _axes(x: Any, axis: Any) -> Any:
    return tuple(range(np.ndim(x))) if axis is None else axis


SOFTMAX_CASES = (case((4,)), case((2, 3)), case((2, 3), axis=0), case((2, 3, 2), axis=1), case((0, 3)))

softmax = general(
    "softmax", _softmax,
    pull=(lambda g, out, x, axis: out * (g - (g * out).sum(axis=axis, keepdims=True)),),
    push=(lambda t, out, x, axis: out * (t - np.sum(t * out, axis=axis, keepdims=True)),),
    reads="s_i (1[i=j] - s_j)", cases=SOFTMAX_CASES,
    doc="""Softmax e^x / sum e^x along an axis (the last, if not told otherwise); stable.""",
)  # fmt: skip

log_softmax = general(
    "log_softmax", _log_softmax,
    pull=(lambda g, out, x, axis: g - np.exp(out) * g.sum(axis=axis, keepdims=True),),
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
