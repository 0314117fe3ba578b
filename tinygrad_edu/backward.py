"""The backward pass, twice: into `.grad` slots (fast, first order), and into a dict (any order).

`into_slots` serves `Value.backward`. `pull_back` serves the transforms and ``create_graph=True``:
it never touches `.grad`, and with Values as gradients its own work is recorded.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from tinygrad_edu.errors import ArgumentError, GradientError, ShapeError
from tinygrad_edu.graph import topological
from tinygrad_edu.kinds import PRODUCT, SUM, fit
from tinygrad_edu.mode import current_mode
from tinygrad_edu.op import CONSTANT, LEAF, Node, Operation, as_operand, constant
from tinygrad_edu.watch import HOOKED, check_rule, describe, is_hooked, run_hooks

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
    if create_graph or current_mode().anomaly is not None or (HOOKED and any(map(is_hooked, topological(root)))):
        _into_slots_with_care(root, gradient, keep == "all", create_graph)
    else:
        _into_slots(root, _seed(root, gradient), keep == "all")


def _seed(root: Node, gradient: Any) -> Any:
    """The gradient that a pass starts from: an own copy, in the root's shape, dtype and kind."""
    data = root.data
    if gradient is None:
        if data.__class__ is np.ndarray and data.size != 1:
            raise GradientError(
                f"backward: the root has shape {np.shape(data)}, and only a single number has an obvious gradient. "
                "Reduce it first (.sum(), .mean()), or pass gradient= an array of that shape."
            )
        return np.ones_like(data) if data.__class__ is np.ndarray else data.__class__(1)
    seed = as_operand(gradient.data if isinstance(gradient, Node) else gradient)
    if np.shape(seed) != np.shape(data):
        raise ShapeError(
            f"backward: gradient has shape {np.shape(seed)}, but the root has shape {np.shape(data)}; "
            "they must be equal"
        )
    return float(seed) if data.__class__ is float else np.array(seed, dtype=data.dtype)


def _into_slots(root: Node, seed: Any, keep_all: bool) -> None:
    """One pass over the graph below `root`: leaves accumulate, everything else starts anew.

    Elementwise operations of one or two operands, the bulk of every graph, have their rules called here; all that a
    node contributes is computed before any is stored. Products of like arrays, and of floats, and sums are written out.
    """
    order = _consumers_last(root)
    root.grad = seed if root.grad is None else root.grad + seed
    own: set[Node] = set()
    array, node = np.ndarray, root
    try:
        for node in reversed(order):
            g = node.grad
            if g is None:
                continue
            if not keep_all:
                node.grad = None
            op = node.op
            along = op.along
            if along is None:
                _contribute(node, g, [parent.data for parent in node.parents], node.data, keep_all, own)
                continue
            a, b = node._a, node._b
            x = a.data
            if along is PRODUCT:
                y = b.data
                if g.__class__ is float or (
                    x.__class__ is array and y.__class__ is array and x.dtype is y.dtype and x.shape == y.shape
                ):
                    if a.op is not CONSTANT:
                        c = g * y
                        if a.grad is not None:
                            c += a.grad
                        a.grad = c
                    if b.op is not CONSTANT:
                        c = g * x
                        if b.grad is not None:
                            c += b.grad
                        b.grad = c
                    continue
            elif along is SUM and g.__class__ is float:
                if a.op is not CONSTANT:
                    a.grad = g if a.grad is None else a.grad + g
                if b.op is not CONSTANT:
                    b.grad = g if b.grad is None else b.grad + g
                continue
            c = d = None
            try:
                if b is None:
                    if a.op is not CONSTANT:
                        rule = along[0] if x.__class__ is not array else op.typed.get(x.dtype, along[0])
                        c = rule(g, node.data, x)
                        k = c.__class__
                        if k is not x.__class__ or (
                            k is not float
                            and (not op.exact or c.dtype is not x.dtype or (c is g and (keep_all or a.op is LEAF)))
                        ):
                            c = _settle(c, op, x, g, a.grad is None and (keep_all or a.op is LEAF))
                else:
                    y = b.data
                    exact = op.exact and (x.__class__ is float or y.__class__ is float or x.shape == y.shape)
                    if a.op is not CONSTANT:
                        c = along[0](g, node.data, x, y)
                        k = c.__class__
                        if k is not x.__class__ or (
                            k is not float
                            and (not exact or c.dtype is not x.dtype or (c is g and (keep_all or a.op is LEAF)))
                        ):
                            c = _settle(c, op, x, g, a.grad is None and (keep_all or a.op is LEAF))
                    if b.op is not CONSTANT:
                        d = along[1](g, node.data, x, y)
                        k = d.__class__
                        if k is not y.__class__ or (
                            k is not float
                            and (not exact or d.dtype is not y.dtype or (d is g and (keep_all or b.op is LEAF)))
                        ):
                            d = _settle(d, op, y, g, b.grad is None and (keep_all or b.op is LEAF))
            except (ArithmeticError, ValueError):
                if not _all_floats(node):
                    raise
                _contribute(node, np.float64(g), _wide(node), np.float64(node.data), keep_all, own)
            else:
                if c is not None:
                    a.grad = c if a.grad is None else a.grad + c
                if d is not None:
                    b.grad = d if b.grad is None else b.grad + d
    except Exception as error:
        error.add_note(f"in the backward rule of {describe(node)}")
        raise


