"""`checkpoint`: trade time for memory by recomputing part of a graph in the backward pass."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.backward import pull_back
from tinygrad_edu.errors import GradientError
from tinygrad_edu.graph import Segment, replay
from tinygrad_edu.mode import Scope, current_mode, scope, tracing
from tinygrad_edu.op import CONSTANT, Node, Operation, record
from tinygrad_edu.ops.shape import identity
from tinygrad_edu.transforms.forward import push_forward
from tinygrad_edu.transforms.trees import flatten, map_leaves
from tinygrad_edu.value import Value
from tinygrad_edu.watch import run_hooks


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` as a single node: what it computes on the way is dropped, and recomputed in the backward pass.

    Values that `f` uses from outside (parameters) are differentiated too, and it works in every
    transform and in forward mode.

    Parameters
    ----------
    f : callable
        Must give the same result when called again with the same arguments: no fresh random numbers, no
        changing state. Arguments and result may be containers.

    Returns
    -------
    callable

    Raises
    ------
    GradientError
        In the backward pass, if the recomputed result is another one, or uses other Values.

    Examples
    --------
    >>> block = checkpoint(lambda x: (x.exp() + 1).log())
    >>> x = Value(0.0)
    >>> y = block(x)
    >>> y.parents == (x,)
    True
    >>> y.backward()
    >>> x.grad
    0.5
    """
    op = Recomputed(getattr(f, "__name__", type(f).__name__))

    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        mode = current_mode()
        if not mode.recording or mode.capture is not None:  # a plan decides itself what it keeps
            return f(*args, **kwargs)
        operands: list[Node] = []

        def take(_path: str, leaf: Any) -> Any:
            if not isinstance(leaf, Node) or leaf.op is CONSTANT:
                return leaf
            operands.append(leaf)
            return _Slot(len(operands) - 1)

        call = Call(f, map_leaves(take, (args, kwargs), "arguments"), len(operands))
        inputs, root, result, inner = call.run(operands)
        if root is None:
            return result
        call.captured = captured(root, inputs, inner)
        if not operands and not call.captured:
            return result
        node = record(op, root.data, (*operands, *call.captured), {"call": call})
        return unpacked(node, result)

    return wrapper


class _Slot:
    """Where an operand goes, in the arguments of a call."""

    def __init__(self, index: int) -> None:
        self.index = index


class Call:
    """One call of a checkpointed function: all that is needed to do it again."""

    def __init__(self, f: Callable[..., Any], arguments: Any, count: int) -> None:
        self.f = f
        self.arguments = arguments
        self.count = count
        self.captured: list[Node] = []

    def __repr__(self) -> str:
        return f"<call of {getattr(self.f, '__name__', 'a function')}>"

    def run(self, operands: Sequence[Any]) -> tuple[list[Node], Node | None, Any, Scope]:
        """The wrapped operands, the packed result as a node, the result, and the scope of what was made."""
        with scope("checkpoint"):
            info = current_mode().info
            assert info is not None
            assert info.scope is not None
            inputs: list[Node] = [identity(x) if isinstance(x, Node) else Value(x) for x in operands[: self.count]]
            args, kwargs = map_leaves(
                lambda _, leaf: inputs[leaf.index] if isinstance(leaf, _Slot) else leaf, self.arguments, "arguments"
            )
            result = self.f(*args, **kwargs)
            return inputs, packed(result), result, info.scope

    def again(self, operands: Sequence[Any], out: Any) -> tuple[list[Node], Node]:
        """The wrapped operands and the packed result of doing the call again, checked against `out`."""
        with tracing():
            inputs, root, _, inner = self.run(operands)
        if root is None or not _same(root.data, out.data if isinstance(out, Node) else out):
            raise GradientError(
                f"checkpoint: {self!r} gave another result when it was done again for the backward pass. It must be "
                "repeatable: hand in what is random (as an argument), and change no state."
            )
        known = set(self.captured)  # a list would compare numbers
        strangers = [node for node in captured(root, inputs, inner) if not (node.is_leaf or node in known)]
        if strangers:
            raise GradientError(
                f"checkpoint: {self!r} used other Values when it was done again for the backward pass "
                f"({strangers[0].op.name}); what it uses from outside must stay the same, and work in the same thread"
            )
        return inputs, root


