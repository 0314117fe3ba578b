"""Against overfitting and exploding gradients: penalties on weights, limits on gradients and on weights.

Penalties are terms of the loss: ``loss + L2(1e-4)(model)`` by hand, ``fit(..., penalty=L2(1e-4))``, or one for each
layer: ``fit(..., penalty={model[0]: L1(1e-3), model[1]: L2(1e-2)})``. The limits are functions of parameters, and the
callbacks `ClipGradients` and `MaxNorm` apply them in `fit`.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from tinygrad_edu import Value, array
from tinygrad_edu.errors import ArgumentError, GradientError
from tinygrad_edu.nn.module import Module, assign
from tinygrad_edu.op import Node

SHIFTS = re.compile(r"(.*\.)?(b|bias\w*|beta)(\.\d+)?")  # names of parameters that shift, and are not penalised


@dataclass(frozen=True)
class Elastic:
    """A penalty ``l1 * sum |w| + l2 * sum w²`` (elastic net).

    Parameters
    ----------
    l1, l2 : float, at least 0
    biases : bool
        Whether biases count too.

    Notes
    -----
    Keras's definition. ``weight_decay`` of the optimizers adds ``weight_decay * w`` to the gradient, so it is
    ``L2(weight_decay / 2)``. Tibshirani (1996); Hoerl & Kennard (1970); Zou & Hastie (2005).

    Examples
    --------
    >>> from tinygrad_edu.nn import Parameter
    >>> Elastic(l1=0.1, l2=0.5)([Parameter([1.0, -2.0])]).item()
    2.8
    """

    l1: float = 0.0
    l2: float = 0.0
    biases: bool = False

    def __post_init__(self) -> None:
        if not (self.l1 >= 0 and self.l2 >= 0):
            raise ArgumentError(f"a penalty needs strengths of at least 0, got {self.l1!r} and {self.l2!r}")

    def __call__(self, penalised: Module | Iterable[Value]) -> Any:
        """The penalty of a module's weights, or of the given parameters, all of them; a scalar Value."""
        weights = self._weights(penalised) if isinstance(penalised, Module) else list(penalised)
        scalars = [w for w in weights if not w.shape]
        joined = [w for w in weights if w.shape] + ([array(scalars)] if scalars else [])
        sizes: list[Any] = []
        if self.l1:
            sizes += [self.l1 * np.sum(np.abs(w)) for w in joined]
        if self.l2:
            sizes += [self.l2 * np.sum(np.square(w)) for w in joined]
        return reduce(add, sizes, Value(0.0))

    def _weights(self, module: Module) -> list[Value]:
        return [w for name, w in module.named_parameters() if self.biases or not SHIFTS.fullmatch(name)]


class L1(Elastic):
    """The penalty ``strength * sum |w|``, which makes weights exactly 0.

    Examples
    --------
    >>> from tinygrad_edu.nn import Parameter
    >>> L1(0.5)([Parameter([1.0, -2.0])]).item()
    1.5
    """

    def __init__(self, strength: float, biases: bool = False) -> None:
        super().__init__(l1=strength, biases=biases)


class L2(Elastic):
    """The penalty ``strength * sum w²`` (ridge), which makes weights small.

    Examples
    --------
    >>> from tinygrad_edu.nn import Parameter
    >>> L2(0.5)([Parameter([1.0, -2.0])]).item()
    2.5
    """

    def __init__(self, strength: float, biases: bool = False) -> None:
        super().__init__(l2=strength, biases=biases)


Penalty = Callable[[Any], Any]


def penalty_function(penalty: Penalty | Mapping[Module, Penalty]) -> Penalty:
    """One function of the model from a penalty, or from one for each of several layers.

    Raises
    ------
    ArgumentError
        If it is neither.
    """
    if isinstance(penalty, Mapping):
        layers = dict(penalty)
        if all(isinstance(layer, Module) and callable(one) for layer, one in layers.items()):
            return lambda model: reduce(add, [one(layer) for layer, one in layers.items()], 0.0)
    elif callable(penalty) and not isinstance(penalty, type):
        return penalty
    raise ArgumentError(
        f"penalty: expected a penalty such as L2(1e-4), a function of the model, or {{layer: penalty}}; got {penalty!r}"
    )


