"""RMSprop."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu import Value
from tinygrad_edu.nn.optim.base import Optimizer, State


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of the squared gradient.

    Parameters
    ----------
    params : iterable of Parameter, or of parameter groups
    lr : float
    alpha : float
        How slowly the mean forgets.
    eps : float
        Added to its root.
    weight_decay : float
        Adds ``weight_decay * x`` to the gradient (an L2 penalty).
    momentum : float
        How much of the last step's direction is kept.
    centered : bool
        Divide by the standard deviation of the gradient instead.
    maximize : bool
        Climb instead.

    Notes
    -----
    Tieleman & Hinton (2012), Lecture 6.5; centered: Graves (2013), "Generating sequences with recurrent neural
    networks". Keras starts with another lr (1e-3), mean (rho = 0.9) and eps (1e-7, under the root).

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value([1.0, -100.0])
    >>> optimizer = RMSprop([x], lr=0.01)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([  0.9, -99.9])
    """

    def __init__(
        self,
        params: Iterable[Value] | Iterable[Mapping[str, Any]],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered,
            maximize=maximize,
        )  # fmt: skip

    def update(
        self, x: Any, g: Any, state: State, *, lr: float, alpha: float, eps: float, weight_decay: float,
        momentum: float, centered: bool, maximize: bool,
    ) -> Any:  # fmt: skip
        """The step of one parameter; see the class."""
        g = -g if maximize else g
        if weight_decay:
            g = g + weight_decay * x
        v = state["square_avg"] = alpha * state.get("square_avg", 0.0) + (1 - alpha) * g * g
        if centered:
            mean = state.get("grad_avg", 0.0)
            mean = state["grad_avg"] = mean + (1 - alpha) * (g - mean)
            v = v - mean * mean
        step = g / (np.sqrt(v) + eps)
        if momentum:
            step = state["momentum_buffer"] = momentum * state.get("momentum_buffer", 0.0) + step
        return lr * step
