"""CHECKERS.md: the table, the rates, and everything of ours that is left over, with its reason."""

import importlib.metadata
import os
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.checkers.bank import FRESH, SIZES
from benchmarks.checkers.contenders import ENGINE, FAIL, OPEN, OURS, PASS

PACKAGES = ("numpy", "torch", "jax", "autograd", "scipy")
AT_KINK = "a kink, or close to one: the claim lies between the two slopes"
TENTH = 0.05  # digits are printed to a tenth
LISTED = 40  # rows in a list of what is left over

HOW = {
    OURS: "`check_gradients(f, x, gradient=claim)`; KINK counts as accepted",
    ENGINE: "`check_gradients(f, x)`: the engine's gradients; right cases only",
    "torch gradcheck": "`torch.autograd.gradcheck(Function.apply, x)`, float64",
    "torch gradcheck, fast": "the same, `fast_mode=True`",
    "jax check_grads": '`jax.test_util.check_grads(f, (x,), order=1, modes=["rev"])`, x64 on',
    "autograd check_grads": '`autograd.test_util.check_grads(f, modes=["rev"], order=1)(x)`',
    "scipy check_grad, 1e-6": "`scipy.optimize.check_grad(f, gradient, x) <= 1e-6`; the threshold is the caller's",
    "scipy check_grad, 1e-6 relative": "the same, `<= 1e-6` of the norm of the claim",
}


@dataclass(frozen=True)
class Answer:
    """What a checker said of one case."""

    name: str
    family: str
    right: bool
    error: float | None
    verdict: str
    said: str
    calls: int
    seconds: float

    @property
    def alarm(self) -> bool:
        """A right gradient that was rejected."""
        return self.right and self.verdict == FAIL

    @property
    def miss(self) -> bool:
        """A wrong gradient that was accepted."""
        return not self.right and self.verdict == PASS

    @property
    def reason(self) -> str:
        """Why ours accepted or rejected, in words."""
        digits = re.search(r"([\d.]+) digits", self.said)
        if self.miss and self.said.startswith("KINK"):
            return AT_KINK
        if self.miss and digits and self.error and self.error < 10 ** (TENTH - float(digits[1])):
            return f"the error is below the {digits[1]} digits that the report certifies"
        return self.said


@dataclass
class Results:
    """All answers."""

    many: int
    few: int
    bank: dict[str, list[Answer]] = field(default_factory=dict)
    errors: dict[str, list[Answer]] = field(default_factory=dict)
    random: list[Answer] = field(default_factory=list)
    seconds: float = 0.0


