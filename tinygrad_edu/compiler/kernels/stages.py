"""Which loop of a kernel each step runs in: where rows are read more than once."""

import math
from dataclasses import dataclass, field

from tinygrad_edu.compiler.kernels.nest import Nest
from tinygrad_edu.compiler.kernels.scalars import is_slow
from tinygrad_edu.compiler.program import Var

SHORT = 4096  # entries of a row


@dataclass
class Stages:
    """When each step runs: entries in the numbered loop of a row, rows before the loop of that number.

    Attributes
    ----------
    of : dict of int to int
    crossing : dict of Var to int
        The entries that a later loop reads, with the loop that makes them.
    count : int
        How many loops.
    waiting : bool
        Whether some begin only so that slow functions need not wait for one another.
    """

    of: dict[int, int]
    crossing: dict[Var, int] = field(default_factory=dict)
    count: int = 0
    waiting: bool = False


def stages_of(nest: Nest) -> Stages:
    """The loops in each row: a new one begins where an entry needs a number of its whole row.

    Where rows are short, also between slow functions of one another: each waits for the one before, and only in short
    loops does the processor begin with the next entries meanwhile.
    """
    made = {step.out: i for i, step in enumerate(nest.steps)}
    short = math.prod(nest.shape[nest.split :]) <= SHORT
    stage: dict[int, int] = {}
    slow: dict[int, bool] = {}  # whether a step is a slow function of entries, or waits for one in its own loop
    readers: dict[int, list[int]] = {}
    split = False
    for i, step in enumerate(nest.steps):
        before = [made[var] for (k, _), var in nest.inside.items() if k == i]
        for j in before:
            readers.setdefault(j, []).append(i)
        stage[i] = max([stage[j] + (nest.over.get(j) == "row") for j in before], default=0)
        waits = any(slow[j] for j in before if stage[j] == stage[i])
        slow[i] = waits or (is_slow(step) and nest.level(nest.axes[step.out]) == "entry")
        if waits and short and is_slow(step):
            stage[i], split = stage[i] + 1, True
    for i in reversed(range(len(nest.steps))):  # as late as the readers allow
        step = nest.steps[i]
        stays = i in nest.over or (split and is_slow(step))
        if nest.level(nest.axes[step.out]) == "entry" and not stays and readers.get(i):
            stage[i] = max(stage[i], min(stage[j] for j in readers[i]))
    stages = Stages(stage, waiting=split)
    for i, step in enumerate(nest.steps):
        entries = nest.level(nest.axes[step.out]) == "entry" and i not in nest.over
        if entries and any(stage[j] > stage[i] for j in readers.get(i, ())):
            stages.crossing[step.out] = stage[i]
    loops = [stage[i] for i in range(len(nest.steps)) if runs_each_entry(nest, i)]
    stages.count = max(loops, default=-1) + 1
    return stages


def runs_each_entry(nest: Nest, i: int) -> bool:
    """Whether a step runs for each entry."""
    if i in nest.over:
        return nest.over[i] != "rows"
    return nest.level(nest.axes[nest.steps[i].out]) == "entry"
