"""What is checked: a function of arrays beside the gradients that are claimed for it.

Three kinds: a function of Values with the engine's gradients, any function with a gradient written by
hand, and a graph that was recorded earlier. To the rest of the package they look alike.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu.check.claims import OWN, Array, Claim, engine_claim, number, quiet
from tinygrad_edu.check.intervals import UNIT
from tinygrad_edu.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_edu.graph import Replay, leaves, topological
from tinygrad_edu.mode import no_grad, record_lines, tracing
from tinygrad_edu.op import CONSTANT, LEAF, Node
from tinygrad_edu.value import Value


@dataclass
class Subject:
    """A function of float64 arrays with its claims.

    `evaluate` gives a float64 array (1-d), or None where the function has no value. `unit` is the relative
    rounding of its results, which tells whether they were float32 on the way. Where the engine claims,
    `root` is the graph that it went back through, and `at` its nodes that hold the inputs.
    """

    names: tuple[str, ...]
    inputs: tuple[Array, ...]
    shape: tuple[int, ...]
    base: Array
    unit: float
    run: Callable[[Sequence[Array]], Any]
    claim: Callable[[Array], Claim]
    notes: list[str] = field(default_factory=list)
    evaluations: int = 1
    root: Node | None = None
    at: Sequence[Node] = ()

    def evaluate(self, inputs: Sequence[Array]) -> Array | None:
        """The function at other inputs, silently: points outside its domain are expected."""
        self.evaluations += 1
        try:
            with quiet(), no_grad():
                result = plain(self.run(inputs))
                if isinstance(result, complex):  # Python's floats to a power leave the real numbers
                    return None
                out = np.asarray(result, dtype=np.float64)
        except (ArithmeticError, ValueError):  # what Python's own math raises outside the domain
            return None
        except TypeError as error:  # ... or does with the complex number that it made there
            if "complex" not in str(error):
                raise
            return None
        if out.shape != self.shape:
            raise ShapeError(
                f"check_gradients: the function gave shape {self.shape} at the inputs and {out.shape} nearby; "
                "it must give one shape"
            )
        return out.ravel()


def plain(result: Any) -> Any:
    """The numbers of a result."""
    if isinstance(result, (tuple, list, dict)) or result is None:
        raise ArgumentError(
            f"check_gradients: the function returned a {type(result).__name__}; it must return one number or array "
            "(check each part by a function of its own)"
        )
    return result.data if isinstance(result, Node) else result


def unit_of(result: Any) -> float:
    """The relative rounding of a result, by its dtype."""
    kind = np.result_type(plain(result))
    return float(np.finfo(kind).eps) if kind.kind == "f" else UNIT


def from_values(f: Callable[..., Any], inputs: Sequence[Any], names: Sequence[str] | None) -> Subject:
    """A function of Values, with the gradients that the engine gives."""
    labels = names_of(inputs, names, f)
    arrays, notes = promoted(inputs, labels)

    def run(points: Sequence[Array]) -> Any:
        return f(*[Value(number(x)) for x in points])

    with quiet(), tracing(), record_lines():
        at = [Value(number(x), name=name) for x, name in zip(arrays, labels, strict=True)]
        root = f(*at)
        unit = unit_of(root)
        base = np.asarray(plain(root), dtype=np.float64)
    if not isinstance(root, Node) or (root.op.terminal and root.op is not LEAF):
        notes.append("the function's result does not depend on its inputs as recorded: all gradients are zero")
        root = None
    claim = engine_claim(root, at, base.shape)
    return Subject(labels, arrays, base.shape, base.ravel(), unit, run, claim, notes, root=root, at=at)


def from_graph(root: Any, wrt: Sequence[Any] | None) -> Subject:
    """A recorded graph, replayed with other numbers in the nodes `wrt` (its leaves, if not given).

    Everything float32 is promoted: a twin of the graph is recorded in float64, and that is checked.
    """
    if not isinstance(root, Node):
        raise ArgumentError(
            f"check_graph: expected the Value at the end of a graph, got {type(root).__name__}; "
            "to check a function, use check_gradients(f, *inputs)"
        )
    nodes = list(leaves(root)) if wrt is None else list(wrt)
    below = set(topological(root))
    for node in nodes:
        if node not in below or node.op is CONSTANT:
            raise ArgumentError(f"check_graph: {node!r} in wrt= is not a Value that the root depends on")
    names = _names_in(root, nodes)
    arrays, notes = promoted([node.data for node in nodes], names)
    notes.insert(0, "the graph was replayed as it was recorded: branches that Python code took are not taken anew")
    with quiet(), tracing():
        twin, twins = _twin(root)
    at = [twins[node] for node in nodes]
    replay = Replay(twin)

    def run(points: Sequence[Array]) -> Any:
        return replay.run({node: number(x) for node, x in zip(at, points, strict=True)})

    base = np.asarray(twin.data, dtype=np.float64)
    claim = engine_claim(twin, at, base.shape)
    return Subject(names, arrays, base.shape, base.ravel(), unit_of(twin), run, claim, notes, root=twin, at=at)


def from_gradient(f: Callable[..., Any], inputs: Sequence[Any], gradient: Any, names: Sequence[str] | None) -> Subject:
    """Any function of arrays, with a gradient (or a function giving it) from elsewhere."""
    labels = names_of(inputs, names, f)
    arrays, notes = promoted(inputs, labels)

    def run(points: Sequence[Array]) -> Any:
        return f(*[number(x.copy()) for x in points])

    with quiet():
        result = plain(run(arrays))
        unit = unit_of(result)
        base = np.asarray(result, dtype=np.float64)
        given = gradient(*[number(x.copy()) for x in arrays]) if callable(gradient) else gradient
    parts = list(given) if isinstance(given, (tuple, list)) and len(arrays) > 1 else [given]
    if len(parts) != len(arrays):
        raise ArgumentError(
            f"check_gradients: {len(arrays)} inputs need as many gradients, got {len(parts)}; pass gradient= a tuple"
        )
    claimed = [_written(part, x, base.shape, label) for part, x, label in zip(parts, arrays, labels, strict=True)]
    called = run
    if base.size > 1 and not all(is_jacobian for _, is_jacobian, _ in claimed):
        notes.append("the function gives an array; a gradient of its input's shape was read as that of its sum")

        def called(points: Sequence[Array]) -> Any:
            return np.sum(plain(run(points)))

        base = base.sum()
        claimed = [
            (c.reshape(-1, *x.shape).sum(axis=0) if is_jacobian else c, False, rounding)
            for (c, is_jacobian, rounding), x in zip(claimed, arrays, strict=True)
        ]

    def claim(v: Array) -> Claim:
        jacobians = [c.reshape(v.size, *x.shape) for (c, _, _), x in zip(claimed, arrays, strict=True)]
        gradients = tuple(np.tensordot(v, j, axes=1) for j in jacobians)
        sizes = [np.tensordot(np.abs(v), np.abs(j), axes=1) for j in jacobians]
        slacks = tuple(rounding * s for (_, _, rounding), s in zip(claimed, sizes, strict=True))
        return Claim(gradients, slacks)

    return Subject(labels, arrays, base.shape, base.ravel(), unit, called, claim, notes)


class WrongShapeError(ShapeError):
    """A gradient from elsewhere that cannot be one of its input: a finding, not a mistake in the call."""

    def __init__(self, message: str, argument: str) -> None:
        super().__init__(message)
        self.argument = argument


def _written(part: Any, x: Array, out: tuple[int, ...], name: str) -> tuple[Array, bool, float]:
    """A gradient from elsewhere: its numbers, whether it is a full Jacobian, and its relative rounding."""
    part = part.data if isinstance(part, Node) else part
    array = np.zeros(x.shape) if part is None else np.asarray(part)
    unit = OWN * UNIT if array.dtype != np.float32 else 8 * float(np.finfo(np.float32).eps)
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"check_gradients: the gradient for {name} must be numbers, got {array.dtype}")
    if array.shape == x.shape:
        return array.astype(np.float64), False, unit
    if array.shape == out + x.shape:
        return array.astype(np.float64), True, unit
    extra = array.ndim - x.ndim
    hint = ""
    if array.shape[::-1] == x.shape:
        hint = "; it looks transposed"
    elif extra >= 0 and _broadcasts(x, to=array):
        axes = [i for i, n in enumerate(array.shape) if i < extra or (x.shape[i - extra] == 1 and n != 1)]
        hint = f"; the input was broadcast, so its gradient must be summed over axis {', '.join(map(str, axes))}"
    raise WrongShapeError(f"the gradient has shape {array.shape}, the input {x.shape}{hint}", name)


def _broadcasts(x: Array, to: Array) -> bool:
    return all(n in (1, m) for n, m in zip(x.shape[::-1], to.shape[::-1], strict=False))


def _twin(root: Node) -> tuple[Node, dict[Node, Node]]:
    """The same graph, recorded anew from float64 leaves; the graph itself, if all of it is float64."""
    nodes = topological(root)
    if all(node.data.__class__ is float or np.result_type(node.data) == np.float64 for node in nodes):
        return root, {node: node for node in nodes}
    twins: dict[Node, Node] = {}
    for node in nodes:
        if node.op is LEAF:
            twins[node] = Value(number(np.array(node.data, dtype=np.float64)))
        elif node.op.kind == "source":
            twins[node] = node
        else:
            operands = [twins[parent] for parent in node.parents]
            twins[node] = node.op(operands, **node.params) if node.op.variadic else node.op(*operands, **node.params)
        twins[node]._info = node._info  # its name, its line, its hooks
    return twins[root], twins


def _names_in(root: Node, nodes: Sequence[Node]) -> tuple[str, ...]:
    """What the nodes are called; where two have one name, with the scope of whoever uses them first in front."""
    names = [node.name or (f"leaf {i}" if node.is_leaf else node.op.name) for i, node in enumerate(nodes)]
    users: dict[Node, Node] = {}
    for user in topological(root):
        for parent in user.parents:
            users.setdefault(parent, user)
    return tuple(
        f"{scope.path}/{name}"
        if names.count(name) > 1 and (scope := getattr(users.get(node), "scope", None)) is not None
        else name
        for node, name in zip(nodes, names, strict=True)
    )


def promoted(inputs: Sequence[Any], names: Sequence[str]) -> tuple[tuple[Array, ...], list[str]]:
    """Own float64 copies of the inputs, and a note for each that was of another type."""
    arrays, notes = [], []
    for x, name in zip(inputs, names, strict=True):
        array = np.asarray(x.data if isinstance(x, Node) else x)
        if array.dtype.kind not in "biuf":
            raise DTypeError(f"check_gradients: {name} must be real numbers, got {array.dtype}")
        if array.dtype != np.float64 and not isinstance(x, (int, bool)):
            notes.append(f"{name} is {array.dtype}: its float64 twin was checked")
        arrays.append(np.array(array, dtype=np.float64))
    return tuple(arrays), notes


def names_of(inputs: Sequence[Any], names: Sequence[str] | None, f: Callable[..., Any]) -> tuple[str, ...]:
    """A name for each input: as given, as the Value has it, as `f` calls it, or by position."""
    if names is not None:
        if len(names) != len(inputs):
            raise ArgumentError(f"check_gradients: {len(inputs)} inputs, but {len(names)} names")
        return tuple(names)
    known = _parameters(f)
    known += [f"argument {i}" for i in range(len(known), len(inputs))]
    return tuple(getattr(x, "name", None) or name for x, name in zip(inputs, known, strict=False))


def _parameters(f: Callable[..., Any]) -> list[str]:
    """What a function calls its leading arguments; nothing for one that does not say."""
    if isinstance(f, np.ufunc):  # NumPy versions differ in what these say
        return []
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
