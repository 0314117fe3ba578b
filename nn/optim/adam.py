"""Adam and AdamW."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu import Value
from tinygrad_edu.nn.optim.base import Optimizer, State, decayed, with_decay


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square.

    Parameters
    ----------
    params : iterable of Parameter, or of parameter groups
    lr : float
    betas : (float, float)
        How slowly the two means forget.
    eps : float
        Added to the root of the mean square.
    weight_decay : float
        Adds ``weight_decay * x`` to the gradient (an L2 penalty).
    amsgrad : bool
        Divide by the largest mean square so far.
    maximize : bool
        Climb instead.
    decoupled_weight_decay : bool
        Shrink the parameter by ``lr * weight_decay * x`` instead, past the means: what `AdamW` does.

    Notes
    -----
    Kingma & Ba (2015), "Adam: a method for stochastic optimization"; amsgrad: Reddi, Kale & Kumar (2018).

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value([1.0, -100.0])
    >>> optimizer = Adam([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([  0.9, -99.9])
    """

    def __init__(
        self,
        params: Iterable[Value] | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize,
            decoupled_weight_decay=decoupled_weight_decay,
        )  # fmt: skip

    def update(
        self, x: Any, g: Any, state: State, *, lr: float, betas: tuple[float, float], eps: float, weight_decay: float,
        amsgrad: bool, maximize: bool, decoupled_weight_decay: bool,
    ) -> Any:  # fmt: skip
        """The step of one parameter; see the class."""
        beta1, beta2 = betas
        g = -g if maximize else g
        g, shrink = decayed(x, g, lr, weight_decay, decoupled_weight_decay)
        t = state["step"] = state.get("step", 0) + 1
        m = state["exp_avg"] = beta1 * state.get("exp_avg", 0.0) + (1 - beta1) * g
        v = state["exp_avg_sq"] = beta2 * state.get("exp_avg_sq", 0.0) + (1 - beta2) * g * g
        if amsgrad:
            v = state["max_exp_avg_sq"] = np.maximum(state.get("max_exp_avg_sq", v), v)
        root = (1 - beta2**t) ** 0.5  # above and below the line, so that an array less is divided
        return with_decay(shrink, lr * root / (1 - beta1**t) * m / (np.sqrt(v) + eps * root))


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameters themselves and stays out of the means.

    Parameters
    ----------
    params, lr, betas, eps, amsgrad, maximize
        Those of `Adam`.
    weight_decay : float
        Each step takes ``lr * weight_decay * x`` from a parameter.

    Notes
    -----
    Loshchilov & Hutter (2019), "Decoupled weight decay regularization".

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value([1.0, -100.0])
    >>> optimizer = AdamW([x], lr=0.1, weight_decay=0.5)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([  0.85, -94.9 ])
    """

    def __init__(
        self,
        params: Iterable[Value] | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay=True)
