"""The pass that lifts: units, groups, patterns, and a program of arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinygrad_edu.compiler.lift.emit import Emitter
from tinygrad_edu.compiler.lift.groups import Group, Grouping, consumers, group, packing
from tinygrad_edu.compiler.lift.pattern import factor
from tinygrad_edu.compiler.lift.units import FEWEST, Unit, is_scalar_step, units
from tinygrad_edu.compiler.program import Program, Var

SHARE = 4  # scalar steps for each step that takes their place, at least


@dataclass(eq=False, slots=True)
class Lifted:
    """A scalar program turned into one of arrays.

    Attributes
    ----------
    program : Program
        Its first input is the array of the packed scalars; the others are those of the scalar program
        that were arrays already, in their order.
    packed : list of Var
        The scalar inputs of the original program, in the order in which they are packed.
    groups : list of Group
        What became of the scalars: each group is now an array.
    """

    program: Program
    packed: list[Var]
    groups: list[Group]


def lift(program: Program) -> Lifted | None:
    """Turn the scalar operations of a program into array operations; None where that does not pay.

    Sums keep their order, so results of additions, products and other exactly rounded operations are
    equal to the last bit; NumPy's exp or tanh may differ from the scalar ones in the last place.

    Parameters
    ----------
    program : Program
        Any program; steps that are not scalar stay.

    Returns
    -------
    Lifted or None
        None if there are few scalar steps, or if they are not alike (one long recurrence, say).

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu.compiler.program import Step
    >>> from tinygrad_edu.ops.elementwise import multiply
    >>> xs = [Var("input", (), None, float(i)) for i in range(100)]
    >>> steps = [Step(multiply, (x, x), {}, Var("result", (), None)) for x in xs]
    >>> lifted = lift(Program(xs, steps, [steps[7].out]))
    >>> [step.op.name for step in lifted.program.steps]
    ['multiply', 'strided']
    >>> float(lifted.program.run([np.arange(100.0)])[0])
    49.0
    """
    scalar = sum(map(is_scalar_step, program.steps))
    if scalar < FEWEST:
        return None
    items = units(program)
    grouping = group(program, items, {})
    if len(grouping.groups) * SHARE > scalar:
        return None
    order = packing(grouping)
    grouping = group(program, items, {}, order)
    irregular = _irregular(grouping)
    if irregular:
        grouping = group(program, items, _colours(grouping, irregular), order)
    if len(grouping.groups) * SHARE > scalar:
        return None
    emitted = Emitter(program, grouping).run()
    kept = sum(not isinstance(item, Unit) for item in items)
    if (len(emitted.steps) - kept) * SHARE > scalar:
        return None
    return Lifted(emitted, grouping.inputs.members, grouping.groups)


def _irregular(grouping: Grouping) -> set[Group]:
    """Groups whose members read their operands in no regular pattern."""
    found = set()
    for one in grouping.groups:
        columns = [run.positions[:, 0] for run in one.runs if run.source is not grouping.constants]
        if columns and factor(columns, len(one.members)) is None:
            found.add(one)
    return found


def _colours(grouping: Grouping, irregular: set[Group]) -> Mapping[Var, Any]:
    """Members of irregular groups, coloured by who reads them: perhaps each kind by itself is regular."""
    readers = consumers(grouping)
    return {var: frozenset(readers.get(var, ())) for one in irregular for var in one.members}
