"""What metrics share: plain numbers, and predictions turned into decisions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.errors import DataError, ShapeError
from tinygrad_edu.op import Node

Array = NDArray[Any]


def plain(x: Any) -> Array:
    """The numbers of a Value, a list of scalar Values, or an array."""
    if isinstance(x, (list, tuple)) and any(isinstance(item, Node) for item in x):
        x = [item.data if isinstance(item, Node) else item for item in x]
    return np.asarray(x.data if isinstance(x, Node) else x)


def decided(name: str, predictions: Any, labels: Any, threshold: float) -> tuple[Array, Array, int | None]:
    """Predicted and true classes, of one shape, and how many classes there are (None: the labels do not tell)."""
    scores, wanted = plain(predictions), plain(labels)
    classes: int | None = None
    if scores.ndim > 1 and scores.shape[-1] > 1 and scores.shape != wanted.shape:
        classes, chosen = scores.shape[-1], np.argmax(scores, axis=-1)
    elif scores.ndim > 1 and scores.shape[-1] > 1 and scores.dtype.kind == "f":  # one-hot labels
        classes, chosen, wanted = scores.shape[-1], np.argmax(scores, axis=-1), np.argmax(wanted, axis=-1)
    elif scores.dtype.kind == "f":
        classes, chosen, wanted = 2, scores > threshold, wanted > 0
    else:
        chosen = scores
    if chosen.shape != wanted.shape and np.squeeze(chosen).shape != np.squeeze(wanted).shape:
        raise ShapeError(
            f"{name}: predictions of shape {scores.shape} and labels of shape {np.shape(labels)} do not go together; "
            "expected (n, classes) and (n,), or the same shape"
        )
    if not wanted.size:
        raise DataError(f"{name}: there is no sample")
    return chosen.reshape(wanted.shape), wanted, classes
