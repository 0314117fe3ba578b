"""Operations, and their registry: what the whole project knows about an operation.

A fact about an operation (its derivative, its symbol, its domain) stands in one place, its entry.
Entries are made with `elementwise`, `linear`, `multilinear` and `general` of `tinygrad_edu.kinds`.
"""

import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, TypeVar

import numpy as np

from tinygrad_edu.errors import ArgumentError, DTypeError, LinearAlgebraError, ShapeError
from tinygrad_edu.mode import Info, current_mode
from tinygrad_edu.node import Node as Node
from tinygrad_edu.node import as_operand as as_operand
from tinygrad_edu.node import kept
from tinygrad_edu.node import new as new
from tinygrad_edu.watch import check_result

Kind = Literal["elementwise", "linear", "multilinear", "general", "source"]


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
UFUNCS: Final[dict[Callable[..., Any], Callable[..., Any]]] = {}  # for ufuncs, what their plain call comes to
LATER: Final[dict[str, dict[str, Callable[..., Any]]]] = {}  # the same for modules that only users import: name -> ours


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
    sample : callable
        ``sample(rng, case)`` draws the operands for a case where an interval will not do (a positive
        definite matrix, distinct eigenvalues).
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
        sample: Callable[[np.random.Generator, Case], Sequence[Any]] | None = None,
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
        self.numpy: list[Callable[..., Any]] = [forward, *numpy] if isinstance(forward, np.ufunc) else [*numpy]
        self.order = order
        self.sample = sample
        self.terminal = not any(self.rules)  # a backward pass does not go past it
        self.along: tuple[Any, Any] | None = None  # set by the kind whose rules the backward loop calls inline
        self.exact = False  # set with `along`: rules keep the broadcast shape, and make an array or pass `t` on
        self.typed: dict[np.dtype[Any], Any] = {}  # set with `along`: the rule with constants of one type
        self.add_piece: Callable[..., None] | None = None  # set for linear operations that read a part of their operand
        self.defaults = _parameters(forward, self.arity)
        self.needed = [key for key, default in self.defaults.items() if default is inspect.Parameter.empty]
        self.__name__ = name
        self.__doc__ = doc or inspect.getdoc(forward) or name
        self.apply: Callable[..., Any] = self._make_apply()

    def __call__(self, *args: Any, **params: Any) -> Any:
        """The result: plain data for plain operands, a recorded Value if any operand is one."""
        return self.apply(*args, **params)

    def __repr__(self) -> str:
        return f"<{self.kind} operation {self.name}>"

    def __reduce__(self) -> tuple[Callable[[str], "Operation"], tuple[str]]:
        """A copy of a graph, or one read from a pickle, has the same operations."""
        return named, (self.name,)

    def compute(self, *operands: Any, **params: Any) -> Any:
        """The result on plain data, recorded nowhere."""
        try:
            return self.forward(operands, **params) if self.variadic else self.forward(*operands, **params)
        except (ValueError, IndexError) as error:
            raise explain(self, operands, error) from error

    def pull(self, index: int, gradient: Any, out: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        """What `gradient` of the result contributes to operand `index` (before un-broadcasting)."""
        raise NotImplementedError("each kind of operation says how its rules pull a gradient back")

    def pull_each(
        self, wanted: Sequence[int], gradient: Any, out: Any, operands: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        """`pull` for several operands; an operation whose rules share work does it here once."""
        return [self.pull(i, gradient, out, operands, params) for i in wanted]

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
        defaults = self.defaults
        if len(rest) > len(defaults):
            raise ArgumentError(
                f"{self.name}: takes {self.arity} operand(s) and {len(defaults)} parameter(s), got {len(args)}"
            )
        full = {**defaults, **dict(zip(defaults, rest, strict=False)), **params} if rest else {**defaults, **params}
        if len(full) != len(defaults):
            unknown = next(key for key in full if key not in defaults)
            raise ArgumentError(f"{self.name}: no parameter {unknown!r}; it takes {', '.join(defaults) or 'none'}")
        for key in self.needed:
            if full[key] is inspect.Parameter.empty:
                raise ArgumentError(f"{self.name}: the parameter {key!r} is needed")
        return operands, full

    def is_built_in(self) -> bool:
        """Whether this is an operation of tinygrad_edu: none of its functions is a user's."""
        return all(_is_built_in(part) for part in (self.forward, *self.rules) if part is not None)

    def _make_apply(self) -> Callable[..., Any]:
        simple, every_key = 0 if self.variadic else self.arity, self.defaults.keys()

        def apply(*args: Any, **params: Any) -> Any:
            if len(args) != simple or params.keys() != every_key:
                args, params = self.bind(args, params)
            for like in args:
                if isinstance(like, Node):
                    break
            else:
                return self.compute(*args, **params)
            if len(args) > 1:
                try:
                    args = tuple([x if isinstance(x, Node) else constant(like, x) for x in args])
                except DTypeError as error:
                    raise DTypeError(f"{self.name}: {error}") from None
            data = self.compute(*[node.data for node in args], **params)
            return record(self, data, args, params)

        return apply


class Source(Operation):
    """Where data enters a graph: a leaf, or a constant. No rule is ever run for it."""

    kind = "source"

    def __init__(self, name: str, reads: str) -> None:
        super().__init__(name, lambda: None, (), reads=reads)


LEAF: Final = Source("leaf", "an input or a parameter")
CONSTANT: Final = Source("constant", "a number; never differentiated")
SOURCES: Final = {op.name: op for op in (LEAF, CONSTANT)}


def named(name: str) -> Operation:
    """The operation of that name, sources included.

    Raises
    ------
    ArgumentError
        If there is none.
    """
    op = SOURCES.get(name) or REGISTRY.get(name)
    if op is None:
        raise ArgumentError(f"there is no operation {name!r}; import the module that enters it first")
    return op


def record(op: Operation, data: Any, nodes: tuple[Node, ...], params: dict[str, Any] | None) -> Node:
    """The node of a result, in the mode of the moment."""
    mode = current_mode()
    if mode.capture is not None:
        return mode.capture.record(op, data, nodes, params)  # type: ignore[no-any-return]  # a Node
    node = new(nodes[0].result_class if nodes else Node.result_class)
    node.data = data
    node.grad = None
    if not mode.recording:
        node.op = CONSTANT
        node._a = node._b = node._info = None
        if mode.anomaly is not None:
            check_result(op.name, node, nodes, mode.anomaly)
        return node
    node.op = op
    if op.variadic or len(nodes) > 2:
        node._a, node._b = nodes, None
    else:
        node._a = nodes[0] if nodes else None
        node._b = nodes[1] if len(nodes) == 2 else None
    info = mode.info
    if params:
        params = {key: kept(value) for key, value in params.items()}
        node._info = Info(None, info.scope if info is not None else None, params)
    else:
        node._info = info
    if mode.lines:
        annotate(node)
    if mode.anomaly is not None:
        check_result(op.name, node, nodes, mode.anomaly)
    return node


def annotate(node: Node) -> None:
    """Write down the line of the user's code that is making this node."""
    info = node._info.copy() if node._info is not None else Info()
    info.line = line_of_user()
    node._info = info


_OURS: Final[dict[int, dict[str, Any]]] = {}  # the globals of modules that are none of the user's, by id


def line_of_user() -> str:
    """Where the user's code is at this moment, ``file:line``: the innermost frame outside this package and NumPy."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        world = frame.f_globals
        if _OURS.get(id(world)) is not world:
            if world.get("__name__", "").partition(".")[0] not in ("tinygrad_edu", "numpy"):
                break
            _OURS[id(world)] = world
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def constant(like: Node, data: Any) -> Node:
    """A node for a plain number or array in an expression; `like` gives its class."""
    if data.__class__ is not float and (capture := current_mode().capture) is not None:
        return capture.constant(like, data)  # type: ignore[no-any-return]  # a Node
    node = new(like.result_class)
    node.data = data if data.__class__ is float else kept(as_operand(data))
    node.grad = None
    node.op = CONSTANT
    node._a = node._b = node._info = None
    return node


def register(op: Operation) -> None:
    """Enter an operation under its name, and under the NumPy functions that it answers.

    An operation of a user's own may be entered again (a notebook cell run twice). It does not take over
    a NumPy function that another operation answers: one with `np.sin` as forward leaves `np.sin` alone.

    Raises
    ------
    ArgumentError
        If an operation of tinygrad_edu has the name.
    """
    old = REGISTRY.get(op.name) or SOURCES.get(op.name)
    if old is not None and old.is_built_in():
        raise ArgumentError(f"the operation {op.name!r} exists already; choose another name")
    REGISTRY[op.name] = op
    for function in op.numpy:
        if NUMPY.get(function, old) is old:
            _answer(function, op)


def _answer(function: Callable[..., Any], ours: Callable[..., Any]) -> None:
    NUMPY[function] = ours
    if isinstance(function, np.ufunc):
        UFUNCS[function] = getattr(ours, "apply", ours)


def _is_built_in(function: Callable[..., Any]) -> bool:
    return str(getattr(function, "__module__", "")).partition(".")[0] in ("tinygrad_edu", "numpy")


def implements(*functions: Callable[..., Any] | None) -> Callable[[F], F]:
    """Make a composition of operations answer NumPy functions on Values.

    The decorated function has the names of NumPy's parameters; those that it lacks are refused by name.
    None stands for a function that the installed NumPy does not have yet.
    """

    def enter(ours: F) -> F:
        for function in functions:
            if function is not None:
                _answer(function, ours)
        return ours

    return enter


def explain(op: Operation, operands: Iterable[Any], error: Exception) -> Exception:
    """NumPy's complaint about operands, with the operation and the shapes in it."""
    operands = tuple(operands)
    shapes = ", ".join(str(np.shape(x)) for x in operands)
    hint = op.hint(*operands) if op.hint is not None else ""
    if isinstance(error, np.linalg.LinAlgError):
        return LinearAlgebraError(f"{op.name}: {error}, for operands of shape {shapes}{'. ' + hint if hint else ''}")
    kind = IndexError if isinstance(error, IndexError) else ShapeError
    return kind(f"{op.name}: cannot be done on operands of shape {shapes}: {error}{'. ' + hint if hint else ''}")
