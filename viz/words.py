"""What a picture says of a node or of a folded group: names, numbers, gradients, counts."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu.viz.annotate import NOT_COMPUTED, Annotations
from tinygrad_edu.viz.folding.fold import Group, Plan
from tinygrad_edu.viz.folding.outline import NOWHERE
from tinygrad_edu.viz.picture import Line
from tinygrad_edu.viz.text import TIP_LENGTH, clean, count_text, few_numbers, kind_text, number, shape_text


def node_title(node: Any) -> str:
    """The name of a node as the picture shows it; empty when it has none."""
    return clean(node.name) if node.name else ""


def node_lines(node: Any, annotations: Annotations | None) -> tuple[Line, ...]:
    """Value, kind and, unless there are no annotations to ask, gradient of one node."""
    kind = kind_text(node.data)
    lines = [Line(few_numbers(node.data))]
    if kind:
        lines.append(Line(kind, "dim"))
    if annotations is not None and annotations.gradients:
        lines += annotations.gradient_lines(node)
    return tuple(lines)


def many_lines(nodes: list[Any], annotations: Annotations | None) -> tuple[Line, ...]:
    """Count, range of values and range of gradients of nodes that are drawn as one."""
    kind = kind_text(nodes[0].data)
    lines = [
        Line(f"{count_text(len(nodes), 'value')}{', each' if kind else ''}", "dim"),
        Line(kind, "dim") if kind else None,
        Line(_range([node.data for node in nodes])),
    ]
    if annotations is not None and annotations.gradients:
        known = [gradient for gradient in map(annotations.gradient, nodes) if gradient is not None]
        some = "" if len(known) in (0, len(nodes)) else f" ({len(known):,} of {len(nodes):,})"
        lines.append(Line(f"grad {_range(known) + some if known else NOT_COMPUTED}", "gradient"))
    return tuple(line for line in lines if line is not None)


def node_tip(plan: Plan, number: int) -> str:
    """The long form of a node, for the pointer resting on it."""
    node = plan.graph.nodes[number]
    made = f"{node.op.name} " if node.parents else ""
    path = plan.graph.scope_path(plan.graph.scope[number])
    where = f", in {clean(path, TIP_LENGTH)}" if path else ""
    name = f"{clean(node.name, TIP_LENGTH)}: " if node.name else ""
    dtype = getattr(node.data, "dtype", "float")
    return f"{name}{made}{dtype} {shape_text(np.shape(node.data))}{where}"


def op_tip(node: Any) -> str:
    """The operation, its keyword parameters, and how readers write its derivatives."""
    params = ", ".join(f"{key}={clean(value)}" for key, value in node.params.items())
    reads = "; ".join(f"d/d{operand} = {text}" for operand, text in zip("xyzuvw", node.op.reads, strict=False))
    return f"{node.op.name}({params}){'  ' + reads if reads else ''}"


def group_counts(plan: Plan, members: Iterable[int]) -> tuple[int, int]:
    """How many nodes there are among the members, and how many parameters among those."""
    roles = [plan.graph.role[member] for member in members]
    return len(roles), roles.count("parameter")


def operations(plan: Plan, members: Iterable[int], most: int = 4) -> str:
    """The symbols of the operations among the members, in order of appearance."""
    found = dict.fromkeys(plan.graph.nodes[member].op for member in members if plan.graph.role[member] == "op")
    symbols = dict.fromkeys(clean(op.symbol, 12) for op in found)
    shown = list(symbols)[:most]
    return "  ".join([*shown, "…"] if len(symbols) > most else shown)


def scope_box(plan: Plan, group: int, annotations: Annotations) -> tuple[str, str, tuple[Line, ...]]:
    """Title, tag and lines of a folded scope."""
    here = plan.groups[group]
    recorded = plan.classes.count[here.scope]
    nodes, parameters = group_counts(plan, here.members)
    each = " each" if recorded > 1 else ""
    # Calls of one module share its parameters: those are counted per box, the nodes per call.
    own = parameters // here.copies if here.copies and parameters % here.copies == 0 else parameters
    numbers = sum(plan.graph.nodes[member].size for member in here.members if plan.graph.role[member] == "parameter")
    holds = [count_text(round(nodes / recorded) if recorded > 1 else nodes, "node")]
    if parameters:
        holds.append(count_text(own, "parameter"))
    lines = [Line(", ".join(holds) + each, "plain")]
    if numbers > parameters:
        lines.append(Line(f"{numbers:,} numbers to learn", "dim"))
    symbols = operations(plan, here.members)
    if symbols:
        lines.append(Line(symbols, "dim"))
    lines.append(Line(f"gives {_shapes(plan, here.outputs)}", "dim"))
    if annotations.gradients and len(here.outputs) == 1:
        lines += annotations.gradient_lines(plan.graph.nodes[here.outputs[0]])
    times = f"×{here.copies:,}{' in a row' if in_a_row(plan, group) else ''}" if here.copies > 1 else ""
    path = plan.classes.path(here.scope)
    title = plan.classes.label(here.scope) if here.place != NOWHERE else path
    return clean(title, 40), times, tuple(lines)


def in_a_row(plan: Plan, group: int) -> bool:
    """Whether the scopes drawn as one feed each other (an unrolled loop), rather than standing side by side."""
    here = plan.groups[group]
    graph, classes = plan.graph, plan.classes
    owner = {NOWHERE: NOWHERE}  # scope -> the one at or above it that is drawn here
    for scope, above in enumerate(graph.scope_parent):
        owner[scope] = scope if classes.of[scope] == here.scope else owner[above]
    for member in here.members:
        own = owner[graph.scope[member]]
        for operand in graph.parents[member]:
            if plan.group_of[operand] == group and NOWHERE != owner[graph.scope[operand]] != own != NOWHERE:
                return True
    return False


def repeat_box(plan: Plan, group: int) -> tuple[str, str, tuple[Line, ...]]:
    """Title, tag and lines of a stretch that repeats, or of what was pooled."""
    here = plan.groups[group]
    nodes, parameters = group_counts(plan, here.members)
    lines = [Line(count_text(nodes, "node"), "plain")]
    if parameters:
        lines.append(Line(f"{parameters:,} of them parameters", "dim"))
    if here.kind == "repeat":
        lines.append(Line(f"{turn_size(here):,} in each turn", "dim"))
        title = turn_text(plan, here)
    else:
        title = operations(plan, here.members) or plan.graph.role[here.members[0]] + "s"
    lines.append(Line(f"gives {_shapes(plan, here.outputs)}", "dim"))
    return title or "repeated", f"×{here.copies:,}" if here.kind == "repeat" else "", tuple(lines)


def turn_text(plan: Plan, repeat: Group, most: int = 6) -> str:
    """What happens in one turn of a repeat: symbols of operations and names of scopes, in order."""
    names = []
    for group in repeat.pattern:
        if group.kind == "scope":
            names.append(plan.classes.label(group.scope))
        elif plan.graph.role[group.outputs[0]] == "op":
            names.append(clean(plan.graph.nodes[group.outputs[0]].op.symbol, 12))
    return "  ".join([*names[:most], "…"] if len(names) > most else names) or "inputs"


def turn_size(repeat: Group) -> int:
    """How many nodes there are in one turn."""
    return round(len(repeat.members) / repeat.copies)


def _shapes(plan: Plan, outputs: list[int], most: int = 2) -> str:
    shapes = Counter(plan.graph.shape[output] for output in outputs)
    text = ", ".join(
        f"{f'{count:,} × ' if count > 1 else ''}{shape_text(shape)}" for shape, count in [*shapes.items()][:most]
    )
    return f"{text}, …" if len(shapes) > most else text


def _range(values: list[Any]) -> str:
    """The smallest and the largest number among scalars or arrays."""
    if all(type(value) is float for value in values):
        values = [np.array(values)]
    filled = [value for value in values if np.size(value)]
    if not filled:
        return "empty"
    low, high = min(float(np.min(value)) for value in filled), max(float(np.max(value)) for value in filled)
    return number(low) if low == high else f"{number(low)} … {number(high)}"
