"""What training is fed: inputs and targets as columns of equal length, one row a sample, checked once."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu.errors import DataError
from tinygrad_edu.nn.data import minibatches, train_test_split

Array = NDArray[Any]
Several = ArrayLike | tuple[Array, ...]
Data = tuple[Several, Several]


@dataclass(frozen=True)
class Batch:
    """Some samples: what the model is called on, what it should give, and how much each counts."""

    inputs: tuple[Array, ...]
    targets: Any
    weights: Array | None
    columns: tuple[Array, ...]  # all of them, one after the other

    def __len__(self) -> int:
        return len(self.columns[0])


@dataclass(frozen=True)
class Feed:
    """All samples: columns of inputs, then of targets, then, if there are any, weights."""

    columns: tuple[Array, ...]
    n_inputs: int
    n_targets: int
    one_target: bool  # whether the targets were one array, not a tuple

    @classmethod
    def of(cls, what: str, data: Data, weights: ArrayLike | None = None) -> "Feed":
        """Data as a user gives it: ``(inputs, targets)``, each an array or a tuple of arrays.

        Raises
        ------
        DataError
            If a column is empty, of another length than the others, no numbers, or not finite.
        """
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise DataError(f"{what}: expected a pair (inputs, targets), got {type(data).__name__}")
        inputs, targets = (columns_of(what, name, part) for name, part in zip(("inputs", "targets"), data, strict=True))
        extra = () if weights is None else (_weights(weights),)
        feed = cls((*inputs, *targets, *extra), len(inputs), len(targets), not _several(data[1]))
        lengths = [len(column) for column in feed.columns]
        if len(set(lengths)) > 1 or not lengths[0]:
            counts = f"{_listed(inputs)} inputs and {_listed(targets)} targets"
            raise DataError(
                f"{what}: expected as many targets as inputs, and at least one, "
                f"got {counts}{f' and {len(extra[0])} weights' if extra else ''}"
            )
        return feed

    def __len__(self) -> int:
        return len(self.columns[0])

    def batches(self, batch_size: int, rng: np.random.Generator, shuffle: bool) -> Iterator[Batch]:
        """One epoch; refuses a batch that is too large at once."""
        return map(self._batch, minibatches(self.columns, batch_size, rng, shuffle))

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """All samples as they stand, so many at a time."""
        for start in range(0, len(self), batch_size):
            yield self._batch(tuple(column[start : start + batch_size] for column in self.columns))

    def split(self, fraction: float, rng: np.random.Generator) -> tuple["Feed", "Feed"]:
        """What to train on, and a fraction that is drawn and held out."""
        parts = train_test_split(*self.columns, test_fraction=fraction, rng=rng)
        kept, held = (Feed(parts[i::2], self.n_inputs, self.n_targets, self.one_target) for i in range(2))
        return kept, held

    def _batch(self, columns: tuple[Array, ...]) -> Batch:
        targets = columns[self.n_inputs : self.n_inputs + self.n_targets]
        rest = columns[self.n_inputs + self.n_targets :]
        aim = targets[0] if self.one_target else targets
        return Batch(columns[: self.n_inputs], aim, rest[0] if rest else None, columns)


def columns_of(what: str, name: str, part: Several) -> tuple[Array, ...]:
    """One array, or a tuple of arrays, as columns of finite numbers."""
    given = part if _several(part) else (part,)
    columns = tuple(np.asarray(array) for array in given)  # type: ignore[union-attr]  # a tuple, as was just seen
    for i, array in enumerate(columns):
        called = name if len(columns) == 1 else f"{name}[{i}]"
        if array.dtype.kind not in "biuf":
            raise DataError(f"{what}: the {called} must be numbers, got an array of {array.dtype}")
        if not array.ndim:
            raise DataError(f"{what}: the {called} must have one row a sample, got a single number")
        with np.errstate(over="ignore", invalid="ignore"):
            if array.dtype.kind != "f" or np.isfinite(np.add.reduce(array, axis=None)):  # a finite sum has finite parts
                continue
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            where = ", ".join(map(str, bad[0]))
            value = array[tuple(bad[0])]
            raise DataError(f"{what}: the {called} hold {value} at [{where}] ({len(bad)} entries are not finite)")
    return columns


def _several(part: Any) -> bool:
    """Whether this is a tuple of arrays (several inputs), not one array written as a tuple."""
    return isinstance(part, tuple) and bool(part) and all(isinstance(array, np.ndarray) for array in part)


def _weights(weights: ArrayLike) -> Array:
    array = np.asarray(weights, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all() or (array < 0).any():
        raise DataError(
            f"sample_weight: expected one number a sample, at least 0 and finite, got an array of shape {array.shape}"
        )
    return array


def _listed(columns: tuple[Array, ...]) -> str:
    return " and ".join(str(len(column)) for column in columns)
