"""The comparison itself: every entry of every input, or random projections with some entries drawn at random."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from tinygrad_edu.check.claims import Array, Claim
from tinygrad_edu.check.intervals import estimate_noise
from tinygrad_edu.check.judge import SHARP, Finding, judge
from tinygrad_edu.check.lines import Coordinate, Cotangent, Line, cotangents, scales
from tinygrad_edu.check.report import Entry
from tinygrad_edu.check.subjects import Subject
from tinygrad_edu.check.walk import FIRST, Verdict, Walk

SPACINGS: Final = tuple(2.0**-k for k in (48, 42, 36, 30, 24, 18, 12))  # tried in turn to see the noise
ROUGH: Final = 2.0**-26  # noise at larger steps counts up to this part of the magnitude; beyond, it is the function
WIDE: Final = 0.125  # the step at which the entries of a result show how much they vary
JACOBIAN: Final = 2000  # full Jacobians with at most so many entries are checked entry by entry,
OUTPUTS: Final = 64  # if the result has at most so many: each costs backward passes
DEVIATIONS: Final = 5.0  # of the noise, taken as its bound
PROJECTIONS: Final = 8
AXES: Final = 8
ENOUGH: Final = 25  # failures of one argument after which the rest of its entries is left alone


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
    _seen: list[tuple[Cotangent, Claim, float, float]] = field(default_factory=list)
    _scales: list[Array] = field(default_factory=list)

    def run(self) -> None:
        """Fill `entries`."""
        subject = self.subject
        size = sum(x.size for x in subject.inputs)
        if size == 0 or subject.base.size == 0:
            subject.notes.append(f"nothing to check: {'the inputs' if size == 0 else 'the result'} have no entries")
            return
        self._scales = [scales(x) for x in subject.inputs]
        self._look()
        if self._seen[0][0].only is None:
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

    def _look(self) -> None:
        """For each cotangent: the claim, the magnitude of the result, and its noise."""
        subject = self.subject
        everywhere = Line(
            subject,
            {i: s * self.rng.choice((-1.0, 1.0), s.shape) for i, s in enumerate(self._scales) if s.size},
        )
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

            noise = max(DEVIATIONS * estimate_noise(value, SPACINGS, ROUGH * magnitude), subject.unit * magnitude)
            self._seen.append((cotangent, claim, magnitude, max(noise, claim.noise)))

    def _every_entry(self, i: int, positions: Sequence[int]) -> None:
        failures = 0
        for count, position in enumerate(positions):
            found = self._entry(i, int(position))
            self.entries += found
            failures += any(entry.verdict is Verdict.FAIL for entry in found)
            if failures == ENOUGH and count + 1 < len(positions):
                left, name = len(positions) - count - 1, self.subject.names[i]
                self.subject.notes.append(f"{name}: {ENOUGH} entries failed, and {left} more were not looked at")
                break

    def _entry(self, i: int, position: int) -> list[Entry]:
        """One entry of argument `i`, for every cotangent."""
        scale = float(self._scales[i].flat[position])
        line = Coordinate(self.subject, i, position, scale)
        index = tuple(int(n) for n in np.unravel_index(position, self.subject.inputs[i].shape))
        stretch = float(self.rng.uniform(1.05, 1.95))  # steps that are no multiple of a period
        reach = int(np.log2(self._scales[i].max() / scale))
        entries = []
        for cotangent, claim, magnitude, noise in self._seen:
            walk = Walk(line.along(cotangent), magnitude, noise, stretch, reach)
            analytic = float(claim.gradients[i].flat[position])
            found = judge(walk, analytic * scale, float(claim.slacks[i].flat[position]) * scale)
            found = found._replace(numeric=found.numeric / scale, error=found.error / scale)
            entries.append(self._row(i, index, cotangent, analytic, found))
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
            typical = max(float(np.median(np.abs(c.gradients[i]) * self._scales[i])) for _, c, _, _ in self._seen)
            relative = f" ({visible / typical:.1g} of a typical entry)" if typical else ""
            note += (
                "; one wrong entry alone shows in each of them if, for a relative change of 1, it is off by "
                f"{visible:.1e}{relative}"
            )
        self.subject.notes.append(note)

    def _project(self, i: int, signs: Any, label: str) -> tuple[list[Entry], float]:
        """All entries of argument `i` whose sign is not 0, at once; and how large an error may hide in it."""
        direction = signs * self._scales[i]
        line = Line(self.subject, {i: direction})
        sharp = max(SHARP / np.sqrt(np.count_nonzero(signs)), 2.0**-40)
        stretch = 1 + float(self.rng.integers(8)) / 8 + 1 / 16  # few bits, so that steps are exact in most entries
        entries, hidden = [], 0.0
        for cotangent, claim, magnitude, noise in self._seen:
            gradient = claim.gradients[i]
            analytic = float(np.sum(gradient * direction))
            slack = 4 * float(np.linalg.norm(claim.slacks[i] * direction))  # roundings of the entries are independent
            walk = Walk(line.along(cotangent, {i: gradient}), magnitude, noise, stretch)
            entries.append(self._row(i, None, cotangent, analytic, judge(walk, analytic, slack, sharp), label))
            hidden = max(hidden, 4 * entries[-1].error + slack)
        return entries, hidden

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
