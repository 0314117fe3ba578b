"""Scalar parameters whose numbers lie in flat arrays, and are handed out when somebody looks.

Handing a Python float to each of hundreds of parameters takes longer than a whole lifted step. So a step leaves its
numbers in its arrays, and each parameter is of a twin class meanwhile, in which ``data`` and ``grad`` are properties:
whoever reads or sets one of them first gives all parameters their numbers and their own class back.
"""

import functools
import struct
import threading
from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np

from tinygrad_edu.op import Node

_data, _grad = Node.__dict__["data"], Node.__dict__["grad"]  # the slots behind the properties below
PATIENCE = 3  # how often in turn somebody may look soon before parameters get their numbers after each step anyway
SOON = 8  # steps


class FlatNumbers:
    """Scalar parameters as one flat array, and their gradients as another.

    Parameters
    ----------
    parameters : sequence of Value
        Each a Python float.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> weights = [Value(1.0), Value(2.0)]
    >>> flat = FlatNumbers(weights)
    >>> flat.gather()
    >>> flat.data *= 10.0
    >>> flat.spread()
    >>> weights[1].data, weights[1].grad
    (20.0, 0.0)
    >>> weights[0].data = 3.0
    >>> flat.gather()
    >>> flat.data
    array([ 3., 20.])
    """

    def __init__(self, parameters: Sequence[Any]) -> None:
        self.parameters = list(parameters)
        self.data = np.empty(len(self.parameters))
        self.grad = np.zeros(len(self.parameters))
        self.hidden = False  # whether the parameters' numbers are those of the arrays, and they themselves have none
        self._looks = 0
        self._steps = 0  # since somebody looked
        self._kinds = [type(p) for p in self.parameters]
        self._places = {id(p): i for i, p in enumerate(self.parameters)}
        self._pack = struct.Struct(f"{len(self.parameters)}d").pack_into
        self._lock = threading.RLock()
        self.gather()

    def split(self, flat: Any) -> list[Any]:
        """An array of this layout as one view for each parameter."""
        return [flat[i : i + 1].reshape(()) for i in range(len(self.parameters))]

    def gather(self) -> None:
        """Take over the numbers that the parameters have now."""
        if not self.hidden:
            self._read(self.data, [p.data for p in self.parameters])

    def gather_gradients(self) -> bool:
        """Take over gradients that somebody has replaced; whether all are there."""
        if self.hidden:
            return True
        gradients = [p.grad for p in self.parameters]
        if any(g is None for g in gradients):
            return False
        self._read(self.grad, gradients)
        return True

    def spread(self) -> None:
        """Give the parameters the numbers of the arrays, now or when somebody looks."""
        with self._lock:
            self._steps += 1
            if self.hidden:
                return
            if self._looks < PATIENCE:
                self._hide()
            else:
                for parameter, x, g in zip(self.parameters, self.data.tolist(), self.grad.tolist(), strict=True):
                    parameter.data = x
                    parameter.grad = g

    def show(self) -> None:
        """Give the parameters their numbers and their own classes back."""
        with self._lock:
            if self.hidden:
                self.hidden = False
                self._looks = self._looks + 1 if self._steps < SOON else 0
                self._steps = 0
                numbers = zip(self.parameters, self._kinds, self.data.tolist(), self.grad.tolist(), strict=True)
                for parameter, kind, x, g in numbers:
                    _data.__set__(parameter, x)
                    _grad.__set__(parameter, g)
                    parameter.__class__ = kind

    def number_of(self, parameter: Any) -> float:
        """The number of a hidden parameter."""
        return float(self.data[self._places[id(parameter)]])

    def _read(self, into: Any, numbers: list[Any]) -> None:
        try:
            self._pack(into, 0, *numbers)
        except struct.error:  # something else than Python's numbers
            into[:] = numbers

    def _hide(self) -> None:
        for parameter in self.parameters:
            _ = parameter.data  # another step may have hidden it since
        for parameter, kind in zip(self.parameters, self._kinds, strict=True):
            parameter.__class__ = twin(kind)  # type: ignore[arg-type]  # a class is hashable
            _data.__set__(parameter, self)
        self.hidden = True


@functools.cache
def twin(kind: type[Any]) -> type[Any]:
    """A class like `kind`, of Values whose numbers lie in a `FlatNumbers`."""

    def data(self: Any) -> Any:
        _shown(self)
        return _data.__get__(self)

    def set_data(self: Any, data: Any) -> None:
        _shown(self)
        _data.__set__(self, data)

    def grad(self: Any) -> Any:
        _shown(self)
        return _grad.__get__(self)

    def set_grad(self: Any, grad: Any) -> None:
        _shown(self)
        _grad.__set__(self, grad)

    def reduce(self: Any, protocol: SupportsIndex) -> Any:
        _shown(self)
        return self.__reduce_ex__(protocol)

    return type(kind.__name__, (kind,), {
        "__slots__": (),
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
        "__new__": lambda _, *args, **kwargs: kind(*args, **kwargs),
        "__reduce_ex__": reduce,
        "data": property(data, set_data),
        "grad": property(grad, set_grad),
    })  # fmt: skip


def peek(value: Node) -> Any:
    """The data of a Value; a hidden parameter stays hidden."""
    held = _data.__get__(value)
    return held.number_of(value) if isinstance(held, FlatNumbers) else held


def _shown(parameter: Any) -> None:
    held = _data.__get__(parameter)
    if isinstance(held, FlatNumbers):
        held.show()
