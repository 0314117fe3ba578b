"""Where is the fault? After a gradient failed, every operation on its way is judged by itself.

A gradient is a sum of products of local derivatives. So either one local derivative is wrong, which
differences of that operation at its own recorded operands show; or the numbers in the graph are no longer
those that were computed; or part of the function is not in the graph; or the sum itself is wrong.
"""

import linecache
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from tinygrad_edu.check.claims import Array, engine_claim, number, quiet
from tinygrad_edu.check.compare import Check
from tinygrad_edu.check.contracts import broken, quick_contracts
from tinygrad_edu.check.hints import guess
from tinygrad_edu.check.report import Entry, Fault, Report
from tinygrad_edu.check.subjects import Subject, from_graph, plain
from tinygrad_edu.check.walk import Verdict
from tinygrad_edu.graph import Replay, descendants, topological
from tinygrad_edu.kinds import fit
from tinygrad_edu.mode import record_lines, tracing
from tinygrad_edu.op import CONSTANT, Node, record
from tinygrad_edu.value import Value

NODES: Final = 400  # at most so many are judged by themselves, some of each operation
LOCAL_BUDGET: Final = 400  # evaluations of one operation up to which every entry is looked at
SHOWN: Final = 3
MOVED: Final = 2.0**-9  # how far the inputs move, relative to their size, to see what moves with them
CLOSE: Final = 1e-6


