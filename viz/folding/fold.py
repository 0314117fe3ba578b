"""Which nodes are drawn as one: the gentlest folding that fits, and a note of everything it folded.

A ladder of plans is climbed until one fits: scopes fold from the innermost outwards, on each step first every scope
on its own, then equal ones as one, then whatever repeats in a row. What is left after the last step is pooled by
operation.
"""

import re
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from tinygrad_edu.viz.folding.outline import NOWHERE, Outline, Tree
from tinygrad_edu.viz.folding.repeats import alike, run_ends, stretches
from tinygrad_edu.viz.folding.scopes import Classes, merged, places, separate

Fold = Literal["auto", "scopes", "repeats"] | bool
Cut = Callable[[Tree], list[bool]]  # which scopes are folded
EDGES_PER_NODE = 1.5


@dataclass
class Group:
    """Nodes that are drawn as one.

    `kind` is "node" (one node), "alike" (`copies` nodes side by side), "run" (a chain of one operation), "scope" (a
    folded scope class), "repeat" (a stretch that repeats `copies` times) or "pool" (all that is left of one operation).
    `outputs` are the members whose results leave the group; `pattern` holds the first turn of a repeat.
    """

    kind: str
    members: list[int]
    place: int
    copies: int = 1
    outputs: list[int] = field(default_factory=list)
    pattern: "list[Group]" = field(default_factory=list)
    scope: int = NOWHERE

    @property
    def folded(self) -> bool:
        """Whether this is one box without an operation circle of its own."""
        return self.kind in ("scope", "repeat", "pool")


@dataclass
class Plan:
    """A partition of the graph into groups, in drawing order."""

    graph: Outline
    classes: Classes
    groups: list[Group]
    group_of: list[int]

    def operands(self, group: int) -> dict[int, int]:
        """The other groups that this one reads, in order, and how many edges come from each."""
        found: dict[int, int] = {}
        for member in self.groups[group].members:
            for operand in self.graph.parents[member]:
                source = self.group_of[operand]
                if source != group:
                    found[source] = found.get(source, 0) + 1
        return found

    def edge_count(self) -> int:
        """How many edges will be drawn."""
        return sum(len(self.operands(group)) for group in range(len(self.groups)))

    def fits(self, limit: int) -> bool:
        """Whether the plan is small enough to read."""
        return len(self.groups) <= limit and self.edge_count() <= EDGES_PER_NODE * limit


def plan(graph: Outline, fold: Fold | Literal["layers"] = "auto", max_nodes: int = 120) -> Plan:
    """The first plan on the ladder that fits; the last one if none does."""
    apart = separate(graph)
    best: Plan | None = None
    if fold is not False and (fold not in (True, "auto") or len(graph.nodes) > max_nodes):
        for candidate in _ladder(graph, apart, fold):
            if candidate.fits(max_nodes):
                return candidate
            if len(candidate.groups) < (len(graph.nodes) if best is None else len(best.groups)):
                best = candidate
    return best or by_scope(graph, apart, up_to(-1))


def up_to(height: int) -> Cut:
    """Fold the scopes in which no more than so many others are nested."""
    return lambda tree: [own <= height for own in tree.height]


def layers(tree: Tree) -> list[bool]:
    """Fold the parts of each outermost scope; itself, if it has none."""
    return [depth > 0 or height == 0 for depth, height in zip(tree.depth, tree.height, strict=True)]


def _ladder(graph: Outline, apart: Classes, fold: Fold | Literal["layers"]) -> Iterator[Plan]:
    """Plans from gentle to coarse."""
    tallest = max(apart.tree.height, default=-1)
    cuts = [up_to(-1)] if fold == "repeats" or tallest < 0 else [up_to(one) for one in _sample(range(tallest + 1))]
    if fold == "layers":
        cuts = [layers, up_to(tallest)]
    together: list[Plan] = []
    for cut in cuts:
        if fold != "repeats":
            yield by_scope(graph, apart, cut)
        if fold != "scopes":
            together = []
            for in_sequence in (False, True) if tallest >= 0 else (True,):
                together.append(by_repetition(graph, merged(graph, in_sequence), cut))
                yield together[-1]
            yield from map(in_a_row, together)
    if fold != "scopes":
        yield pooled(in_a_row(together[-1]))


def by_scope(graph: Outline, classes: Classes, cut: Cut) -> Plan:
    """Every scope class that is cut is one group, every other node its own."""
    place, folded = _folded(graph, classes, cut)
    keys = [node if scope == NOWHERE else -1 - scope for node, scope in enumerate(folded)]
    return _assemble(graph, classes, place, folded, keys, list(range(len(keys))))


def by_repetition(graph: Outline, classes: Classes, cut: Cut) -> Plan:
    """As `by_scope`, and nodes that are alike or in a run are one group as well."""
    place, folded = _folded(graph, classes, cut)
    end = run_ends(graph, place, folded)
    return _assemble(graph, classes, place, folded, alike(graph, place, folded, end), end)


