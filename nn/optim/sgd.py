"""Gradient descent, with momentum."""

from collections.abc import Iterable, Mapping
from typing import Any

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.nn.optim.base import Optimizer, State


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum.

    Parameters
    ----------
    params : iterable of Parameter, or of parameter groups
    lr : float
        Learning rate: how far a step goes.
    momentum : float
        How much of the last step's direction is kept.
    dampening : float
        How much of the new gradient is left out of that direction.
    weight_decay : float
        Adds ``weight_decay * x`` to the gradient, as an L2 penalty of half that size does.
    nesterov : bool
        Look ahead along the momentum; needs momentum > 0 and dampening 0.
    maximize : bool
        Climb instead.

    Notes
    -----
    PyTorch's definition: g = grad + weight_decay x; v = momentum v + (1 - dampening) g, but v = g at the first
    step; x = x - lr v, with nesterov x - lr (g + momentum v). Polyak (1964); Nesterov (1983);
    Sutskever et al. (2013).

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value(1.0)
    >>> optimizer = SGD([x], lr=0.25)
    >>> for _ in range(3):
    ...     optimizer.zero_grad()
    ...     (x * x).backward()
    ...     optimizer.step()
    >>> x.data
    0.125
    """

    def __init__(
        self,
        params: Iterable[Value] | Iterable[Mapping[str, Any]],
        lr: float,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov,
            maximize=maximize,
        )  # fmt: skip

    def update(
        self, x: Any, g: Any, state: State, *, lr: float, momentum: float, dampening: float, weight_decay: float,
        nesterov: bool, maximize: bool,
    ) -> Any:  # fmt: skip
        """The step of one parameter; see the class."""
        g = -g if maximize else g
        if weight_decay:
            g = g + weight_decay * x
        if momentum:
            v = state["momentum_buffer"] = (
                momentum * state["momentum_buffer"] + (1 - dampening) * g if "momentum_buffer" in state else +g
            )
            g = g + momentum * v if nesterov else v
        return lr * g

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check(options)
        if options.get("nesterov") and (options["momentum"] <= 0 or options["dampening"] != 0):
            raise ArgumentError(
                f"SGD: nesterov needs momentum > 0 and dampening = 0, got momentum={options['momentum']}, "
                f"dampening={options['dampening']}"
            )
