"""Losses of numbers against numbers."""

from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.nn.losses.common import paired, reduced


def mse(predictions: Any, targets: Any, reduction: str = "mean") -> Any:
    """Mean squared error, averaged over all entries.

    Parameters
    ----------
    predictions : Value or array, any shape
    targets : Value or array, the same shape
        ``(n,)`` and ``(n, 1)`` go together, entry by entry.
    reduction : {"mean", "sum", "none"}
        "none": one loss an entry.

    Returns
    -------
    Value

    Raises
    ------
    ShapeError
        If the shapes differ: they are never broadcast.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> mse(Value([1.0, 2.0]), [0.0, 4.0]).item()
    2.5
    """
    predictions, targets = paired("mse", predictions, targets)
    return reduced("mse", np.square(predictions - targets), reduction)


def mae(predictions: Any, targets: Any, reduction: str = "mean") -> Any:
    """Mean absolute error, averaged over all entries; its slope at 0 is 0.

    Parameters, errors and reductions are those of `mse`.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> mae(Value([1.0, 2.0]), [0.0, 4.0]).item()
    1.5
    """
    predictions, targets = paired("mae", predictions, targets)
    return reduced("mae", np.abs(predictions - targets), reduction)


def huber(predictions: Any, targets: Any, delta: float = 1.0, reduction: str = "mean") -> Any:
    """Half the squared error up to `delta`, linear beyond: outliers pull with a bounded gradient.

    Parameters
    ----------
    predictions, targets, reduction
        Those of `mse`.
    delta : float, above 0
        Where the parabola turns into a line.

    Returns
    -------
    Value

    Raises
    ------
    ShapeError
        If the shapes differ.

    Notes
    -----
    Huber (1964), "Robust estimation of a location parameter".

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> huber(Value([0.5, 3.0]), [0.0, 0.0], reduction="none").data
    array([0.125, 2.5  ])
    """
    if not delta > 0:
        raise ArgumentError(f"huber: delta must be above 0, got {delta!r}")
    predictions, targets = paired("huber", predictions, targets)
    distance = np.abs(predictions - targets)
    inner = np.minimum(distance, delta)  # distance * inner never squares what is large
    return reduced("huber", inner * (distance - 0.5 * inner), reduction)
