"""NAdam."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu import Value
from tinygrad_edu.nn.optim.base import Optimizer, State, decayed, with_decay


class NAdam(Optimizer):
    """Adam that looks ahead along its momentum, as Nesterov's method does.

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
    momentum_decay : float
        How fast the momentum grows towards ``betas[0]``: at step t it is betas[0] (1 - 0.96^(t momentum_decay) / 2).
    decoupled_weight_decay : bool
        Shrink the parameter by ``lr * weight_decay * x`` instead, as `AdamW` does.
    maximize : bool
        Climb instead.

    Notes
    -----
    Dozat (2016), "Incorporating Nesterov momentum into Adam".

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value([1.0, -100.0])
    >>> optimizer = NAdam([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(4)
    array([  0.8944, -99.8944])
    """

    def __init__(
        self,
        params: Iterable[Value] | Iterable[Mapping[str, Any]],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay, maximize=maximize,
        )  # fmt: skip

    def update(
        self, x: Any, g: Any, state: State, *, lr: float, betas: tuple[float, float], eps: float, weight_decay: float,
        momentum_decay: float, decoupled_weight_decay: bool, maximize: bool,
    ) -> Any:  # fmt: skip
        """The step of one parameter; see the class."""
        beta1, beta2 = betas
        g = -g if maximize else g
        g, shrink = decayed(x, g, lr, weight_decay, decoupled_weight_decay)
        t = state["step"] = state.get("step", 0) + 1
        mu, mu_next = (beta1 * (1.0 - 0.5 * 0.96 ** (step * momentum_decay)) for step in (t, t + 1))
        product = state["mu_product"] = state.get("mu_product", 1.0) * mu
        m = state["exp_avg"] = beta1 * state.get("exp_avg", 0.0) + (1 - beta1) * g
        v = state["exp_avg_sq"] = beta2 * state.get("exp_avg_sq", 0.0) + (1 - beta2) * g * g
        ahead = (1.0 - mu) / (1.0 - product) * g + mu_next / (1.0 - product * mu_next) * m
        return with_decay(shrink, lr * ahead / (np.sqrt(v / (1 - beta2**t)) + eps))
