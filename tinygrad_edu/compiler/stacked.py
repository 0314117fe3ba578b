"""Where no kernel does it: small steps that are alike, and wait for none of each other, as one call over a stack.

A call of NumPy on a few hundred numbers is mostly call. In the backward pass of a recurrence, say, the slopes of all
its steps can be computed at once: their operands lie side by side, as rows of one array, where they were written. And
a chain of sums over such rows is one sum, in the same order.
"""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.compiler.emit import ROWS, WRITERS, view_of, writer_of
from tinygrad_edu.compiler.lift.lower import FIRST_PLUS
from tinygrad_edu.compiler.lift.ops import ordered_sum
from tinygrad_edu.compiler.placement import Part
from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.kinds import Elementwise
from tinygrad_edu.ops.elementwise import add
from tinygrad_edu.ops.indexing import getitem

LEAST = 4  # rows of a stack
SMALL = 1 << 12  # bytes of a row: of larger ones, the call is a small part
LARGEST = 1 << 18  # bytes of a stack: it is to stay in the cache
TOGETHER = 1 << 20  # bytes of all of them
KINDS = 64  # of steps that are looked at: each takes a walk over the program
MOST = 1 << 14  # steps


def stacked(parts: Sequence[Part]) -> list[Part]:
    """The same parts, with stacks.

    Examples
    --------
    >>> x = [Var("input", (2,), np.dtype(float)) for _ in range(4)]
    >>> slow, fast, out = ([Var("result", (2,), np.dtype(float)) for _ in range(4)] for _ in range(3))
    >>> from tinygrad_edu.ops import multiply, tanh
    >>> steps = [Step(tanh, (a,), {}, b) for a, b in zip(x, slow)]
    >>> steps += [Step(multiply, (a, a), {}, b) for a, b in zip(slow, fast)]
    >>> steps += [Step(add, (a, b), {}, c) for a, b, c in zip(fast, slow, out)]
    >>> [part] = stacked([Part("forward", x, steps, out)])
    >>> [step.op.name for step in part.steps if step.op is not getitem]
    ['tanh', 'tanh', 'tanh', 'tanh', 'rows', 'multiply', 'add', 'add', 'add', 'add']
    """
    count = sum(len(part.steps) for part in parts)
    return _Stacks(parts).run() if len(parts) <= 2 and count <= MOST else list(parts)


@dataclass(eq=False)
class _Node:
    """Steps that are done in one go: one of the program, or what several became.

    `position` is that of the last of them in the program.
    """

    steps: list[Step]
    position: int
    part: int


@dataclass(eq=False)
class _Stack:
    """An array whose rows are results; `made` is the last part in which some are made, -1 if all are made in one go."""

    var: Var
    made: int


