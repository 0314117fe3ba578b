"""What all losses do: pair targets with predictions, refuse wrong ones, reduce."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import array
from tinygrad_edu.errors import ArgumentError, DataError, ShapeError
from tinygrad_edu.op import Node

REDUCTIONS: Mapping[str, Callable[[Any], Any]] = {"mean": np.mean, "sum": np.sum, "none": lambda losses: losses}


def reduced(name: str, losses: Any, reduction: str) -> Any:
    """The losses as `reduction` says."""
    if reduction not in REDUCTIONS:
        raise ArgumentError(f"{name}: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    if reduction == "mean" and not np.size(losses):
        raise DataError(f"{name}: there is no sample, so no mean; the losses have shape {np.shape(losses)}")
    return REDUCTIONS[reduction](losses)


def joined(x: Any) -> Any:
    """A list that may hold Values as one Value; arrays and Values as they are."""
    return array(x) if isinstance(x, (list, tuple)) else x


def plain(x: Any) -> NDArray[Any]:
    """The numbers of a Value, or of what is none."""
    return np.asarray(x.data if isinstance(x, Node) else x)


def like(targets: Any, predictions: Any) -> Any:
    """Plain targets as an array of the predictions' type, so that a float32 loss stays one."""
    if isinstance(targets, Node):
        return targets
    targets, dtype = np.asarray(targets), np.result_type(predictions)
    return targets.astype(dtype) if dtype.kind == "f" else targets


def paired(name: str, predictions: Any, targets: Any) -> tuple[Any, Any]:
    """Both of equal shape; targets ``(n,)`` follow predictions ``(n, 1)`` and the other way round."""
    predictions = joined(predictions)
    targets = like(targets, predictions)
    want, got = np.shape(predictions), np.shape(targets)
    if want == got:
        return predictions, targets
    if want == (*got, 1) or got == (*want, 1):
        return predictions, np.reshape(targets, want)
    raise ShapeError(f"{name}: predictions and targets must have the same shape, got {want} and {got}")


def class_labels(name: str, labels: Any, scores: tuple[int, ...], ignored: int | None = None) -> NDArray[Any]:
    """Integer labels that fit scores of this shape (..., classes); `ignored` may stand for none of them."""
    numbers = plain(labels)
    if not scores or numbers.shape != scores[:-1]:
        raise ShapeError(
            f"{name}: scores of shape {scores} need integer labels of shape {scores[:-1]}"
            f"{' or probabilities of shape ' + str(scores) if name.startswith('softmax') else ''}, got {numbers.shape}"
        )
    if numbers.dtype.kind not in "iu":
        raise DataError(f"{name}: class labels must be integers, got {numbers.dtype}; if whole: labels.astype(int)")
    classes = scores[-1]
    must = f"lie in 0 to {classes - 1} ({classes} classes)"
    refuse(name, numbers, lambda y: ((y >= 0) & (y < classes)) | (y == ignored), must)
    return numbers


def refuse(name: str, labels: Any, right: Callable[[NDArray[Any]], Any], must: str, verb: str = "is") -> None:
    """Raise unless all labels are right, naming the first that is not."""
    numbers = plain(labels)
    wrong = ~np.asarray(right(numbers))
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        place = f"labels[{', '.join(map(str, where))}]" if where else "the label"
        raise DataError(f"{name}: labels must {must}, but {place} {verb} {numbers[where]}")
