"""Kernels that go image by image: all steps of one image, then the next, so that each finds in cache what it reads.

A step of a batch is a `Work`: lines for image ``n``, and what they need. `chained` writes one kernel of several. A
result that only these steps read is kept for one image at a time; what is added up over images is added up in halves.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu.compiler.kernels.nest import is_number
from tinygrad_edu.compiler.kernels.scalars import expression, is_known
from tinygrad_edu.compiler.kernels.source import literal
from tinygrad_edu.compiler.kernels.whole import Kernel, module
from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.kinds import Elementwise

Lines = list[str]
PASS = 50.0  # what going through one number costs, in operations of a product of matrices
TILES = "from tinygrad_edu.compiler.kernels.tile import tile\n"
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


@dataclass
class Text:
    """The kernel being written: names of its variables, and its lines.

    Attributes
    ----------
    names : dict of Var to str
        Of what the kernel is given, and of what it keeps for an image.
    inner : set of Var
        What it keeps for one image at a time.
    rooms : list of (shape, dtype)
    head, before, each, finish : list of str
        Lines before the function, before the first image of a half, for each image, and when both halves are done.
    flops : float
    """

    names: dict[Var, str]
    inner: set[Var] = field(default_factory=set)
    rooms: list[tuple[tuple[int, ...], Any]] = field(default_factory=list)
    head: Lines = field(default_factory=list)
    before: Lines = field(default_factory=list)
    each: Lines = field(default_factory=list)
    finish: Lines = field(default_factory=list)
    flops: float = 0.0
    _functions: dict[str, str] = field(default_factory=dict)

    def room(self, shape: tuple[int, ...], dtype: Any) -> str:
        """A piece of workspace for each half: the name of its array."""
        self.rooms.append(((2, *shape), dtype))
        return f"r{len(self.rooms) - 1}"

    def keep(self, var: Var) -> None:
        """Keep a variable for one image at a time."""
        self.names[var] = self.room(var.shape[1:], var.dtype)
        self.inner.add(var)

    def entry(self, var: Var, place: str) -> str:
        """An entry of a variable's image."""
        return f"{self.names[var]}[{'part' if var in self.inner else 'n'}, {place}]"

    def image(self, var: Var) -> str:
        """A variable's image."""
        return f"{self.names[var]}[{'part' if var in self.inner else 'n'}]"

    def address(self, var: Var) -> str:
        """Where a variable's image begins."""
        assert var.dtype is not None
        size = var.size // var.shape[0] * var.dtype.itemsize
        return f"{self.names[var]}.ctypes.data + {'part' if var in self.inner else 'n'} * {size}"

    def total(self, var: Var) -> str:
        """An array that adds up a result over the images of a half: its name."""
        assert var.dtype is not None
        room = self.room(var.shape, var.dtype)
        self.before.append(f"fill({room}[part], 0)")
        at = ", ".join(f"i{axis}" for axis in range(len(var.shape)))
        loops = [f"{'    ' * axis}for i{axis} in range({size}):" for axis, size in enumerate(var.shape)]
        self.finish += [*loops, f"{'    ' * len(loops)}{self.names[var]}[{at}] = {room}[0, {at}] + {room}[1, {at}]"]
        return room

    def function(self, made: str) -> str:
        """The name of a function that the kernel calls."""
        if made not in self._functions:
            self._functions[made] = f"f{len(self._functions)}"
            self.head.append(f"{self._functions[made]} = {made}")
        return self._functions[made]


@dataclass(frozen=True)
class Work:
    """How a step is done image by image.

    Attributes
    ----------
    write : callable
        ``write(step, text)`` adds its lines.
    images : callable
        ``images(step)``: which operands are batches of images; the others are read as a whole.
    fits : callable
        Whether a step can be done so.
    sums : bool
        Whether its result is added up over images.
    """

    write: Callable[[Step, Text], None]
    images: Callable[[Step], Sequence[int]]
    fits: Callable[[Step], bool]
    sums: bool = False


def is_entrywise(step: Step) -> bool:
    """Whether a step computes each entry of images from entries there, from numbers of their channels, and numbers."""
    shape = step.out.shape
    return (
        isinstance(step.op, Elementwise)
        and len(shape) == 4
        and is_known(step)
        and all(var.shape == shape or is_number(var) or var.shape == shape[3:] for var in step.operands)
        and any(var.shape == shape for var in step.operands)
    )


