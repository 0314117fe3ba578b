"""What samples of a function on a line say about its slope: an interval for each step, and their intersection.

Pure numerics: a line is a callable ``sample(t)``, and nothing here knows of gradients or Values.

A difference quotient at step h is off by truncation (the curvature between the points) and by rounding
(the noise of the values, divided by h). Neither is guessed. Two neighbouring steps, h and 2h, differ by
both, and the two follow different laws: truncation shrinks as h^p when h does, rounding grows as 1/h. So
what is seen at one step bounds the others by the weaker of the two laws, and every step gives an
interval that holds the slope. Intervals are intersected from the smallest step outwards. Where they
become disjoint, something is not smooth at that distance, and what lies further out is not used.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import NamedTuple

CENTRAL = (2, 4, 6)  # how the error of a central quotient shrinks with h, and after each extrapolation
ONE_SIDED = (1, 2, 3)
BEND = (1, 3, 5)  # the same for the difference of the two sides
UNIT = 2.0**-52
SLOWEST = 0.75  # differences of neighbouring steps that shrink by less than this prove no convergence
REACH = 8  # the smallest step that tells something is at most so many octaves above the smallest one taken
EXPLAINED = 4.0  # a difference up to so many times its rounding bound is rounding


class Sample(NamedTuple):
    """One point of a line: the step that was really taken, the change of the function, how far off that may be."""

    step: float
    change: float
    rounding: float

    def known_to(self, least: float) -> "Sample":
        """The same point, with no smaller rounding than this."""
        return self._replace(rounding=least) if least > self.rounding else self


class Slope(NamedTuple):
    """A difference quotient, the bound of its rounding error, and the step that was really taken."""

    value: float
    rounding: float
    step: float


class Bracket(NamedTuple):
    """An interval that holds the slope, from the step 2^-octave."""

    low: float
    high: float
    octave: int


class Interval(NamedTuple):
    """An intersection of brackets.

    `brackets` are those that agreed, `broken` is the octave of the first one that did not, or None.
    """

    low: float
    high: float
    brackets: tuple[Bracket, ...] = ()
    broken: int | None = None

    @property
    def middle(self) -> float:
        """The centre."""
        return 0.5 * self.low + 0.5 * self.high

    @property
    def half(self) -> float:
        """Half the width: the error bar."""
        return 0.5 * self.high - 0.5 * self.low

    @property
    def octaves(self) -> int:
        """How many octaves agreed."""
        return len({bracket.octave for bracket in self.brackets})

    def holds(self, value: float, slack: float = 0.0) -> bool:
        """Whether `value`, itself known to within `slack`, can lie inside."""
        return self.low - slack <= value <= self.high + slack

    def witnesses(self, value: float, slack: float = 0.0) -> set[int]:
        """The octaves with a bracket that `value`, itself known to within `slack`, lies outside of."""
        return {b.octave for b in self.brackets if not b.low - slack <= value <= b.high + slack}

    def misses(self, other: "Interval") -> bool:
        """Whether the two have no point in common."""
        return self.low > other.high or other.low > self.high


class Slopes(NamedTuple):
    """The difference quotients of a line by octave: to both sides, to the right, to the left, right less left."""

    central: dict[int, Slope]
    right: dict[int, Slope]
    left: dict[int, Slope]
    bend: dict[int, Slope]


def measure(
    samples: Mapping[int, tuple[Sample | None, Sample | None]],
    rounding: float,
    rough: Callable[[int], float] = lambda octave: 0.0,
) -> Slopes:
    """Difference quotients from samples at +-2^-octave; `rounding` is that of the value in the middle.

    A sample of None (outside the function's domain) leaves the other side usable. No value counts as
    better known than `rough` of its octave.

    Examples
    --------
    >>> slopes = measure({3: (Sample(0.125, 0.25, 0.0), Sample(-0.125, -0.25, 0.0))}, 0.0)
    >>> slopes.central[3].value, slopes.right[3].value, slopes.bend[3].value
    (2.0, 2.0, 0.0)
    """
    slopes = Slopes({}, {}, {}, {})
    for octave, pair in samples.items():
        least = rough(octave)
        right, left = (s and s.known_to(least) for s in pair)
        middle = max(rounding, least)
        for side, sample in ((slopes.right, right), (slopes.left, left)):
            if sample is not None:
                value, step = sample.change / sample.step, abs(sample.step)
                side[octave] = Slope(value, (sample.rounding + middle) / step + 2 * UNIT * abs(value), step)
        if right is not None and left is not None:
            # Exact for parabolas even where the two steps differ by a rounding of x + h.
            after, before = slopes.right[octave].value, slopes.left[octave].value
            width = right.step - left.step
            value = after * (-left.step / width) + before * (right.step / width)
            noise = (right.rounding + left.rounding) / width + 2 * UNIT * max(abs(after), abs(before))
            step = math.sqrt(-left.step) * math.sqrt(right.step)
            slopes.central[octave] = Slope(value, noise, step)
            noise = slopes.right[octave].rounding + slopes.left[octave].rounding
            slopes.bend[octave] = Slope(after - before, noise, step)
    return slopes


def brackets(slopes: Mapping[int, Slope], orders: tuple[int, ...]) -> list[Bracket]:
    """An interval from every run of three neighbouring octaves, and from its Richardson extrapolations.

    A step whose difference from the next does not shrink, or turns, though rounding does not explain it,
    gives none: it is not yet where the laws hold.

    Examples
    --------
    >>> cubic = {k: Slope(3.0 + 4.0**-k, 1e-16 * 2.0**k, 2.0**-k) for k in range(5, 9)}
    >>> [b.low <= 3.0 <= b.high for b in brackets(cubic, CENTRAL)]
    [True, True, True]
    """
    found = []
    level = dict(slopes)
    octaves = sorted(level, reverse=True)
    for order in orders:
        octaves = [k for k in octaves if k - 1 in level]
        moves = {k: level[k - 1].value - level[k].value for k in octaves}
        noise = 0.0  # the largest difference that rounding does not explain, as it would act on a step of 1
        for k in octaves:
            move, slope = abs(moves[k]), level[k]
            known = move <= EXPLAINED * (slope.rounding + level[k - 1].rounding)
            noise = noise if known else max(noise, move * 2.0**-k)
            outer = moves.get(k - 1)
            if outer is None:
                continue
            growth = 1.0
            if not known:
                ratio = moves[k] / outer if outer else math.inf
                if not 0 <= ratio <= SLOWEST:
                    continue
                growth = max(1.0, 2 * ratio / (1 - ratio))  # the rest of a geometric series, twice
            half = slope.rounding + max(growth * move, noise * 2.0**k, abs(outer) / 2.0**order)
            if math.isfinite(half):
                found.append(Bracket(slope.value - half, slope.value + half, k))
        level = {k: _extrapolated(level[k], level[k - 1], order) for k in moves}
    return found


def _extrapolated(inner: Slope, outer: Slope, order: int) -> Slope:
    """The slope at step 0, if the error of both is a multiple of step^order."""
    gain = (outer.step / inner.step) ** order
    value = inner.value + (inner.value - outer.value) / (gain - 1)
    return Slope(value, (gain * inner.rounding + outer.rounding) / (gain - 1), inner.step)


def intersect(found: Iterable[Bracket], finest: int | None = None) -> Interval | None:
    """The common part of the brackets, from the smallest step outwards, up to the first that is disjoint.

    None if there are none near the octave `finest`, the smallest step that was taken: what diverges
    there has no slope, whatever larger steps say.

    Examples
    --------
    >>> agreed = intersect([Bracket(0.0, 2.0, 9), Bracket(1.0, 3.0, 8), Bracket(5.0, 6.0, 7)])
    >>> agreed.low, agreed.high, agreed.broken
    (1.0, 2.0, 7)
    """
    low, high = -math.inf, math.inf
    agreed = []
    broken = None
    for bracket in sorted(found, key=attrgetter("octave"), reverse=True):
        inner_low, inner_high = max(low, bracket.low), min(high, bracket.high)
        if inner_low > inner_high:
            broken = bracket.octave
            break
        low, high = inner_low, inner_high
        agreed.append(bracket)
    if not agreed or (finest is not None and agreed[0].octave < finest - REACH):
        return None
    return Interval(low, high, tuple(agreed), broken)
