"""What a recorded function sees beside its arguments, and whether that is still as it was.

A plan holds for the settings that were there when it was recorded: numbers, text and flags in closures and
globals, attributes of objects, classes and modules, and who the Values are. Numbers inside Values, buffers and
arrays are read anew at each run and need no watching; that Values have other numbers than in the recording is told,
because only then a second look finds numbers that were taken out of them.

Not watched: what a function reads through a library (a file, the clock, a date), the inside of library objects, and of
an array that only plain NumPy computes with, more than `SMALL` numbers: of a larger one a sample. The second look finds
such numbers if they differ at the second call; pass what changes later as an argument.
"""

import functools
import operator
import os
import pickle
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import BuiltinMethodType, CellType, CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.compiler.glance import Glance
from tinygrad_edu.compiler.hidden import peek
from tinygrad_edu.compiler.still import Still, few
from tinygrad_edu.errors import CompileError
from tinygrad_edu.op import Node, Operation

SETTINGS = (bool, int, float, complex, str, bytes, type(None), np.generic, np.dtype)
# Whose inside does not change, or is not read while recording.
CLOSED = (ModuleType, Operation, np.random.Generator, np.ufunc, np.dtype, *SETTINGS)
CONTENTS = operator.attrgetter("cell_contents")
SMALL = 1 << 16  # numbers in an array that is compared as a whole
SAMPLE = 1024  # numbers that are compared of a larger one
LIBRARIES = frozenset({"tinygrad_edu", "numpy", "builtins"}) | sys.stdlib_module_names


Put = Callable[[list[Any]], Any]  # puts back what was there


class View(NamedTuple):
    """What is watched as one: how to look at it, what was there, and where that is, in words.

    `inside` is the container itself, or what lists the values of its attributes, where that shows all there is; `put`
    puts back what was there, where that can be done.
    """

    look: Callable[[], Any]
    held: list[Any]
    ids: list[int]
    where: str
    inside: Any
    put: Put | None
    names: Sequence[str]

    def changed(self) -> str | None:
        """Where another thing is than was there, in words; None if all are the same."""
        now = [*self.look()]
        if [*map(id, now)] == self.ids or _alike(now, self.held):
            return None
        pairs = zip(self.names, now, self.held, strict=False)
        name = next((name for name, a, b in pairs if not _alike([a], [b])), None)
        return self.where if name is None else f"{self.where} ({name})"


