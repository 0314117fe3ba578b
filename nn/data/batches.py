"""What one does with arrays before and while training: split, standardise, encode, cut into batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu.errors import DataError

Array = NDArray[Any]
Rng = np.random.Generator | int | None
BLOCK = 1 << 20  # bytes of samples that are taken at a time: they are still in the cache when they are used


def train_test_split(
    *arrays: ArrayLike, test_fraction: float = 0.2, rng: Rng = None, stratify: ArrayLike | None = None
) -> tuple[Array, ...]:
    """Two shuffled parts of each array: one to train on, one held out.

    Parameters
    ----------
    *arrays : arrays of equal length
        Row i of each belongs to sample i.
    test_fraction : float, in (0, 1)
        Share of the held-out part, rounded to whole samples; each part gets at least one.
    rng : Generator or int, optional
        Draws who is held out.
    stratify : class labels, one a sample, optional
        Splits each class by itself, so that both parts have the classes in the same proportion.

    Returns
    -------
    tuple of arrays
        ``(a_train, a_test, b_train, b_test, ...)``, as scikit-learn returns them.

    Raises
    ------
    DataError
        If the lengths differ, the fraction lies outside (0, 1), or there are fewer than two samples (of a class).

    Examples
    --------
    >>> x, y = np.arange(10), np.array([0, 1] * 5)
    >>> x_train, x_test, y_train, y_test = train_test_split(x, y, stratify=y, rng=0)
    >>> len(x_train), len(x_test), np.bincount(y_test)
    (8, 2, array([1, 1]))
    """
    if not 0.0 < test_fraction < 1.0:
        raise DataError(f"test_fraction must lie between 0 and 1, but is {test_fraction!r}")
    columns = [np.asarray(array) for array in arrays]
    n = _common_length(columns)
    if stratify is None:
        classes = [np.arange(n)]
    else:
        labels = np.asarray(stratify)
        _common_length([*columns, labels])
        classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    rng = np.random.default_rng(rng)
    train, test = [], []
    for members in classes:
        if len(members) < 2:
            what = "the data" if stratify is None else f"class {labels[members[0]]!s}"
            raise DataError(f"cannot split {what} in two: {len(members)} sample(s), and each part needs one")
        held_out = min(max(round(len(members) * test_fraction), 1), len(members) - 1)
        members = rng.permutation(members)
        test.append(members[:held_out])
        train.append(members[held_out:])
    parts = [rng.permutation(np.concatenate(part)) for part in (train, test)]
    return tuple(column[part] for column in columns for part in parts)


def minibatches(
    arrays: Sequence[Array], batch_size: int, rng: Rng = None, shuffle: bool = True, drop_last: bool = False
) -> Iterator[tuple[Array, ...]]:
    """One epoch: every sample once, in batches.

    Parameters
    ----------
    arrays : sequence of arrays of equal length, such as ``(x, y)``
    batch_size : int, from 1 to the number of samples
    rng : Generator or int, optional
        Draws the order. Hand in one Generator for all epochs: a seed gives each the same order.
    shuffle : bool
        Whether to draw an order at all.
    drop_last : bool
        Leaves out the last batch when it is smaller than the others.

    Yields
    ------
    tuple of arrays, one batch of each

    Raises
    ------
    DataError
        At once, not at the first batch: if the lengths differ or the batch is larger than the data.

    Examples
    --------
    >>> x, y = np.arange(5), np.arange(5) ** 2
    >>> for a, b in minibatches((x, y), batch_size=2, shuffle=False):
    ...     print(a, b)
    [0 1] [0 1]
    [2 3] [4 9]
    [4] [16]
    """
    if isinstance(arrays, np.ndarray):
        raise DataError("minibatches takes a tuple of arrays; for one array x write minibatches((x,), ...)")
    columns = [np.asarray(array) for array in arrays]
    n = _common_length(columns)
    if not 1 <= batch_size <= n:
        raise DataError(f"batch_size must lie between 1 and the number of samples ({n}), but is {batch_size!r}")
    order = np.random.default_rng(rng).permutation(n) if shuffle else np.arange(n)
    return _drawn(columns, order[: n - n % batch_size] if drop_last else order, batch_size)


def _drawn(columns: Sequence[Array], order: NDArray[np.int64], batch_size: int) -> Iterator[tuple[Array, ...]]:
    """Rows in this order, cut into batches; taken many batches at a time, in new memory."""
    sample = sum(column.nbytes for column in columns) // len(columns[0])
    block = batch_size * max(1, BLOCK // max(1, batch_size * sample))
    for start in range(0, len(order), block):
        rows = order[start : start + block]
        taken = [column.take(rows, axis=0) for column in columns]
        for at in range(0, len(rows), batch_size):
            yield tuple([column[at : at + batch_size] for column in taken])


@dataclass(frozen=True, eq=False)
class Standardizer:
    """Brings columns to mean 0 and standard deviation 1, as measured on the training data by `standardize`.

    Attributes
    ----------
    mean, std : arrays, shape (columns,) or whatever one sample's shape is
        A constant column has std 1 here, so it becomes 0.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    def __call__(self, features: ArrayLike) -> NDArray[np.float64]:
        """``(features - mean) / std``."""
        array = np.asarray(features, dtype=np.float64)
        if array.shape[1:] != self.mean.shape:
            raise DataError(f"standardized samples have shape {self.mean.shape}, these have {array.shape[1:]}")
        return (array - self.mean) / self.std


