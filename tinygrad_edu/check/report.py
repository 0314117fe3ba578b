"""What a check found: entries, a verdict, and how it reads in a terminal, a notebook, or a file."""

import html
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from tinygrad_edu.check.walk import Verdict

WORST_FIRST: Final = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.KINK, Verdict.PASS)
ROWS: Final = 12  # rows in the printed table
HEAD: Final = ("argument", "entry", "analytic", "numeric", "± error", "digits", "verdict")


@dataclass(frozen=True)
class Entry:
    """One comparison.

    Parameters
    ----------
    argument : str
    index : tuple of int or None
        The entry of the argument; None for a projection, which weighs all of them.
    output : tuple of int or None
        The entry of the result; None for a scalar result, or for a random combination of its entries.
    analytic : float
        The claim.
    numeric, error : float
        What finite differences say, and their error bar (nan and inf if nothing).
    digits : float
        Decimal digits to which the two are certain to agree.
    verdict : Verdict
    reason : str
    label : str
        Where `index` is None: what was projected.
    """

    argument: str
    index: tuple[int, ...] | None
    output: tuple[int, ...] | None
    analytic: float
    numeric: float
    error: float
    digits: float
    verdict: Verdict
    reason: str = ""
    label: str = ""

    @property
    def place(self) -> str:
        """The entry as one would write it: ``[1, 2]``, ``[1] of out[0]``, ``projection 3``."""
        where = self.label if self.index is None else _index(self.index)
        return where if self.output is None else f"{where} of out{_index(self.output)}"

    @property
    def ratio(self) -> float:
        """Claim over difference quotient."""
        return self.analytic / self.numeric if self.numeric else math.nan


@dataclass(frozen=True)
class Report:
    """The outcome of a check.

    Parameters
    ----------
    entries : tuple of Entry
    evaluations : int
        How often the function was called.
    miss_probability : float
        An upper bound of the chance that some wrong entry, off by more than the error bars, was not seen.
    notes : tuple of str

    Examples
    --------
    >>> from tinygrad_edu.check import check_gradients
    >>> report = check_gradients(lambda x: x * x, 3.0)
    >>> report.passed, str(report.verdict), report.worst.analytic
    (True, 'PASS', 6.0)
    """

    entries: tuple[Entry, ...]
    evaluations: int
    miss_probability: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst verdict among the entries."""
        present = {entry.verdict for entry in self.entries}
        return next((verdict for verdict in WORST_FIRST if verdict in present), Verdict.PASS)

    @property
    def passed(self) -> bool:
        """Whether no entry failed."""
        return self.verdict is not Verdict.FAIL

    @property
    def worst(self) -> Entry | None:
        """The entry that deserves the first look; None if there are none."""
        return self.ranked()[0] if self.entries else None

    def ranked(self) -> list[Entry]:
        """The entries, the worst first."""
        return sorted(self.entries, key=lambda e: (WORST_FIRST.index(e.verdict), e.digits, -_distance(e)))

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain types, for JSON; what is not finite is None."""
        return {
            "verdict": str(self.verdict),
            "passed": self.passed,
            "evaluations": self.evaluations,
            "miss_probability": self.miss_probability,
            "notes": list(self.notes),
            "entries": [{key: _jsonable(value) for key, value in asdict(entry).items()} for entry in self.entries],
        }

    def summary(self) -> str:
        """One line: verdict, counts, evaluations, chance of a miss."""
        counts = {v: sum(e.verdict is v for e in self.entries) for v in WORST_FIRST}
        parts = ", ".join(f"{n} {v}" for v, n in counts.items() if n) or "nothing to check"
        miss = ""
        if self.miss_probability and self.passed:
            miss = f"; a wrong entry goes unseen with probability below {self.miss_probability:.2g}"
        return f"{self.verdict}: {parts} ({self.evaluations} evaluations{miss})"

    def __str__(self) -> str:
        ranked = self.ranked()
        rows = [HEAD, *map(_cells, ranked[:ROWS])]
        widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
        lines = [self.summary()]
        if ranked:
            lines += ["  ".join(map(_pad, row, widths, range(len(HEAD)))).rstrip() for row in rows]
        if len(ranked) > ROWS:
            lines.append(f"... and {len(ranked) - ROWS} more, none worse than the last one above")
        lines += [f"{e.argument} {e.place}: {e.reason}" for e in _first_of_each_reason(ranked)]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        cell = html.escape
        head = "".join(f"<th>{cell(name)}</th>" for name in HEAD)
        body = "".join(
            "<tr>" + "".join(f"<td>{cell(text)}</td>" for text in _cells(entry)) + "</tr>"
            for entry in self.ranked()[:ROWS]
        )
        more = f"<p>… and {len(self.entries) - ROWS} more</p>" if len(self.entries) > ROWS else ""
        reasons = [f"{e.argument} {e.place}: {e.reason}" for e in _first_of_each_reason(self.ranked())]
        notes = "".join(f"<li>{cell(text)}</li>" for text in (*reasons, *self.notes))
        return (
            f"<div><p><b>{cell(self.summary())}</b></p><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>{more}{f'<ul>{notes}</ul>' if notes else ''}</div>"
        )


def _cells(entry: Entry) -> tuple[str, ...]:
    return (
        entry.argument,
        entry.place,
        f"{entry.analytic:.10g}",
        "?" if math.isnan(entry.numeric) else f"{entry.numeric:.10g}",
        "?" if math.isinf(entry.error) else f"{entry.error:.1e}",
        f"{entry.digits:.1f}",
        str(entry.verdict),
    )


def _pad(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if 2 <= column <= 5 else cell.ljust(width)


def _first_of_each_reason(entries: Iterable[Entry]) -> list[Entry]:
    """For each verdict, the first entry that has a reason: the others say much the same."""
    first: dict[Verdict, Entry] = {}
    for entry in entries:
        if entry.reason:
            first.setdefault(entry.verdict, entry)
    return list(first.values())


def _distance(entry: Entry) -> float:
    size = max(abs(entry.analytic), abs(entry.numeric))
    distance = abs(entry.analytic - entry.numeric) / size if size else 0.0
    return distance if math.isfinite(distance) else math.inf


def _index(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]" if index else ""


def _jsonable(value: Any) -> Any:
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Verdict) else value
