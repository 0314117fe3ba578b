"""What an operation that is linear in its operands does to single entries, found by asking it about unit arrays.

No table says here how each operation opens: the answers to unit arrays are its matrix, so a sum, a mean, a transpose,
a convolution, and one that a user has added, all open by the same few lines.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

Entry = tuple[int, tuple[int, ...]]  # which operand, and the index into it
Term = tuple[float, tuple[Entry, ...]]  # a factor, and the entries that it multiplies


def terms(node: Any, most: int) -> dict[tuple[int, ...], list[Term]] | None:
    """Each entry of a result as a sum of factors times (products of) entries of the operands.

    Parameters
    ----------
    node : Value
    most : int
        How often the operation may be asked.

    Returns
    -------
    dict of index to terms, or None
        None if the operation is not linear in its operands, or would have to be asked too often. Operands without a
        derivative count as fixed.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> terms(Value([[1.0, 2.0]]) @ Value([3.0, 4.0]), most=100)
    {(0,): [(1.0, ((0, (0, 0)), (1, (0,)))), (1.0, ((0, (0, 1)), (1, (1,))))]}
    """
    if node.op.kind not in _ASKED or questions(node) > most:
        return None
    found: dict[tuple[int, ...], list[Term]] = {index: [] for index in np.ndindex(np.shape(node.data))}
    for entries in _ASKED[node.op.kind](node):
        answer = np.asarray(node.op.compute(*_units(node, entries), **node.params))
        for at in np.argwhere(answer != 0.0):
            found[tuple(int(i) for i in at)].append((float(answer[tuple(at)]), entries))
    return found


def questions(node: Any) -> float:
    """How often an operation must be asked before all is known about it; infinite if it cannot be."""
    sizes = [int(np.size(parent.data)) for parent in node.parents]
    if node.op.kind == "linear":
        return sum(sizes)
    varying = _varying(node)
    return math.prod(sizes[index] for index in varying) if len(varying) in (1, 2) else math.inf


def _one_by_one(node: Any) -> Iterator[tuple[Entry, ...]]:
    for operand, parent in enumerate(node.parents):
        for index in np.ndindex(np.shape(parent.data)):
            yield ((operand, index),)


def _in_pairs(node: Any) -> Iterator[tuple[Entry, ...]]:
    ways: list[tuple[Entry, ...]] = [()]
    for operand in _varying(node):
        shape = np.shape(node.parents[operand].data)
        ways = [(*way, (operand, index)) for way in ways for index in np.ndindex(shape)]
    yield from ways


_ASKED = {"linear": _one_by_one, "multilinear": _in_pairs}


def _varying(node: Any) -> list[int]:
    """The operands of a multilinear operation that have a derivative; a mask or an index stays as it is."""
    return [index for index in range(len(node.parents)) if node.op.has_rule(index)]


def _units(node: Any, entries: tuple[Entry, ...]) -> list[Any]:
    """Operands that are 1 at these entries and 0 elsewhere."""
    asked = [parent.data for parent in node.parents]
    for operand in range(len(asked)) if node.op.kind == "linear" else [operand for operand, _ in entries]:
        asked[operand] = np.zeros(np.shape(asked[operand]))
    for operand, index in entries:
        asked[operand][index] = 1.0
    return asked