def in_a_row(before: Plan) -> Plan:
    """As the plan before, with every stretch that repeats itself as one group."""
    groups = before.groups
    sources = [before.operands(group) for group in range(len(groups))]
    readers = [0] * len(groups)
    for found in sources:
        for source in found:
            readers[source] += 1
    labels = [_label(before, number, sources[number], readers) for number in range(len(groups))]
    replaced: dict[int, Group] = {}
    dropped: set[int] = set()
    for start, period, repeats in stretches(labels):
        inside = groups[start : start + period * repeats]
        place = inside[0].place
        for group in inside:
            place = before.classes.tree.meet(place, group.place)
        replaced[start] = Group(
            "repeat",
            sorted(member for group in inside for member in group.members),
            place,
            copies=repeats,
            outputs=inside[-1].outputs,
            pattern=inside[:period],
        )
        dropped.update(range(start, start + period * repeats))
    kept = [
        replaced.get(number, group)
        for number, group in enumerate(groups)
        if number in replaced or number not in dropped
    ]
    return _numbered(before.graph, before.classes, kept)


def pooled(before: Plan) -> Plan:
    """As the plan before, with all that is left put together by operation and by the kind of scope."""
    pools: dict[Hashable, list[Group]] = {}
    tree = before.classes.tree
    for group in before.groups:
        first = group.outputs[0]
        place = tree.path(group.place)[0] if group.place != NOWHERE else NOWHERE
        key: Hashable
        if first in before.graph.roots:
            key = ("root", first)
        elif group.kind == "scope":
            key = ("scope", _stem(before.classes.label(group.scope)))
        elif group.kind == "repeat":
            key = ("repeat", group.members[0])
        else:
            key = (before.graph.role[first], before.graph.nodes[first].op.name, place)
        pools.setdefault(key, []).append(group)
    together = [groups[0] if len(groups) == 1 else _pool(groups, before.classes) for groups in pools.values()]
    return _numbered(before.graph, before.classes, together)


def _pool(groups: list[Group], classes: Classes) -> Group:
    """All of these as one, inside the outermost scope they share."""
    place = groups[0].place
    for group in groups:
        place = classes.tree.meet(place, group.place)
    return Group(
        "pool",
        [member for group in groups for member in group.members],
        place,
        copies=len(groups),
        outputs=[output for group in groups for output in group.outputs],
    )


def _folded(graph: Outline, classes: Classes, cut: Cut) -> tuple[list[int], list[int]]:
    """The place of each node that stays on its own, and the folded class of each other one."""
    place = places(graph, classes)
    around = classes.tree.outermost(cut(classes.tree))
    folded = [around[where] if where != NOWHERE else NOWHERE for where in place]
    for root in graph.roots:  # what was asked for is always seen
        if folded[root] != NOWHERE:
            place[root] = classes.tree.parent[folded[root]]
            folded[root] = NOWHERE
    return place, folded


def _assemble(
    graph: Outline,
    classes: Classes,
    place: list[int],
    folded: list[int],
    keys: list[int],
    end: list[int],
) -> Plan:
    """A group for each key; `end` as `run_ends` gives it."""
    members: dict[int, list[int]] = {}
    for node, key in enumerate(keys):
        members.setdefault(key, []).append(node)
    read_outside = {
        operand
        for node, operands in enumerate(graph.parents)
        for operand in operands
        if keys[operand] != keys[node] and graph.parents[operand]
    }
    groups = []
    for nodes in members.values():
        scope = folded[nodes[0]]
        if scope != NOWHERE:
            outputs = [node for node in nodes if node in read_outside] or nodes[-1:]
            kind, where, copies = "scope", classes.tree.parent[scope], classes.copies(scope)
        else:
            outputs = [node for node in nodes if end[node] == node]
            kind = "node" if len(nodes) == 1 else "alike" if len(outputs) == len(nodes) else "run"
            where, copies = place[nodes[0]], len(outputs)
        groups.append(Group(kind, nodes, where, copies, outputs, scope=scope))
    return _numbered(graph, classes, groups)


def _numbered(graph: Outline, classes: Classes, groups: list[Group]) -> Plan:
    """The plan of these groups, in the order in which their results come."""
    groups = sorted(groups, key=lambda group: group.outputs[-1])
    group_of = [0] * len(graph.nodes)
    for number, group in enumerate(groups):
        for member in group.members:
            group_of[member] = number
    return Plan(graph, classes, groups, group_of)


def _label(before: Plan, number: int, sources: dict[int, int], readers: list[int]) -> Hashable:
    """What a group is and how it is wired to those before it; a stretch of equal labels repeats itself."""
    group, graph = before.groups[number], before.graph
    first = group.outputs[0]
    if first in graph.roots:
        return ("root", number)
    wiring: list[Hashable] = []
    for source in sources:
        origin = before.groups[source].outputs[0]
        if not graph.parents[origin] and not before.groups[source].folded:
            wiring.append((graph.role[origin], graph.shape[origin]))
        elif readers[source] >= 3:
            wiring.append(("shared", graph.nodes[origin].op.name, graph.shape[origin]))
        else:
            wiring.append(number - source)
    name = _stem(before.classes.label(group.scope)) if group.kind == "scope" else graph.nodes[first].op.name
    role = group.kind if group.kind == "scope" else graph.role[first]
    # A set for the wiring of scopes: their operands come in no particular order.
    read = frozenset(wiring) if group.folded else tuple(wiring)
    return (role, name, graph.shape[first], group.place, group.copies, read)


def _stem(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def _sample(heights: range, most: int = 8) -> list[int]:
    """All heights, or a few evenly spread ones where scopes nest very deeply; always the last."""
    step = max(1, -(-len(heights) // most))
    return sorted({*heights[::step], heights[-1]})
