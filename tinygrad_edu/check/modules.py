"""`check_module`: the gradient of every parameter of a model, in one table."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from tinygrad_edu.check.claims import Array, number, quiet
from tinygrad_edu.check.gradients import check_subject
from tinygrad_edu.check.hints import explain
from tinygrad_edu.check.lines import scales
from tinygrad_edu.check.report import Entry, Fault, Report
from tinygrad_edu.check.subjects import from_graph, plain
from tinygrad_edu.check.tables import html_report, html_table, text_table
from tinygrad_edu.check.walk import Verdict
from tinygrad_edu.errors import ArgumentError, GradientCheckError
from tinygrad_edu.graph import Replay, topological
from tinygrad_edu.mode import record_lines, tracing
from tinygrad_edu.op import CONSTANT, Node

HEAD: Final = ("layer", "parameter", "shape", "looked at", "digits", "verdict")
ROWS: Final = 30  # a model with more parameters has one row for each layer
NUDGE: Final = 2.0**-20  # how far parameters move, relative to their size, to see what moves with them
LEAK: Final = 1e-3  # a change of the result that the graph does not know of counts from this part of it on
NOISE: Final = 2.0**-40
LEAKS: Final = "the result moves with it otherwise than its graph does"


@dataclass(frozen=True)
class Row:
    """One parameter, or all of a layer where there are many; `digits` are those of its worst entry."""

    layer: str
    parameter: str
    shape: str
    looked_at: str
    digits: float
    verdict: Verdict

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        return self.layer, self.parameter, self.shape, self.looked_at, f"{self.digits:.1f}", str(self.verdict)


@dataclass(frozen=True)
class ModuleReport:
    """The outcome of `check_module`.

    Parameters
    ----------
    report : Report
        Every comparison; its `faults` and `notes` are shown below the table.
    rows : tuple of Row
        In the order of the model.
    title : str
    """

    report: Report
    rows: tuple[Row, ...]
    title: str

    @property
    def verdict(self) -> Verdict:
        """The worst verdict among the entries."""
        return self.report.verdict

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return self.report.passed

    @property
    def worst(self) -> Entry | None:
        """The entry that deserves the first look."""
        return self.report.worst

    @property
    def miss_probability(self) -> float:
        """An upper bound of the chance that some wrong entry was not seen."""
        return self.report.miss_probability

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain types, for JSON."""
        rows = [{**asdict(row), "verdict": str(row.verdict)} for row in self.rows]
        return {"title": self.title, "rows": rows, **self.report.to_dict()}

    def summary(self) -> str:
        """One line: the verdict, and what was checked."""
        return f"{self.title}: {self.report.summary()}"

    def __str__(self) -> str:
        return "\n".join([self.summary(), *map(str, self.report.faults), *self.table()])

    def table(self) -> list[str]:
        """The lines of the table and the remarks below it."""
        return text_table(HEAD, [row.cells() for row in self.rows], right=(4,)) + self.report.remarks()

    def _repr_html_(self) -> str:
        table = html_table(HEAD, [row.cells() for row in self.rows], right=(4,))
        return html_report(self.summary(), [self.report.faults_as_html(), table], self.report.remarks())


