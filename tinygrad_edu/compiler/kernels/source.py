"""Writes a nest of loops as Python that numba compiles.

Nothing in it depends on sizes, so kernels are shared by batches of any size, and found again on the disk.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.compiler.kernels.fuse import Fused
from tinygrad_edu.compiler.kernels.nest import Axes, Nest, Read, is_number
from tinygrad_edu.compiler.kernels.scalars import TRUTHS, cast, expression, is_slow
from tinygrad_edu.compiler.kernels.stages import runs_each_entry, stages_of
from tinygrad_edu.compiler.program import Var

DOUBLE = np.dtype(np.float64)
HEAD = """import numpy as np
from numba import njit, types
from numpy import bool_, float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64

"""
FILL = "from tinygrad_edu.compiler.kernels.fill import fill\n"
WIDE = "from tinygrad_edu.compiler.kernels.register import wide\n\n"
OPTIONS = 'nogil=True, error_model="numpy", pipeline_class=Apart'
ADDING = frozenset({"sum", "mean"})
START = {"sum": "0.0", "mean": "0.0", "max": "-np.inf", "min": "np.inf", "all": "True", "any": "False"}
JOIN = {"sum": "plus", "mean": "plus", "max": "np.maximum", "min": "np.minimum", "all": "np.logical_and"}
JOIN["any"] = "np.logical_or"
FAST = {"max": "larger", "min": "smaller"}  # in a row: NaN are counted beside
LONG = 4096  # entries of a row, above which they are added up in double precision


@dataclass(frozen=True, slots=True)
class Loops:
    """Axes of a nest that always go together, as one axis each: outer ones, then inner ones."""

    groups: tuple[tuple[int, ...], ...]
    outer: int

    def spanned(self, axes: Axes) -> tuple[int, ...]:
        """The groups along which a variable extends."""
        there = {a for a in axes if a is not None}
        return tuple(i for i, group in enumerate(self.groups) if group[0] in there)

    def shape(self, axes: Axes, whole: tuple[int, ...]) -> tuple[int, ...]:
        """A variable's shape, with an axis for each group; (1,) for a single number."""
        return tuple([int(np.prod([whole[a] for a in self.groups[i]])) for i in self.spanned(axes)]) or (1,)


def loops_of(nest: Nest, outputs: Sequence[Var]) -> Loops:
    """The fewest loops for a nest.

    Examples
    --------
    Rows of shape (2, 3) in which every operand extends over both axes are one loop; see the tests.
    """
    accesses = [read.axes for read in nest.reads.values() if not is_number(read.var)]
    accesses += [nest.axes[var] for var in outputs]
    there = [frozenset(a for a in axes if a is not None) for axes in accesses]
    groups: list[list[int]] = []
    for a in (a for a, size in enumerate(nest.shape) if size != 1):
        together = groups and groups[-1][-1] != nest.split - 1 and (a != nest.split)
        if together and all((a in axes) == (groups[-1][0] in axes) for axes in there):
            groups[-1].append(a)
        else:
            groups.append([a])
    return Loops(tuple(map(tuple, groups)), sum(group[0] < nest.split for group in groups))


def may_overwrite(op: Fused, out: Var, operand: Var) -> bool:
    """Whether a result may be written where an operand lies: entry for entry, and not before the last look at it."""
    nest = op.nest
    i = next(i for i, step in enumerate(nest.steps) if step.out is out)
    if nest.over.get(i) in ("columns", "all", "rows"):
        return False
    stages = stages_of(nest)
    looks = [(k, read.axes) for (k, _), read in nest.reads.items() if read.var is operand]
    entries = nest.level(nest.axes[out]) == "entry"  # others are read before the loops
    return all(axes == nest.axes[out] and not (entries and stages.of[k] > stages.of[i]) for k, axes in looks)


