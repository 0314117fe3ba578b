"""The walk along one line: samples at steps of 2^-octave, and the intervals for the slope that they give."""

import enum
import math
from collections.abc import Iterable, Iterator

import numpy as np

from tinygrad_edu.check.intervals import (
    BEND,
    CENTRAL,
    ONE_SIDED,
    UNIT,
    Bracket,
    Interval,
    Sample,
    Slopes,
    brackets,
    intersect,
    measure,
)
from tinygrad_edu.check.roughness import DEVIATIONS, Jump, Line, jump_between, roughness, spread

FIRST = (12, 11, 10, 9)  # steps at which a smooth function is cheap to judge

FINEST = (49, 48, 47)  # the smallest steps that a float can take a few bits of

ROUNDING = 2.0**-30  # of the function's size

RESOLVED = 2.0**-40  # around a jump at a smaller distance, too few floats are left to tell it from noise
ALIKE, ASIDE = 0.9, 2.0**-10  # beside a jump, the values so close to it change by less than a tenth of its height

CLEAR = 8.0  # half-widths between zero and the difference of the two sides that leave no doubt of a kink
LIKELY = 1.5  # times the middle of a difference of slopes that may be zero
VISIBLE = 10.0  # a change of so many rounding bounds is one
BELOW = 8  # octaves
CLOSER, NEITHER = 0.2, 2.0  # squared rounding bounds
WINDOW = 3  # octaves from one dense look to the next


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
    central : Interval or None
        The slope as seen from both sides; None where it does not settle.
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
        self.steepest = 0.0
        self._found: list[Bracket] = []
        self._sides: dict[str, Interval | None] = {}  # what `_seen_as` has worked out of the samples so far
        self._rough: dict[int, float] = {}
        self._slopes = Slopes({}, {}, {}, {})

    def take(self, octaves: Iterable[int]) -> None:
        """Sample both sides at these octaves, and bring the intervals up to date."""
        for octave in octaves:
            if octave not in self.samples:
                step = self.stretch * 2.0**-octave
                self.samples[octave] = (self._sample(step), self._sample(-step))
        self._see()
        if self.samples.keys() >= {*FINEST}:
            noise = self._noise_close_by()
            if noise <= ROUNDING * max(self.magnitude, self.variation):  # else it is no rounding: a vertical tangent
                self.trust_no_more_than(noise)

    def _noise_close_by(self) -> float:
        """The bound of the noise at the finest steps, over which any function is a parabola on each side."""
        found = [sample for octave in FINEST for sample in self.samples[octave] if sample is not None]
        if len(found) < 2 * len(FINEST):
            return 0.0
        t = np.array([sample.step for sample in found]) * 2.0 ** max(FINEST)
        change = np.array([sample.change for sample in found])
        size = float(np.max(np.abs(change))) or 1.0
        columns = np.stack([t, t * t, np.abs(t), t * np.abs(t)], axis=1)
        rest = change / size - columns @ np.linalg.lstsq(columns, change / size, rcond=None)[0]
        return DEVIATIONS * float(np.linalg.norm(rest)) / math.sqrt(len(found) - columns.shape[1]) * size

    def look_closely(self, finest: int) -> None:
        """Compare the function with polynomials at all scales from this one up, and trust it as far as they agree."""
        level, largest = 0.0, min(self.samples)
        for octave in (*range(finest, largest, -WINDOW), largest):
            found = roughness(self._sample, self.stretch * 2.0**-octave)
            level = max(level, found if math.isfinite(found) else 0.0)
            self._rough[octave] = DEVIATIONS * level
        self._see()

    def trust_no_more_than(self, noise: float) -> None:
        """Raise the bound of the noise."""
        if noise > self.noise:
            self.noise, self.rounding = noise, max(noise, self.rounding)
            for octave, pair in self.samples.items():
                right, left = (s and s.known_to(noise) for s in pair)
                self.samples[octave] = right, left
            self._see()

    def _roughness(self, octave: int) -> float:
        return next((self._rough[k] for k in range(octave, octave - WINDOW, -1) if k in self._rough), 0.0)

    def _see(self) -> None:
        slopes = self._slopes = measure(self.samples, self.rounding, self._roughness)
        self._found = brackets(slopes.central, CENTRAL)
        self.central = intersect(self._found, max(slopes.central, default=None))
        near = [abs(slope.value) for k, slope in slopes.central.items() if k in FIRST]
        self.steepest = max(near, default=0.0)
        self._sides = {}

    def _seen_as(self, side: str, orders: tuple[int, ...]) -> Interval | None:
        """An interval from the quotients of that name, when somebody asks for it: most lines are judged without."""
        if side not in self._sides:
            slopes = getattr(self._slopes, side)
            self._sides[side] = intersect(brackets(slopes, orders), max(slopes, default=None))
        return self._sides[side]

    def is_steady(self, seen: Interval, part: float) -> bool:
        """Whether no difference quotient is further from `seen` than by this part of it, or by its rounding."""
        return all(
            abs(slope.value - seen.middle) <= part * abs(seen.middle) + slope.rounding
            for slope in self._slopes.central.values()
        )

    def elsewhere(self, seen: Interval, value: float, slack: float, width: float) -> int:
        """How many octaves disagree with `seen`, and have a bracket no wider than `width` around `value` instead."""
        return len({
            b.octave for b in self._found
            if b.high - b.low <= width and (b.low > seen.high or b.high < seen.low)
            and b.low - slack <= value <= b.high + slack
        })  # fmt: skip

    def has_other_slope(self, seen: Interval, part: float) -> bool:
        """Whether some larger step tells of another slope than `seen`, to within this part of it."""
        apart = [b for b in self._found if b.low > seen.high or b.high < seen.low]
        return any(b.high - b.low <= part * abs(b.low + b.high) for b in apart)

    def stairs(self, seen: Interval) -> Jump | None:
        """The first jump away from the slope `seen`, if what makes larger steps disagree with it is one."""
        for near, sample in self._outwards():
            away = abs(sample.change - seen.middle * sample.step)
            if away > VISIBLE * (sample.rounding + self.rounding) + 2 * seen.half * abs(sample.step):
                return jump_between(self._sample, near, sample.step, seen.middle)
        return None

    def _outwards(self) -> Iterator[tuple[float, Sample]]:
        """The samples from the smallest step to the largest, each with the step before it on its side."""
        before = [0.0, 0.0]
        for octave in sorted(self.samples, reverse=True):
            for side, sample in enumerate(self.samples[octave]):
                if sample is not None:
                    yield before[side], sample
                    before[side] = sample.step

    def jump_nearby(self) -> Jump | None:
        """The jump that makes larger steps disagree with the smallest ones, if there is one and the rest is smooth."""
        self.take(FINEST)
        fine = [slope.value for k, slope in self._slopes.central.items() if k in FINEST]
        slope = min(fine, key=abs, default=0.0)  # beside a jump at 0, that to the other side
        changes = sorted(self._change([octave]) for octave in FINEST)
        if changes[0] > ALIKE * changes[-1] > VISIBLE * UNIT * self.magnitude:
            return Jump(0.0, changes[-1])
        for near, sample in self._outwards():
            if abs(sample.change - slope * sample.step) > self.noise / DEVIATIONS:
                found = jump_between(self._sample, near, sample.step, slope)
                return found if found is not None and self._is_alone(found, slope) else None
        return None

    def _is_alone(self, jump: Jump, slope: float) -> bool:
        """Whether the values before and after a jump are smooth, as noise's are not."""
        if abs(jump.step) < RESOLVED:
            return False
        for side in (1 - ASIDE, 1 + ASIDE):
            near = [self._sample(jump.step * (side + ASIDE * spread(i) / 2)) for i in range(5)]
            values = [sample.change - slope * sample.step for sample in near if sample is not None]
            if len(values) < 5 or max(values) - min(values) > (1 - ALIKE) * abs(jump.height):
                return False
        return True

    def sides_with(self, value: float, seen: Interval, octave: int) -> bool:
        """Whether quotients of steps below this octave's are closer to `value` than to `seen`, or to neither."""
        near = [
            slope for k, slope in self._slopes.central.items()
            if octave < k <= octave + BELOW and slope.rounding and slope.value
        ]  # fmt: skip
        misfits = [sum(((s.value - v) / s.rounding) ** 2 for s in near) for v in (value, seen.middle)]
        return misfits[0] + CLOSER <= misfits[1] or NEITHER < misfits[1] > misfits[0] / 4

    def _sample(self, step: float) -> Sample | None:
        sample = self.line(step)
        if sample is None or not math.isfinite(sample.change):
            return None
        return sample.known_to(self.noise)

    @property
    def right(self) -> Interval | None:
        """The slope as seen from the right."""
        return self._seen_as("right", ONE_SIDED)

    @property
    def left(self) -> Interval | None:
        """The slope as seen from the left."""
        return self._seen_as("left", ONE_SIDED)

    @property
    def bend(self) -> Interval | None:
        """The slope to the right less that to the left."""
        return self._seen_as("bend", BEND)

    @property
    def at_large(self) -> Interval | None:
        """The slope as seen from both sides, from the larger steps only."""
        return intersect(b for b in self._found if b.octave <= max(FIRST))

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
        return self.bend is not None and not self.bend.holds(0.0)

    @property
    def bends_clearly(self) -> bool:
        """Whether they differ by more than a few widths of the interval, which rounding may have made too narrow."""
        return self.bend is not None and abs(self.bend.middle) > CLEAR * self.bend.half

    @property
    def hull(self) -> Interval | None:
        """Between the slopes to the two sides; those that rounding leaves in doubt are taken as they are likely."""
        seen = self.slope
        if seen is None or self.central is None or self.bend is None:
            return seen
        widest = max(abs(self.bend.low), abs(self.bend.high))
        apart = 0.5 * min(widest, widest if self.bends else LIKELY * abs(self.bend.middle))
        return seen._replace(low=seen.low - apart, high=seen.high + apart)

    @property
    def flat(self) -> bool:
        """Whether the function never changed, not even at the largest step."""
        return all(sample is not None and sample.change == 0.0 for pair in self.samples.values() for sample in pair)

    @property
    def variation(self) -> float:
        """The largest change that was seen."""
        return self._change(self.samples)

    @property
    def own_variation(self) -> float:
        """The same, of steps up to the coordinate's own magnitude."""
        return self._change(octave for octave in self.samples if octave >= 0)

    @property
    def ripple(self) -> float:
        """The largest change at the octaves `FIRST`."""
        return self._change(FIRST)

    def _change(self, octaves: Iterable[int]) -> float:
        pairs = (self.samples[octave] for octave in octaves if octave in self.samples)
        return max((abs(sample.change) for pair in pairs for sample in pair if sample is not None), default=0.0)
