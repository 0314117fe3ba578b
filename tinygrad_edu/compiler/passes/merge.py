"""Common sub-expressions: the same operation on the same operands is done once."""

from typing import Any

import numpy as np

from tinygrad_edu.compiler.passes.rewriting import Rewrite, is_pure, rewrite
from tinygrad_edu.compiler.program import Program, Step, Var

SMALL = 4096  # bytes: constants up to here are compared by their numbers


def merge_repeats(program: Program) -> Program:
    """The program with each repeated step replaced by the first of its kind."""
    seen: dict[Any, Var] = {}

    def rule(step: Step) -> Rewrite:
        if not is_pure(step):
            return None
        key = (step.op.name, id(step.op), tuple(map(_who, step.operands)), frozen(step.params))
        first = seen.setdefault(key, step.out)
        return None if first is step.out else first

    return rewrite(program, rule)


def _who(var: Var) -> Any:
    if var.role != "constant":
        return id(var)
    if var.dtype is None:
        return type(var.data), repr(var.data)
    if var.nbytes <= SMALL:
        return var.shape, var.dtype.str, np.asarray(var.data).tobytes()
    return id(var.data)


def frozen(thing: Any) -> Any:
    """Something hashable that is equal for equal parameters; what cannot be compared is told apart by who it is."""
    if isinstance(thing, dict):
        return tuple((key, frozen(value)) for key, value in thing.items())
    if isinstance(thing, (tuple, list)):
        return type(thing).__name__, tuple(map(frozen, thing))
    if isinstance(thing, slice):
        return "slice", thing.start, thing.stop, thing.step
    if isinstance(thing, np.ndarray):
        return thing.shape, thing.dtype.str, thing.tobytes()
    try:
        hash(thing)
    except TypeError:
        return id(thing)
    return type(thing).__name__, thing
