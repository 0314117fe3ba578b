"""The loss of label sequences without alignment."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu.errors import DataError, ShapeError
from tinygrad_edu.nn.losses.common import joined, labels_of, like, reduced
from tinygrad_edu.ops.activation import logsumexp

LOG_ZERO = -1e30  # the logarithm of "impossible": finite, so that no gradient is NaN


def ctc(
    log_probs: Any,
    targets: Any,
    input_lengths: ArrayLike,
    target_lengths: ArrayLike,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """Minus the log-probability of label sequences, summed over all ways in which the outputs can spell them.

    Parameters
    ----------
    log_probs : Value or array, shape (time, batch, classes) or (time, classes)
        Logarithms of probabilities (after `log_softmax`).
    targets : int array, shape (batch, longest), or all labels one after the other
    input_lengths, target_lengths : int arrays, shape (batch,)
        How many steps, and labels, of each sample count.
    blank : int
        The class that separates labels and stands for none.
    reduction : {"mean", "sum", "none"}
        "mean": each loss over the length of its target, then averaged. "none": one loss a sample.
    zero_infinity : bool
        Whether a target that does not fit into its steps has loss 0 instead of infinity; its gradient is 0 in any case.

    Returns
    -------
    Value

    Raises
    ------
    ShapeError
        If the shapes or lengths do not go together.
    DataError
        If a label is out of range or the blank.

    Notes
    -----
    Graves et al. (2006), "Connectionist temporal classification", equations 6 to 8 in logarithms: the forward
    recursion, made of differentiable operations.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> log_probs = Value(np.log(np.full((2, 1, 2), 0.5)))  # three of the four paths of two steps spell "1"
    >>> round(float(np.exp(-ctc(log_probs, [[1]], [2], [1]).item())), 6)
    0.75
    """
    log_probs = joined(log_probs)
    single = np.ndim(log_probs) == 2
    if single:
        log_probs = log_probs[:, None]
    if np.ndim(log_probs) != 3:
        raise ShapeError(f"ctc: expected log_probs of shape (time, batch, classes), got {np.shape(log_probs)}")
    labels, steps, counts = _checked(np.shape(log_probs), targets, input_lengths, target_lengths, blank)
    steps_needed = counts + [
        int((row[1:n] == row[: max(n - 1, 0)]).sum()) for row, n in zip(labels, counts, strict=True)
    ]
    batch = np.arange(len(labels))
    spelled = np.full((len(labels), 2 * labels.shape[1] + 1), blank)  # blank, label, blank, label, ..., blank
    spelled[:, 1::2] = labels
    # Two places back may be skipped over the blank between different labels.
    skips = np.zeros(spelled.shape, dtype=bool)
    skips[:, 2:] = (spelled[:, 2:] != blank) & (spelled[:, 2:] != spelled[:, :-2])
    emitted = np.maximum(log_probs[:, batch[:, None], spelled], LOG_ZERO)
    places = np.arange(spelled.shape[1])
    alpha = np.where(places < np.minimum(2 * counts + 1, 2)[:, None], emitted[0], LOG_ZERO)
    walls = np.full((len(labels), 2), LOG_ZERO, dtype=np.result_type(log_probs))
    for t in range(1, int(steps.max(initial=0))):
        back1 = np.concatenate([walls[:, :1], alpha], axis=1)[:, :-1]
        back2 = np.where(skips, np.concatenate([walls, alpha], axis=1)[:, :-2], LOG_ZERO)
        moved = logsumexp(np.stack([alpha, back1, back2]), axis=0) + emitted[t]
        alpha = np.where((t < steps)[:, None], moved, alpha)
    last, before = alpha[batch, 2 * counts], alpha[batch, np.maximum(2 * counts - 1, 0)]
    ends = np.where(counts > 0, np.logaddexp(last, before), last)
    fits = steps_needed <= steps
    losses = np.where(fits, -ends, 0.0 if zero_infinity else np.inf)
    if reduction == "mean":
        losses = losses / like(np.maximum(counts, 1), log_probs)
    return reduced("ctc", losses[0] if single and reduction == "none" else losses, reduction)


def _checked(
    shape: tuple[int, ...], targets: Any, input_lengths: ArrayLike, target_lengths: ArrayLike, blank: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Labels as rows of equal length (padded with a class that is not the blank), and the lengths."""
    time, batch, classes = shape
    steps, counts = (np.atleast_1d(np.asarray(lengths)) for lengths in (input_lengths, target_lengths))
    given = labels_of(targets)
    for name, lengths, most in (("input_lengths", steps, time), ("target_lengths", counts, given.shape[-1])):
        if (
            lengths.shape != (batch,)
            or lengths.dtype.kind not in "iu"
            or not ((lengths >= 0) & (lengths <= most)).all()
        ):
            raise ShapeError(f"ctc: {name} must be {batch} whole numbers of at most {most}, got {lengths}")
    if given.ndim == 1 and counts.sum() == len(given):
        rows = np.split(given, np.cumsum(counts)[:-1])
    elif given.ndim == 2 and len(given) == batch:
        rows = [row[:n] for row, n in zip(given, counts, strict=True)]
    elif given.ndim == 1 and batch == 1:
        rows = [given[: counts[0]]]
    else:
        raise ShapeError(
            f"ctc: expected targets of shape ({batch}, longest), or all {counts.sum()} labels in a row, "
            f"got {given.shape}"
        )
    labels = np.full((batch, max(map(len, rows), default=0)), int(blank == 0))
    for row, wanted in zip(labels, rows, strict=True):
        wrong = [label for label in wanted.tolist() if not 0 <= label < classes or label == blank]
        if wrong:
            raise DataError(f"ctc: labels must lie in 0 to {classes - 1} and not be the blank {blank}, got {wrong[0]}")
        row[: len(wanted)] = wanted
    return labels, steps, counts
