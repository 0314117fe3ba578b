"""Where the steps of a kernel stand in its loops: the pure part of fusion.

A kernel is one nest of loops over an index space, its axes those of the largest result. They are split in two:
outer axes (rows) and inner axes. What a step computes belongs to one of three levels: one number for the whole
kernel ("once"), one for each row ("row"), or one for each entry ("entry"). A reduction over the inner axes gives a
row number, which later entries of the same row may use: so a softmax is one kernel, of three loops in each row.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tinygrad_edu.compiler.kernels.scalars import REDUCTIONS, is_known
from tinygrad_edu.compiler.program import Step, Var, axes_of

Axes = tuple[int | None, ...]  # for each axis of a variable the axis of the nest, None for length 1
Level = Literal["once", "row", "entry"]
Over = Literal["row", "columns", "all", "rows"]  # what a reduction adds up

# Views that only add and remove axes of length 1, or repeat: kernels read through them.
TRANSPARENT = frozenset({"reshape", "expand_dims", "squeeze", "broadcast_to", "identity", "stop_gradient", "positive"})


@dataclass(frozen=True, slots=True)
class Read:
    """An array from outside, and how its axes lie in the nest."""

    var: Var
    axes: Axes


@dataclass(eq=False, slots=True)
class Nest:
    """Steps as one nest of loops.

    Attributes
    ----------
    shape : tuple of int
    split : int
        The number of outer axes; 0 if no step works row by row.
    steps : list of Step
    axes : dict of Var to Axes
        Of the results.
    reads : dict of (step, operand) to Read
        Operands from outside.
    inside : dict of (step, operand) to Var
        Operands that are results of these steps, without the views between.
    over : dict of Step to Over
        Of the reductions.
    """

    shape: tuple[int, ...]
    split: int
    steps: list[Step]
    axes: dict[Var, Axes] = field(default_factory=dict)
    reads: dict[tuple[int, int], Read] = field(default_factory=dict)
    inside: dict[tuple[int, int], Var] = field(default_factory=dict)
    over: dict[int, Over] = field(default_factory=dict)

    def level(self, axes: Axes) -> Level:
        """Of a variable with these axes."""
        spanned = [a for a in axes if a is not None]
        if not spanned:
            return "once"
        return "row" if max(spanned) < self.split else "entry"


def is_fusible(step: Step) -> bool:
    """Whether a step can be part of a kernel."""
    return step.out.size > 0 and all(v.size > 0 for v in step.operands) and is_known(step)


def is_view(step: Step) -> bool:
    """Whether kernels read through a step to its operand."""
    x = step.operands[0] if step.operands else None
    if step.op.name not in TRANSPARENT or x is None or x.dtype is None:
        return False
    return step.op.name == "broadcast_to" or solid(x.shape) == solid(step.out.shape)


def is_number(var: Var) -> bool:
    """Whether a variable is one number, known beforehand: kernels have it written in them."""
    return var.role == "constant" and (var.size == 1 or not any(var.data.strides))


def solid(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its axes of length 1."""
    return tuple(n for n in shape if n != 1)


def nest_of(steps: Sequence[Step], views: Mapping[Var, Step]) -> Nest | None:
    """These steps as one nest, or None if they cannot be.

    Parameters
    ----------
    steps : sequence of Step
        In order; fusible ones.
    views : dict of Var to Step
        The views of the program, by their results.
    """
    spaces = [step.operands[0].shape if step.op.name in REDUCTIONS else step.out.shape for step in steps]
    shape = max(spaces, key=lambda s: (math.prod(s), len(s)))
    nest = Nest(shape, 0, list(steps))
    placer = _Placer(nest, views)
    for i, step in enumerate(steps):
        place = placer.reduction if step.op.name in REDUCTIONS else placer.elementwise
        if not place(i, step):
            return None
    return nest if _settle(nest) else None


