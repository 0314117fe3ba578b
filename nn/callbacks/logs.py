"""The course of a run, written where other programs read it."""

import csv
import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu.errors import optional_import
from tinygrad_edu.files import write_whole
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.callbacks.base import Callback, TrainingState


class CSVLogger(Callback):
    """The history as a CSV file, one line an epoch; written anew, whole, after each.

    Parameters
    ----------
    path : path
        A file there is replaced. A resumed run writes the epochs before it too.

    Examples
    --------
    >>> CSVLogger("run.csv").path.name
    'run.csv'
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def on_epoch_end(self, state: TrainingState) -> None:
        """Write the file."""
        text, history = io.StringIO(), state.history
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["epoch", *history.keys()])
        for i, epoch in enumerate(history.epochs, start=-len(history)):
            table.writerow([epoch, *(numbers[i] if -i <= len(numbers) else "" for _, numbers in history.items())])
        write_whole(self.path, text.getvalue().encode(), overwrite=True)


class TensorBoard(Callback):
    """The numbers of each epoch, the learning rate and histograms of the parameters, as TensorBoard events.

    Needs the extra ``train``.

    Parameters
    ----------
    log_dir : path
        The folder of the events: ``tensorboard --logdir`` takes it, or one above it. A resumed run goes on in it.
    histogram_freq : int
        After how many epochs histograms of all parameters are written, each under its parameter's name; 0: never.

    Raises
    ------
    ArgumentError
        If `histogram_freq` is no such number.
    MissingDependencyError
        If tensorboardX is not installed.
    """

    def __init__(self, log_dir: str | os.PathLike[str], histogram_freq: int = 0) -> None:
        self.histogram_freq = histogram_freq and size("TensorBoard: histogram_freq", histogram_freq)
        self._writer_class = optional_import("tensorboardX", extra="train").SummaryWriter
        self.log_dir = Path(log_dir)
        self._writer: Any = None

    def on_train_begin(self, state: TrainingState) -> None:
        """Open the file; what an interrupted run wrote beyond its last checkpoint is hidden."""
        purge = {"purge_step": state.epoch + 1} if state.epoch else {}
        self._writer = self._writer_class(logdir=str(self.log_dir), **purge)

    def on_epoch_end(self, state: TrainingState) -> None:
        """Write the numbers."""
        for name, number in {**state.numbers, "lr": state.optimizer.lr}.items():
            self._writer.add_scalar(name, number, global_step=state.epoch)
        if self.histogram_freq and state.epoch % self.histogram_freq == 0:
            for name, parameter in state.model.named_parameters():
                self._writer.add_histogram(name, np.asarray(parameter.data), global_step=state.epoch)
        self._writer.flush()

    def on_train_end(self, state: TrainingState) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