class Environment:
    """The settings that a function sees, as they were.

    Parameters
    ----------
    f : callable
    read : collection of int
        Ids of arrays that each run reads anew.
    beside : sequence
        More that it sees: objects among its arguments.

    Raises
    ------
    CompileError
        If a variable of the function is an iterator: a plan would not draw from it.

    Examples
    --------
    >>> def times(scale):
    ...     return lambda x: scale[0] * x
    >>> scale = [2.0]
    >>> environment = Environment(times(scale))
    >>> environment.is_unchanged()
    True
    >>> scale[0] = 3.0
    >>> environment.is_unchanged()
    False
    """

    def __init__(self, f: Callable[..., Any], read: Sequence[int] = (), beside: Sequence[Any] = ()) -> None:
        self.views: list[View] = []
        self.arrays: list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]] = []
        self.values: list[tuple[Node, bytes]] = []
        self._states: list[tuple[Callable[[], Any], Callable[[Any], Any], bytes]] = []  # of generators
        self._glance: Glance | None = None
        self._still: Still | None = None
        self._note_state(random.getstate, random.setstate)
        self._note_state(np.random.get_state, np.random.set_state)
        self._world = getattr(f, "__globals__", None)  # that of the function's own module
        self._seen: set[int] = set()
        self._read = frozenset(read)
        stack: list[Any] = [f, *beside]
        while stack:
            thing = stack.pop()
            if id(thing) in self._seen:
                continue
            if not isinstance(thing, CLOSED):
                self._seen.add(id(thing))
                stack.extend(self._look_into(thing))
            elif isinstance(thing, np.random.Generator):
                self._seen.add(id(thing))
                bits = thing.bit_generator
                self._note_state(functools.partial(getattr, bits, "state"), functools.partial(setattr, bits, "state"))

    def is_unchanged(self) -> bool:
        """Whether every setting is as it was."""
        if self._glance is not None and self._glance.finds_the_same() and self._changed_array() is None:
            return True
        if self.changed() is not None:
            return False
        self._glance = Glance(self.views)
        return True

    def changed(self) -> str | None:
        """Where a setting is not as it was; None if all are."""
        for view in self.views:
            where = view.changed()
            if where is not None:
                return where
        return self._changed_array()

    def _changed_array(self) -> str | None:
        for array, before in self.arrays:
            if not np.array_equal(_sample(array), before, equal_nan=array.dtype.kind == "f"):
                return f"an array of shape {array.shape}"
        return None

    def drawn(self) -> bool:
        """Whether a random generator has gone on, one of the function's or a global one."""
        return any(pickle.dumps(state()) != before for state, _, before in self._states)

    def rewind(self) -> None:
        """Give the generators their states back: what a recording draws does not count."""
        for state, put, before in self._states:
            if pickle.dumps(state()) != before:
                put(pickle.loads(before))

    def restore(self) -> None:
        """Put settings back as they were: what a refused recording did to them does not count."""
        for view in self.views:
            if view.put is not None and view.changed() is not None:
                view.put(view.held)

    def unmoved(self) -> list[tuple[Node, bytes]]:
        """The Values that have the numbers which they had."""
        return [(value, before) for value, before in self.values if _few(value) == before]

    def none_moved(self) -> bool:
        """Whether all Values have the numbers which they had."""
        if self._still is None or not self._still.holds():
            same = len(self.unmoved()) == len(self.values)
            self._still = Still([value for value, _ in self.values]) if same else None
        return self._still is not None

    def _look_into(self, thing: Any) -> Sequence[Any]:
        """Note what a thing holds; gives back where to look further."""
        if isinstance(thing, Node):
            self.values.append((thing, _few(thing)))
            return ()
        if isinstance(thing, FunctionType):
            return self._function(thing)
        if isinstance(thing, MethodType):
            return thing.__self__, thing.__func__
        if isinstance(thing, BuiltinMethodType):
            return (thing.__self__,)
        if isinstance(thing, random.Random):
            self._note_state(thing.getstate, thing.setstate)
            return ()
        if isinstance(thing, functools.partial):
            return thing.func, thing.args, thing.keywords
        if isinstance(thing, np.ndarray):
            if thing.flags.writeable and id(thing) not in self._read and thing.dtype.kind in "biuf":
                self.arrays.append((thing, _sample(thing).copy()))
            return ()
        if isinstance(thing, (list, tuple, set, frozenset, deque)):
            fill = getattr(thing, "extend", getattr(thing, "update", None))  # of what can change
            put: Put | None = None if fill is None else functools.partial(_fill, thing, fill)
            return self._note(lambda: thing, f"a {type(thing).__name__}", thing, put)
        if isinstance(thing, dict):
            put = functools.partial(_fill, thing, lambda held: thing.update(_pairs(held)))
            return self._note(lambda: [*thing, *thing.values()], "a dict", thing, put)
        if isinstance(thing, property):
            return (thing.fget,)
        if isinstance(thing, (staticmethod, classmethod)):
            return (thing.__func__,)
        if isinstance(thing, type):
            return self._classes(thing)
        if hasattr(type(thing), "read_by_calls"):  # a compiled function
            return self._note(lambda: [getattr(thing, thing.read_by_calls)], "a compiled function")
        if getattr(type(thing), "unread_by_calls", False) or type(thing).__module__ == "numpy":
            return ()
        found = self._classes(type(thing))
        held: Any = getattr(thing, "__dict__", None)
        if held is not None:
            names = [*held]
            put = functools.partial(_fill_attributes, held, names)
            found += self._note(held.values, f"an attribute of a {type(thing).__name__}", held.values(), put, names)
        slots = [vars(kind)[name] for kind in type(thing).__mro__ for name in _slots(kind)]
        if slots:
            where = f"an attribute of a {type(thing).__name__}"
            names = [slot.__name__ for slot in slots]
            put = functools.partial(_set, thing, names)
            found += self._note(lambda: [_slot(slot, thing) for slot in slots], where, put=put, names=names)
        return found

    def _classes(self, kind: type) -> list[Any]:
        """Note what a class holds, and those that it inherits from."""
        found = []
        for one in kind.__mro__:
            if one.__module__.partition(".")[0] not in LIBRARIES:
                names, where = [*vars(one)], f"an attribute of the class {one.__name__}"
                put = functools.partial(_set, one, names)
                found += self._note(vars(one).values, where, vars(one).values(), put, names)
        return found

    def _function(self, f: FunctionType) -> Sequence[Any]:
        if (f.__module__ or "").partition(".")[0] in LIBRARIES and not f.__closure__:
            return ()
        held = self._note(
            lambda: [*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()], f"a default of {f.__name__}"
        )
        cells, world = f.__closure__ or (), f.__globals__
        written = _names(f.__code__)
        names = [name for name in written if name in world]
        if cells:
            look = functools.partial(_contents, cells)
            put: Put = functools.partial(_fill_cells, cells)
            held += self._note(look, f"a variable around {f.__name__}", put=put, names=f.__code__.co_freevars)
        if names:
            put = functools.partial(_set_globals, world, names)
            held += self._note(lambda: [*map(world.get, names)], f"a global of {f.__name__}", put=put, names=names)
        if "environ" in written or "getenv" in written:
            self._note(
                lambda: [*os.environ, *os.environ.values()], f"an environment variable, which {f.__name__} reads"
            )
        if world is self._world and any(isinstance(thing, Iterator) for thing in held):
            raise CompileError(
                f"compile: {f.__name__} takes from an iterator outside of it, which a plan would not do again. Pass "
                "what it takes as an argument, or leave this function uncompiled."
            )
        modules = [thing for thing in held if _is_users(thing)]
        for module in modules:  # grows: a module inside another
            inside = functools.partial(_named, vars(module), written)
            found = self._note(inside, f"an attribute of {module.__name__}")
            held += found
            modules += [thing for thing in found if _is_users(thing) and thing not in modules]
        return held

    def _note(
        self,
        look: Callable[[], Any],
        where: str,
        inside: Any = None,
        put: Put | None = None,
        names: Sequence[str] = (),
    ) -> list[Any]:
        held = [*look()]
        self.views.append(View(look, held, [*map(id, held)], where, inside, put, names))
        return held

    def _note_state(self, state: Callable[[], Any], put: Callable[[Any], Any]) -> None:
        self._states.append((state, put, pickle.dumps(state())))