def _consumers_last(root: Node) -> list[Node]:
    """The nodes below `root` that have operands, operands before consumers, without gradients; a fast `topological`.

    How far the walk has come with a node stands in its slot `grad`, which starts anew anyway: cheaper than a set.
    """
    order: list[Node] = []
    if root._a is None:
        return order
    opened, done = object(), object()
    node, stack = root, [root]
    push, pop, out = stack.append, stack.pop, order.append
    try:
        while stack:
            node = pop()
            if node.grad is opened:  # all that it depends on is done
                node.grad = done
                out(node)
                continue
            while node.grad is not done:
                a = node._a
                b = node._b
                if b is None:
                    if a.__class__ is tuple:
                        node.grad = opened
                        push(node)
                        stack += [parent for parent in a if parent._a is not None and parent.grad is not done]
                        break
                elif b._a is not None and b.grad is not done:
                    node.grad = opened
                    push(node)
                    if a._a is not None and a.grad is not done:
                        push(a)
                    node = b
                    continue
                if a._a is None or a.grad is done:  # nothing to wait for
                    node.grad = done
                    out(node)
                    break
                node.grad = opened
                push(node)
                node = a
    except BaseException:  # Ctrl-C: leave no marks
        for left in (*order, *stack, node):
            left.grad = None
        raise
    for node in order:
        node.grad = None
    return order


def _contribute(node: Node, g: Any, xs: list[Any], out: Any, keep_all: bool, own: set[Node]) -> None:
    """Add what `node` hands to each of its parents to their `.grad`; `own`: see `_add_piece`."""
    op = node.op
    if op.add_piece is not None and _add_piece(node, g, node._a.grad, own):
        return
    parents = node.parents
    wanted = [i for i, parent in enumerate(parents) if parent.op is not CONSTANT and (op.variadic or op.has_rule(i))]
    for i, c in zip(wanted, op.pull_each(wanted, g, out, xs, node.params), strict=True):
        parent = parents[i]
        if c is not None:
            total = c
            if c.__class__ is not float or xs[i].__class__ is not float:
                total = _settle(c, op, parent.data, g, keep_all or parent.op is LEAF)
            parent.grad = total if parent.grad is None else parent.grad + total


def _add_piece(node: Node, g: Any, total: Any, own: set[Node]) -> bool:
    """Add the gradient of a piece to the gradient of the whole in place, if that is the pass's own array already.

    It is from the second piece on, since the first left a sum there, or zeros around itself. So the rows of
    an array that is read row by row cost one array, not one array each.
    """
    whole = node._a
    if whole not in own or total.__class__ is not np.ndarray:
        own.add(whole)
        return False
    add_piece: Any = node.op.add_piece
    add_piece(total, g, **node.params)
    return True


def _settle(c: Any, op: Any, x: Any, g: Any, keep: bool) -> Any:
    """A contribution in the shape, dtype and kind of `x`; its own memory if it is to be kept."""
    if x.__class__ is float:
        if c.__class__ is float:
            return c
        if c.__class__ is complex:
            raise ArithmeticError("a scalar rule left the real numbers; NumPy's floats say nan")
        return float(fit(c, op, x))
    if (c.shape if c.__class__ is np.ndarray else np.shape(c)) != x.shape:
        c = fit(c, op, x)
    if c.__class__ is float:
        return x.dtype.type(c)
    if c.dtype != x.dtype:
        return c.astype(x.dtype)
    return c.copy() if keep and (c is g or c.base is not None) else c


def _all_floats(node: Node) -> bool:
    return node.data.__class__ is float and all(parent.data.__class__ is float for parent in node.parents)


def _wide(node: Node) -> list[Any]:
    """The operands as NumPy's floats, for which 1/0 is inf and not an error."""
    return [np.float64(parent.data) for parent in node.parents]


