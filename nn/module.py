"""`Module`: a part of a network that finds its own parameters and groups what it computes under its name."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from reprlib import recursive_repr
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, CheckpointError
from tinygrad_edu.mode import current_mode, enter_scope, leave_scope
from tinygrad_edu.nn import symbolic
from tinygrad_edu.op import Node

Path = tuple[str | int, ...]


class Parameter(Value):
    """A `Value` that training changes: what `Module.parameters` finds.

    What is computed from it is a plain `Value`.

    Parameters
    ----------
    data : float, array or nested list of numbers
    name : str, optional
        For pictures; a module names its unnamed parameters after their attributes.

    Examples
    --------
    >>> Parameter([1.0, 2.0], name="bias") * 2
    Value([2., 4.], op=multiply)
    """

    __slots__ = ()
    role: ClassVar[str] = "parameter"


class Buffer:
    """An array that belongs to the state of a module, but that no optimizer changes: running statistics.

    It is in `Module.state_dict` and not in `Module.parameters`.

    Parameters
    ----------
    data : array or nested list of numbers
        Copied; change it in place.

    Examples
    --------
    >>> Buffer([0.0, 0.0])
    Buffer([0., 0.])
    """

    __slots__ = ("data",)

    def __init__(self, data: Any) -> None:
        self.data: NDArray[Any] = np.array(data)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return self.data.shape

    def read(self) -> Any:
        """The numbers, for an expression; in a recording they are those of each run."""
        capture = current_mode().capture
        return self.data if capture is None else capture.read(self)

    def write(self, numbers: Any) -> None:
        """Replace the numbers in place; in a recording, at the end of each run. No gradient flows through."""
        capture = current_mode().capture
        if capture is None:
            self.data[...] = numbers.data if isinstance(numbers, Node) else numbers
        else:
            capture.write(self, numbers)

    def __repr__(self) -> str:
        return f"Buffer({np.array2string(self.data, separator=', ')})"


class Module:
    """The base of layers and models: write `forward`, and assign parameters and modules to attributes.

    Attributes that are Parameters, Buffers or Modules, or lists, tuples and dicts of them, belong to the
    module; one that stands in several places counts once. No call of ``super().__init__()`` is needed.

    Parameters
    ----------
    name : str, optional
        The scope in which the module computes, so its title in pictures and messages. Without one it is
        settled at the first call: the attribute (``encoder``), the place in a list (``layer0`` in
        ``layers``), the key in a dict; for the module that is called itself, the class in small letters.

    Attributes
    ----------
    training : bool
        What `train` and `eval` set; dropout and the like ask it.

    Examples
    --------
    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = Parameter(2.0), Parameter(1.0)
    ...
    ...     def forward(self, x):
    ...         return self.slope * x + self.offset
    >>> line = Line()
    >>> y = line(3.0)
    >>> y.item(), y.scope.path, [name for name, _ in line.named_parameters()]
    (7.0, 'line', ['slope', 'offset'])
    """

    name: str | None = None
    training: bool = True
    _place: str | None = None
    _recipe: Any = None  # how to make the parameters that wait for the first input; None: nothing waits

    def __init__(self, name: str | None = None) -> None:
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What `forward` gives, computed in a scope of the module's name."""
        if symbolic.is_wiring(args):
            with modes_kept(self, training=False):
                return symbolic.call(self, args, kwargs)
        place = self._place or self._settle_names()
        if self._recipe is not None:
            self._build(*args)
        if not current_mode().recording:
            return self.forward(*args, **kwargs)
        token = enter_scope(self.name or place)
        try:
            return self.forward(*args, **kwargs)
        finally:
            leave_scope(token)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The computation; every module writes its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward: write  def forward(self, x): ...  in it")

    # -- what it is made of

    def children(self) -> list[tuple[str, "Module"]]:
        """Modules directly in this one, with dotted names, in order of assignment."""
        return [(_dotted(path), item) for path, item in self._members() if isinstance(item, Module)]

    def modules(self) -> Iterator["Module"]:
        """The module itself and every one in it, each once, outer ones first."""
        return (module for _, module in self.named_modules())

    def named_modules(self) -> Iterator[tuple[str, "Module"]]:
        """Dotted name and module, each module once; the module itself comes first, as ``""``."""
        return ((name, item) for name, item in self._walk() if isinstance(item, Module))

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Dotted name and parameter, each parameter once, under the first name it is found by.

        Examples
        --------
        >>> from tinygrad_edu.nn import Dense, Sequential
        >>> [(name, p.shape) for name, p in Sequential(Dense(2, 3), Dense(3, 1)).named_parameters()]
        [('layers.0.weight', (2, 3)), ('layers.0.bias', (3,)), ('layers.1.weight', (3, 1)), ('layers.1.bias', (1,))]
        """
        return ((name, item) for name, item in self._built_walk() if isinstance(item, Parameter))

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """Dotted name and buffer, each once, under the first name it is found by."""
        return ((name, item) for name, item in self._built_walk() if isinstance(item, Buffer))

    def parameters(self) -> list[Parameter]:
        """Every parameter in here, each once, in the order of `named_parameters`."""
        return [parameter for _, parameter in self.named_parameters()]

    @property
    def n_parameters(self) -> int:
        """How many numbers training changes."""
        return sum(parameter.size for parameter in self.parameters())

    # -- what one does with it

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters: they are None again."""
        for parameter in self.parameters():
            parameter.grad = None

    def train(self, mode: bool = True) -> "Module":
        """Set `training` here and in every module inside; returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> "Module":
        """Leave training: dropout passes everything. The same as ``train(False)``."""
        return self.train(False)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Copies of all parameters and buffers, by dotted name.

        Examples
        --------
        >>> from tinygrad_edu.nn import Dense
        >>> state = Dense(2, 3, rng=0).state_dict()
        >>> {name: array.shape for name, array in state.items()}
        {'weight': (2, 3), 'bias': (3,)}
        """
        return {name: np.array(item.data) for name, item in self._state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over parameters and buffers that `state_dict` gave.

        Parameters
        ----------
        state : mapping of dotted name to array
            Cast to the dtype that each has here, and copied into it.

        Raises
        ------
        CheckpointError
            If a name is missing or unknown, or a shape differs. It names all of them, and nothing
            in the model has changed.
        """
        own = dict(self._state())
        loaded, problems = {}, [f"unexpected: {name}" for name in state if name not in own]
        for name, parameter in own.items():
            if name not in state:
                problems.append(f"missing: {name}")
                continue
            array = np.asarray(state[name])
            if array.shape != parameter.shape:
                problems.append(f"{name}: expected shape {parameter.shape}, got {array.shape}")
            elif array.dtype.kind not in "biuf":
                problems.append(f"{name}: expected real numbers, got {array.dtype}")
            else:
                loaded[name] = array
        if problems:
            raise CheckpointError(
                f"the state does not fit this {type(self).__name__}, and nothing was loaded: {'; '.join(problems)}"
            )
        for name, array in loaded.items():
            assign(own[name], array)

    @property
    def label(self) -> str:
        """How messages call it: ``Dense 'layer1'``, or the class alone before it has a name."""
        name = self.name or self._place
        return f"{type(self).__name__} {name!r}" if name else type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the brackets of the repr; a layer names its sizes here."""
        return ""

    @recursive_repr()
    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = _repeats_once([(name, repr(child)) for name, child in self.children()])
        head = f"{type(self).__name__}({extra}" + ("," if extra and lines else "")
        return f"{head})" if not lines else "\n  ".join([head, *lines]) + "\n)"

    # -- inside

    def _build(self, *args: Any) -> None:
        """Make the parameters that wait for the first input, which comes as `forward` gets it."""
        raise NotImplementedError(f"{type(self).__name__} has a recipe and no _build")

    def _state(self) -> Iterator[tuple[str, Parameter | Buffer]]:
        return ((name, item) for name, item in self._built_walk() if not isinstance(item, Module))

    def _built_walk(self) -> Iterator[tuple[str, "Module | Parameter | Buffer"]]:
        """`_walk`, refusing a module that has no parameters yet: an optimizer would never see them."""
        for name, item in self._walk():
            if isinstance(item, Module) and item._recipe is not None:
                raise ArgumentError(
                    f"{item.label}{f' ({name})' if name else ''} has no parameters yet: they are made at the first "
                    "call, which tells the size of the input. Call the model on a batch first, or give that size"
                )
            yield name, item

    def _walk(self) -> Iterator[tuple[str, "Module | Parameter | Buffer"]]:
        """Everything in the module, itself first, depth first, each once, with its dotted name."""
        seen: set[int] = set()
        stack: list[tuple[str, Module | Parameter | Buffer]] = [("", self)]
        while stack:
            name, item = stack.pop()
            if id(item) in seen:
                continue
            seen.add(id(item))
            yield name, item
            if isinstance(item, Module):
                prefix = f"{name}." if name else ""
                stack += [(prefix + _dotted(path), member) for path, member in reversed(item._members())]

    def _members(self) -> list[tuple[Path, "Module | Parameter | Buffer"]]:
        """Parameters, buffers and modules directly in this one, each with its attribute and place in containers."""
        found: list[tuple[Path, Module | Parameter | Buffer]] = []
        for attribute, value in vars(self).items():
            _collect(value, (attribute,), found)
        return found

    def _settle_names(self) -> str:
        """Name this module after its class, and everything in it after its place; the name of this module."""
        self._place = type(self).__name__.lower()
        self._name_members()
        return self._place

    def _name_members(self) -> None:
        """Name everything in this module after its place; given names of parameters stay."""
        named = {id(self)}
        for module in self.modules():
            for path, member in module._members():
                if id(member) in named:
                    continue
                named.add(id(member))
                if isinstance(member, Module):
                    member._place = _place_name(path)
                elif isinstance(member, Parameter) and member.name is None:
                    member.name = _place_name(path)


@contextmanager
def modes_kept(model: Any, training: bool | None = None) -> Iterator[None]:
    """Give every module its mode back at the end; meanwhile the given one. Functions pass."""
    modes = [(module, module.training) for module in model.modules()] if isinstance(model, Module) else []
    if modes and training is not None:
        model.train(training)
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def assign(parameter: Value | Buffer, array: Any) -> None:
    """Put other numbers into a parameter: arrays in place, a Python float stays one."""
    if isinstance(parameter.data, np.ndarray):
        parameter.data[...] = array
    elif parameter.data.__class__ is float:
        parameter.data = float(array)
    else:
        parameter.data = type(parameter.data)(array)


def _collect(value: Any, path: Path, found: list[tuple[Path, Module | Parameter | Buffer]]) -> None:
    if isinstance(value, (Parameter, Module, Buffer)):
        found.append((path, value))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            _collect(item, (*path, i), found)
    elif isinstance(value, dict):
        for key, item in value.items():
            _collect(item, (*path, str(key)), found)


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))


def _place_name(path: Path) -> str:
    """``("encoder",)`` is encoder, ``("layers", 0)`` layer0, ``("heads", "left")`` left."""
    keys = [key for key in path if isinstance(key, str)]
    indices = [str(key) for key in path if isinstance(key, int)]
    stem = keys[-1].removesuffix("s") if indices and len(keys) == 1 else keys[-1]
    return stem + "_".join(indices)


def _repeats_once(entries: list[tuple[str, str]]) -> list[str]:
    """Lines of a nested repr; a run of equal children is one line that counts them."""
    lines: list[str] = []
    start = 0
    for end in range(1, len(entries) + 1):
        if end < len(entries) and entries[end][1] == entries[start][1]:
            continue
        (name, text), count = entries[start], end - start
        times = "" if count == 1 else f"{count} × "
        last = "" if count == 1 else f" to {entries[end - 1][0].rpartition('.')[2]}"
        lines.append(f"({name}{last}) {times}" + text.replace("\n", "\n  "))
        start = end
    return lines
