"""What a recorded function sees in the place of its arguments and parameters, and `Capture`, which records it."""

import operator
import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NoReturn

import numpy as np

from tinygrad_edu.compiler.emit import VIEWS, is_basic
from tinygrad_edu.errors import CompileError, DTypeError, ShapeError
from tinygrad_edu.kinds import Elementwise, General
from tinygrad_edu.mode import Info, current_mode
from tinygrad_edu.op import CONSTANT, LEAF, Node, Operation, Source, as_operand, line_of_user, new
from tinygrad_edu.ops.questions import QUESTIONS
from tinygrad_edu.transforms.trees import flatten
from tinygrad_edu.value import Value
from tinygrad_edu.value import array as array_of

INPUT = Source("input", "an input of a compiled function that nothing is differentiated by")
BARRIER = Elementwise("stop_gradient", lambda x: x, along=(None,), scalar=lambda x: x)

AS_FLOAT = General("as_float", float, pull=(lambda g, out, x: g,), push=(lambda t, out, x: t,), reads="1")

HELD_BY_US = 3  # references to an array while `settle_arrays` looks at it, if nobody else has it
_data = Node.__dict__["data"]  # the slot behind the property below
_ENGINE = frozenset({"nn", "viz", "cli"})  # parts of the package that count as users here


class Traced(Value):
    """A Value in a recording. Its number is that of one run among many, so user code cannot read it."""

    __slots__ = ()
    result_class: ClassVar[type[Node]]

    @property
    def data(self) -> Any:
        """The number of the first run: for the engine's eyes only."""
        package, _, rest = sys._getframe(1).f_globals.get("__name__", "").partition(".")
        if package != "tinygrad_edu" or rest.partition(".")[0] in _ENGINE:
            _refuse(".data", line_of_user())
        return _data.__get__(self)

    @data.setter
    def data(self, data: Any) -> None:
        _data.__set__(self, data)

    def backward(self, gradient: Any = None, keep: Any = "all", create_graph: bool = False) -> NoReturn:
        """Not in a recording."""
        raise CompileError(
            f"{line_of_user()}: backward() inside a compiled function would be done once, while recording. Return the "
            "loss and call backward() on it; or use tinygrad_edu.grad inside; for whole steps of training there is "
            "fit(compile=True)."
        )

    def tolist(self) -> Any:
        """What ``array.tolist()`` gives: nested lists of Python floats, each a node."""
        if self.dtype.kind != "f":
            _refuse("tolist() (of whole numbers)", line_of_user())
        rows: Any = self
        return [row.tolist() for row in rows] if self.shape else AS_FLOAT(self)

    def __format__(self, spec: str) -> str:
        return _refuse("an f-string (format)", line_of_user()) if spec else str(self)

    def __and__(self, other: Any) -> Any:
        return QUESTIONS[np.bitwise_and](self, other)

    def __or__(self, other: Any) -> Any:
        return QUESTIONS[np.bitwise_or](self, other)

    def __xor__(self, other: Any) -> Any:
        return QUESTIONS[np.bitwise_xor](self, other)

    def __invert__(self) -> Any:
        return QUESTIONS[np.invert](self)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__


def _in_place(name: str) -> Callable[[Traced, Any], Any]:
    """``x += y`` and its kin: a new Value for a Value, but a plain array would change under all its names."""
    operation = getattr(operator, name)

    def change(self: Traced, other: Any) -> Any:
        new, capture = operation(self, other), current_mode().capture
        return new if capture is None else capture.changing(self, new)

    return change


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"):
    setattr(Traced, f"__i{_name.strip('_')}__", _in_place(_name))
Traced.result_class = Traced