@dataclass
class Scene:
    """A check that failed, and what was found out about it.

    Attributes
    ----------
    order : list of Node
        The operations between the failing inputs and the root, operands before consumers.
    verdicts : dict of Node to Verdict
        Of the operations judged by themselves.
    """

    subject: Subject
    root: Node
    failing: list[Node]
    rng: np.random.Generator
    verdicts: dict[Node, Verdict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        below = descendants(self.root, of=self.failing) - set(self.failing)
        self.order = [n for n in topological(self.root) if n in below and n.parents and not n.op.terminal]


def diagnose(
    subject: Subject, failing: Sequence[Node], rng: np.random.Generator
) -> tuple[tuple[Fault, ...], dict[Node, Verdict]]:
    """The faults behind wrong gradients of the nodes `failing`, and the verdict on each operation looked at."""
    assert subject.root is not None
    scene = Scene(subject, subject.root, list(failing), rng)
    with quiet():
        for look in LOOKS:
            found = look(scene)
            if found:
                return tuple(found), scene.verdicts
    return (_nothing_found(scene),), scene.verdicts


# -- what there is to find, in the order in which it is looked for


def _changed_in_place(scene: Scene) -> list[Fault]:
    """Inputs that are not what the function was called with, and results that recomputing does not give."""
    for node, x, name in zip(scene.subject.at, scene.subject.inputs, scene.subject.names, strict=True):
        if not np.array_equal(node.data, x, equal_nan=True):
            what = f"the function changed its input {name} in place, so the rules saw other numbers than the forward"
            return [Fault("in place", what, _differences(x, node.data, "called with", "it holds"), node)]
    for node in scene.order:
        again = node.op.compute(*[parent.data for parent in node.parents], **node.params)
        if np.shape(again) != np.shape(node.data) or not np.allclose(
            again, node.data, rtol=CLOSE, atol=0.0, equal_nan=True
        ):
            what = f"the result of {_called(node)} or one of its operands was changed in place after it was computed"
            details = (*_made(node), *_differences(again, node.data, "recomputing gives", "it holds"))
            return [Fault("in place", what, details, node)]
    return []


def _wrong_rules(scene: Scene) -> list[Fault]:
    """Operations whose derivative is not that of their own forward, at their own operands."""
    failed: dict[str, list[tuple[Node, Report]]] = {}
    for node in _some_of_each(scene.order):
        report = judge_node(node, scene.rng)
        scene.verdicts[node] = report.verdict
        if not report.passed:
            failed.setdefault(node.op.name, []).append((node, report))
    faults = [_rule_fault(*found[0], also=len(found) - 1) for found in failed.values()]
    return faults[:SHOWN]


def _hooks(scene: Scene) -> list[Fault]:
    """Hooks that give back another gradient."""
    for node in [*reversed(scene.order), *scene.failing]:
        hooks = node._info.hooks if node._info is not None else None
        if hooks is not None and hooks.functions:
            names = ", ".join(getattr(f, "__name__", repr(f)) for f in hooks.functions.values())
            what = f"every rule is right by itself; a gradient hook on {_called(node)} changes what flows through it"
            return [Fault("hook", what, (f"hook: {names}", *_made(node)), node)]
    return []


def _left_the_graph(scene: Scene) -> list[Fault]:
    """Constants that move with the inputs: numbers that left the graph, and came back without their gradient."""
    subject = scene.subject
    moved = tuple(x + MOVED * np.where(x == 0, 1.0, x) for x in subject.inputs)
    with tracing(), record_lines():
        there = subject.run(moved)
    if not isinstance(there, Node):
        return []
    replayed = Replay(scene.root).run({n: number(x) for n, x in zip(subject.at, moved, strict=True)})
    if _near(replayed, plain(there)):
        return []
    pairs = list(zip(topological(scene.root), topological(there), strict=False))
    if len(topological(scene.root)) != len(topological(there)) or any(a.op is not b.op for a, b in pairs):
        what = "the function takes another branch nearby: what it computes there is not what was recorded here"
        return [Fault("left the graph", what, ("compare the two sides of its if, or use np.where",))]
    for here, other in pairs:
        for i, (old, new) in enumerate(zip(here.parents, other.parents, strict=True)):
            if old.op is CONSTANT and not np.array_equal(old.data, new.data, equal_nan=True):
                what = f"operand {i} of {_called(here)} was computed from the inputs outside the graph"
                why = "it is a constant there, and moves with the inputs: .data, float(), no_grad or stop_gradient?"
                return [Fault("left the graph", what, (why, *_made(here)), here)]
    return []


def _accumulation(scene: Scene) -> list[Fault]:
    """The first node, from the root on, whose gradient is not the sum of what its consumers hand back."""
    v = np.zeros(scene.subject.base.size)
    nodes = [*scene.failing, *scene.order]
    for k in range(min(v.size, SHOWN)):
        v[:] = 0.0
        v[k] = 1.0
        claimed = dict(zip(nodes, engine_claim(scene.root, nodes, scene.subject.shape)(v).gradients, strict=True))
        expected = _summed(scene, v)
        for node in reversed(nodes):
            if not _near(claimed[node], expected.get(node, 0.0)):
                return [_sum_fault(node, claimed[node], expected.get(node, 0.0), scene)]
    return []


LOOKS: Final[tuple[Callable[[Scene], list[Fault]], ...]] = (
    _changed_in_place,
    _wrong_rules,
    _hooks,
    _left_the_graph,
    _accumulation,
)


def _nothing_found(scene: Scene) -> Fault:
    doubtful = [node for node, verdict in scene.verdicts.items() if verdict is not Verdict.PASS]
    good, total = len(scene.verdicts) - len(doubtful), len(scene.order)
    details = [f"{_called(node)} could not be confirmed: {scene.verdicts[node]}, {_line(node)}" for node in doubtful]
    if len(details) > SHOWN:
        details[SHOWN:] = [f"and {len(details) - SHOWN} more"]
    details.append("the sum of what the operations hand back is right, and the graph holds what the function computes")
    if good == total:
        details.append("so the function may be too rough here for differences; check it at another point")
    return Fault("none found", f"none found: {good} of {total} operations on the way are right", tuple(details))


# -- one operation by itself


def judge_node(node: Node, rng: np.random.Generator) -> Report:
    """The derivative of one recorded operation, at its own operands, beside differences of its own forward.

    Examples
    --------
    >>> product = Value(2.0, name="a") * Value(3.0, name="b")
    >>> [(entry.argument, entry.analytic) for entry in judge_node(product, np.random.default_rng(0)).entries]
    [("operand 0 ('a')", 3.0), ("operand 1 ('b')", 2.0)]
    """
    inner: dict[Node, Node] = {}
    names: dict[Node, str] = {}
    for i, parent in enumerate(node.parents):
        if parent.op is not CONSTANT and node.op.has_rule(i):
            inner.setdefault(parent, Value(parent.data))
            names[parent] = f"{names[parent]} and {i}" if parent in names else f"operand {i}"
    try:
        with tracing():
            root = record(node.op, node.data, tuple(inner.get(p, p) for p in node.parents), node.params or None)
        subject = from_graph(root, list(inner.values()))
        subject.names = tuple(names[p] + (f" ({p.name!r})" if p.name else "") for p in inner)
        return _judged(subject, rng)
    except Exception as error:  # whatever a user's operation raises: the check that failed is what must be reported
        reason = f"could not be judged by itself: {type(error).__name__}: {error}"
        return Report((Entry(node.op.name, None, None, np.nan, np.nan, np.inf, 0.0, Verdict.INCONCLUSIVE, reason),), 0)


def _judged(subject: Subject, rng: np.random.Generator) -> Report:
    assert subject.root is not None
    out = subject.evaluate(subject.inputs)
    if out is None or not all(np.isfinite(x).all() for x in (out, *subject.inputs)):
        entry = Entry("", None, None, np.nan, np.nan, np.inf, 0.0, Verdict.INCONCLUSIVE, "not finite here", "all")
        return Report((entry,), subject.evaluations)
    subject.base = out
    check = Check(subject, rng, LOCAL_BUDGET)
    check.run()
    contracts = quick_contracts(subject.root, subject.at, subject.names, rng)
    return Report(tuple(check.entries), subject.evaluations, check.miss_probability, contracts=contracts)


def _rule_fault(node: Node, report: Report, also: int) -> Fault:
    worst = report.worst
    details = list(_made(node))
    what = f"the derivative rule of {_called(node)} is wrong"
    if worst is not None and worst.verdict is Verdict.FAIL:
        what += f" for {worst.argument}"
        same = [e for e in report.entries if e.argument == worst.argument and e.index is not None]
        words = guess(worst, same)
        where = f"at {worst.place}: " if worst.place else ""
        details.append(
            f"{where}the rule says {worst.analytic:.9g}, its own forward {worst.numeric:.9g} ± {worst.error:.1e}"
            + (f"; perhaps: {words}" if words else "")
        )
    details += [f"contract broken: {contract.name}: {contract.reason}" for contract in broken(report.contracts)]
    details += [f"that rule is written at {place}" for place in _rule_places(node, worst)]
    if also:
        details.append(f"and so in {also} more of the operations called {node.op.name}")
    return Fault("rule", what, tuple(details), node)


def _rule_places(node: Node, worst: Entry | None) -> list[str]:
    """Where a rule of the user's own is written."""
    index = next((i for i in range(len(node.parents)) if worst and worst.argument.startswith(f"operand {i}")), 0)
    rule = node.op.rules[0 if node.op.variadic else index]
    code = getattr(rule, "__code__", None)
    if code is None or rule.__module__.partition(".")[0] in ("tinygrad_edu", "numpy"):
        return []
    return [f"{code.co_filename}:{code.co_firstlineno}"]


def _some_of_each(order: Sequence[Node]) -> list[Node]:
    """All of them, the nearest to the root first; of too many, as evenly from each operation as can be."""
    seen: Counter[Any] = Counter()
    turns = []
    for node in reversed(order):
        seen[node.op] += 1
        turns.append((seen[node.op], node))
    if len(turns) > NODES:
        turns = sorted(turns, key=lambda turn: turn[0])[:NODES]
    return [node for _, node in turns]


# -- the sum, done once more and plainly


def _summed(scene: Scene, v: Array) -> dict[Node, Any]:
    """Gradients of everything on the way, each contribution added where it belongs."""
    root = scene.root
    seed = float(v[0]) if root.data.__class__ is float else v.reshape(scene.subject.shape)[()]
    sums: dict[Node, Any] = {root: seed}
    wanted = {*scene.order, *scene.failing}
    for node in reversed(scene.order):
        if node not in sums:
            continue
        xs = [parent.data for parent in node.parents]
        for i, parent in enumerate(node.parents):
            if parent in wanted and node.op.has_rule(i):
                part = node.op.pull_each([i], sums[node], node.data, xs, node.params)[0]
                if part is not None:
                    sums[parent] = sums.get(parent, 0.0) + np.asarray(fit(part, node.op, parent.data))
    return sums


def _sum_fault(node: Node, claimed: Any, expected: Any, scene: Scene) -> Fault:
    users = [user for user in scene.order for parent in user.parents if parent is node]
    listed = ", ".join(_called(user) for user in users[:4]) + (", ..." if len(users) > 4 else "")
    what = (
        f"every rule is right by itself, but the accumulation is wrong at {_called(node)}: its gradient is not the sum "
        f"of what its {len(users)} use{'s' * (len(users) != 1)} hand back ({listed})"
    )
    details = (*_made(node), *_differences(expected, claimed, "the sum is", "it was given"))
    return Fault("accumulation", what, details, node)


# -- words


def _called(node: Node) -> str:
    return f"{node.op.name} {node.name!r}" if node.name else f"{node.op.name}"


def _line(node: Node) -> str:
    return f"made at {node.line}" if node.line else "its line was not recorded"


def _made(node: Node) -> Iterable[str]:
    """Where a node was made, with the text of that line, and its shapes."""
    if node.line is not None:
        file, _, row = node.line.rpartition(":")
        text = linecache.getline(file, int(row)).strip()
        yield f"made at {node.line}{': ' + text if text else ''}"
    elif node.parents:
        yield "its line was not recorded; build the graph inside  with tinygrad_edu.record_lines():"
    if node.parents:
        shapes = ", ".join(str(np.shape(parent.data)) for parent in node.parents)
        yield f"operands of shape {shapes} -> {np.shape(node.data)}"


def _differences(right: Any, wrong: Any, one: str, other: str) -> tuple[str, ...]:
    """The entry that is furthest off, as two numbers."""
    right, wrong = np.asarray(right, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    if right.shape != wrong.shape:
        right = np.broadcast_to(right, wrong.shape) if right.ndim == 0 else right
    if right.shape != wrong.shape:
        return (f"{one} shape {right.shape}, {other} shape {wrong.shape}",)
    apart = np.where(np.isnan(wrong - right), np.inf, np.abs(wrong - right))
    at = np.unravel_index(int(np.argmax(apart)), apart.shape)
    place = f"at [{', '.join(str(int(i)) for i in at)}]: " if at else ""
    return (f"{place}{one} {right[at]:.9g}, {other} {wrong[at]:.9g}",)


def _near(a: Any, b: Any) -> bool:
    """Equal but for rounding, relative to the largest entry."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    size = max(np.max(np.abs(a), initial=0.0), np.max(np.abs(b), initial=0.0))
    return bool(np.all(np.abs(a - b) <= CLOSE * size)) if np.isfinite(size) else True
