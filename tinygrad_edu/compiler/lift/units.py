"""The scalar part of a program as units: single operations, and left-to-right sums of many terms."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.compiler.program import Program, Step, Var
from tinygrad_edu.kinds import Elementwise
from tinygrad_edu.op import Node, Operation
from tinygrad_edu.ops.elementwise import add


@dataclass(eq=False, slots=True)
class Unit:
    """One scalar operation, or (with `op` None) the sum of its operands from first to last."""

    op: Operation | None
    operands: tuple[Var, ...]
    params: dict[str, Any]
    out: Var


def is_scalar(var: Var) -> bool:
    """Whether a variable is a Python float, or NumPy's of the same precision."""
    return var.shape == () and (var.dtype is None or var.dtype == np.float64)


def is_scalar_step(step: Step) -> bool:
    """Whether a step takes and makes scalars only, by an operation that works entry by entry."""
    return isinstance(step.op, Elementwise) and is_scalar(step.out) and all(map(is_scalar, step.operands))


FEWEST = 64  # scalar steps; below, lifting gains nothing


def many_scalars(nodes: Iterable[Node]) -> bool:
    """Whether so many nodes are single numbers that lifting them may pay."""
    count = 0
    for node in nodes:
        count += node._a is not None and node.data.__class__ is float
        if count >= FEWEST:
            return True
    return False


def units(program: Program) -> list[Unit | Step]:
    """The steps of a program, in order: scalar ones as units, chains of additions as one; others as they are.

    A chain is collapsed where nothing else reads the sums in between. Only left operands are followed,
    so the order of additions stays.
    """
    reads: dict[Var, int] = {}
    for step in program.steps:
        for var in step.operands:
            reads[var] = reads.get(var, 0) + 1
    for var in program.outputs:
        reads[var] = reads.get(var, 0) + 2
    chains: dict[Var, list[Var]] = {}  # an unfinished sum, with its terms
    found: list[Unit | Step] = []
    place: dict[Var, int] = {}
    for step in program.steps:
        if not is_scalar_step(step):
            found.append(step)
            continue
        operands = step.operands
        if step.op is add:
            left, right = operands
            if left in chains and reads[left] == 1:
                terms = chains.pop(left)
                found[place.pop(left)] = _GONE
                terms.append(right)
            else:
                terms = [left, right]
            chains[step.out] = terms
            place[step.out] = len(found)
            found.append(Unit(add, operands, step.params, step.out))
        else:
            found.append(Unit(step.op, operands, step.params, step.out))
    for out, terms in chains.items():
        if len(terms) > 2:
            found[place[out]] = Unit(None, tuple(terms), {}, out)
    return [unit for unit in found if unit is not _GONE]


_GONE = Unit(None, (), {}, Var("constant", (), None))
