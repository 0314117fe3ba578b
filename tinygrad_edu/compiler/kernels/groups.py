"""Finds the steps that go image by image, and makes one kernel of those that can go together."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tinygrad_edu.compiler.kernels import convolution, pooling
from tinygrad_edu.compiler.kernels.images import Work, chained, is_channel_sum, is_entrywise
from tinygrad_edu.compiler.kernels.nest import is_number
from tinygrad_edu.compiler.kernels.together import merged
from tinygrad_edu.compiler.kernels.whole import step_of
from tinygrad_edu.compiler.program import Step, Var

WORKS: dict[str, Work] = {**convolution.WORKS, **pooling.WORKS}
LARGEST = 6  # convolutions and pools in one kernel: its compilation takes time


@dataclass(eq=False)
class Group:
    """Steps that become one kernel.

    Attributes
    ----------
    count : int
        How many images.
    members : list of Step
    works : list of Work or None
        None for an entrywise step.
    made, sums : set of Var
        Results; those of them that are known only when all images are done.
    """

    count: int
    members: list[Step] = field(default_factory=list)
    works: list[Work | None] = field(default_factory=list)
    made: set[Var] = field(default_factory=set)
    sums: set[Var] = field(default_factory=set)

    def add(self, step: Step, work: Work | None) -> None:
        """Take a step in."""
        self.members.append(step)
        self.works.append(work)
        self.made.add(step.out)
        if is_channel_sum(step) if work is None else work.sums:
            self.sums.add(step.out)

    def drop(self) -> None:
        """Give the last step back."""
        out = self.members.pop().out
        self.works.pop()
        self.made.discard(out)
        self.sums.discard(out)

    def may_have(self, step: Step, work: Work | None) -> bool:
        """Whether a step can go along with the members: it looks at what they make, or at what they look at."""
        if not self.sums.isdisjoint(step.operands):
            return False
        seen = {var for member in self.members for var in member.operands} | self.made
        if work is None:
            return any(var in seen and len(var.shape) == 4 and var.shape[0] == self.count for var in step.operands)
        images = [step.operands[i] for i in work.images(step)]
        others = [var for i, var in enumerate(step.operands) if i not in work.images(step)]
        if images[0].shape[0] != self.count or not self.made.isdisjoint(others):
            return False
        return sum(w is not None for w in self.works) < LARGEST and not seen.isdisjoint(images)


def grouped(steps: Sequence[Step], wanted: Collection[Var]) -> list[Step]:
    """The same steps, with those that go image by image in groups, each as one step of a kernel.

    Parameters
    ----------
    steps : sequence of Step
        In order.
    wanted : collection of Var
        Results that somebody else needs.
    """
    groups: list[Group] = []
    home: dict[Step, Group] = {}
    for step in steps:
        work = _work_of(step)
        if work is None and not (groups and (is_entrywise(step) or is_channel_sum(step))):
            continue
        for group in reversed(groups):
            if group.may_have(step, work):
                group.add(step, work)
                if _in_order(steps, {**home, step: group}) is not None:
                    home[step] = group
                    break
                group.drop()
        else:
            if work is not None:
                groups.append(Group(step.operands[0].shape[0]))
                groups[-1].add(step, work)
                home[step] = groups[-1]
    found = _in_order(steps, home)
    assert found is not None
    return [_kernel(thing, steps, wanted) if isinstance(thing, Group) else thing for thing in found]


def _work_of(step: Step) -> Work | None:
    work = WORKS.get(step.op.name)
    if work is None or any(var.dtype is None or var.size == 0 for var in (*step.operands, step.out)):
        return None
    return work if work.fits(step) else None


def _in_order(steps: Sequence[Step], home: dict[Step, Group]) -> list[Step | Group] | None:
    """Steps and groups in an order in which they can run, as early as they can; None if there is none."""
    made = {step.out: home.get(step, step) for step in steps}
    waiting: dict[Step | Group, set[Step | Group]] = {}
    readers: dict[Step | Group, list[Step | Group]] = {}
    for step in steps:
        node = home.get(step, step)
        needs = {made[var] for var in step.operands if var in made} - {node}
        waiting.setdefault(node, set()).update(needs)
        for other in needs:
            readers.setdefault(other, []).append(node)
    found: list[Step | Group] = []
    ready = [node for node in reversed(waiting) if not waiting[node]]
    while ready:
        node = ready.pop()
        found.append(node)
        for reader in reversed(dict.fromkeys(readers.get(node, ()))):
            waiting[reader].discard(node)
            if not waiting[reader]:
                ready.append(reader)
    return found if len(found) == len(waiting) else None


def _kernel(group: Group, steps: Sequence[Step], wanted: Collection[Var]) -> Step:
    outside = {var for step in steps if step not in group.members for var in step.operands}
    outputs = [step.out for step in group.members if step.out in wanted or step.out in outside]
    read: dict[Var, None] = {}
    for step, work in zip(group.members, group.works, strict=True):  # entrywise steps have numbers written in them
        read.update(dict.fromkeys(var for var in step.operands if work is not None or not is_number(var)))
    operands = [var for var in read if var not in group.made]
    kernel = chained(merged(group.members, outputs), WORKS, group.count, operands, outputs)
    return step_of(kernel, group.members, operands, outputs)
