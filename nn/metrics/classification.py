"""How good decisions are."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.errors import ArgumentError, DataError, ShapeError
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.metrics.common import Array, decided, plain


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
    chosen, wanted, _ = decided("accuracy", predictions, labels, threshold)
    return float(np.count_nonzero(chosen == wanted) / wanted.size)


def top_k_accuracy(scores: Any, labels: Any, k: int = 5) -> float:
    """Share of samples whose class is among the `k` with the highest scores.

    Parameters
    ----------
    scores : array or Value, shape (..., classes)
    labels : int array, shape (...); or one-hot rows
    k : int, up to the number of classes
        Of equal scores the first counts as higher, as in `accuracy`.

    Returns
    -------
    float, in [0, 1]

    Examples
    --------
    >>> top_k_accuracy([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], [1, 2], k=2)
    0.5
    """
    numbers, wanted = plain(scores), plain(labels)
    if numbers.ndim < 2 or wanted.shape not in (numbers.shape, numbers.shape[:-1]):
        raise ShapeError(
            f"top_k_accuracy: expected scores of shape (..., classes) and one label a sample, "
            f"got {numbers.shape} and {wanted.shape}"
        )
    if wanted.shape == numbers.shape:
        wanted = np.argmax(wanted, axis=-1)
    if size("top_k_accuracy: k", k) > numbers.shape[-1]:
        raise ArgumentError(f"top_k_accuracy: k must be at most {numbers.shape[-1]}, the number of classes, got {k}")
    if not wanted.size:
        raise DataError("top_k_accuracy: there is no sample")
    highest = np.argsort(-numbers, axis=-1, kind="stable")[..., :k]
    return float(np.mean(np.any(highest == wanted[..., None], axis=-1)))


def precision(predictions: Any, labels: Any, average: str | None = None, threshold: float = 0.0) -> float:
    """Share of the samples called positive that are.

    Parameters
    ----------
    predictions, labels, threshold
        Those of `accuracy`.
    average : {"binary", "macro", "micro"}, optional
        "binary": of the class 1. "macro": the mean over all classes that occur. "micro": of all decisions together.
        None: binary where there are two classes, else macro.

    Returns
    -------
    float, in [0, 1]
        0 where nothing is called positive.

    Examples
    --------
    >>> precision([1, 1, 1, 0], [1, 0, 1, 1]), precision([0, 2, 2], [0, 2, 1])
    (0.6666666666666666, 0.5)
    """
    return _averaged("precision", predictions, labels, average, threshold)


def recall(predictions: Any, labels: Any, average: str | None = None, threshold: float = 0.0) -> float:
    """Share of the positive samples that are found; arguments are those of `precision`.

    Examples
    --------
    >>> recall([1, 1, 0, 0], [1, 1, 1, 1])
    0.5
    """
    return _averaged("recall", predictions, labels, average, threshold)


def f1(predictions: Any, labels: Any, average: str | None = None, threshold: float = 0.0) -> float:
    """Harmonic mean of `precision` and `recall` (of each class, before they are averaged); arguments are theirs.

    Examples
    --------
    >>> f1([1, 1, 1, 0], [1, 0, 1, 1])
    0.6666666666666666
    """
    return _averaged("f1", predictions, labels, average, threshold)


def confusion_matrix(
    predictions: Any, labels: Any, classes: int | None = None, threshold: float = 0.0
) -> NDArray[np.int64]:
    """How many samples of each class (row) were taken for each class (column).

    Parameters
    ----------
    predictions, labels, threshold
        Those of `accuracy`; labels -1 and 1 become 0 and 1.
    classes : int, optional
        None: as many as there are scores a sample, or as the labels and predictions need.

    Returns
    -------
    int array, shape (classes, classes)

    Examples
    --------
    >>> confusion_matrix([0, 2, 1, 1], [0, 2, 1, 2])
    array([[1, 0, 0],
           [0, 1, 0],
           [0, 1, 1]])
    """
    chosen, wanted, known = decided("confusion_matrix", predictions, labels, threshold)
    if {*np.unique(chosen).tolist(), *np.unique(wanted).tolist()} <= {-1, 1}:
        chosen, wanted, known = chosen > 0, wanted > 0, 2
    n = classes or known or int(max(chosen.max(), wanted.max())) + 1
    both = np.stack([wanted, chosen]).reshape(2, -1).astype(np.int64)
    if both.min() < 0 or both.max() >= n:
        raise DataError(f"confusion_matrix: classes must lie in 0 to {n - 1}, got {both.min()} to {both.max()}")
    return np.bincount(both[0] * n + both[1], minlength=n * n).reshape(n, n)


# What is measured, from how many were rightly called positive, called positive, and are positive.
RATIOS: Mapping[str, Callable[[Array, Array, Array], tuple[Array, Array]]] = {
    "precision": lambda right, called, are: (right, called),
    "recall": lambda right, called, are: (right, are),
    "f1": lambda right, called, are: (2 * right, called + are),
}


def _averaged(name: str, predictions: Any, labels: Any, average: str | None, threshold: float) -> float:
    chosen, wanted, classes = decided(name, predictions, labels, threshold)
    occurring = np.union1d(chosen, wanted)
    two = classes == 2 or (classes is None and {*occurring.tolist()} <= {-1, 0, 1} and len(occurring) < 3)
    average = average or ("binary" if two else "macro")
    if average not in ("binary", "macro", "micro"):
        raise ArgumentError(f"{name}: average must be 'binary', 'macro' or 'micro', got {average!r}")
    if average == "binary" and not two:
        raise ArgumentError(f"{name}: average='binary' needs two classes, 0 and 1; choose 'macro' or 'micro'")
    positive = np.array([1]) if average == "binary" else occurring
    called, are = (chosen.reshape(-1, 1) == positive), (wanted.reshape(-1, 1) == positive)
    counts = [np.sum(flags, axis=0) for flags in (called & are, called, are)]
    if average == "micro":
        counts = [np.sum(count, keepdims=True) for count in counts]
    part, whole = RATIOS[name](counts[0], counts[1], counts[2])
    return float(np.mean(np.where(whole > 0, part / np.maximum(whole, 1), 0.0)))
