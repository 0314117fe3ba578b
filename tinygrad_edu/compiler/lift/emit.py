"""From groups of scalars to a program of arrays, one or a few steps for each group."""

import math
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.compiler.lift.groups import Group, Grouping, Pool, Run, Source
from tinygrad_edu.compiler.lift.ops import gather, ordered_dot, ordered_sum, strided
from tinygrad_edu.compiler.lift.pattern import Affine, factor, reads_each_once
from tinygrad_edu.compiler.lift.units import is_scalar
from tinygrad_edu.compiler.program import Program, Step, Var
from tinygrad_edu.op import Operation, named
from tinygrad_edu.ops.elementwise import add, multiply

FLOAT = np.dtype(np.float64)
RESHAPE, BROADCAST, CONCATENATE = map(named, ("reshape", "broadcast_to", "concatenate"))
LETTERS = string.ascii_letters.replace("k", "")


@dataclass(frozen=True, slots=True)
class Part:
    """One operand over the axes of its group: regular positions, arbitrary ones, or plain numbers."""

    source: Source
    positions: Any  # over all axes
    affine: Affine | None

    def numbers(self) -> Any:
        """The numbers themselves, for constants."""
        assert isinstance(self.source, Pool)
        values = np.array([var.data for var in self.source.members], dtype=FLOAT)
        return values[self.positions]

    def still(self, axis: int) -> bool:
        """Whether the operand is the same all along an axis."""
        if self.affine is not None:
            return self.affine.strides[axis] == 0
        data = self.positions
        return bool((data == np.take(data, [0], axis=axis)).all())


@dataclass(frozen=True, slots=True)
class Columns:
    """What one operand, or several terms in a row, of each member reads: a `Run` as arrays are laid out."""

    source: Source
    positions: Any  # of shape (members, terms)

    @property
    def count(self) -> int:
        """How many terms."""
        return int(self.positions.shape[1])


