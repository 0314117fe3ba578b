"""Scopes as classes: which recorded scopes are drawn as one, and where each node stands among them.

Two calls of one module are two scopes. Kept apart, each is a class of its own; merged, siblings of equal structure
(100 calls of a network, 16 neurons of a layer) become one class with a count.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from tinygrad_edu.viz.folding.outline import NOWHERE, Outline, Tree
from tinygrad_edu.viz.text import clean


@dataclass
class Classes:
    """A forest of scope classes; `of` maps each recorded scope to its class."""

    tree: Tree
    of: list[int]
    names: list[list[str]]  # the different names in each class, as met
    count: list[int]  # recorded scopes in each class

    def label(self, member: int) -> str:
        """The name of a class: one name, or the first and the last of several."""
        names = self.names[member]
        return clean(names[0]) if len(names) == 1 else f"{clean(names[0])} … {clean(names[-1])}"

    def path(self, member: int) -> str:
        """The labels from the outermost class to this one."""
        return "/".join(self.label(one) for one in self.tree.path(member))

    def copies(self, member: int) -> int:
        """How many of this class stand in each one of its parent (in all, if they are not evenly spread)."""
        above = self.tree.parent[member]
        around = self.count[above] if above != NOWHERE else 1
        return self.count[member] // around if self.count[member] % around == 0 else self.count[member]


class Interner:
    """Small numbers for things that are equal."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def __call__(self, thing: Hashable) -> int:
        """The number of this thing; equal things have equal numbers."""
        return self._numbers.setdefault(thing, len(self._numbers))


def separate(graph: Outline) -> Classes:
    """Every recorded scope a class of its own."""
    size = len(graph.scope_parent)
    return Classes(Tree(graph.scope_parent), list(range(size)), [[name] for name in graph.scope_name], [1] * size)


def merged(graph: Outline, in_sequence: bool) -> Classes:
    """Siblings of equal structure as one class.

    Parameters
    ----------
    graph : Outline
    in_sequence : bool
        Whether equal siblings at different heights of the graph (layers one after another) become one too,
        or only those side by side.
    """
    structure = signatures(graph)
    top = _heights(graph)
    of: list[int] = []
    parents: list[int] = []
    names: list[dict[str, None]] = []
    count: list[int] = []
    known: dict[Hashable, int] = {}
    for scope, above in enumerate(graph.scope_parent):
        parent = of[above] if above != NOWHERE else NOWHERE
        key = (parent, structure[scope], 0 if in_sequence else top[scope])
        if key not in known:
            known[key] = len(parents)
            parents.append(parent)
            names.append({})
            count.append(0)
        of.append(known[key])
        names[of[-1]][graph.scope_name[scope]] = None
        count[of[-1]] += 1
    return Classes(Tree(parents), of, [list(found) for found in names], count)


def signatures(graph: Outline) -> list[int]:
    """A number for the structure of each scope: equal for equal operations, shapes, wiring and inner scopes."""
    number = Interner()
    inside: list[list[int]] = [[] for _ in graph.scope_parent]
    codes = [0] * len(graph.nodes)
    for node, scope in enumerate(graph.scope):
        if scope == NOWHERE or graph.role[node] in ("parameter", "input"):
            continue
        wiring = tuple([codes[p] if graph.scope[p] == scope else graph.role[p] for p in graph.parents[node]])
        codes[node] = number((graph.nodes[node].op.name, graph.shape[node], wiring))
        inside[scope].append(codes[node])
    structure = [0] * len(inside)
    children: list[list[int]] = [[] for _ in inside]
    for scope in range(len(inside) - 1, -1, -1):
        structure[scope] = number(("scope", tuple(sorted(inside[scope])), tuple(sorted(children[scope]))))
        if graph.scope_parent[scope] != NOWHERE:
            children[graph.scope_parent[scope]].append(structure[scope])
    return structure


def places(graph: Outline, classes: Classes) -> list[int]:
    """The class each node stands in.

    An operation and an input stand where they were made. A parameter stands in the innermost scope around all the
    scopes that read it, so that a weight is drawn inside its layer and a shared one outside of both; so does a
    constant that was made outside every scope.
    """
    found = [classes.of[scope] if scope != NOWHERE else NOWHERE for scope in graph.scope]
    for node, role in enumerate(graph.role):
        if role == "parameter" or (role == "constant" and found[node] == NOWHERE):
            readers = {found[reader] for reader in graph.readers[node]} - {NOWHERE}
            around = sorted(readers)
            found[node] = around[0] if around else NOWHERE
            for other in around[1:]:
                found[node] = classes.tree.meet(found[node], other)
    return found


def _heights(graph: Outline) -> list[int]:
    top = [0] * len(graph.scope_parent)
    for node, scope in enumerate(graph.scope):
        if scope != NOWHERE:
            top[scope] = max(top[scope], graph.height[node])
    for scope in range(len(top) - 1, -1, -1):
        above = graph.scope_parent[scope]
        if above != NOWHERE:
            top[above] = max(top[above], top[scope])
    return top
