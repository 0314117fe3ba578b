"""Losses of scores against classes: cross-entropies and their kin."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu.errors import ArgumentError, DataError, ShapeError
from tinygrad_edu.nn.losses.common import (
    REDUCTIONS,
    class_labels,
    joined,
    labels_of,
    like,
    paired,
    reduced,
    refuse,
    shape_of,
)
from tinygrad_edu.ops.activation import log_softmax, softplus
from tinygrad_edu.ops.indexing import take
from tinygrad_edu.ops.questions import holds

IGNORED = -100  # the label that PyTorch's losses leave out


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
    logits, labels = paired("binary_cross_entropy", logits, labels)
    refuse("binary_cross_entropy", labels, lambda y: (y >= 0) & (y <= 1), "lie in [0, 1] (from -1 and 1: (y + 1) / 2)")
    return reduced("binary_cross_entropy", softplus(logits) - labels * logits, reduction)


def softmax_cross_entropy(
    logits: Any,
    labels: Any,
    reduction: str = "mean",
    weight: ArrayLike | None = None,
    ignore_index: int = IGNORED,
    label_smoothing: float = 0.0,
) -> Any:
    """Cross-entropy of a choice among classes, from logits (before the softmax), averaged over the batch.

    Parameters
    ----------
    logits : Value or array, shape (..., classes)
    labels : int array, shape (...), each in [0, classes); or probabilities, shape (..., classes)
        One-hot labels are probabilities.
    reduction : {"mean", "sum", "none"}
        "none": one loss a sample, shape (...). With integer labels the mean is weighted by the labels' weights.
    weight : array, shape (classes,), optional
        How much each class counts.
    ignore_index : int
        Samples with this label are left out.
    label_smoothing : float, in [0, 1]
        The share of the labels that is spread over all classes.

    Returns
    -------
    Value

    Raises
    ------
    ShapeError
        If the labels have neither shape, or `weight` is not one number a class.
    DataError
        If a label is out of range or probabilities do not sum to 1; names the first one.

    Notes
    -----
    PyTorch's ``cross_entropy``, with the classes on the last axis. Label smoothing: Szegedy et al. (2016).

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
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(f"{name}: label_smoothing must lie in [0, 1], got {label_smoothing!r}")
    logits = joined(logits)
    log_p = log_softmax(logits)
    shape = shape_of(logits)
    weights = _class_weights(name, weight, shape, logits)
    if not shape or np.shape(labels) != shape:
        return _chosen(name, log_p, labels, weights, ignore_index, reduction, label_smoothing)
    labels = like(labels, logits)
    totals = np.sum(labels_of(labels), axis=-1)
    refuse(name, labels, lambda p: p >= 0, "be at least 0, as probabilities are")
    refuse(name, totals, lambda total: np.abs(total - 1) <= 1e-5, "sum to 1 over the classes", "sums to")
    if label_smoothing:
        labels = labels * (1.0 - label_smoothing) + label_smoothing / shape[-1]
    if weights is not None:
        labels = labels * weights
    return reduced(name, -np.sum(labels * log_p, axis=-1), reduction)


def nll(
    log_probabilities: Any,
    labels: Any,
    reduction: str = "mean",
    weight: ArrayLike | None = None,
    ignore_index: int = IGNORED,
) -> Any:
    """Negative log-likelihood of a choice among classes, from log-probabilities (after `log_softmax`).

    Parameters
    ----------
    log_probabilities : Value or array, shape (..., classes)
    labels : int array, shape (...), each in [0, classes)
    reduction, weight, ignore_index
        Those of `softmax_cross_entropy`, which is this after a `log_softmax`.

    Returns
    -------
    Value

    Raises
    ------
    ShapeError, DataError
        As `softmax_cross_entropy`.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> nll(Value(np.log([[0.5, 0.5], [0.1, 0.9]])), [0, 1], reduction="none").data.round(4)
    array([0.6931, 0.1054])
    """
    log_p = joined(log_probabilities)
    weights = _class_weights("nll", weight, np.shape(log_p), log_p)
    return _chosen("nll", log_p, labels, weights, ignore_index, reduction)


