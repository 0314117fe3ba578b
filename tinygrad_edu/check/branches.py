"""Which operation of a graph switches branch near the inputs: kinks and jumps are recognised, not only seen.

A piecewise linear operation pulls a gradient back in the same way all over one piece, so what its rule
makes of a fixed gradient is the branch it is on. One that is constant in pieces is told by its result.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from tinygrad_edu.check.claims import Array, quiet
from tinygrad_edu.check.subjects import Subject
from tinygrad_edu.graph import topological
from tinygrad_edu.mode import record_lines, tracing
from tinygrad_edu.op import Node

CONVENTIONS: Final = {  # piecewise linear operations, and what they do where two pieces meet
    "relu": "its derivative at 0 is 0",
    "leaky_relu": "its derivative at 0 is that of the negative side",
    "absolute": "its derivative at 0 is 0",
    "maximum": "a tie is split in half",
    "minimum": "a tie is split in half",
    "fmax": "a tie is split in half",
    "fmin": "a tie is split in half",
    "clip": "the edge passes the gradient",
    "max": "ties share the gradient evenly",
    "min": "ties share the gradient evenly",
    "max_pool2d": "ties share the gradient evenly",
    "cummax": "of a tie the first entry counts",
    "cummin": "of a tie the first entry counts",
    "sort": "equal entries keep their order",
    "partition": "equal entries keep their order",
    "where": "the branch that the condition chose counts",
    "getitem": "the entry that was read counts",
}
STAIRS: Final = ("sign", "floor", "ceil", "trunc", "rint", "round", "heaviside", "floor_divide")  # derivative 0
STEPS: Final = (2.0**-40, 2.0**-20, 2.0**-10)  # tried in turn, as parts of the scale
SHOWN: Final = 3


class Switch(NamedTuple):
    """An operation that is on another branch a small step away; None where the code took another path."""

    node: Node | None
    step: float

    def __str__(self) -> str:
        """Give the operation, its convention, and its line."""
        if self.node is None:
            return "the code takes another path (an `if` on the values)"
        name, convention = self.node.op.name, CONVENTIONS.get(self.node.op.name, "its derivative is 0")
        place = f", made at {self.node.line}" if self.node.line else ""
        return f"{name}{f' {self.node.name!r}' if self.node.name else ''} (by convention {convention}{place})"


class _Step(NamedTuple):
    node: Node
    operands: list[Any]
    result: Any


def switches(subject: Subject, directions: Mapping[int, Array]) -> list[Switch]:
    """The operations that switch branch to either side of the inputs, at the smallest step at which any does.

    Parameters
    ----------
    subject : Subject
        One with a graph; of others nothing is known.
    directions : mapping of argument position to array
        How a step of 1 moves each argument.

    Returns
    -------
    list of Switch
        In the order of the computation; empty if no operation known to have branches switches.
    """
    here = _steps(subject, subject.inputs)
    if not here:
        return []
    for step in STEPS:
        found: dict[int, Switch] = {}
        for signed in (step, -step):
            points = [x + signed * directions[i] if i in directions else x for i, x in enumerate(subject.inputs)]
            there = _steps(subject, points)
            if [s.node.op for s in there] != [s.node.op for s in here]:
                return [Switch(None, step)] if there else []
            for place, (old, new) in enumerate(zip(here, there, strict=True)):
                if _branch(old) != _branch(new):
                    found.setdefault(place, Switch(old.node, step))
        if found:
            return [found[place] for place in sorted(found)]
    return []


def told(found: Sequence[Switch]) -> str:
    """The switches in words, for the end of a sentence; empty if there are none."""
    if not found:
        return ""
    more = f", and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"; switching: {', '.join(map(str, found[:SHOWN]))}{more}"


def _steps(subject: Subject, points: Sequence[Array]) -> list[_Step]:
    """What a run of the function does at these inputs; nothing if it has no graph or no value there."""
    if subject.root is None:
        return []
    subject.evaluations += 1
    try:
        with quiet(), tracing(), record_lines():
            result = subject.run(points)
            if isinstance(result, Node):
                nodes = topological(result)
                data = {node: node.data for node in nodes}
            else:
                nodes = topological(subject.root)
                data = _replayed(nodes, dict(zip(subject.at, points, strict=True)))
    except (ArithmeticError, ValueError, TypeError):
        return []
    return [_Step(node, [data[p] for p in node.parents], data[node]) for node in nodes]


def _replayed(nodes: Sequence[Node], data: dict[Node, Any]) -> dict[Node, Any]:
    for node in nodes:
        if node not in data:
            moved = any(data[parent] is not parent.data for parent in node.parents)
            data[node] = node.op.compute(*[data[p] for p in node.parents], **node.params) if moved else node.data
    return data


def _branch(step: _Step) -> Any:
    """What tells the branch an operation is on, as bytes; None for those that have none."""
    op = step.node.op
    if op.name in STAIRS:
        return np.asarray(step.result).tobytes()
    if op.name not in CONVENTIONS:
        return None
    seed = np.random.default_rng(0).uniform(1.0, 2.0, np.shape(step.result))[()]
    with quiet():
        pulled = [
            op.pull(i, seed, step.result, step.operands, step.node.params)
            for i in range(len(step.operands)) if op.has_rule(i)
        ]  # fmt: skip
    return b"".join(np.asarray(part).tobytes() for part in pulled)
