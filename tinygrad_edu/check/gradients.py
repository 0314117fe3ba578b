"""`check_gradients` and `check_graph`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from tinygrad_edu.check.compare import Check
from tinygrad_edu.check.complex_step import witness
from tinygrad_edu.check.contracts import quick_contracts
from tinygrad_edu.check.fault import diagnose
from tinygrad_edu.check.hints import explain
from tinygrad_edu.check.lines import scales
from tinygrad_edu.check.modes import disagreement, forward, gradient_of
from tinygrad_edu.check.report import Entry, Report
from tinygrad_edu.check.subjects import Subject, WrongShapeError, from_gradient, from_graph, from_values, names_of
from tinygrad_edu.check.walk import Verdict
from tinygrad_edu.errors import ArgumentError, GradientCheckError
from tinygrad_edu.graph import topological


def check_gradients(
    f: Callable[..., Any],
    *inputs: Any,
    gradient: Any = None,
    raise_on_fail: bool = True,
    rng: np.random.Generator | int | None = None,
    names: Sequence[str] | None = None,
    budget: int = 4000,
    order: int = 1,
    mode: Literal["reverse", "forward"] = "reverse",
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
    order : {1, 2}
        2 checks the gradient of the gradient: its differences are those of the first one, as the engine
        gives it.
    mode : {"reverse", "forward"}
        "forward" checks the tangents of `jvp`, and that both modes say the same.

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
    __tracebackhide__ = True  # pytest shows the line that called us
    if not callable(f):
        raise ArgumentError(
            f"check_gradients: expected a function, got {type(f).__name__}; for a Value use check_graph"
        )
    if not inputs:
        raise ArgumentError("check_gradients: give the point to check at: check_gradients(f, x) or (f, x, y, ...)")
    if order not in (1, 2) or mode not in ("reverse", "forward"):
        raise ArgumentError(
            f"check_gradients: expected order 1 or 2, mode 'reverse' or 'forward', got order={order!r}, mode={mode!r}"
        )
    if gradient is not None and (order, mode) != (1, "reverse"):
        raise ArgumentError("check_gradients: order= and mode= are about the engine; leave them out with gradient=")
    if order == 2:
        names = names_of(inputs, names, f)
        f = gradient_of(f, len(inputs))
    try:
        subject = from_values(f, inputs, names) if gradient is None else from_gradient(f, inputs, gradient, names)
    except WrongShapeError as error:
        entry = Entry(error.argument, None, None, np.nan, np.nan, np.inf, 0.0, Verdict.FAIL, str(error), "shape")
        return _conclude(Report((entry,), 1), raise_on_fail)
    if order == 2:
        subject.notes.append("second order: the results are the entries of the first gradient, input after input")
    if mode == "reverse":
        return check_subject(subject, rng, budget, raise_on_fail)
    pushed = forward(subject)
    report = check_subject(pushed, rng, budget, raise_on_fail=False)
    apart = disagreement(pushed, subject, np.random.default_rng(rng))
    both = "forward mode; " + ("the two modes disagree" if apart else "reverse mode gives the same")
    return _conclude(replace(report, entries=(*report.entries, *apart), notes=(*report.notes, both)), raise_on_fail)


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
    __tracebackhide__ = True  # pytest shows the line that called us
    report = check_subject(from_graph(root, wrt), rng, budget, raise_on_fail=False)
    return _conclude(report if report.root is None else _told_of(root, report), raise_on_fail)


def _told_of(root: Any, report: Report) -> Report:
    """A report on the float64 twin of a graph, as one on the graph itself."""
    own = dict(zip(topological(report.root), topological(root), strict=True))
    faults = tuple(replace(fault, node=own.get(fault.node)) for fault in report.faults)
    verdicts = {own[node]: verdict for node, verdict in report.verdicts.items()}
    return replace(report, root=root, faults=faults, verdicts=verdicts)


def _conclude(report: Report, raise_on_fail: bool) -> Report:
    __tracebackhide__ = True  # pytest shows the line that called us
    if raise_on_fail and not report.passed:
        raise GradientCheckError(explain(report), report)
    return report


def check_subject(subject: Subject, rng: np.random.Generator | int | None, budget: int, raise_on_fail: bool) -> Report:
    """The check of anything that looks like a subject; see `check_gradients`."""
    __tracebackhide__ = True  # pytest shows the line that called us
    draw = np.random.default_rng(0 if rng is None else rng)
    out, again = subject.evaluate(subject.inputs), subject.evaluate(subject.inputs)
    if out is None or not np.isfinite(out).all() or not all(np.isfinite(x).all() for x in subject.inputs):
        return _not_finite(subject)
    if again is None or not np.array_equal(again, out):
        return _unknown(
            subject, "the function gave two results for the same inputs; fix its random numbers (hand in a seeded rng)"
        )
    subject.base = out  # recording may round differently
    check = Check(subject, draw, budget)
    check.run()
    if all(entry.verdict is not Verdict.KINK for entry in check.entries):  # at a kink, conventions differ
        said = witness(subject, [scales(x) for x in subject.inputs], draw)
        subject.notes += [said] if said else []
    report = Report(tuple(check.entries), subject.evaluations, check.miss_probability, tuple(subject.notes))
    if subject.root is not None:
        report = _with_graph(report, subject, subject.root, draw)
    return _conclude(report, raise_on_fail)


def _with_graph(report: Report, subject: Subject, root: Any, rng: np.random.Generator) -> Report:
    """What the graph itself tells: contracts, the verdict on each input, and after FAIL where the fault is."""
    contracts = quick_contracts(root, subject.at, subject.names, rng)
    report = replace(report, contracts=contracts, root=root)
    worst: dict[str, Verdict] = {entry.argument: entry.verdict for entry in reversed(report.ranked())}
    verdicts = {node: worst[name] for node, name in zip(subject.at, subject.names, strict=True) if name in worst}
    if report.passed:
        return replace(report, verdicts=verdicts)
    failing = [node for node, verdict in verdicts.items() if verdict is Verdict.FAIL] or list(subject.at)
    faults, judged = diagnose(subject, failing, rng)
    return replace(report, faults=faults, verdicts=judged | verdicts)


def _not_finite(subject: Subject) -> Report:
    what = "the function" if all(np.isfinite(x).all() for x in subject.inputs) else "an input"
    return _unknown(subject, f"{what} is not finite at this point; choose a point inside its domain")


def _unknown(subject: Subject, reason: str) -> Report:
    entries = [
        Entry(name, None, None, np.nan, np.nan, np.inf, 0.0, Verdict.INCONCLUSIVE, reason, "all")
        for name in subject.names
    ]
    return Report(tuple(entries), subject.evaluations, 1.0, tuple(subject.notes))
