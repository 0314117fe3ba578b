"""Schedules for the learning rate: after `step` number t, a group's rate is ``rate(base, t)``.

Call `step` after each epoch (or each batch, for those whose `unit` says so), or hand the schedule to `fit` among the
callbacks. Names, arguments and trajectories are PyTorch's.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from tinygrad_edu.errors import ArgumentError, CheckpointError
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.optim.base import Optimizer


class LRScheduler:
    """The base of schedules: a subclass writes one rule, `rate`.

    Parameters
    ----------
    optimizer : Optimizer
        Its groups' rates, as they were before any schedule, are the base rates.

    Attributes
    ----------
    last_epoch : int
        How many steps were made.
    base_lrs : list of float
        One a group.
    unit : {"epoch", "batch"}
        After what `fit` makes a step.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.nn.optim import SGD
    >>> class InverseRoot(LRScheduler):
    ...     def rate(self, base, t):
    ...         return base / (1 + t) ** 0.5
    >>> schedule = InverseRoot(SGD([Value(1.0)], lr=0.8))
    >>> for _ in range(3):
    ...     schedule.step()
    >>> schedule.get_last_lr()
    [0.4]
    """

    unit: ClassVar[Literal["epoch", "batch"]] = "epoch"

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(f"{self._name}: expected an Optimizer, got {type(optimizer).__name__}")
        self.optimizer = optimizer
        self.base_lrs = optimizer.unscheduled_lrs()
        self.last_epoch = 0
        self._apply()

    def rate(self, base: float, t: int) -> float:
        """The learning rate after step `t` of a group whose base rate is `base`."""
        raise NotImplementedError(f"{self._name} has no rate: write  def rate(self, base, t): ...  in it")

    def step(self) -> None:
        """Count one step, and set the rates."""
        self.last_epoch += 1
        self._apply()

    def get_last_lr(self) -> list[float]:
        """The rates of the groups as they are."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands; what it was made with is not in it."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken; the rates themselves are the optimizer's to restore.

        Raises
        ------
        CheckpointError
            If it is the state of another kind of schedule, or of another number of groups; nothing has changed.
        """
        own = self.state_dict()
        wrong = [key for key in own.keys() | saved.keys() if not _alike(own.get(key), saved.get(key))]
        if wrong:
            raise CheckpointError(
                f"{self._name}: the saved state does not fit ({', '.join(sorted(map(str, wrong)))}); "
                f"expected {', '.join(own)}, one number a group in lists"
            )
        for key, value in saved.items():
            setattr(self, key, list(value) if isinstance(value, (list, tuple)) else value)

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _apply(self) -> None:
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.rate(base, self.last_epoch)


class StepLR(LRScheduler):
    """The rate times `gamma` every `step_size` steps.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.nn.optim import SGD
    >>> schedule = StepLR(SGD([Value(1.0)], lr=0.5), step_size=2)
    >>> [round(schedule.rate(0.5, t), 6) for t in range(5)]
    [0.5, 0.5, 0.05, 0.05, 0.005]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = size("StepLR: step_size", step_size), gamma
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """See the class."""
        return float(base * self.gamma ** (t // self.step_size))


class ExponentialLR(LRScheduler):
    """The rate times `gamma` at every step.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.nn.optim import SGD
    >>> ExponentialLR(SGD([Value(1.0)], lr=0.5), gamma=0.5).rate(0.5, 3)
    0.0625
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """See the class."""
        return float(base * self.gamma**t)


class LambdaLR(LRScheduler):
    """The base rate times ``lr_lambda(t)``.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.nn.optim import SGD
    >>> LambdaLR(SGD([Value(1.0)], lr=0.5), lambda t: 1 / (1 + t)).rate(0.5, 4)
    0.1
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """See the class."""
        return float(base * self.lr_lambda(t))


class LinearLR(LRScheduler):
    """Linear warm-up: from `start_factor` to `end_factor` times the base rate in `total_iters` steps, then constant.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.nn.optim import SGD
    >>> warm_up = LinearLR(SGD([Value(1.0)], lr=0.8), start_factor=0.25, total_iters=3)
    >>> [round(warm_up.rate(0.8, t), 6) for t in range(5)]
    [0.2, 0.4, 0.6, 0.8, 0.8]
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ArgumentError(
                f"LinearLR: start_factor must lie in (0, 1] and end_factor in [0, 1], got {start_factor}, {end_factor}"
            )
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = size("LinearLR: total_iters", total_iters)
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """See the class."""
        done = min(self.total_iters, t) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the base rate down to `eta_min` in `T_max` steps (and up again in as many more).

    Notes
    -----
    Loshchilov & Hutter (2017), "SGDR: stochastic gradient descent with warm restarts", without the restarts.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.nn.optim import SGD
    >>> schedule = CosineAnnealingLR(SGD([Value(1.0)], lr=0.8), T_max=4)
    >>> [round(schedule.rate(0.8, t), 4) for t in range(5)]
    [0.8, 0.6828, 0.4, 0.1172, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max, self.eta_min = size("CosineAnnealingLR: T_max", T_max), eta_min
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """See the class."""
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


class SequentialLR(LRScheduler):
    """One schedule after the other: the next begins, from its step 0, when its milestone is reached.

    Parameters
    ----------
    optimizer : Optimizer
    schedulers : list of LRScheduler, all of this optimizer
    milestones : list of int, ascending, one fewer than schedulers

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.nn.optim import SGD
    >>> optimizer = SGD([Value(1.0)], lr=0.8)
    >>> parts = [LinearLR(optimizer, 0.25, total_iters=3), ExponentialLR(optimizer, 0.5)]
    >>> schedule = SequentialLR(optimizer, parts, milestones=[3])
    >>> [round(schedule.rate(0.8, t), 4) for t in range(6)]
    [0.2, 0.4, 0.6, 0.8, 0.4, 0.2]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        if not schedulers or len(milestones) != len(schedulers) - 1 or list(milestones) != sorted(milestones):
            raise ArgumentError(
                "SequentialLR: expected schedulers, and ascending milestones, one fewer, "
                f"got {len(schedulers)} schedulers and milestones {list(milestones)}"
            )
        if any(schedule.optimizer is not optimizer for schedule in schedulers):
            raise ArgumentError("SequentialLR: all schedulers must be of the same optimizer")
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        """See the class."""
        i = bisect_right(self.milestones, t)
        return self.schedulers[i].rate(base, t - (self.milestones[i - 1] if i else 0))


def _alike(own: Any, saved: Any) -> bool:
    """Whether a saved value may take the place of the one there is: a number, or as many numbers."""
    if isinstance(own, list):
        return isinstance(saved, (list, tuple)) and len(own) == len(saved) and all(map(_alike, own, saved))
    if isinstance(own, int) and not isinstance(own, bool):
        return isinstance(saved, int) and not isinstance(saved, bool) and saved >= 0
    return isinstance(saved, (int, float)) and not isinstance(saved, bool)
