"""What a picture says beside names and numbers: words and widths on edges, ledgers, highlights, marks of an overlay."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.viz.facts.chain import Contribution, Facts, local_derivative, plain, stretched
from tinygrad_edu.viz.facts.paths import Path, Paths
from tinygrad_edu.viz.facts.rules import local_symbols, takes_upstream
from tinygrad_edu.viz.overlays.marks import Mark, Overlay
from tinygrad_edu.viz.picture import Line
from tinygrad_edu.viz.text import clean, few_numbers, shape_text

Use = tuple[Any, int]  # a result, and the position of one of its operands

NOT_COMPUTED = "not computed"
MOST_USES = 4
LEGENDS = {
    "local": "On each edge: the local derivative of the operation by that operand, or what it makes of the result's "
    "gradient g.",
    "contribution": "On each edge: what flows back, against the arrow: upstream gradient × local derivative = "
    "contribution; wider where it is larger. A value that is used more than once adds its contributions up.",
    "highlight": "The highlighted edges are drawn solid and wide, the others dashed.",
}


class Annotations:
    """What the options of `draw` ask to be written, for one graph.

    Parameters
    ----------
    nodes : sequence of Value
        All nodes, operands first.
    roots : sequence of Value
    gradients : bool
    edges : {None, "local", "contribution"}
    highlight : Value, Path, or several; optional
    overlay : Overlay, optional

    Attributes
    ----------
    legend : tuple of str
        How to read what was asked for.
    """

    def __init__(
        self,
        nodes: Sequence[Any],
        roots: Sequence[Any],
        *,
        gradients: bool = True,
        edges: str | None = None,
        highlight: Any = None,
        overlay: Overlay | None = None,
    ) -> None:
        self.gradients, self.edges, self.overlay = gradients, edges, overlay
        self._facts = Facts(roots, nodes) if edges == "contribution" else None
        self.lit = None if highlight is None else _lit(nodes, highlight)
        said = [LEGENDS[edges]] if edges else []
        said += [LEGENDS["highlight"]] if self.lit is not None else []
        self.legend = tuple(said + ([overlay.legend] if overlay else []))

    def gradient(self, node: Any) -> Any:
        """The gradient that the picture shows: that of the pass whose contributions it shows, else the node's own."""
        return plain(node.grad) if self._facts is None else self._facts.gradient(node)

    def gradient_lines(self, node: Any) -> list[Line]:
        """The gradient of a node; where contributions are shown, the ledger of one with several uses."""
        total = self.gradient(node)
        if self._facts is None:
            return [Line(f"grad {NOT_COMPUTED if total is None else few_numbers(total)}", "gradient")]
        if total is None:
            return [Line("no gradient reaches it", "gradient")]
        lines = [Line(f"grad {few_numbers(total)}", "gradient")]
        amounts = [few_numbers(one.amount) for one in self._facts.contributions(node)]
        if len(amounts) > 1:
            more = [f"… {len(amounts) - MOST_USES + 1:,} more"] if len(amounts) > MOST_USES else []
            shown = amounts[: MOST_USES - 1] if more else amounts
            if np.ndim(total):
                lines += [Line(f"+ {one}", "ledger") for one in [*shown, *more]]
            else:
                lines.append(
                    Line("= " + " + ".join([f"({one})" if one[0] == "-" else one for one in shown] + more), "ledger")
                )
        held = plain(node.grad)
        if held is not None and np.shape(held) == np.shape(total) and not np.allclose(held, total, equal_nan=True):
            lines.append(Line(f".grad holds {few_numbers(held)}: passes add up", "ledger"))
        return lines

    def words(self, node: Any, index: int) -> str:
        """What stands on the edge of one operand: first what happens on the way forward, then on the way back."""
        parent = node.parents[index]
        lines = []
        if node.op.kind == "elementwise" and not (parent.op.name == "constant" and parent.size == 1):
            shape, onto = np.shape(parent.data), np.shape(node.data)
            if stretched(shape, onto):
                lines.append(f"stretched to {shape_text(onto)}")
        if parent.op.name == "constant":
            return "\n".join(lines)
        if self.edges == "local":
            lines.append(_local(node, index))
        elif self._facts is not None:
            lines += [text for one in self._facts.handed(node, [index]) for text in _product(one)]
        return "\n".join(line for line in lines if line)

    def magnitude(self, uses: Iterable[Use]) -> float:
        """The largest number that flows back along these edges; 0 where no contributions are shown."""
        if self._facts is None:
            return 0.0
        return max(map(_largest, self._facts.amounts(uses)), default=0.0)

    def flow(self, nodes: Iterable[Any]) -> float:
        """The largest number in the gradients of these results; 0 where no contributions are shown."""
        if self._facts is None:
            return 0.0
        return max((_largest(self._facts.gradient(node)) for node in nodes), default=0.0)

    def tone(self, uses: Iterable[Use]) -> str:
        """Whether edges are highlighted."""
        if self.lit is None:
            return "plain"
        return "lit" if any((node, index) in self.lit for node, index in uses) else "faint"

    def result_tone(self, nodes: Iterable[Any]) -> str:
        """Whether the edge from an operation to its result is highlighted: if one of its operands' edges is."""
        return self.tone((node, index) for node in nodes for index in range(len(node.parents)))

    def mark(self, nodes: Sequence[Any]) -> Mark | None:
        """What the overlay says of a node, or of several that are drawn as one."""
        return self.overlay.of(nodes) if self.overlay is not None else None


