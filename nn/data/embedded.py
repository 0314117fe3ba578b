"""Real data that comes with the package; source and licence stand in DIGITS.txt."""

from importlib.resources import files

import numpy as np
from numpy.typing import NDArray


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
