"""The kernel of an embedding's gradient: rows added to the rows of a table that they came from, in their order."""

from collections.abc import Callable, Mapping

import numpy as np

from tinygrad_edu.compiler.kernels.whole import Kernel, module
from tinygrad_edu.compiler.program import Step
from tinygrad_edu.ops.indexing import At


def _rows(step: Step) -> Kernel | None:
    (g, at), index, out = step.operands, step.params["index"], step.out
    if not isinstance(index, At) or at.dtype is None or at.dtype.kind not in "iu" or not out.shape:
        return None
    if g.dtype != out.dtype or out.dtype not in (np.float32, np.float64):
        return None
    count, width = out.shape[0], out.size // out.shape[0]
    body = [
        "fill(o0, 0.0)",
        f"table = o0.reshape(-1, {width})",
        f"rows = x0.reshape(-1, {width})",
        f"places = x1[{index.row}].reshape(-1)",
        "for k in range(places.size):",
        "    i = int64(places[k])",
        f"    i = i + {count} if i < 0 else i",
        f"    if i < 0 or i >= {count}:",
        f'        raise IndexError("an index is out of bounds for axis 0 with size {count}")',
        f"    for c in range({width}):",
        "        table[i, c] += rows[k, c]",
    ]
    return Kernel(module(step.outs, step.operands, (), body))


MAKERS: Mapping[str, Callable[[Step], Kernel | None]] = {"scatter_at": _rows}