class Argument(Traced):
    """An argument of a recorded function, which passes for what it is outside: ``isinstance(x, np.ndarray)``."""

    __slots__ = ()

    @property
    def __class__(self) -> type[Any]:
        """For the function the class of what was passed; for the engine our own."""
        capture = current_mode().capture
        if capture is None or sys._getframe(1).f_globals.get("__name__", "").startswith("tinygrad_edu"):
            return Traced
        return type(_data.__get__(self)) if capture.is_plain(self) else Value

    @__class__.setter
    def __class__(self, kind: type[Any]) -> None:
        object.__setattr__(self, "__class__", kind)


def _refuse(way: str, line: str) -> NoReturn:
    error = CompileError(
        f"{line}: {way} of a traced value: a compiled function runs with other numbers each time, and this would "
        "freeze the first ones. Use np.where for a choice, NumPy's functions for numbers, and pass what decides about "
        "the computation as a plain int, bool or str; or leave this function uncompiled."
    )
    capture = current_mode().capture
    if capture is not None and capture.refused is None:
        capture.refused = error
    raise error


def _looked_at(node: Node) -> Node:
    """The array behind views: what a change in place would change."""
    while node.op.name in VIEWS and not (node.op.name == "getitem" and not is_basic(node.params["index"])):
        node = node.parents[0]
    return node


