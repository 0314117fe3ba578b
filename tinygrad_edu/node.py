"""The node of a graph, and what may stand beside one in an expression."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, SupportsIndex

import numpy as np

from tinygrad_edu.errors import DTypeError
from tinygrad_edu.graph import topological
from tinygrad_edu.mode import Info, Scope

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
    op: Any  # an Operation
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
            return first
        return (first,) if self._b is None else (first, self._b)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        """For pickle and deepcopy, which recurse: what a node depends on goes first, operands before consumers."""
        whole: Any = super().__reduce_ex__(protocol)
        if self._a is None or _copying.operands_first:
            return whole
        make, args, *state = whole
        return _made_after, (OperandsFirst(self), make, *args), *state

    @property
    def is_leaf(self) -> bool:
        """Whether this is an input or a parameter: made by the user, and differentiable."""
        return bool(self.op.name == "leaf")

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
        info = self._info.copy() if self._info is not None else Info()
        info.name = name
        self._info = info


class OperandsFirst:
    """Everything below a node, for a copy of it: a list whose items never reach far into what is not copied yet."""

    def __init__(self, root: Node) -> None:
        self.root = root

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (), None, self._below()

    def _below(self) -> Iterator[Node]:
        _copying.operands_first = True
        try:
            yield from topological(self.root)[:-1]
        finally:
            _copying.operands_first = False


class _Copying(threading.local):
    operands_first = False  # whether this thread is copying an OperandsFirst


_copying = _Copying()


def _made_after(_operands: Any, make: Callable[..., Node], *args: Any) -> Node:
    return make(*args)


def kept(data: Any) -> Any:
    """Data as a graph may keep it: an array that somebody could still change is copied."""
    return data.copy() if data.__class__ is np.ndarray and data.flags.writeable else data


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
