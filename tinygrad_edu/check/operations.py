"""`check_op`: everything there is to ask of one operation, at the calls it names and at inputs that are drawn."""

import inspect
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from tinygrad_edu.check.contracts import broken, check_contracts
from tinygrad_edu.check.exact import ExactReport, applies, exactly
from tinygrad_edu.check.gradients import check_gradients
from tinygrad_edu.check.hints import explain
from tinygrad_edu.check.report import Report
from tinygrad_edu.check.strategies import arrays, broadcastable_shapes
from tinygrad_edu.check.tables import html_report, html_table, text_table
from tinygrad_edu.check.walk import Verdict
from tinygrad_edu.errors import ArgumentError, GradientCheckError, TinygradEduError, optional_import
from tinygrad_edu.op import Case, Interval, Operation

HEAD: Final = ("what", "verdict", "why")


@dataclass(frozen=True)
class OpCall:
    """One way to call an operation: with which operands and parameters."""

    op: Operation
    operands: tuple[Any, ...]
    params: dict[str, Any]

    @property
    def varied(self) -> list[int]:
        """The operands that have a derivative."""
        return [i for i in range(len(self.operands)) if self.op.has_rule(i)]

    @property
    def inputs(self) -> list[Any]:
        """Those operands themselves."""
        return [self.operands[i] for i in self.varied]

    @property
    def names(self) -> list[str]:
        """What the forward function calls them."""
        try:
            known = [] if self.op.variadic else list(inspect.signature(self.op.forward).parameters)
        except (TypeError, ValueError):  # a builtin that does not say
            known = []
        return [known[i] if i < len(known) and not known[i].startswith("args") else f"operand {i}" for i in self.varied]

    def __call__(self, *inputs: Any) -> Any:
        """The operation as a function of the operands that have a derivative."""
        operands = list(self.operands)
        for i, x in zip(self.varied, inputs, strict=True):
            operands[i] = x
        return self.op(operands, **self.params) if self.op.variadic else self.op(*operands, **self.params)

    def __str__(self) -> str:
        shown = [_short(x) for x in self.operands]
        inside = [f"[{', '.join(shown)}]"] if self.op.variadic else shown
        return f"{self.op.name}({', '.join([*inside, *(f'{key}={value!r}' for key, value in self.params.items())])})"


@dataclass(frozen=True)
class OpRow:
    """One line of the table: what was asked, and the answer."""

    what: str
    verdict: Verdict
    reason: str = ""

    def cells(self) -> tuple[str, str, str]:
        """The line as text."""
        return self.what, str(self.verdict), self.reason


@dataclass(frozen=True)
class OpReport:
    """The outcome of `check_op`.

    Parameters
    ----------
    title : str
    rows : tuple of OpRow
    failing : OpCall or None
        The smallest call that fails, if one does: ``str(failing)`` writes it, ``failing(*failing.inputs)``
        makes it.
    report : Report or None
        What the checker says there.
    """

    title: str
    rows: tuple[OpRow, ...]
    failing: OpCall | None = None
    report: Report | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst of the rows; INCONCLUSIVE only if none has another."""
        verdicts = {row.verdict for row in self.rows}
        return next(v for v in (Verdict.FAIL, Verdict.PASS, Verdict.KINK, Verdict.INCONCLUSIVE) if v in verdicts)

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return self.verdict is not Verdict.FAIL

    @property
    def worst(self) -> OpRow:
        """The first row that failed; the first one if none did."""
        return next((row for row in self.rows if row.verdict is Verdict.FAIL), self.rows[0])

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain types, for JSON."""
        return {
            "title": self.title,
            "verdict": str(self.verdict),
            "passed": self.passed,
            "rows": [{"what": row.what, "verdict": str(row.verdict), "reason": row.reason} for row in self.rows],
            "failing": self.failing and str(self.failing),
            "report": self.report and self.report.to_dict(),
        }

    def summary(self) -> str:
        """One line: the verdict, and how many questions were answered how."""
        good = sum(row.verdict is not Verdict.FAIL for row in self.rows)
        return f"{self.verdict}: {self.title}: {good} of {len(self.rows)} without a failure"

    def __str__(self) -> str:
        return "\n".join([self.summary(), *text_table(HEAD, [row.cells() for row in self.rows]), *self._smallest()])

    def _smallest(self) -> list[str]:
        if self.failing is None or self.report is None:
            return []
        return [f"smallest call that fails: {self.failing}", *explain(self.report).splitlines()]

    def _repr_html_(self) -> str:
        smallest = [] if self.report is None else [f"<p>{self.failing}</p>", self.report._repr_html_()]
        return html_report(self.summary(), [html_table(HEAD, [row.cells() for row in self.rows]), *smallest])


