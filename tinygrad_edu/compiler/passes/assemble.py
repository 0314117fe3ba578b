"""The gradient of an array that was read part by part is put together part by part.

Each part's gradient comes as zeros of the whole with the part at its place, and they are added up: for the steps of
a recurrent network that is quadratic. One operation writes all parts into one array instead.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.emit import ASSEMBLE, is_basic
from tinygrad_edu.compiler.passes.rewriting import Rewrite, rewrite
from tinygrad_edu.compiler.program import Program, Step, Var


def assemble_parts(program: Program) -> Program:
    """The program with sums of scattered parts replaced by one operation."""
    uses = {var: len(steps) for var, steps in program.consumers().items()}
    kept = set(program.outputs)
    parts: dict[Var, tuple[tuple[Var, ...], tuple[Any, ...]]] = {}

    def rule(step: Step) -> Rewrite:
        if step.op.name == "scatter" and is_basic(step.params["index"]):
            parts[step.out] = (step.operands, (step.params["index"],))
        if step.op.name != "add" or any(var not in parts for var in step.operands):
            return None
        x, y = step.operands
        alone = all(uses.get(var) == 1 and var not in kept for var in (x, y))
        if not alone or (x.shape, x.dtype) != (y.shape, y.dtype):
            return None
        (some, at), (others, there) = parts[x], parts[y]
        parts[step.out] = ((*some, *others), (*at, *there))
        return [_assembled(step.out, *parts[step.out])]

    return rewrite(program, rule)


def _assembled(out: Var, operands: tuple[Var, ...], places: tuple[Any, ...]) -> Step:
    return Step(ASSEMBLE, operands, {"places": places, "shape": out.shape, "cover": None}, out)


def settle_covers(program: Program) -> Program:
    """Find out which arrays are covered by their parts, each entry once: those need no zeros and no adding."""

    def rule(step: Step) -> Rewrite:
        if step.op is not ASSEMBLE:
            return None
        params = {**step.params, "cover": _covers(step.params["places"], step.out.shape)}
        return [Step(step.op, step.operands, params, step.out)]

    return rewrite(program, rule)


def _covers(places: Sequence[Any], shape: tuple[int, ...]) -> str:
    """How parts cover the whole, "all": each entry once; "some": none twice; "again": some twice."""
    count = np.zeros(shape, np.uint8)
    for place in places:
        count[place] += count[place] < 2
    return "again" if np.any(count > 1) else "all" if np.all(count) else "some"
