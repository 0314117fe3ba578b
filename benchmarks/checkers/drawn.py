"""Cases drawn at random, so that nobody can tune a checker to them: compositions, points, claims and faults by seed.

A function is a list of steps, each a primitive on results of earlier steps. It is kept if it is finite at its
point, has a derivative there, and if floats see what each of its steps does, and the slope at the largest step
that shows it (a result that moves less than its rounding, or ripples below it, makes the floats another function,
of which nobody can tell). Its gradient is the exact one, rounded to floats.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.checkers import exact
from benchmarks.checkers.case import Array, Case, Function
from benchmarks.checkers.primitives import ENDS, MATRIX, PAIRS, SINGLES, VECTOR, Primitive

LARGEST = 1e100
MOVES = (1e-3, 0.1, 1.0)  # relative displacements, at one of which every step must show what it does
SHOWN = 1e-4  # how closely the floats of a step then follow the exact ones
STEPS = tuple(2.0**-k for k in range(2, 42, 4))  # relative, for difference quotients
STRAIGHT = 1e-4  # how closely an exact difference quotient gives the gradient, for a step to be small enough
SEEN = 1e-3  # how closely floats give it at the largest such step
VISIBLE = 1e4  # a fault moves the function by so many roundings, if an input moves by its own size
SMALLEST = 1e-8  # the smallest relative error of a fault
ALIKE = 1e-9  # slopes to the two sides that differ by less than this part are one slope
TRIES = 5  # faults that do not show, before another function is drawn
NEARBY = (0.0, 1e-9, -1e-6, 1e-3)  # relative displacements at which the rounding is looked at

OBJECT = np.dtype(object)  # where a floor or a branch has put a float among exact numbers
SHAPED = {1: VECTOR, 2: MATRIX}

Draw = np.random.Generator


@dataclass(frozen=True)
class Step:
    """One primitive, its constants drawn, on earlier results."""

    code: str
    operands: tuple[int, ...]

    @cached_property
    def run(self) -> Callable[..., Any]:
        """The code as a function."""
        run: Callable[..., Any] = eval(f"lambda {', '.join('xy'[: len(self.operands)])}: {self.code}", {"np": np})
        return run


@dataclass(frozen=True)
class Composition:
    """A function that was drawn. `frozen` is a use (step, operand) that stays as it is when x moves."""

    steps: tuple[Step, ...]
    frozen: tuple[int, int] | None = None
    still: Any = None

    def __str__(self) -> str:
        """Give the code of the function, one line a step."""
        lines = []
        for number, step in enumerate(self.steps, start=1):
            names = {name: f"r{i}" if i else "x" for name, i in zip("xy", step.operands, strict=False)}
            lines.append(f"r{number} = " + re.sub(r"\b[xy]\b", lambda word, names=names: names[word[0]], step.code))
        return "\n".join(lines)

    def __call__(self, x: Any) -> Any:
        """Give the last result."""
        return self.results(x)[-1]

    def results(self, x: Any) -> list[Any]:
        """Give x and the result of every step."""
        results = [x]
        for number, step in enumerate(self.steps):
            operands = [results[i] for i in step.operands]
            if self.frozen is not None and self.frozen[0] == number:
                operands[self.frozen[1]] = self.still
            result = step.run(*operands)
            results.append(exact.lift(result) if getattr(result, "dtype", None) == OBJECT else result)
        return results


def right(seed: int) -> Case:
    """A right case; the same for the same seed."""
    draw = np.random.default_rng([seed, 1])
    while True:
        x = _point(draw)
        composition = _composition(draw, x)
        if composition is None:
            continue
        truth = _truth(composition, x)
        if truth is None:
            continue
        signs = draw.choice((-1.0, 1.0), x.shape)
        if _shows(composition, x, signs) and _sees(composition, x, signs, truth):
            return Case(f"drawn {seed}", composition, x, truth, truth, True, family="drawn")


def wrong(seed: int) -> Case:
    """A case with a fault that shows; the same for the same seed."""
    draw = np.random.default_rng([seed, 2])
    while True:
        case = right(int(draw.integers(2**40)))
        noise = rounding(case)
        for name in draw.permutation(list(FAULTS))[:TRIES]:
            claim = FAULTS[name](draw, case)
            if claim is None:
                continue
            found = claimed(case, np.asarray(claim))
            effect = _effect(case, found.claim - case.truth)
            hidden = effect < VISIBLE * noise.reshape(noise.shape + (1,) * case.x.ndim)
            if not found.error < SMALLEST and not hidden.all():
                return replace(found, name=f"drawn {seed}: {name}")


def claimed(case: Case, claim: Array) -> Case:
    """The same case, with another claim, which is wrong."""
    return replace(case, claim=np.asarray(claim), right=False)


def one_entry(case: Case, seed: int, relative: float) -> list[Case]:
    """The case with one entry off by a relative error, one whose effect is above rounding; none if there is none."""
    draw = np.random.default_rng([seed, 3])  # the same entry and sign for every size
    noise = rounding(case)
    seen = _effect(case, case.truth) >= VISIBLE * noise.reshape(noise.shape + (1,) * case.x.ndim)
    if not seen.any():
        return []
    index = tuple(draw.choice(np.argwhere(seen)))
    claim = case.truth.copy()
    claim[index] *= 1 + relative * draw.choice((-1.0, 1.0))
    return [replace(claimed(case, claim), name=f"{case.name}: {relative:.0e}")]


def rounding(case: Case) -> Array:
    """How far the floats are from the exact function, at the point and nearby, for every entry of the result."""
    found = []
    with np.errstate(all="ignore"):
        for t in NEARBY:
            x = case.x * (1 + t)
            value = np.asarray(case.function(x))
            if np.isfinite(value).all():
                found.append(np.abs(value - exact.value(case.exactly, x)) + np.spacing(np.abs(value)))
    return np.max(found, axis=0)


def _effect(case: Case, gradient: Array) -> Array:
    """What a part of a gradient does, if the input moves by its own size."""
    return np.abs(gradient) * np.where(case.x == 0, 1.0, np.abs(case.x))


# -- functions and points


def _point(draw: Draw) -> Array:
    shape = ((), (int(draw.integers(1, 7)),), (int(draw.integers(1, 4)), int(draw.integers(1, 4))))[draw.integers(3)]
    kind = draw.random()
    if kind < 0.1:
        return draw.integers(-3, 4, size=shape).astype(np.float64)
    spread = draw.uniform(-6, 6, size=shape if kind < 0.4 else ())
    return np.asarray(draw.normal(size=shape) * 10**spread)


def _composition(draw: Draw, x: Array) -> Composition | None:
    results: list[Any] = [x]
    steps: list[Step] = []

    def add(table: tuple[Primitive, ...]) -> None:
        primitive = table[draw.integers(len(table))]
        latest = len(results) - 1
        operands = (latest, *map(int, draw.integers(len(results), size=primitive.operands - 1)))
        values = [results[i] for i in operands]
        if not primitive.allows(*values):
            return
        step = Step(primitive.written(draw, values[0]), operands)
        with np.errstate(all="ignore"):
            try:
                result = step.run(*values)
            except ValueError:  # shapes that do not go together
                return
        size = np.abs(result)
        if np.isfinite(size).all() and np.max(size) < LARGEST:
            results.append(result)
            steps.append(step)

    for _ in range(int(draw.integers(2, 13))):
        kind = draw.random()
        ndim = np.ndim(results[-1])
        add(PAIRS if kind < 0.3 else SHAPED.get(ndim, SINGLES) if kind < 0.5 else SINGLES)
    if np.ndim(results[-1]) and draw.random() < 0.7:
        add(ENDS)
    return Composition(tuple(steps)) if steps else None


def _truth(function: Function, x: Array) -> Array | None:
    """The exact gradient, or None where there is none, or floats cannot hold it."""
    try:
        left, right = exact.sides(function, x)
    except (ArithmeticError, ValueError):  # the exact function leaves its domain
        return None
    size = np.maximum(np.abs(left), np.abs(right))
    if not np.isfinite(size).all() or size.max() > LARGEST or size.max() < 1 / LARGEST:
        return None
    kink = np.abs(left - right) > ALIKE * size
    return None if (kink & (size > ALIKE * size.max())).any() else np.asarray((left + right) / 2)


def _shows(function: Composition, x: Array, signs: Array) -> bool:
    """Whether floats follow every step, over one of the displacements."""
    left = list(range(len(function.steps) + 1))
    with np.errstate(all="ignore"), exact.localcontext(exact.CONTEXT):
        here, exactly = function.results(x), function.results(exact.lift(x))
        for move in MOVES:
            there = x * (1 + move * signs)
            try:
                moved = function.results(exact.lift(there))
                found = function.results(there)
                left = [i for i in left if not _followed(found[i] - here[i], moved[i] - exactly[i])]
            except (ArithmeticError, ValueError):  # outside the function's domain
                continue
    return not left


def _sees(function: Composition, x: Array, signs: Array, truth: Array) -> bool:
    """Whether floats give the slope along x, at the largest step at which exact numbers do (a ripple lets none)."""
    direction = signs * np.where(x == 0, 1.0, np.abs(x))
    slope = np.tensordot(truth, direction, axes=x.ndim)
    size = np.tensordot(np.abs(truth), np.abs(direction), axes=x.ndim)
    for step in STEPS:
        after, before = x + step * direction, x - step * direction
        try:
            with exact.localcontext(exact.CONTEXT):
                change = np.asarray(function(exact.lift(after)) - function(exact.lift(before)), dtype=np.float64)
        except (ArithmeticError, ValueError):  # outside the function's domain
            continue
        if (np.abs(change / (2 * step) - slope) <= STRAIGHT * size).all():
            with np.errstate(all="ignore"):
                found = (function(after) - function(before)) / (2 * step)
            return bool((np.abs(found - slope) <= SEEN * size).all())
    return False


def _followed(change: Any, exactly: Any) -> bool:
    size = np.asarray(exactly, dtype=np.float64)
    return bool((np.abs(change - size) <= SHOWN * np.abs(size)).all())


# -- faults: each makes a claim of a case, or None where it does not apply


def _index(draw: Draw, case: Case) -> tuple[int, ...]:
    return tuple(int(draw.integers(n)) for n in case.truth.shape)


def _put(case: Case, index: tuple[int, ...], value: Any) -> Array:
    claim = case.truth.copy()
    claim[index] = value
    return claim


def _entry(draw: Draw, case: Case, factor: float) -> Array:
    index = _index(draw, case)
    return _put(case, index, case.truth[index] * factor)


def _use_forgotten(draw: Draw, case: Case) -> Array | None:
    """= where += is meant: one use of one result brings nothing."""
    function = case.function
    number = int(draw.integers(len(function.steps)))
    operand = int(draw.integers(len(function.steps[number].operands)))
    earlier = Composition(function.steps[: function.steps[number].operands[operand]])
    with exact.localcontext(exact.CONTEXT):
        still = earlier(exact.lift(case.x))
    return _truth(replace(function, frozen=(number, operand), still=still), case.x)


def _stale(draw: Draw, case: Case) -> Array | None:
    return _truth(case.function, case.x * (1 + 10 ** draw.uniform(-4, -1)))


def _mixed_up(draw: Draw, case: Case) -> Array:
    return np.roll(case.truth.ravel(), int(draw.integers(1, max(2, case.truth.size)))).reshape(case.truth.shape)


def _transposed(draw: Draw, case: Case) -> Array | None:
    square = case.truth.ndim >= 2 and case.truth.shape[-1] == case.truth.shape[-2]
    return np.swapaxes(case.truth, -1, -2) if square else None


FAULTS: dict[str, Callable[[Draw, Case], Array | None]] = {
    "sign": lambda draw, case: -case.truth,
    "factor 2": lambda draw, case: case.truth * 2,
    "a factor": lambda draw, case: case.truth * 10 ** draw.uniform(-3, 3),
    "a factor near 1": lambda draw, case: case.truth * (1 + 10 ** draw.uniform(-7, -2)),
    "(n - 1) / n": lambda draw, case: case.truth * (case.x.size - 1) / case.x.size,
    "zeros": lambda draw, case: np.zeros_like(case.truth),
    "one entry 0": lambda draw, case: _put(case, _index(draw, case), 0.0),
    "one entry by its sign": lambda draw, case: _entry(draw, case, -1.0),
    "one entry by a factor": lambda draw, case: _entry(draw, case, 10 ** draw.uniform(-3, 3)),
    "one entry by a factor near 1": lambda draw, case: _entry(draw, case, 1 + 10 ** draw.uniform(-7, -2)),
    "one entry NaN": lambda draw, case: _put(case, _index(draw, case), np.nan),
    "another entry's": _mixed_up,
    "transposed": _transposed,
    "reversed": lambda draw, case: case.truth[..., ::-1] if case.truth.ndim else None,
    "a use forgotten": _use_forgotten,
    "stale": _stale,
    "float16": lambda draw, case: np.float64(case.truth.astype(np.float16)) if np.abs(case.truth).max() < 6e4 else None,
}
