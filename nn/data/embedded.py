"""Real data that comes with the package; source and licence of each set stand in DIGITS.txt and SMALL_SETS.txt."""

from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from .table import Table, load_csv


def digits(rng: np.random.Generator | int | None = None) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Images and labels of 1,797 handwritten digits.

    Parameters
    ----------
    rng : Generator or int, optional
        Shuffles the images; without it they stay in the order of the source.

    Returns
    -------
    images : array, shape (1797, 8, 8)
        Darkness of each pixel, 0 (white) to 1 (black), in steps of 1/16.
    labels : int array, shape (1797,)
        The digit, 0 to 9; each occurs 174 to 183 times.

    Notes
    -----
    Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository,
    CC BY 4.0: its test set, as scikit-learn bundles it.

    Examples
    --------
    >>> images, labels = digits()
    >>> images.shape, labels[:5]
    ((1797, 8, 8), array([0, 1, 2, 3, 4]))
    >>> for row in images[0]:
    ...     print("".join(" .:-=+*#@"[int(8 * dark)] for dark in row).rstrip())
      :*=
      *#+#:
     .#. +=
     :*  ==
     :=  ==
     :+  *-
     .#:+*
      -*+
    """
    with (files(__package__) / "digits.npz").open("rb") as file, np.load(file) as archive:
        images, labels = archive["images"] / 16.0, archive["labels"].astype(np.int64)
    if rng is None:
        return images, labels
    order = np.random.default_rng(rng).permutation(len(labels))
    return images[order], labels[order]


def iris() -> Table:
    """Four measurements of 150 iris flowers of three species.

    Returns
    -------
    Table
        Features (150, 4) in cm: length and width of sepals and petals; targets 0 to 2, 50 of each, in this order.

    Notes
    -----
    Fisher (1936), "The use of multiple measurements in taxonomic problems", as scikit-learn bundles it: the same as
    R's, without the two wrong entries of the UCI repository's.

    Examples
    --------
    >>> table = iris()
    >>> table.features.shape, table.classes
    ((150, 4), ('setosa', 'versicolor', 'virginica'))
    """
    with as_file(files(__package__) / "iris.csv") as path:
        return load_csv(path, target="species")


def sunspots() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The mean number of sunspots of each year from 1700 to 2008: a wave of about eleven years.

    Returns
    -------
    years : int array, shape (309,)
    numbers : array, shape (309,)

    Notes
    -----
    National Geophysical Data Center (NOAA), public domain, as statsmodels bundles it: the old series, before the
    revision of 2015.

    Examples
    --------
    >>> years, numbers = sunspots()
    >>> years[numbers.argmax()], numbers.max()
    (np.int64(1957), np.float64(190.2))
    """
    with as_file(files(__package__) / "sunspots.csv") as path:
        table = load_csv(path, target="sunspots", task="regression")
    return table.features[:, 0].astype(np.int64), table.targets.astype(np.float64)


def first_names() -> tuple[str, ...]:
    """5,163 first names of people in the United States, in small letters a to z, sorted.

    Returns
    -------
    tuple of str
        2 to 11 letters each.

    Notes
    -----
    U.S. Census Bureau (1990), the most frequent female and male first names; public domain.

    Examples
    --------
    >>> names = first_names()
    >>> names[:3], len(names)
    (('aaron', 'abbey', 'abbie'), 5163)
    """
    return tuple((files(__package__) / "first_names.txt").read_text(encoding="ascii").split())
