"""Which operations have a kernel of their own.

`MAKERS` says for an operation how its kernel is written for the shapes, types and parameters of a step. What has no
maker, and steps that a maker declines (None), run as their operations. What goes image by image is in `groups`,
products of matrices are in `products`.
"""

from collections.abc import Callable, Collection, Sequence

from tinygrad_edu.compiler.kernels import attention, scatter
from tinygrad_edu.compiler.kernels.groups import grouped
from tinygrad_edu.compiler.kernels.products import multiplied
from tinygrad_edu.compiler.kernels.whole import Kernel, step_of
from tinygrad_edu.compiler.program import Step, Var

MAKERS: dict[str, Callable[[Step], Kernel | None]] = {**attention.MAKERS, **scatter.MAKERS}


def whole(steps: Sequence[Step], wanted: Collection[Var], around: Sequence[Step]) -> list[Step]:
    """The same steps, with those that have a kernel as steps of it; results that are `wanted` elsewhere stay.

    All steps of the program are `around` them.
    """
    return [_whole(step) for step in grouped(multiplied(steps, wanted, around), wanted)]


def _whole(step: Step) -> Step:
    maker = MAKERS.get(step.op.name)
    variables = (*step.operands, step.out)
    if maker is None or any(var.dtype is None or var.size == 0 for var in variables):
        return step
    kernel = maker(step)
    return step if kernel is None else step_of(kernel, [step], step.operands, step.outs)
