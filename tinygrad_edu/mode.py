"""What a recording does at this moment: whether it records at all, in which scope, with which extras.

One context variable holds everything, so an operation asks once, and threads and asyncio tasks
each have a mode of their own.
"""

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Literal, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")
Anomaly = Literal["nan", "nan or inf"]


class Scope:
    """A named group of nodes, inside another one or at the top (`parent` is None)."""

    __slots__ = ("name", "parent")

    def __init__(self, name: str, parent: "Scope | None") -> None:
        self.name = name
        self.parent = parent

    @property
    def path(self) -> str:
        """Names from the outermost scope to this one, joined by ``/``."""
        return self.name if self.parent is None else f"{self.parent.path}/{self.name}"

    def __repr__(self) -> str:
        return f"Scope({self.path!r})"


class Info:
    """What few nodes have: a name, a scope, parameters, the line that made them, hooks on the gradient.

    Nodes made in the same scope share one, so a node copies it before it changes anything.
    """

    __slots__ = ("hooks", "line", "name", "params", "scope")

    def __init__(
        self,
        name: str | None = None,
        scope: Scope | None = None,
        params: dict[str, Any] | None = None,
        line: str | None = None,
        hooks: Any = None,
    ) -> None:
        self.name = name
        self.scope = scope
        self.params = params
        self.line = line
        self.hooks = hooks

    def copy(self) -> "Info":
        """One that a single node may change."""
        return Info(self.name, self.scope, self.params, self.line, self.hooks)


class Trace:
    """The inputs of a transform that is running, inside another one (`outer`) or not."""

    __slots__ = ("inputs", "outer")

    def __init__(self, outer: "Trace | None") -> None:
        self.inputs: set[Any] = set()
        self.outer = outer

    def all_inputs(self) -> set[Any]:
        """The inputs of this transform and of those around it."""
        found: set[Any] = set()
        trace: Trace | None = self
        while trace is not None:
            found |= trace.inputs
            trace = trace.outer
        return found


class Mode:
    """The state that an operation looks up; never changed, only replaced.

    `plain` says that it records and has nothing else to do: the one question on the fast path. `capture` is
    what `tinygrad_edu.compile` records a function with, or None.
    """

    __slots__ = ("anomaly", "capture", "info", "lines", "plain", "recording", "trace")

    def __init__(
        self,
        recording: bool = True,
        info: Info | None = None,
        lines: bool = False,
        anomaly: Anomaly | None = None,
        trace: Trace | None = None,
        capture: Any = None,
    ) -> None:
        self.recording = recording
        self.info = info
        self.lines = lines
        self.anomaly = anomaly
        self.trace = trace
        self.capture = capture
        self.plain = recording and not lines and anomaly is None and capture is None


_mode: ContextVar[Mode] = ContextVar("tinygrad_edu_mode", default=Mode())  # noqa: B039 - a Mode is never changed
current_mode = _mode.get


class _Switch:
    """A context manager that also decorates, and that changes the mode between enter and exit."""

    def __init__(self) -> None:
        self._tokens: list[Token[Mode]] = []

    def _next(self, mode: Mode) -> Mode:
        raise NotImplementedError("a switch says which mode comes next")

    def _fresh(self) -> "_Switch":
        return type(self)()

    def __enter__(self) -> Any:
        self._tokens.append(_mode.set(self._next(current_mode())))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _mode.reset(self._tokens.pop())

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{type(self).__name__} cannot decorate the generator {function.__name__!r}: its body runs between "
                "the caller's lines. Use the with statement inside it."
            )
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def waiting(*args: P.args, **kwargs: P.kwargs) -> Any:
                with self._fresh():
                    return await function(*args, **kwargs)

            return waiting  # type: ignore[return-value]  # R is the coroutine's own type

        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            with self._fresh():
                return function(*args, **kwargs)

        return wrapper


class no_grad(_Switch):
    """Compute without recording: results are constants. A context manager and a decorator.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.parents
    ()
    """

    def _next(self, mode: Mode) -> Mode:
        return Mode(False, mode.info, mode.lines, mode.anomaly, mode.trace, mode.capture)