class Capture:
    """Records what a function does with its arguments, and with Values and arrays from outside.

    Attributes
    ----------
    outside : dict of int to (object, Traced)
        Values, buffers and arrays from outside, each with the node that stands for it. They are read anew at each run.
    written : dict of int to (buffer, Traced)
        What the function leaves in buffers.
    guards : list of (Traced, bool)
        Questions of our own on which the recording depends, and the answers.
    checks : list of Traced
        Nodes whose steps complain about wrong data, which nothing else needs.
    made : set of Traced
        Values that the function has made of plain arguments.
    refused : CompileError, optional
        The first number that the function asked for: the recording ends with it, though the function may catch it.
    """

    def __init__(self) -> None:
        self.outside: dict[int, tuple[Any, Traced]] = {}
        self.written: dict[int, tuple[Any, Traced]] = {}
        self.guards: list[tuple[Traced, bool]] = []
        self.checks: list[Traced] = []
        self.arrays: dict[int, tuple[Any, list[Traced]]] = {}
        self.nodes: list[Traced] = []
        self.generators: dict[int, tuple[Any, Any]] = {}
        self.plain: dict[Node, bool] = {}  # what `is_plain` has found
        self.made: set[Node] = set()
        self.refused: CompileError | None = None
        self.changed: set[Node] = set()  # arrays that the function has changed in place: their old numbers are gone

    # -- what the mode's users call

    def record(self, op: Operation, data: Any, nodes: Sequence[Node], params: dict[str, Any] | None) -> Traced:
        """The node of a result."""
        mode = current_mode()
        for key, value in (params or {}).items():
            if isinstance(value, Node) or (isinstance(value, tuple) and any(isinstance(x, Node) for x in value)):
                raise CompileError(f"{self.line()}: {op.name}: {key} must not depend on traced values in a recording")
        node = self._node(op, data, [self.of(x) for x in nodes])
        if self.changed:
            self.refuse_changed(node.parents)
        node._info = Info(None, mode.info.scope if mode.info is not None else None, params or None, line_of_user())
        return node if mode.recording or op.terminal else self.stop(node)

    def changing(self, x: Traced, new: Any) -> Any:
        """What ``x += y`` leaves in x. A plain array would be changed, so who else sees it must not be asked for it."""
        data = _data.__get__(x)
        if not isinstance(data, np.ndarray) or not self.is_plain(x):
            return new
        base = _looked_at(x)
        if base.op is INPUT:
            raise CompileError(
                f"{self.line()}: this changes an array of the caller in place (x += y), which a plan would not do "
                "again; write x = x + y"
            )
        self.changed.add(base)
        if not self.is_plain(new):
            return new
        if new.shape != data.shape:
            raise ShapeError(f"{self.line()}: an array of shape {data.shape} cannot hold a result of {new.shape}")
        if not np.can_cast(new.dtype, data.dtype, "same_kind"):
            raise DTypeError(f"{self.line()}: an array of type {data.dtype} cannot hold a result of {new.dtype}")
        return new if new.dtype == data.dtype else new.astype(data.dtype)

    def refuse_changed(self, nodes: Sequence[Node]) -> None:
        """Raise if one of these shows numbers from before a change in place."""
        if any(_looked_at(node) in self.changed for node in nodes):
            raise CompileError(
                f"{self.line()}: this array was changed in place (x += y) under another name; write x = x + y, or "
                "make a copy first"
            )

    def drawing(self, rng: np.random.Generator) -> None:
        """Remember the state of a generator before it draws."""
        self.generators.setdefault(id(rng), (rng, rng.bit_generator.state))

    def rewind(self) -> None:
        """Give the generators their states back: what the recording drew does not count."""
        for rng, state in self.generators.values():
            rng.bit_generator.state = state

    def constant(self, like: Node, data: Any) -> Traced:
        """The node of a plain number or array. An array that is still in somebody's hands later is read anew."""
        if data.__class__ in (int, bool) and np.result_type(like.data).kind in "biu":
            return self.frozen(data)  # integers stay integers beside integers, as for arrays
        if isinstance(data, (list, tuple)) and self._is_of_plain(data):
            return self.of(array_of(data))
        array = as_operand(data)
        node = self.frozen(array.copy() if isinstance(array, np.ndarray) else array)
        if isinstance(array, np.ndarray):
            self.arrays.setdefault(id(array), (array, []))[1].append(node)
        return node

    def _is_of_plain(self, data: Any) -> bool:
        """Whether a list has traced numbers in it, all plain ones: outside of the recording it would have no Value."""
        nodes = [leaf for _, leaf in flatten(data, "") if isinstance(leaf, Node)]
        return bool(nodes) and all(isinstance(x, Traced) and self.is_plain(x) for x in nodes)

    def frozen(self, data: Any) -> Traced:
        """A node that is the same at every run."""
        return self._node(CONSTANT, data)

    def stop(self, x: Node) -> Traced:
        """The same number without a way back for gradients."""
        x = self.of(x)
        barred = x.op.terminal and x.op is not LEAF
        return x if barred else self._node(BARRIER, _data.__get__(x), [x])

    def settle_arrays(self, values: Sequence[Node]) -> None:
        """Tell arrays of the outside, which each run reads anew, from those that the function made for itself.

        The latter are in nobody's hands any more when it has returned, so they stay as they are. An array that a
        Value holds (`values`, and those that were used) is read from the Value.
        """
        values = [*values, *(x for x, _ in self.outside.values() if isinstance(x, Node))]
        owners = {id(x.data): x for x in values}
        gradients = {id(x.grad) for x in values if x.grad is not None}
        for key, (array, nodes) in list(self.arrays.items()):
            owner = array.base if isinstance(array.base, np.ndarray) else None
            if sys.getrefcount(array) <= HELD_BY_US and (owner is None or sys.getrefcount(owner) <= HELD_BY_US):
                del self.arrays[key]
                continue
            if key in gradients:
                raise CompileError(
                    "compile: the function uses `.grad` of a Value, and a plan would keep to this very array. Pass it "
                    "as an argument, or use `grad`."
                )
            if not all(np.array_equal(_data.__get__(node), array, equal_nan=array.dtype.kind == "f") for node in nodes):
                raise CompileError(
                    f"compile: the function changes an array of shape {array.shape} after it has computed with it, "
                    "which a plan would not do again. Make a new array, or leave this function uncompiled."
                )
            for node in nodes:
                node.op = INPUT
                self.outside[id(node)] = (owners.get(key, array), node)

    def settle_numbers(self) -> None:
        """Values that the function made of plain numbers for itself, and that nobody else holds, become constants."""
        for key, (x, node) in list(self.outside.items()):
            made_here = isinstance(x, Node) and sys.getrefcount(x) <= HELD_BY_US
            if made_here and node.op is LEAF and x.data.__class__ is float:
                node.op = CONSTANT
                del self.outside[key]

    def refuse(self, way: str) -> NoReturn:
        """Raise: the function asks for a number."""
        _refuse(way, line_of_user())

    def line(self) -> str:
        """Where the recorded function is."""
        return line_of_user()

    # -- what the outside is in the recording

    def of(self, x: Any) -> Traced:
        """The node that stands for a Value."""
        if isinstance(x, Traced):
            return x
        found = self.outside.get(id(x))
        if found is None:
            if x.op is CONSTANT and x.data.__class__ is float:  # a number that was written in an expression
                return self.frozen(x.data)
            node = self._node(INPUT if x.op is CONSTANT else LEAF, x.data)
            node._info = Info(x.name)
            self.plain[node] = False
            self.outside[id(x)] = found = (x, node)
        return found[1]

    def leaf(self, value: Any, x: Node) -> None:
        """Make `value`, the ``Value(x)`` of a function, stand for x itself: plain numbers, which are no constants."""
        x = self.of(x)
        if not self.is_plain(x):
            raise DTypeError("expected numbers, got a Value: use it as it is")
        data = _data.__get__(x)
        if isinstance(data, (float, np.integer, np.bool_)):
            x = x if data.__class__ is float else self.of(AS_FLOAT(x))
        elif data.dtype.kind != "f":
            x = self.of(x.astype(np.float64))
        value.__class__ = Traced
        self._fill(value, BARRIER, _data.__get__(x), [x])
        self.plain[value] = False
        self.made.add(value)

    def argument(self, data: Any, differentiable: bool, name: str) -> Traced:
        """The node of an argument."""
        node: Traced = new(Argument)
        self._fill(node, LEAF if differentiable else INPUT, data, ())
        node._info = Info(name)
        return node

    def is_plain(self, x: Node) -> bool:
        """Whether outside of the recording this would be no Value: it was made of plain arguments alone."""
        plain, stack = self.plain, [x]
        while stack:
            node = stack.pop()
            unknown = [parent for parent in node.parents if parent not in plain]
            if node in plain:
                continue
            if unknown:
                stack += [node, *unknown]
            else:
                plain[node] = all(plain[p] for p in node.parents) if node.parents else node.op in (INPUT, CONSTANT)
        return plain[x]

    def read(self, buffer: Any) -> Traced:
        """The node of what a buffer holds at this point."""
        if id(buffer) in self.written:
            return self.written[id(buffer)][1]
        if id(buffer) not in self.outside:
            self.outside[id(buffer)] = (buffer, self._node(INPUT, buffer.data.copy()))
        return self.outside[id(buffer)][1]

    def write(self, buffer: Any, new_data: Node) -> None:
        """Leave a result in a buffer when the run is over."""
        self.written[id(buffer)] = (buffer, self.of(new_data))

    def holds(self, answer: Any) -> bool:
        """The truth of a question on which the recording may depend: another answer needs another recording."""
        if not isinstance(answer, Node):
            return bool(answer)
        node = self.of(answer)
        truth = bool(_data.__get__(node))
        self.guards.append((node, truth))
        return truth

    def _node(self, op: Operation, data: Any, parents: Sequence[Traced] = ()) -> Traced:
        node: Traced = new(Traced)
        self._fill(node, op, data, parents)
        return node

    def _fill(self, node: Traced, op: Operation, data: Any, parents: Sequence[Traced]) -> None:
        _data.__set__(node, data)
        node.grad = None
        node.op = op
        node._info = None
        if op.variadic or len(parents) > 2:
            node._a, node._b = tuple(parents), None
        else:
            node._a = parents[0] if parents else None
            node._b = parents[1] if len(parents) == 2 else None
        self.nodes.append(node)
