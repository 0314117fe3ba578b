"""The backward pass, twice: into `.grad` slots (fast, first order), and into a dict (any order).

`into_slots` serves `Value.backward`. `pull_back` serves the transforms and ``create_graph=True``:
it never touches `.grad`, and with Values as gradients its own work is recorded.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from tinygrad_edu.errors import ArgumentError, GradientError, ShapeError
from tinygrad_edu.graph import topological
from tinygrad_edu.kinds import fit
from tinygrad_edu.op import CONSTANT, LEAF, Node, as_operand, constant

Keep = Literal["all", "leaves"]


def backward(root: Node, gradient: Any = None, keep: Keep = "all", create_graph: bool = False) -> None:
    """Fill `.grad` of everything that `root` depends on; see `Value.backward`."""
    if keep not in ("all", "leaves"):
        raise ArgumentError(f"backward: keep must be 'all' or 'leaves', got {keep!r}")
    if root.op.terminal and root.op is not LEAF:
        raise GradientError(
            f"backward: this value ({root.op.name}) depends on nothing differentiable: it was computed under no_grad, "
            "from plain numbers only, or by an operation without a derivative. Build it from Values outside no_grad()."
        )
    if create_graph:
        _into_slots_recorded(root, gradient, keep == "all")
    else:
        _into_slots(root, _seed(root, gradient), keep == "all")


def _seed(root: Node, gradient: Any) -> Any:
    """The gradient that a pass starts from: an own copy, in the root's shape, dtype and kind."""
    data = root.data
    if gradient is None:
        if np.size(data) != 1:
            raise GradientError(
                f"backward: the root has shape {np.shape(data)}, and only a single number has an obvious gradient. "
                "Reduce it first (.sum(), .mean()), or pass gradient= an array of that shape."
            )
        return 1.0 if data.__class__ is float else np.ones_like(data)
    seed = as_operand(gradient.data if isinstance(gradient, Node) else gradient)
    if np.shape(seed) != np.shape(data):
        raise ShapeError(
            f"backward: gradient has shape {np.shape(seed)}, but the root has shape {np.shape(data)}; "
            "they must be equal"
        )
    return float(seed) if data.__class__ is float else np.array(seed, dtype=data.dtype)


def _into_slots(root: Node, seed: Any, keep_all: bool) -> None:
    """One pass over the graph below `root`: leaves accumulate, everything else starts anew.

    Elementwise operations of one or two operands, the bulk of every graph, have their rules called
    here; all contributions of a node are computed before any is stored.
    """
    order = _consumers_last(root)
    for node in order:
        node.grad = None
    root.grad = seed if root.grad is None else root.grad + seed
    node = root
    try:
        for node in reversed(order):
            g = node.grad
            if g is None:
                continue
            op = node.op
            along = op.along
            if along is None:
                _contribute(node, g, [parent.data for parent in node.parents], node.data, keep_all)
            else:
                a = node._a
                b = node._b
                x = a.data
                c = d = None
                try:
                    if b is None:
                        if a.op is CONSTANT:
                            continue
                        c = along[0](g, node.data, x)
                        if c.__class__ is not float or x.__class__ is not float:
                            c = _settle(c, op, x, g, a.grad is None and (keep_all or a.op is LEAF))
                    else:
                        y = b.data
                        if a.op is not CONSTANT:
                            c = along[0](g, node.data, x, y)
                            if c.__class__ is not float or x.__class__ is not float:
                                c = _settle(c, op, x, g, a.grad is None and (keep_all or a.op is LEAF))
                        if b.op is not CONSTANT:
                            d = along[1](g, node.data, x, y)
                            if d.__class__ is not float or y.__class__ is not float:
                                d = _settle(d, op, y, g, b.grad is None and (keep_all or b.op is LEAF))
                except (ArithmeticError, ValueError):
                    if not _all_floats(node):
                        raise
                    _contribute(node, np.float64(g), _wide(node), np.float64(node.data), keep_all)
                else:
                    if c is not None:
                        a.grad = c if a.grad is None else a.grad + c
                    if d is not None:
                        b.grad = d if b.grad is None else b.grad + d
            if not keep_all:
                node.grad = None
    except Exception as error:
        error.add_note(f"in the backward rule of {describe(node)}")
        raise


def _consumers_last(root: Node) -> list[Node]:
    """The nodes below `root` that have operands, operands before consumers; the fast `topological`."""
    order: list[Node] = []
    if root._a is None:
        return order
    seen: set[Node] = set()
    stack: list[Any] = [root]
    push, pop, add, out = stack.append, stack.pop, seen.add, order.append
    while stack:
        node = pop()
        if node is None:  # marks that all operands of the node beneath it are done
            out(pop())
            continue
        if node in seen:
            continue
        add(node)
        push(node)
        push(None)
        a = node._a
        if a.__class__ is tuple:
            for parent in a:
                if parent._a is not None and parent not in seen:
                    push(parent)
            continue
        if a._a is not None and a not in seen:
            push(a)
        b = node._b
        if b is not None and b._a is not None and b not in seen:
            push(b)
    return order


