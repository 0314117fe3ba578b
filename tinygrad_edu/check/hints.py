"""The message of a failed check: where, how far off, and what such a ratio usually means."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from tinygrad_edu.check.contracts import broken
from tinygrad_edu.check.report import Entry, Report
from tinygrad_edu.check.walk import Verdict

CLOSE = 1e-3  # a ratio within this of a telling number is that number


def explain(report: Report) -> str:
    """The message of the `GradientCheckError` for a report that failed."""
    failed = [entry for entry in report.entries if entry.verdict is Verdict.FAIL]
    if failed and failed[0].label == "shape":
        return f"the gradient for {failed[0].argument} is wrong: {failed[0].reason}"
    headline = _wrong_entry(report, failed) if failed else _broken_contract(report)
    faults = [f"  {line}" for fault in report.faults for line in str(fault).splitlines()]
    return "\n".join([*headline, *faults, "", report.summary(), *report.table()])


def _wrong_entry(report: Report, failed: Sequence[Entry]) -> list[str]:
    worst = report.ranked()[0]
    named = [entry for entry in failed if entry.index is not None and entry.argument == worst.argument]
    shown = max(named, key=_off) if named and worst.index is None else worst
    lines = [
        f"the gradient for {shown.argument} is wrong{f' at {shown.place}' if shown.place else ''}:",
        f"  analytic {shown.analytic:.12g}",
        f"  numeric  {shown.numeric:.12g} ± {shown.error:.1e}",
        f"  ratio    {shown.ratio:.9g} (analytic / numeric)",
    ]
    same = [entry for entry in report.entries if entry.argument == shown.argument and entry.index is not None]
    bad = sum(entry.verdict is Verdict.FAIL for entry in same)
    if len(same) > 1:
        lines.append(f"  {bad} of the {len(same)} entries of {shown.argument} that were looked at are wrong")
    words = guess(shown, same)
    if words and not any(fault.kind == "rule" for fault in report.faults):  # which says more
        lines.append(f"  perhaps: {words}")
    if "not smooth" in shown.reason:
        lines.append(f"  {shown.reason}")
    return lines


def _broken_contract(report: Report) -> list[str]:
    return [
        f"the backward pass breaks a contract, {contract.name}:\n  {contract.reason}"
        for contract in broken(report.contracts)[:1]
    ]


def _off(entry: Entry) -> float:
    return abs(entry.analytic - entry.numeric)


def guess(shown: Entry, same: Sequence[Entry]) -> str:
    """What is probably wrong, in words; empty if nothing is telling."""
    failed = [entry for entry in same if entry.verdict is Verdict.FAIL]
    if transposed(same):
        return "the gradient is transposed"
    if not math.isfinite(shown.analytic):
        return "a 0/0 or an overflow in the derivative rule (the function itself is smooth here)"
    if all(entry.analytic == 0 for entry in failed or [shown]):
        return "the gradient does not arrive: .data, float() or no_grad on the way, or a missing += (zero stays zero)"
    if "not smooth" in shown.reason:
        return ""
    if shown.numeric == 0 or abs(shown.numeric) <= shown.error:
        return "the function does not depend on this entry, and the gradient says it does"
    ratios = [entry.ratio for entry in failed] or [shown.ratio]
    if max(ratios) - min(ratios) > CLOSE * abs(shown.ratio):
        everywhere = len(failed) == len(same) > 1
        return "a wrong formula: the ratio differs from entry to entry" if everywhere else ""
    return next((words for telling, words in RATIOS if telling(shown.ratio)), "")


def transposed(entries: Sequence[Entry]) -> bool:
    """Whether the claims of a square matrix, read across, are what the differences say."""
    table = {entry.index: entry for entry in entries if entry.index is not None and len(entry.index) == 2}
    if len(table) != len(entries) or len(entries) < 4:
        return False
    pairs = [(table[i, j].analytic, table[j, i]) for i, j in table if (j, i) in table]
    return len(pairs) == len(entries) and all(
        abs(a - e.numeric) <= e.error + CLOSE * max(abs(a), abs(e.numeric)) for a, e in pairs
    )


def _near(target: float) -> Callable[[float], bool]:
    return lambda ratio: abs(ratio - target) <= CLOSE * abs(target)


def _single(ratio: float) -> bool:
    return 1e-9 < abs(ratio - 1) < 1e-6


def _whole(ratio: float) -> bool:
    return 2.5 < ratio < 1e6 and abs(ratio - round(ratio)) <= CLOSE


def _part(ratio: float) -> bool:
    return 0 < ratio < 1 and _whole(1 / ratio)


def _bessel(ratio: float) -> bool:
    """(n - 1) / n, or its inverse, for a whole n."""
    off = abs(1 - ratio) if ratio < 1 else abs(1 - 1 / ratio)
    return 0.005 < off < 0.4 and bool(np.isclose(1 / off, round(1 / off), rtol=1e-4))


RATIOS: Sequence[tuple[Callable[[float], bool], str]] = (
    (_near(-1.0), "a sign"),
    (_near(2.0), "a factor 2: the derivative of a square without its half, or a contribution counted twice"),
    (_near(0.5), "a factor 1/2: one of two uses was not added (= instead of +=), or a missing 2"),
    (_single, "single precision somewhere on the way: it is off by the rounding of float32"),
    (_bessel, "(n - 1) / n or its inverse: a mean or variance over n against n - 1, or one contribution missing"),
    (_whole, "a whole number: a sum where a mean is meant, or contributions counted several times"),
    (_part, "one part in a whole number: a mean where a sum is meant, or a missing sum over a broadcast axis"),
    (lambda ratio: ratio < 0, "a sign, and a factor"),
)
