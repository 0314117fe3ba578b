"""Adagrad."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu import Value
from tinygrad_edu.nn.optim.base import Optimizer, State


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients so far: rare ones stay large.

    Parameters
    ----------
    params : iterable of Parameter, or of parameter groups
    lr : float
    lr_decay : float
        Step t uses ``lr / (1 + (t - 1) * lr_decay)``.
    weight_decay : float
        Adds ``weight_decay * x`` to the gradient (an L2 penalty).
    initial_accumulator_value : float
        Where the sum of squares starts.
    eps : float
        Added to its root.
    maximize : bool
        Climb instead.

    Notes
    -----
    Duchi, Hazan & Singer (2011), "Adaptive subgradient methods for online learning and stochastic optimization".

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value([1.0, -100.0])
    >>> optimizer = Adagrad([x], lr=0.1)
    >>> (x * x).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([  0.9, -99.9])
    """

    def __init__(
        self,
        params: Iterable[Value] | Iterable[Mapping[str, Any]],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, lr_decay=lr_decay, weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value, eps=eps, maximize=maximize,
        )  # fmt: skip

    def update(
        self, x: Any, g: Any, state: State, *, lr: float, lr_decay: float, weight_decay: float,
        initial_accumulator_value: float, eps: float, maximize: bool,
    ) -> Any:  # fmt: skip
        """The step of one parameter; see the class."""
        g = -g if maximize else g
        if weight_decay:
            g = g + weight_decay * x
        t = state["step"] = state.get("step", 0) + 1
        total = state["sum"] = state.get("sum", initial_accumulator_value) + g * g
        return lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(total) + eps)
