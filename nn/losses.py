"""Losses: ``(predictions or logits, targets) -> Value``, each a composition of a few operations.

`reduction` is "mean" (over the batch), "sum", or "none" (one loss a sample or an entry, as the
docstring says). Lists of scalar Values are joined first, so a loop over samples ends in a loss as well.
Nothing here overflows or warns for logits of any size.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu import array
from tinygrad_edu.errors import ArgumentError, DataError, ShapeError
from tinygrad_edu.nn.arguments import by_name
from tinygrad_edu.op import Node
from tinygrad_edu.ops.activation import log_softmax, relu, softplus

Loss = Callable[..., Any]

REDUCTIONS: Mapping[str, Callable[[Any], Any]] = {"mean": np.mean, "sum": np.sum, "none": lambda losses: losses}


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
    predictions, targets = _paired("mse", predictions, targets)
    return _reduce("mse", np.square(predictions - targets), reduction)


def mae(predictions: Any, targets: Any, reduction: str = "mean") -> Any:
    """Mean absolute error, averaged over all entries; its slope at 0 is 0.

    Parameters, errors and reductions are those of `mse`.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> mae(Value([1.0, 2.0]), [0.0, 4.0]).item()
    1.5
    """
    predictions, targets = _paired("mae", predictions, targets)
    return _reduce("mae", np.abs(predictions - targets), reduction)


def binary_cross_entropy(logits: Any, labels: Any, reduction: str = "mean") -> Any:
    """Cross-entropy of a yes/no answer, from logits (before the sigmoid), averaged over all entries.

    Parameters
    ----------
    logits : Value or array, any shape
        The log-odds of "yes".
    labels : array, the same shape, each in [0, 1]
        ``(n,)`` and ``(n, 1)`` go together.
    reduction : {"mean", "sum", "none"}
        "none": one loss an entry.

    Returns
    -------
    Value

    Raises
    ------
    ShapeError
        If the shapes differ.
    DataError
        If a label lies outside [0, 1]; names the first one.

    Notes
    -----
    log(1 + e^z) - y z, with a softplus that is stable for any z and smooth at z = 0.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> binary_cross_entropy(Value([0.0, 1000.0, -1000.0]), [1, 1, 1], reduction="none")
    Value([6.93147181e-01, 0.00000000e+00, 1.00000000e+03], op=subtract)
    """
    logits, labels = _paired("binary_cross_entropy", logits, labels)
    _refuse("binary_cross_entropy", labels, lambda y: (y >= 0) & (y <= 1), "lie in [0, 1] (from -1 and 1: (y + 1) / 2)")
    return _reduce("binary_cross_entropy", softplus(logits) - labels * logits, reduction)


def softmax_cross_entropy(logits: Any, labels: Any, reduction: str = "mean") -> Any:
    """Cross-entropy of a choice among classes, from logits (before the softmax), averaged over the batch.

    Parameters
    ----------
    logits : Value or array, shape (..., classes)
    labels : int array, shape (...), each in [0, classes); or probabilities, shape (..., classes)
        One-hot labels are probabilities.
    reduction : {"mean", "sum", "none"}
        "none": one loss a sample, shape (...).

    Returns
    -------
    Value

    Raises
    ------
    ShapeError
        If the labels have neither shape.
    DataError
        If a label is out of range or probabilities do not sum to 1; names the first one.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> logits = Value([[2.0, 0.0, 0.0], [0.0, 1000.0, 0.0]])
    >>> softmax_cross_entropy(logits, [0, 2], reduction="none").data.round(4)
    array([2.395e-01, 1.000e+03])
    >>> softmax_cross_entropy(logits, [0, 3])
    Traceback (most recent call last):
    ...
    tinygrad_edu.errors.DataError: softmax_cross_entropy: labels must lie in 0 to 2 (3 classes), but labels[1] is 3
    """
    name = "softmax_cross_entropy"
    logits = _joined(logits)
    log_p = log_softmax(logits)
    if np.ndim(logits) and np.shape(labels) == np.shape(logits):
        labels = _like(labels, logits)
        totals = np.sum(_numbers(labels), axis=-1)
        _refuse(name, labels, lambda p: p >= 0, "be at least 0, as probabilities are")
        _refuse(name, totals, lambda total: np.abs(total - 1) <= 1e-5, "sum to 1 over the classes", "sums to")
        return _reduce(name, -np.sum(labels * log_p, axis=-1), reduction)
    labels = _class_labels(name, labels, np.shape(logits))
    classes = np.shape(logits)[-1]
    chosen = np.reshape(log_p, (labels.size, classes))[np.arange(labels.size), labels.ravel()]
    return _reduce(name, -np.reshape(chosen, labels.shape), reduction)


def hinge(scores: Any, labels: ArrayLike, margin: float = 1.0, reduction: str = "mean") -> Any:
    """Multiclass hinge (SVM) loss, averaged over the batch.

    Parameters
    ----------
    scores : Value or array, shape (batch, classes)
    labels : int array, shape (batch,), each in [0, classes)
    margin : float, in score units
    reduction : {"mean", "sum", "none"}
        "none": one loss a sample.

    Returns
    -------
    Value

    Raises
    ------
    ShapeError
        If `scores` is not 2-D or the batches differ.
    DataError
        If a label is out of range; names the first one.

    Notes
    -----
    After Crammer & Singer (2001), summed over the classes as Weston & Watkins (1999) do:
    L_i = sum over j != y_i of max(0, s_j - s_yi + margin).

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> round(hinge(Value([[3.2, 5.1, -1.7]]), [0]).item(), 12)
    2.9
    """
    scores = _joined(scores)
    if np.ndim(scores) != 2:
        raise ShapeError(f"hinge: expected scores of shape (batch, classes), got {np.shape(scores)}")
    labels = _class_labels("hinge", labels, np.shape(scores))
    rows = np.arange(len(labels))
    right = scores[rows, labels][:, None]
    others = np.ones_like(scores)
    others[rows, labels] = 0
    return _reduce("hinge", np.sum(relu(scores - right + margin) * others, axis=-1), reduction)


def binary_hinge(scores: Any, labels: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """Hinge (max-margin, SVM) loss of a yes/no answer: max(0, margin - y s), averaged over all entries.

    Parameters
    ----------
    scores : Value or array, any shape
    labels : array, the same shape, each -1 or 1
        ``(n,)`` and ``(n, 1)`` go together.
    margin : float, in score units
    reduction : {"mean", "sum", "none"}
        "none": one loss an entry.

    Returns
    -------
    Value

    Raises
    ------
    ShapeError
        If the shapes differ.
    DataError
        If a label is neither -1 nor 1; names the first one.

    Notes
    -----
    Cortes & Vapnik (1995), "Support-vector networks". The loss of micrograd's demo.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> binary_hinge(Value([2.0, 0.25, -1.0]), [1, 1, 1], reduction="none")
    Value([0.  , 0.75, 2.  ], op=relu)
    """
    scores, labels = _paired("binary_hinge", scores, labels)
    _refuse("binary_hinge", labels, lambda y: np.abs(y) == 1, "be -1 or 1 (from 0 and 1: 2 * y - 1)")
    return _reduce("binary_hinge", relu(margin - labels * scores), reduction)


LOSSES: Mapping[str, Loss] = {
    loss.__name__: loss for loss in (mse, mae, binary_cross_entropy, softmax_cross_entropy, hinge, binary_hinge)
}
CLASSIFICATION = frozenset({binary_cross_entropy, softmax_cross_entropy, hinge, binary_hinge})


def loss_function(loss: str | Loss) -> Loss:
    """The loss of that name; a function is returned as it is.

    Raises
    ------
    ArgumentError
        If there is none of that name; the message lists those there are.

    Examples
    --------
    >>> loss_function("mse") is mse
    True
    """
    return by_name("loss", loss, LOSSES)


def _reduce(name: str, losses: Any, reduction: str) -> Any:
    if reduction not in REDUCTIONS:
        raise ArgumentError(f"{name}: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    if reduction == "mean" and not np.size(losses):
        raise DataError(f"{name}: there is no sample, so no mean; the losses have shape {np.shape(losses)}")
    return REDUCTIONS[reduction](losses)


def _joined(x: Any) -> Any:
    """A list that may hold Values as one Value; arrays and Values as they are."""
    return array(x) if isinstance(x, (list, tuple)) else x


def _numbers(x: Any) -> NDArray[Any]:
    return np.asarray(x.data if isinstance(x, Node) else x)


def _like(targets: Any, predictions: Any) -> Any:
    """Plain targets as an array of the predictions' type, so that a float32 loss stays one."""
    if isinstance(targets, Node):
        return targets
    targets, dtype = np.asarray(targets), np.result_type(predictions)
    return targets.astype(dtype) if dtype.kind == "f" else targets