class _Stacks:
    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self.given = {var for part in parts for var in part.outputs}
        steps = [(p, step) for p, part in enumerate(parts) for step in part.steps]
        self.nodes = [_Node([step], i, p) for i, (p, step) in enumerate(steps)]
        self.maker: dict[Var, _Node] = {out: node for node in self.nodes for out in node.steps[0].outs}
        self.step_of = {step.out: step for _, step in steps}
        self.rows: dict[Var, tuple[_Stack, int]] = {}  # where results lie
        self.bytes = 0  # in stacks
        often = Counter((step.op, j, var) for _, step in steps for j, var in enumerate(step.operands))
        self.shared = {key for key, count in often.items() if count >= LEAST}

    def run(self) -> list[Part]:
        """The parts, with stacks."""
        kinds: dict[Any, list[_Node]] = {}
        for node in self.nodes:
            kinds.setdefault(self._kind(node), []).append(node)
        kinds.pop(None, None)
        for alike in [alike for alike in kinds.values() if len(alike) >= LEAST][:KINDS]:
            for group in self._independent(alike):
                self._stack(group)
        if not self.rows:
            return list(self.parts)
        self._sums()
        found: list[list[Step]] = [[] for _ in self.parts]
        for node in self._order():
            found[node.part] += node.steps
        return [Part(p.name, p.inputs, steps, p.outputs) for p, steps in zip(self.parts, found, strict=True)]

    # -- steps that are alike

    def _kind(self, node: _Node) -> Any:
        """What a step must have in common with another to be done in one go with it; None if it must not."""
        step = node.steps[0]
        out, forward = step.out, step.op.forward
        if not isinstance(step.op, Elementwise) or not isinstance(forward, np.ufunc) or step.op.name in WRITERS:
            return None
        if step.params or writer_of(step) is None or out in self.given or not 0 < out.nbytes <= SMALL or not out.shape:
            return None
        return node.part, step.op, out.shape, out.dtype, *(self._operand(step, j) for j in range(len(step.operands)))

    def _operand(self, step: Step, j: int) -> Any:
        """An operand that is the same for all; or what makes those that are not."""
        var = step.operands[j]
        made = self.step_of.get(var)
        if made is None or (step.op, j, var) in self.shared:
            return _itself(var)
        return made.op, var.shape, var.dtype

    def _independent(self, alike: Sequence[_Node]) -> list[list[_Node]]:
        """Those of these nodes that wait for none of each other, in groups."""
        members = set(alike)
        level: dict[_Node, int] = {}
        for node in self._order():
            level[node] = max([level[maker] for maker in self._before(node)], default=0) + (node in members)
        groups: dict[int, list[_Node]] = {}
        for node in alike:
            groups.setdefault(level[node], []).append(node)
        return [group for group in groups.values() if len(group) >= LEAST]

    def _stack(self, group: list[_Node]) -> None:
        """Make one step of a group, if its operands can lie in stacks."""
        steps, part = [node.steps[0] for node in group], group[0].part
        first = steps[0]
        operands = list(first.operands)
        varied = [j for j, x in enumerate(operands) if any(_itself(s.operands[j]) != _itself(x) for s in steps)]
        whole = self._fresh(first.out, len(steps))
        if not varied or whole is None:
            return
        for j in varied:
            rows = [step.operands[j] for step in steps]
            if {var.shape for var in rows} != {rows[0].shape} or len(rows[0].shape) != len(first.out.shape):
                return
            found = self._side_by_side(rows, part) or self._made_rows(rows, part)
            if found is None:
                return
            operands[j] = found
        node = _Node([Step(first.op, tuple(operands), {}, whole)], max(one.position for one in group), part)
        node.steps += [Step(getitem, (whole,), {"index": i}, step.out) for i, step in enumerate(steps)]
        self._enter(whole, [step.out for step in steps], -1)
        self._replace(group, node)

    def _side_by_side(self, rows: Sequence[Var], part: int) -> Var | None:
        """These variables as one array, if they are rows of a stack at equal distances."""
        places = [self.rows.get(var, (None, 0)) for var in rows]
        stack, start = places[0]
        if stack is None or any(other is not stack for other, _ in places):
            return None
        index = [i for _, i in places]
        step = index[1] - index[0]
        if step == 0 or index != [start + k * step for k in range(len(index))]:
            return None
        if index == [*range(stack.var.shape[0])]:
            return stack.var
        if len(index) < stack.var.shape[0] and stack.made >= part:  # the other rows may have to wait for these
            return None
        stop = start + len(index) * step
        view = Var("result", (len(index), *stack.var.shape[1:]), stack.var.dtype)
        look = Step(getitem, (stack.var,), {"index": slice(start, stop if stop >= 0 else None, step)}, view)
        self._insert(look, part)
        return view

    def _made_rows(self, rows: Sequence[Var], part: int) -> Var | None:
        """A new stack of results, which are written there."""
        if len(set(rows)) < len(rows) or any(var in self.rows or not self._may_be_row(var) for var in rows):
            return None
        whole = self._fresh(rows[0], len(rows))
        if whole is not None:
            self._insert(Step(ROWS, tuple(rows), {}, whole), part)
            self._enter(whole, rows, max(self.maker[var].part for var in rows))
        return whole

    def _may_be_row(self, var: Var) -> bool:
        made = self.step_of.get(var)
        return made is not None and var not in self.given and view_of(made) is None and writer_of(made) is not None

    def _fresh(self, row: Var, height: int) -> Var | None:
        """A stack, unless there would be too much in stacks."""
        whole = Var("result", (height, *row.shape), row.dtype)
        return whole if whole.nbytes <= min(LARGEST, TOGETHER - self.bytes) else None

    def _enter(self, whole: Var, rows: Sequence[Var], made: int) -> None:
        stack = _Stack(whole, made)
        self.rows.update({var: (stack, i) for i, var in enumerate(rows)})
        self.bytes += whole.nbytes

    # -- sums

    def _sums(self) -> None:
        """Chains of additions of rows become sums over them."""
        uses = Counter(var for node in self.nodes for step in node.steps for var in step.operands)
        uses.update(dict.fromkeys(self.given, 2))
        chain: list[_Node] = []
        for node in sorted(self.nodes, key=lambda one: one.position):
            step = node.steps[0]
            if len(node.steps) > 1 or step.op is not add or step.out.dtype not in (np.float32, np.float64):
                continue
            if any((var.shape, var.dtype) != (step.out.shape, step.out.dtype) for var in step.operands):
                continue
            if chain and ((total := chain[-1].steps[0].out) not in step.operands or uses[total] > 1):
                self._add_up(chain)
                chain = []
            chain.append(node)
        self._add_up(chain)

    def _add_up(self, chain: Sequence[_Node]) -> None:
        """Have the first rows in turn that a chain of additions adds to what was there before added in one go."""
        if not chain:
            return
        x, y = chain[0].steps[0].operands
        totals = [y if x in self.rows and y not in self.rows else x, *(node.steps[0].out for node in chain)]
        terms = [_other(node.steps[0], total) for node, total in zip(chain, totals, strict=False)]
        start = next((i for i, var in enumerate(terms) if var in self.rows), len(terms))
        stop = next((i for i in range(start, len(terms)) if terms[i] not in self.rows), len(terms))
        parts = {node.part for node in chain[start:stop]}
        if stop - start < LEAST or len(parts) > 1:
            return
        found = self._side_by_side(terms[start:stop], *parts)
        if found is None:
            return
        last, begun = chain[stop - 1], Var("result", found.shape, found.dtype)
        steps = [Step(FIRST_PLUS, (found, totals[start]), {}, begun), Step(ordered_sum, (begun,), {}, totals[stop])]
        self._replace(chain[start:stop], _Node(steps, last.position, last.part))

    # -- the graph

    def _insert(self, step: Step, part: int) -> None:
        """A step more, after what it needs."""
        node = _Node([step], max(self.maker[var].position for var in step.operands), part)
        self.nodes.append(node)
        self.maker[step.out] = node

    def _replace(self, gone: Sequence[_Node], node: _Node) -> None:
        dropped = set(gone)
        self.nodes = [*(one for one in self.nodes if one not in dropped), node]
        self.maker.update({out: node for step in node.steps for out in step.outs})

    def _before(self, node: _Node) -> set[_Node]:
        """What a node waits for."""
        found = {self.maker[var] for step in node.steps for var in step.operands if var in self.maker}
        return found - {node}

    def _order(self) -> list[_Node]:
        """The nodes in an order in which they can run, as near to that of the program as can be."""
        waiting = {node: self._before(node) for node in self.nodes}
        readers: dict[_Node, list[_Node]] = {}
        for node, makers in waiting.items():
            for maker in makers:
                readers.setdefault(maker, []).append(node)
        ready = [(node.position, i, node) for i, node in enumerate(self.nodes) if not waiting[node]]
        heapq.heapify(ready)
        number = len(self.nodes)
        found: list[_Node] = []
        while ready:
            node = heapq.heappop(ready)[-1]
            found.append(node)
            for reader in readers.get(node, ()):
                waiting[reader].discard(node)
                if not waiting[reader]:
                    number += 1
                    heapq.heappush(ready, (reader.position, number, reader))
        assert len(found) == len(self.nodes), "what is stacked waits for none of each other"
        return found


def _itself(var: Var) -> Any:
    """What tells a variable from others: of constants, their number."""
    return id(var.data) if var.role == "constant" else var


def _other(step: Step, var: Var) -> Var:
    """The other one of two operands."""
    return step.operands[1] if step.operands[0] is var else step.operands[0]