def pull_back(
    order: Sequence[Node],
    seeds: Mapping[Node, Any],
    *,
    needed: Collection[Node] | None = None,
    create_graph: bool = False,
    keep_all: bool = False,
    done: Callable[[Node, Mapping[Node, Any]], None] | None = None,
) -> dict[Node, Any]:
    """Gradients of the nodes below the roots, in a dict; `.grad` is not touched.

    Parameters
    ----------
    order : sequence of nodes
        The nodes to go through, operands before consumers; those elsewhere collect and hand on nothing.
    seeds : mapping of root to gradient
        With `create_graph`, gradients may be Values.
    needed : set of nodes, optional
        Only these receive gradients; all non-constant ones if not given.
    create_graph : bool
        Run the rules on Values, so that the gradients can be differentiated again.
    keep_all : bool
        Keep the gradients of nodes that handed theirs on.
    done : callable, optional
        ``done(node, gradients)``, when a node has handed its gradient on; the gradients are those that wait.

    Returns
    -------
    dict of node to gradient
        Arrays may be shared between entries: copy before handing them out.
    """
    grads: dict[Node, Any] = dict(seeds)
    anomaly, hooked = current_mode().anomaly, bool(HOOKED)
    own: set[Node] = set()
    for node in reversed(order):
        g = grads.get(node)
        if g is None:
            continue
        if hooked:
            g = grads[node] = run_hooks(node, g)
        op = node.op
        if op.terminal:
            continue
        in_pieces = op.add_piece is not None and anomaly is None and not create_graph
        try:
            if in_pieces and _add_piece(node, g, grads.get(node.parents[0]), own):
                continue
            for i, parent, c in _contributions(node, g, needed, create_graph):
                if anomaly is not None:
                    check_rule(node, i, g, c, anomaly, "backward")
                if create_graph:
                    c = settle_recorded(c, op, parent)
                elif c.__class__ is not float or parent.data.__class__ is not float:
                    c = _settle(c, op, parent.data, g, False)
                grads[parent] = grads[parent] + c if parent in grads else c
        except Exception as error:
            error.add_note(f"in the backward rule of {describe(node)}")
            raise
        if not keep_all:
            del grads[node]
        if done is not None:
            done(node, grads)
    return grads


def _contributions(
    node: Node, g: Any, needed: Collection[Node] | None, create_graph: bool
) -> list[tuple[int, Node, Any]]:
    """What `node` hands to its operands, with their positions and themselves."""
    op, params, parents = node.op, node.params, node.parents
    wanted = [
        i
        for i, parent in enumerate(parents)
        if (parent.op is not CONSTANT if needed is None else parent in needed) and op.has_rule(i)
    ]
    if op.along is not None and not create_graph:  # the bulk of every graph, without ceremony
        try:
            xs = [parent.data for parent in parents]
            quick = [(i, parents[i], op.along[i](g, node.data, *xs)) for i in wanted]
            if not any(c.__class__ is complex for _, _, c in quick):
                return quick
        except (ArithmeticError, ValueError):
            pass
    if create_graph:
        found = op.pull_each(wanted, g, node, as_recorded(node), params)
    else:
        found = at_data(node, lambda out, xs, wide: op.pull_each(wanted, wide(g), out, xs, params))
    return [(i, parents[i], c) for i, c in zip(wanted, found, strict=True) if c is not None]


def as_recorded(node: Node) -> list[Any]:
    """The operands as a rule gets them whose own work is recorded: constants as plain data."""
    capture = current_mode().capture
    if capture is not None:  # an array from outside is read anew at each run, in the backward pass too
        return [x.data if x.op is CONSTANT and x.data.__class__ in (float, int) else x for x in node.parents]
    return [parent.data if parent.op is CONSTANT else parent for parent in node.parents]


def at_data(node: Node, rules: Callable[[Any, list[Any], Callable[[Any], Any]], list[Any]]) -> list[Any]:
    """``rules(out, operands, wide)`` on the data of a node; where Python floats give up, on NumPy's.

    `wide` makes a gradient or tangent one of NumPy's floats as well, for which 1/0 is inf and not an error.
    """
    xs = [parent.data for parent in node.parents]
    try:
        found = rules(node.data, xs, lambda g: g)
        if not any(c.__class__ is complex for c in found):
            return found
    except (ArithmeticError, ValueError):
        if not _all_floats(node):
            raise
    return rules(np.float64(node.data), [np.float64(x) for x in xs], lambda g: None if g is None else np.float64(g))


def settle_recorded(c: Any, op: Operation, x: Node) -> Any:
    """A contribution to `x`, which may be a Value, in the shape and dtype of `x`."""
    c = fit(c, op, x.data)
    dtype = getattr(x.data, "dtype", None)
    if dtype is None or np.result_type(c) == dtype:
        return c
    return c.astype(dtype) if hasattr(c, "astype") else dtype.type(c)


def _into_slots_with_care(root: Node, gradient: Any, keep_all: bool, create_graph: bool) -> None:
    """One pass that may be recorded, calls hooks and looks for NaN, and fills the slots at its end."""
    if create_graph:
        seed = gradient if isinstance(gradient, Node) else constant(root, _seed(root, gradient))
        if np.shape(seed.data) != np.shape(root.data):
            _seed(root, seed.data)  # raises, with the shapes
    else:
        seed = _seed(root, gradient)
    order = topological(root)
    grads = pull_back(order, {root: seed}, create_graph=create_graph, keep_all=keep_all)
    for node in order:
        if node.op is CONSTANT:
            continue
        g = grads.get(node)
        if g is not None:
            g = (g if isinstance(g, Node) else constant(root, g)) if create_graph else _own(g)
        if node.op is not LEAF:
            node.grad = g if keep_all else None
        elif g is not None:
            node.grad = g if node.grad is None else node.grad + g


def _own(g: Any) -> Any:
    return g.copy() if isinstance(g, np.ndarray) else g
