"""Which operations have a kernel of their own.

`MAKERS` says for an operation how its kernel is written for the shapes, types and parameters of a step. What has no
maker, and steps that a maker declines (None), run as their operations.
"""

from collections.abc import Callable, Sequence

from tinygrad_edu.compiler.kernels import attention, convolution, pooling
from tinygrad_edu.compiler.kernels.whole import Kernel, step_of
from tinygrad_edu.compiler.program import Step

MAKERS: dict[str, Callable[[Step], Kernel | None]] = {**attention.MAKERS, **convolution.MAKERS, **pooling.MAKERS}


def whole(steps: Sequence[Step]) -> list[Step]:
    """The same steps, with those that have a kernel as steps of it."""
    return [_whole(step) for step in steps]


def _whole(step: Step) -> Step:
    maker = MAKERS.get(step.op.name)
    variables = (*step.operands, step.out)
    if maker is None or any(var.dtype is None or var.size == 0 for var in variables):
        return step
    kernel = maker(step)
    return step if kernel is None else step_of(kernel, [step], step.operands, step.outs)
