"""Nodes, operations, and the registry: what the whole project knows about an operation.

A fact about an operation (its derivative, its symbol, its domain) stands in one place, its entry.
Entries are made with `elementwise`, `linear`, `multilinear` and `general` of `tinygrad_edu.kinds`.
"""

import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, TypeVar

import numpy as np

from tinygrad_edu.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_edu.mode import Info, Mode, Scope, current_mode

Kind = Literal["elementwise", "linear", "multilinear", "general", "source"]
new = object.__new__


class Node:
    """One result in a graph: data, gradient, the operation that made it, and its parents.

    One object per node that Python's cyclic collector has to track: its two operands sit in slots
    (more than two, in a tuple in the first), and everything rare shares the slot `_info`.
    `tinygrad_edu.Value` adds the behaviour of an array.
    """

    __slots__ = ("_a", "_b", "_info", "data", "grad", "op")

    role: ClassVar[str] = "value"
    result_class: ClassVar[type["Node"]]

    data: Any
    grad: Any
    op: "Operation"
    _a: Any
    _b: Any
    _info: Info | None

    @property
    def parents(self) -> tuple["Node", ...]:
        """The operands, in order and with repeats: ``a * a`` has two."""
        first = self._a
        if first is None:
            return ()
        if first.__class__ is tuple:
            return first  # type: ignore[no-any-return]  # the slot holds a node or a tuple of nodes
        return (first,) if self._b is None else (first, self._b)

    @property
    def is_leaf(self) -> bool:
        """Whether this is an input or a parameter: made by the user, and differentiable."""
        return self.op is LEAF

    @property
    def params(self) -> dict[str, Any]:
        """What the operation was told beside its operands, such as ``axis``."""
        return self._info.params or {} if self._info is not None else {}

    @property
    def scope(self) -> Scope | None:
        """The scope in which the node was made, or None."""
        return self._info.scope if self._info is not None else None

    @property
    def line(self) -> str | None:
        """The user's line that made the node, if `record_lines` was on."""
        return self._info.line if self._info is not None else None

    @property
    def name(self) -> str | None:
        """The name in pictures and messages."""
        return self._info.name if self._info is not None else None

    @name.setter
    def name(self, name: str | None) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name: expected a str or None, got {type(name).__name__}")
        old = self._info or Info()
        self._info = Info(name, old.scope, old.params, old.line)


@dataclass(frozen=True)
class Interval:
    """The open interval from which the battery and the checker draw an operand."""

    low: float = -3.0
    high: float = 3.0
    integer: bool = False


@dataclass(frozen=True)
class Case:
    """One way to call an operation: the shapes of its operands, and its parameters."""

    shapes: tuple[tuple[int, ...], ...]
    params: dict[str, Any] = field(default_factory=dict)


def case(*shapes: tuple[int, ...], **params: Any) -> Case:
    """One way to call an operation, for the battery: shapes, then parameters by name.

    Examples
    --------
    >>> case((2, 3), axis=0)
    Case(shapes=((2, 3),), params={'axis': 0})
    """
    return Case(shapes, params)


Rule = Callable[..., Any] | None
F = TypeVar("F", bound=Callable[..., Any])
REGISTRY: Final[dict[str, "Operation"]] = {}
NUMPY: Final[dict[Callable[..., Any], Callable[..., Any]]] = {}  # NumPy's function -> ours, for Values


def _parameters(forward: Callable[..., Any], arity: int) -> dict[str, Any]:
    """What a forward function takes after its operands, with the defaults (`Parameter.empty` where there is none)."""
    if isinstance(forward, np.ufunc):
        return {}
    try:
        parameters = list(inspect.signature(forward).parameters.values())
    except (TypeError, ValueError):  # a builtin that does not say
        return {}
    return {p.name: p.default for p in parameters[arity:]}


