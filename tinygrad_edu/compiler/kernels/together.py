"""Steps whose work is less if they are done as one: what follows a product while its sums are in registers.

The merged steps are for writing a kernel only. They carry what was merged in their parameters: ``bias`` and ``relu`` of
a convolution, ``positive`` and ``total`` of a pool's gradient.
"""

from collections.abc import Callable, Collection, Sequence

import numpy as np

from tinygrad_edu.compiler.kernels.images import is_channel_sum
from tinygrad_edu.compiler.kernels.nest import is_number
from tinygrad_edu.compiler.program import Step, Var

Reader = Callable[[Var], Step | None]


def merged(steps: Sequence[Step], kept: Collection[Var]) -> list[Step]:
    """The same steps, with some as one, where what lies between is not `kept` and nobody else reads it."""
    readers: dict[Var, list[Step]] = {}
    for step in steps:
        for var in dict.fromkeys(step.operands):
            readers.setdefault(var, []).append(step)

    def only_reader(var: Var) -> Step | None:
        found = readers.get(var, [])
        return found[0] if len(found) == 1 and var not in kept else None

    made: dict[Step, Step] = {}  # the merged step in the place of that part whose result it has
    gone: set[Step] = set()
    for step in steps:
        parts: list[Step] = []
        if step.op.name == "conv2d" and step.params["geometry"].dilation[1] == 1:
            one, parts = _with_bias_and_relu(step, only_reader)
        elif step.op.name == "max_pool2d_spread":
            one, parts = _where_positive(step, only_reader, readers, kept)
        if parts:
            gone.update((step, *parts))
            made[next(part for part in parts if part.out is one.out)] = one
    return [made.get(step, step) for step in steps if step in made or step not in gone]


def _with_bias_and_relu(step: Step, only_reader: Reader) -> tuple[Step, list[Step]]:
    out, operands, parts = step.out, step.operands, []
    found = only_reader(out)
    if found is not None and found.op.name == "add":
        others = [var for var in found.operands if var is not out]
        if len(others) == 1 and others[0].shape == out.shape[3:] and others[0].dtype == out.dtype and out.shape[3] > 1:
            operands, out = (*operands, others[0]), found.out
            parts.append(found)
            found = only_reader(out)
    relu = found is not None and found.op.name == "maximum" and is_zero(found.operands[1])
    if found is not None and relu:
        out = found.out
        parts.append(found)
    return Step(step.op, operands, {**step.params, "relu": relu}, out), parts


def _where_positive(
    step: Step, only_reader: Reader, readers: dict[Var, list[Step]], kept: Collection[Var]
) -> tuple[Step, list[Step]]:
    x = step.operands[2]
    product = only_reader(step.out)
    if product is None or product.op.name != "multiply":
        return step, []
    masks = [s for s in readers[x] if s.op.name == "greater" and s.out in product.operands and is_zero(s.operands[1])]
    if len(masks) != 1 or masks[0].operands[0] is not x or only_reader(masks[0].out) is not product:
        return step, []
    sums = [s for s in readers.get(product.out, ()) if is_channel_sum(s)]
    params = {**step.params, "positive": True, "total": sums[0].out if sums else None}
    return Step(step.op, step.operands, params, product.out), [masks[0], product, *sums[:1]]


def is_zero(var: Var) -> bool:
    """Whether a variable is known to be nothing but zeros."""
    return is_number(var) and not np.any(var.data)
