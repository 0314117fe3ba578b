"""Callbacks: code that `fit` runs between batches and epochs, ours and yours."""

from collections.abc import Callable, Iterable
from typing import Any

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.nn.callbacks.base import Callback, OnEpochEnd, TrainingState
from tinygrad_edu.nn.callbacks.best import EarlyStopping, ModelCheckpoint, Watch
from tinygrad_edu.nn.callbacks.gradients import ClipGradients, MaxNorm
from tinygrad_edu.nn.callbacks.logs import CSVLogger, TensorBoard
from tinygrad_edu.nn.callbacks.monitors import DeadUnits, GradientNorm
from tinygrad_edu.nn.callbacks.progress import BarProgress, TextProgress, progress_callback
from tinygrad_edu.nn.callbacks.schedules import LearningRateScheduler
from tinygrad_edu.nn.optim import LRScheduler

__all__ = [
    "Callback",
    "TrainingState",
    "EarlyStopping",
    "ModelCheckpoint",
    "LearningRateScheduler",
    "ClipGradients",
    "MaxNorm",
    "GradientNorm",
    "DeadUnits",
    "CSVLogger",
    "TensorBoard",
    "TextProgress",
    "BarProgress",
    "OnEpochEnd",
    "Watch",
    "progress_callback",
    "as_callbacks",
    "heard",
]


def as_callbacks(callbacks: Iterable[Callback | LRScheduler | Callable[[TrainingState], Any]]) -> list[Callback]:
    """Callbacks as objects; a schedule steps as its `unit` says, a plain function is called at the end of each epoch.

    Raises
    ------
    ArgumentError
        If one is neither an object with callback methods, nor a schedule, nor a function.
    """
    if callable(callbacks) or isinstance(callbacks, (Callback, LRScheduler)):
        raise ArgumentError(f"callbacks: expected a list, got {callbacks!r}; write callbacks=[...]")
    return [_as_callback(callback) for callback in callbacks]


def heard(callbacks: Iterable[Callback], event: str) -> list[Callable[[TrainingState], Any]]:
    """The methods of that name, of those callbacks that have one of their own.

    Examples
    --------
    >>> len(heard([TextProgress(), OnEpochEnd(print)], "on_epoch_end")), heard([TextProgress()], "on_batch_end")
    (2, [])
    """
    methods = [getattr(callback, event) for callback in callbacks]
    return [method for method in methods if getattr(method, "__func__", method) is not getattr(Callback, event)]


def _as_callback(callback: Any) -> Callback:
    if isinstance(callback, Callback):
        return callback
    if isinstance(callback, LRScheduler):
        return LearningRateScheduler(callback)
    if isinstance(callback, type) or not callable(callback):
        raise ArgumentError(f"callbacks: expected a Callback, a schedule or a function of the state, got {callback!r}")
    return OnEpochEnd(callback)
