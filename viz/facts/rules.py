"""The rule of an operation in symbols: its local derivatives, written with the names of the operands at hand."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from tinygrad_edu.viz.text import clean, number

OPERANDS = "xyzuvw"  # what the entries call the operands in `reads`
OPERAND = re.compile(rf"\b[{OPERANDS}]\b")
UPSTREAM = re.compile(r"\bg\b")  # what they call the incoming gradient


def is_map(node: Any) -> bool:
    """Whether the derivative of a node is a linear map of the incoming gradient `g`, and no number for each entry."""
    return bool(node.op.kind != "elementwise")


def local_symbols(node: Any, index: int, named: Callable[[Any], str | None]) -> str:
    """The local derivative for one operand, as readers write it; empty if it speaks of an operand without a name.

    Parameters
    ----------
    node : Value
        The result.
    index : int
        Which operand.
    named : callable
        The name of a node in this text, or None. A lone operand without a name is called x.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a, b = Value(2.0, name="a"), Value(5.0, name="b")
    >>> local_symbols(a * b, 0, lambda node: node.name), local_symbols(a / b, 1, lambda node: node.name)
    ('b', '-a / b^2')
    """
    parents = node.parents
    if node.op.variadic:  # one text for all operands, which it cannot call by letters
        return str(node.op.reads[0]) if node.op.reads else ""
    reads = node.op.reads[index] if index < len(node.op.reads) else ""
    names = {letter: named(parent) for letter, parent in zip(OPERANDS, parents, strict=False)}
    used = set(OPERAND.findall(reads)) & set(names)
    if any(names[letter] is None for letter in used):
        return reads if len(parents) == 1 else ""
    return OPERAND.sub(lambda found: names.get(found[0]) or found[0], reads)


class Names:
    """A different name for every node of a graph: its own, or v1, v2, ... in order; a constant is its number.

    Parameters
    ----------
    order : iterable of Value
    root : Value, optional
        Called L if it has no name.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> from tinygrad_edu.graph import topological
    >>> a = Value(3.0, name="a")
    >>> loss = a * a + 2.0
    >>> list(Names(topological(loss), loss).of.values())
    ['a', 'v1', '2', 'L']
    """

    def __init__(self, order: Iterable[Any], root: Any = None) -> None:
        self.of: dict[Any, str] = {}
        taken: set[str] = set()
        order = list(order)
        for node in order:
            if node.name:
                self.of[node] = _free(clean(node.name), taken)
        if root is not None and not root.name:
            self.of[root] = _free("L", taken)
        count = 0
        for node in order:
            if node in self.of:
                continue
            if node.op.name == "constant" and node.size == 1:
                self.of[node] = number(node.item())
                continue
            count += 1
            while f"v{count}" in taken:
                count += 1
            self.of[node] = f"v{count}"
        self.of = {node: self.of[node] for node in order}

    def __getitem__(self, node: Any) -> str:
        return self.of[node]


def expression(node: Any, named: Callable[[Any], str]) -> str:
    """How a result is computed from its operands: ``a × b``, ``tanh(x)``.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a = Value(2.0, name="a")
    >>> expression(a * a, lambda node: node.name), expression(a.tanh(), lambda node: node.name)
    ('a × a', 'tanh(a)')
    """
    symbol, operands = clean(node.op.symbol, 14), [named(parent) for parent in node.parents]
    if len(operands) == 2 and not any(character.isalnum() for character in symbol):
        return f"{operands[0]} {symbol} {operands[1]}"
    if len(operands) > 6:
        operands = [*operands[:5], "…"]
    return f"{symbol}({', '.join(operands)})"


def _free(name: str, taken: set[str]) -> str:
    """The name, or with a prime for each time it was taken already."""
    while name in taken:
        name += "'"
    taken.add(name)
    return name
