"""What happened during training, epoch by epoch."""

from collections.abc import ItemsView, KeysView
from dataclasses import dataclass, field


@dataclass
class History:
    """The course of a training run; reads like a dict of lists.

    Attributes
    ----------
    epochs : list of int
        1, 2, ...: the epochs that were finished.
    metrics : dict of str to list of float
        ``"loss"``, ``"accuracy"``, ``"val_loss"``, ...: one number an epoch. Training numbers are
        averages over the batches of the epoch, taken while the weights were changing.
    interrupted : bool
        Whether Ctrl-C ended the training.
    best_epoch : int or None
        The epoch with the lowest validation loss (training loss, where there is no validation).
    compiled : bool or str
        Whether the steps ran as a plan; if not, why.

    Examples
    --------
    >>> history = History()
    >>> history.append(1, {"loss": 0.7})
    >>> history.append(2, {"loss": 0.4})
    >>> history["loss"], "val_loss" in history, history.last()
    ([0.7, 0.4], False, {'loss': 0.4})
    """

    epochs: list[int] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    interrupted: bool = False
    best_epoch: int | None = None
    compiled: bool | str = False

    def append(self, epoch: int, numbers: dict[str, float]) -> None:
        """Enter the numbers of an epoch."""
        self.epochs.append(epoch)
        for name, number in numbers.items():
            self.metrics.setdefault(name, []).append(number)

    def last(self) -> dict[str, float]:
        """The numbers of the latest epoch."""
        return {name: numbers[-1] for name, numbers in self.metrics.items()}

    def keys(self) -> KeysView[str]:
        """Names of the metrics."""
        return self.metrics.keys()

    def items(self) -> ItemsView[str, list[float]]:
        """Names and lists of the metrics."""
        return self.metrics.items()

    def __getitem__(self, name: str) -> list[float]:
        return self.metrics[name]

    def __contains__(self, name: object) -> bool:
        return name in self.metrics

    def __len__(self) -> int:
        return len(self.epochs)
