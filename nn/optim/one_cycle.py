"""The one-cycle policy."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.optim.base import Optimizer
from tinygrad_edu.nn.optim.schedule import LRScheduler

Anneal = Callable[[float, float, float], float]

ANNEAL: Mapping[str, Anneal] = {
    "cos": lambda start, end, part: end + (start - end) / 2 * (math.cos(math.pi * part) + 1),
    "linear": lambda start, end, part: (end - start) * part + start,
}


class OneCycleLR(LRScheduler):
    """The rate up to `max_lr` and down to almost nothing, the momentum the other way; one step a batch.

    Parameters
    ----------
    optimizer : Optimizer
    max_lr : float, or one a group
    total_steps : int, optional
        Or give `epochs` and `steps_per_epoch`.
    epochs, steps_per_epoch : int, optional
    pct_start : float, in [0, 1]
        Share of the steps in which the rate rises.
    anneal_strategy : {"cos", "linear"}
    cycle_momentum : bool
        Whether to change the momentum (or the first of the betas) too.
    base_momentum, max_momentum : float, or one a group
    div_factor : float
        The rate starts at ``max_lr / div_factor``
    final_div_factor : float
        and ends at the start's ``/ final_div_factor``.
    three_phase : bool
        Down to the start as long as up, then to the end.

    Raises
    ------
    ArgumentError
        If the number of steps is not given, or more are made; if the optimizer has no momentum to cycle.

    Notes
    -----
    Smith & Topin (2018), "Super-convergence: very fast training of neural networks using large learning rates".

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.nn.optim import SGD
    >>> optimizer = SGD([Value(1.0)], lr=0.1, momentum=0.9)
    >>> schedule = OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    >>> [round(schedule.rate(1.0, t), 3) for t in range(10)]
    [0.04, 0.52, 1.0, 0.95, 0.812, 0.611, 0.389, 0.188, 0.05, 0.0]
    """

    unit: ClassVar[Literal["epoch", "batch"]] = "batch"

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        if not 0 <= pct_start <= 1 or anneal_strategy not in ANNEAL:
            raise ArgumentError(
                "OneCycleLR: pct_start must lie in [0, 1] and anneal_strategy be one of "
                f"{', '.join(ANNEAL)}, got {pct_start!r} and {anneal_strategy!r}"
            )
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise ArgumentError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
        self.total_steps = (
            size("OneCycleLR: total_steps", total_steps)
            if total_steps is not None
            else size("OneCycleLR: epochs", epochs) * size("OneCycleLR: steps_per_epoch", steps_per_epoch)
        )
        self.anneal, self.div_factor, self.final_div_factor = ANNEAL[anneal_strategy], div_factor, final_div_factor
        rise, last = float(pct_start * self.total_steps) - 1, self.total_steps - 1.0
        # Where each phase ends, and the height (1: max_lr, 0: the start, -1: the end) between which it moves.
        self.phases: list[tuple[float, int, int]] = (
            [(rise, 0, 1), (2 * rise, 1, 0), (last, 0, -1)] if three_phase else [(rise, 0, 1), (last, 1, -1)]
        )
        self.momenta: list[tuple[float, float]] | None = None
        if cycle_momentum:
            if not optimizer.defaults.keys() & {"momentum", "betas"}:
                raise ArgumentError(
                    f"OneCycleLR: {type(optimizer).__name__} has no momentum; pass cycle_momentum=False"
                )
            groups = len(optimizer.param_groups)
            self.momenta = list(zip(_each(base_momentum, groups), _each(max_momentum, groups), strict=True))
        self.max_lrs = _each(max_lr, len(optimizer.param_groups))
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """The rate at step `t` where the highest is `base`."""
        start = base / self.div_factor
        return self._between({1: base, 0: start, -1: start / self.final_div_factor}, t)

    def _between(self, heights: Mapping[int, float], t: int) -> float:
        """The quantity that stands at these heights, at step `t`."""
        if t > self.total_steps:
            raise ArgumentError(f"OneCycleLR: {t} steps, but the cycle has total_steps={self.total_steps}")
        i = next((i for i, (end, _, _) in enumerate(self.phases) if t <= end), len(self.phases) - 1)
        begin = self.phases[i - 1][0] if i else 0.0
        end, low, high = self.phases[i]
        return self.anneal(heights[low], heights[high], (t - begin) / (end - begin) if end != begin else 1.0)

    def _apply(self) -> None:
        self.base_lrs = self.max_lrs
        super()._apply()
        for group, (lowest, highest) in zip(self.optimizer.param_groups, self.momenta or (), strict=False):
            momentum = self._between({1: lowest, 0: highest, -1: highest}, self.last_epoch)
            group.update({"betas": (momentum, *group["betas"][1:])} if "betas" in group else {"momentum": momentum})


def _each(number: float | Sequence[float], groups: int) -> list[float]:
    numbers = list(number) if isinstance(number, Sequence) else [number] * groups
    if len(numbers) != groups:
        raise ArgumentError(f"OneCycleLR: expected one number, or one for each of {groups} groups, got {number}")
    return numbers