def global_norm(parameters: Iterable[Value], norm_type: float = 2.0) -> float:
    """The norm of all gradients together, as of one long vector; those that are None do not count.

    Examples
    --------
    >>> x, y = Value([3.0]), Value([4.0, 0.0])
    >>> x.grad, y.grad = x.data, y.data
    >>> global_norm([x, y])
    5.0
    """
    norms = [np.linalg.norm(np.ravel(gradient), norm_type) for _, gradient in _gradients(parameters)]
    return float(np.linalg.norm(np.array(norms, dtype=float), norm_type)) if norms else 0.0


def clip_grad_norm_(
    parameters: Iterable[Value], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> float:
    """Scale all gradients by one factor, so that their `global_norm` is at most `max_norm`; the norm before.

    Parameters
    ----------
    parameters : iterable of Parameter
    max_norm : float
    norm_type : float
        ``inf`` is the largest entry.
    error_if_nonfinite : bool
        Whether a norm that is NaN or infinite raises.

    Raises
    ------
    GradientError
        If asked to, for a norm that is not finite; no gradient has changed.

    Notes
    -----
    PyTorch's function of that name. Pascanu, Mikolov & Bengio (2013), "On the difficulty of training recurrent
    neural networks".

    Examples
    --------
    >>> x = Value([3.0, 4.0])
    >>> x.grad = x.data.copy()
    >>> clip_grad_norm_([x], 1.0), x.grad.round(4)
    (5.0, array([0.6, 0.8]))
    """
    parameters = list(parameters)
    norm = global_norm(parameters, norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise GradientError(f"clip_grad_norm_: the norm of the gradients is {norm}; nothing was clipped")
    factor = max_norm / (norm + 1e-6)
    if not factor >= 1.0:
        _set(parameters, lambda gradient: gradient * factor)
    return norm


def clip_norm_of_each(parameters: Iterable[Value], max_norm: float) -> None:
    """Scale each gradient by itself, so that its norm is at most `max_norm` (Keras's ``clipnorm``).

    Examples
    --------
    >>> x, y = Value([3.0, 4.0]), Value([0.5])
    >>> x.grad, y.grad = x.data.copy(), y.data.copy()
    >>> clip_norm_of_each([x, y], 1.0)
    >>> x.grad.round(4), y.grad
    (array([0.6, 0.8]), array([0.5]))
    """

    def scaled(gradient: Any) -> Any:
        norm = float(np.linalg.norm(np.ravel(gradient)))
        return gradient * (max_norm / norm) if norm > max_norm else gradient

    _set(parameters, scaled)


def clip_grad_value_(parameters: Iterable[Value], clip_value: float) -> None:
    """Limit each entry of each gradient to [-clip_value, clip_value].

    Examples
    --------
    >>> x = Value([3.0, -0.5])
    >>> x.grad = x.data.copy()
    >>> clip_grad_value_([x], 1.0)
    >>> x.grad
    array([ 1. , -0.5])
    """
    _set(parameters, lambda gradient: np.clip(gradient, -clip_value, clip_value))


def max_norm(parameters: Iterable[Value], max_value: float) -> None:
    """Scale the incoming weights of each unit whose norm is above `max_value` back to it, in place.

    Parameters
    ----------
    parameters : iterable of Parameter
        Those with fewer than two axes are left alone. The last axis counts units (channels).
    max_value : float

    Examples
    --------
    >>> w = Value([[3.0, 0.1], [4.0, 0.1]])
    >>> max_norm([w], 1.0)
    >>> w.data.round(4)
    array([[0.6, 0.1],
           [0.8, 0.1]])
    """
    for parameter in parameters:
        if parameter.ndim >= 2:
            w = np.asarray(parameter.data)
            norms = np.sqrt(np.sum(np.square(w), axis=tuple(range(w.ndim - 1)), keepdims=True))
            assign(parameter, np.where(norms > max_value, w * (max_value / np.where(norms > 0, norms, 1)), w))


def _gradients(parameters: Iterable[Value]) -> list[tuple[Value, Any]]:
    """Parameters that have a gradient, each with its numbers."""
    return [(p, p.grad.data if isinstance(p.grad, Node) else p.grad) for p in parameters if p.grad is not None]


def _set(parameters: Iterable[Value], change: Callable[[Any], Any]) -> None:
    """Replace gradients; each keeps its kind and dtype."""
    for parameter, gradient in _gradients(parameters):
        changed, kind = change(gradient), type(gradient)
        parameter.grad = np.asarray(changed, gradient.dtype) if kind is np.ndarray else kind(changed)
