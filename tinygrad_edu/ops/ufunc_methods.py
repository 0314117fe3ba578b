"""`reduce` and `accumulate` of ufuncs: ``np.add.reduce(v)`` is a sum along the first axis.

(`outer` needs no entry: it is the ufunc itself on operands of more axes.)
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.op import implements
from tinygrad_edu.ops import cumulative, reduction
from tinygrad_edu.ops.activation import logsumexp
from tinygrad_edu.ops.missing import nanmax, nanmin

REDUCE: dict[np.ufunc, Callable[..., Any]] = {
    np.add: reduction.sum,
    np.multiply: reduction.prod,
    np.maximum: reduction.max,
    np.minimum: reduction.min,
    np.fmax: nanmax,
    np.fmin: nanmin,
    np.logaddexp: logsumexp,
}
ACCUMULATE: dict[np.ufunc, Callable[..., Any]] = {
    np.add: cumulative.cumsum,
    np.multiply: cumulative.cumprod,
    np.maximum: cumulative.cummax,
    np.minimum: cumulative.cummin,
}


def _along_first_axis(ours: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a ufunc: as `ours`, along the first axis if none is told; only what is given is handed on."""

    def method(
        array: Any, axis: Any = 0, dtype: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
    ) -> Any:
        options = {"dtype": dtype, "initial": initial}
        given = {name: option for name, option in options.items() if option is not None}
        if keepdims:
            given["keepdims"] = True
        if where is not True:
            given["where"] = where
        return ours(array, axis=axis, **given)

    return method


for _ufunc, _ours in REDUCE.items():
    implements(_ufunc.reduce)(_along_first_axis(_ours))
for _ufunc, _ours in ACCUMULATE.items():
    implements(_ufunc.accumulate)(_along_first_axis(_ours))
