"""The base of callbacks, and what they get to see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

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
        The current ones, counted from 1; `epoch` is 0 before the first, and where a resumed run stands before its.
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

    def on_backward_end(self, state: TrainingState) -> None:
        """After the backward pass of a batch, before the optimizer's step: the gradients are there."""

    def on_batch_end(self, state: TrainingState) -> None:
        """After the optimizer's step; what is entered in `state.numbers` is shown, and at the last batch kept."""

    def on_epoch_end(self, state: TrainingState) -> None:
        """After validation; the history has the epoch's numbers."""

    def on_train_end(self, state: TrainingState) -> None:
        """At the end, also when training was interrupted or failed."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint of `fit` must keep, so that the callback continues as if never stopped."""
        return {}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""


Method = TypeVar("Method", bound=Callable[..., None])


def only_counts(method: Method) -> Method:
    """Mark an `on_batch_end` that counts batches and no more: it reads no numbers, and changes nothing that counts."""
    method.only_counts = True  # type: ignore[attr-defined]  # functions take attributes
    return method


class OnEpochEnd(Callback):
    """A function of the state, called at the end of each epoch: what `fit` makes of a plain function."""

    def __init__(self, function: Callable[[TrainingState], Any]) -> None:
        self.function = function

    def on_epoch_end(self, state: TrainingState) -> None:
        """Call the function."""
        self.function(state)
