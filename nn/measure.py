"""What is measured during training: the loss and the metrics, averaged, and which epoch was the best."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.errors import ArgumentError, CheckpointError
from tinygrad_edu.nn.callbacks import TrainingState
from tinygrad_edu.nn.losses import CLASSIFICATION, Loss, loss_function
from tinygrad_edu.nn.metrics import METRICS, OF_ALL_SAMPLES, OF_EACH_SAMPLE, Metric, metric_function
from tinygrad_edu.nn.module import Module
from tinygrad_edu.op import Node

Metrics = Sequence[str | Metric] | None
WAITING = 1 << 17  # bytes of outputs that may wait for metrics together


@dataclass(frozen=True)
class Measure:
    """The loss and the metrics by name.

    Examples
    --------
    >>> measure = Measure.of("mse", ["mae", "r2"])
    >>> sums = measure.averages()
    >>> sums.add(2, {"loss": 0.5}, np.array([1.0, 2.0]), np.array([1.0, 3.0]))
    >>> sums.add(1, {"loss": 2.0}, np.array([4.0]), np.array([5.0]))
    >>> sums.means()
    {'loss': 1.0, 'mae': 0.6666666666666666, 'r2': 0.75}
    """

    loss: Loss
    functions: dict[str, Metric]

    @classmethod
    def of(cls, loss: str | Loss, metrics: Metrics) -> "Measure":
        """What the arguments of `fit` name."""
        loss = loss_function(loss)
        if isinstance(metrics, str) or (metrics is not None and callable(metrics)):
            raise ArgumentError(f"metrics: expected a list, got {metrics!r}; write metrics=[...]")
        chosen = (["accuracy"] if loss in CLASSIFICATION else []) if metrics is None else list(metrics)
        return cls(loss, dict(map(metric_function, chosen)))

    def averages(self) -> "Averages":
        """An empty tally."""
        return Averages(self.functions)


class Averages:
    """Means over samples of numbers that come batch by batch; metrics that are no means get all samples at the end."""

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self.metrics = metrics
        kinds = {name: getattr(metric, "metric", metric) for name, metric in metrics.items()}
        self.whole = {name: metric for name, metric in metrics.items() if kinds[name] in OF_ALL_SAMPLES}
        self.each = {name: metric for name, metric in metrics.items() if name not in self.whole}
        self.ours = all(kind in METRICS.values() for kind in kinds.values())  # no code of the user's
        self.samples = 0
        self.sums: defaultdict[str, float] = defaultdict(float)
        self.kept: list[tuple[Any, Any]] = []
        self._waiting: list[tuple[Any, Any]] = []  # batches that metrics are still to be taken of, all at once
        self._like: tuple[int, tuple[int, ...]] | None = None  # samples, and shape of outputs, of those that may wait
        self._most = 0

    def add(
        self, samples: int, numbers: Mapping[str, float], outputs: Any, targets: Any, lasting: bool = False
    ) -> None:
        """Enter a batch: its loss, and what the metrics say of its outputs.

        Small outputs that are `lasting`, which nobody else will write to, wait until there are many.
        """
        self.samples += samples
        for name, number in numbers.items():
            self.sums[name] += samples * number
        if lasting and outputs.__class__ is np.ndarray and (samples, outputs.shape) == self._like:
            self._waiting.append((outputs, targets))
            if len(self._waiting) == self._most:
                self._settle()
        else:
            self._settle()
            self._count(samples, outputs, targets)
            self._expect(samples, outputs, targets)
        if self.whole:
            self.kept.append((_plain(outputs), targets))

    def so_far(self) -> dict[str, float]:
        """The means over the batches so far."""
        self._settle()
        return {name: total / self.samples for name, total in self.sums.items()}

    def means(self) -> dict[str, float]:
        """All numbers, in the order in which the metrics were named."""
        numbers = self.so_far()
        if self.whole:
            outputs, targets = (_joined(column) for column in zip(*self.kept, strict=True))
            numbers |= {name: metric(outputs, targets) for name, metric in self.whole.items()}
        first = [name for name in numbers if name not in self.metrics]
        return {name: numbers[name] for name in (*first, *self.metrics)}

    def _expect(self, samples: int, outputs: Any, targets: Any) -> None:
        """Whether batches like this one may wait: metrics of several together must be those of each on the average."""
        self._like = None
        rows = all(x.__class__ is np.ndarray and x.shape[:1] == (samples,) for x in (outputs, targets))
        if rows and all(metric in OF_EACH_SAMPLE for metric in self.each.values()):
            self._like, self._most = (samples, outputs.shape), max(1, WAITING // max(1, outputs.nbytes))

    def _settle(self) -> None:
        """Count the batches that wait."""
        if self._waiting:
            outputs, targets = (_joined(column) for column in zip(*self._waiting, strict=True))
            self._waiting = []
            self._count(len(outputs), outputs, targets)

    def _count(self, samples: int, outputs: Any, targets: Any) -> None:
        for name, metric in self.each.items():
            self.sums[name] += samples * metric(outputs, targets)


@dataclass
class Best:
    """The weights of the best epoch so far."""

    loss: float = np.inf
    weights: dict[str, NDArray[Any]] = field(default_factory=dict)

    def see(self, state: TrainingState) -> None:
        """Look at an epoch that is finished."""
        loss = state.numbers.get("val_loss", state.numbers["loss"])
        if loss < self.loss:
            self.weights, self.loss = state.model.state_dict(), loss
            state.history.best_epoch = state.epoch

    def restore(self, model: Module) -> None:
        """Put the weights back, if there are any."""
        if self.weights:
            model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """Loss and weights."""
        return {"loss": self.loss, "weights": self.weights}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        loss, weights = saved["loss"], saved["weights"]
        if not isinstance(loss, (int, float)) or not isinstance(weights, dict):
            raise CheckpointError("its best epoch has no loss and weights")
        self.loss, self.weights = loss, weights


def _plain(outputs: Any) -> Any:
    if isinstance(outputs, (tuple, list)):
        return tuple(map(_plain, outputs))
    return outputs.data if isinstance(outputs, Node) else outputs


def _joined(parts: Sequence[Any]) -> Any:
    """Batches one after the other; of several outputs, each."""
    if isinstance(parts[0], tuple):
        return tuple(_joined(column) for column in zip(*parts, strict=True))
    return np.concatenate([np.atleast_1d(part) for part in parts])