def check_module(
    model: Any,
    batch: Any,
    loss: Callable[[Any, Any], Any] | None = None,
    *,
    rng: np.random.Generator | int | None = None,
    budget: int = 4000,
    raise_on_fail: bool = True,
) -> ModuleReport:
    """Compare the gradient of every parameter of a model with finite differences.

    Parameters
    ----------
    model : callable with ``named_parameters()``
        Such as an `nn.Module`. It is called in the mode (train, eval) that it is in; its parameters, their
        gradients and its buffers are afterwards what they were.
    batch : array, or tuple
        With `loss`, a pair ``(inputs, targets)``; without, the inputs. A tuple of inputs is several
        arguments of the model.
    loss : callable, optional
        ``loss(model(inputs), targets)``. Without one, the model's result itself is checked, entry by entry
        if it is small, else weighed by random numbers.
    rng, budget, raise_on_fail
        As for `check_gradients`. Parameters too large to check entry by entry are checked by random
        projections; `miss_probability` says what that may miss.

    Returns
    -------
    ModuleReport
        One row per parameter, under its layer; where there are more than 30, one row per layer.

    Raises
    ------
    GradientCheckError
        On FAIL. Its `report` is the table.
    ArgumentError
        If `model` has no parameters, or `batch` is not what `loss` needs.

    Notes
    -----
    The graph of one call is replayed, so dropout keeps its mask. Then all parameters move a little and the
    model is called again: what moves its result without being in the graph (``.data``, ``float()``) fails too.

    Examples
    --------
    >>> from tinygrad_edu.nn import Dense, Sequential, mse
    >>> model = Sequential(Dense(2, 3, activation="tanh", rng=0), Dense(3, 1, rng=1))
    >>> report = check_module(model, (np.ones((4, 2)), np.zeros((4, 1))), mse)
    >>> [(row.layer, row.parameter, row.looked_at, str(row.verdict)) for row in report.rows][:2]
    [('layers.0', 'weight', 'all 6', 'PASS'), ('layers.0', 'bias', 'all 3', 'PASS')]
    """
    __tracebackhide__ = True  # pytest shows the line that called us
    call = _call(model, batch, loss)
    with _buffers_kept(model):
        root = call()
    parameters = dict(model.named_parameters())
    if not parameters:
        raise ArgumentError(f"check_module: {_title(model)} has no parameters to check")
    if not isinstance(root, Node):
        plain(root)  # refuses containers, and says how to check those
        raise ArgumentError(
            f"check_module: {_title(model)} returned {type(root).__name__}, which depends on no parameter as recorded "
            "(no_grad, .data or float() on the way?)"
        )
    reached = set(topological(root))
    used = {name: p for name, p in parameters.items() if p in reached and p.op is not CONSTANT}
    subject = from_graph(root, list(used.values()))
    subject.names = tuple(used)
    subject.notes = [note for note in subject.notes if "replayed" not in note]
    report = check_subject(subject, rng, budget, raise_on_fail=False)
    with _buffers_kept(model):
        report = _with_leaks(report, call, root, parameters, used)
    unused = [name for name in parameters if name not in used]
    if unused:
        report = replace(report, notes=(*report.notes, f"the result does not depend on {_few(unused)}: gradient zero"))
    found = ModuleReport(report, _rows(parameters, report), _title(model))
    if raise_on_fail and not found.passed:
        headline, _, _ = explain(report).partition("\n\n")
        raise GradientCheckError("\n".join([headline, "", found.summary(), *found.table()]), found)
    return found


def _title(model: Any) -> str:
    return str(getattr(model, "label", None) or type(model).__name__)


def count_of(n: int, what: str) -> str:
    """``1 number``, ``2 numbers``."""
    return f"{n} {what}{'s' * (n != 1)}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _call(model: Any, batch: Any, loss: Callable[[Any, Any], Any] | None) -> Callable[[], Any]:
    """The call to check, recorded with the lines of the user's code."""
    if not callable(model) or not hasattr(model, "named_parameters"):
        raise ArgumentError(
            f"check_module: expected a model with named_parameters(), got {type(model).__name__}; "
            "for a function use check_gradients(f, *inputs), for a loss that was computed check_graph(loss)"
        )
    inputs, targets = batch, None
    if loss is not None:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            raise ArgumentError("check_module: with a loss, batch must be a pair (inputs, targets)")
        inputs, targets = batch
    arguments = inputs if isinstance(inputs, tuple) else (inputs,)

    def call() -> Any:
        with quiet(), tracing(), record_lines():
            out = model(*arguments)
            return out if loss is None else loss(out, targets)

    return call


@contextmanager
def _buffers_kept(model: Any) -> Iterator[None]:
    """Give the model's buffers (running means and the like) their numbers back at the end."""
    buffers = [buffer for _, buffer in getattr(model, "named_buffers", tuple)()] if _is_built(model) else []
    kept = [np.array(buffer.data) for buffer in buffers]
    try:
        yield
    finally:
        for buffer, data in zip(buffers, kept, strict=True):
            buffer.data[...] = data


def _is_built(model: Any) -> bool:
    try:
        list(model.named_parameters())
    except ArgumentError:  # layers that make their parameters at the first call
        return False
    return True


# -- what moves the result without being in the graph