def kl_div(log_probabilities: Any, targets: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """Kullback-Leibler divergence of predicted log-probabilities from target probabilities, entry by entry.

    Parameters
    ----------
    log_probabilities : Value or array, any shape
    targets : Value or array, the same shape
        Probabilities; their logarithms, if `log_target`.
    reduction : {"mean", "batchmean", "sum", "none"}
        "mean" is over all entries, as in PyTorch; "batchmean" (the sum over the length of the first axis) is the
        divergence as it is defined.
    log_target : bool

    Returns
    -------
    Value

    Raises
    ------
    ShapeError
        If the shapes differ.
    DataError
        If a target probability is negative; names the first one.

    Notes
    -----
    q (log q - log p), which is 0 where q is 0. Kullback & Leibler (1951).

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> p, q = np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])
    >>> round(kl_div(Value(np.log(p)), q, reduction="batchmean").item(), 4)
    0.6931
    """
    log_p, targets = paired("kl_div", log_probabilities, targets)
    if log_target:
        losses = np.exp(targets) * (targets - log_p)
    else:
        refuse("kl_div", targets, lambda q: q >= 0, "be at least 0, as probabilities are")
        positive = labels_of(targets) > 0
        losses = targets * (np.log(np.where(positive, targets, 1.0)) - np.where(positive, log_p, 0.0))
    if reduction != "batchmean":
        return reduced("kl_div", losses, reduction)
    if not np.ndim(log_p) or not len(log_p):
        raise DataError(f"kl_div: batchmean needs a batch, got shape {np.shape(log_p)}")
    return np.sum(losses) / len(log_p)


def focal(logits: Any, labels: Any, alpha: float = 0.25, gamma: float = 2.0, reduction: str = "mean") -> Any:
    """Cross-entropy of a yes/no answer that hardly counts what is already right: (1 - p)^gamma times the loss.

    Parameters
    ----------
    logits : Value or array, any shape
    labels : array, the same shape, each 0 or 1
    alpha : float
        The weight of "yes", in [0, 1]; "no" has 1 - alpha. Below 0: no weights.
    gamma : float, at least 0
        0 is the plain cross-entropy.
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    Value

    Raises
    ------
    ShapeError
        If the shapes differ.
    DataError
        If a label is neither 0 nor 1; names the first one.

    Notes
    -----
    Lin et al. (2017), "Focal loss for dense object detection"; torchvision's ``sigmoid_focal_loss``, averaged.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> focal(Value([3.0, -3.0]), [1, 1], reduction="none").data.round(6)
    array([2.7000e-05, 6.9157e-01])
    """
    if gamma < 0 or alpha > 1:
        raise ArgumentError(f"focal: gamma must be at least 0 and alpha at most 1, got {gamma!r} and {alpha!r}")
    logits, labels = paired("focal", logits, labels)
    refuse("focal", labels, lambda y: (y == 0) | (y == 1), "be 0 or 1")
    right = logits * (2 * labels - 1)  # the log-odds of the right answer
    losses = softplus(-right) * np.exp(-gamma * softplus(right))
    if alpha >= 0:
        losses = losses * (alpha * labels + (1 - alpha) * (1 - labels))
    return reduced("focal", losses, reduction)


def _class_weights(name: str, weight: ArrayLike | None, shape: tuple[int, ...], logits: Any) -> NDArray[Any] | None:
    if weight is None:
        return None
    weights: NDArray[Any] = like(weight, logits)
    if weights.shape != shape[-1:]:
        raise ShapeError(f"{name}: weight must be one number a class, shape {shape[-1:]}, got {weights.shape}")
    refuse(name, weights, lambda w: w >= 0, "be at least 0", what="weight")
    return weights


def _chosen(
    name: str,
    log_p: Any,
    labels: Any,
    weights: NDArray[Any] | None,
    ignored: int,
    reduction: str,
    smoothing: float = 0.0,
) -> Any:
    """Minus the log-probabilities of integer labels, weighted by the weights of their classes."""
    shape = shape_of(log_p)
    labels = class_labels(name, labels, shape, ignored)
    classes = shape[-1]
    kept = labels != ignored
    if weights is None and not smoothing and holds(kept.all()):
        # A plan picks before it knows whether its answer still holds: so there, too, every index is in range.
        at = labels if isinstance(labels, np.ndarray) else np.where(kept, labels, 0)
        return reduced(name, -_picked(log_p, at, shape), reduction)
    at = np.where(kept, labels, 0)
    losses = -_picked(log_p, at, shape)
    of_sample = like(kept if weights is None else np.where(kept, take(weights, at), 0), log_p)
    losses = losses * of_sample
    if smoothing:
        spread = -np.sum(log_p if weights is None else log_p * weights, axis=-1) * like(kept, log_p)
        losses = losses * (1.0 - smoothing) + spread * (smoothing / classes)
    if reduction != "mean":
        return reduced(name, losses, reduction)
    if not holds(np.sum(of_sample) > 0):
        raise DataError(f"{name}: no sample counts (all are ignored or have weight 0), so there is no mean")
    return REDUCTIONS["sum"](losses) / np.sum(of_sample)


def _picked(log_p: Any, at: Any, shape: tuple[int, ...]) -> Any:
    """The entry of each sample at its label."""
    if len(shape) == 2:
        return log_p[np.arange(shape[0]), at]
    return np.reshape(np.reshape(log_p, (at.size, shape[-1]))[np.arange(at.size), at.ravel()], at.shape)