def written(results: Results) -> str:
    """The whole file."""
    ours = results.bank[OURS]
    rights, wrongs = sum(a.right for a in ours), sum(not a.right for a in ours)
    by_hand = [sum(a.right is kind and a.family == "hand" for a in ours) for kind in (True, False)]
    lines = [
        "# Gradient checkers side by side",
        "",
        "Written by `python -m benchmarks.checkers`. One bank for all: "
        f"{rights} right gradients at hard places ({by_hand[0]} by hand, {rights - by_hand[0]} drawn at random) and "
        f"{wrongs} wrong ones ({by_hand[1]} by hand, {wrongs - by_hand[1]} drawn), seeds fixed.",
        "Functions are computed by NumPy in float64, so that every checker sees the same numbers; a claim reaches a "
        "peer through its own facility for custom gradients.",
        "Whether a claim is right was settled by difference quotients of 120 digits (tests/test_checker_bank.py), "
        "apart from any checker.",
        "Each checker runs with its defaults, in a process of its own; order 1 and reverse mode, where it also offers "
        "others: a claimed gradient has no derivative of its own.",
        "",
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; {_versions()}. "
        f"The whole took {results.seconds / 60:.0f} min.",
        "",
        "A false alarm is a right gradient rejected (or an error raised), a miss a wrong one accepted; hand + drawn. "
        "Inconclusive: right + wrong. Evaluations of f and time are for the whole bank.",
        "",
        f"| checker | false alarms of {rights} | misses of {wrongs} | inconclusive | evaluations of f | time, s | "
        "called as |",
        "|---|---|---|---|---|---|---|",
        *(_row(name, answers) for name, answers in results.bank.items()),
        "",
        "## False alarms over random functions",
        "",
        *_rate(results.random, results.many),
        "",
        "## Wrong entries caught, by the size of the error",
        "",
        f"One entry of the gradient of {results.few} random functions, off by a relative error; entries whose effect "
        "shows above rounding. Rejected, in %; in brackets: inconclusive. The first column is the right gradient: "
        "whoever rejects that one catches errors by chance.",
        "",
        "| checker | right | " + " | ".join(f"{size:.0e}" for size in SIZES) + " |",
        "|---" * (len(SIZES) + 2) + "|",
        *(_by_size(name, answers) for name, answers in results.errors.items()),
        "",
        _accepted(results.errors[OURS]),
        "",
        "## What ours leaves over",
        "",
        *_left_over("False alarms", [a for a in ours if a.alarm]),
        *_left_over("Misses", [a for a in ours if a.miss]),
        *_left_over("Inconclusive on right gradients", [a for a in ours if a.right and a.verdict == OPEN]),
        *_left_over("Inconclusive on wrong gradients", [a for a in ours if not a.right and a.verdict == OPEN]),
        *_left_over("The engine's own gradients rejected", [a for a in results.bank[ENGINE] if a.alarm]),
        *_left_over("False alarms over random functions", [a for a in results.random if a.alarm]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _row(name: str, answers: list[Answer]) -> str:
    alarms = _by_family(a for a in answers if a.alarm)
    misses = "–" if name == ENGINE else _by_family(a for a in answers if a.miss)
    unsure = [a.right for a in answers if a.verdict == OPEN]
    calls, seconds = sum(a.calls for a in answers), sum(a.seconds for a in answers)
    return (
        f"| {name} | {alarms} | {misses} | {sum(unsure)} + {len(unsure) - sum(unsure)} | {calls:,} | {seconds:.1f} | "
        f"{HOW[name]} |"
    )


def _by_family(answers: Iterable[Answer]) -> str:
    families = [a.family for a in answers]
    return f"**{len(families)}** ({families.count('hand')} + {families.count('drawn')})"


def _rate(answers: list[Answer], many: int) -> list[str]:
    alarms, unsure = sum(a.alarm for a in answers), sum(a.verdict == OPEN for a in answers)
    below = f"; below {3 / many:.2g} with 95 % confidence" if not alarms else ""
    return [
        f"{len(answers):,} random functions with their exact gradients (seeds {FRESH} to {FRESH + many - 1}, "
        "none of them used to tune the checker): "
        f"**{alarms} false alarms** ({alarms / len(answers):.2%}{below}), {unsure} inconclusive "
        f"({unsure / len(answers):.1%}); "
        f"{sum(a.calls for a in answers) / len(answers):.0f} evaluations and "
        f"{1e3 * sum(a.seconds for a in answers) / len(answers):.0f} ms each."
    ]


def _by_size(name: str, answers: list[Answer]) -> str:
    groups = [[a for a in answers if a.right]]
    groups += [[a for a in answers if a.name.endswith(f": {size:.0e}")] for size in SIZES]
    return f"| {name} | " + " | ".join(map(_caught, groups)) + " |"


def _accepted(answers: list[Answer]) -> str:
    reasons = [a.reason for a in answers if a.miss]
    kinks = sum(reason == AT_KINK for reason in reasons)
    below = sum(reason.startswith("the error is below") for reason in reasons)
    return (
        f"Of the {len(reasons)} wrong entries that ours accepts, {below} are off by less than the digits that its "
        f"report certifies (the fewest of any entry), {kinks} lie between the slopes of a kink close by, "
        f"**{len(reasons) - below - kinks}** are neither."
    )


def _caught(answers: list[Answer]) -> str:
    caught, unsure = (round(100 * sum(a.verdict == v for a in answers) / len(answers)) for v in (FAIL, OPEN))
    return f"{caught} ({unsure})" if unsure else f"{caught}"


def _left_over(title: str, answers: list[Answer]) -> list[str]:
    if not answers:
        return [f"**{title}**: none.", ""]
    rows = [f"- {a.name}{_off(a)}: {a.reason}" for a in answers[:LISTED]]
    more = [f"- and {len(answers) - LISTED} more"] if len(answers) > LISTED else []
    return [f"**{title}**: {len(answers)}.", "", *rows, *more, ""]


def _off(answer: Answer) -> str:
    if answer.right:
        return ""
    return f" (off by {answer.error:.1e})" if answer.error is not None else " (beyond any factor)"


def _versions() -> str:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)