def _local(node: Any, index: int) -> str:
    """The local derivative in symbols and, for an elementwise operation, in numbers."""
    partial = local_derivative(node, index)
    reads = node.op.reads[index] if partial is None and index < len(node.op.reads) else ""
    text = clean(local_symbols(node, index, _own_name) or reads, 18)
    if partial is None or few_numbers(partial, 2) == text:
        return text
    return f"{text} = {few_numbers(partial, 2)}" if text else few_numbers(partial, 2)


def _product(one: Contribution) -> list[str]:
    """Upstream times local: in numbers for scalars; for arrays the rule and what it gives."""
    amount = few_numbers(one.amount, 2)
    local = one.local
    if local is not None and np.ndim(one.amount) == 0 and np.ndim(one.upstream) == 0:
        factor = few_numbers(local)
        return [
            f"{few_numbers(one.upstream)} × {f'({factor})' if factor[0] == '-' else factor} = {few_numbers(one.amount)}"
        ]
    symbols = local_symbols(one.consumer, one.index, _own_name, "upstream")
    if local is not None:
        factor = symbols if symbols and len(symbols) <= 12 else "local"
        rule = f"upstream × {f'({factor})' if ' ' in factor else factor}"
    else:
        rule = symbols if symbols and takes_upstream(one.consumer, one.index) else f"upstream × ({symbols or 'local'})"
    rule = clean(rule, 34)
    if one.summed:
        return [
            rule,
            f"summed over {'axis' if len(one.summed) == 1 else 'axes'} {', '.join(map(str, one.summed))}",
            f"= {amount}",
        ]
    return [rule, f"= {amount}"]


def _own_name(node: Any) -> str | None:
    return clean(node.name, 12) if node.name else None


def _largest(data: Any) -> float:
    """The largest magnitude, of what is finite."""
    if data is None:
        return 0.0
    if type(data) is float:
        return abs(data) if math.isfinite(data) else 0.0
    sizes = np.abs(np.asarray(data, dtype=float))
    return float(np.max(sizes, initial=0.0, where=np.isfinite(sizes)))


def _lit(nodes: Sequence[Any], highlight: Any) -> set[Use]:
    """The highlighted uses: those on a path, or on every path from a value to a root."""
    several = list(highlight) if isinstance(highlight, (list, tuple, Paths)) else [highlight]
    found: set[Use] = set()
    values = []
    for one in several:
        if isinstance(one, Path):
            found |= {(node, index) for node, index in one.edges}
        elif hasattr(one, "parents"):
            values.append(one)
        else:
            raise ArgumentError(
                f"highlight takes a Value, paths of viz.paths(loss, w), or several of them, got {type(one).__name__}"
            )
    reach = set(values)
    for node in nodes:
        for index, parent in enumerate(node.parents):
            if parent in reach:
                reach.add(node)
                found.add((node, index))
    known = set(nodes)
    if not known.issuperset(values) or not known.issuperset(node for node, _ in found):
        raise ArgumentError("highlight: what it names is not part of this graph; take a value that the root depends on")
    return found
