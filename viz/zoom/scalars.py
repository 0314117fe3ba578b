"""`scalar_parts`: a graph of tensors opened into scalars, as a graph of Values with the same numbers."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.graph import topological
from tinygrad_edu.kinds import Linear
from tinygrad_edu.mode import Info, Scope
from tinygrad_edu.op import CONSTANT, REGISTRY, Node, Operation, new
from tinygrad_edu.viz.facts.chain import Facts, plain
from tinygrad_edu.viz.text import clean, shape_text
from tinygrad_edu.viz.zoom.coefficients import questions, terms

MOST_PARTS = 2_000
MOST_QUESTIONS = 20_000  # to one operation, some tens of microseconds each

# The sum of several scalars as one operation, so that a product of matrices shows its sums and no chains of them.
TOTAL = Linear("add_all", lambda xs: sum(xs[1:], xs[0]), (lambda g, i, *xs: g,), variadic=True, symbol="Σ", reads="1")
ADD, MULTIPLY, STACK, RESHAPE, GETITEM = (REGISTRY[name] for name in ("add", "multiply", "stack", "reshape", "getitem"))


def scalar_parts(roots: Iterable[Any], most: int = MOST_PARTS) -> list[Any]:
    """The same graph in scalars: products and sums for a matmul, an operation an entry for what works entry by entry.

    What only moves entries (reshape, transpose, indexing, broadcasting) leaves no trace: the entries themselves are
    read. What is neither (a softmax, a sort) stays closed, between the entries that go in and those that come out.

    Parameters
    ----------
    roots : iterable of Value
    most : int
        The most scalars.

    Returns
    -------
    list of Value
        The entries of the roots. The numbers are those of the tensors, the gradients as well.

    Raises
    ------
    ArgumentError
        If there would be more than `most`; names the operation that went past it.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> w, x = Value([[2.0, 3.0]], name="w"), Value([4.0, 5.0], name="x")
    >>> [y] = scalar_parts([w @ x])
    >>> y.op.name, [product.op.name for product in y.parents], [entry.name for entry in y.parents[0].parents]
    ('add', ['multiply', 'multiply'], ['w[0,0]', 'x[0]'])
    """
    roots = list(roots)
    order = topological(roots)
    opener = _Opener(most)
    for node in order:
        opener.open(node)
    entries = [entry for root in roots for entry in opener.entries[root].flat]
    if all(root.grad is not None for root in roots):
        facts = Facts(list(dict.fromkeys(entries)))
        for node in opener.made:
            if node.grad is None:
                node.grad = facts.gradient(node)
    return entries


class _Opener:
    """Makes the scalars of one node after the other."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.entries: dict[Any, Any] = {}  # node -> object array of scalar nodes, of its shape
        self.made: list[Any] = []

    def open(self, node: Any) -> None:
        """Make the entries of a node, those of its operands being there."""
        size = int(np.size(node.data))
        if len(self.made) + size > self.most:
            raise self._too_many(node)
        entries = np.empty(np.shape(node.data), dtype=object)
        if not node.parents or node.op.terminal:
            op = node.op if not node.parents else CONSTANT
            for index in np.ndindex(entries.shape):
                entries[index] = self._make(op, node, index, ())
        elif node.op.kind == "elementwise":
            operands = np.broadcast_arrays(*[self.entries[parent] for parent in node.parents])
            for index in np.ndindex(entries.shape):
                entries[index] = self._make(node.op, node, index, tuple(operand[index] for operand in operands))
        else:
            if questions(node) < float("inf") and questions(node) > MOST_QUESTIONS:
                raise self._too_many(node)
            found = terms(node, MOST_QUESTIONS)
            if found is None:
                self._closed(node, entries)
            else:
                scope = Scope(_title(node), node.scope)
                for index, summands in found.items():
                    entries[index] = self._sum(node, index, summands, scope)
        self.entries[node] = entries

    def _sum(self, node: Any, index: tuple[int, ...], summands: Sequence[Any], scope: Scope) -> Any:
        """One entry as a sum of products; a lone entry, unchanged, is that entry."""
        factors = {factor for factor, _ in summands}
        common = factors.pop() if len(factors) == 1 and len(summands) > 1 else None
        parts = []
        for factor, entries in summands:
            operands = [self.entries[node.parents[operand]][at] for operand, at in entries]
            if factor != 1.0 and common is None:
                operands.append(self._constant(factor, scope))
            part = operands[0]
            for operand in operands[1:]:
                part = self._record(MULTIPLY, part.data * operand.data, (part, operand), scope)
            parts.append(part)
        if not parts:
            return self._constant(0.0, scope)
        if len(parts) == 1:
            return parts[0]
        total = self._record(ADD if len(parts) == 2 else TOTAL, sum(part.data for part in parts), tuple(parts), scope)
        if common not in (None, 1.0):
            total = self._record(MULTIPLY, total.data * common, (total, self._constant(common, scope)), scope)
        return self._named(total, node, index)

    def _closed(self, node: Any, entries: Any) -> None:
        """An operation that does not open: its operands put together, its result taken apart."""
        packed = []
        for parent in node.parents:
            own = self.entries[parent]
            array = own.flat[0] if own.size else self._record(CONSTANT, parent.data, (), node.scope)
            if own.ndim:
                flat = np.ravel(parent.data)
                array = self._record(STACK, flat, tuple(own.flat), node.scope, {"axis": 0}) if own.size else array
                if own.ndim > 1:
                    array = self._record(RESHAPE, parent.data, (array,), node.scope, {"shape": own.shape})
            packed.append(array)
        result = self._record(node.op, node.data, tuple(packed), node.scope, node.params)
        result.grad = plain(node.grad)
        if entries.ndim == 0:
            entries[()] = self._named(result, node, ())
        for index in np.ndindex(entries.shape) if entries.ndim else ():
            entries[index] = self._make(GETITEM, node, index, (result,), {"index": index})

    def _make(
        self, op: Operation, node: Any, index: tuple[int, ...], parents: tuple[Any, ...], params: Any = None
    ) -> Any:
        """One entry of a node, made by `op` from scalars."""
        kind = Node.result_class if parents or type(node).role == "value" else type(node)
        made = self._record(op, _entry(node.data, index), parents, node.scope, params or node.params, kind)
        return self._named(made, node, index)

    def _record(
        self, op: Operation, data: Any, parents: tuple[Any, ...], scope: Any, params: Any = None, kind: Any = None
    ) -> Any:
        if len(self.made) >= self.most:
            raise self._too_many(None)
        node = new(kind or Node.result_class)
        node.data, node.grad, node.op = data, None, op
        several = op.variadic or len(parents) > 2
        node._a = parents if several else parents[0] if parents else None
        node._b = parents[1] if len(parents) == 2 and not several else None
        node._info = Info(None, scope, dict(params) if params else None)
        self.made.append(node)
        return node

    def _constant(self, data: float, scope: Scope) -> Any:
        return self._record(CONSTANT, data, (), scope)

    def _named(self, made: Any, node: Any, index: tuple[int, ...]) -> Any:
        """The scalar with the name and the gradient of its entry."""
        if node.name:
            made.name = node.name + (f"[{','.join(map(str, index))}]" if index else "")
        if node.grad is not None:
            made.grad = _entry(plain(node.grad), index)
        return made

    def _too_many(self, node: Any) -> ArgumentError:
        where = ""
        if node is not None:
            shapes = " and ".join(shape_text(np.shape(parent.data)) for parent in node.parents)
            where = f"; {clean(node.name or node.op.name)} of {shapes or shape_text(np.shape(node.data))} goes past it"
        return ArgumentError(
            f"detail='scalar' draws at most {self.most:,} scalars{where}. Draw fewer: a batch of one or two, smaller "
            "layers, or a part of the graph; detail='tensor' draws arrays whole"
        )


def _title(node: Any) -> str:
    """What the frame around the parts of an operation is called."""
    shapes = ", ".join(shape_text(np.shape(parent.data)) for parent in node.parents)
    return f"{clean(node.op.symbol, 14)} of {shapes}"


def _entry(data: Any, index: tuple[int, ...]) -> Any:
    return data if not index and not isinstance(data, np.ndarray) else data[index]
