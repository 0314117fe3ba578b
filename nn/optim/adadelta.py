"""Adadelta."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu import Value
from tinygrad_edu.nn.optim.base import Optimizer, State


class Adadelta(Optimizer):
    """Gradients scaled by running means of squared steps over squared gradients: steps have the units of `x`.

    Parameters
    ----------
    params : iterable of Parameter, or of parameter groups
    lr : float
        1 is the paper's method.
    rho : float
        How slowly the two means forget.
    eps : float
        Added to both means before their roots; it decides the size of the first steps.
    weight_decay : float
        Adds ``weight_decay * x`` to the gradient (an L2 penalty).
    maximize : bool
        Climb instead.

    Notes
    -----
    Zeiler (2012), "ADADELTA: an adaptive learning rate method".

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value([1.0, -100.0])
    >>> optimizer = Adadelta([x])
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([  0.996838, -99.996838])
    """

    def __init__(
        self,
        params: Iterable[Value] | Iterable[Mapping[str, Any]],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize)

    def update(
        self, x: Any, g: Any, state: State, *, lr: float, rho: float, eps: float, weight_decay: float, maximize: bool
    ) -> Any:
        """The step of one parameter; see the class."""
        g = -g if maximize else g
        if weight_decay:
            g = g + weight_decay * x
        v = state["square_avg"] = rho * state.get("square_avg", 0.0) + (1 - rho) * g * g
        moved = state.get("acc_delta", 0.0 * v)
        delta = np.sqrt(moved + eps) / np.sqrt(v + eps) * g
        state["acc_delta"] = rho * moved + (1 - rho) * delta * delta
        return lr * delta