class Recomputed(Operation):
    """The operation behind `checkpoint`; its rules do the call again and differentiate that."""

    kind = "general"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"checkpoint({name})", _data_of_call, (_no_rule,), variadic=True, symbol=f"↻ {name}", reads="recomputed"
        )

    def pull_each(
        self, wanted: Sequence[int], gradient: Any, out: Any, operands: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        """The gradients for the wanted operands, from one recomputation."""
        if not wanted:
            return []
        call: Call = params["call"]
        inputs, root = call.again(operands, out)
        segment = Segment([*inputs, *call.captured], [root])
        recorded = isinstance(gradient, Node) or any(isinstance(x, Node) for x in operands)
        grads = pull_back(segment.order, {root: gradient}, needed=segment.members, create_graph=recorded)
        for node in inputs:
            if node in grads:
                grads[node] = run_hooks(node, grads[node])
        sources = [*inputs, *call.captured]
        return [grads.get(sources[i]) for i in wanted]

    def pull(self, index: int, gradient: Any, out: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        """The gradient for one operand."""
        return self.pull_each([index], gradient, out, operands, params)[0]

    def push(self, tangents: Sequence[Any], out: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        """The tangent of the result, from one recomputation."""
        call: Call = params["call"]
        inputs, root = call.again(operands, out)
        sources = [*inputs, *call.captured]
        recorded = any(isinstance(x, Node) for x in (*tangents, *operands))
        known = {node: t for node, t in zip(sources, tangents, strict=True) if t is not None}
        return push_forward(Segment(sources, [root]).order, known, create_graph=recorded).get(root)

    def _make_apply(self) -> Callable[..., Any]:
        return _no_rule  # calls are recorded by `checkpoint` itself


def _data_of_call(operands: Sequence[Any], call: Call) -> Any:
    """The data of a call with other operands, captured ones included; for replays."""
    with tracing():
        inputs, root, _, _ = call.run(operands)
    assert root is not None
    return replay(root, dict(zip((*inputs, *call.captured), operands, strict=True)))


def _no_rule(*_args: Any, **_params: Any) -> Any:
    raise GradientError("checkpoint: call the function that checkpoint(f) returned, not its operation")


def captured(root: Node, inputs: Sequence[Node], inner: Scope) -> list[Node]:
    """The differentiable nodes from outside that a call used: what it reached and did not make."""
    seen: set[Node] = set(inputs)
    found: list[Node] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if _made_in(node, inner):
            stack.extend(reversed(node.parents))
        elif node.op is not CONSTANT:
            found.append(node)
    return found


def _made_in(node: Node, inner: Scope) -> bool:
    place = node.scope
    while place is not None and place is not inner:
        place = place.parent
    return place is inner


def packed(result: Any) -> Node | None:
    """All Values in a result as one node; None if there are none."""
    nodes: list[Any] = _values_in(result)
    if len(nodes) <= 1:
        return nodes[0] if nodes else None
    joined: Any = np.concatenate([np.reshape(node, (-1,)) for node in nodes])
    return joined  # type: ignore[no-any-return]  # NumPy on Values gives a Value


def unpacked(node: Node, result: Any) -> Any:
    """`result` with its Values replaced by the parts of `node`, into which they were packed."""
    if len(_values_in(result)) == 1:
        return map_leaves(lambda _, leaf: node if isinstance(leaf, Node) else leaf, result, "result")
    whole: Any = node
    start = 0

    def part(_path: str, leaf: Any) -> Any:
        nonlocal start
        if not isinstance(leaf, Node):
            return leaf
        values: Any = leaf
        piece = whole[start : start + np.size(values)].reshape(np.shape(values))
        start += np.size(values)
        dtype = np.result_type(leaf.data)
        return piece if np.result_type(piece.data) == dtype else piece.astype(dtype)

    return map_leaves(part, result, "result")


def _values_in(result: Any) -> list[Node]:
    return [leaf for _, leaf in flatten(result, "result") if isinstance(leaf, Node)]


def _same(again: Any, before: Any) -> bool:
    """Equal but for the last bits, which the order of additions may change."""
    if np.shape(again) != np.shape(before):
        return False
    tolerance = float(np.sqrt(np.finfo(np.result_type(before)).eps))
    return bool(np.allclose(again, before, rtol=tolerance, atol=tolerance * 1e-3, equal_nan=True))
