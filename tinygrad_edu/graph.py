"""Walks over a graph: anything whose nodes have an ordered tuple `parents`.

Every walk is iterative and visits each node once, so a chain of a million nodes and a graph with
exponentially many paths are both fine.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol, TypeVar, cast


class HasParents(Protocol):
    """What a walk needs to know about a node."""

    @property
    def parents(self) -> tuple[Any, ...]:
        """The operands, in order and with repeats."""


N = TypeVar("N", bound=HasParents)


def topological(roots: N | Iterable[N], until: Iterable[N] = ()) -> list[N]:
    """Every node that the roots depend on, each once, parents before children.

    Parameters
    ----------
    roots : node or iterable of nodes
    until : iterable of nodes
        The walk leaves these out, and does not go past them.

    Returns
    -------
    list of nodes
        Depth first, first parent first: the order in which a reader would compute them.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a, b = Value(2.0, name="a"), Value(3.0, name="b")
    >>> [node.name or node.op.name for node in topological(a * b + a)]
    ['a', 'b', 'multiply', 'add']
    """
    order: list[N] = []
    seen: set[N] = set(until)
    stack: list[Any] = _as_list(roots)
    stack.reverse()
    while stack:
        node = stack.pop()
        if node is None:  # marks that all parents of the node beneath it are done
            order.append(stack.pop())
        elif node not in seen:
            seen.add(node)
            parents = node.parents
            if parents:
                stack.append(node)
                stack.append(None)
                stack.extend(reversed(parents))
            else:
                order.append(node)
    return order


def leaves(roots: N | Iterable[N]) -> list[N]:
    """The differentiable leaves (inputs and parameters, not constants) that the roots depend on.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value(2.0, name="x")
    >>> [leaf.name for leaf in leaves(3 * x * x + 1)]
    ['x']
    """
    return [node for node in topological(roots) if cast(Any, node).is_leaf]


def ancestors(node: N) -> set[N]:
    """Every node that `node` depends on, itself not included.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a = Value(2.0)
    >>> b = a * a
    >>> ancestors(b) == {a}, ancestors(a)
    (True, set())
    """
    return set(topological(node)) - {node}


def descendants(roots: N | Iterable[N], of: Iterable[N]) -> set[N]:
    """The nodes below `roots` that depend on any node in `of`, those included.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a, b = Value(2.0), Value(3.0)
    >>> c = a * a
    >>> descendants(c + b, of=[a]) >= {a, c}, b in descendants(c + b, of=[a])
    (True, False)
    """
    found = set(of)
    for node in topological(roots):
        if not found.isdisjoint(node.parents):
            found.add(node)
    return found


def depends_on(root: Any, inputs: Collection[Any]) -> bool:
    """Whether `root` is one of the inputs, or was computed from one by operations with a derivative.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a, b = Value(2.0), Value(3.0)
    >>> depends_on(a * a + 1, {a}), depends_on(a * a + 1, {b})
    (True, False)
    """
    seen: set[Any] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if node in inputs:
            return True
        if node not in seen and not node.op.terminal:
            seen.add(node)
            stack.extend(node.parents)
    return False


class Segment:
    """The part of a graph between inputs and outputs: what depends on the inputs, and leads to the outputs.

    Operations without a derivative (sign, floor) do not count.

    Parameters
    ----------
    inputs : collection of nodes
        The walk does not go past them.
    outputs : iterable of nodes
    sources : collection of nodes
        Other nodes that are somebody's inputs.

    Attributes
    ----------
    order : list of nodes
        Operands before consumers; the inputs themselves left out.
    members : set of nodes
        The same and the inputs.
    has_other_sources : bool
        Whether leaves or `sources` take part on which the inputs have no bearing.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x, w = Value(2.0), Value(3.0)
    >>> segment = Segment([x], [x * w + 1])
    >>> [node.op.name for node in segment.order], segment.has_other_sources
    (['multiply', 'add'], True)
    """

    __slots__ = ("has_other_sources", "members", "order")

    def __init__(self, inputs: Iterable[Any], outputs: Iterable[Any], sources: Collection[Any] = ()) -> None:
        self.members = set(inputs)
        self.order: list[Any] = []
        self.has_other_sources = False
        for node in topological(outputs, until=self.members):
            if node.is_leaf or node in sources:
                self.has_other_sources = True
            elif not node.op.terminal and not self.members.isdisjoint(node.parents):
                self.members.add(node)
                self.order.append(node)


def replay(root: Any, inputs: Mapping[Any, Any]) -> Any:
    """The data of `root` when some of its nodes hold other data, computed without recording.

    The graph is replayed as it was recorded: a branch taken by Python code stays taken, and
    `stop_gradient` keeps the number it had.

    Parameters
    ----------
    root : node
    inputs : mapping of node to array or float
        The new data of those nodes; every other leaf keeps its own.

    Returns
    -------
    array or float

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value(2.0)
    >>> replay(x * x + 1, {x: 3.0})
    10.0
    """
    return Replay(root).run(inputs)


class Replay:
    """A graph made ready to be replayed many times.

    Only what depends on the new inputs is computed again.

    Parameters
    ----------
    root : node

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value(2.0)
    >>> again = Replay(x * x)
    >>> again.run({x: 3.0}), again.run({x: 4.0})
    (9.0, 16.0)
    """

    def __init__(self, root: Any) -> None:
        self.root = root
        self.order = topological(root)

    def run(self, inputs: Mapping[Any, Any]) -> Any:
        """The data of the root for these inputs; see `replay`."""
        data: dict[Any, Any] = dict(inputs)
        for node in self.order:
            if node in data:
                continue
            parents = node.parents
            if any(parent in data for parent in parents):
                data[node] = node.op.compute(*[data.get(parent, parent.data) for parent in parents], **node.params)
        return data.get(self.root, self.root.data)


def _as_list(roots: Any) -> list[Any]:
    return [roots] if hasattr(roots, "parents") else list(roots)