def is_channel_sum(step: Step) -> bool:
    """Whether a step adds up the entries of each channel."""
    x = step.operands[0]
    return (
        step.op.name == "sum"
        and len(x.shape) == 4
        and x.dtype in FLOATS
        and step.out.dtype == x.dtype
        and step.params["axis"] == (0, 1, 2)
        and not step.params["keepdims"]
    )


def written_entrywise(steps: Sequence[Step], text: Text, wanted: Collection[Var]) -> None:
    """Lines for a run of entrywise steps and sums of channels, of images of one shape, as one loop.

    Results that are not `wanted` elsewhere have no array: they are local variables.
    """
    _, h, w, c = steps[0].operands[0].shape if is_channel_sum(steps[0]) else steps[0].out.shape
    local: dict[Var, str] = {}
    lines: Lines = []
    stores: Lines = []

    def read(var: Var) -> tuple[str, Any]:
        if var in local:
            return local[var], var.dtype
        if is_number(var):
            return literal(var)
        local[var] = f"v{len(local)}"
        place = text.entry(var, "y, x, q") if len(var.shape) == 4 else f"{text.names[var]}[q]"
        lines.append(f"{local[var]} = {place}")
        return local[var], var.dtype

    after: Lines = []
    for step in steps:
        text.flops += PASS * step.operands[0].size
        if is_channel_sum(step):
            total = text.total(step.out)
            one = text.room((c,), step.out.dtype)  # the sums of an image, added up first: that is more accurate
            text.each.append(f"fill({one}[part], 0)")
            stores.append(f"{one}[part, q] += {read(step.operands[0])[0]}")
            after += [f"for q in range({c}):", f"    {total}[part, q] += {one}[part, q]"]
            continue
        value = expression(step, [read(var) for var in step.operands])
        local[step.out] = f"v{len(local)}"
        lines.append(f"{local[step.out]} = {value}")
        if step.out in wanted:
            stores.append(f"{text.entry(step.out, 'y, x, q')} = {local[step.out]}")
    text.each += [f"for y in range({h}):", f"    for x in range({w}):", f"        for q in range({c}):"]
    text.each += [*("            " + line for line in (*lines, *stores)), *after]


def chained(
    steps: Sequence[Step], works: Mapping[str, Work], count: int, operands: Sequence[Var], outputs: Sequence[Var]
) -> Kernel:
    """One kernel of several steps of `count` images; what has no `Work` is entrywise, or a sum of channels."""
    text = Text({var: f"x{i}" for i, var in enumerate(operands)} | {var: f"o{i}" for i, var in enumerate(outputs)})
    runs = _runs(steps, works)
    alone = {var for run in runs for var in _within(run, runs)}
    for step in steps:
        if step.out not in text.names and step.out not in alone:
            text.keep(step.out)
    for run in runs:
        work = works.get(run[0].op.name)
        if work is None:
            written_entrywise(run, text, {step.out for step in run} & {*text.names})
        else:
            work.write(run[0], text)
    body = [*text.before, "for n in range(start, stop):", *("    " + line for line in text.each)]
    head = [TILES, *text.head] if text.head else []
    source = module(outputs, operands, text.rooms, body, head, halves=True)
    finish = module(outputs, operands, text.rooms, text.finish) if text.finish else None
    return Kernel(source, tuple(text.rooms), count, finish, text.flops, alone=True)


def _runs(steps: Sequence[Step], works: Mapping[str, Work]) -> list[list[Step]]:
    """The steps, those entrywise ones together that follow each other on images of one shape."""
    found: list[list[Step]] = []
    joined: tuple[int, ...] | None = None  # the shape of the run that is open
    for step in steps:
        shape = None if step.op.name in works else max((v.shape for v in (*step.operands, step.out)), key=len)
        if shape is not None and shape == joined:
            found[-1].append(step)
        else:
            found.append([step])
        joined = shape
    return found


def _within(run: Sequence[Step], runs: Sequence[Sequence[Step]]) -> list[Var]:
    """The results of a run that no other run reads."""
    others = {var for other in runs if other is not run for step in other for var in step.operands}
    return [step.out for step in run if step.out not in others]
