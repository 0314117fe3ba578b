"""Layers one after the other."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.nn.layers.registry import example
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.trainable import Trainable


@example(lambda: Sequential(), (2, 3), wrong=None)
class Sequential(Trainable):
    """Each layer is called on what the one before it gave.

    `compile`, `fit`, `evaluate`, `predict` and `summary` are those of Keras.

    Parameters
    ----------
    *layers : Module
        One after the other, or one list of them.
    name : str, optional

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu.nn import Dense, Dropout
    >>> model = Sequential(Dense(64, 32, activation="relu", rng=0), Dropout(0.2), Dense(32, 10, rng=1))
    >>> model
    Sequential(
      (layers.0) Dense(64, 32, activation='relu')
      (layers.1) Dropout(p=0.2)
      (layers.2) Dense(32, 10)
    )
    >>> model(np.ones((5, 64))).shape, len(model), model[0].out_features, model.n_parameters
    ((5, 10), 3, 32, 2410)
    """

    def __init__(self, *layers: Module | Sequence[Module], name: str | None = None) -> None:
        super().__init__(name)
        self.layers: list[Module] = []
        for layer in layers:
            for one in layer if isinstance(layer, (list, tuple)) else (layer,):
                self.add(one)

    def add(self, layer: Module) -> None:
        """Append a layer."""
        if not isinstance(layer, Module):
            hint = f"; did you mean {layer.__name__}()?" if isinstance(layer, type) else ""
            raise ArgumentError(f"Sequential: a layer must be a Module, got {layer!r}{hint}")
        self.layers.append(layer)

    def forward(self, x: Any) -> Any:
        """What the last layer gives."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> "Sequential": ...
    def __getitem__(self, index: int | slice) -> "Module | Sequential":
        """A layer; for a slice, a Sequential of the same layers."""
        return Sequential(*self.layers[index]) if isinstance(index, slice) else self.layers[index]
