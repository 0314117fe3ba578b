"""What passes have in common: new programs from old steps, with some variables replaced by others."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.compiler.program import Program, Step, Var
from tinygrad_edu.op import Operation

# What a rule gives for a step: a variable to take its place, steps (the last one makes its result), or None to keep it.
Rewrite = Var | list[Step] | None


def rewrite(program: Program, rule: Callable[[Step], Rewrite]) -> Program:
    """Go through the steps in order, each with the operands that earlier rewrites left, and apply a rule."""
    instead: dict[Var, Var] = {}
    steps: list[Step] = []
    for step in program.steps:
        operands = tuple([instead.get(var, var) for var in step.operands])
        if operands != step.operands:
            step = Step(step.op, operands, step.params, step.out)
        found = rule(step)
        if found is None:
            steps.append(step)
        elif isinstance(found, Var):
            instead[step.out] = found
        else:
            steps += found
            if found[-1].out is not step.out:
                instead[step.out] = found[-1].out
    return Program(program.inputs, steps, [instead.get(var, var) for var in program.outputs])


def is_pure(step: Step) -> bool:
    """Whether a step gives the same for the same operands, and does nothing else."""
    return "rng" not in step.params and step.op.name != "check"


def constant(data: Any) -> Var:
    """A variable that is always this."""
    dtype = None if data.__class__ in (float, int) else np.result_type(data)
    return Var("constant", np.shape(data), dtype, data)


def result(op: Operation, operands: tuple[Var, ...], like: Var) -> Step:
    """A new step whose result has the shape and type of `like`."""
    out = Var("result", like.shape, like.dtype, None, like.name, like.scope, like.line)
    return Step(op, operands, dict(op.defaults), out)