class Writer:
    """Writes the source of a fused operation.

    Parameters
    ----------
    op : Fused
    slots : dict of Var to int
        For each operand and output the number of its array: two in the same memory share one.
    """

    def __init__(self, op: Fused, slots: Mapping[Var, int]) -> None:
        self.op, self.nest, self.slots = op, op.nest, slots
        self.loops = loops_of(op.nest, op.outputs)
        self.stages = stages_of(op.nest)
        self.text: dict[Any, tuple[str, np.dtype[Any] | None]] = {}  # of results and reads
        self.twins: set[str] = set()

    def source(self) -> str:
        """A module with the function `kernel`."""
        body = self.body()
        signature = f"types.void({', '.join(kind for _, kind in self.parameters())})"
        return module_of([f"@njit({signature}, cache=CACHE, {OPTIONS})", *self.function("kernel", body)])

    def parameters(self) -> list[tuple[int, str]]:
        """The number and the type of each array."""
        every = [*self.op.outputs, *self.op.operands]
        found = {self.slots[var]: (var, self._dimensions(var)) for var in every}
        written = {self.slots[var] for var in self.op.outputs}
        return [(slot, array_type(*found[slot], slot in written)) for slot in sorted(found)]

    def function(self, name: str, body: Sequence[str]) -> list[str]:
        """The lines of the function, without decorators."""
        slow = ["    wide()"] if any(map(is_slow, self.nest.steps)) else []
        return [f"def {name}({', '.join(f'p{slot}' for slot, _ in self.parameters())}):", *slow, *body, ""]

    def _dimensions(self, var: Var) -> int:
        if var.dtype is None:
            return 0
        return len(self.loops.shape(self._axes(var), self.nest.shape))

    def _axes(self, var: Var) -> Axes:
        return shape_axes(self.op, var)

    # -- lines

    def body(self) -> list[str]:
        """What the function does."""
        nest, loops = self.nest, self.loops
        inner = range(loops.outer, len(loops.groups))
        lines = [self._bound(g) for g in range(len(loops.groups))]
        for var in [var for var in self.stages.crossing if var not in self.op.outputs]:
            size = ", ".join(f"n{g}" for g in inner)
            lines.append(f"s{self._index(var)} = np.empty(({size},), np.{_name(var.dtype)})")
        for i, step in enumerate(nest.steps):
            over = nest.over.get(i)
            if over == "columns":
                slot = self.slots.get(step.out)
                lines += self._filled(f"p{slot}", nest.axes[step.out], START[step.op.name].replace("0.0", "-0.0"))
            elif over in ("all", "rows"):
                lines.append(f"a{i} = {START[step.op.name]}")
        lines += [*self._loads("once"), *self._section("once", 0)]
        rows = range(loops.outer)
        pad = ""
        for g in rows:
            lines.append(f"{pad}for i{g} in range(n{g}):")
            pad += "    "
        row_lines = self._loads("row")
        for stage in range(self.stages.count + 1):
            row_lines += self._section("row", stage) if loops.outer else []
            if stage < self.stages.count:
                row_lines += self._loop(stage, inner)
        lines += [pad + line for line in row_lines]
        lines += self._finish()
        return ["    " + line for line in lines]

    def _bound(self, group: int) -> str:
        for var in dict.fromkeys([*self.op.outputs, *self.op.operands]):
            spanned = self.loops.spanned(self._axes(var))
            if group in spanned:
                return f"n{group} = p{self.slots[var]}.shape[{spanned.index(group)}]"
        raise AssertionError("some operand extends over each axis")

    def _index(self, var: Var) -> int:
        return next(i for i, step in enumerate(self.nest.steps) if step.out is var)

    def _filled(self, name: str, axes: Axes, value: str) -> list[str]:
        spanned = self.loops.spanned(axes)
        lines, pad = [], ""
        for g in spanned:
            lines.append(f"{pad}for i{g} in range(n{g}):")
            pad += "    "
        return [*lines, f"{pad}{name}[{_at(spanned)}] = {value}"]

    def _loads(self, level: str) -> list[str]:
        """The operands that are one number for the whole kernel, or for a row."""
        lines: list[str] = []
        for (i, j), read in self.nest.reads.items():
            if self.nest.level(read.axes) == level:
                self._operand(i, j, lines)
        return lines

    def _section(self, level: str, stage: int) -> list[str]:
        """What is computed once, or once a row before the loop of that number."""
        nest = self.nest
        lines: list[str] = []
        for i, step in enumerate(nest.steps):
            over = nest.over.get(i)
            if level == "row" and over == "row":
                if stage == self.stages.of[i] + 1:
                    count = " * ".join(f"n{g}" for g in range(self.loops.outer, len(self.loops.groups)))
                    found = f"r{i} / ({count})" if step.op.name == "mean" else f"r{i}"
                    if step.op.name in FAST:
                        found = f"np.nan if q{i} else r{i}"
                    assert step.out.dtype is not None
                    lines += self._set(i, cast(found, step.out.dtype))
            elif over == "rows":
                if level == "row" and stage == self.stages.of[i]:
                    text, _ = self._operand(i, 0, lines)
                    lines.append(f"a{i} = {JOIN[step.op.name]}(a{i}, {cast(text, self._total_type(i))})")
            elif over is None and nest.level(nest.axes[step.out]) == level and self.stages.of[i] == stage:
                lines += self._compute(i, lines)
        if level == "row" and stage < self.stages.count:
            for i, step in enumerate(nest.steps):
                if nest.over.get(i) == "row" and self.stages.of[i] == stage:
                    lines.append(f"r{i} = {cast(START[step.op.name], self._row_type(i))}")
                    lines += [f"q{i} = int32(0)"] if step.op.name in FAST else []
        return lines

    def _total_type(self, i: int) -> np.dtype[Any]:
        """In what everything is added up."""
        dtype = self.nest.steps[i].out.dtype
        assert dtype is not None
        return dtype if self.nest.steps[i].op.name in TRUTHS else DOUBLE

    def _row_type(self, i: int) -> np.dtype[Any]:
        """In what a row is added up."""
        step, nest = self.nest.steps[i], self.nest
        length = math.prod(nest.shape[nest.split :])
        assert step.out.dtype is not None
        return DOUBLE if step.op.name in ADDING and length > LONG else step.out.dtype

    def _loop(self, stage: int, inner: range) -> list[str]:
        nest = self.nest
        lines: list[str] = []
        stores: list[str] = []
        for key in [key for key in self.text if isinstance(key, Read) and nest.level(key.axes) == "entry"]:
            del self.text[key]
        for var, made in self.stages.crossing.items():
            if made < stage:
                self.text[var] = (self._kept(var, inner), var.dtype)
        for i, step in enumerate(nest.steps):
            over = nest.over.get(i)
            if self.stages.of[i] != stage or not runs_each_entry(nest, i):
                continue
            if over is None:
                lines += self._compute(i, lines, stores)
                continue
            text, _ = self._operand(i, 0, lines)
            join = JOIN[step.op.name]
            if over == "columns":
                target = f"p{self.slots[step.out]}[{_at(self.loops.spanned(nest.axes[step.out]))}]"
                join = "np.add" if step.op.name in ADDING else join
                stores.append(f"{target} = {join}({target}, {text})")
            else:
                name, dtype = (f"a{i}", self._total_type(i)) if over == "all" else (f"r{i}", self._row_type(i))
                if over == "row" and step.op.name in FAST:
                    join = FAST[step.op.name]
                    lines.append(f"q{i} += int32(1) if {text} != {text} else int32(0)")
                lines.append(f"{name} = {join}({name}, {text if dtype == step.out.dtype else cast(text, dtype)})")
        if not lines and not stores:
            return []
        pad, found = "", []
        for g in inner:
            found.append(f"{pad}for i{g} in range(n{g}):")
            pad += "    "
        return [*found, *[pad + line for line in [*lines, *stores]]]

    def _kept(self, var: Var, inner: range) -> str:
        """An entry that an earlier loop has made."""
        if var in self.op.outputs:
            return f"p{self.slots[var]}[{_at(self.loops.spanned(self.nest.axes[var]))}]"
        return f"s{self._index(var)}[{_at(list(inner))}]"

    def _compute(self, i: int, lines: list[str], stores: list[str] | None = None) -> list[str]:
        """Lines that compute a step (reads are appended to `lines`); what goes to memory to `stores`, if given."""
        step = self.nest.steps[i]
        operands = [self._operand(i, j, lines) for j in range(len(step.operands))]
        return self._set(i, expression(step, operands), stores)

    def _set(self, i: int, value: str, stores: list[str] | None = None) -> list[str]:
        step = self.nest.steps[i]
        lines = [f"t{i} = {value}"]
        out = lines if stores is None else stores
        self.text[step.out] = (f"t{i}", step.out.dtype)
        if step.out in self.op.outputs:
            out.append(f"p{self.slots[step.out]}[{_at(self.loops.spanned(self.nest.axes[step.out]))}] = t{i}")
        elif step.out in self.stages.crossing:
            out.append(f"s{i}[{_at(list(range(self.loops.outer, len(self.loops.groups))))}] = t{i}")
        return lines

    def _operand(self, i: int, j: int, lines: list[str]) -> tuple[str, np.dtype[Any] | None]:
        inside = self.nest.inside.get((i, j))
        if inside is not None:
            return self.text[inside]
        read = self.nest.reads[i, j]
        var = read.var
        if is_number(var):
            return literal(var)
        if read not in self.text:
            if var.dtype is None:
                return f"p{self.slots[var]}", None
            name = f"x{len(self.text)}"
            lines.append(f"{name} = p{self.slots[var]}[{_at(self.loops.spanned(read.axes))}]")
            self.text[read] = (name, var.dtype)
        return self.text[read]

    def _finish(self) -> list[str]:
        lines: list[str] = []
        for i, step in enumerate(self.nest.steps):
            over = self.nest.over.get(i)
            if over not in ("columns", "all", "rows"):
                continue
            slot = self.slots[step.out]
            spanned = self.loops.spanned(self.nest.axes[step.out])
            if over == "columns":
                if step.op.name == "mean":
                    count = " * ".join(f"n{g}" for g in range(len(self.loops.groups)) if g not in spanned)
                    target = f"p{slot}[{_at(spanned)}]"
                    dtype = step.out.dtype
                    assert dtype is not None
                    lines += self._filled(f"p{slot}", self.nest.axes[step.out], f"{target} / {cast(count, dtype)}")
            else:
                groups = range(self.loops.outer if over == "rows" else len(self.loops.groups))
                count = " * ".join(f"n{g}" for g in groups)
                lines.append(f"p{slot}[0] = a{i} / ({count})" if step.op.name == "mean" else f"p{slot}[0] = a{i}")
        return lines