def _with_leaks(
    report: Report, call: Callable[[], Any], root: Node, parameters: dict[str, Any], used: dict[str, Any]
) -> Report:
    again = plain(call())
    if not np.array_equal(again, root.data, equal_nan=True):
        note = "two calls of the model gave two results (dropout, say): the graph of one call was checked"
        return replace(report, notes=(*report.notes, note))
    replayed = Replay(root)
    if _leak(call, replayed, parameters, used) is None:
        return report
    found = {name: _leak(call, replayed, {name: p}, used) for name, p in parameters.items()}
    leaks = {name: pair for name, pair in found.items() if pair is not None}
    entries = tuple(
        Entry(name, None, None, known, seen, 0.0, 0.0, Verdict.FAIL, LEAKS, "moved a little")
        for name, (known, seen) in leaks.items()
    )
    what = f"{_few(list(leaks)) or 'a parameter'}: the result moves with it, and the graph does not know"
    fault = Fault("left the graph", what, ("look for .data, float(), no_grad, stop_gradient, or an if on numbers",))
    return replace(report, entries=(*report.entries, *entries), faults=(*report.faults, fault))


def _leak(
    call: Callable[[], Any], replayed: Replay, moving: dict[str, Any], used: dict[str, Any]
) -> tuple[float, float] | None:
    """How much the graph and the model move with some parameters, at the entry that differs most; None if alike."""
    base = np.asarray(replayed.root.data, dtype=np.float64)
    moved = {name: _nudged(np.asarray(p.data)) for name, p in moving.items()}
    by_graph = replayed.run({used[name]: number(x) for name, x in moved.items() if name in used})
    with _holding([(p, moved[name]) for name, p in moving.items()]):
        by_call = plain(call())
    if np.shape(by_call) != base.shape:
        return 0.0, np.nan
    seen, known = np.asarray(by_call, dtype=np.float64) - base, np.asarray(by_graph, dtype=np.float64) - base
    size = max(_largest(seen), _largest(known))
    unit = float(np.finfo(np.result_type(replayed.root.data)).eps) / np.finfo(float).eps
    if _largest(seen - known) <= LEAK * size + NOISE * unit * _largest(base):
        return None
    at = int(np.argmax(np.abs(seen - known)))
    return float(known.flat[at]), float(seen.flat[at])


def _nudged(x: Array) -> Array:
    parts = np.random.default_rng(0).uniform(0.5, 1.0, x.shape)  # no two alike: nothing cancels by design
    size = max(NUDGE, 64 * float(np.finfo(x.dtype).eps))
    return np.asarray(x + size * parts * scales(x.astype(np.float64)), dtype=x.dtype)


@contextmanager
def _holding(pairs: Sequence[tuple[Any, Array]]) -> Iterator[None]:
    """Parameters with other numbers; afterwards they hold the very arrays that they held."""
    kept = [(parameter, parameter.data) for parameter, _ in pairs]
    try:
        for parameter, x in pairs:
            parameter.data = number(x) if parameter.data.__class__ is float else x
        yield
    finally:
        for parameter, data in kept:
            parameter.data = data


def _largest(x: Array) -> float:
    return float(np.max(np.abs(x), initial=0.0))


# -- the table


def _rows(parameters: dict[str, Any], report: Report) -> tuple[Row, ...]:
    """One row for each parameter; of very many, one for each layer, or for the layers around those."""
    groups = {name: name for name in parameters}  # parameter -> what its row stands for
    while len(set(groups.values())) > ROWS and any("." in group for group in groups.values()):
        groups = {name: _split(group)[0] or group for name, group in groups.items()}
    entries: dict[str, list[Entry]] = {group: [] for group in groups.values()}
    for entry in report.ranked():
        entries[groups[entry.argument]].append(entry)
    rows = []
    for group, found in entries.items():
        members = [parameters[name] for name in parameters if groups[name] == group]
        size = sum(int(np.size(member.data)) for member in members)
        layer, name, shape = *_split(group), str(np.shape(members[0].data))
        if group not in parameters:
            layer, name, shape = group, count_of(len(members), "parameter"), count_of(size, "number")
        rows.append(_row(layer, name, shape, found, size))
    return tuple(rows)


def _split(name: str) -> tuple[str, str]:
    layer, _, last = name.rpartition(".")
    return layer, last


def _row(layer: str, name: str, shape: str, entries: Sequence[Entry], size: int) -> Row:
    """How much was looked at, and the digits and the verdict of the worst, which comes first."""
    if not entries:
        return Row(layer, name, shape, "not used", 0.0, Verdict.PASS)
    single = {(e.argument, e.index) for e in entries if e.index is not None}
    projected = {e.label for e in entries if e.label.startswith("projection")}
    looked = f"all {size}" if len(single) == size else f"{len(single)} of {size}"
    if projected:
        looked = f"{len(projected)} projections, {looked}"
    return Row(layer, name, shape, looked, min(e.digits for e in entries), entries[0].verdict)