class Emitter:
    """Writes the array program of a grouping.

    Arrays are laid out with their longest axis last, where loops over it are fastest: `layout` says where the members
    of a group are then.
    """

    def __init__(self, program: Program, grouping: Grouping) -> None:
        self.scalar = program
        self.grouping = grouping
        members = grouping.inputs.members
        self.packed = Var("input", (len(members),), FLOAT, _packed_data(grouping.inputs), count_text(len(members)))
        others = [var for var in program.inputs if var not in set(grouping.inputs.members)]
        self.program = Program([self.packed, *others])
        self.arrays: dict[Source, Var] = {grouping.inputs: self.packed}
        self.reads = _count_reads(grouping, program)
        self.fused: set[Group] = set()
        self.layout: dict[Source, Any] = {}
        self.known: dict[Any, Var] = {}

    def run(self) -> Program:
        """The array program."""
        self._choose_dots()
        todo: list[Group | Step] = [*self.grouping.groups, *self.grouping.steps]
        levels = self.grouping.levels
        todo.sort(key=lambda item: item.level if isinstance(item, Group) else levels[item.out])
        for item in todo:
            if isinstance(item, Step):
                self._keep(item)
            elif item not in self.fused:
                self.arrays[item] = self._sum(item) if item.op is None else self._elementwise(item)
                self.arrays[item].name = self._says(item)
        self.program.outputs = [self.scalar_of(var) for var in self.scalar.outputs]
        return self.program

    # -- steps

    def step(self, op: Operation, operands: Sequence[Var], made: tuple[int, ...], /, **params: Any) -> Var:
        """Append a step."""
        full = {**op.defaults, **params}
        out = Var("result", made, FLOAT)
        self.program.steps.append(Step(op, tuple(operands), full, out))
        return out

    def _keep(self, step: Step) -> None:
        """A step that was not scalar: its scalar operands are read from where they are now."""
        if step.op.name == "stack" and step.params.get("axis") == 0 and all(map(is_scalar, step.operands)):
            places = [self.grouping.places[var] for var in step.operands if var in self.grouping.places]
            if len(places) == len(step.operands) and len({place.source for place in places}) == 1:
                at = self._laid_out(places[0].source, np.array([place.position for place in places], dtype=np.intp))
                pattern = factor([at], len(at))
                affine = pattern[1][0] if pattern is not None and len(pattern[0]) == 1 else None
                self.program.steps.append(
                    Step(RESHAPE, (self.read(Part(places[0].source, at, affine)),), {"shape": step.out.shape}, step.out)
                )
                return
        operands = tuple([self.scalar_of(var) for var in step.operands])
        self.program.steps.append(Step(step.op, operands, step.params, step.out))

    def scalar_of(self, var: Var) -> Var:
        """A variable of the scalar program, read from the array that it is an entry of now."""
        place = self.grouping.places.get(var)
        if place is None or isinstance(place.source, Var) or var.role == "constant":
            return var
        at = self._laid_out(place.source, np.array(place.position))
        return self.read(Part(place.source, at, Affine(int(at), ())))

    def _laid_out(self, source: Source, positions: Any) -> Any:
        return self.layout[source][positions] if source in self.layout else positions

    # -- groups

    def _says(self, group: Group) -> str | None:
        """What a group is called: how many scalars it stands for, and what they were; nothing for a single one."""
        count = len(group.members)
        if group.op is not None:
            return f"{count_text(count)}: {group.op.symbol}" if count > 1 else None
        return f"{count_text(count)}: sum of {sum(run.count for run in group.runs):,}"

    def _elementwise(self, group: Group) -> Var:
        columns = self._arranged(group, [(run.source, run.positions) for run in group.runs])
        shape, parts = self.parts(columns, len(group.members))
        operands = [self.read(part) for part in parts]
        assert group.op is not None
        made = np.broadcast_shapes(*[var.shape for var in operands])
        out = self.step(group.op, operands, made, **group.params)
        return self._spread(out, shape)

    def _spread(self, var: Var, shape: tuple[int, ...]) -> Var:
        return var if var.shape == shape else self.step(BROADCAST, [var], shape, shape=shape)

    def _arranged(self, group: Group, reads: Sequence[tuple[Source, Any]]) -> list[Columns]:
        """What the members of a group read; they are put in the order in which their longest axis comes last."""
        columns = [Columns(source, self._laid_out(source, at)) for source, at in reads]
        shape, _ = self.parts(columns, len(group.members))
        longest = int(np.argmax(shape)) if shape else 0
        if longest == len(shape) - 1 or not shape:
            return columns
        order = np.moveaxis(np.arange(len(group.members)).reshape(shape), longest, -1).reshape(-1)
        self.layout[group] = np.argsort(order)
        return [Columns(one.source, one.positions[order]) for one in columns]

    def parts(self, runs: Sequence[Columns], count: int) -> tuple[tuple[int, ...], list[Part]]:
        """The axes over which single operands are regular, and each operand over them."""
        columns = [run.positions[:, 0] for run in runs]
        regular = [i for i, run in enumerate(runs) if run.source is not self.grouping.constants]
        pattern = factor([columns[i] for i in regular], count) if regular else None
        shape, affines = pattern if pattern is not None else ((count,), [])
        found = dict(zip(regular, affines, strict=False))
        return shape, [Part(run.source, columns[i].reshape(shape), found.get(i)) for i, run in enumerate(runs)]

    def _sum(self, group: Group) -> Var:
        dot = self._dot(group)
        if dot is not None:
            return dot
        count = len(group.members)
        zero = self._starts_at_zero(group)
        runs = self._arranged(group, [(run.source, run.positions) for run in group.runs[1 if zero else 0 :]])
        shape, parts = self.parts(runs, count)
        pieces = [self._terms(run, part, shape) for run, part in zip(runs, parts, strict=True)]
        total = sum(run.count for run in runs)
        joined = pieces[0] if len(pieces) == 1 else self.step(CONCATENATE, pieces, (total, *shape), axis=0)
        out = self.step(ordered_sum, [joined], shape)
        return self.step(add, [out, Var("constant", (), None, 0.0)], shape) if zero else out

    def _terms(self, run: Columns, first: Part, shape: tuple[int, ...]) -> Var:
        """The terms of a run, as an array with the terms along its first axis."""
        full = (run.count, *shape)
        at = np.moveaxis(run.positions.reshape(*shape, run.count), -1, 0)
        stride = _common_stride(run.positions)
        affine = None
        if first.affine is not None and stride is not None:
            affine = Affine(first.affine.start, (stride, *first.affine.strides))
        return self._spread(self.read(Part(run.source, at, affine)), full)

    def _starts_at_zero(self, group: Group) -> bool:
        """Whether every sum begins with the constant 0.0, as Python's `sum` does: adding it last gives the same."""
        first = group.runs[0]
        constants = self.grouping.constants
        return (
            len(group.runs) > 1
            and first.source is constants
            and first.count == 1
            and all(constants.members[row[0]].data == 0.0 for row in first.rows)
        )

    # -- sums of products

    def _choose_dots(self) -> None:
        for group in self.grouping.groups:
            products = self._products(group)
            if products is not None:
                self.fused.add(products)

    def _products(self, group: Group) -> Group | None:
        """The group of products that a sum consists of, if nothing else reads them."""
        if group.op is not None:
            return None
        at = next((i for i, run in enumerate(group.runs) if run.count > 1), None)
        if at is None or at > 1 or any(run.count > 1 for run in group.runs[at + 1 :]):
            return None
        run = group.runs[at]
        source = run.source
        if not isinstance(source, Group) or source.op is not multiply:
            return None
        if self.reads.get(source, 0) != len(source.members):
            return None
        flat = run.positions.reshape(-1)
        if len(flat) != len(source.members) or not bool((flat == np.arange(len(flat))).all()):
            return None
        return source if all(self._k_stride(factor_, run.count) for factor_ in source.runs) else None

    def _k_stride(self, run: Run, terms: int) -> bool:
        return run.source is self.grouping.constants or _common_stride(run.positions.reshape(-1, terms)) is not None

    def _dot(self, group: Group) -> Var | None:
        products = self._products(group)
        if products is None:
            return None
        count = len(group.members)
        at = next(i for i, run in enumerate(group.runs) if run.count > 1)
        terms = group.runs[at].count
        factors = [(run.source, run.positions.reshape(-1, terms)) for run in products.runs]
        lone = [(run.source, run.positions) for i, run in enumerate(group.runs) if i != at]
        columns = self._arranged(group, [*factors, *lone])
        shape, parts = self.parts(columns, count)
        letters = LETTERS[: len(shape)]
        views, axes = [], []
        for run, part in zip(columns[: len(factors)], parts, strict=False):
            view, names = self._factor(run, part, shape, letters)
            views.append(view)
            axes.append(names)
        singles = [self.read(part) for part in parts[len(factors) :]]
        start = singles[0] if at == 1 else Var("constant", (), None, -0.0)
        if not set(letters) <= set(axes[0]) | set(axes[1]):  # the same sum many times over
            start = self._spread(start, shape)
        out = self.step(ordered_dot, [start, *views], shape, axes=(axes[0], axes[1], letters))
        for single in singles[at:]:
            out = self.step(add, [out, single], shape)
        return out

    def _factor(self, run: Columns, first: Part, shape: tuple[int, ...], letters: str) -> tuple[Var, str]:
        """One operand of a sum of products, without the axes along which it stays the same; and its axes' letters."""
        at = run.positions.reshape(*shape, run.count)
        stride = _common_stride(run.positions)
        affine = None
        if first.affine is not None and stride is not None:
            affine = Affine(first.affine.start, (*first.affine.strides, stride))
        names = letters + "k"
        if affine is not None:  # as the array has its axes
            strides = affine.strides
            order = sorted(range(at.ndim), key=lambda axis: -abs(strides[axis]))
            at, names = at.transpose(order), "".join(names[axis] for axis in order)
            affine = Affine(affine.start, tuple([strides[axis] for axis in order]))
        part = Part(run.source, at, affine)
        kept = [axis for axis in range(at.ndim) if names[axis] == "k" or not part.still(axis)]
        var = self.read(part)
        if var.shape:  # not one and the same number everywhere
            var = self._shaped(var, tuple([1 if part.still(axis) else at.shape[axis] for axis in kept]))
        return self._spread(var, tuple([at.shape[axis] for axis in kept])), "".join(names[axis] for axis in kept)

    def _shaped(self, var: Var, shape: tuple[int, ...]) -> Var:
        return var if var.shape == shape else self.step(RESHAPE, [var], shape, shape=shape)

    # -- reading

    def read(self, part: Part) -> Var:
        """An operand over its axes, of size 1 where it stays the same."""
        still = [axis for axis in range(part.positions.ndim) if part.still(axis)]
        if part.source is self.grouping.constants:
            return _constant(part.numbers())
        array = part.source if isinstance(part.source, Var) else self.arrays[part.source]
        shape = tuple([1 if axis in still else n for axis, n in enumerate(part.positions.shape)])
        at = part.positions[tuple([slice(0, 1) if axis in still else slice(None) for axis in range(len(shape))])]
        key = (array, shape, at.tobytes())
        if key not in self.known:
            self.known[key] = self._read(array, shape, at, part.affine, still)
        return self.known[key]

    def _read(self, array: Var, shape: tuple[int, ...], at: Any, affine: Affine | None, still: list[int]) -> Var:
        size = math.prod(array.shape)
        if at.size == size and bool((at.reshape(-1) == np.arange(size)).all()):
            return self._shaped(array, shape)
        if affine is not None:
            strides = tuple([0 if axis in still else stride for axis, stride in enumerate(affine.strides)])
            if reads_each_once(shape, Affine(affine.start, strides)):
                return self.step(strided, [array], shape, start=affine.start, shape=shape, strides=strides)
        return self.step(gather, [array], shape, index=at)


