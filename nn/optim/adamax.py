"""Adamax."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu import Value
from tinygrad_edu.nn.optim.base import Optimizer, State


class Adamax(Optimizer):
    """Adam with the largest recent gradient in place of the root of the mean square.

    Parameters
    ----------
    params : iterable of Parameter, or of parameter groups
    lr : float
    betas : (float, float)
        How slowly the mean and the maximum forget.
    eps : float
        Added to the size of each gradient.
    weight_decay : float
        Adds ``weight_decay * x`` to the gradient (an L2 penalty).
    maximize : bool
        Climb instead.

    Notes
    -----
    Kingma & Ba (2015), section 7.1.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value([1.0, -100.0])
    >>> optimizer = Adamax([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([  0.9, -99.9])
    """

    def __init__(
        self,
        params: Iterable[Value] | Iterable[Mapping[str, Any]],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize)

    def update(
        self, x: Any, g: Any, state: State, *, lr: float, betas: tuple[float, float], eps: float, weight_decay: float,
        maximize: bool,
    ) -> Any:  # fmt: skip
        """The step of one parameter; see the class."""
        beta1, beta2 = betas
        g = -g if maximize else g
        if weight_decay:
            g = g + weight_decay * x
        t = state["step"] = state.get("step", 0) + 1
        m = state["exp_avg"] = beta1 * state.get("exp_avg", 0.0) + (1 - beta1) * g
        u = state["exp_inf"] = np.maximum(beta2 * state.get("exp_inf", 0.0), np.abs(g) + eps)
        return lr / (1 - beta1**t) * m / u
