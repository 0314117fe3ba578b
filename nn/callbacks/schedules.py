"""The learning rate during training."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.nn.callbacks.base import Callback, TrainingState
from tinygrad_edu.nn.callbacks.best import Watch
from tinygrad_edu.nn.optim import LRScheduler, ReduceLROnPlateau


class LearningRateScheduler(Callback):
    """A schedule that steps during training; `fit` makes one of each schedule among the callbacks.

    Parameters
    ----------
    schedule : LRScheduler, or function
        A function gets the epoch (1, 2, ...) before it begins, and gives the rate.
    every : {"epoch", "batch"}, optional
        After what a schedule steps; None: what its `unit` says.
    monitor : str, optional
        What `ReduceLROnPlateau` judges; None: the validation loss, or the loss where there is no validation.

    Raises
    ------
    ArgumentError
        If the schedule is of another optimizer than the run.

    Examples
    --------
    >>> from tinygrad_edu.nn import SGD, Dense, fit
    >>> model = Dense(1, 1, rng=0)
    >>> optimizer, rates = SGD(model.parameters(), lr=0.1), []
    >>> halve = LearningRateScheduler(lambda epoch: 0.1 * 0.5**epoch)
    >>> note = lambda state: rates.append(state.optimizer.lr)
    >>> data = [[1.0], [2.0]], [[2.0], [4.0]]
    >>> _ = fit(model, data, "mse", optimizer, epochs=3, batch_size=2, callbacks=[halve, note], progress=False)
    >>> rates
    [0.05, 0.025, 0.0125]
    """

    def __init__(
        self,
        schedule: LRScheduler | Callable[[int], float],
        every: Literal["epoch", "batch"] | None = None,
        monitor: str | None = None,
    ) -> None:
        if not (isinstance(schedule, LRScheduler) or callable(schedule)) or every not in ("epoch", "batch", None):
            raise ArgumentError(
                "LearningRateScheduler: expected a schedule or a function of the epoch, and every='epoch' or 'batch', "
                f"got {schedule!r} and every={every!r}"
            )
        self.schedule = schedule
        self.every = every or (schedule.unit if isinstance(schedule, LRScheduler) else "epoch")
        self.watch = Watch(monitor)
        if self.every == "batch":
            self.on_batch_end = self._step  # type: ignore[method-assign]  # who steps by epochs hears no batch

    def on_train_begin(self, state: TrainingState) -> None:
        """Refuse a schedule of another optimizer."""
        if isinstance(self.schedule, LRScheduler) and self.schedule.optimizer is not state.optimizer:
            raise ArgumentError(
                f"{type(self.schedule).__name__}: it is the schedule of another optimizer than this run's"
            )

    def on_epoch_begin(self, state: TrainingState) -> None:
        """Set the rate that the function says."""
        if not isinstance(self.schedule, LRScheduler):
            state.optimizer.lr = self.schedule(state.epoch)

    def on_epoch_end(self, state: TrainingState) -> None:
        """Step, if epochs count."""
        if self.every == "epoch":
            self._step(state)

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands."""
        return self.schedule.state_dict() if isinstance(self.schedule, LRScheduler) else {}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        if isinstance(self.schedule, LRScheduler):
            self.schedule.load_state_dict(saved)

    def _step(self, state: TrainingState) -> None:
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(self.watch.value(state.numbers))
        elif isinstance(self.schedule, LRScheduler):
            self.schedule.step()
