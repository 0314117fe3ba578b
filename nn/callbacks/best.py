"""Callbacks that watch one number: stop when it no longer improves, keep the model where it was best."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinygrad_edu.errors import ArgumentError, CheckpointError
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.callbacks.base import Callback, TrainingState
from tinygrad_edu.nn.checkpoint import save_checkpoint

HIGHER_IS_BETTER = ("accuracy", "precision", "recall", "f1", "r2")  # how names of such numbers end


class Watch:
    """The best value so far of one of the numbers of an epoch.

    Parameters
    ----------
    monitor : str, optional
        The number's name; None: the validation loss, or the loss where there is no validation.
    mode : {"auto", "min", "max"}
        "auto": higher is better for accuracy and its kin, else lower.
    min_delta : float
        By how much a value must be better to count.

    Examples
    --------
    >>> watch = Watch("val_accuracy")
    >>> [watch.improved({"val_accuracy": number}) for number in (0.5, 0.4, 0.6)]
    [True, False, True]
    """

    def __init__(self, monitor: str | None = None, mode: str = "auto", min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise ArgumentError(f"mode must be 'auto', 'min' or 'max', got {mode!r}")
        self.monitor, self.min_delta = monitor, abs(min_delta)
        self.sign = -1.0 if mode == "max" or (mode == "auto" and str(monitor).endswith(HIGHER_IS_BETTER)) else 1.0
        self.best: float | None = None

    def value(self, numbers: Mapping[str, float]) -> float:
        """The number that is watched."""
        name = self.monitor or ("val_loss" if "val_loss" in numbers else "loss")
        if name not in numbers:
            raise ArgumentError(f"there is no number called {name!r} to watch; there are {', '.join(numbers)}")
        return float(numbers[name])

    def improved(self, numbers: Mapping[str, float]) -> bool:
        """Whether the number is the best so far; it is then remembered."""
        value = self.value(numbers)
        best = math.inf if self.best is None else self.sign * self.best
        if not self.sign * value + self.min_delta < best:
            return False
        self.best = value
        return True


class EarlyStopping(Callback):
    """Stop when a number has not improved for `patience` epochs.

    Parameters
    ----------
    monitor, min_delta, mode
        Which number, by how much, and which way; see `Watch`.
    patience : int
        How many epochs in a row may bring no improvement before training stops; 0 is like 1.
    restore_best : bool
        Whether the model ends with the weights of the best epoch.

    Attributes
    ----------
    stopped_epoch : int or None
        When it stopped the training.

    Examples
    --------
    >>> EarlyStopping("val_accuracy", patience=3).watch.sign
    -1.0
    """

    def __init__(
        self,
        monitor: str | None = None,
        min_delta: float = 0.0,
        patience: int = 0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        self.watch = Watch(monitor, mode, min_delta)
        self.patience, self.restore_best = patience, restore_best
        self.wait = 0
        self.stopped_epoch: int | None = None
        self.weights: dict[str, Any] = {}

    def on_train_begin(self, state: TrainingState) -> None:
        """Forget an earlier run, if this one does not continue it."""
        if state.epoch == 0:
            self.watch.best, self.wait, self.stopped_epoch, self.weights = None, 0, None, {}

    def on_epoch_end(self, state: TrainingState) -> None:
        """Look at the number."""
        if self.watch.improved(state.numbers):
            self.wait = 0
            if self.restore_best:
                self.weights = state.model.state_dict()
            return
        self.wait += 1
        if self.wait >= self.patience:
            state.stop, self.stopped_epoch = True, state.epoch

    def on_train_end(self, state: TrainingState) -> None:
        """Put the best weights back."""
        if self.weights:
            state.model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """Best number, best weights, and for how long there was no better."""
        return {
            "best": self.watch.best,
            "wait": self.wait,
            "stopped_epoch": self.stopped_epoch,
            "weights": self.weights,
        }

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        _numbers("EarlyStopping", saved, ("best", "wait", "stopped_epoch"))
        self.watch.best, self.wait, self.stopped_epoch = saved["best"], saved["wait"], saved["stopped_epoch"]
        self.weights = dict(saved["weights"])


class ModelCheckpoint(Callback):
    """Save a checkpoint whenever a number is better than ever, or every so many epochs.

    Parameters
    ----------
    path : path
        ``{epoch}`` in it becomes the epoch's number; without it each checkpoint takes the place of the one before.
    every : int, optional
        Save after each so many epochs; None: after each that is better than all before.
    monitor, min_delta, mode
        Which number, by how much, and which way; see `Watch`.

    Notes
    -----
    The file is one of `save_checkpoint`, with the optimizer and the history. It is for keeping a model; to continue
    a run that was stopped, pass ``checkpoint=`` to `fit`.

    Examples
    --------
    >>> ModelCheckpoint("best.npz").every is None, ModelCheckpoint("at_{epoch}.npz", every=10).every
    (True, 10)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int | None = None,
        monitor: str | None = None,
        min_delta: float = 0.0,
        mode: str = "auto",
    ) -> None:
        self.path = Path(path)
        self.every = None if every is None else size("ModelCheckpoint: every", every)
        self.watch = Watch(monitor, mode, min_delta)

    def on_train_begin(self, state: TrainingState) -> None:
        """Forget an earlier run, if this one does not continue it."""
        if state.epoch == 0:
            self.watch.best = None

    def on_epoch_end(self, state: TrainingState) -> None:
        """Save, if it is time."""
        if not (self.watch.improved(state.numbers) if self.every is None else state.epoch % self.every == 0):
            return
        path = self.path.with_name(self.path.name.replace("{epoch}", str(state.epoch)))
        save_checkpoint(path, state.model, state.optimizer, history=state.history, epoch=state.epoch)

    def state_dict(self) -> dict[str, Any]:
        """The best number."""
        return {"best": self.watch.best}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        _numbers("ModelCheckpoint", saved, ("best",))
        self.watch.best = saved["best"]


def _numbers(name: str, saved: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    wrong = [key for key in keys if key not in saved or not isinstance(saved[key], (int, float, type(None)))]
    if wrong:
        raise CheckpointError(f"{name}: the saved state has no number for {', '.join(wrong)}")