def _contribute(node: Node, g: Any, xs: list[Any], out: Any, keep_all: bool) -> None:
    """Add what `node` hands to each of its parents to their `.grad`."""
    op, params = node.op, node.params
    contributions = [
        None if parent.op is CONSTANT or not op.has_rule(i) else op.pull(i, g, out, xs, params)
        for i, parent in enumerate(node.parents)
    ]
    for parent, c in zip(node.parents, contributions, strict=True):
        if c is not None:
            total = _settle(c, op, parent.data, g, keep_all or parent.op is LEAF)
            parent.grad = total if parent.grad is None else parent.grad + total


def _settle(c: Any, op: Any, x: Any, g: Any, keep: bool) -> Any:
    """A contribution in the shape, dtype and kind of `x`; its own memory if it is to be kept."""
    if x.__class__ is float:
        if c.__class__ is complex:
            raise ArithmeticError("a scalar rule left the real numbers; NumPy's floats say nan")
        return float(fit(c, op, x))
    if np.shape(c) != x.shape:
        c = fit(c, op, x)
    if c.__class__ is float:
        return x.dtype.type(c)
    if c.dtype is not x.dtype and c.dtype != x.dtype:
        return c.astype(x.dtype)
    if keep and (c is g or c.base is not None):
        return c.copy()
    return c


def _all_floats(node: Node) -> bool:
    return node.data.__class__ is float and all(parent.data.__class__ is float for parent in node.parents)


def _wide(node: Node) -> list[Any]:
    """The operands as NumPy's floats, for which 1/0 is inf and not an error."""
    return [np.float64(parent.data) for parent in node.parents]


def describe(node: Node) -> str:
    """A node in an error message: operation, name, shapes, and its line if that was recorded."""
    shapes = ", ".join(str(np.shape(parent.data)) for parent in node.parents)
    name = f" {node.name!r}" if node.name else ""
    line = f", made at {node.line}" if node.line else ""
    return f"{node.op.name}{name}: operands of shape {shapes} -> {np.shape(node.data)}{line}"


def pull_back(
    seeds: Mapping[Node, Any], needed: Collection[Node] | None = None, create_graph: bool = False
) -> dict[Node, Any]:
    """Gradients of every node below the roots, in a dict; `.grad` is not touched.

    Parameters
    ----------
    seeds : mapping of root to gradient
        With `create_graph`, gradients may be Values.
    needed : set of nodes, optional
        Only these receive gradients; all non-constant ones if not given.
    create_graph : bool
        Run the rules on Values, so that the gradients can be differentiated again.

    Returns
    -------
    dict of node to gradient
        Arrays may be shared between entries: copy before handing them out.
    """
    grads: dict[Node, Any] = dict(seeds)
    node: Node
    for node in reversed(topological(list(seeds))):
        g = grads.get(node)
        if g is None or node.op.terminal:
            continue
        try:
            for parent, c in _contributions(node, g, needed, create_graph):
                c = fit(c, node.op, parent.data)
                dtype = getattr(parent.data, "dtype", None)
                if dtype is not None and np.result_type(c) != dtype:
                    c = c.astype(dtype) if hasattr(c, "astype") else dtype.type(c)
                grads[parent] = c if parent not in grads else grads[parent] + c
        except Exception as error:
            error.add_note(f"in the backward rule of {describe(node)}")
            raise
    return grads


def _contributions(
    node: Node, g: Any, needed: Collection[Node] | None, create_graph: bool
) -> list[tuple[Node, Any]]:
    op, params, parents = node.op, node.params, node.parents
    wanted = [
        i
        for i, parent in enumerate(parents)
        if (parent.op is not CONSTANT if needed is None else parent in needed) and op.has_rule(i)
    ]
    xs: Sequence[Any]
    if create_graph:
        xs = [parent.data if parent.op is CONSTANT else parent for parent in parents]
        return [(parents[i], op.pull(i, g, node, xs, params)) for i in wanted]
    xs = [parent.data for parent in parents]
    try:
        found = [(parents[i], op.pull(i, g, node.data, xs, params)) for i in wanted]
        if not any(isinstance(c, complex) for _, c in found):
            return found
    except (ArithmeticError, ValueError):
        if not _all_floats(node):
            raise
    return [(parents[i], op.pull(i, np.float64(g), np.float64(node.data), _wide(node), params)) for i in wanted]


def _into_slots_recorded(root: Node, gradient: Any, keep_all: bool) -> None:
    seed = gradient if isinstance(gradient, Node) else constant(root, _seed(root, gradient))
    if np.shape(seed.data) != np.shape(root.data):
        _seed(root, seed.data)  # raises, with the shapes
    grads = pull_back({root: seed}, create_graph=True)
    for node, g in grads.items():
        g = g if isinstance(g, Node) else constant(root, g)
        if node.op is LEAF:
            node.grad = g if node.grad is None else node.grad + g
        elif node.op is not CONSTANT:
            node.grad = g if keep_all else None
