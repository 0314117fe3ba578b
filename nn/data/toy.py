"""Toy classification problems: points (n, 2) and integer labels (n,), shuffled.

`rng` (a Generator, a seed, or None for fresh randomness) draws the noise and the order. `noise` is the standard
deviation of the normal noise added to each coordinate. Samples are shared evenly between the classes; when that does
not come out even, the last classes get one more.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu.errors import DataError

Points = NDArray[np.float64]
Labels = NDArray[np.int64]
Rng = np.random.Generator | int | None


def moons(n_samples: int = 100, noise: float = 0.0, rng: Rng = None) -> tuple[Points, Labels]:
    """Two interleaving half circles.

    Returns
    -------
    points : array, shape (n_samples, 2)
    labels : int array, shape (n_samples,)
        0 on the upper moon (cos t, sin t), 1 on the lower (1 - cos t, 1/2 - sin t), with t evenly from 0 to pi.

    Notes
    -----
    The geometry of scikit-learn's ``make_moons``.

    Examples
    --------
    >>> points, labels = moons(4, rng=0)
    >>> for point, label in sorted(zip(points.round(2).tolist(), labels.tolist())):
    ...     print(point, label)
    [-1.0, 0.0] 0
    [0.0, 0.5] 1
    [1.0, 0.0] 0
    [2.0, 0.5] 1
    """

    def moon(label: int, n: int) -> Points:
        t = np.linspace(0.0, math.pi, n)
        return _columns(np.cos(t), np.sin(t)) if label == 0 else _columns(1.0 - np.cos(t), 0.5 - np.sin(t))

    return _make(moon, 2, n_samples, noise, rng)


def circles(n_samples: int = 100, noise: float = 0.0, rng: Rng = None, factor: float = 0.5) -> tuple[Points, Labels]:
    """Two circles around the origin, one inside the other.

    Parameters
    ----------
    factor : float, in (0, 1)
        Radius of the inner circle.

    Returns
    -------
    points : array, shape (n_samples, 2)
    labels : int array, shape (n_samples,)
        0 on the outer circle (cos t, sin t), 1 on the inner (factor cos t, factor sin t), t evenly over [0, 2 pi).

    Examples
    --------
    >>> points, labels = circles(100, rng=0)
    >>> for label in (0, 1):
    ...     print(label, np.unique(np.hypot(*points[labels == label].T).round(6)))
    0 [1.]
    1 [0.5]
    """
    if not 0.0 < factor < 1.0:
        raise DataError(f"circles: factor must lie between 0 and 1, the radius of the outer circle, but is {factor!r}")

    def circle(label: int, n: int) -> Points:
        t = np.linspace(0.0, 2.0 * math.pi, n, endpoint=False)
        return _columns(np.cos(t), np.sin(t)) * (1.0, factor)[label]

    return _make(circle, 2, n_samples, noise, rng)


def spirals(
    n_samples: int = 100, noise: float = 0.0, rng: Rng = None, arms: int = 2, turns: float = 1.0
) -> tuple[Points, Labels]:
    """Spiral arms that wind out of the origin, one a class.

    Parameters
    ----------
    arms : int, at least 2
        Number of arms, so of classes.
    turns : float
        How often an arm winds around the origin.

    Returns
    -------
    points : array, shape (n_samples, 2)
    labels : int array, shape (n_samples,)
        k on the arm t (cos a, sin a), a = 2 pi (turns t + k / arms), with t evenly over (0, 1].

    Examples
    --------
    >>> points, labels = spirals(300, arms=3, rng=0)
    >>> points.shape, np.bincount(labels)
    ((300, 2), array([100, 100, 100]))
    """
    if arms < 2:
        raise DataError(f"spirals: arms must be at least 2, one a class, but is {arms!r}")

    def arm(label: int, n: int) -> Points:
        t = np.arange(1, n + 1) / n
        angle = 2.0 * math.pi * (turns * t + label / arms)
        return _columns(t * np.cos(angle), t * np.sin(angle))

    return _make(arm, arms, n_samples, noise, rng)


def xor(n_samples: int = 100, noise: float = 0.0, rng: Rng = None) -> tuple[Points, Labels]:
    """The exclusive or of two bits: the corners of the unit square, again and again.

    Returns
    -------
    points : array, shape (n_samples, 2)
    labels : int array, shape (n_samples,)
        0 at (0, 0) and (1, 1), 1 at (0, 1) and (1, 0).

    Examples
    --------
    >>> points, labels = xor(4, rng=0)
    >>> for point, label in sorted(zip(points.tolist(), labels.tolist())):
    ...     print(point, label)
    [0.0, 0.0] 0
    [0.0, 1.0] 1
    [1.0, 0.0] 1
    [1.0, 1.0] 0
    """

    def corners(label: int, n: int) -> Points:
        first = np.arange(n) % 2
        return _columns(first, first ^ label)

    return _make(corners, 2, n_samples, noise, rng)


def blobs(
    n_samples: int = 100, noise: float = 1.0, rng: Rng = None, centers: int | ArrayLike = 3
) -> tuple[Points, Labels]:
    """Normal clouds around centres, one a class.

    Parameters
    ----------
    centers : int, or array of shape (classes, features)
        The centres, or how many to draw uniformly from the square [-10, 10] x [-10, 10].

    Returns
    -------
    points : array, shape (n_samples, features), features being 2 when the centres are drawn
    labels : int array, shape (n_samples,)
        The index of the centre.

    Examples
    --------
    >>> points, labels = blobs(1000, noise=0.1, centers=[[0, 0, 1], [5, 5, 5]], rng=0)
    >>> points[labels == 1].mean(axis=0).round(1)
    array([5., 5., 5.])
    """
    rng = np.random.default_rng(rng)
    if isinstance(centers, (int, np.integer)):
        where = rng.uniform(-10.0, 10.0, (int(centers), 2))
    else:
        where = np.asarray(centers, dtype=np.float64)
    if where.ndim != 2 or len(where) < 2 or where.shape[1] < 1:
        raise DataError(
            f"blobs: centers must be a count of at least 2 or an array of shape (classes, features) with at least "
            f"2 rows, but gives shape {where.shape}"
        )
    return _make(lambda label, n: np.tile(where[label], (n, 1)), len(where), n_samples, noise, rng)


def _columns(x: ArrayLike, y: ArrayLike) -> Points:
    return np.stack([x, y], axis=1, dtype=np.float64)


def _make(
    shape_of_class: Callable[[int, int], Points], classes: int, n_samples: int, noise: float, rng: Rng
) -> tuple[Points, Labels]:
    if n_samples < classes:
        raise DataError(f"n_samples must be at least {classes}, one for each class, but is {n_samples!r}")
    if not 0.0 <= noise < math.inf:
        raise DataError(f"noise is a standard deviation, so 0 or more and finite, but is {noise!r}")
    rng = np.random.default_rng(rng)
    counts = [n_samples // classes + (label >= classes - n_samples % classes) for label in range(classes)]
    labels = np.repeat(np.arange(classes), counts)
    points = np.concatenate([shape_of_class(label, n) for label, n in enumerate(counts)])
    points = points + rng.normal(0.0, noise, points.shape)
    order = rng.permutation(n_samples)
    return points[order], labels[order]
