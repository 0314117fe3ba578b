"""Activations: one entry each gives the name that layers take and the layer of its own."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.kinds import Elementwise
from tinygrad_edu.nn.arguments import by_name, size
from tinygrad_edu.nn.layers.registry import example
from tinygrad_edu.nn.module import Module, Parameter
from tinygrad_edu.op import REGISTRY
from tinygrad_edu.ops import activation as ops
from tinygrad_edu.ops.special import gelu

Function = Callable[[Any], Any]


class Activation(Module):
    """The base of activation layers: one function, no parameters.

    Attributes
    ----------
    key : str
        What ``activation=`` takes.
    options : dict
        What the function is told beside its argument.
    """

    function: ClassVar[Callable[..., Any]]
    key: ClassVar[str]
    defaults: ClassVar[Mapping[str, Any]] = {}
    entrywise: ClassVar[bool] = True

    def __init__(self, *values: Any, name: str | None = None, **options: Any) -> None:
        super().__init__(name)
        names = list(self.defaults)
        unknown = [option for option in options if option not in names]
        if len(values) > len(names) or unknown or set(names[: len(values)]) & options.keys():
            takes = ", ".join(f"{option}={value!r}" for option, value in self.defaults.items()) or "no options"
            got = ", ".join([*map(repr, values), *(f"{option}={value!r}" for option, value in options.items())])
            raise ArgumentError(f"{type(self).__name__} takes {takes}; got {got}")
        self.options = {**self.defaults, **dict(zip(names, values, strict=False)), **options}

    def forward(self, x: Any) -> Any:
        """The function of each entry of `x` (softmax: of the last axis)."""
        return type(self).function(x, **self.options)

    def extra_repr(self) -> str:
        """The options, if there are any."""
        return ", ".join(f"{option}={value!r}" for option, value in self.options.items())


ACTIVATIONS: dict[str, type[Activation]] = {}


def activation_layer(
    layer: str, key: str, function: Callable[..., Any], says: str, entrywise: bool = True, **defaults: Any
) -> type[Activation]:
    """Enter an activation: `layer` is the class that is made here, `key` what ``activation=`` takes.

    `defaults` are the options of the layer, handed to the function by name; `entrywise` says whether each
    entry is treated by itself (softmax is not).
    """
    body = {
        "function": staticmethod(function), "key": key, "defaults": defaults, "entrywise": entrywise,
        "__doc__": says, "__module__": __name__,
    }  # fmt: skip
    ACTIVATIONS[key] = made = type(layer, (Activation,), body)
    return example(lambda: made(), (3, 4), wrong=None)(made)


def hard_swish(x: Any) -> Any:
    """The product of x and its hard sigmoid.

    Examples
    --------
    >>> hard_swish(np.array([-4.0, 1.5, 4.0]))
    array([-0.   ,  1.125,  4.   ])
    """
    return x * ops.hard_sigmoid(x)


ReLU = activation_layer("ReLU", "relu", REGISTRY["relu"], "The rectifier, max(x, 0).")
LeakyReLU = activation_layer(
    "LeakyReLU", "leaky_relu", REGISTRY["leaky_relu"],
    "x where it is positive, else negative_slope * x (Keras's default slope is 0.3).", negative_slope=0.01,
)  # fmt: skip
ReLU6 = activation_layer("ReLU6", "relu6", lambda x: np.clip(x, 0.0, 6.0), "The rectifier, at most 6.")
ELU = activation_layer(
    "ELU", "elu", REGISTRY["elu"], "x where it is positive, else alpha (e^x - 1) (Clevert and others, 2015).", alpha=1.0
)
SELU = activation_layer("SELU", "selu", ops.selu, "The self-normalising elu (Klambauer and others, 2017).")
GELU = activation_layer(
    "GELU", "gelu", gelu, "x times the chance that a standard normal draw is below x (Hendrycks & Gimpel, 2016).",
    approximate="none",
)  # fmt: skip
SiLU = activation_layer("SiLU", "silu", REGISTRY["silu"], "x times its sigmoid, also called swish.")
Mish = activation_layer("Mish", "mish", REGISTRY["mish"], "x tanh(softplus(x)) (Misra, 2019).")
Sigmoid = activation_layer("Sigmoid", "sigmoid", REGISTRY["sigmoid"], "The logistic function, 1 / (1 + e^-x).")
LogSigmoid = activation_layer("LogSigmoid", "log_sigmoid", ops.log_sigmoid, "The logarithm of the sigmoid.")
Tanh = activation_layer("Tanh", "tanh", REGISTRY["tanh"], "The hyperbolic tangent.")
Softplus = activation_layer("Softplus", "softplus", REGISTRY["softplus"], "log(1 + e^x), a smooth rectifier.")
Softsign = activation_layer("Softsign", "softsign", REGISTRY["softsign"], "x / (1 + |x|).")
HardTanh = activation_layer("HardTanh", "hard_tanh", ops.hard_tanh, "x limited to [-1, 1].")
HardSigmoid = activation_layer("HardSigmoid", "hard_sigmoid", ops.hard_sigmoid, "x / 6 + 1/2, limited to [0, 1].")
HardSwish = activation_layer("HardSwish", "hard_swish", hard_swish, "x times its hard sigmoid (Howard, 2019).")
Softmax = activation_layer(
    "Softmax", "softmax", REGISTRY["softmax"], "e^x / sum e^x over an axis, the last one.", entrywise=False, axis=-1
)
LogSoftmax = activation_layer(
    "LogSoftmax", "log_softmax", REGISTRY["log_softmax"], "The logarithm of softmax.", entrywise=False, axis=-1
)


@example(lambda: PReLU(4, slope=0.1), (3, 4), wrong=(3, 5))
@example(lambda: PReLU(), (3, 4), wrong=None)
class PReLU(Module):
    """x where it is positive, else weight * x, with a weight that is learned.

    Parameters
    ----------
    features : int
        1: one weight for all; else the size of the last axis, one weight each (as Keras has it by default).
    slope : float
        Where the weights start (Keras: 0).
    name : str, optional

    Attributes
    ----------
    weight : Parameter, shape (features,)

    Notes
    -----
    He, Zhang, Ren & Sun (2015), "Delving deep into rectifiers".

    Examples
    --------
    >>> PReLU()(np.array([-4.0, 2.0]))
    Value([-1.,  2.], op=where)
    """

    def __init__(self, features: int = 1, slope: float = 0.25, name: str | None = None) -> None:
        super().__init__(name)
        self.weight = Parameter(np.full(size("PReLU: features", features), slope))

    def forward(self, x: Any) -> Any:
        """The same shape as `x`."""
        features = self.weight.size
        if features > 1 and (not np.ndim(x) or np.shape(x)[-1] != features):
            raise ShapeError(f"{self.label}: expected an input of shape (..., {features}), got {np.shape(x)}")
        weight = self.weight if np.result_type(x) == self.weight.dtype else self.weight.astype(np.result_type(x))
        return np.where(x > 0, x, weight * x)

    def extra_repr(self) -> str:
        """How many weights, if not one."""
        return "" if self.weight.size == 1 else str(self.weight.size)


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
    if isinstance(choice, str) and choice in ACTIVATIONS:
        return ACTIVATIONS[choice].function
    functions = {key: layer.function for key, layer in ACTIVATIONS.items()}
    return None if choice is None else by_name("activation", choice, functions)


def activation_name(choice: str | Function | None) -> Any:
    """How a repr shows an activation."""
    return choice if isinstance(choice, str | None) else getattr(choice, "__name__", choice)


def scalar_activation(choice: str | None, owner: str) -> Function | None:
    """The same for a neuron, whose one output leaves nothing to normalise over: softmax is refused."""
    function = activation_function(choice)
    one_by_one = [key for key, layer in ACTIVATIONS.items() if layer.entrywise]
    if function is not None and choice not in one_by_one and not isinstance(function, Elementwise):
        raise ArgumentError(f"{owner}: the activation must be one of {', '.join(one_by_one)} or None, got {choice!r}")
    return function
