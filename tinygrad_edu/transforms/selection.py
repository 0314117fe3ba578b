"""Which arguments of a function a transform differentiates by."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

from tinygrad_edu.errors import ArgumentError

Argnum = int | str | tuple[int | str, ...]


class Selection:
    """Which arguments of a function to differentiate by: positions or names.

    Parameters
    ----------
    f : callable
    argnum : int, str, or tuple of them
    what : str
        The transform, for messages.
    """

    def __init__(self, f: Callable[..., Any], argnum: Argnum, what: str) -> None:
        if not callable(f):
            raise TypeError(f"{what}: expected a function, got {type(f).__name__}; write {what}(f)(x)")
        self.f, self.what = f, what
        self.single = not isinstance(argnum, tuple)
        self.argnums: tuple[int | str, ...] = argnum if isinstance(argnum, tuple) else (argnum,)
        for item in self.argnums:
            if not isinstance(item, (int, str)) or isinstance(item, bool):
                raise ArgumentError(
                    f"{what}: argnum must be a position, a parameter's name, or a tuple of them, got {argnum!r}"
                )
        if not self.argnums:
            raise ArgumentError(f"{what}: argnum is an empty tuple; name at least one argument")
        self.positional = _positional(f)
        self.name = getattr(f, "__name__", type(f).__name__)

    def find(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[tuple[int | str, str]]:
        """For each chosen argument, its key (a position, or a keyword) and its name."""
        found = [self._find_one(item, args, kwargs) for item in self.argnums]
        names = [name for _, name in found]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ArgumentError(f"{self.what}: argnum={self.argnums!r} names the argument {twice!r} twice")
        return found

    def _find_one(self, item: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[int | str, str]:
        if isinstance(item, int):
            if -len(args) <= item < len(args):
                i = item % len(args)
                return i, self.positional[i] if i < len(self.positional) else f"argument {i}"
            raise ArgumentError(
                f"{self.what}: argnum={item}, but {self.name} was called with {len(args)} positional argument(s); "
                "name the parameter (argnum='x') if it is given by keyword"
            )
        if item in kwargs:
            return item, item
        if item in self.positional and self.positional.index(item) < len(args):
            return self.positional.index(item), item
        raise ArgumentError(
            f"{self.what}: argnum={item!r}, but {self.name} was called without an argument of that name; "
            f"its parameters are {', '.join(p.name for p in _parameters(self.f)) or 'unknown'}"
        )

    def restore(self, items: Sequence[Any]) -> Any:
        """One item for one chosen argument, a tuple for a tuple of them."""
        return items[0] if self.single else tuple(items)


def _positional(f: Callable[..., Any]) -> list[str]:
    """The names of the parameters that may be given by position."""
    if isinstance(f, FunctionType) and not f.__dict__:  # what `inspect` would find, 50 times as fast
        return list(f.__code__.co_varnames[: f.__code__.co_argcount])
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in _parameters(f) if p.kind in kinds]


def _parameters(f: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # a builtin that does not say
        return []
