"""A glance at many settings at once: whether all are surely as they were, in a few comparisons of whole containers."""

import marshal
from collections.abc import Callable, Sequence
from itertools import chain
from operator import itemgetter
from types import BuiltinFunctionType, MethodType
from typing import Any, NoReturn

import numpy as np

from tinygrad_edu.mode import Mode, _mode
from tinygrad_edu.op import Node

NUMBERS = (bool, int, float, complex)  # of which different ones are equal: 1 and True, 0.0 and -0.0
PLAIN = (*NUMBERS, str, bytes, type(None))
CONTAINERS = (list, tuple, dict, set, frozenset)
EQUAL_IF_SAME = (*PLAIN, *CONTAINERS, BuiltinFunctionType, MethodType)  # or no different
VALUES: tuple[type, ...] = (type({}.values()), type(vars(object).values()))
DEEPEST = 8


class Glance:
    """What a sequence of views shows at this moment, to be compared with later.

    Containers of plain numbers and text are compared by their bytes; other ones by ``==``, which is a matter of
    identity for the same things. Numbers among them are compared by their bytes as well, and things whose ``==``
    might say more than that they are the same are looked up one by one.

    Parameters
    ----------
    views : sequence of View

    Examples
    --------
    >>> from tinygrad_edu.compiler.environment import Environment
    >>> def times(settings):
    ...     return lambda x: settings["rates"][0] * x
    >>> settings = {"rates": [0.1, 0.2], "twice": True}
    >>> glance = Glance(Environment(times(settings)).views)
    >>> glance.finds_the_same()
    True
    >>> settings["twice"] = 1
    >>> glance.finds_the_same()
    False
    """

    def __init__(self, views: Sequence[Any]) -> None:
        self._live: list[Any] = []  # containers
        self._held: list[Any] = []  # and copies of them
        self._chained: list[Any] = []  # more of what can be iterated over, one after another
        self._plain: list[Any] = []  # containers of nothing but plain settings
        self._numbers: list[tuple[Callable[[Any], Any], Any]] = []  # where numbers stand among other things
        self._looks: list[Callable[[], Any]] = []  # at what is compared by identity, one by one
        nested: set[int] = set()
        for view in views:
            if id(view.inside) not in nested:
                self._add(view, nested)
        self._flat = [*chain.from_iterable(self._chained)]
        self._kept = [[*look()] for look in self._looks]  # alive, so that no id is used twice
        self._ids = [[*map(id, held)] for held in self._kept]
        self._bytes = self._dumped()
        self._others = bool(self._live or self._chained or self._plain or self._numbers)  # than looks

    def finds_the_same(self) -> bool:
        """Whether everything is as it was; False also if that is not sure."""
        try:
            same = [[*map(id, look())] for look in self._looks] == self._ids
            return same and (not self._others or self._finds_others())
        except Exception:  # of a comparison with something that was not there before
            return False

    def _finds_others(self) -> bool:
        before = _mode.set(_REFUSING)
        try:
            return (
                self._live == self._held
                and [*chain.from_iterable(self._chained)] == self._flat
                and self._dumped() == self._bytes
            )
        finally:
            _mode.reset(before)

    def _add(self, view: Any, nested: set[int]) -> None:
        thing, kind = view.inside, type(view.inside)
        inside: set[int] = set()
        if kind is tuple or kind is frozenset:  # never changes; what is in it is looked at for itself
            return
        if kind in CONTAINERS and _is_plain(thing, inside, DEEPEST):
            self._plain.append(thing)
            nested |= inside
        elif (kind in CONTAINERS or kind in VALUES) and all(map(_is_told_by_identity, view.held)):
            if kind is list or kind is set:
                self._live.append(thing)
                self._held.append(thing.copy())
            elif kind is dict:
                self._chained += (thing, thing.values())
            elif kind in VALUES:
                self._chained.append(thing)
            self._add_numbers(view)
        else:
            self._looks.append(view.look)

    def _add_numbers(self, view: Any) -> None:
        places = [i for i, x in enumerate(view.held) if type(x) in NUMBERS]
        if places:
            self._numbers.append((itemgetter(*places), view.look))

    def _dumped(self) -> bytes:
        numbers = [pick([*look()]) for pick, look in self._numbers] if self._numbers else None
        return marshal.dumps((self._plain, numbers), 2)


def _is_plain(thing: Any, inside: set[int], depth: int) -> bool:
    """Whether there is nothing but plain settings in a container; `inside` gets all containers in it."""
    inside.add(id(thing))
    if depth == 0:
        return False
    items = chain(thing, thing.values()) if type(thing) is dict else thing
    return all(type(x) in PLAIN or (type(x) in CONTAINERS and _is_plain(x, inside, depth - 1)) for x in items)


def _is_told_by_identity(thing: Any) -> bool:
    """Whether another thing that is equal would be noticed, or no different."""
    kind: Any = type(thing)
    return kind in EQUAL_IF_SAME or isinstance(thing, (Node, np.dtype)) or kind.__eq__ is object.__eq__


class _Differs(Exception):
    """Two Values are compared that are not one and the same."""


class _Refuses:
    """In the place of a recording: whatever is done with Values meanwhile raises."""

    def __getattr__(self, name: str) -> NoReturn:
        raise _Differs


_REFUSING = Mode(capture=_Refuses())
