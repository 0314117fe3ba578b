"""RAdam."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu import Value
from tinygrad_edu.nn.optim.base import Optimizer, State, decayed, with_decay


class RAdam(Optimizer):
    """Adam that starts as gradient descent with momentum, until its mean square has seen enough to be trusted.

    Parameters
    ----------
    params : iterable of Parameter, or of parameter groups
    lr : float
    betas : (float, float)
        How slowly the means of the gradient and of its square forget.
    eps : float
        Added to the root of the mean square.
    weight_decay : float
        Adds ``weight_decay * x`` to the gradient (an L2 penalty).
    decoupled_weight_decay : bool
        Shrink the parameter by ``lr * weight_decay * x`` instead, as `AdamW` does.
    maximize : bool
        Climb instead.

    Notes
    -----
    Liu et al. (2020), "On the variance of the adaptive learning rate and beyond". With the default betas the first
    five steps are not scaled.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value([1.0, -100.0])
    >>> optimizer = RAdam([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([  0.8, -80. ])
    """

    def __init__(
        self,
        params: Iterable[Value] | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay,
            decoupled_weight_decay=decoupled_weight_decay, maximize=maximize,
        )  # fmt: skip

    def update(
        self, x: Any, g: Any, state: State, *, lr: float, betas: tuple[float, float], eps: float, weight_decay: float,
        decoupled_weight_decay: bool, maximize: bool,
    ) -> Any:  # fmt: skip
        """The step of one parameter; see the class."""
        beta1, beta2 = betas
        g = -g if maximize else g
        g, shrink = decayed(x, g, lr, weight_decay, decoupled_weight_decay)
        t = state["step"] = state.get("step", 0) + 1
        m = state["exp_avg"] = beta1 * state.get("exp_avg", 0.0) + (1 - beta1) * g
        v = state["exp_avg_sq"] = beta2 * state.get("exp_avg_sq", 0.0) + (1 - beta2) * g * g
        step = lr / (1 - beta1**t) * m
        longest = 2 / (1 - beta2) - 1  # how many gradients the mean square stands for in the end, and now
        length = longest - 2 * t * beta2**t / (1 - beta2**t)
        if length <= 5.0:
            return with_decay(shrink, step)
        rectify = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        return with_decay(shrink, step * (rectify * (1 - beta2**t)) ** 0.5 / (np.sqrt(v) + eps))