class Operation:
    """One operation: call it on arrays and it computes, on Values and it records.

    Use a kind (`elementwise`, `linear`, `multilinear`, `general`) to make one.

    Parameters
    ----------
    name : str
        Also the key in the registry.
    forward : callable
        ``forward(*operands, **params)`` in plain NumPy.
    rules : sequence of callables or None
        One per operand; None where no derivative exists (a condition, an index).
    symbol : str
        For pictures; the name if not given.
    reads : sequence of str
        The derivative for each operand, as readers write it.
    domain : Interval or sequence of Interval
        Where the operands of tests are drawn from; one for all, or one each.
    cases : sequence of Case
        How the battery calls the operation.
    variadic : bool
        The first argument is a sequence of operands.
    hint : callable
        ``hint(*operands)`` gives a sentence for a ShapeError.
    numpy : sequence of callables
        The NumPy functions that Values answer with this operation; `forward` itself if it is a ufunc.
    order : int
        The highest order of derivative that the battery checks.
    """

    kind: ClassVar[Kind]

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        rules: Sequence[Rule],
        *,
        symbol: str | None = None,
        reads: str | Sequence[str] = (),
        domain: Interval | Sequence[Interval] = Interval(),
        cases: Sequence[Case] = (),
        variadic: bool = False,
        hint: Callable[..., str] | None = None,
        numpy: Sequence[Callable[..., Any]] = (),
        order: int = 2,
        doc: str = "",
    ) -> None:
        self.name = name
        self.forward = forward
        self.rules = tuple(rules)
        self.symbol = symbol or name
        self.reads = (reads,) if isinstance(reads, str) else tuple(reads)
        self.variadic = variadic
        self.arity = 1 if variadic else len(self.rules)
        self.domain = (domain,) * self.arity if isinstance(domain, Interval) else tuple(domain)
        self.cases = tuple(cases)
        self.hint = hint
        self.numpy = (forward, *numpy) if isinstance(forward, np.ufunc) else tuple(numpy)
        self.order = order
        self.terminal = not any(self.rules)  # a backward pass does not go past it
        self.along: tuple[Any, Any] | None = None  # set by the kind whose rules the backward loop calls inline
        self.defaults = _parameters(forward, self.arity)
        self.__name__ = name
        self.__doc__ = doc or inspect.getdoc(forward) or name
        self.apply: Callable[..., Any] = self._make_apply()

    def __call__(self, *args: Any, **params: Any) -> Any:
        return self.apply(*args, **params)

    def __repr__(self) -> str:
        return f"<{self.kind} operation {self.name}>"

    def compute(self, *operands: Any, **params: Any) -> Any:
        """The result on plain data, recorded nowhere."""
        return self._forward(operands, params)

    def pull(self, index: int, gradient: Any, out: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        """What `gradient` of the result contributes to operand `index` (before un-broadcasting)."""
        raise NotImplementedError("each kind of operation says how its rules pull a gradient back")

    def push(self, tangents: Sequence[Any], out: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        """The tangent of the result, given those of the operands (None where zero)."""
        raise NotImplementedError("each kind of operation says how its rules push a tangent forward")

    def has_rule(self, index: int) -> bool:
        """Whether operand `index` has a derivative."""
        return self.rules[0 if self.variadic else index] is not None

    def bind(self, args: tuple[Any, ...], params: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Split a call into operands and a complete dict of parameters."""
        if len(args) < self.arity:
            raise ArgumentError(f"{self.name}: expected {self.arity} operand(s), got {len(args)}")
        operands, rest = args[: self.arity], args[self.arity :]
        if self.variadic:
            operands = tuple(operands[0])
            if not operands:
                raise ArgumentError(f"{self.name}: expected at least one array, got an empty sequence")
        names = list(self.defaults)
        if len(rest) > len(names):
            raise ArgumentError(
                f"{self.name}: takes {self.arity} operand(s) and {len(names)} parameter(s), got {len(args)}"
            )
        given = {**dict(zip(names, rest, strict=False)), **params}
        full = {**self.defaults, **given}
        if len(full) != len(names):
            unknown = next(key for key in full if key not in self.defaults)
            raise ArgumentError(f"{self.name}: no parameter {unknown!r}; it takes {', '.join(names) or 'none'}")
        missing = [key for key, value in full.items() if value is inspect.Parameter.empty]
        if missing:
            raise ArgumentError(f"{self.name}: the parameter {missing[0]!r} is needed")
        return operands, full

    def _forward(self, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        try:
            return self.forward(operands, **params) if self.variadic else self.forward(*operands, **params)
        except (ValueError, IndexError) as error:
            raise explain(self, operands, error) from error

    def _make_apply(self) -> Callable[..., Any]:
        def apply(*args: Any, **params: Any) -> Any:
            operands, params = self.bind(args, params)
            like = next((x for x in operands if isinstance(x, Node)), None)
            if like is None:
                return self._forward(operands, params)
            nodes = tuple([x if isinstance(x, Node) else constant(like, x) for x in operands])
            data = self._forward([node.data for node in nodes], params)
            return record(self, data, nodes, params)

        return apply


class Source(Operation):
    """Where data enters a graph: a leaf, or a constant. No rule is ever run for it."""

    kind = "source"

    def __init__(self, name: str, reads: str) -> None:
        super().__init__(name, lambda: None, (), reads=reads)


LEAF: Final = Source("leaf", "an input or a parameter")
CONSTANT: Final = Source("constant", "a number; never differentiated")


def record(op: Operation, data: Any, nodes: tuple[Node, ...], params: dict[str, Any] | None) -> Node:
    """The node of a result, in the mode of the moment."""
    mode = current_mode()
    node = new(nodes[0].result_class)
    node.data = data
    node.grad = None
    if not mode.recording:
        node.op = CONSTANT
        node._a = node._b = node._info = None
        return node
    node.op = op
    if op.variadic or len(nodes) > 2:
        node._a, node._b = nodes, None
    else:
        node._a = nodes[0]
        node._b = nodes[1] if len(nodes) == 2 else None
    info = mode.info
    node._info = Info(None, info.scope if info is not None else None, params) if params else info
    if mode.lines:
        annotate(node, mode)
    return node


def annotate(node: Node, mode: Mode) -> None:
    """Write down the line of the user's code that is making this node."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in ("tinygrad_edu", "numpy"):
        frame = frame.f_back
    old = node._info or Info()
    line = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    node._info = Info(old.name, old.scope, old.params, line)


def constant(like: Node, data: Any) -> Node:
    """A node for a plain number or array in an expression; `like` gives its class."""
    node = new(like.result_class)
    node.data = data if data.__class__ is float else as_operand(data)
    node.grad = None
    node.op = CONSTANT
    node._a = node._b = node._info = None
    return node


def as_operand(data: Any) -> Any:
    """Numbers and arrays as an expression may hold them: Python numbers become floats, lists arrays."""
    if isinstance(data, (bool, int, float)) and not isinstance(data, np.generic):
        return float(data)
    array = data if isinstance(data, (np.ndarray, np.generic)) or hasattr(data, "__array_function__") else None
    if array is None:
        if isinstance(data, (str, bytes, dict, set)) or data is None:
            raise _not_a_number(data)
        if isinstance(data, (list, tuple)) and any(isinstance(item, Node) for item in data):
            raise DTypeError(
                "expected numbers, got a list that holds Values: join them first with tinygrad_edu.stack(...) "
                "or tinygrad_edu.array(...)"
            )
        array = np.asarray(data)
    if array.dtype.kind not in "biuf":
        raise _not_a_number(data)
    return array


def _not_a_number(data: Any) -> DTypeError:
    kind = f"an array of {data.dtype}" if isinstance(data, (np.ndarray, np.generic)) else f"{type(data).__name__}"
    return DTypeError(f"expected real numbers or an array of them, got {kind} ({str(data)[:60]!r})")


def register(op: Operation) -> None:
    """Enter an operation under its name, and under the NumPy functions that it answers.

    An operation of a user's own may be entered again (a notebook cell run twice).

    Raises
    ------
    ArgumentError
        If an operation of tinygrad_edu has the name.
    """
    old = REGISTRY.get(op.name)
    if old is not None and old.forward.__module__.partition(".")[0] in ("tinygrad_edu", "numpy"):
        raise ArgumentError(f"the operation {op.name!r} exists already; choose another name")
    REGISTRY[op.name] = op
    NUMPY.update(dict.fromkeys(op.numpy, op))


def implements(*functions: Callable[..., Any]) -> Callable[[F], F]:
    """Make a composition of operations answer NumPy functions on Values.

    The decorated function has NumPy's own signature (parameters that it lacks are refused by name).
    """

    def enter(ours: F) -> F:
        NUMPY.update(dict.fromkeys(functions, ours))
        return ours

    return enter


def explain(op: Operation, operands: Iterable[Any], error: Exception) -> Exception:
    """NumPy's complaint about operands, with the operation and the shapes in it."""
    operands = tuple(operands)
    shapes = ", ".join(str(np.shape(x)) for x in operands)
    hint = op.hint(*operands) if op.hint is not None else ""
    kind = IndexError if isinstance(error, IndexError) else ShapeError
    return kind(f"{op.name}: cannot be done on operands of shape {shapes}: {error}{'. ' + hint if hint else ''}")

