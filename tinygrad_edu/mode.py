"""What a recording does at this moment: whether it records at all, in which scope, with which extras.

One context variable holds everything, so an operation asks once, and threads and asyncio tasks
each have a mode of their own.
"""

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


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
    """What few nodes have: a name, a scope, parameters, the line that made them.

    Nodes made in the same scope share one, so a node copies it before it changes anything.
    """

    __slots__ = ("line", "name", "params", "scope")

    def __init__(
        self,
        name: str | None = None,
        scope: Scope | None = None,
        params: dict[str, Any] | None = None,
        line: str | None = None,
    ) -> None:
        self.name = name
        self.scope = scope
        self.params = params
        self.line = line


class Mode:
    """The state that an operation looks up; never changed, only replaced."""

    __slots__ = ("info", "lines", "recording")

    def __init__(self, recording: bool = True, info: Info | None = None, lines: bool = False) -> None:
        self.recording = recording
        self.info = info
        self.lines = lines


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


class no_grad(_Switch):  # noqa: N801 - reads as a statement, as in PyTorch
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
        return Mode(False, mode.info, mode.lines)


class record_lines(_Switch):  # noqa: N801
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
        return Mode(mode.recording, mode.info, True)


class scope(_Switch):  # noqa: N801
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
        outer = mode.info.scope if mode.info is not None else None
        return Mode(mode.recording, Info(scope=Scope(self.name, outer)), mode.lines)
