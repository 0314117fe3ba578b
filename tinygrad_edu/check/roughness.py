"""How a function departs from smooth ones at a scale: what a polynomial on each side leaves over, and jumps.

Pure numerics on lines, as in `intervals`. Rounding inside a function makes stairs: flat, or of a slope of
their own, with jumps between. Close by they are not seen, and further out they are noise that no
difference of close values shows.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np

from tinygrad_edu.check.intervals import Sample

POINTS, STRAY = 26, 3  # values that tell how rough a scale is, and how many of them may be left out
DEVIATIONS: Final = 5.0  # of what is left over, taken as its bound
DEGREE: Final = 4  # of the polynomial on each side
FEW, LOOKS = 8, 20  # values that tell flat stairs, and the noise of a small neighbourhood
EXACT: Final = 2.0**-50  # steps that are multiples of this part of a coordinate's scale are exact
NEIGHBOURHOODS: Final = tuple(5.4 * 2.0**-k for k in (48, 42, 36, 30, 24, 18, 12))
GOLDEN: Final = (math.sqrt(5) - 1) / 2  # its multiples, modulo 1, are spread evenly,
JITTER: Final = 0.02  # and so shifted that they are no whole numbers of anything
HALVINGS: Final = 45
RESOLUTION: Final = 2.0**-51  # below it, no step is taken as it is asked for
STEEP: Final = 64.0
LASTS: Final = 2.0**-15  # a change of which so much is left after them is a jump, or one of several

Array = np.ndarray[Any, np.dtype[np.float64]]
Line = Callable[[float], Sample | None]


def roughness(line: Line, step: float) -> float:
    """The standard deviation of what polynomials do not explain between -step and step; nan if too little is known.

    Examples
    --------
    >>> wave = lambda t: Sample(t, math.sin(t), 0.0)
    >>> stairs = lambda t: Sample(t, math.floor(t * 2.0**20) / 2.0**20, 0.0)
    >>> roughness(wave, 0.01) < 1e-14, 1e-7 < roughness(stairs, 0.01) < 1e-6
    (True, True)
    """
    found = [line(step * spread(i)) for i in range(1, POINTS + 1)]
    known = [sample for sample in found if sample is not None and math.isfinite(sample.change)]
    if len(known) < POINTS * 3 // 4:
        return math.nan
    t = np.array([sample.step for sample in known]) / step
    change = np.array([sample.change for sample in known])
    size = float(np.max(np.abs(change)))
    if size == 0.0:
        return 0.0
    return leftover(t, change / size, STRAY) * size


def leftover(t: Array, values: Array, strays: int = 0) -> float:
    """The standard deviation of values from the nearest two polynomials, one for each side: kinks near 0 are smooth.

    The `strays` values that fit worst are left out: they may lie between 0 and a kink beside it.
    """
    powers = t[:, None] ** np.arange(DEGREE + 1)
    columns = np.concatenate([powers, np.sign(t)[:, None] * powers], axis=1)
    rest = values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0]
    if strays:
        best = np.argsort(np.abs(rest))[: len(t) - strays]
        columns, values = columns[best], values[best]
        rest = values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0]
    return float(np.linalg.norm(rest)) / math.sqrt(len(values) - columns.shape[1])


def estimate_noise(values: Callable[[float], float], most: float = math.inf) -> float:
    """The standard deviation of the rounding noise of a function near 0, from values at uneven distances.

    Parameters
    ----------
    values : callable
        ``values(t)``, the change from 0 to t; nan where the function has no value.
    most : float
        Distances grow until most values differ from each other, and then once more, since noise may take
        room to show. What the second look shows counts up to this level; more would be the function itself.

    Returns
    -------
    float
        0.0 if the values never change.

    Examples
    --------
    >>> grid = 2.0**-20
    >>> 0.1 * grid < estimate_noise(lambda t: round((3 * t + t * t) / grid) * grid) < 2 * grid
    True
    """
    far = NEIGHBOURHOODS[-1]
    if values(far) == 0.0 == values(-far):
        return 0.0
    level, looks = 0.0, 0
    for window in NEIGHBOURHOODS:
        steps = [EXACT * round(window * spread(i) / EXACT) for i in range(1, LOOKS + 1)]
        row = {t: v for t in steps[:FEW] if math.isfinite(v := values(t))}
        heights = sorted(set(row.values()))
        if heights and len(heights) <= len(row) // 2:
            level = max([level, *(b - a for a, b in pairwise(heights))])  # stairs
            continue
        row |= {t: v for t in steps[FEW:] if math.isfinite(v := values(t))}
        if len(row) < LOOKS * 3 // 4:
            continue
        size = max(map(abs, row.values()))
        found = leftover(np.array([*row]) / window, np.array([*row.values()]) / size) * size
        level = max(level, found if looks == 0 or found <= most else 0.0)
        looks += 1
        if looks == 2:
            break
    return level


def spread(i: int) -> float:
    """Numbers between -1 and 1, evenly spread, with no common distance: stairs as wide as one would look straight."""
    shift = JITTER * math.modf(i * i * math.sqrt(2))[0]
    return 2 * math.modf(0.5 + i * GOLDEN + shift)[0] - 1


class Jump(NamedTuple):
    """Where a function jumps, and by how much."""

    step: float
    height: float


def jump_between(line: Line, near: float, far: float, slope: float = 0.0) -> Jump | None:
    """The jump between two steps on one side, if the change between them, less that of `slope`, is one.

    Examples
    --------
    >>> jump_between(lambda t: Sample(t, 3.0 * (t > 0.3), 0.0), 0.1, 1.0).height
    3.0
    >>> jump_between(lambda t: Sample(t, max(0.0, t - 0.3), 0.0), 0.1, 1.0) is None
    True
    """

    def away(t: float) -> float:
        sample = line(t) if t else Sample(0.0, 0.0, 0.0)
        return math.nan if sample is None else sample.change - slope * sample.step

    low, high = away(near), away(far)
    first, distance = abs(high - low), abs(far - near)
    for _ in range(HALVINGS):
        if abs(far - near) < RESOLUTION:
            break
        middle = 0.5 * near + 0.5 * far
        between = away(middle)
        if not math.isfinite(between):
            return None
        if abs(between - low) >= abs(high - between):
            far, high = middle, between
        else:
            near, low = middle, between
    least = max(LASTS, STEEP * abs(far - near) / distance)  # what is steep shrinks with the distance
    return Jump(far, high - low) if abs(high - low) >= least * first > 0 else None
