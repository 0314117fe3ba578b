"""The walk along one line: samples at steps of 2^-octave, and the intervals for the slope that they give."""

import enum
import math
from collections.abc import Callable, Iterable

from tinygrad_edu.check.intervals import CENTRAL, ONE_SIDED, UNIT, Interval, Sample, brackets, intersect, measure

FIRST = (12, 11, 10, 9)  # steps at which a smooth function is cheap to judge

CLEAR = 8.0  # widths of the intervals between the slopes to the two sides that leave no doubt of a kink

Line = Callable[[float], Sample | None]


class Verdict(enum.StrEnum):
    """What the check says about one entry, or about all of them."""

    PASS = "PASS"
    FAIL = "FAIL"
    KINK = "KINK"
    INCONCLUSIVE = "INCONCLUSIVE"


class Walk:
    """The samples of one line, taken when they are needed.

    Parameters
    ----------
    line : callable
        ``line(t)`` gives the change of the function at t; None where it has no value.
    magnitude : float
        The sizes of the numbers that were summed to the function's value at 0.
    noise : float
        A bound of the rounding error of any value, where that is more than the magnitude explains.
    stretch : float
        All steps are multiplied by it: a number between 1 and 2, so that steps are not whole numbers of the
        function's periods.
    reach : int
        How many octaves beyond its own magnitude a coordinate may move, if it comes to that: so much larger
        are others in its array.

    Attributes
    ----------
    central, right, left : Interval or None
        The slope as seen from both sides, from the right, from the left; None where it does not settle.
    at_large : Interval or None
        As `central`, from the larger steps only.
    steepest : float
        The largest difference quotient, by size, at the octaves `FIRST`.

    Examples
    --------
    >>> walk = Walk(lambda t: Sample(t, 3.0 * t + t * t, 0.0), magnitude=1.0)
    >>> walk.take([12, 11, 10, 9])
    >>> walk.central.holds(3.0), walk.bends
    (True, False)
    """

    def __init__(self, line: Line, magnitude: float, noise: float = 0.0, stretch: float = 1.0, reach: int = 0) -> None:
        self.line = line
        self.magnitude = magnitude
        self.noise = noise
        self.rounding = max(noise, UNIT * magnitude)
        self.stretch = stretch
        self.reach = reach
        self.samples: dict[int, tuple[Sample | None, Sample | None]] = {}
        self.central: Interval | None = None
        self.right: Interval | None = None
        self.left: Interval | None = None
        self.at_large: Interval | None = None
        self.steepest = 0.0

    def take(self, octaves: Iterable[int]) -> None:
        """Sample both sides at these octaves, and bring the intervals up to date."""
        for octave in octaves:
            if octave not in self.samples:
                step = self.stretch * 2.0**-octave
                self.samples[octave] = (self._sample(step), self._sample(-step))
        slopes = measure(self.samples, self.rounding)
        central = brackets(slopes.central, CENTRAL)
        self.central = intersect(central, max(slopes.central, default=None))
        self.at_large = intersect(b for b in central if b.octave <= max(FIRST))
        near = [abs(slope.value) for k, slope in slopes.central.items() if k in FIRST]
        self.steepest = max(near, default=0.0)
        self.right = intersect(brackets(slopes.right, ONE_SIDED), max(slopes.right, default=None))
        self.left = intersect(brackets(slopes.left, ONE_SIDED), max(slopes.left, default=None))

    def _sample(self, step: float) -> Sample | None:
        sample = self.line(step)
        if sample is None or not math.isfinite(sample.change):
            return None
        return sample._replace(rounding=max(sample.rounding, self.noise))

    @property
    def slope(self) -> Interval | None:
        """The slope: from both sides, or from the only one on which the function has values."""
        if self.central is not None:
            return self.central
        right = any(pair[0] is not None for pair in self.samples.values())
        left = any(pair[1] is not None for pair in self.samples.values())
        return (self.right if right else self.left) if right != left else None

    @property
    def bends(self) -> bool:
        """Whether the slopes to the two sides differ."""
        return self.right is not None and self.left is not None and self.right.misses(self.left)

    @property
    def bends_clearly(self) -> bool:
        """Whether they differ by more than a few widths of the intervals, which rounding may have made too narrow."""
        right, left = self.right, self.left
        if right is None or left is None:
            return False
        return max(right.low - left.high, left.low - right.high) > CLEAR * (right.half + left.half)

    @property
    def flat(self) -> bool:
        """Whether the function never changed, not even at the largest step."""
        return all(sample is not None and sample.change == 0.0 for pair in self.samples.values() for sample in pair)

    @property
    def variation(self) -> float:
        """The largest change that was seen."""
        return self._change(self.samples)

    @property
    def ripple(self) -> float:
        """The largest change at the octaves `FIRST`."""
        return self._change(FIRST)

    def _change(self, octaves: Iterable[int]) -> float:
        pairs = (self.samples[octave] for octave in octaves if octave in self.samples)
        return max((abs(sample.change) for pair in pairs for sample in pair if sample is not None), default=0.0)
