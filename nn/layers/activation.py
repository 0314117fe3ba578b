"""Activations: one entry each gives the name that layers take and the layer of its own."""

from collections.abc import Callable
from typing import Any, ClassVar

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.kinds import Elementwise
from tinygrad_edu.nn.arguments import by_name
from tinygrad_edu.nn.module import Module
from tinygrad_edu.op import REGISTRY

Function = Callable[[Any], Any]


class Activation(Module):
    """The base of activation layers: one function, no parameters."""

    function: ClassVar[Function]
    key: ClassVar[str]

    def forward(self, x: Any) -> Any:
        """The function of each entry of `x` (softmax: of the last axis)."""
        return type(self).function(x)


ACTIVATIONS: dict[str, type[Activation]] = {}


def activation_layer(layer: str, key: str, function: Function, says: str) -> type[Activation]:
    """Enter an activation: `layer` is the class that is made here, `key` what ``activation=`` takes."""
    body = {"function": staticmethod(function), "key": key, "__doc__": says, "__module__": __name__}
    ACTIVATIONS[key] = type(layer, (Activation,), body)
    return ACTIVATIONS[key]


ReLU = activation_layer("ReLU", "relu", REGISTRY["relu"], "The rectifier, max(x, 0).")
Sigmoid = activation_layer("Sigmoid", "sigmoid", REGISTRY["sigmoid"], "The logistic function, 1 / (1 + e^-x).")
Tanh = activation_layer("Tanh", "tanh", REGISTRY["tanh"], "The hyperbolic tangent.")
Softmax = activation_layer("Softmax", "softmax", REGISTRY["softmax"], "e^x / sum e^x over the last axis.")
LogSoftmax = activation_layer("LogSoftmax", "log_softmax", REGISTRY["log_softmax"], "The logarithm of softmax.")


def activation_function(choice: str | Function | None) -> Function | None:
    """The function that an ``activation=`` argument means; None for none.

    Parameters
    ----------
    choice : str, callable or None
        A key of `ACTIVATIONS`, or any function (or layer) of one array.

    Raises
    ------
    ArgumentError
        If there is none of that name; the message lists those there are.

    Examples
    --------
    >>> activation_function("relu")(-2.0)
    0.0
    """
    functions = {key: layer.function for key, layer in ACTIVATIONS.items()}
    return None if choice is None else by_name("activation", choice, functions)


def scalar_activation(choice: str | None, owner: str) -> Function | None:
    """The same for a neuron, whose one output leaves nothing to normalise over: softmax is refused."""
    function = activation_function(choice)
    if function is not None and not isinstance(function, Elementwise):
        one_by_one = [key for key, layer in ACTIVATIONS.items() if isinstance(layer.function, Elementwise)]
        raise ArgumentError(f"{owner}: the activation must be one of {', '.join(one_by_one)} or None, got {choice!r}")
    return function
