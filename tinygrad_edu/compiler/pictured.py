"""A plan as a graph of Values with the numbers of one run: what ``viz.draw`` draws of a compiled function."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.code import Part, fused_parts, parts_of
from tinygrad_edu.compiler.kernels import Fused, works
from tinygrad_edu.compiler.lift.calls import LiftedCall
from tinygrad_edu.compiler.plan import Plan
from tinygrad_edu.compiler.program import Program, Var
from tinygrad_edu.compiler.record import Recording
from tinygrad_edu.mode import Info, Scope
from tinygrad_edu.op import CONSTANT, LEAF, Node, new
from tinygrad_edu.value import Value


def graph_of(plan: Plan, leaves: Sequence[Any], scalars: bool, jit: bool | None) -> list[Any]:
    """The results of a plan, each the root of the graph that computes it.

    Parameters
    ----------
    plan : Plan
    leaves : sequence
        The arguments.
    scalars : bool
        Where scalars were lifted: draw them as they were written, those of one array in one scope.
    jit : bool, optional
        As for `compile`: unless False, what numba fuses into one kernel has a scope of its own.
    """
    recording, lifted = plan.recording, plan.recording.lifted
    if lifted is not None and scalars:
        assert plan.scalar is not None
        fed = [leaves[source] if source.__class__ is int else source for source in plan.scalar.sources]
        feeds = [x.data if isinstance(x, Node) else x for x in fed]
        return _values(plan.scalar.program, recording.count, feeds, _arrays_of(plan.scalar, lifted))
    if lifted is not None:
        return _values(lifted.program, recording.count, lifted.feeds(leaves), {})
    kernels = _kernels_of(recording.program, recording.count) if jit is not False and works() else {}
    return _values(recording.program, recording.count, plan.feeds(leaves), kernels)


def _values(program: Program, count: int, feeds: Sequence[Any], scopes: Mapping[Var, Scope]) -> list[Any]:
    """The first outputs of a program as Values, as far as they need it; some results in scopes other than theirs."""
    known: dict[Var, Value] = {}
    for var, data in zip(program.inputs, feeds, strict=True):
        known[var] = _node(LEAF, data, (), var, var.scope)

    def of(var: Var) -> Value:
        if var not in known:
            known[var] = _node(CONSTANT, var.data, (), var, scopes.get(var, var.scope))
        return known[var]

    for step in _forward(program, count).steps:
        operands = tuple(of(var) for var in step.operands)
        data = step.op.compute(*[x.data for x in operands], **step.params)
        known[step.out] = _node(step.op, data, operands, step.out, scopes.get(step.out, step.out.scope), step.params)
    return [of(var) for var in program.outputs[:count]]


def _forward(program: Program, count: int) -> Part:
    """The steps that the first outputs need."""
    return parts_of(Program(program.inputs, program.steps, program.outputs[:count]), count, {}, {})[0]


def _kernels_of(program: Program, count: int) -> dict[Var, Scope]:
    """For each result that a kernel computes a scope of that kernel, inside those that its steps have in common."""
    found: dict[Var, Scope] = {}
    fused = [step.op for step in fused_parts([_forward(program, count)])[0].steps if isinstance(step.op, Fused)]
    for number, op in enumerate(fused, 1):
        steps = op.nest.steps
        around = [_chain(step.out.scope) for step in steps]
        common = [one[0] for one in zip(*around, strict=False) if all(scope is one[0] for scope in one)]
        scope = Scope(f"kernel {number}: {len(steps)} steps", common[-1] if common else None)
        found |= {step.out: scope for step in (*op.views, *steps)}
    return found


def _chain(scope: Scope | None) -> list[Scope]:
    """The scopes from the outermost to this one."""
    return [] if scope is None else [*_chain(scope.parent), scope]


def _arrays_of(scalar: Recording, lifted: LiftedCall) -> dict[Var, Scope]:
    """For each scalar that was lifted, the scope of the array in which it is now."""
    found: dict[Var, Scope] = {}
    made = {step.out: step for step in scalar.program.steps}
    for number, group in enumerate(lifted.lifted.groups, 1):
        what = "Σ" if group.op is None else group.op.symbol
        scope = Scope(f"array {number}: {len(group.members)} x {what}", None)
        within = 0 if group.op is not None else sum(run.count for run in group.runs) - 2
        for var in group.members:
            found[var] = scope
            for _ in range(within):  # a sum of many terms: the sums on the way to it
                var = made[var].operands[0]
                found[var] = scope
    return found


def _node(
    op: Any,
    data: Any,
    parents: tuple[Node, ...],
    var: Var,
    scope: Scope | None,
    params: dict[str, Any] | None = None,
) -> Value:
    node: Value = new(Value)
    node.data = data if isinstance(data, (float, np.ndarray, np.generic)) else np.asarray(data)
    node.grad = None
    node.op = op
    node._a, node._b = (parents or None), None
    node._info = Info(var.name, scope, params or None, var.line)
    return node
