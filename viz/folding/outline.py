"""A graph written down in integers, so that folding a hundred thousand nodes takes no time worth mentioning.

Node `i` is the i-th in topological order; scopes are numbered as they are met. No text is made here: only what survives
folding is ever described in words.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu import graph

NOWHERE = -1


@dataclass
class Outline:
    """The nodes of a graph, what each one reads, and the scope each was made in."""

    nodes: list[Any]
    parents: list[tuple[int, ...]]
    reads: list[int]  # how often each node is read
    readers: dict[int, list[int]]  # of each node without operands: who reads it, as often as it does
    height: list[int]  # longest way down to a leaf
    role: list[str]  # "parameter", "input", "constant" or "op"
    shape: list[tuple[int, ...]]
    scope: list[int]  # NOWHERE outside every scope
    scope_parent: list[int]
    scope_name: list[str]
    roots: list[int]

    def scope_path(self, scope: int) -> str:
        """The names from the outermost scope to this one, such as "mlp/layer0"; empty for NOWHERE."""
        names = []
        while scope != NOWHERE:
            names.append(self.scope_name[scope])
            scope = self.scope_parent[scope]
        return "/".join(reversed(names))


def outline(roots: Iterable[Any]) -> Outline:
    """Write down the graph of these roots.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a = Value(3.0)
    >>> written = outline([a * a])
    >>> written.parents, written.role
    ([(), (0, 0)], ['input', 'op'])
    """
    roots = list(roots)
    nodes = graph.topological(roots)
    index = {node: position for position, node in enumerate(nodes)}
    parents = [tuple([index[parent] for parent in node.parents]) for node in nodes]
    reads, height = [0] * len(nodes), [0] * len(nodes)
    readers: dict[int, list[int]] = {position: [] for position, operands in enumerate(parents) if not operands}
    for position, operands in enumerate(parents):
        if operands:
            height[position] = 1 + max([height[operand] for operand in operands])
        for operand in operands:
            reads[operand] += 1
            if operand in readers:
                readers[operand].append(position)
    scopes = _Scopes()
    return Outline(
        nodes=nodes,
        parents=parents,
        reads=reads,
        readers=readers,
        height=height,
        role=["op" if operands else leaf_role(node) for node, operands in zip(nodes, parents, strict=True)],
        shape=[() if type(node.data) is float else np.shape(node.data) for node in nodes],
        scope=[scopes.number(node.scope) for node in nodes],
        scope_parent=scopes.parent,
        scope_name=scopes.name,
        roots=sorted({index[root] for root in roots}),
    )


def leaf_role(node: Any) -> str:
    """What a node without operands is: a parameter, an input, a constant, or an operation such as random numbers."""
    if getattr(type(node), "role", "value") == "parameter":
        return "parameter"
    if node.op.name == "constant":
        return "constant"
    return "input" if node.op.name == "leaf" else "op"


class _Scopes:
    """Numbers scopes as they are met, a parent always before its children."""

    def __init__(self) -> None:
        self.parent: list[int] = []
        self.name: list[str] = []
        self._numbers: dict[int, int] = {}

    def number(self, scope: Any) -> int:
        new = []
        while scope is not None and id(scope) not in self._numbers:
            new.append(scope)
            scope = scope.parent
        last = NOWHERE if scope is None else self._numbers[id(scope)]
        for scope in reversed(new):
            self.parent.append(last)
            self.name.append(str(scope.name))
            last = self._numbers[id(scope)] = len(self.parent) - 1
        return last


class Tree:
    """A forest given by parents, with the questions folding asks of it; NOWHERE stands above all roots."""

    def __init__(self, parent: list[int]) -> None:
        self.parent = parent
        self.depth = [0] * len(parent)
        self.height = [0] * len(parent)
        for child, above in enumerate(parent):
            self.depth[child] = self.depth[above] + 1 if above != NOWHERE else 0
        for child in range(len(parent) - 1, -1, -1):
            above = parent[child]
            if above != NOWHERE:
                self.height[above] = max(self.height[above], self.height[child] + 1)

    def meet(self, one: int, other: int) -> int:
        """The innermost member that contains both."""
        while one != other:
            if one == NOWHERE or other == NOWHERE:
                return NOWHERE
            if self.depth[one] < self.depth[other]:
                one, other = other, one
            one = self.parent[one]
        return one

    def path(self, member: int) -> list[int]:
        """The member and everything around it, outermost first."""
        found = []
        while member != NOWHERE:
            found.append(member)
            member = self.parent[member]
        return found[::-1]

    def outermost(self, kept: list[bool]) -> list[int]:
        """For each member, the outermost one at or above it that is in `kept`, or NOWHERE."""
        found = [NOWHERE] * len(self.parent)
        for member, above in enumerate(self.parent):
            inherited = found[above] if above != NOWHERE else NOWHERE
            found[member] = inherited if inherited != NOWHERE else (member if kept[member] else NOWHERE)
        return found