class _Placer:
    def __init__(self, nest: Nest, views: Mapping[Var, Step]) -> None:
        self.nest = nest
        self.views = views

    def elementwise(self, i: int, step: Step) -> bool:
        nest, shape = self.nest, step.out.shape
        found: list[int | None] = [None] * len(shape)
        known = [(j, *self._inside(var)) for j, var in enumerate(step.operands)]
        for j, base, axes in known:
            if base is None:
                continue
            if axes is None:
                return False
            nest.inside[i, j] = base
            for at, axis in zip(range(len(shape) - len(axes), len(shape)), axes, strict=True):
                if axis is not None:
                    if found[at] not in (None, axis):
                        return False
                    found[at] = axis
        shift = len(nest.shape) - len(shape)
        if shape == nest.shape[shift:] or all(base is None for _, base, _ in known):
            for at, n in enumerate(shape):
                if found[at] is None and n != 1:
                    if shift < 0 or nest.shape[at + shift] != n:
                        return False
                    found[at] = at + shift
        if any(a is None and n != 1 for a, n in zip(found, shape, strict=True)) or not _ascending(found):
            return False
        for j, base, _ in known:
            if base is None:
                nest.reads[i, j] = self._outside(step.operands[j], tuple(found))
        nest.axes[step.out] = tuple(found)
        return True

    def reduction(self, i: int, step: Step) -> bool:
        nest, x = self.nest, step.operands[0]
        base, axes = self._inside(x)
        if base is None:
            shift = len(nest.shape) - len(x.shape)
            if shift < 0 or x.shape != nest.shape[shift:]:
                return False
            axes = tuple(None if n == 1 else at + shift for at, n in enumerate(x.shape))
            nest.reads[i, 0] = self._outside(x, axes)
        elif axes is None:
            return False
        else:
            nest.inside[i, 0] = base
        gone = axes_of(step)
        whole = [a for a, size in enumerate(nest.shape) if size != 1]
        spanned = [a for a in axes if a is not None]
        reduced = [a for at, a in enumerate(axes) if at in gone and a is not None]
        left = [a for a in spanned if a not in reduced]
        over = _over(whole, spanned, reduced)
        if over is None or not reduced:
            return False
        if over == "row":
            if nest.split not in (0, min(reduced)):
                return False
            nest.split = min(reduced)
        nest.over[i] = over
        kept = [(at, a) for at, a in enumerate(axes) if step.params["keepdims"] or at not in gone]
        nest.axes[step.out] = tuple(None if at in gone else a for at, a in kept)
        return len(left) == len([a for a in nest.axes[step.out] if a is not None])

    def _inside(self, var: Var) -> tuple[Var | None, Axes | None]:
        """The result inside the nest that a variable shows, and how its axes lie; (None, None) for one from outside."""
        chain: list[Step] = []
        while var not in self.nest.axes and var in self.views:
            chain.append(self.views[var])
            var = chain[-1].operands[0]
        if var not in self.nest.axes:
            return None, None
        axes: Axes | None = self.nest.axes[var]
        shape = var.shape
        for view in reversed(chain):
            assert axes is not None
            axes = _through(view, shape, axes, self.nest.shape)
            shape = view.out.shape
            if axes is None:
                return var, None
        return var, axes

    def _outside(self, var: Var, out: Axes) -> Read:
        """How an operand from outside lies, if the result lies like `out`; views of it are seen through."""
        n = len(var.shape)
        axes: Axes = tuple(None if var.shape[at] == 1 else out[len(out) - n + at] for at in range(n))
        while var in self.views:
            view = self.views[var]
            base = view.operands[0]
            if view.op.name == "broadcast_to":
                n = len(base.shape)
                axes = tuple(None if base.shape[at] == 1 else axes[len(axes) - n + at] for at in range(n))
            else:
                rest = iter([a for a, size in zip(axes, var.shape, strict=True) if size != 1])
                axes = tuple(None if size == 1 else next(rest) for size in base.shape)
            var = base
        return Read(var, axes)


def _through(view: Step, shape: tuple[int, ...], axes: Axes, whole: tuple[int, ...]) -> Axes | None:
    """How the result of a view lies, if its operand lies like `axes`."""
    out = view.out.shape
    if view.op.name != "broadcast_to":
        rest = iter([a for a, size in zip(axes, shape, strict=True) if size != 1])
        return tuple(None if size == 1 else next(rest) for size in out)
    shift = len(out) - len(shape)
    repeated = [at for at, n in enumerate(out) if n != 1 and (at < shift or shape[at - shift] == 1)]
    if repeated and out != whole:
        return None
    kept = [at if at in repeated else None if at < shift else axes[at - shift] for at in range(len(out))]
    return tuple(kept) if _ascending(kept) else None


def _over(whole: list[int], spanned: list[int], reduced: list[int]) -> Over | None:
    """What is added up, if all of the nest (or all its rows) is spanned."""
    if spanned == whole:
        if reduced == whole:
            return "all"
        if reduced == whole[-len(reduced) :]:
            return "row"
        return "columns" if reduced == whole[: len(reduced)] else None
    return "rows" if reduced == spanned else None


def _ascending(axes: Iterable[int | None]) -> bool:
    """Whether axes come in the order of the nest, each once."""
    found = [a for a in axes if a is not None]
    return all(a < b for a, b in itertools.pairwise(found))


def _settle(nest: Nest) -> bool:
    """Choose where rows end, and say whether every result has a place."""
    whole = {a for a, size in enumerate(nest.shape) if size != 1}
    if whole - {a for read in nest.reads.values() if not is_number(read.var) for a in read.axes}:
        return False  # how far a loop goes is read from an operand
    ends = {i: {a for a in nest.axes[step.out] if a is not None} for i, step in enumerate(nest.steps)}
    closed = {step.out for i, step in enumerate(nest.steps) if nest.over.get(i) in ("columns", "all", "rows")}
    if any(var in closed for var in nest.inside.values()):  # known only when all loops are over
        return False
    smaller = [axes for i, axes in ends.items() if axes not in (whole, set()) and nest.over.get(i) != "columns"]
    if nest.split == 0 and smaller:
        nest.split = max(max(axes) for axes in smaller) + 1
    rows = {a for a in whole if a < nest.split}
    if any(axes != rows for axes in smaller) or (smaller and rows == whole):
        return False
    return all(ends_at_rows(nest, i, rows) for i, over in nest.over.items() if over in ("columns", "rows"))


def ends_at_rows(nest: Nest, i: int, rows: set[int]) -> bool:
    """Whether a reduction over rows goes over whole rows."""
    if nest.over[i] == "columns":
        left = {a for a in nest.axes[nest.steps[i].out] if a is not None}
        return not rows or rows.isdisjoint(left)
    var = nest.inside.get((i, 0))
    axes = nest.axes[var] if var is not None else nest.reads[i, 0].axes
    return {a for a in axes if a is not None} == rows
