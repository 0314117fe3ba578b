"""Lion."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu import Value
from tinygrad_edu.nn.optim.base import Optimizer, State, decayed, with_decay


class Lion(Optimizer):
    """Steps of equal size everywhere, in the direction of the sign of a momentum; one buffer a parameter.

    Parameters
    ----------
    params : iterable of Parameter, or of parameter groups
    lr : float
        The size of each step; three to ten times smaller than Adam's.
    betas : (float, float)
        How much of the momentum stands in the step's direction, and how slowly the momentum forgets.
    weight_decay : float
        Each step takes ``lr * weight_decay * x`` from a parameter, as in `AdamW`.
    maximize : bool
        Climb instead.

    Notes
    -----
    Chen et al. (2023), "Symbolic discovery of optimization algorithms": c = b1 m + (1 - b1) g;
    x = x - lr (sign(c) + weight_decay x); m = b2 m + (1 - b2) g.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value([1.0, -100.0])
    >>> optimizer = Lion([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([  0.9, -99.9])
    """

    def __init__(
        self,
        params: Iterable[Value] | Iterable[Mapping[str, Any]],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize)

    def update(
        self, x: Any, g: Any, state: State, *, lr: float, betas: tuple[float, float], weight_decay: float,
        maximize: bool,
    ) -> Any:  # fmt: skip
        """The step of one parameter; see the class."""
        beta1, beta2 = betas
        g = -g if maximize else g
        g, shrink = decayed(x, g, lr, weight_decay, decoupled=True)
        m = state.get("exp_avg", 0.0)
        state["exp_avg"] = beta2 * m + (1 - beta2) * g
        return with_decay(shrink, lr * np.sign(beta1 * m + (1 - beta1) * g))
