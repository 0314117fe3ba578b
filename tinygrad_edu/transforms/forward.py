"""Forward mode: tangents pushed along a recorded graph, operands before consumers."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.backward import as_recorded, at_data
from tinygrad_edu.errors import GradientError
from tinygrad_edu.mode import current_mode
from tinygrad_edu.op import Node
from tinygrad_edu.watch import check_rule, describe


def push_forward(order: Iterable[Node], tangents: Mapping[Node, Any], *, create_graph: bool = False) -> dict[Node, Any]:
    """Tangents of the nodes in `order`, in a dict; those that are zero by structure are missing.

    Parameters
    ----------
    order : iterable of nodes
        Operands before consumers.
    tangents : mapping of input to tangent
        With `create_graph`, tangents may be Values.
    create_graph : bool
        Run the rules on Values, so that the tangents can be differentiated again.
    """
    known: dict[Node, Any] = dict(tangents)
    anomaly = current_mode().anomaly
    for node in order:
        ts = [known.get(parent) for parent in node.parents]
        if all(t is None for t in ts):
            continue
        try:
            t = _pushed(node, ts, create_graph)
            if t is None:
                continue
            if anomaly is not None:
                check_rule(node, None, next(t for t in ts if t is not None), t, anomaly, "forward")
            known[node] = _settled(t, node, create_graph)
        except Exception as error:
            error.add_note(f"in the forward rule of {describe(node)}")
            raise
    return known


def _pushed(node: Node, ts: list[Any], create_graph: bool) -> Any:
    op, params = node.op, node.params
    if create_graph:
        return op.push(ts, node, as_recorded(node), params)
    if op.along is not None and node.data.__class__ is float:  # the bulk of scalar graphs, without ceremony
        try:
            xs = [parent.data for parent in node.parents]
            parts = [rule(t, node.data, *xs) for rule, t in zip(op.along, ts, strict=False) if t is not None]
            if all(part.__class__ is float for part in parts):
                return parts[0] if len(parts) == 1 else parts[0] + parts[1]
        except (ArithmeticError, ValueError):
            pass
    return at_data(node, lambda out, xs, wide: [op.push([wide(t) for t in ts], out, xs, params)])[0]


def _settled(t: Any, node: Node, create_graph: bool) -> Any:
    """A tangent in the shape, dtype and kind of its node."""
    data = node.data
    if t.__class__ is float and data.__class__ is float:
        return t
    if np.shape(t) != np.shape(data):
        raise GradientError(
            f"{node.op.name}: its forward rule gave a tangent of shape {np.shape(t)} for a result of shape "
            f"{np.shape(data)}; a push rule must return the result's shape"
        )
    if data.__class__ is float:
        return t if create_graph else float(t)
    if np.result_type(t) == data.dtype:
        return t
    return t.astype(data.dtype) if hasattr(t, "astype") else data.dtype.type(t)