class _FailsError(Exception):
    """Carries a failing call out of Hypothesis, which raises the smallest one last."""

    def __init__(self, call: OpCall, report: Report) -> None:
        super().__init__()
        self.call = call
        self.report = report


def check_op(op: Operation, *, examples: int = 100, raise_on_fail: bool = True) -> OpReport:
    """Ask everything of one operation: derivatives, contracts, forward = reverse, at named and at drawn inputs.

    Parameters
    ----------
    op : Operation
        One of your own, made by a kind (`elementwise`, `linear`, `multilinear`, `general`). Its `cases` say
        how it is called, its `domain` (or `sample`) with which numbers.
    examples : int
        How many inputs Hypothesis draws: other numbers for the cases, and for an elementwise operation
        other shapes that broadcast. A failing one is shrunk to the smallest.
    raise_on_fail : bool

    Returns
    -------
    OpReport
        For each case a row for the derivative, one for its contracts, and where differences are exact (linear and
        polynomial operations, on whole numbers) one that compares bit for bit; a row for the drawn inputs.

    Raises
    ------
    GradientCheckError
        On FAIL. Its `report` is the table.
    ArgumentError
        If `op` is no operation, has no derivative, or names no cases.
    MissingDependencyError
        If Hypothesis is not installed.

    Examples
    --------
    >>> from tinygrad_edu.kinds import elementwise
    >>> cube = elementwise("cube_check_doc", lambda x: x**3, along=(lambda t, out, x: t * 3 * x**2,))
    >>> check_op(cube, examples=20).passed
    True
    >>> wrong = elementwise("wrong_cube_doc", lambda x: x**3, along=(lambda t, out, x: t * 2 * x**2,))
    >>> found = check_op(wrong, examples=20, raise_on_fail=False)
    >>> print(found.failing)
    wrong_cube_doc(1.0)
    """
    __tracebackhide__ = True  # pytest shows the line that called us
    if not isinstance(op, Operation):
        raise ArgumentError(
            f"check_op: expected an operation, as elementwise(...) and its kin make them, got {type(op).__name__}; "
            "for a function use check_gradients(f, *inputs)"
        )
    if op.terminal or not op.cases:
        lacks = "no derivative" if op.terminal else "no cases"
        raise ArgumentError(
            f"check_op: {op.name} has {lacks}, so there is nothing to call"
            + ("" if op.terminal else "; enter it with cases=(case((3,)), case((2, 3), axis=0)), see tinygrad_edu.op")
        )
    if examples < 1:
        raise ArgumentError(f"check_op: examples must be at least 1, got {examples}")
    rows = [row for way in op.cases for row in _at_case(op, way)]
    row, failing, report = _at_drawn(op, examples)
    found = OpReport(op.name, (*rows, row), failing, report)
    if raise_on_fail and not found.passed:
        raise GradientCheckError(f"{op.name}: {found.worst.what}: {found.worst.reason}\n\n{found}", found)
    return found


# -- at the cases


def _at_case(op: Operation, way: Case) -> Iterator[OpRow]:
    rng = np.random.default_rng(zlib.crc32(f"{op.name} {way}".encode()))
    call = call_at(op, way, rng)
    shapes = ", ".join(map(str, way.shapes)) + "".join(f", {key}={value!r}" for key, value in way.params.items())
    try:
        report = check_gradients(call, *call.inputs, names=call.names, raise_on_fail=False)
        yield OpRow(f"derivative on {shapes}", report.verdict, _why(report))
        exact = exactly(op, way, rng) if applies(op) else None
        if exact is not None:
            yield OpRow(f"exact on {shapes}", Verdict.PASS if exact.passed else Verdict.FAIL, _first_wrong(exact))
        contracts = check_contracts(call, *call.inputs, names=call.names, raise_on_fail=False)
        failed = broken(contracts.contracts)
        yield OpRow(
            f"contracts on {shapes}", contracts.verdict, "; ".join(f"{one.name}: {one.reason}" for one in failed)
        )
    except (TinygradEduError, ArithmeticError) as error:
        yield OpRow(f"call on {shapes}", Verdict.FAIL, f"{type(error).__name__}: {str(error).splitlines()[0]}")


