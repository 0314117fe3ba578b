"""Callbacks: code of yours that `fit` runs between batches and epochs."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TextIO

from tinygrad_edu.errors import ArgumentError, MissingDependencyError, optional_import
from tinygrad_edu.nn.history import History
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.optim import Optimizer


@dataclass
class TrainingState:
    """Where a training run stands; every callback gets it, and may change it.

    Attributes
    ----------
    model, optimizer, history
        Those of the run.
    epochs, batches : int
        How many epochs were asked for, and batches in each.
    epoch, batch : int
        The current ones, counted from 1.
    numbers : dict of str to float
        The averages over the epoch so far; after the epoch the validation numbers too.
    stop : bool
        Set it, and training ends after this epoch.
    """

    model: Module
    optimizer: Optimizer
    history: History
    epochs: int
    batches: int
    epoch: int = 0
    batch: int = 0
    numbers: dict[str, float] = field(default_factory=dict)
    stop: bool = False


class Callback:
    """The base of callbacks: override what you need.

    Examples
    --------
    >>> class StopWhenGood(Callback):
    ...     def on_epoch_end(self, state):
    ...         state.stop = state.numbers["loss"] < 0.01
    """

    def on_train_begin(self, state: TrainingState) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, state: TrainingState) -> None:
        """Before the first batch of an epoch."""

    def on_batch_end(self, state: TrainingState) -> None:
        """After the optimizer's step."""

    def on_epoch_end(self, state: TrainingState) -> None:
        """After validation; the history has the epoch's numbers."""

    def on_train_end(self, state: TrainingState) -> None:
        """At the end, also when training was interrupted or failed."""


class OnEpochEnd(Callback):
    """A function of the state, called at the end of each epoch: what `fit` makes of a plain function."""

    def __init__(self, function: Callable[[TrainingState], Any]) -> None:
        self.function = function

    def on_epoch_end(self, state: TrainingState) -> None:
        """Call the function."""
        self.function(state)


class TextProgress(Callback):
    """One line an epoch, on standard error.

    Parameters
    ----------
    file : text file, optional
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self.file = file

    def on_epoch_end(self, state: TrainingState) -> None:
        """Write the line."""
        text = f"epoch {state.epoch}/{state.epochs}: {_in_words(state.numbers)}"
        print(text, file=self.file or sys.stderr, flush=True)


class BarProgress(Callback):
    """A bar by tqdm over all batches of the run, in a terminal or a notebook.

    Raises
    ------
    MissingDependencyError
        If tqdm is not installed.
    """

    def __init__(self) -> None:
        self._tqdm = optional_import("tqdm.auto", extra="train").tqdm
        self._bar: Any = None

    def on_train_begin(self, state: TrainingState) -> None:
        """Open the bar."""
        self._bar = self._tqdm(total=state.epochs * state.batches, unit="batch", leave=True)

    def on_epoch_begin(self, state: TrainingState) -> None:
        """Write the epoch's number."""
        self._bar.set_description(f"epoch {state.epoch}/{state.epochs}", refresh=False)

    def on_batch_end(self, state: TrainingState) -> None:
        """Move the bar."""
        self._bar.update()

    def on_epoch_end(self, state: TrainingState) -> None:
        """Write the epoch's numbers."""
        self._bar.set_postfix_str(_in_words(state.numbers))

    def on_train_end(self, state: TrainingState) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()


def progress_callback() -> Callback:
    """A bar where tqdm is installed, else one line an epoch."""
    try:
        return BarProgress()
    except MissingDependencyError:
        return TextProgress()


def as_callbacks(callbacks: Iterable[Callback | Callable[[TrainingState], Any]]) -> list[Callback]:
    """Callbacks as objects; a plain function is called at the end of each epoch.

    Raises
    ------
    ArgumentError
        If one is neither an object with callback methods nor a function.
    """
    if callable(callbacks) or isinstance(callbacks, Callback):
        raise ArgumentError(f"callbacks: expected a list, got {callbacks!r}; write callbacks=[...]")
    made: list[Callback] = []
    for callback in callbacks:
        if isinstance(callback, type) or not (isinstance(callback, Callback) or callable(callback)):
            raise ArgumentError(f"callbacks: expected a Callback or a function of the state, got {callback!r}")
        made.append(callback if isinstance(callback, Callback) else OnEpochEnd(callback))
    return made


def _in_words(numbers: dict[str, float]) -> str:
    return ", ".join(f"{name} {number:.4g}" for name, number in numbers.items())
