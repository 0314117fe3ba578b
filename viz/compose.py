"""A folded plan as a picture: who gets a box, who a circle, and every edge in operand order."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu import kinds
from tinygrad_edu.viz.folding.fold import Group, Plan
from tinygrad_edu.viz.folding.notes import notes
from tinygrad_edu.viz.folding.outline import NOWHERE
from tinygrad_edu.viz.picture import Box, Circle, Cluster, Edge, Line, Picture
from tinygrad_edu.viz.text import clean, count_text, few_numbers
from tinygrad_edu.viz.words import many_lines, node_lines, node_tip, node_title, op_tip, repeat_box, scope_box

OPERANDS = "xyzuvw"  # what the entries call the operands in `reads`
OPERAND = re.compile(rf"\b[{OPERANDS}]\b")
SYMBOL_LENGTH = 14
DEEPEST = 12


def compose(plan: Plan, title: str, direction: str, gradients: bool, local: bool, max_nodes: int) -> Picture:
    """The picture of a plan.

    Parameters
    ----------
    plan : Plan
    title : str
    direction : {"LR", "TB"}
    gradients : bool
        Write the gradient under each value.
    local : bool
        Write the local derivative on each operand's edge.
    max_nodes : int
        What the plan was meant to fit, for the notes.
    """
    composer = _Composer(plan, gradients, local)
    for number in range(len(plan.groups)):
        composer.add(number)
    return Picture(
        title=clean(title, 120),
        direction=direction,
        boxes=tuple(composer.boxes),
        circles=tuple(composer.circles),
        edges=tuple(composer.edges),
        clusters=tuple(composer.clusters.values()),
        notes=tuple(notes(plan, max_nodes)),
        order=tuple(composer.order),
    )


class _Composer:
    def __init__(self, plan: Plan, gradients: bool, local: bool) -> None:
        self.plan, self.gradients, self.local = plan, gradients, local
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
            title, tag, lines = scope_box(self.plan, number, self.gradients)
            role, tip = "scope", self.plan.classes.path(group.scope)
        else:
            title, tag, lines = repeat_box(self.plan, number)
            role, tip = "repeat", count_text(len(group.members), "node")
        self.boxes.append(Box(key, role, title, lines, tag, cluster, tip))
        self.order.append(key)
        sources = self.plan.operands(number)
        for port, (source, count) in enumerate(sources.items()):
            self.edges.append(Edge(f"v{source}", key, port, len(sources), tip=count_text(count, "edge")))

    def _operation(self, number: int, group: Group, cluster: str | None) -> None:
        graph = self.plan.graph
        key, first = f"o{number}", group.outputs[0]
        node = graph.nodes[first]
        count = f"×{len(group.members):,}" if len(group.members) > 1 else ""
        self.circles.append(Circle(key, clean(node.op.symbol, SYMBOL_LENGTH), count, cluster, op_tip(node)))
        self.order.append(key)
        if group.kind == "run":
            sources = self.plan.operands(number)
            for port, (source, times) in enumerate(sources.items()):
                self.edges.append(Edge(f"v{source}", key, port, len(sources), tip=count_text(times, "operand")))
        else:
            operands = len(graph.parents[first])
            labels = self._local_labels(node) if self.local and group.kind == "node" else [""] * operands
            for port in range(operands):
                tip = f"operand {port + 1} of {operands}" if operands > 1 else ""
                for source in dict.fromkeys(
                    self.plan.group_of[graph.parents[member][port]] for member in group.members
                ):
                    self.edges.append(Edge(f"v{source}", key, port, operands, labels[port], tip))
        self.edges.append(Edge(key, f"v{number}"))

    def _value(self, number: int, group: Group, cluster: str | None) -> None:
        graph = self.plan.graph
        key, first = f"v{number}", group.outputs[0]
        nodes = [graph.nodes[output] for output in group.outputs]
        role = "root" if first in self.roots else graph.role[first]
        role = "value" if role == "op" else role
        gradients = self.gradients and role != "constant"
        lines: tuple[Line, ...]
        tip = node_tip(self.plan, first)
        if len(nodes) == 1:
            title, lines = node_title(nodes[0]), node_lines(nodes[0], gradients)
        else:
            title, lines, tip = _common_title(nodes), many_lines(nodes, gradients), f"{tip} and others alike"
        self.boxes.append(Box(key, role, title, lines, "", cluster, tip))
        self.order.append(key)

    def _local_labels(self, node: Any) -> list[str]:
        """On each operand's edge: the local derivative in symbols and, for an elementwise operation, in numbers."""
        labels = []
        with np.errstate(all="ignore"):  # such as log(x) of a negative base, for an exponent nobody differentiates
            partials = kinds.local_derivatives(node)
        for parent, reads, partial in zip(node.parents, node.op.reads, partials, strict=False):
            text = clean(_with_names(reads, node.parents) or ("" if partial is not None else reads), 18)
            if parent.op.name == "constant":
                text = ""
            elif partial is not None and few_numbers(partial, 2) != text:
                text = f"{text} = {few_numbers(partial, 2)}" if text else few_numbers(partial, 2)
            labels.append(text)
        return labels + [""] * (len(node.parents) - len(labels))


def _with_names(reads: str, parents: Sequence[Any]) -> str:
    """A derivative written with the operands' own names; "" if it speaks of one of several that have none."""
    names = {letter: parent.name for letter, parent in zip(OPERANDS, parents, strict=False)}
    used = set(OPERAND.findall(reads)) & set(names)
    if any(names[letter] is None for letter in used):
        return reads if len(parents) == 1 else ""
    return OPERAND.sub(lambda found: str(names.get(found[0], found[0])), reads)


def _common_title(nodes: list[Any]) -> str:
    """One name if all share it, the first and the last if they have several, nothing if they have none."""
    names = list(dict.fromkeys(node_title(node) for node in nodes))
    return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}" if names[0] and names[-1] else ""
