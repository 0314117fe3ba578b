"""`paths`: every way from a value to a result, and what flows back along each one."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, overload

from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.graph import descendants
from tinygrad_edu.viz.facts.chain import Contribution, Facts, pulled
from tinygrad_edu.viz.facts.rules import Names
from tinygrad_edu.viz.text import clean, count_text, few_numbers


@dataclass(frozen=True, slots=True)
class Path:
    """One way from a result back to a value.

    Attributes
    ----------
    steps : tuple of Contribution
        From the result on: what each step hands to its operand along this path alone.
    nodes : tuple of Value
        The result first, the value last.
    product : float or array
        What arrives: the seed times every local derivative on the way (for arrays, their linear maps in turn).
    text : str
        The path in words.
    """

    steps: tuple[Contribution, ...]
    nodes: tuple[Any, ...]
    product: Any
    text: str

    @property
    def edges(self) -> tuple[tuple[Any, int], ...]:
        """(consumer, position of the operand) of each step."""
        return tuple((step.consumer, step.index) for step in self.steps)

    @property
    def factors(self) -> tuple[Any, ...]:
        """The local derivative of each step; None for one that is a linear map and no number."""
        return tuple(step.local for step in self.steps)

    def __str__(self) -> str:
        return self.text


class Paths(Sequence[Path]):
    """All paths from a value to a result, in operand order.

    Attributes
    ----------
    total : float or array
        The sum of the products: the gradient of the value.
    """

    def __init__(self, found: Sequence[Path], total: Any, names: tuple[str, str]) -> None:
        self._paths = tuple(found)
        self.total = total
        self._names = names

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Path]: ...
    def __getitem__(self, index: int | slice) -> Path | Sequence[Path]:
        return self._paths[index]

    def __str__(self) -> str:
        loss, w = self._names
        lines = [f"{count_text(len(self), 'path')} from {w} to {loss}"]
        lines += [f"  {path}" for path in self]
        return "\n".join([*lines, f"  sum: d{loss}/d{w} = {few_numbers(self.total)}"])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def paths(loss: Any, w: Any, *, limit: int = 1_000) -> Paths:
    """Every path from `w` to `loss`, each with its product; their sum is the gradient of `w`.

    Parameters
    ----------
    loss : Value
    w : Value
        Any node that `loss` was computed from.
    limit : int
        The most paths to list: their number can double with every operation.

    Returns
    -------
    Paths

    Raises
    ------
    ArgumentError
        If there are more paths than `limit` (says how many), or none.
    ShapeError
        If `loss` is not a single number and has no gradient yet.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a = Value(3.0, name="a")
    >>> print(paths(a * a + a, a))
    3 paths from a to L
      L ← + ← × ← a: 1 × 1 × 3 = 3
      L ← + ← × ← a: 1 × 1 × 3 = 3
      L ← + ← a: 1 × 1 = 1
      sum: dL/da = 7
    """
    for node in (loss, w):
        if not hasattr(node, "parents"):
            raise ArgumentError(f"paths takes two Values, the result and one it depends on; got {type(node).__name__}")
    try:
        facts = Facts(loss)
    except ArgumentError as error:
        raise ShapeError(str(error)) from None
    between = leading(facts, loss, w)
    count = _count(facts, loss, w, between)
    if not count:
        raise ArgumentError(
            f"there is no path: the result does not depend on {clean(w.name or w.op.name)} by anything differentiable"
        )
    if count > limit:
        about = f"{count:,}" if count < 10**12 else f"about 10^{math.floor(math.log10(count))}"
        raise ArgumentError(
            f"there are {about} paths, more than limit={limit:,}; backpropagation needs none of them one by one. "
            "Take a smaller network or a value nearer to the result, or raise the limit"
        )
    names = Names(facts.order, loss)
    found = list(_walk(facts.gradient(loss), loss, w, between, names))
    total = found[0].product
    for path in found[1:]:
        total = total + path.product
    return Paths(found, total, (names[loss], names[w]))


def leading(facts: Facts, loss: Any, w: Any) -> dict[Any, list[int]]:
    """For each node between, the operands through which a derivative of `loss` leads to `w`."""
    on_way = descendants(loss, of=[w]) if w in set(facts.order) else set()
    return {
        node: [
            index
            for index, parent in enumerate(node.parents)
            if parent in on_way and parent.op.name != "constant" and node.op.has_rule(index)
        ]
        for node in on_way
        if node is not w and not node.op.terminal
    }


def _count(facts: Facts, loss: Any, w: Any, between: dict[Any, list[int]]) -> int:
    count = {w: 1}
    for node in facts.order:
        if node in between:
            count[node] = sum(count.get(node.parents[index], 0) for index in between[node])
    return count.get(loss, 0)


def _walk(seed: Any, loss: Any, w: Any, between: dict[Any, list[int]], names: Names) -> Iterator[Path]:
    """Depth first, with a stack of our own: a path may be longer than Python's recursion."""
    way: list[Contribution] = []
    waiting: list[tuple[int, Any, Any, Contribution | None]] = [(0, loss, seed, None)]  # how deep, where, what arrives
    while waiting:
        depth, node, upstream, step = waiting.pop()
        if step is not None:
            way[depth - 1 :] = [step]
        if node is w:
            yield _path(loss, w, seed, tuple(way[:depth]), upstream, names)
            continue
        steps = pulled(node, upstream, between.get(node, ()))
        waiting += [(depth + 1, node.parents[one.index], one.amount, one) for one in reversed(steps)]


def _path(loss: Any, w: Any, seed: Any, steps: tuple[Contribution, ...], product: Any, names: Names) -> Path:
    nodes = (loss, *(step.consumer.parents[step.index] for step in steps))
    through = [clean(step.consumer.op.symbol, 14) for step in steps]
    factors = [seed, *(step.local for step in steps)]
    numbers = ""
    if all(factor is not None and factor.__class__ is float for factor in factors):
        numbers = " × ".join(few_numbers(factor) for factor in factors) + " = "
    text = f"{' ← '.join([names[loss], *through, names[w]])}: {numbers}{few_numbers(product)}"
    return Path(steps, nodes, product, text)
