"""Metrics: plain numbers that say how good predictions are; nothing is differentiated.

Definitions are scikit-learn's.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_edu.nn.arguments import by_name
from tinygrad_edu.nn.metrics.classification import accuracy, confusion_matrix, f1, precision, recall, top_k_accuracy
from tinygrad_edu.nn.metrics.regression import mae, r2, rmse

__all__ = [
    "accuracy",
    "top_k_accuracy",
    "precision",
    "recall",
    "f1",
    "confusion_matrix",
    "mae",
    "rmse",
    "r2",
    "Metric",
    "METRICS",
    "OF_ALL_SAMPLES",
    "OF_EACH_SAMPLE",
    "metric_function",
]

Metric = Callable[[Any, Any], float]

METRICS: Mapping[str, Metric] = {
    metric.__name__: metric for metric in (accuracy, top_k_accuracy, precision, recall, f1, mae, rmse, r2)
}
# These are no averages over samples: `fit` and `evaluate` take them of all samples at once, not batch by batch.
OF_ALL_SAMPLES: frozenset[Metric] = frozenset({precision, recall, f1, rmse, r2})
# These are: of several batches together they are what they are of each on the average.
OF_EACH_SAMPLE: frozenset[Metric] = frozenset({accuracy, top_k_accuracy, mae})


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
