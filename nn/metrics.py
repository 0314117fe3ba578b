"""Metrics: plain numbers that say how good predictions are; nothing is differentiated."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.errors import DataError, ShapeError
from tinygrad_edu.nn.arguments import by_name
from tinygrad_edu.op import Node

Metric = Callable[[Any, Any], float]


def accuracy(predictions: Any, labels: Any, threshold: float = 0.0) -> float:
    """Share of samples whose class is predicted.

    Parameters
    ----------
    predictions : array or Value
        Scores, logits or probabilities of shape (..., classes), the largest being the choice; or one
        score a sample, shape (n,) or (n, 1), which says yes above `threshold`; or predicted labels
        themselves, integers or booleans of the labels' shape.
    labels : array
        Integers; one-hot rows; for one score a sample 0 and 1, or -1 and 1.
    threshold : float
        Where one score a sample turns to yes: 0 for logits and margins, 0.5 for probabilities.

    Returns
    -------
    float, in [0, 1]

    Raises
    ------
    ShapeError
        If there is not one label a sample.
    DataError
        If there are no samples.

    Examples
    --------
    >>> accuracy([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], [1, 0, 0])
    0.6666666666666666
    >>> accuracy([-1.5, 0.3], [-1, 1]), accuracy([2, 0, 1], [2, 0, 2])
    (1.0, 0.6666666666666666)
    """
    scores, wanted = _plain(predictions), _plain(labels)
    if scores.ndim > 1 and scores.shape[-1] > 1 and scores.shape != wanted.shape:
        chosen = np.argmax(scores, axis=-1)
    elif scores.ndim > 1 and scores.shape[-1] > 1 and scores.dtype.kind == "f":  # one-hot labels
        chosen, wanted = np.argmax(scores, axis=-1), np.argmax(wanted, axis=-1)
    elif scores.dtype.kind == "f":
        chosen, wanted = scores > threshold, wanted > 0
    else:
        chosen = scores
    if chosen.size != wanted.size or np.squeeze(chosen).shape != np.squeeze(wanted).shape:
        raise ShapeError(
            f"accuracy: predictions of shape {scores.shape} and labels of shape {np.shape(labels)} do not go together; "
            "expected (n, classes) and (n,), or the same shape"
        )
    if not wanted.size:
        raise DataError("accuracy: there is no sample")
    return float(np.mean(chosen.reshape(wanted.shape) == wanted))


METRICS: Mapping[str, Metric] = {"accuracy": accuracy}


def metric_function(metric: str | Metric) -> tuple[str, Metric]:
    """Name and function of a metric given by either.

    Raises
    ------
    ArgumentError
        If there is none of that name; the message lists those there are.

    Examples
    --------
    >>> metric_function("accuracy") == ("accuracy", accuracy)
    True
    """
    function = by_name("metrics", metric, METRICS)
    return getattr(function, "__name__", type(function).__name__), function


def _plain(x: Any) -> Any:
    if isinstance(x, (list, tuple)) and any(isinstance(item, Node) for item in x):
        x = [item.data if isinstance(item, Node) else item for item in x]
    return np.asarray(x.data if isinstance(x, Node) else x)