def count_text(count: int) -> str:
    """How many scalars."""
    return f"{count:,} scalar{'s' if count > 1 else ''}"


def _constant(numbers: Any) -> Var:
    """Numbers as a constant, of size 1 along axes where they stay the same."""
    for axis in range(numbers.ndim):
        first = np.take(numbers, [0], axis=axis)
        if bool((numbers.view(np.int64) == first.view(np.int64)).all()):
            numbers = first
    if numbers.size == 1:
        return Var("constant", (), None, float(numbers.reshape(())))
    return Var("constant", numbers.shape, FLOAT, numbers)


def _common_stride(rows: Any) -> int | None:
    """The step from each term to the next, if it is one and the same in every row."""
    if rows.shape[1] == 1:
        return 0
    steps = np.diff(rows, axis=1)
    return int(steps[0, 0]) if bool((steps == steps[0, 0]).all()) else None


def _count_reads(grouping: Grouping, program: Program) -> dict[Source, int]:
    """How often the results of each group are read, by groups, by other steps, and by the caller."""
    reads: dict[Source, int] = {}
    for reader in grouping.groups:
        for run in reader.runs:
            reads[run.source] = reads.get(run.source, 0) + run.positions.size
    for var in [*program.outputs, *[var for step in grouping.steps for var in step.operands]]:
        if var in grouping.places:
            source = grouping.places[var].source
            reads[source] = reads.get(source, 0) + 1
    return reads


def _packed_data(pool: Pool) -> Any:
    return np.array([0.0 if var.data is None else var.data for var in pool.members], dtype=FLOAT)
