"""Every number of a forward and a backward pass as one program: values, contributions, running totals."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu.backward import as_recorded, settle_recorded
from tinygrad_edu.compiler.program import Program, Step, Var
from tinygrad_edu.compiler.traced import BARRIER, Capture, Traced
from tinygrad_edu.graph import topological
from tinygrad_edu.mode import capturing
from tinygrad_edu.op import CONSTANT, Node

Use = tuple[Any, int]  # a consumer, and which of its operands is meant


@dataclass(eq=False, slots=True)
class Explained:
    """The program, and which of its variables is what.

    Attributes
    ----------
    program : Program
        Its inputs are the leaves.
    leaves : list of Value
    value, gradient : dict of Value to Var
        A node's own number; its gradient once all contributions are in.
    local : dict of (consumer, operand) to Var
        The local derivative, where the operation works entry by entry.
    raw, amount, total : dict of (consumer, operand) to Var
        What the consumer's rule gives this operand; that, in the operand's shape; the operand's gradient when it is
        added, in the order of the pass.
    """

    program: Program
    leaves: list[Any]
    value: dict[Any, Var] = field(default_factory=dict)
    gradient: dict[Any, Var] = field(default_factory=dict)
    local: dict[Use, Var] = field(default_factory=dict)
    raw: dict[Use, Var] = field(default_factory=dict)
    amount: dict[Use, Var] = field(default_factory=dict)
    total: dict[Use, Var] = field(default_factory=dict)


def explained(root: Any) -> Explained:
    """The backward pass from `root`, which is a single number, with each contribution by itself.

    The graph is computed again as it was recorded: random draws, and branches of Python code, stay as they were.

    Parameters
    ----------
    root : Value

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a = Value(3.0)
    >>> loss = a * a + a
    >>> found = explained(loss)
    >>> found.program.outputs = [found.total[loss, 1], found.gradient[a]]
    >>> found.program.run([3.0])
    [1.0, 7.0]
    """
    order = topological(root)
    capture = Capture()
    marks: dict[str, dict[Any, Traced]] = {
        name: {} for name in ("value", "gradient", "local", "raw", "amount", "total")
    }
    with capturing(capture), np.errstate(all="ignore"):
        leaves = _forward(order, capture, marks["value"])
        data = root.data
        marks["gradient"][root] = capture.frozen(1.0 if data.__class__ is float else np.ones_like(data))
        for node in reversed(order):
            if node in marks["gradient"] and not node.op.terminal:
                _hand_on(node, capture, marks)
    vars, program = _program(capture, [marks["value"][leaf] for leaf in leaves])
    named = {name: {key: vars[node] for key, node in found.items()} for name, found in marks.items()}
    return Explained(program, leaves, **named)


def _forward(order: list[Any], capture: Capture, values: dict[Any, Traced]) -> list[Any]:
    leaves = []
    for node in order:
        if node.is_leaf:
            values[node] = capture.argument(node.data, True, node.name or "")
            leaves.append(node)
        elif not node.parents:  # a constant, or a draw, which stays as it fell
            values[node] = capture.frozen(node.data)
        else:
            operands = [values[parent] for parent in node.parents]
            call = [operands] if node.op.variadic else operands
            values[node] = capture.of(node.op(*call, **node.params))
    return leaves


def _hand_on(node: Any, capture: Capture, marks: dict[str, dict[Any, Traced]]) -> None:
    """The contributions of a node whose own gradient is complete."""
    op, g = node.op, marks["gradient"][node]
    twin = marks["value"][node]
    operands = as_recorded(twin)
    wanted = [i for i, parent in enumerate(node.parents) if parent.op is not CONSTANT and op.has_rule(i)]
    for i, raw in zip(wanted, op.pull_each(wanted, g, twin, operands, node.params), strict=True):
        if raw is None:
            continue
        parent = node.parents[i]
        amount = settle_recorded(raw, op, marks["value"][parent])
        before = marks["gradient"].get(parent)
        total = amount if before is None else before + amount
        made = {"raw": raw, "amount": amount, "total": total}
        if op.kind == "elementwise":
            one = 1.0 if node.data.__class__ is float else np.ones_like(node.data)
            made["local"] = op.pull(i, one, twin, operands, node.params)
        for name, found in made.items():
            marks[name][node, i] = capture.of(found) if isinstance(found, Node) else capture.frozen(found)
        marks["gradient"][parent] = marks["total"][node, i]


def _program(capture: Capture, inputs: list[Traced]) -> tuple[dict[Node, Var], Program]:
    vars: dict[Node, Var] = {}

    def var_of(node: Node) -> Var:
        if node not in vars:
            data = node.data
            role: Any = "result" if node.parents else "input" if node in taken else "constant"
            dtype = None if data.__class__ is float else np.result_type(data)
            vars[node] = Var(role, np.shape(data), dtype, data, node.name)
        return vars[node]

    taken = set(inputs)
    program = Program([var_of(node) for node in inputs])
    for node in capture.nodes:
        if node.op is BARRIER:
            vars[node] = var_of(node.parents[0])
        elif node.parents:
            operands = tuple(var_of(parent) for parent in node.parents)
            program.steps.append(Step(node.op, operands, node.params, var_of(node)))
        else:
            var_of(node)
    return vars, program
