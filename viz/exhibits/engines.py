"""Backward passes over real graphs, each broken in one place on purpose. For the museum; nothing else calls them.

Every pass fills the dict that it is given, node to gradient, with the engine's own rules: only the walk differs.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from tinygrad_edu.graph import topological
from tinygrad_edu.kinds import fit
from tinygrad_edu.viz.facts.chain import pulled

Gradients = dict[Any, Any]
Engine = Callable[[Any, Gradients], None]


def right(root: Any, grads: Gradients) -> None:
    """Consumers first, one contribution for each use, contributions added, broadcast axes summed."""
    grads.update({node: None for node in topological(root) if node.parents})  # only leaves add up over passes
    _walk(reversed(topological(root)), root, grads, _add)


def assigning(root: Any, grads: Gradients) -> None:
    """``grad = contribution`` where it should be ``grad += contribution``."""
    _walk(reversed(topological(root)), root, grads, lambda old, new: new)


def out_of_order(root: Any, grads: Gradients) -> None:
    """Each node hands its gradient on as soon as it is met, whether or not all its readers have handed theirs back."""
    queue, seen = [root], {root}
    met = []
    while queue:
        node = queue.pop(0)
        met.append(node)
        for parent in node.parents:
            if parent not in seen:
                seen.add(parent)
                queue.append(parent)
    _walk(met, root, grads, _add)


def parents_in_a_set(root: Any, grads: Gradients) -> None:
    """Parents kept in a set: ``a * a`` has one parent, so one of the two contributions is lost."""
    _walk(reversed(topological(root)), root, grads, _add, lambda node: _first_of_each(node.parents))


def without_unbroadcasting(root: Any, grads: Gradients) -> None:
    """The contribution is stored as the rule gives it, in the shape of the result instead of the operand's."""
    _walk(reversed(topological(root)), root, grads, _add, settle=lambda raw, node, x: raw)


def _walk(
    order: Iterable[Any],
    root: Any,
    grads: Gradients,
    combine: Callable[[Any, Any], Any],
    operands: Callable[[Any], Iterable[int]] = lambda node: range(len(node.parents)),
    settle: Callable[[Any, Any, Any], Any] = lambda raw, node, x: fit(raw, node.op, x),
) -> None:
    grads[root] = 1.0 if root.data.__class__ is float else np.ones_like(root.data)
    for node in order:
        g = grads.get(node)
        if g is None or node.op.terminal:
            continue
        for one in pulled(node, g, operands(node)):
            parent = node.parents[one.index]
            grads[parent] = combine(grads.get(parent), settle(one.raw, node, parent.data))


def _add(old: Any, new: Any) -> Any:
    return new if old is None else old + new


def _first_of_each(parents: tuple[Any, ...]) -> Iterator[int]:
    return (parents.index(parent) for parent in dict.fromkeys(parents))