def standardize(features: ArrayLike) -> Standardizer:
    """The standardisation that fits these (training) features; call it on them and on all others.

    Parameters
    ----------
    features : array, shape (samples, ...)

    Returns
    -------
    Standardizer

    Raises
    ------
    DataError
        If there are no samples or a value is NaN or infinite.

    Examples
    --------
    >>> scale = standardize([[1.0, 5.0], [3.0, 5.0]])
    >>> scale.mean, scale.std
    (array([2., 5.]), array([1., 1.]))
    >>> scale([[1.0, 5.0], [4.0, 6.0]])
    array([[-1.,  0.],
           [ 2.,  1.]])
    """
    array = np.asarray(features, dtype=np.float64)
    if array.ndim < 1 or not len(array):
        raise DataError(f"standardize needs at least one sample along the first axis, but got shape {array.shape}")
    if not np.isfinite(array).all():
        raise DataError("standardize: the features hold NaN or infinite values")
    mean, std = array.mean(axis=0), array.std(axis=0)
    constant = np.all(array == array[0], axis=0)  # std of a constant column is rounding noise, not always 0
    return Standardizer(np.where(constant, array[0], mean), np.where(constant | (std == 0), 1.0, std))


def one_hot(labels: ArrayLike, classes: int) -> NDArray[np.float64]:
    """Rows that are 1 at the label and 0 elsewhere.

    Parameters
    ----------
    labels : int array, shape (...), each in [0, classes)
    classes : int

    Returns
    -------
    array, shape (..., classes)

    Raises
    ------
    DataError
        If the labels are not integers or one lies outside [0, classes); names the first such.

    Examples
    --------
    >>> one_hot([1, 0, 2], classes=3)
    array([[0., 1., 0.],
           [1., 0., 0.],
           [0., 0., 1.]])
    """
    array = np.asarray(labels)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise DataError(
            f"one_hot: labels must be integers, but are {array.dtype}; labels.astype(int) if they are whole"
        )
    outside = array[(array < 0) | (array >= classes)]
    if outside.size:
        raise DataError(f"one_hot: label {outside.flat[0]} lies outside 0 to {classes - 1} (classes={classes})")
    return np.eye(classes)[array.astype(np.int64)]


def _common_length(columns: Sequence[Array]) -> int:
    lengths = [len(column) if column.ndim else None for column in columns]
    if not lengths or None in lengths or len(set(lengths)) != 1:
        raise DataError(
            f"the arrays must have one row a sample, all the same number, but have shapes {[c.shape for c in columns]}"
        )
    return len(columns[0])
