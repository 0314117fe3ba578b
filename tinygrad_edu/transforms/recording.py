"""One call of a function, recorded from chosen inputs to its outputs; gradients pull back along it, tangents push."""

import inspect
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.backward import pull_back
from tinygrad_edu.errors import ArgumentError, DTypeError, IndependentResultWarning, ShapeError
from tinygrad_edu.graph import Segment
from tinygrad_edu.mode import current_mode, tracing
from tinygrad_edu.op import CONSTANT, Node, as_operand, constant, record
from tinygrad_edu.ops.shape import identity
from tinygrad_edu.transforms.forward import push_forward
from tinygrad_edu.transforms.selection import Selection
from tinygrad_edu.transforms.trees import flatten, flatten_like, is_numeric, is_real, map_leaves, require_real
from tinygrad_edu.value import Value
from tinygrad_edu.watch import run_hooks


class Recording:
    """A call of a function whose chosen arguments were wrapped, so that their influence can be followed.

    Each number or array among them becomes a node of its own (a Value is continued by an `identity`
    node), which no other transform has seen: so derivatives of one transform are never mixed up with
    those of another around or inside it.

    Attributes
    ----------
    trees : list
        The chosen arguments as they were given.
    inputs : list of Node
        One per leaf that is differentiated.
    result : Any
        What the function returned, without the auxiliary part.
    outputs : list
        Its leaves: nodes, or plain numbers that depend on nothing.
    recorded : bool
        Whether derivatives are Values: Values took part, as arguments or from outside, and the mode records.
    """

    def __init__(
        self, choice: Selection, args: Sequence[Any], kwargs: Mapping[str, Any], has_aux: bool = False
    ) -> None:
        self.choice = choice
        keys = choice.find(args, kwargs)
        self.recording = current_mode().recording
        self.names = [name for _, name in keys]
        self.trees: list[Any] = []
        self.inputs: list[Any] = []
        self.continues = False  # whether an input continues a Value
        self.owners: list[int] = []  # for each input, which chosen argument it belongs to
        new_args, new_kwargs = list(args), dict(kwargs)
        with tracing() as trace:
            for key, name in keys:
                tree = new_args[key] if isinstance(key, int) else new_kwargs[key]
                wrapped = self._wrap_tree(tree, name)
                if isinstance(key, int):
                    new_args[key] = wrapped
                else:
                    new_kwargs[key] = wrapped
            trace.inputs.update(self.inputs)
            result = choice.f(*new_args, **new_kwargs)
        self.aux: Any = None
        if has_aux:
            if not isinstance(result, tuple) or len(result) != 2:
                raise ArgumentError(
                    f"{choice.what}: with has_aux=True, {choice.name} must return (value, anything else), "
                    f"got {_shape_of(result)}"
                )
            result, self.aux = result
        self.result = result
        self.outputs = [self._output(path, leaf) for path, leaf in flatten(result, "result")]
        around = trace.outer.all_inputs() if trace.outer is not None else ()
        self.segment = Segment(self.inputs, [out for out in self.outputs if isinstance(out, Node)], around)
        self.recorded = self.recording and (self.continues or self.segment.has_other_sources)

    def _wrap_tree(self, tree: Any, name: str) -> Any:
        before = len(self.inputs)
        wrapped = map_leaves(self._wrap, tree, name)
        if len(self.inputs) == before:
            raise DTypeError(
                f"{self.choice.what}: {name} holds nothing to differentiate by: expected real numbers, arrays of them, "
                f"Values, or containers of those, got {type(tree).__name__} ({str(tree)[:60]!r})"
            )
        self.owners += [len(self.trees)] * (len(self.inputs) - before)
        self.trees.append(tree)
        return wrapped

    def _wrap(self, path: str, leaf: Any) -> Any:
        if not require_real(path, leaf, self.choice.what):
            return leaf
        if isinstance(leaf, Node) and self.recording and leaf.op is not CONSTANT:
            self.continues = True
            node: Node = identity(leaf)
        else:
            source = Value(leaf.data if isinstance(leaf, Node) else leaf)
            source.op = CONSTANT  # not a leaf: it is nobody's, and must not look like a Value from outside
            node = record(identity, source.data, (source,), None)
        node.name = path
        self.inputs.append(node)
        return node

    def _output(self, path: str, leaf: Any) -> Any:
        if not is_numeric(leaf):
            hint = "; is a return missing?" if leaf is None else ""
            raise DTypeError(
                f"{self.choice.what}: {self.choice.name} returned {type(leaf).__name__} as {path}, expected real "
                f"numbers{hint} (what is not to be differentiated can be returned beside them: has_aux=True)"
            )
        return leaf if isinstance(leaf, Node) else as_operand(leaf)

    # -- derivatives

    def depends_on(self) -> list[bool]:
        """For each chosen argument, whether the outputs depend on it."""
        used = {parent for node in self.segment.order for parent in node.parents} | {
            out for out in self.outputs if isinstance(out, Node)
        }
        found = [False] * len(self.trees)
        for node, owner in zip(self.inputs, self.owners, strict=True):
            found[owner] = found[owner] or node in used
        return found

    def pull(self, gradients: Sequence[Any], recorded: bool | None = None) -> list[Any]:
        """For each input, the gradient that those of the outputs (None for zero) come to."""
        recorded = self.recorded if recorded is None else recorded
        seeds: dict[Node, Any] = {}
        for out, g in zip(self.outputs, gradients, strict=True):
            if g is not None and isinstance(out, Node) and out in self.segment.members:
                seeds[out] = seeds[out] + g if out in seeds else g
        grads = pull_back(self.segment.order, seeds, needed=self.segment.members, create_graph=recorded)
        return [
            self._finish(run_hooks(node, grads[node]) if node in grads else None, node, recorded)
            for node in self.inputs
        ]

    def push(self, tangents: Sequence[Any], recorded: bool | None = None) -> list[Any]:
        """For each output, the tangent that those of the inputs (None for zero) come to."""
        recorded = self.recorded if recorded is None else recorded
        known = {node: t for node, t in zip(self.inputs, tangents, strict=True) if t is not None}
        found = push_forward(self.segment.order, known, create_graph=recorded)
        return [self._finish(found.get(out) if isinstance(out, Node) else None, out, recorded) for out in self.outputs]

    def _finish(self, derivative: Any, like: Any, recorded: bool) -> Any:
        """A derivative as the caller gets it: a Value if recorded, else a float or an array of its own."""
        data = like.data if isinstance(like, Node) else like
        if derivative is None:
            derivative = 0.0 if data.__class__ is float else np.zeros_like(data)
        if recorded:
            return derivative if isinstance(derivative, Node) else constant(self.inputs[0], derivative)
        return float(derivative) if data.__class__ is float else derivative.astype(data.dtype)  # a copy

    # -- between leaves and trees

    def give(self, value: Any) -> Any:
        """Something that the function returned, as the caller gets it: plain, unless derivatives are Values."""
        if self.recorded:
            return value
        return map_leaves(lambda _, leaf: leaf.data if isinstance(leaf, Node) else leaf, value, "")

    def like_arguments(self, leaves: Sequence[Any]) -> Any:
        """One leaf per input, built as the chosen arguments are; None beside what is not differentiated."""
        remaining = iter(leaves)

        def place(_path: str, leaf: Any) -> Any:
            return next(remaining) if is_real(leaf) else None

        return self.choice.restore([map_leaves(place, tree, "") for tree in self.trees])

    def like_result(self, leaves: Sequence[Any]) -> Any:
        """One leaf per output, built as the result is."""
        remaining = iter(leaves)
        return map_leaves(lambda _path, _leaf: next(remaining), self.result, "result")

    def tangents_of(self, tangents: Sequence[Any]) -> list[Any]:
        """The leaves of tangents that are built as the chosen arguments are, checked against the inputs."""
        found: list[Any] = []
        for name, tree, tangent in zip(self.names, self.trees, tangents, strict=True):
            model = flatten(tree, name)
            given = flatten_like(tangent, model, name, f"{self.choice.what}: the tangent of {name}")
            found += [t for (_, leaf), t in zip(model, given, strict=True) if is_real(leaf)]
        pairs = zip(found, self.inputs, strict=True)
        return [self._fitting(t, node, f"the tangent of {node.name}") for t, node in pairs]

    def cotangents_of(self, gradient: Any) -> list[Any]:
        """The leaves of a gradient that is built as the result is, checked against the outputs."""
        model = flatten(self.result, "result")
        given = flatten_like(gradient, model, "result", f"{self.choice.what}: the gradient of the result")
        return [
            self._fitting(g, out, f"the gradient of {path}")
            for (path, _), g, out in zip(model, given, self.outputs, strict=True)
        ]

    def _fitting(self, given: Any, like: Any, name: str) -> Any:
        """`given` with the dtype of the data of `like`; ShapeError if its shape is another."""
        data = like.data if isinstance(like, Node) else like
        if given is None:
            return None
        if np.shape(given.data if isinstance(given, Node) else given) != np.shape(data):
            raise ShapeError(f"{self.choice.what}: {name} has shape {np.shape(given)}, expected {np.shape(data)}")
        if isinstance(given, Node):
            return given
        given = as_operand(given)
        if data.__class__ is float:
            return float(given)
        return given.astype(data.dtype) if hasattr(given, "astype") else data.dtype.type(given)

    def one_number(self) -> Any:
        """The only output, for transforms of functions with a single number as result."""
        what, name = self.choice.what, self.choice.name
        if isinstance(self.result, (tuple, list, dict)) or len(self.outputs) != 1:
            hint = "; for (value, anything else) pass has_aux=True" if isinstance(self.result, tuple) else ""
            raise ShapeError(f"{what}: {name} must return a single number, got {_shape_of(self.result)}{hint}")
        out = self.outputs[0]
        data = out.data if isinstance(out, Node) else out
        if np.size(data) != 1:
            raise ShapeError(
                f"{what}: {name} must return a single number, got shape {np.shape(data)}. Reduce it (np.sum, np.mean), "
                "or use jacobian, vjp, or (if each entry of the result depends on one entry of the argument) "
                "elementwise_grad."
            )
        return out

    def warn_if_independent(self) -> None:
        """Warn of chosen arguments that the result does not depend on, as far as a derivative can see."""
        if getattr(self.choice.f, "is_derivative", False):  # the derivative of a straight line is constant
            return
        unused = [name for name, used in zip(self.names, self.depends_on(), strict=True) if not used]
        if unused:
            warnings.warn(
                f"{self.choice.what}: the result of {self.choice.name} does not depend on {', '.join(unused)}, so the "
                "derivative is zero. If it should: was something read with .data, stop_gradient or no_grad, or "
                "written into a plain array?",
                IndependentResultWarning,
                stacklevel=_outside(),
            )


def ones_like(out: Any) -> Any:
    """The gradient of an output with respect to itself."""
    data = out.data if isinstance(out, Node) else out
    return 1.0 if data.__class__ is float else np.ones_like(data)


def _shape_of(result: Any) -> str:
    if isinstance(result, (tuple, list)):
        return f"a {type(result).__name__} of {len(result)}"
    return f"{type(result).__name__}"


def _outside() -> int:
    """The stack level of the first caller that is not in this package, for `warnings.warn`."""
    frame = inspect.currentframe()
    level = 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith("tinygrad_edu."):
        frame = frame.f_back
        level += 1
    return level
