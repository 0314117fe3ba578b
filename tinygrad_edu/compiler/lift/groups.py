"""Groups of isomorphic scalar units: the same operation on entries of the same arrays.

Every scalar of a program is an entry of some array: of the packed inputs, of the constants, of an
array that the program has anyway, or of the results of a group. Two units are isomorphic if their
operation and the arrays that their operands belong to are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.compiler.lift.units import Unit, is_scalar
from tinygrad_edu.compiler.program import Program, Step, Var
from tinygrad_edu.compiler.traced import AS_FLOAT
from tinygrad_edu.op import Operation


@dataclass(eq=False, slots=True)
class Run:
    """What one operand (or several terms in a row) of each member reads: entries of one array."""

    source: "Source"
    count: int = 1
    rows: list[tuple[int, ...]] = field(default_factory=list)  # per member, `count` positions

    @property
    def positions(self) -> Any:
        """Integer array of shape (members, count)."""
        return np.array(self.rows, dtype=np.intp).reshape(-1, self.count)


@dataclass(eq=False, slots=True)
class Group:
    """Isomorphic units, in the order in which they were made; with `op` None, sums of `runs` in order."""

    op: Operation | None
    params: dict[str, Any]
    runs: list[Run]
    level: int
    members: list[Var] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Pool:
    """Scalars that are nobody's results: the inputs, or the constants."""

    members: list[Var] = field(default_factory=list)


Source = Group | Pool | Var


class Place(NamedTuple):
    """Where a scalar stands: in which array, and at which entry of it (in C order)."""

    source: Source
    position: int


@dataclass(slots=True)
class Grouping:
    """The groups of a program, the steps that stay as they are, and the place of every scalar."""

    inputs: Pool
    constants: Pool
    groups: list[Group]
    steps: list[Step]
    places: dict[Var, Place]
    levels: dict[Var, int]

    def level(self, source: Source) -> int:
        """How many groups and steps are one behind the other before this array is there."""
        if isinstance(source, Group):
            return source.level
        return self.levels.get(source, 0) if isinstance(source, Var) else 0


def group(
    program: Program, items: Sequence[Unit | Step], colours: Mapping[Var, Any], packing: Sequence[Var] | None = None
) -> Grouping:
    """Sort the scalar units of a program into groups.

    Parameters
    ----------
    program : Program
    items : sequence of units and steps
        As `units` gives them.
    colours : mapping of result to anything hashable
        Isomorphic units of different colours are kept apart.
    packing : sequence of Var
        The scalar inputs in the order in which they are packed; as the program has them, if not given.
    """
    found = Grouping(Pool(), Pool(), [], [], {}, {})
    for var in scalar_inputs(program) if packing is None else packing:
        found.places[var] = Place(found.inputs, len(found.inputs.members))
        found.inputs.members.append(var)
    table: dict[Any, Group] = {}
    rows: dict[Var, Place] = {}  # arrays that are parts of others, from an entry on
    for item in items:
        if isinstance(item, Step):
            found.steps.append(item)
            found.levels[item.out] = 1 + max((_level(found, var) for var in item.operands), default=0)
            _note_entry(found, rows, item)
            continue
        places = [_place(found, var) for var in item.operands]
        if item.op is None:
            parts = [list(part) for _, part in groupby(places, key=lambda place: place.source)]
            key: Any = ("sum", tuple([(part[0].source, len(part)) for part in parts]), colours.get(item.out))
        else:
            parts = [[place] for place in places]
            same = tuple([item.operands.index(var) for var in item.operands])
            sources = tuple([place.source for place in places])
            key = (item.op, repr(item.params), sources, same, colours.get(item.out))
        home = table.get(key)
        if home is None:
            level = 1 + max((found.level(place.source) for place in places), default=0)
            runs = [Run(part[0].source, len(part)) for part in parts]
            home = table[key] = Group(item.op, item.params, runs, level)
            found.groups.append(home)
        for run, part in zip(home.runs, parts, strict=True):
            run.rows.append(tuple([place.position for place in part]))
        found.places[item.out] = Place(home, len(home.members))
        home.members.append(item.out)
    return found


def scalar_inputs(program: Program) -> list[Var]:
    """The inputs that are Python floats."""
    return [var for var in program.inputs if is_scalar(var) and var.dtype is None]


def packing(found: Grouping) -> list[Var]:
    """The scalar inputs, sorted by who reads them and in which order: weights together, row by row."""
    readers: dict[int, list[tuple[int, int]]] = {i: [] for i in range(len(found.inputs.members))}
    first: dict[int, int] = {}
    for number, reader in enumerate(found.groups):
        for i, run in enumerate(reader.runs):
            if run.source is found.inputs:
                entries, when = np.unique(run.positions, return_index=True)
                for entry, time in zip(entries.tolist(), when.tolist(), strict=True):
                    readers[entry].append((number, i))
                    first.setdefault(entry, time)
    order = sorted(readers, key=lambda entry: (readers[entry], first.get(entry, 0)))
    return [found.inputs.members[entry] for entry in order]


def _place(found: Grouping, var: Var) -> Place:
    place = found.places.get(var)
    if place is None:
        if var.role == "constant":
            place = Place(found.constants, len(found.constants.members))
            found.constants.members.append(var)
        else:  # a scalar that an array operation made, or an input in NumPy's own float
            place = Place(var, 0)
        found.places[var] = place
    return place


def _level(found: Grouping, var: Var) -> int:
    if var in found.levels:  # a step that stays makes it
        return found.levels[var]
    place = found.places.get(var)
    return 0 if place is None else found.level(place.source)


def _note_entry(found: Grouping, rows: dict[Var, Place], step: Step) -> None:
    """If a step only reads a part of an array by leading integers, write down where that part begins."""
    if step.op is AS_FLOAT and step.operands[0] in found.places:  # the same number, as Python's own
        found.places[step.out] = found.places[step.operands[0]]
    if step.op.name != "getitem":
        return
    index = step.params["index"]
    index = index if isinstance(index, tuple) else (index,)
    array = step.operands[0]
    if not all(isinstance(i, (int, np.integer)) and not isinstance(i, bool) for i in index):
        return
    base, start = rows.get(array, Place(array, 0))
    width = int(np.prod(array.shape, dtype=np.intp))
    for i, size in zip(index, array.shape, strict=False):
        width //= size
        start += int(i % size) * width
    if is_scalar(step.out):
        found.places[step.out] = Place(base, start)
    else:
        rows[step.out] = Place(base, start)


def consumers(found: Grouping) -> dict[Var, set[tuple[Group, int]]]:
    """For each result of a group, the groups that read it, and in which of their runs."""
    by: dict[Var, set[tuple[Group, int]]] = {}
    for reader in found.groups:
        for i, run in enumerate(reader.runs):
            if isinstance(run.source, Group):
                for position in np.unique(run.positions):
                    by.setdefault(run.source.members[position], set()).add((reader, i))
    return by
