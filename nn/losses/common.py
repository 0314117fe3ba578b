"""What all losses do: pair targets with predictions, refuse wrong ones, reduce."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Value, array
from tinygrad_edu.errors import ArgumentError, DataError, ShapeError
from tinygrad_edu.op import Node
from tinygrad_edu.ops import mean, sum
from tinygrad_edu.ops.questions import current, is_plain, require

REDUCTIONS: Mapping[str, Callable[[Any], Any]] = {"mean": mean, "sum": sum, "none": lambda losses: losses}


def reduced(name: str, losses: Any, reduction: str) -> Any:
    """The losses as `reduction` says."""
    if reduction not in REDUCTIONS:
        raise ArgumentError(f"{name}: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    if reduction == "mean" and not getattr(losses, "size", 1):  # a Python float has no size
        raise DataError(f"{name}: there is no sample, so no mean; the losses have shape {np.shape(losses)}")
    return REDUCTIONS[reduction](losses)


def shape_of(x: Any) -> tuple[int, ...]:
    """`np.shape`, for a Value at a third of the price."""
    return x.shape if isinstance(x, Value) else np.shape(x)


def joined(x: Any) -> Any:
    """A list that may hold Values as one Value; arrays and Values as they are."""
    return array(x) if isinstance(x, (list, tuple)) else x


def labels_of(x: Any) -> Any:
    """The numbers of a Value, or of what is none, as an array; in a recording they may be a Value."""
    x = current(x)
    return x if isinstance(x, Node) else np.asarray(x)


def like(targets: Any, predictions: Any) -> Any:
    """Plain targets as an array of the predictions' type, so that a float32 loss stays one."""
    if not is_plain(targets):
        return targets
    targets, dtype = labels_of(targets), np.result_type(predictions)
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


def class_labels(name: str, labels: Any, scores: tuple[int, ...], ignored: int | None = None) -> Any:
    """Integer labels that fit scores of this shape (..., classes); `ignored` may stand for none of them."""
    numbers = labels_of(labels)
    if not scores or numbers.shape != scores[:-1]:
        raise ShapeError(
            f"{name}: scores of shape {scores} need integer labels of shape {scores[:-1]}"
            f"{' or probabilities of shape ' + str(scores) if name.startswith('softmax') else ''}, got {numbers.shape}"
        )
    if numbers.dtype.kind not in "iu":
        raise DataError(f"{name}: class labels must be integers, got {numbers.dtype}; if whole: labels.astype(int)")
    classes = scores[-1]
    if numbers.__class__ is np.ndarray and (not numbers.size or (numbers.min() >= 0 and numbers.max() < classes)):
        return numbers  # the usual case, at a third of the price
    must = f"lie in 0 to {classes - 1} ({classes} classes)"

    def right(y: NDArray[Any]) -> Any:
        in_range = not y.size or (y.min() >= 0 and y.max() < classes)  # the usual case, at half the price
        return np.True_ if in_range else ((y >= 0) & (y < classes)) | (y == ignored)

    refuse(name, numbers, right, must, within=(classes, ignored))
    return numbers


def refuse(
    name: str,
    labels: Any,
    right: Callable[[NDArray[Any]], Any],
    must: str,
    verb: str = "is",
    within: tuple[int, int | None] | None = None,
    what: str = "labels",
) -> None:
    """Raise unless all labels are right, naming the first that is not; in a recording, at each run (see `require`)."""

    def check(labels: Any) -> None:
        numbers = np.asarray(labels)
        wrong = ~np.asarray(right(numbers))
        if wrong.any():
            where = tuple(int(i) for i in np.argwhere(wrong)[0])
            place = f"{what}[{', '.join(map(str, where))}]" if where else "the label"
            raise DataError(f"{name}: {what} must {must}, but {place} {verb} {numbers[where]}")

    require(labels, check, within)
