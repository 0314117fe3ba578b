"""How good numbers are."""

from typing import Any

import numpy as np

from tinygrad_edu.errors import DataError, ShapeError
from tinygrad_edu.nn.metrics.common import Array, plain


def mae(predictions: Any, targets: Any) -> float:
    """Mean absolute error over all entries.

    Parameters
    ----------
    predictions : array or Value, any shape
    targets : array, the same shape
        ``(n,)`` and ``(n, 1)`` go together, entry by entry.

    Returns
    -------
    float, in the targets' units

    Examples
    --------
    >>> mae([1.0, 2.0], [0.0, 4.0])
    1.5
    """
    predictions, targets = _paired("mae", predictions, targets)
    return float(np.mean(np.abs(predictions - targets)))


def rmse(predictions: Any, targets: Any) -> float:
    """Root of the mean squared error over all entries; arguments are those of `mae`.

    Examples
    --------
    >>> rmse([1.0, 2.0], [2.0, 3.0])
    1.0
    """
    predictions, targets = _paired("rmse", predictions, targets)
    return float(np.sqrt(np.mean(np.square(predictions - targets))))


def r2(predictions: Any, targets: Any) -> float:
    """Share of the targets' variance that is explained; arguments are those of `mae`.

    Returns
    -------
    float, at most 1
        0 for predicting the mean. Of several outputs (columns) the average. Where targets do not vary: 1 if all are
        hit, else 0.

    Examples
    --------
    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), r2([2.0, 2.0, 2.0], [1.0, 2.0, 3.0])
    (1.0, 0.0)
    """
    predictions, targets = _paired("r2", predictions, targets)
    left = np.sum(np.square(predictions - targets), axis=0)
    total = np.sum(np.square(targets - np.mean(targets, axis=0)), axis=0)
    return float(np.mean(np.where(total > 0, 1.0 - left / np.where(total > 0, total, 1.0), left == 0)))


def _paired(name: str, predictions: Any, targets: Any) -> tuple[Array, Array]:
    guessed, wanted = plain(predictions), plain(targets)
    if guessed.size != wanted.size or np.squeeze(guessed).shape != np.squeeze(wanted).shape:
        raise ShapeError(
            f"{name}: predictions and targets must have the same shape, got {guessed.shape} and {wanted.shape}"
        )
    if not wanted.size:
        raise DataError(f"{name}: there is no sample")
    return guessed.reshape(wanted.shape).astype(np.float64), wanted.astype(np.float64)
