"""A schedule that waits for a number to stop improving."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.nn.optim.base import Optimizer
from tinygrad_edu.nn.optim.schedule import LRScheduler

# (mode, threshold_mode) -> whether a number is better than the best so far
BETTER: Mapping[tuple[str, str], Any] = {
    ("min", "rel"): lambda new, best, threshold: new < best * (1.0 - threshold),
    ("min", "abs"): lambda new, best, threshold: new < best - threshold,
    ("max", "rel"): lambda new, best, threshold: new > best * (1.0 + threshold),
    ("max", "abs"): lambda new, best, threshold: new > best + threshold,
}


class ReduceLROnPlateau(LRScheduler):
    """The rate times `factor` whenever a number has not improved for more than `patience` steps.

    Parameters
    ----------
    optimizer : Optimizer
    mode : {"min", "max"}
        Whether lower or higher is better.
    factor : float, below 1
    patience : int
        How many steps without improvement are borne.
    threshold : float
        By how much a number must be better to count,
    threshold_mode : {"rel", "abs"}
        relative to the best so far, or absolutely.
    cooldown : int
        How many steps after a reduction are not judged.
    min_lr : float, or one a group
    eps : float
        A smaller change than this is not made.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.nn.optim import SGD
    >>> optimizer = SGD([Value(1.0)], lr=0.5)
    >>> schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0, 1.0):
    ...     schedule.step(loss)
    >>> optimizer.lr
    0.25
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0 or (mode, threshold_mode) not in BETTER:
            raise ArgumentError(
                "ReduceLROnPlateau: factor must be below 1, mode 'min' or 'max', threshold_mode 'rel' or 'abs', "
                f"got {factor!r}, {mode!r}, {threshold_mode!r}"
            )
        self.better, self.threshold, self.factor, self.eps = BETTER[mode, threshold_mode], threshold, factor, eps
        self.patience, self.cooldown = patience, cooldown
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = self.num_bad_epochs = 0
        groups = len(optimizer.param_groups)
        self.min_lrs = list(min_lr) if isinstance(min_lr, Sequence) else [min_lr] * groups
        if len(self.min_lrs) != groups:
            raise ArgumentError(f"ReduceLROnPlateau: expected one min_lr, or one for each of {groups} groups")
        super().__init__(optimizer)

    def step(self, metrics: float | None = None) -> None:
        """Judge a number, and lower the rates if it is time."""
        if metrics is None:
            raise ArgumentError("ReduceLROnPlateau: step(metrics) needs the number to judge, such as a loss")
        self.last_epoch += 1
        if self.better(float(metrics), self.best, self.threshold):
            self.best, self.num_bad_epochs = float(metrics), 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            for group, lowest in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                lower = max(group["lr"] * self.factor, lowest)
                if group["lr"] - lower > self.eps:
                    group["lr"] = lower

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands, the best number included."""
        waiting = {"cooldown_counter": self.cooldown_counter, "num_bad_epochs": self.num_bad_epochs}
        return {**super().state_dict(), "best": self.best, **waiting}

    def _apply(self) -> None:
        """Nothing: the rates change in `step` only."""
