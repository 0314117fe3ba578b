"""Finds the steps that can be computed together, and makes one step of each such group."""

import math
from collections.abc import Collection, Sequence
from typing import Any

from tinygrad_edu.compiler.kernels.nest import Nest, Read, is_fusible, is_number, is_view, nest_of
from tinygrad_edu.compiler.kernels.stages import SHORT, stages_of
from tinygrad_edu.compiler.program import Program, Step, Var
from tinygrad_edu.op import Operation

LARGEST = 48  # steps in one kernel: its compilation takes time
LIGHT = 1 << 18  # bytes of a result that stays in the cache


class Fused(Operation):
    """Several steps as one: the operation of a fused step. Its kernel is made when the plan is written.

    Attributes
    ----------
    nest : Nest
    views : list of Step
        What the steps read through.
    operands, outputs : list of Var
    """

    kind = "general"

    def __init__(self, nest: Nest, views: Sequence[Step], operands: Sequence[Var], outputs: Sequence[Var]) -> None:
        self.nest = nest
        self.views = list(views)
        self.operands = list(operands)
        self.outputs = list(outputs)
        names = list(dict.fromkeys(step.op.name for step in nest.steps))
        super().__init__(f"fused({', '.join(names)})", self.run, (None,), variadic=True, reads="fused")

    def run(self, operands: Sequence[Any]) -> Any:
        """The results by the operations themselves: one, or a list."""
        inside = sorted([*self.nest.steps, *self.views], key=_order_of(self.nest.steps, self.views))
        found = Program(self.operands, inside, self.outputs).run(operands)
        return found[0] if len(found) == 1 else found


def _order_of(steps: Sequence[Step], views: Sequence[Step]) -> Any:
    made = {step.out: step for step in (*steps, *views)}
    depth: dict[Step, int] = {}

    def deep(step: Step) -> int:
        if step not in depth:
            depth[step] = 1 + max([deep(made[v]) for v in step.operands if v in made], default=0)
        return depth[step]

    return deep


def fuse(steps: Sequence[Step], wanted: Collection[Var], around: Sequence[Step] = ()) -> list[Step]:
    """The same steps, with groups of them as one, in an order in which they can run.

    Parameters
    ----------
    steps : sequence of Step
    wanted : collection of Var
        Results that somebody else needs.
    around : sequence of Step
        Other steps of the program, whose views are seen through as well.
    """
    return _Fusion(_elementwise_early(steps, wanted), frozenset(wanted), around).run()


def _elementwise_early(steps: Sequence[Step], wanted: Collection[Var]) -> list[Step]:
    """The steps with fusible ones as early as their operands allow, so that groups have nothing between.

    Large results that only come on top of their operands wait for their turn: the slopes of all layers' activations
    would lie in memory until the backward pass, which can have them of the activations.
    """
    made = {out: i for i, step in enumerate(steps) for out in step.outs}
    waiting = {i: {made[v] for v in step.operands if v in made} for i, step in enumerate(steps)}
    readers: dict[int, list[int]] = {}
    for i, needs in waiting.items():
        for j in needs:
            readers.setdefault(j, []).append(i)
    kept = {*wanted, *(var for step in steps if not is_fusible(step) for var in step.operands)}
    early = [is_view(step) or (is_fusible(step) and _is_light(step, kept)) for step in steps]
    found: list[Step] = []
    done: set[int] = set()

    def finish(i: int) -> None:
        stack = [i]
        while stack:
            at = stack.pop()
            done.add(at)
            found.append(steps[at])
            for reader in readers.get(at, ()):
                waiting[reader].discard(at)
                if early[reader] and not waiting[reader] and reader not in done and reader not in stack:
                    stack.append(reader)

    for i in range(len(steps)):
        if i not in done:
            finish(i)
    return found


def _is_light(step: Step, kept: Collection[Var]) -> bool:
    """Whether a result takes little memory, or no more than operands that only kernels of entries read."""
    return step.out.nbytes <= max(LIGHT, sum(var.nbytes for var in {*step.operands} if var not in kept))