def _first_wrong(report: ExactReport) -> str:
    return "; ".join(
        f"{what} at {list(at)}: claimed {claimed!r}, exactly {right!r}" for what, at, claimed, right in report.wrong[:1]
    )


def call_at(op: Operation, way: Case, rng: np.random.Generator) -> OpCall:
    """One of the ways that an operation names, with operands drawn from its domain."""
    if op.sample is not None:
        return OpCall(op, tuple(op.sample(rng, way)), way.params)
    pairs = zip(_domains(op, way), way.shapes, strict=False)
    return OpCall(op, tuple(drawn(domain, shape, rng) for domain, shape in pairs), way.params)


def _domains(op: Operation, way: Case) -> Sequence[Interval]:
    return op.domain * len(way.shapes) if op.variadic else op.domain


def drawn(domain: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """An operand of that shape, from inside a domain."""
    if domain.integer:
        return rng.integers(int(domain.low), int(domain.high) + 1, shape)
    inset = 0.05 * (domain.high - domain.low)  # a step of the checker stays inside
    return np.asarray(rng.uniform(domain.low + inset, domain.high - inset, shape))


def _why(report: Report) -> str:
    worst, failed = report.worst, broken(report.contracts)
    if report.verdict is Verdict.FAIL and failed:
        return f"{failed[0].name}: {failed[0].reason}"
    if worst is None or report.verdict is Verdict.PASS:
        return ""
    if report.verdict is Verdict.FAIL:
        return f"{worst.where}: claimed {worst.analytic:.6g}, differences {worst.numeric:.6g}"
    return worst.reason


# -- at drawn inputs


def _at_drawn(op: Operation, examples: int) -> tuple[OpRow, OpCall | None, Report | None]:
    hypothesis = optional_import("hypothesis", extra="check")
    open_ones: list[str] = []
    what = f"{examples} drawn inputs"

    def holds(call: OpCall) -> None:
        report = check_gradients(call, *call.inputs, names=call.names, raise_on_fail=False)
        if not report.passed:
            raise _FailsError(call, replace(report, faults=()))  # there is but one operation to blame
        if report.verdict is Verdict.INCONCLUSIVE:
            open_ones.append(str(call))

    settings = hypothesis.settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    try:
        settings(hypothesis.given(_calls(op))(holds))()
    except _FailsError as found:
        return OpRow(what, Verdict.FAIL, f"{found.call}: {_why(found.report)}"), found.call, found.report
    except hypothesis.errors.Flaky:
        return OpRow(what, Verdict.FAIL, "fails at some inputs, and not again at the same ones"), None, None
    except (TinygradEduError, ArithmeticError) as error:
        return OpRow(what, Verdict.FAIL, f"{type(error).__name__}: {str(error).splitlines()[0]}"), None, None
    reason = f"{len(open_ones)} of them inconclusive, such as {open_ones[-1]}" if open_ones else ""
    return OpRow(what, Verdict.INCONCLUSIVE if len(open_ones) >= examples else Verdict.PASS, reason), None, None


def _calls(op: Operation) -> Any:
    """A strategy for calls: the cases with other numbers, and other shapes where shapes broadcast."""
    st = optional_import("hypothesis.strategies", extra="check")

    def draw_call(draw: Any) -> OpCall:
        if op.sample is not None:
            way = draw(st.sampled_from(op.cases))
            rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
            return OpCall(op, tuple(op.sample(rng, way)), way.params)
        way = draw(st.sampled_from(op.cases))
        shapes = way.shapes
        if op.kind == "elementwise" and not way.params:
            shapes = draw(broadcastable_shapes(op.arity))
        pairs = zip(_domains(op, way), shapes, strict=False)
        return OpCall(op, tuple(draw(arrays(domain, shape)) for domain, shape in pairs), way.params)

    return st.composite(draw_call)()


def _short(x: Any) -> str:
    array = np.asarray(x)
    return repr(array.item()) if array.ndim == 0 else repr(array.tolist()) if array.size <= 12 else f"<{array.shape}>"
