"""One row of a layered picture: in which order its members stand, and exactly where.

`settle` is the heart of the built-in layout: given where each member would like to be and how far neighbours must stand
apart, it finds the places with the least squared distance to the wishes (isotonic regression, pooling neighbours that
push against each other).
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate


def settle(wishes: Sequence[float], gaps: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The places nearest to the wishes, with neighbours at least `gaps` apart.

    Parameters
    ----------
    wishes : sequence of float
    gaps : sequence of float
        `gaps[i]` is the least distance between member i - 1 and member i; the first is 0.
    weights : sequence of float
        How much each wish counts.

    Examples
    --------
    >>> settle([0.0, 0.0], [0.0, 10.0], [1.0, 1.0])
    [-5.0, 5.0]
    >>> settle([0.0, 50.0], [0.0, 10.0], [1.0, 1.0])
    [0.0, 50.0]
    """
    offsets = list(accumulate(gaps))
    means: list[float] = []
    masses: list[float] = []
    sizes: list[int] = []
    for wish, offset, mass in zip(wishes, offsets, weights, strict=True):
        mean, size = wish - offset, 1
        while means and means[-1] > mean:
            before = masses.pop()
            mean = (means.pop() * before + mean * mass) / (before + mass)
            mass += before
            size += sizes.pop()
        means.append(mean)
        masses.append(mass)
        sizes.append(size)
    found: list[float] = []
    for mean, size in zip(means, sizes, strict=True):
        found.extend([mean] * size)
    return [mean + offset for mean, offset in zip(found, offsets, strict=True)]


def crossings(upper: Sequence[float], lower: Sequence[float]) -> int:
    """How many of these straight edges cross, given where each begins and ends.

    Examples
    --------
    >>> crossings([0, 1], [1, 0]), crossings([0, 1], [0, 1])
    (1, 0)
    """
    count = 0
    seen: list[float] = []  # the ends of the edges that begin before, in order
    for _, end in sorted(zip(upper, lower, strict=True)):
        position = bisect_right(seen, end)
        count += len(seen) - position
        seen.insert(position, end)
    return count
