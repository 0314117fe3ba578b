"""The comparison itself: every entry of every input, or random projections with some entries drawn at random."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from tinygrad_edu.check.branches import switches, told
from tinygrad_edu.check.claims import Array, Claim
from tinygrad_edu.check.findings import Doubts, Finding
from tinygrad_edu.check.intervals import Sample
from tinygrad_edu.check.judge import SHARP, judge
from tinygrad_edu.check.lines import Coordinate, Cotangent, Line, Shaken, cotangents, noise_level, scales
from tinygrad_edu.check.report import Entry
from tinygrad_edu.check.roughness import DEVIATIONS, estimate_noise
from tinygrad_edu.check.subjects import Subject
from tinygrad_edu.check.ties import Corner, direction, tied
from tinygrad_edu.check.walk import FIRST, Verdict, Walk

ROUGHEST: Final = 2.0**-20  # of the magnitude: noise beyond is none
ROUGH: Final = 2.0**-26  # noise at larger steps counts up to this part of the magnitude; beyond, it is the function
WIDE: Final = 0.125  # the step at which the entries of a result show how much they vary
JACOBIAN: Final = 2000  # full Jacobians with at most so many entries are checked entry by entry,
OUTPUTS: Final = 64  # if the result has at most so many: each costs backward passes
NEGLIGIBLE: Final = 1e-6  # of the largest entry of a gradient: an error bar below is small enough for any entry
ALIKE: Final = 20  # octaves between the scales of entries whose gradients can be compared
UNEVEN: Final = (-1.0, -0.75, -0.5, 0.5, 0.75, 1.0)  # moves of all inputs at once; equal ones may cancel in a sum
PROJECTIONS: Final = 8
AXES: Final = 8
ASKEW: Final = 1e-3  # a direction that keeps a tie is known as well as the kinks are
TIED: Final = "each may lie between two slopes, but together they keep their tie, and so must add up to one slope"
CERTAIN: Final = 3  # failures of one argument after which others get no second look,
ENOUGH: Final = 25  # failures of one argument after which the rest of its entries is left alone


@dataclass
class View:
    """What one cotangent sees of the subject: the claim, the magnitude of the result, and its noise."""

    cotangent: Cotangent
    claim: Claim
    magnitude: float
    noise: float
    everywhere: Callable[[float], Sample | None]
    _noise: float | None = None

    def doubts(self, shaken: Shaken) -> Doubts:
        """How rough the function is when all inputs move, and how rough the slope that is `shaken`."""
        return Doubts(self.noise_at_large, lambda: shaken.slope(self.cotangent, max(self.noise, self.noise_at_large())))

    def noise_at_large(self) -> float:
        """The noise that shows when all inputs move, at any scale."""
        if self._noise is None:
            level = noise_level(self.everywhere)
            self._noise = level if level <= ROUGHEST * self.magnitude else 0.0  # more is the function, not noise
        return self._noise


@dataclass
class Check:
    """One run over the inputs of a subject.

    Parameters
    ----------
    subject : Subject
    rng : Generator
    budget : int
        Up to about this many evaluations, every entry is checked by itself.

    Attributes
    ----------
    entries : list of Entry
    miss_probability : float
        See `Report`.
    """

    subject: Subject
    rng: np.random.Generator
    budget: int
    entries: list[Entry] = field(default_factory=list)
    miss_probability: float = 0.0
    _seen: list["View"] = field(default_factory=list)
    _scales: list[Array] = field(default_factory=list)
    _everywhere: dict[int, Array] = field(default_factory=dict)
    _lookups: int = 20
    _corners: dict[int, list[Corner]] = field(default_factory=dict)

    def run(self) -> None:
        """Fill `entries`."""
        subject = self.subject
        size = sum(x.size for x in subject.inputs)
        if size == 0 or subject.base.size == 0:
            subject.notes.append(f"nothing to check: {'the inputs' if size == 0 else 'the result'} have no entries")
            return
        self._scales = [scales(x) for x in subject.inputs]
        self._look()
        if self._seen[0].cotangent.only is None:
            subject.notes.append(
                f"the {subject.base.size} entries of the result were weighed by {len(self._seen)} random cotangents"
            )
            self.miss_probability = 0.5 ** len(self._seen)
        each = len(FIRST) * 2
        whole = size * each <= self.budget
        for i, x in enumerate(subject.inputs):
            if whole or x.size <= PROJECTIONS + AXES:
                self._every_entry(i, range(x.size))
            else:
                self._projections(i)
        for number, corners in self._corners.items():
            self._ties(self._seen[number], corners)

    def _look(self) -> None:
        """For each cotangent: the claim, the magnitude of the result, and its noise."""
        subject = self.subject
        self._everywhere = {i: s * self.rng.choice(UNEVEN, s.shape) for i, s in enumerate(self._scales) if s.size}
        everywhere = Line(subject, self._everywhere)
        sizes = np.abs(subject.base)
        most = max(1, min(OUTPUTS, JACOBIAN // sum(x.size for x in subject.inputs)))
        for t in (WIDE, -WIDE):
            out, _ = everywhere.at(t)
            if out is not None:
                change = np.abs(out - subject.base)
                sizes = np.maximum(sizes, np.where(np.isfinite(change), change, 0.0))
        for cotangent in cotangents(sizes, subject.shape, self.rng, most):
            claim = subject.claim(cotangent.weights)
            magnitude = cotangent.weigh(subject.base, subject.base)[1]
            sample = everywhere.along(cotangent, dict(enumerate(claim.gradients)))

            def value(t: float, sample: Callable[[float], Any] = sample) -> float:
                found = sample(t)
                return np.nan if found is None else found.change

            noise = max(DEVIATIONS * estimate_noise(value, ROUGH * magnitude), subject.unit * magnitude)
            self._seen.append(View(cotangent, claim, magnitude, max(noise, claim.noise), sample))

    def _every_entry(self, i: int, positions: Sequence[int]) -> None:
        failures = 0
        for count, position in enumerate(positions):
            found = self._entry(i, int(position), thorough=failures < CERTAIN)
            self.entries += found
            failures += any(entry.verdict is Verdict.FAIL for entry in found)
            if failures == ENOUGH and count + 1 < len(positions):
                left, name = len(positions) - count - 1, self.subject.names[i]
                self.subject.notes.append(f"{name}: {ENOUGH} entries failed, and {left} more were not looked at")
                break

    def _entry(self, i: int, position: int, thorough: bool = True) -> list[Entry]:
        """One entry of argument `i`, for every cotangent."""
        scale = float(self._scales[i].flat[position])
        line = Coordinate(self.subject, i, position, scale)
        stretch = float(self.rng.uniform(1.05, 1.95))  # steps that are no multiple of a period
        reach = int(np.log2(self._scales[i].max() / scale))
        alone = np.zeros_like(self._scales[i])
        alone.flat[position] = scale
        shaken = Shaken(self.subject, self._everywhere, {i: alone})
        entries = []
        for number, view in enumerate(self._seen):
            cotangent, claim, magnitude, noise = view.cotangent, view.claim, view.magnitude, view.noise
            walk = Walk(line.along(cotangent), magnitude, noise, stretch, reach)
            analytic = float(claim.gradients[i].flat[position])
            slack = float(claim.slacks[i].flat[position])
            largest = float(np.max(np.abs(claim.gradients[i]))) if reach <= ALIKE else 0.0
            least = NEGLIGIBLE * largest * scale
            doubts = view.doubts(shaken) if thorough else None
            found = judge(walk, analytic * scale, slack * scale, SHARP, doubts, least)
            if found.verdict is Verdict.KINK and walk.bend is not None:
                corner = Corner(i, position, scale, walk.bend.middle / scale)
                self._corners.setdefault(number, []).append(corner)
            found = self._explained(found, {i: alone})
            found = found._replace(numeric=found.numeric / scale, error=found.error / scale)
            entries.append(self._row(i, self._index(i, position), cotangent, analytic, found))
        return entries

    def _row(
        self,
        i: int,
        index: tuple[int, ...] | None,
        cotangent: Cotangent,
        analytic: float,
        found: Finding,
        label: str = "",
    ) -> Entry:
        return Entry(
            self.subject.names[i], index, cotangent.label, analytic, float(found.numeric), float(found.error),
            float(found.digits), found.verdict, found.reason, label,
        )  # fmt: skip

    def _projections(self, i: int) -> None:
        """All entries of argument `i` at once with random signs, several times; and some by themselves."""
        name, x = self.subject.names[i], self.subject.inputs[i]
        visible, conclusive = 0.0, 0
        for number in range(PROJECTIONS):
            signs = self.rng.choice((-1.0, 1.0), x.shape)
            found, hidden = self._project(i, signs, f"projection {number}")
            self.entries += found
            if all(entry.verdict is Verdict.PASS for entry in found):
                visible = max(visible, hidden)
                conclusive += 1
            if any(entry.verdict is Verdict.FAIL for entry in found):
                self._locate(i, signs)
                break
        axes = self.rng.choice(x.size, AXES, replace=False)
        self._every_entry(i, axes.tolist())
        self.miss_probability = max(self.miss_probability, 0.5**conclusive)
        note = f"{name}: {x.size} entries, checked by {conclusive} random projections and {AXES} entries by themselves"
        if conclusive:
            sizes = [np.abs(view.claim.gradients[i]) * self._scales[i] for view in self._seen]
            typical = max(float(np.median(size)) for size in sizes)
            relative = f" ({visible / typical:.1g} of a typical entry)" if typical else ""
            note += (
                "; one wrong entry alone shows in each of them if, for a relative change of 1, it is off by "
                f"{visible:.1e}{relative}"
            )
        self.subject.notes.append(note)

    def _project(self, i: int, signs: Any, label: str) -> tuple[list[Entry], float]:
        """All entries of argument `i` whose sign is not 0, at once; and how large an error may hide in it."""
        line = Line(self.subject, {i: signs * self._scales[i]})
        sharp = max(SHARP / np.sqrt(np.count_nonzero(signs)), 2.0**-40)
        entries, hidden = [], 0.0
        for view in self._seen:
            analytic, slack, found = self._along(line, view, sharp)
            entries.append(self._row(i, None, view.cotangent, analytic, found, label))
            hidden = max(hidden, 4 * entries[-1].error + slack)
        return entries, hidden

    def _along(self, line: Line, view: View, sharp: float, slack: float = 0.0) -> tuple[float, float, Finding]:
        """The claim along a line of many entries, how far it may be off, and what is found of it."""
        gradients, slacks = view.claim.gradients, view.claim.slacks
        analytic = sum(float(np.sum(gradients[i] * direction)) for i, direction in line.directions.items())
        # Roundings of the entries are independent.
        slack += 4 * math.hypot(*(float(np.linalg.norm(slacks[i] * d)) for i, d in line.directions.items()))
        stretch = 1 + float(self.rng.integers(8)) / 8 + 1 / 16  # few bits, so that steps are exact in most entries
        walk = Walk(line.along(view.cotangent, dict(enumerate(gradients))), view.magnitude, view.noise, stretch)
        shaken = Shaken(self.subject, self._everywhere, line.directions)
        return analytic, slack, judge(walk, analytic, slack, sharp, view.doubts(shaken))

    def _ties(self, view: View, corners: Sequence[Corner]) -> None:
        """Entries with kinks, moved so that their tie stays: then the function is smooth, and tells their sum."""
        for moves in tied(self.subject, view.cotangent, corners):
            line = Line(self.subject, direction(self.subject, moves))
            slack = ASKEW * sum(abs(corner.bend * move) for corner, move in moves.items())
            analytic, _, found = self._along(line, view, SHARP, slack)
            if found.verdict is Verdict.FAIL:
                (i, first), *others = [(c.argument, list(self._index(c.argument, c.position))) for c in moves]
                more = [f"{self.subject.names[j]} {place}" if j != i else str(place) for j, place in others]
                found = found._replace(reason=f"{TIED}: {found.reason}")
                label = " with ".join([str(first), *more])
                self.entries.append(self._row(i, None, view.cotangent, analytic, found, label))
                break

    def _explained(self, found: Finding, directions: dict[int, Array]) -> Finding:
        """The finding, with the operations that switch branch, if it tells of a kink or a jump."""
        if not found.rough or not self._lookups:
            return found
        self._lookups -= 1
        return found._replace(reason=found.reason + told(switches(self.subject, directions)))

    def _index(self, i: int, position: int) -> tuple[int, ...]:
        return tuple(int(n) for n in np.unravel_index(position, self.subject.inputs[i].shape))

    def _locate(self, i: int, signs: Any) -> None:
        """Halve the support of a projection that failed, down to one wrong entry."""
        support = np.flatnonzero(signs)
        while support.size > 1:
            half = support[: support.size // 2]
            part = np.zeros_like(signs)
            part.flat[half] = signs.flat[half]
            found, _ = self._project(i, part, "half")
            failed = any(entry.verdict is Verdict.FAIL for entry in found)
            support = half if failed else support[support.size // 2 :]
        self.entries += self._entry(i, int(support[0]))
