"""A folded plan as a picture: who gets a box, who a circle, and every edge in operand order."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tinygrad_edu.viz.annotate import Annotations, Use
from tinygrad_edu.viz.folding.fold import Group, Plan
from tinygrad_edu.viz.folding.notes import notes
from tinygrad_edu.viz.folding.outline import NOWHERE
from tinygrad_edu.viz.picture import Box, Circle, Cluster, Edge, Line, Picture
from tinygrad_edu.viz.style import LEVELS
from tinygrad_edu.viz.text import clean, count_text, wrap
from tinygrad_edu.viz.words import many_lines, node_lines, node_tip, node_title, op_tip, repeat_box, scope_box

SYMBOL_LENGTH = 14
DEEPEST = 12
MARK_COLUMNS = 34
THINNEST, SPREAD = 0.6, 3.6  # the width of an edge that carries nothing, and how much more the largest has


def compose(plan: Plan, title: str, direction: str, annotations: Annotations, max_nodes: int) -> Picture:
    """The picture of a plan.

    Parameters
    ----------
    plan : Plan
    title : str
    direction : {"LR", "TB"}
    annotations : Annotations
        What is written beside names and numbers.
    max_nodes : int
        What the plan was meant to fit, for the notes.
    """
    composer = _Composer(plan, annotations)
    for number in range(len(plan.groups)):
        composer.add(number)
    return Picture(
        title=clean(title, 120),
        direction=direction,
        boxes=tuple(composer.boxes),
        circles=tuple(composer.circles),
        edges=_scaled(composer.edges),
        clusters=tuple(composer.clusters.values()),
        notes=tuple(notes(plan, max_nodes)),
        order=tuple(composer.order),
        legend=annotations.legend,
    )


def _scaled(edges: list[Edge]) -> tuple[Edge, ...]:
    """Widths from magnitudes: the root of their part of the largest, so that small ones can still be seen."""
    largest = max((edge.width for edge in edges), default=0.0)
    if not largest:
        return tuple(replace(edge, width=1.0) for edge in edges)
    return tuple(replace(edge, width=round(THINNEST + SPREAD * (edge.width / largest) ** 0.5, 2)) for edge in edges)


class _Composer:
    def __init__(self, plan: Plan, annotations: Annotations) -> None:
        self.plan, self.annotations = plan, annotations
        self.boxes: list[Box] = []
        self.circles: list[Circle] = []
        self.edges: list[Edge] = []
        self.clusters: dict[int, Cluster] = {}
        self.order: list[str] = []
        self.roots = set(plan.graph.roots)

    def add(self, number: int) -> None:
        group = self.plan.groups[number]
        cluster = self._cluster(group.place)
        if group.folded:
            self._folded_box(number, group, cluster)
            return
        first = group.outputs[0]
        if self.plan.graph.parents[first]:
            self._operation(number, group, cluster)
        self._value(number, group, cluster)

    def _cluster(self, place: int) -> str | None:
        if place == NOWHERE:
            return None
        parent = None
        path = self.plan.classes.tree.path(place)
        for one in (*path[: DEEPEST - 1], *path[DEEPEST - 1 :][-1:]):  # frames around frames end somewhere
            if one not in self.clusters:
                copies = self.plan.classes.copies(one)
                label = self.plan.classes.label(one) + (f"  ×{copies:,}" if copies > 1 else "")
                self.clusters[one] = Cluster(f"cluster{len(self.clusters)}", label, parent, self.plan.classes.path(one))
            parent = self.clusters[one].key
        return parent

    def _folded_box(self, number: int, group: Group, cluster: str | None) -> None:
        key = f"v{number}"
        if group.kind == "scope":
            title, tag, lines = scope_box(self.plan, number, self.annotations)
            role, tip = "scope", self.plan.classes.path(group.scope)
        else:
            title, tag, lines = repeat_box(self.plan, number)
            role, tip = "repeat", count_text(len(group.members), "node")
        self._box(
            key, role, title, lines, [self.plan.graph.nodes[member] for member in group.members], tag, cluster, tip
        )
        self._edges_from_outside(number, key, "edge")

    def _operation(self, number: int, group: Group, cluster: str | None) -> None:
        graph = self.plan.graph
        key, first = f"o{number}", group.outputs[0]
        node = graph.nodes[first]
        count = f"×{len(group.members):,}" if len(group.members) > 1 else ""
        self.circles.append(Circle(key, clean(node.op.symbol, SYMBOL_LENGTH), count, cluster, op_tip(node)))
        self.order.append(key)
        results = [graph.nodes[member] for member in group.members]
        if group.kind == "run":
            self._edges_from_outside(number, key, "operand")
        else:
            operands = len(graph.parents[first])
            for port in range(operands):
                tip = f"operand {port + 1} of {operands}" if operands > 1 else ""
                label = self.annotations.words(node, port) if group.kind == "node" else ""
                sources: dict[int, list[Use]] = {}
                for member in group.members:
                    source = self.plan.group_of[graph.parents[member][port]]
                    sources.setdefault(source, []).append((graph.nodes[member], port))
                for source, uses in sources.items():
                    self._edge(f"v{source}", key, uses, port, operands, label, tip)
        flow, tone = self.annotations.flow(results), self.annotations.result_tone(results)
        self.edges.append(Edge(key, f"v{number}", width=flow, tone=tone))

    def _edges_from_outside(self, number: int, key: str, what: str) -> None:
        """One edge from each other group that this one reads."""
        plan, graph = self.plan, self.plan.graph
        sources: dict[int, list[Use]] = {}
        for member in plan.groups[number].members:
            for port, operand in enumerate(graph.parents[member]):
                if plan.group_of[operand] != number:
                    sources.setdefault(plan.group_of[operand], []).append((graph.nodes[member], port))
        for place, (source, uses) in enumerate(sources.items()):
            self._edge(f"v{source}", key, uses, place, len(sources), "", count_text(len(uses), what))

    def _edge(self, tail: str, head: str, uses: Sequence[Use], port: int, ports: int, label: str, tip: str) -> None:
        width, tone = self.annotations.magnitude(uses), self.annotations.tone(uses)
        self.edges.append(Edge(tail, head, port, ports, label, tip, width, tone))

    def _value(self, number: int, group: Group, cluster: str | None) -> None:
        graph = self.plan.graph
        key, first = f"v{number}", group.outputs[0]
        nodes = [graph.nodes[output] for output in group.outputs]
        role = "root" if first in self.roots else graph.role[first]
        role = "value" if role == "op" else role
        annotations = self.annotations if role != "constant" else None
        lines: tuple[Line, ...]
        tip = node_tip(self.plan, first)
        if len(nodes) == 1:
            title, lines = node_title(nodes[0]), node_lines(nodes[0], annotations)
        else:
            title, lines, tip = _common_title(nodes), many_lines(nodes, annotations), f"{tip} and others alike"
        members = [graph.nodes[member] for member in group.members]
        self._box(key, role, title, lines, members, "", cluster, tip)

    def _box(
        self,
        key: str,
        role: str,
        title: str,
        lines: Sequence[Line],
        nodes: Sequence[Any],
        tag: str,
        cluster: str | None,
        tip: str,
    ) -> None:
        """A box, with what the overlay says of its nodes below its own lines."""
        mark = self.annotations.mark(nodes)
        said = wrap(f"{LEVELS[mark.level].sign} {mark.text}", MARK_COLUMNS) if mark is not None else []
        marked = [Line(text, mark.level) for text in said] if mark is not None else []
        level = mark.level if mark is not None else ""
        self.boxes.append(Box(key, role, title, (*lines, *marked), tag, cluster, tip, level))
        self.order.append(key)


def _common_title(nodes: list[Any]) -> str:
    """One name if all share it, the first and the last if they have several, nothing if they have none."""
    names = list(dict.fromkeys(node_title(node) for node in nodes))
    return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}" if names[0] and names[-1] else ""
