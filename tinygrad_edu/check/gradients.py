"""`check_gradients` and `check_graph`: what to compare, entry by entry or by projections."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from tinygrad_edu.check.claims import Claim
from tinygrad_edu.check.hints import explain
from tinygrad_edu.check.intervals import estimate_noise
from tinygrad_edu.check.judge import FIRST, SHARP, Finding, judge
from tinygrad_edu.check.lines import Coordinate, Cotangent, Line, cotangents, scales
from tinygrad_edu.check.report import Entry, Report
from tinygrad_edu.check.subjects import (
    Subject,
    WrongShapeError,
    from_gradient,
    from_graph,
    from_values,
)
from tinygrad_edu.check.walk import Verdict, Walk
from tinygrad_edu.errors import ArgumentError, GradientCheckError

SPACINGS: Final = tuple(2.0**-k for k in (48, 42, 36, 30, 24, 18, 12))  # tried in turn to see the noise
WIDE: Final = 0.125  # the step at which the entries of a result show how much they vary
JACOBIAN: Final = 2000  # full Jacobians with at most so many entries are checked entry by entry
DEVIATIONS: Final = 5.0  # of the noise, taken as its bound
PROJECTIONS: Final = 8
AXES: Final = 8
ENOUGH: Final = 25  # failures of one argument after which the rest of its entries is left alone


def check_gradients(
    f: Callable[..., Any],
    *inputs: Any,
    gradient: Any = None,
    raise_on_fail: bool = True,
    rng: np.random.Generator | int | None = None,
    names: Sequence[str] | None = None,
    budget: int = 4000,
) -> Report:
    """Compare the gradients of `f` with finite differences whose error bars are derived, not guessed.

    Parameters
    ----------
    f : callable
        Takes one Value per input and returns a Value, a number or an array of any shape. With
        `gradient=`, any function of arrays (floats for 0-d inputs).
    *inputs : array or float
        Where to check. Anything but float64 is promoted to it, and the report says so.
    gradient : array, tuple of arrays, or callable, optional
        A gradient to verify instead of the engine's: one per input, or a function of the inputs that
        returns it. For an array-valued `f` a Jacobian of shape ``result.shape + input.shape``, or the
        gradient of the result's sum.
    raise_on_fail : bool
        Raise on FAIL; otherwise the report tells.
    rng : Generator, int or None
        For random projections and step sizes; None is a fixed seed, so that a check can be repeated.
    names : sequence of str, optional
        Names of the inputs in the report.
    budget : int
        Up to about this many evaluations every entry is checked by itself; beyond, random projections
        and some entries drawn at random.

    Returns
    -------
    Report

    Raises
    ------
    GradientCheckError
        On FAIL. Its `report` holds the evidence.
    ArgumentError
        If `f` returns something else than one number or array.

    Notes
    -----
    PASS: the claim lies in the error bar, three digits or more. FAIL: it lies outside, and no kink explains
    it. KINK: the slopes to the two sides differ, and the claim lies between. INCONCLUSIVE: the function's
    rounding, or its roughness, lets nobody tell; the reason is in the report, and nothing is raised.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> report = check_gradients(lambda x, w: (x * w).sum(), np.arange(3.0), np.ones(3))
    >>> report.passed, len(report.entries)
    (True, 6)
    >>> check_gradients(np.sin, 1.0, gradient=lambda x: -np.cos(x))
    Traceback (most recent call last):
    ...
    tinygrad_edu.errors.GradientCheckError: the gradient for argument 0 is wrong:
      analytic -0.540302305868
      numeric  0.540302305868 ± ...
      ratio    -1 (analytic / numeric)
      perhaps: a sign
    ...
    """
    if not inputs:
        raise ArgumentError("check_gradients: give the point to check at: check_gradients(f, x) or (f, x, y, ...)")
    try:
        subject = from_values(f, inputs, names) if gradient is None else from_gradient(f, inputs, gradient, names)
    except WrongShapeError as error:
        entry = Entry(error.argument, None, None, np.nan, np.nan, np.inf, 0.0, Verdict.FAIL, str(error), "shape")
        return _conclude(Report((entry,), 1), raise_on_fail)
    return _check(subject, rng, budget, raise_on_fail)


def check_graph(
    root: Any,
    wrt: Sequence[Any] | None = None,
    raise_on_fail: bool = True,
    rng: np.random.Generator | int | None = None,
    budget: int = 4000,
) -> Report:
    """Compare the gradients of a recorded graph with finite differences, by replaying it.

    No function is needed: any Value that was computed from others can be verified as it stands, on
    the branch that was recorded. Nothing is written to anybody's `.grad`.

    Parameters
    ----------
    root : Value
        The end of the graph, such as a loss.
    wrt : sequence of Values, optional
        What to vary: leaves, or nodes in between; all leaves if not given.
    raise_on_fail, rng, budget
        As for `check_gradients`.

    Returns
    -------
    Report

    Raises
    ------
    GradientCheckError
        On FAIL.
    ArgumentError
        If `root` is no Value, or does not depend on something in `wrt`.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x, y = Value(2.0, name="x"), Value(3.0, name="y")
    >>> report = check_graph(x * y + y**2)
    >>> [(entry.argument, entry.analytic, str(entry.verdict)) for entry in report.entries]
    [('x', 3.0, 'PASS'), ('y', 8.0, 'PASS')]
    """
    return _check(from_graph(root, wrt), rng, budget, raise_on_fail)


def _conclude(report: Report, raise_on_fail: bool) -> Report:
    if raise_on_fail and not report.passed:
        raise GradientCheckError(explain(report), report)
    return report


def _check(subject: Subject, rng: np.random.Generator | int | None, budget: int, raise_on_fail: bool) -> Report:
    draw = np.random.default_rng(0 if rng is None else rng)
    if not np.isfinite(subject.base).all() or not all(np.isfinite(x).all() for x in subject.inputs):
        return _not_finite(subject)
    again = subject.evaluate(subject.inputs)
    if again is None or not np.array_equal(again, subject.base):
        return _unknown(
            subject, "the function gave two results for the same inputs; fix its random numbers (hand in a seeded rng)"
        )
    check = Check(subject, draw, budget)
    check.run()
    return _conclude(
        Report(tuple(check.entries), subject.evaluations, check.miss_probability, tuple(subject.notes)), raise_on_fail
    )


def _not_finite(subject: Subject) -> Report:
    what = "the function" if all(np.isfinite(x).all() for x in subject.inputs) else "an input"
    return _unknown(subject, f"{what} is not finite at this point; choose a point inside its domain")


def _unknown(subject: Subject, reason: str) -> Report:
    entries = [
        Entry(name, None, None, np.nan, np.nan, np.inf, 0.0, Verdict.INCONCLUSIVE, reason, "all")
        for name in subject.names
    ]
    return Report(tuple(entries), subject.evaluations, 1.0, tuple(subject.notes))


@dataclass
class Check:
    """One run over the inputs of a subject."""

    subject: Subject
    rng: np.random.Generator
    budget: int
    entries: list[Entry] = field(default_factory=list)
    miss_probability: float = 0.0
    _seen: list[tuple[Cotangent, Claim, float, float]] = field(default_factory=list)

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
        most = max(1, JACOBIAN // sum(x.size for x in subject.inputs))
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

            noise = max(DEVIATIONS * estimate_noise(value, SPACINGS), subject.unit * magnitude)
            self._seen.append((cotangent, claim, magnitude, max(noise, claim.noise)))

    def _stretch(self) -> float:
        return 1.0 + float(self.rng.integers(8)) / 8

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
        stretch = self._stretch()
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
        bars, conclusive = [], 0
        for number in range(PROJECTIONS):
            signs = self.rng.choice((-1.0, 1.0), x.shape)
            found = self._project(i, signs, f"projection {number}")
            self.entries += found
            bars += [entry.error for entry in found]
            conclusive += all(entry.verdict is Verdict.PASS for entry in found)
            if any(entry.verdict is Verdict.FAIL for entry in found):
                self._locate(i, signs)
                break
        axes = self.rng.choice(x.size, AXES, replace=False)
        self._every_entry(i, axes.tolist())
        self.miss_probability = max(self.miss_probability, 0.5**conclusive)
        typical = max(float(np.median(np.abs(c.gradients[i]) * self._scales[i])) for _, c, _, _ in self._seen)
        relative = f" ({max(bars) / typical:.1g} of a typical entry)" if typical else ""
        self.subject.notes.append(
            f"{name}: {x.size} entries, checked by {conclusive} random projections and {AXES} entries drawn at random; "
            f"one wrong entry alone shows in every projection if it moves the result by more than ±{max(bars):.1e}"
            f"{relative} per relative change of 1"
        )

    def _project(self, i: int, signs: Any, label: str) -> list[Entry]:
        """All entries of argument `i` whose sign is not 0, at once."""
        direction = signs * self._scales[i]
        line = Line(self.subject, {i: direction})
        sharp = max(SHARP / np.sqrt(np.count_nonzero(signs)), 2.0**-40)
        stretch = self._stretch()
        entries = []
        for cotangent, claim, magnitude, noise in self._seen:
            gradient = claim.gradients[i]
            analytic = float(np.sum(gradient * direction))
            slack = float(np.sum(claim.slacks[i] * np.abs(direction)))
            walk = Walk(line.along(cotangent, {i: gradient}), magnitude, noise, stretch)
            entries.append(self._row(i, None, cotangent, analytic, judge(walk, analytic, slack, sharp), label))
        return entries

    def _locate(self, i: int, signs: Any) -> None:
        """Halve the support of a projection that failed, down to one wrong entry."""
        support = np.flatnonzero(signs)
        while support.size > 1:
            half = support[: support.size // 2]
            part = np.zeros_like(signs)
            part.flat[half] = signs.flat[half]
            failed = any(e.verdict is Verdict.FAIL for e in self._project(i, part, "half"))
            support = half if failed else support[support.size // 2 :]
        self.entries += self._entry(i, int(support[0]))
