"""The rule of an operation in symbols: its local derivatives, written with the names of the operands at hand."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tinygrad_edu.viz.text import clean, number

OPERANDS = "xyzuvw"  # what the entries call the operands in `reads`
OPERAND = re.compile(rf"\b[{OPERANDS}]\b")
UPSTREAM = re.compile(r"\bg\b")  # what they call the incoming gradient
LETTER = re.compile(rf"\b[{OPERANDS}g]\b")


def is_map(node: Any) -> bool:
    """Whether the derivative of a node is a linear map of the incoming gradient `g`, and no number for each entry."""
    return bool(node.op.kind != "elementwise")


def takes_upstream(node: Any, index: int) -> bool:
    """Whether the rule for an operand is written as a map of the incoming gradient: ``g @ y.T``."""
    place = 0 if node.op.variadic else index
    return is_map(node) and place < len(node.op.reads) and bool(UPSTREAM.search(node.op.reads[place]))


def local_symbols(node: Any, index: int, named: Callable[[Any], str | None], upstream: str | None = None) -> str:
    """The local derivative for one operand, as readers write it; empty if it speaks of an operand without a name.

    Parameters
    ----------
    node : Value
        The result.
    index : int
        Which operand.
    named : callable
        The name of a node in this text, or None. A lone operand without a name is called x.
    upstream : str, optional
        What to call the incoming gradient, which linear maps speak of; g if not given.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a, b = Value(2.0, name="a"), Value(5.0, name="b")
    >>> local_symbols(a * b, 0, lambda node: node.name), local_symbols(a / b, 1, lambda node: node.name)
    ('b', '-a / b^2')
    """
    parents = node.parents
    if node.op.variadic:  # one text for all operands, which it cannot call by letters
        return UPSTREAM.sub(lambda _: upstream or "g", str(node.op.reads[0])) if node.op.reads else ""
    reads = node.op.reads[index] if index < len(node.op.reads) else ""
    names = {letter: named(parent) for letter, parent in zip(OPERANDS, parents, strict=False)}
    used = set(OPERAND.findall(reads)) & set(names)
    if any(names[letter] is None for letter in used):
        return reads if len(parents) == 1 else ""
    if is_map(node):
        names["g"] = upstream
    return LETTER.sub(lambda found: names.get(found[0]) or found[0], reads)  # in one go: an operand may be called g


class Names:
    """A different name for every node of a graph: its own, or v1, v2, ... in order; a constant is its number.

    Nodes with the same name get the scope of their first reader before it, as in ``layer1.weight``.

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
        for node, name in _own_names(order).items():
            self.of[node] = _free(name, taken)
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
    >>> [expression(node, lambda node: node.name) for node in (a * a, a.tanh(), -a, Value([1.0, 2.0], name="b")[1])]
    ['a × a', 'tanh(a)', '-a', 'b[1]']
    """
    symbol, operands = clean(node.op.symbol, 14), [named(parent) for parent in node.parents]
    if node.op.name in FORMS:
        return FORMS[node.op.name](operands[0], node.params)
    if len(operands) == 2 and not any(character.isalnum() for character in symbol):
        return f"{operands[0]} {symbol} {operands[1]}"
    if len(operands) > 6:
        operands = [*operands[:5], "…"]
    return f"{symbol}({', '.join(operands)})"


def _index(x: str, params: Mapping[str, Any]) -> str:
    """``x[0, 1:3]``; an index too long to read is an ellipsis."""
    index = params["index"] if isinstance(params["index"], tuple) else (params["index"],)
    text = ", ".join("…" if one is Ellipsis else _slice(one) if isinstance(one, slice) else str(one) for one in index)
    return f"{x}[{text if len(text) <= 16 and text.isprintable() else '…'}]"


def _slice(one: slice) -> str:
    start, stop = ("" if end is None else str(end) for end in (one.start, one.stop))
    return f"{start}:{stop}" + ("" if one.step in (None, 1) else f":{one.step}")


# How results are written that no symbol between or before the operands can write.
FORMS: dict[str, Callable[[str, Mapping[str, Any]], str]] = {
    "negative": lambda x, params: f"-{x}",
    "absolute": lambda x, params: f"|{x}|",
    "transpose": lambda x, params: f"{x}.T",
    "swapaxes": lambda x, params: f"{x}.T",
    "getitem": _index,
}


def _own_names(order: list[Any]) -> dict[Any, str]:
    """The names that users gave; those of several nodes with as much of a scope as tells them apart, if any does."""
    same: dict[str, list[Any]] = {}
    for node in order:
        if node.name:
            same.setdefault(clean(node.name), []).append(node)
    where: dict[Any, list[str]] = {}
    if any(len(nodes) > 1 for nodes in same.values()):
        for node in order:
            for one in (node, *node.parents):
                if node.scope is not None:
                    where.setdefault(one, node.scope.path.split("/"))
    found: dict[Any, str] = {}
    for name, nodes in same.items():
        paths = [where.get(node, []) for node in nodes]
        for depth in range(1, max(map(len, paths)) + 1) if len(nodes) > 1 else ():
            told = [clean(".".join([*path[-depth:], name])) for path in paths]
            if len(set(told)) == len(told):
                break
        else:
            told = [name] * len(nodes)
        found.update(zip(nodes, told, strict=True))
    return {node: found[node] for node in order if node in found}


def _free(name: str, taken: set[str]) -> str:
    """The name, or with a prime for each time it was taken already."""
    while name in taken:
        name += "'"
    taken.add(name)
    return name
