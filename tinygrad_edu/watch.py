"""What watches a graph at work: hooks on gradients, and the hunt for the first NaN.

Neither costs anything while unused. A hook sits in the slot `_info` that its node shares with other rare
things; a backward pass asks once whether any hook is alive in the process (`HOOKED`), looks through its graph
only then, and takes the fast loop if it finds none there. Looking for NaN is part of the mode, which operations
ask for anyway.
"""

import itertools
import linecache
import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.errors import AnomalyError, GradientError, ShapeError
from tinygrad_edu.mode import Anomaly, Info
from tinygrad_edu.node import Node


class Hooks:
    """The hooks of one node, in the order in which they were registered."""

    __slots__ = ("__weakref__", "functions")

    def __init__(self) -> None:
        self.functions: dict[int, Callable[[Any], Any]] = {}


HOOKED: weakref.WeakSet[Hooks] = weakref.WeakSet()  # every non-empty Hooks that is alive
_keys = itertools.count()


class HookHandle:
    """What `Value.register_hook` gives back: `remove()` takes the hook away again."""

    __slots__ = ("_hooks", "_key")

    def __init__(self, hooks: Hooks, key: int) -> None:
        self._hooks = weakref.ref(hooks)
        self._key = key

    def remove(self) -> None:
        """Take the hook away; doing so twice, or after the node is gone, changes nothing."""
        hooks = self._hooks()
        if hooks is not None:
            hooks.functions.pop(self._key, None)
            if not hooks.functions:
                HOOKED.discard(hooks)


def register_hook(node: "Node", function: Callable[[Any], Any]) -> HookHandle:
    """Have `function` called with the gradient of `node` in every backward pass; see `Value.register_hook`."""
    if not callable(function):
        raise TypeError(f"register_hook: expected a function of the gradient, got {type(function).__name__}")
    if node.op.terminal and not node.is_leaf:
        raise GradientError(
            f"register_hook: no gradient ever reaches this value ({node.op.name}): it was computed under no_grad, "
            "from plain numbers only, or by an operation without a derivative."
        )
    info = node._info.copy() if node._info is not None else Info()
    hooks: Hooks = info.hooks or Hooks()
    info.hooks = hooks
    node._info = info
    key = next(_keys)
    hooks.functions[key] = function
    HOOKED.add(hooks)
    return HookHandle(hooks, key)


def is_hooked(node: "Node") -> bool:
    """Whether a hook waits for the gradient of this node."""
    hooks = node._info.hooks if node._info is not None else None
    return hooks is not None and bool(hooks.functions)


def run_hooks(node: "Node", gradient: Any) -> Any:
    """The gradient of `node` after its hooks: each sees a copy, and may give back another one."""
    hooks = node._info.hooks if node._info is not None else None
    if hooks is None:
        return gradient
    for function in list(hooks.functions.values()):
        seen = gradient.copy() if isinstance(gradient, np.ndarray) else gradient
        found = function(seen)
        if found is None:
            continue
        if np.shape(found) != np.shape(node.data):
            raise ShapeError(
                f"the hook {getattr(function, '__name__', function)!r} gave back a gradient of shape {np.shape(found)} "
                f"for a value of shape {np.shape(node.data)}; it must keep the shape, or return None to change nothing"
            )
        gradient = found
    return gradient


def describe(node: "Node") -> str:
    """A node in an error message: operation, name, shapes, and its line if that was recorded."""
    shapes = ", ".join(str(np.shape(parent.data)) for parent in node.parents)
    name = f" {node.name!r}" if node.name else ""
    line = f", made at {node.line}" if node.line else ""
    return f"{node.op.name}{name}: operands of shape {shapes} -> {np.shape(node.data)}{line}"


def is_anomalous(data: Any, anomaly: Anomaly) -> bool:
    """Whether there is a NaN in the data, or, if those count, an Inf."""
    if data.__class__ is float:
        return data != data or (anomaly == "nan or inf" and math.isinf(data))
    data = getattr(data, "data", data) if not isinstance(data, (np.ndarray, np.generic)) else data
    return bool(np.any(np.isnan(data))) if anomaly == "nan" else not np.all(np.isfinite(data))


def check_result(op_name: str, node: "Node", parents: "tuple[Node, ...]", anomaly: Anomaly) -> None:
    """Raise `AnomalyError` if the result of an operation holds a NaN or Inf."""
    if not is_anomalous(node.data, anomaly):
        return
    already = [i for i, parent in enumerate(parents) if is_anomalous(parent.data, anomaly)]
    cause = (
        f"operand {already[0]} held it before this operation: look at the data or parameters that it came from"
        if already
        else "the operands are finite: the operation itself left the numbers that a float can hold"
    )
    raise AnomalyError(
        f"{op_name}: the first {_what(node.data)} of the forward pass is in its result\n"
        f"  result     {_summary(node.data)}\n{_operands(parents)}  {cause}\n{_made_at(node)}",
        node,
    )


def check_rule(node: "Node", index: int | None, gradient: Any, contribution: Any, anomaly: Anomaly, way: str) -> None:
    """Raise `AnomalyError` if what a rule of `node` made for operand `index` holds a NaN or Inf."""
    if not is_anomalous(contribution, anomaly):
        return
    incoming = "gradient" if way == "backward" else "tangent"
    where = "" if index is None else f" for operand {index}"
    raise AnomalyError(
        f"{node.op.name}: the first {_what(contribution)} of the {way} pass is in its {way} rule{where}\n"
        f"  incoming {incoming}  {_summary(gradient)}\n  what the rule made  {_summary(contribution)}\n"
        f"  result     {_summary(node.data)}\n{_operands(node.parents)}{_made_at(node)}",
        node,
    )


def _what(data: Any) -> str:
    return "NaN" if np.any(np.isnan(_plain(data))) else "Inf"


def _plain(data: Any) -> Any:
    return np.asarray(data if isinstance(data, (float, np.ndarray, np.generic)) else data.data)


def _summary(data: Any) -> str:
    array = _plain(data)
    good = np.isfinite(array)
    span = f"from {array[good].min():.6g} to {array[good].max():.6g}" if good.any() else ""
    bad = int(array.size - good.sum())
    if array.ndim == 0:
        return f"{array}"
    first = tuple(int(i) for i in np.argwhere(~good)[0]) if bad else ()
    wrong = f"{bad} of {array.size} NaN or Inf, the first at {first}" if bad else ""
    return f"shape {array.shape}, " + ", ".join(filter(None, (span, wrong)))


def _operands(parents: "tuple[Node, ...]") -> str:
    lines = []
    for i, parent in enumerate(parents):
        name = f" {parent.name!r}" if parent.name else ""
        lines.append(f"  operand {i}  ({parent.op.name}{name})  {_summary(parent.data)}\n")
    return "".join(lines)


def _made_at(node: "Node") -> str:
    draw = "  tinygrad_edu.viz.draw(error.node) shows how it came about"
    if node.line is None:
        return f"  (its line was not recorded: it was made before detect_anomaly() began)\n{draw}"
    file, _, number = node.line.rpartition(":")
    text = linecache.getline(file, int(number)).strip()
    return f"  made at {node.line}{': ' + text if text else ''}\n{draw}"
