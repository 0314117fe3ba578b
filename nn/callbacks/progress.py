"""How far training is: a bar, or a line an epoch."""

import sys
from typing import Any, TextIO

from tinygrad_edu.errors import MissingDependencyError, optional_import
from tinygrad_edu.nn.callbacks.base import Callback, TrainingState, only_counts


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
        self._bar = self._tqdm(
            total=state.epochs * state.batches, initial=state.epoch * state.batches, unit="batch", leave=True
        )

    def on_epoch_begin(self, state: TrainingState) -> None:
        """Write the epoch's number."""
        self._bar.set_description(f"epoch {state.epoch}/{state.epochs}", refresh=False)

    @only_counts
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


def _in_words(numbers: dict[str, float]) -> str:
    return ", ".join(f"{name} {number:.4g}" for name, number in numbers.items())
