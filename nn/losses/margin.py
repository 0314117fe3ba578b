"""Losses with a margin: hinges, and distances between embeddings."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_edu.errors import ShapeError
from tinygrad_edu.nn.losses.common import class_labels, joined, labels_of, paired, reduced, refuse
from tinygrad_edu.ops.activation import relu

TINY = 1e-12  # PyTorch adds it to squared lengths in cosine_embedding


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
    scores = joined(scores)
    if np.ndim(scores) != 2:
        raise ShapeError(f"hinge: expected scores of shape (batch, classes), got {np.shape(scores)}")
    numbers = class_labels("hinge", labels, np.shape(scores))
    right = scores[np.arange(len(numbers)), numbers][:, None]
    others = np.arange(np.shape(scores)[1]) != numbers[:, None]
    return reduced("hinge", np.sum(relu(scores - right + margin) * others, axis=-1), reduction)


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
    scores, labels = paired("binary_hinge", scores, labels)
    refuse("binary_hinge", labels, lambda y: np.abs(y) == 1, "be -1 or 1 (from 0 and 1: 2 * y - 1)")
    return reduced("binary_hinge", relu(margin - labels * scores), reduction)


def cosine_similarity(x1: Any, x2: Any, axis: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors.

    Parameters
    ----------
    x1, x2 : Value or array, of shapes that broadcast
    axis : int
        Along which a vector lies.
    eps : float
        A shorter vector counts as this long.

    Returns
    -------
    Value, without that axis

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> cosine_similarity(Value([[3.0, 4.0], [1.0, 0.0]]), [[3.0, 4.0], [0.0, 2.0]]).data
    array([1., 0.])
    """
    x1, x2 = joined(x1), joined(x2)
    lengths = (np.maximum(np.linalg.norm(x, axis=axis), eps) for x in (x1, x2))
    return np.sum(x1 * x2, axis=axis) / next(lengths) / next(lengths)


def cosine_embedding(x1: Any, x2: Any, labels: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """1 - cos of pairs that belong together (label 1), max(0, cos - margin) of those that do not (label -1).

    Parameters
    ----------
    x1, x2 : Value or array, shape (batch, features) or (features,)
    labels : array, shape (batch,) or (), each -1 or 1
    margin : float, in [-1, 1]
        Which cosine is far enough.
    reduction : {"mean", "sum", "none"}
        "none": one loss a pair.

    Returns
    -------
    Value

    Raises
    ------
    ShapeError
        If the shapes differ, or there is not one label a pair.
    DataError
        If a label is neither -1 nor 1; names the first one.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> cosine_embedding(Value([[1.0, 0.0], [1.0, 0.0]]), [[0.0, 1.0], [1.0, 0.0]], [1, -1], reduction="none").data
    array([1., 1.])
    """
    x1, x2 = _vectors("cosine_embedding", x1, x2)
    labels = labels_of(labels)
    if labels.shape != np.shape(x1)[:-1]:
        raise ShapeError(f"cosine_embedding: expected labels of shape {np.shape(x1)[:-1]}, got {labels.shape}")
    refuse("cosine_embedding", labels, lambda y: np.abs(y) == 1, "be -1 or 1 (from 0 and 1: 2 * y - 1)")
    squares = (np.sum(np.square(x), axis=-1) + TINY for x in (x1, x2))
    cosine = np.sum(x1 * x2, axis=-1) / np.sqrt(next(squares)) / np.sqrt(next(squares))
    return reduced("cosine_embedding", np.where(labels > 0, 1.0 - cosine, relu(cosine - margin)), reduction)


def triplet_margin(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """max(0, margin + distance to the positive - distance to the negative).

    Parameters
    ----------
    anchor, positive, negative : Value or array, shape (..., features)
    margin : float
    p : float
        The norm that measures distance.
    eps : float
        Added to each difference, as PyTorch does: no distance is 0.
    swap : bool
        Take the negative's distance to the positive where that is smaller.
    reduction : {"mean", "sum", "none"}
        "none": one loss a triplet.

    Returns
    -------
    Value

    Raises
    ------
    ShapeError
        If the shapes differ.

    Notes
    -----
    Balntas et al. (2016), "Learning local feature descriptors with triplets and shallow convolutional neural networks".

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> round(triplet_margin(Value([[0.0, 0.0]]), [[0.0, 1.0]], [[1.5, 0.0]]).item(), 4)
    0.5
    """
    anchor, positive = _vectors("triplet_margin", anchor, positive)
    anchor, negative = _vectors("triplet_margin", anchor, negative)

    def distance(x: Any, y: Any) -> Any:
        return np.linalg.norm(x - y + eps, ord=p, axis=-1)

    far = distance(anchor, negative)
    if swap:
        far = np.minimum(far, distance(positive, negative))
    return reduced("triplet_margin", relu(margin + distance(anchor, positive) - far), reduction)


def _vectors(name: str, x: Any, y: Any) -> tuple[Any, Any]:
    x, y = joined(x), joined(y)
    if np.shape(x) != np.shape(y) or not np.ndim(x):
        raise ShapeError(f"{name}: expected vectors of one shape (..., features), got {np.shape(x)} and {np.shape(y)}")
    return x, y
