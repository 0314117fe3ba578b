"""Where no kernel does it: a function and its slope, wanted at the same place, computed in one go."""

from collections.abc import Sequence

from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.kinds import General
from tinygrad_edu.ops import gaussian

# Two results: gelu, and its slope.
GELU_AND_SLOPE = General(
    "gelu_and_slope", lambda x: (gaussian.gelu(x), gaussian.gelu_slope(x)), pull=(None,), push=(None,)
)


def paired(steps: Sequence[Step]) -> list[Step]:
    """The same steps, with gelu and its slope of the same large float32 array as one."""
    slopes: dict[Var, Step] = {step.operands[0]: step for step in steps if step.op.name == "gelu_slope"}
    both: dict[Step, Step] = {}  # what becomes of a gelu; its slope goes
    gone: set[Step] = set()
    for step in steps:
        slope = slopes.get(step.operands[0]) if step.op.name == "gelu" else None
        if slope is not None and slope not in gone and gaussian.is_large(step.out.size, step.out.dtype):
            both[step] = Step(GELU_AND_SLOPE, step.operands, {}, step.out, (slope.out,))
            gone.add(slope)
    return [both.get(step, step) for step in steps if step not in gone]