def _named(held: dict[str, Any], names: Sequence[str]) -> list[Any]:
    return [held.get(name) for name in names]


def _sample(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The numbers by which a change in an array is noticed: all of a small one, some of a large one."""
    flat = array.reshape(-1) if array.flags.c_contiguous else array.ravel()
    return flat if flat.size <= SMALL else flat[:: flat.size // SAMPLE]


def _few(value: Node) -> bytes:
    """Some of the numbers of a Value, to notice that they have changed."""
    return few(np.asarray(peek(value))).tobytes()  # type: ignore[no-any-return]


def _slots(kind: type) -> Sequence[str]:
    """The slots of a user's class."""
    if kind.__module__.partition(".")[0] in LIBRARIES:
        return ()
    return [name for name, held in vars(kind).items() if isinstance(held, MemberDescriptorType)]


def _slot(slot: Any, thing: Any) -> Any:
    try:
        return slot.__get__(thing)
    except AttributeError:  # not filled yet
        return None


def _is_users(thing: Any) -> bool:
    """Whether this is a module, and none of a library."""
    return isinstance(thing, ModuleType) and thing.__name__.partition(".")[0] not in LIBRARIES


def _alike(now: list[Any], then: list[Any]) -> bool:
    """Whether the same things are there; settings count as the same if they are of one type and read the same."""
    return len(now) == len(then) and all(
        a is b or (type(a) is type(b) and isinstance(a, SETTINGS) and repr(a) == repr(b))
        for a, b in zip(now, then, strict=True)
    )


def _names(code: CodeType) -> list[str]:
    """The global names in a function, and in those written inside it."""
    inner = [name for const in code.co_consts if isinstance(const, CodeType) for name in _names(const)]
    return list(dict.fromkeys([*code.co_names, *inner]))


def _fill(thing: Any, fill: Callable[[list[Any]], Any], held: list[Any]) -> None:
    thing.clear()
    fill(held)


def _pairs(held: list[Any]) -> Iterator[tuple[Any, Any]]:
    """The items of a dict from its keys, followed by its values."""
    half = len(held) // 2
    return zip(held[:half], held[half:], strict=True)


def _fill_attributes(attributes: dict[str, Any], names: Sequence[str], values: list[Any]) -> None:
    attributes.clear()
    attributes.update(zip(names, values, strict=True))


def _set(thing: Any, names: Sequence[str], held: Sequence[Any]) -> None:
    for name, value in zip(names, held, strict=True):
        now = vars(thing).get(name) if isinstance(thing, type) else getattr(thing, name, None)
        if now is not value:
            setattr(thing, name, value)


def _set_globals(world: dict[str, Any], names: Sequence[str], values: Sequence[Any]) -> None:
    world.update(zip(names, values, strict=True))


def _fill_cells(cells: Sequence[CellType], contents: Sequence[Any]) -> None:
    for cell, content in zip(cells, contents, strict=True):
        cell.cell_contents = content


def _contents(cells: Sequence[CellType]) -> list[Any]:
    try:
        return [*map(CONTENTS, cells)]
    except ValueError:  # one is not filled yet
        return [_content(cell) for cell in cells]


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None
