"""What is computed from constants alone is computed once, when the plan is made."""

import numpy as np

from tinygrad_edu.compiler.emit import view_of
from tinygrad_edu.compiler.passes.rewriting import Rewrite, constant, is_pure, rewrite
from tinygrad_edu.compiler.program import Program, Step

LARGE = 1 << 16  # bytes: a larger result is kept as a step, unless it is a view


def fold_constants(program: Program) -> Program:
    """The program with constants in the place of steps that have only constants as operands."""
    return rewrite(program, _fold)


def _fold(step: Step) -> Rewrite:
    if not step.operands or not is_pure(step) or any(var.role != "constant" for var in step.operands):
        return None
    look = view_of(step)
    if look is None and step.out.nbytes > LARGE:
        return None
    with np.errstate(all="ignore"):
        data = [var.data for var in step.operands]
        found = step.op.compute(*data, **step.params) if look is None else look(data[0])
    folded = constant(found)
    return folded if (folded.shape, folded.dtype) == (step.out.shape, step.out.dtype) else None