def module_of(lines: Sequence[str]) -> str:
    """A module of functions that kernels are made of, with what they need."""
    return "\n".join([HEAD, twins_in(lines) + (WIDE if "    wide()" in lines else ""), *lines])


def shape_axes(op: Fused, var: Var) -> Axes:
    """How a parameter of a kernel lies in its nest."""
    if var in op.nest.axes:
        return op.nest.axes[var]
    return next(read.axes for read in op.nest.reads.values() if read.var is var)


def twins_in(lines: Sequence[str]) -> str:
    """The import of the functions of ours that some lines call."""
    found = sorted(set(re.findall(r"\b(?:\w+_float(?:32|64)|piece|plus|larger|smaller)\b", "\n".join(lines))))
    filling = FILL if any("fill(" in line for line in lines) else ""
    return f"from tinygrad_edu.compiler.kernels.functions import {', '.join(['Apart', *found])}\n{filling}\n"


def _at(groups: Sequence[int]) -> str:
    return ", ".join(f"i{g}" for g in groups) or "0"


def _name(dtype: np.dtype[Any] | None) -> str:
    assert dtype is not None
    return "bool_" if dtype.char == "?" else dtype.name


def array_type(var: Var, dimensions: int, written: bool) -> str:
    """The type of a parameter of a kernel, in the text."""
    if var.dtype is None:
        return "types.float64"
    name = "types.boolean" if var.dtype.char == "?" else f"types.{var.dtype.name}"
    return f'types.Array({name}, {dimensions}, "C", readonly={not written})'


def literal(var: Var) -> tuple[str, np.dtype[Any] | None]:
    """A constant number in the text, and its type."""
    data = np.asarray(var.data).flat[0].item()
    text = {"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"}.get(repr(data), repr(data))
    if var.dtype is None:
        return text, None
    return cast(text, var.dtype), var.dtype
