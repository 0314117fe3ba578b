"""Limits on gradients and weights while training; the functions themselves are in `tinygrad_edu.nn.regularize`."""

from collections.abc import Callable, Iterable

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.nn.callbacks.base import Callback, TrainingState
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.regularize import clip_grad_norm_, clip_grad_value_, clip_norm_of_each, max_norm


class ClipGradients(Callback):
    """Limit gradients between the backward pass and the step, in one of three ways.

    Parameters
    ----------
    value : float, optional
        Each entry to [-value, value]; see `clip_grad_value_`.
    norm : float, optional
        The norm of each parameter's gradient; see `clip_norm_of_each`.
    global_norm : float, optional
        The norm of all gradients together, which keeps their direction; see `clip_grad_norm_`.

    Examples
    --------
    >>> ClipGradients(global_norm=1.0).limit
    1.0
    """

    def __init__(self, value: float | None = None, norm: float | None = None, global_norm: float | None = None) -> None:
        ways: dict[str, Callable[[Iterable[Value], float], object]]
        ways = {"value": clip_grad_value_, "norm": clip_norm_of_each, "global_norm": clip_grad_norm_}
        limits = {"value": value, "norm": norm, "global_norm": global_norm}
        given = {way: limit for way, limit in limits.items() if limit is not None}
        if len(given) != 1 or not min(given.values()) > 0:
            raise ArgumentError(f"ClipGradients: give one of value, norm, global_norm, above 0; got {given or 'none'}")
        ((way, self.limit),) = given.items()
        self.clip = ways[way]

    def on_backward_end(self, state: TrainingState) -> None:
        """Clip."""
        self.clip(state.model.parameters(), self.limit)


class MaxNorm(Callback):
    """Scale the weights of units whose incoming weights are longer than `max_value` back to it, after each step.

    Parameters
    ----------
    max_value : float
    layers : list of Module, optional
        Whose weights; None: those of the whole model.

    Notes
    -----
    Srivastava et al. (2014), section 5.1; see `max_norm`.

    Examples
    --------
    >>> MaxNorm(3.0).max_value
    3.0
    """

    def __init__(self, max_value: float, layers: Iterable[Module] | None = None) -> None:
        if not max_value > 0:
            raise ArgumentError(f"MaxNorm: max_value must be above 0, got {max_value!r}")
        self.max_value = max_value
        self.layers = None if layers is None else list(layers)

    def on_batch_end(self, state: TrainingState) -> None:
        """Scale."""
        for layer in [state.model] if self.layers is None else self.layers:
            max_norm(layer.parameters(), self.max_value)
