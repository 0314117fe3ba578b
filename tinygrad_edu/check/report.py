"""What a check found: entries, a verdict, and how it reads in a terminal, a notebook, or a file."""

import html
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tinygrad_edu.check.contracts import Contract, broken
from tinygrad_edu.check.tables import html_report, html_table, text_table
from tinygrad_edu.check.walk import Verdict

WORST_FIRST: Final = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.KINK, Verdict.PASS)
ROWS: Final = 12  # rows in the printed table
HEAD: Final = ("argument", "entry", "analytic", "numeric", "± error", "digits", "verdict")
NUMBERS: Final = range(2, 6)  # columns that end flush


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
    def where(self) -> str:
        """Argument and place: ``weight [1, 2]``."""
        return f"{self.argument} {self.place}".rstrip()

    @property
    def ratio(self) -> float:
        """Claim over difference quotient."""
        return self.analytic / self.numeric if self.numeric else math.nan


@dataclass(frozen=True)
class Fault:
    """Where a wrong gradient comes from.

    Parameters
    ----------
    kind : str
        "rule", "in place", "hook", "left the graph", "accumulation"; "none found" if all of it looks right.
    what : str
        One sentence.
    details : tuple of str
        The line that made the node, the shapes, the worst entry: what there is to tell.
    node : Value or None
    """

    kind: str
    what: str
    details: tuple[str, ...] = ()
    node: Any = field(default=None, repr=False, compare=False)

    @property
    def line(self) -> str | None:
        """The user's line that made the node, as ``file:number``."""
        return None if self.node is None else self.node.line

    def to_dict(self) -> dict[str, Any]:
        """The same in plain types."""
        op = None if self.node is None else self.node.op.name
        return {"kind": self.kind, "what": self.what, "details": list(self.details), "operation": op, "line": self.line}

    def __str__(self) -> str:
        return "\n    ".join([f"fault: {self.what}", *self.details])


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
    contracts : tuple of Contract
        What was found without differences; see `check_contracts`.
    faults : tuple of Fault
        After FAIL, if the gradients are the engine's: where the fault is.
    root : Value or None
        The graph that was checked.
    verdicts : mapping of Value to Verdict
        Of the inputs in that graph, and after FAIL of every operation that was looked at by itself:
        ``viz.draw(report.root, verdicts=report)`` shows them.

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
    contracts: tuple[Contract, ...] = ()
    faults: tuple[Fault, ...] = ()
    root: Any = field(default=None, repr=False, compare=False)
    verdicts: Mapping[Any, Verdict] = field(default_factory=dict, repr=False, compare=False)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict among the entries; FAIL if a contract is broken."""
        if broken(self.contracts):
            return Verdict.FAIL
        present = {entry.verdict for entry in self.entries}
        return next((verdict for verdict in WORST_FIRST if verdict in present), Verdict.PASS)

    @property
    def passed(self) -> bool:
        """Whether no entry failed, and no contract is broken."""
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
            "contracts": [contract.to_dict() for contract in self.contracts],
            "faults": [fault.to_dict() for fault in self.faults],
            "entries": [{key: _jsonable(value) for key, value in asdict(entry).items()} for entry in self.entries],
        }

    def summary(self) -> str:
        """One line: verdict, counts, evaluations, chance of a miss."""
        counts = {v: sum(e.verdict is v for e in self.entries) for v in WORST_FIRST}
        parts = ", ".join(f"{n} {v}" for v, n in counts.items() if n) or "nothing to check"
        if failed := broken(self.contracts):
            parts += f", {len(failed)} contract{'s' * (len(failed) > 1)} broken"
        miss = ""
        if self.miss_probability and self.passed:
            miss = f"; a wrong entry goes unseen with probability below {self.miss_probability:.2g}"
        return f"{self.verdict}: {parts} ({self.evaluations} evaluations{miss})"

    def __str__(self) -> str:
        return "\n".join([self.summary(), *map(str, self.faults), *self.table()])

    def table(self) -> list[str]:
        """The lines of the table and the remarks below it: everything but summary and faults."""
        ranked = self.ranked()
        lines = text_table(HEAD, map(_cells, ranked[:ROWS]), NUMBERS) if ranked else []
        if len(ranked) > ROWS:
            lines.append(f"... and {len(ranked) - ROWS} more, none worse than the last one above")
        return lines + self.remarks()

    def remarks(self) -> list[str]:
        """The reasons, the contracts and the notes, a line each."""
        kept = ", ".join(contract.name for contract in self.contracts if contract.verdict is Verdict.PASS)
        return [
            *(f"{e.where}: {e.reason}" for e in _first_of_each_reason(self.ranked())),
            *(f"contract broken: {contract.name}: {contract.reason}" for contract in broken(self.contracts)),
            *([f"contracts kept: {kept}"] if kept else []),
            *(f"note: {note}" for note in self.notes),
        ]

    def faults_as_html(self) -> str:
        """The faults, as a notebook shows them."""
        return "".join(f"<pre>{html.escape(str(fault))}</pre>" for fault in self.faults)

    def _repr_html_(self) -> str:
        ranked = self.ranked()
        more = f"<p>… and {len(ranked) - ROWS} more</p>" if len(ranked) > ROWS else ""
        table = html_table(HEAD, map(_cells, ranked[:ROWS]), NUMBERS) if ranked else ""
        return html_report(self.summary(), [self.faults_as_html(), table, more], self.remarks())


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
