"""Repeated structure: nodes that do the same thing side by side, in a row, or over and over.

Three foldings, all exact about what they put together:

- *alike*: nodes with equal operations, shapes and (recursively) operands, such as the loss terms of 100 samples;
- *run*: three or more of one commutative operation feeding each other, such as the additions of a sum;
- *period*: a stretch of the graph that repeats with the same wiring, such as an unrolled loop.
"""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from tinygrad_edu.viz.folding.outline import NOWHERE, Outline
from tinygrad_edu.viz.folding.scopes import Interner

COMMUTATIVE = frozenset({"add", "multiply", "maximum", "minimum"})
SHORTEST_RUN = 3
FEWEST_ALIKE = 3
LONGEST_PERIOD = 64
FEWEST_REPEATS = 3
WORTHWHILE = 0.005  # of the sequence: what a stretch must save


def run_ends(graph: Outline, place: list[int], folded: list[int]) -> list[int]:
    """For each node the last node of its run, which is the node itself where there is none.

    Parameters
    ----------
    graph : Outline
    place : list of int
        The scope class of each node; a run never leaves its scope.
    folded : list of int
        NOWHERE for a node that is still on its own.
    """
    end = list(range(len(graph.nodes)))
    names = [node.op.name for node in graph.nodes]
    keep = set(graph.roots)
    for node in range(len(end) - 1, -1, -1):
        if names[node] not in COMMUTATIVE or folded[node] != NOWHERE:
            continue
        for operand in graph.parents[node]:
            if (
                names[operand] == names[node]
                and graph.reads[operand] == 1
                and place[operand] == place[node]
                and graph.shape[operand] == graph.shape[node]
                and folded[operand] == NOWHERE
                and operand not in keep
            ):
                end[operand] = end[node]
    lengths = np.bincount(end, minlength=len(end))
    return [last if lengths[last] >= SHORTEST_RUN else node for node, last in enumerate(end)]


def alike(graph: Outline, place: list[int], folded: list[int], end: list[int]) -> list[int]:
    """A number for each node, equal for nodes that are drawn as one; nodes of one folded scope share theirs."""
    number = Interner()
    roots = set(graph.roots)
    code = [0] * len(graph.nodes)
    read_by_run: dict[int, set[int]] = {}
    in_run = {last for node, last in enumerate(end) if node != last}
    for node, operands in enumerate(graph.parents):
        last = end[node]
        kind: Hashable
        if folded[node] != NOWHERE:
            kind = ("folded", folded[node])
        elif last in in_run:
            read = read_by_run.setdefault(last, set())
            read.update([code[operand] for operand in operands if end[operand] != last])
            if node != last:
                continue
            kind = ("run", frozenset(read_by_run.pop(last)))
        else:
            kind = tuple([code[operand] for operand in operands])
        where = 0 if folded[node] != NOWHERE else place[node]
        what: Hashable = (
            () if folded[node] != NOWHERE else (graph.nodes[node].op.name, graph.role[node], graph.shape[node])
        )
        code[node] = number((kind, where, what, node if node in roots else NOWHERE))
    # Leaves are also told apart by who reads them: weights from biases, the 1 in `1 - x` from the 1 in `x / 1`.
    for node, operands in enumerate(graph.parents):
        if not operands and folded[node] == NOWHERE:
            readers = frozenset([code[end[reader]] for reader in graph.readers[node]])
            code[node] = number((code[node], readers))
    return _pairs_apart([code[last] for last in end], folded, end, number)


def _pairs_apart(code: list[int], folded: list[int], end: list[int], number: Interner) -> list[int]:
    """Folding two of a kind saves little and hides much, so they stay two."""
    kinds = Counter(code[node] for node, last in enumerate(end) if node == last and folded[node] == NOWHERE)
    return [
        number(("apart", last)) if kinds[code[last]] < FEWEST_ALIKE and folded[last] == NOWHERE else code[last]
        for last in end
    ]


def stretches(labels: Sequence[Hashable]) -> list[tuple[int, int, int]]:
    """Where a sequence repeats itself: (start, period, repeats), not overlapping, the most saving first.

    Examples
    --------
    >>> stretches("xabababy")
    [(1, 2, 3)]
    """
    number = Interner()
    numbers = np.array([number(label) for label in labels], dtype=np.int64)
    found = []
    while True:
        best = max(
            (_longest(numbers, period) for period in range(1, min(LONGEST_PERIOD, len(numbers) // 2) + 1)),
            key=lambda stretch: stretch[1] * (stretch[2] - 1) - stretch[1] / (LONGEST_PERIOD + 1),
            default=(0, 1, 0),
        )
        start, period, repeats = best
        if repeats < FEWEST_REPEATS or period * (repeats - 1) < WORTHWHILE * len(numbers):
            break
        found.append(best)
        length = period * repeats
        # Used up: numbers that equal nothing else.
        numbers[start : start + length] = -np.arange(1, length + 1) - numbers.size * len(found)
    return found


def _longest(numbers: np.ndarray, period: int) -> tuple[int, int, int]:
    """The longest stretch with this period."""
    same = np.concatenate([[False], numbers[period:] == numbers[:-period], [False]])
    edges = np.flatnonzero(same[1:] != same[:-1])
    if not edges.size:
        return 0, period, 1
    starts, ends = edges[::2], edges[1::2]
    longest = int(np.argmax(ends - starts))
    return int(starts[longest]), period, int(ends[longest] - starts[longest] + period) // period