def _paired(name: str, predictions: Any, targets: Any) -> tuple[Any, Any]:
    """Both of equal shape; targets ``(n,)`` follow predictions ``(n, 1)`` and the other way round."""
    predictions = _joined(predictions)
    targets = _like(targets, predictions)
    want, got = np.shape(predictions), np.shape(targets)
    if want == got:
        return predictions, targets
    if want == (*got, 1) or got == (*want, 1):
        return predictions, np.reshape(targets, want)
    raise ShapeError(f"{name}: predictions and targets must have the same shape, got {want} and {got}")


def _class_labels(name: str, labels: Any, scores: tuple[int, ...]) -> NDArray[Any]:
    """Integer labels that fit scores of this shape (..., classes)."""
    numbers = _numbers(labels)
    if not scores or numbers.shape != scores[:-1]:
        raise ShapeError(
            f"{name}: scores of shape {scores} need integer labels of shape {scores[:-1]}"
            f"{' or probabilities of shape ' + str(scores) if name.startswith('softmax') else ''}, got {numbers.shape}"
        )
    if numbers.dtype.kind not in "iu":
        raise DataError(f"{name}: class labels must be integers, got {numbers.dtype}; if whole: labels.astype(int)")
    classes = scores[-1]
    _refuse(name, numbers, lambda y: (y >= 0) & (y < classes), f"lie in 0 to {classes - 1} ({classes} classes)")
    return numbers


def _refuse(name: str, labels: Any, right: Callable[[NDArray[Any]], Any], must: str, verb: str = "is") -> None:
    """Raise unless all labels are right, naming the first that is not."""
    numbers = _numbers(labels)
    wrong = ~np.asarray(right(numbers))
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        place = f"labels[{', '.join(map(str, where))}]" if where else "the label"
        raise DataError(f"{name}: labels must {must}, but {place} {verb} {numbers[where]}")
