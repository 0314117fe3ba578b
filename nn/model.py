"""`Model`: networks with several inputs and outputs, branches, skips and shared layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.nn import symbolic
from tinygrad_edu.nn.feed import Several
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.summary import Shape
from tinygrad_edu.nn.symbolic import Symbol
from tinygrad_edu.nn.trainable import Trainable


def Input(shape: int | Sequence[int | None], name: str | None = None, dtype: DTypeLike = np.float64) -> Symbol:
    """A place for an array, to call layers on; see `Model`.

    Parameters
    ----------
    shape : tuple of int
        Of one sample, without the batch; None where any length will do. An int is a tuple of one.
    name : str, optional
        What the model's inputs are called.
    dtype : dtype
        ``int`` for what goes into an Embedding.

    Returns
    -------
    Symbol, shape (None, *shape)

    Examples
    --------
    >>> Input((28, 28)).shape
    (None, 28, 28)
    """
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if any(n is not None and (not isinstance(n, (int, np.integer)) or n < 1) for n in sizes):
        raise ArgumentError(f"Input: expected the shape of one sample, whole numbers or None, got {shape!r}")
    return Symbol((None, *sizes), np.dtype(dtype), name=name)


class Model(Trainable):
    """A network that is wired by calling layers on `Input`, or written as a subclass with `forward`.

    Parameters
    ----------
    inputs : Symbol, or list of them
    outputs : Symbol, or list of them
        Made of the inputs by layers, operators and NumPy functions.
    name : str, optional

    Attributes
    ----------
    layers : list of Module
        Those used, each once, in the order in which they compute.
    input_names, output_names : list of str
        Names given to `Input`, and to the layers that make the outputs; else ``input0``, ``output0`` ...

    Raises
    ------
    ArgumentError
        If an output does not come from the inputs, or something else is handed in.
    ShapeError
        When called on arrays of other shapes.

    Notes
    -----
    A model with several outputs gives a tuple. A layer that is called twice is shared: its parameters
    count once, and collect both gradients.

    Examples
    --------
    >>> from tinygrad_edu.nn import Concatenate, Dense
    >>> image, words = Input((8,), name="image"), Input((5,), name="words")
    >>> x = Concatenate()(Dense(4, activation="relu")(image), Dense(4, activation="relu")(words))
    >>> x = x + Dense(8, activation="relu")(x)
    >>> model = Model([image, words], Dense(3)(x), name="two_eyes")
    >>> model(np.ones((2, 8)), np.ones((2, 5))).shape
    (2, 3)
    >>> print(model.summary())
    Model 'two_eyes'
    layer    kind         output shape  parameters
    layer0   Dense        (None, 4)             36
    layer1   Dense        (None, 4)             24
    layer2   Concatenate  (None, 8)              0
    layer3   Dense        (None, 8)             72
    layer4   Dense        (None, 3)             27
    total                                      159

    >>> class Doubled(Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = Dense(3, 2, rng=0)
    ...
    ...     def forward(self, x):
    ...         return 2 * self.dense(x)
    >>> Doubled().predict(np.ones((4, 3))).shape
    (4, 2)
    """

    input_names: list[str]
    output_names: list[str]
    _inputs: list[Symbol] | None = None

    def __init__(
        self,
        inputs: Symbol | Sequence[Symbol] | None = None,
        outputs: Symbol | Sequence[Symbol] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if inputs is None and outputs is None:
            return  # a subclass, which writes its own forward
        self._one_output = isinstance(outputs, Symbol)
        self._inputs, self._outputs = _symbols("inputs", inputs), _symbols("outputs", outputs)
        if any(symbol.source is not None for symbol in self._inputs):
            raise ArgumentError("Model: inputs must be what Input(...) gave, not what a layer made of it")
        self._calls = symbolic.order(self._outputs)
        own = {id(symbol) for symbol in self._inputs}
        for symbol in [*self._outputs, *(operand for made in self._calls for operand in made.operands)]:
            if symbol.source is None and id(symbol) not in own:
                raise ArgumentError(f"Model: the outputs depend on {symbol!r}, which is not among the inputs")
        used = (made.function for made in self._calls)
        self.layers = list({id(layer): layer for layer in used if isinstance(layer, Module)}.values())
        self.input_names = _unique([symbol.name or f"input{i}" for i, symbol in enumerate(self._inputs)])
        self.output_names = _unique([_maker(symbol) or f"output{i}" for i, symbol in enumerate(self._outputs)])

    def forward(self, *inputs: Any) -> Any:
        """One array, or a tuple of them; the inputs one by one, in a list, or in a dict by name."""
        if self._inputs is None:
            return super().forward(*inputs)
        arrays = self._given(inputs)
        values: dict[Symbol, Any] = {}
        for symbol, name, x in zip(self._inputs, self.input_names, arrays, strict=True):
            shape = np.shape(x)
            if len(shape) != symbol.ndim or any(n not in (m, None) for n, m in zip(symbol.shape, shape, strict=True)):
                expected = ", ".join("any" if n is None else str(n) for n in symbol.shape[1:])
                raise ShapeError(f"{self.label}: expected {name} of shape (batch, {expected}), got {shape}")
            values[symbol] = x
        for made in self._calls:
            result = made.run(values)
            parts = result if isinstance(result, (tuple, list)) else [result]
            values.update(zip(made.results, parts, strict=True))
        outputs = tuple(values[symbol] for symbol in self._outputs)
        return outputs[0] if self._one_output else outputs

    def _given(self, inputs: tuple[Any, ...]) -> list[Any]:
        only = inputs[0] if len(inputs) == 1 else inputs
        if isinstance(only, dict):
            return list(_by_name(self.label, only, self.input_names))
        arrays = list(only) if isinstance(only, (tuple, list)) and len(self.input_names) > 1 else list(inputs)
        if len(arrays) != len(self.input_names):
            names = ", ".join(self.input_names)
            raise ShapeError(f"{self.label}: expected {len(self.input_names)} inputs ({names}), got {len(arrays)}")
        return arrays

    def _output_names(self) -> list[str]:
        return ["output"] if self._inputs is None or self._one_output else self.output_names

    def _samples(self, input_shape: Sequence[Any] | None) -> tuple[list[Shape] | None, list[Any] | None]:
        if self._inputs is None:
            return super()._samples(input_shape)
        return [symbol.shape[1:] for symbol in self._inputs], [symbol.dtype for symbol in self._inputs]

    def _packed(self, x: Any, of_outputs: bool = False) -> Several:
        """Several arrays as a tuple, in the order of the inputs (or outputs)."""
        if self._inputs is None:
            return super()._packed(x, of_outputs)
        names = self.output_names if of_outputs else self.input_names
        if isinstance(x, dict):
            x = _by_name(self.label, x, names)
        several = not self._one_output if of_outputs else len(names) > 1
        if not several and isinstance(x, tuple) and len(x) == 1:
            x = x[0]
        if not several:
            return x  # type: ignore[no-any-return]  # what `train` checks
        if not isinstance(x, (tuple, list)) or len(x) != len(names):
            got = f"{len(x)} arrays" if isinstance(x, (tuple, list)) else type(x).__name__
            raise ArgumentError(f"{self.label}: expected a list of {len(names)} arrays ({', '.join(names)}), got {got}")
        return tuple(np.asarray(array) for array in x)


def _symbols(what: str, given: Any) -> list[Symbol]:
    found = [given] if isinstance(given, Symbol) else given
    if not isinstance(found, (list, tuple)) or not found or not all(isinstance(one, Symbol) for one in found):
        raise ArgumentError(f"Model: {what} must be what Input or a layer called on it gives, or a list; got {given!r}")
    return list(found)


def _by_name(label: str, given: dict[str, Any], names: list[str]) -> tuple[Any, ...]:
    if set(given) != set(names):
        got = ", ".join(map(str, given))
        raise ArgumentError(f"{label}: expected arrays by the names {', '.join(names)}, got {got}")
    return tuple(np.asarray(given[name]) if isinstance(given[name], (list, tuple)) else given[name] for name in names)


def _maker(symbol: Symbol) -> str | None:
    """The name of an output: that of the layer that makes it, if it was given one."""
    layer = symbol.source.function if symbol.source else None
    return symbol.name or (layer.name if isinstance(layer, Module) else None)


def _unique(names: list[str]) -> list[str]:
    for name in names:
        if names.count(name) > 1:
            raise ArgumentError(f"Model: two inputs or outputs are called {name!r}; give them different names")
    return names