class record_lines(_Switch):
    """Keep, for every node, the line of the user's code that made it (``node.line``).

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> with record_lines():
    ...     y = Value(3.0) * 2
    >>> y.line.endswith("y = Value(3.0) * 2") or ":1" in y.line
    True
    """

    def _next(self, mode: Mode) -> Mode:
        return Mode(mode.recording, mode.info, True, mode.anomaly, mode.trace, mode.capture)


class scope(_Switch):
    """Group the nodes made inside under a name; scopes nest. Pictures draw them as clusters.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> with scope("encoder"):
    ...     with scope("layer0"):
    ...         y = Value(3.0) * 2
    >>> y.scope.path
    'encoder/layer0'
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        if not isinstance(name, str):
            raise TypeError(f"scope: the name must be a str, got {type(name).__name__}")
        self.name = name

    def _fresh(self) -> "scope":
        return scope(self.name)

    def _next(self, mode: Mode) -> Mode:
        return _inside(mode, self.name)


def _inside(mode: Mode, name: str) -> Mode:
    outer = mode.info.scope if mode.info is not None else None
    return Mode(mode.recording, Info(None, Scope(name, outer)), mode.lines, mode.anomaly, mode.trace, mode.capture)


def enter_scope(name: str) -> Token[Mode]:
    """What ``with scope(name)`` does first, at half its price: for modules, which enter one at every call."""
    return _mode.set(_inside(current_mode(), name))


leave_scope = _mode.reset  # with what `enter_scope` gave


class tracing(_Switch):
    """Record for a transform, whatever the mode around it; the target of ``as`` is its `Trace`."""

    def _next(self, mode: Mode) -> Mode:
        return Mode(True, mode.info, mode.lines, mode.anomaly, Trace(mode.trace), mode.capture)

    def __enter__(self) -> Trace:
        super().__enter__()
        trace = current_mode().trace
        assert trace is not None
        return trace


class capturing(_Switch):
    """Hand every node to `capture` as it is made: how `tinygrad_edu.compile` records a function."""

    def __init__(self, capture: Any) -> None:
        super().__init__()
        self.capture = capture

    def _next(self, mode: Mode) -> Mode:
        return Mode(True, None, True, None, mode.trace, self.capture)


class detect_anomaly(_Switch):
    """Raise `AnomalyError` at the first NaN or Inf, forward or backward. A context manager and a decorator.

    The error says which operation, on which shapes, and the user's line that made the node; the node
    itself is ``error.node``, and ``viz.draw(error.node)`` shows how it came about. NumPy's own warnings
    are silent meanwhile. Off, it costs nothing; on, each operation looks at its whole result.

    Parameters
    ----------
    allow_inf : bool
        Look for NaN only: for code that uses infinity on purpose, as masks of attention do.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> with detect_anomaly():
    ...     (Value([4.0, -1.0], name="x") ** 0.5).sum()
    Traceback (most recent call last):
    ...
    tinygrad_edu.errors.AnomalyError: power: the first NaN of the forward pass is in its result
      result     shape (2,), from 2 to 2, 1 of 2 NaN or Inf, the first at (1,)
      operand 0  (leaf 'x')  shape (2,), from -1 to 4
      operand 1  (constant)  0.5
      the operands are finite: the operation itself left the numbers that a float can hold
      made at ...
      tinygrad_edu.viz.draw(error.node) shows how it came about
    """

    def __init__(self, allow_inf: bool = False) -> None:
        super().__init__()
        self.allow_inf = allow_inf
        self._silences: list[Any] = []

    def _fresh(self) -> "detect_anomaly":
        return detect_anomaly(self.allow_inf)

    def _next(self, mode: Mode) -> Mode:
        anomaly: Anomaly = "nan" if self.allow_inf else "nan or inf"
        return Mode(mode.recording, mode.info, True, anomaly, mode.trace, mode.capture)

    def __enter__(self) -> "detect_anomaly":
        super().__enter__()
        self._silences.append(np.errstate(all="ignore"))
        self._silences[-1].__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._silences.pop().__exit__(kind, error, trace)
        super().__exit__(kind, error, trace)
