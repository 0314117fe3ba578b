"""Lines through the inputs: along one coordinate, or along many at once with random signs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np

from tinygrad_edu.check.claims import Array
from tinygrad_edu.check.intervals import Sample
from tinygrad_edu.check.roughness import DEVIATIONS, roughness
from tinygrad_edu.check.subjects import Subject

SHAKES: Final = (44, 38, 32, 26, 20, 14)  # octaves by which all inputs move,
GROWS: Final = 8.0  # what grows by more from one to the next is no noise: a kink grows in proportion
STEP: Final = 2.0**-8  # and the step of the quotient that is looked at meanwhile


def scales(x: Array) -> Array:
    """A power of two for each entry: its own magnitude; for a zero, that of its neighbours, or 1.

    Powers of two leave steps exact.

    Examples
    --------
    >>> scales(np.array([3.0, -1e-12, 0.0, 0.7])).tolist()[::3]
    [2.0, 0.5]
    """
    exponents = np.frexp(np.abs(x))[1] - 1
    ordinary = np.isfinite(x) & (x != 0)
    typical = int(np.median(exponents[ordinary])) if ordinary.any() else 0
    return np.asarray(np.ldexp(1.0, np.clip(np.where(ordinary, exponents, typical), -1000, 1000)))


@dataclass(frozen=True)
class Cotangent:
    """Weights for the entries of the result, so that one number is left to differentiate."""

    weights: Array
    only: int | None = None  # the one entry with weight 1, if the others have none
    label: tuple[int, ...] | None = None

    def weigh(self, out: Array, base: Array) -> tuple[float, float]:
        """The weighed change of the result, and the magnitudes summed for it."""
        if self.only is not None:
            return float(out[self.only] - base[self.only]), float(abs(out[self.only]))
        return float(self.weights @ (out - base)), float(np.abs(self.weights) @ np.abs(out))


def cotangents(
    sizes: Array, shape: tuple[int, ...], rng: np.random.Generator, most: int, draws: int = 2
) -> list[Cotangent]:
    """One for each entry of the result if there are at most `most`, else random ones.

    A random one has all weights nonzero, and each entry weighs as `sizes`, its typical magnitude, needs:
    a large entry must not drown a small one in its rounding.
    """
    if sizes.size <= most:
        labels = [None] if shape == () else list(np.ndindex(shape))
        return [Cotangent(row, i, label) for i, (row, label) in enumerate(zip(np.eye(sizes.size), labels, strict=True))]
    weights = rng.uniform(0.5, 1.5, (draws, sizes.size)) * rng.choice((-1.0, 1.0), (draws, sizes.size))
    return [Cotangent(row / scales(sizes)) for row in weights]


@dataclass
class Line:
    """A subject along a line: its results are kept, so that every cotangent shares them.

    Parameters
    ----------
    subject : Subject
    directions : mapping of argument position to array
        How a step of 1 moves each argument.
    """

    subject: Subject
    directions: Mapping[int, Array]
    _seen: dict[float, tuple[Array | None, dict[int, Array]]] = field(default_factory=dict)

    def at(self, t: float) -> tuple[Array | None, dict[int, Array]]:
        """The result at t, and by argument how far rounding put the point from where it should be."""
        if t not in self._seen:
            points = list(self.subject.inputs)
            strayed = {}
            for i, direction in self.directions.items():
                x = self.subject.inputs[i]
                points[i] = np.asarray(x + t * direction)
                stray = np.abs((points[i] - x) - t * direction)
                if stray.any():
                    strayed[i] = stray
            self._seen[t] = self.subject.evaluate(points), strayed
        return self._seen[t]

    def along(self, cotangent: Cotangent, slopes: Mapping[int, Array]) -> Callable[[float], Sample | None]:
        """The line seen by one cotangent; `slopes`, the claimed gradients, weigh the points' own rounding."""

        def sample(t: float) -> Sample | None:
            out, strayed = self.at(t)
            if out is None:
                return None
            change, magnitude = cotangent.weigh(out, self.subject.base)
            blur = sum(float(np.sum(np.abs(slopes[i]) * stray)) for i, stray in strayed.items())
            return Sample(t, change, self.subject.unit * magnitude + (blur if np.isfinite(blur) else 0.0))

        return sample


@dataclass
class Coordinate:
    """A subject along one entry of one argument; steps are those really taken."""

    subject: Subject
    argument: int
    position: int
    scale: float
    _seen: dict[float, tuple[float, Array | None]] = field(default_factory=dict)

    def at(self, t: float) -> tuple[float, Array | None]:
        """The step that floating point allows, and the result there."""
        if t not in self._seen:
            points = list(self.subject.inputs)
            moved = points[self.argument].copy()
            old = moved.flat[self.position]
            moved.flat[self.position] = old + self.scale * t
            step = float((moved.flat[self.position] - old) / self.scale)
            points[self.argument] = moved
            self._seen[t] = step, None if step == 0.0 or not np.isfinite(step) else self.subject.evaluate(points)
        return self._seen[t]

    def along(self, cotangent: Cotangent) -> Callable[[float], Sample | None]:
        """The line seen by one cotangent."""

        def sample(t: float) -> Sample | None:
            step, out = self.at(t)
            if out is None:
                return None
            change, magnitude = cotangent.weigh(out, self.subject.base)
            return Sample(step, change, self.subject.unit * magnitude)

        return sample


@dataclass
class Shaken:
    """A difference quotient while all inputs move: other inputs' rounding, inside the function, moves it too.

    Parameters
    ----------
    subject : Subject
    everywhere : mapping of argument position to array
        How a shake of 1 moves each argument.
    direction : mapping of argument position to array
        The direction of the difference quotient.
    """

    subject: Subject
    everywhere: Mapping[int, Array]
    direction: Mapping[int, Array]
    _seen: dict[float, Array | None] = field(default_factory=dict)

    def at(self, t: float) -> Array | None:
        """The difference quotient after a shake by t."""
        if t not in self._seen:
            sides = []
            for step in (STEP, -STEP):
                points = list(self.subject.inputs)
                for move, directions in ((t, self.everywhere), (step, self.direction)):
                    for i, direction in directions.items():
                        points[i] = points[i] + move * direction
                sides.append(self.subject.evaluate(points))
            right, left = sides
            self._seen[t] = None if right is None or left is None else (right - left) / (2 * STEP)
        return self._seen[t]

    def slope(self, cotangent: Cotangent, noise: float) -> float:
        """The bound of what rounding inside the function does to the slope that a cotangent sees.

        What the noise of the function itself explains is none of it.
        """
        level = noise_level(lambda t: self._sample(cotangent, t))
        return level if level > 2 * noise / STEP else 0.0

    def _sample(self, cotangent: Cotangent, t: float) -> Sample | None:
        base, moved = self.at(0.0), self.at(t)
        return None if base is None or moved is None else Sample(t, cotangent.weigh(moved, base)[0], 0.0)


def noise_level(line: Callable[[float], Sample | None]) -> float:
    """The noise that a line shows at any scale: what stays as it is when the scale grows, unlike a kink."""
    levels = [roughness(line, 2.0**-octave) for octave in SHAKES]
    known = [level if np.isfinite(level) else 0.0 for level in levels]
    return DEVIATIONS * max(
        (near for near, far in pairwise(known) if near <= GROWS * far <= GROWS**2 * near), default=0.0
    )