def _is_better_apart(nest: Nest) -> bool:
    """Whether slow functions wait for one another in loops so short that what lies between may as well be in memory.

    One by one they are shorter to compile, most of all in a recurrence, where they are alike.
    """
    return math.prod(nest.shape) <= SHORT and stages_of(nest).waiting


class _Fusion:
    def __init__(self, steps: Sequence[Step], wanted: frozenset[Var], around: Sequence[Step]) -> None:
        own = {step.out for step in steps}
        self.views = {step.out: step for step in (*around, *steps) if is_view(step)}
        self.steps = [step for step in steps if step.out not in self.views]
        self.wanted = frozenset(self.base(var) for var in wanted)
        self.own = own
        self.asked = [step.out for step in steps if step.out in wanted]
        self.place = {out: i for i, step in enumerate(self.steps) for out in step.outs}
        self.readers: dict[Var, list[int]] = {}
        for i, step in enumerate(self.steps):
            for var in {self.base(v) for v in step.operands}:
                self.readers.setdefault(var, []).append(i)
        self.group: dict[int, list[int]] = {}  # of each step, in order
        self.nests: dict[int, Nest] = {}  # of each group, by its last step
        self.apart: set[int] = set()  # steps that would have been in one kernel with others

    def base(self, var: Var) -> Var:
        """What a variable shows, without the views between."""
        while var in self.views:
            var = self.views[var].operands[0]
        return var

    def run(self) -> list[Step]:
        """The steps in groups."""
        for i, step in enumerate(self.steps):
            if is_fusible(step):
                self._join(i, step)
        return self._written()

    def _join(self, i: int, step: Step) -> None:
        """Put a step into a group with those that made its operands, or that read them too."""
        members = [i]
        nest = nest_of([step], self.views)
        if nest is None:
            return
        near: dict[int, list[int]] = {}
        for var in dict.fromkeys(self.base(v) for v in step.operands):
            for j in (self.place.get(var, i), *self.readers.get(var, ())):
                if j < i and j in self.group:
                    near[self.group[j][-1]] = self.group[j]
        for last in sorted(near, reverse=True):
            joined = sorted({*near[last], *members})
            if len(joined) <= LARGEST and self._is_free(joined, i):
                found = nest_of([self.steps[j] for j in joined], self.views)
                if found is not None and _is_better_apart(found):
                    self.apart.update(joined)
                elif found is not None:
                    members, nest = joined, found
        for j in members:
            self.nests.pop(self.group[j][-1], None) if j in self.group else None
        for j in members:
            self.group[j] = members
        self.nests[i] = nest

    def _is_free(self, members: Sequence[int], last: int) -> bool:
        """Whether nothing outside of the group needs a result of it before its last step."""
        own = set(members)
        return all(
            reader > last or reader in own for j in members for reader in self.readers.get(self.steps[j].out, ())
        )

    def _written(self) -> list[Step]:
        found: list[Step] = []
        shown: set[Var] = set()

        def show(var: Var) -> None:
            if var in self.views and var in self.own and var not in shown:
                shown.add(var)
                show(self.views[var].operands[0])
                found.append(self.views[var])

        for i, step in enumerate(self.steps):
            members = self.group.get(i, [i])
            if len(members) == 1 and i not in self.apart:
                for var in step.operands:
                    show(var)
                found.append(step)
            elif members[-1] == i:
                found.append(self._fused(members, self.nests[i]))
        for var in self.asked:
            show(var)
        return found

    def _fused(self, members: Sequence[int], nest: Nest) -> Step:
        own = set(members)
        outputs = [
            self.steps[j].out
            for j in members
            if self.steps[j].out in self.wanted or any(r not in own for r in self.readers.get(self.steps[j].out, ()))
        ]
        reads: dict[Var, Read] = {read.var: read for read in nest.reads.values()}
        operands = [var for var in reads if not is_number(var)]
        through: dict[Var, Step] = {}
        for step in nest.steps:
            for var in step.operands:
                while var in self.views:
                    through[var] = self.views[var]
                    var = self.views[var].operands[0]
        op = Fused(nest, list(through.values()), operands, outputs)
        return Step(op, tuple(operands), {}, outputs[0], tuple(outputs[1:]))
