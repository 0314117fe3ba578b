"""Where the arrays of a straight kernel lie, and how their entries are written in its text."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.program import Var

Array = np.ndarray[Any, np.dtype[Any]]
Index = Sequence[str]  # for each axis the text of an index
FLOAT = np.dtype(np.float64)
ROW = 64  # numbers in a result that has an array of its own


class Places:
    """The flat arrays that a kernel gets, and for each variable the view of one of them that it is.

    Parameters
    ----------
    held, into : dict of Var to array
        Inputs, and outputs that have a place already: flat arrays of float64. No result is made in a held one.
    small : int
        How many numbers the results have together that are shorter than `ROW`.

    Attributes
    ----------
    bases : list of (str, array)
        What the kernel gets, and what it calls them.

    Examples
    --------
    >>> x = Var("input", (6,), FLOAT)
    >>> places = Places({x: np.arange(6.0)}, {}, 0)
    >>> table = places.arrays[x].reshape(2, 3)[:, 1:]
    >>> places.text(table, ["i", "j"])
    'x0[1 + i * 3 + j]'
    """

    def __init__(self, held: Mapping[Var, Array], into: Mapping[Var, Array], small: int) -> None:
        inputs = {id(array) for array in held.values()}
        self.into = {var: array for var, array in into.items() if id(array) not in inputs}
        self.arrays: dict[Var, Array] = {var: array.reshape(var.shape) for var, array in held.items()}
        self.work, self.used = np.zeros(small + 1), 0
        self.bases: list[tuple[str, Array]] = [("w", self.work)]
        self.bases += [(f"x{i}", array) for i, array in enumerate(held.values())]
        self.bases += [(f"y{i}", array) for i, array in enumerate(self.into.values())]

    def array(self, var: Var) -> Array:
        """The view that a variable is; LookupError if it is computed where it is read."""
        found = self.arrays.get(var)
        if found is None:
            if var.role != "constant":
                raise LookupError("a variable is no array")
            found = np.array(var.data, dtype=FLOAT, order="C")
            self.bases.append((f"c{len(self.bases)}", found.reshape(-1)))
            self.arrays[var] = found
        return found

    def made(self, out: Var) -> Array:
        """A place for a result."""
        found = self.into.get(out)
        if found is None or found.shape != out.shape:
            found = self.room(out.size).reshape(out.shape)
        self.arrays[out] = found
        return found

    def room(self, size: int) -> Array:
        """Fresh memory: an array of its own where loops over it are long, so that they need not look for overlaps."""
        if size >= ROW:
            self.bases.append((f"b{len(self.bases)}", np.empty(size)))
            return self.bases[-1][1]
        self.used += size
        return self.work[self.used - size : self.used]

    def text(self, array: Array, index: Index) -> str:
        """One entry of an array in the text."""
        name, start = self.place(array)
        terms = [f"{start}"] if start or not array.ndim else []
        terms += [
            i if stride == 8 else f"{i} * {stride // 8}"
            for i, stride in zip(index, array.strides, strict=True)
            if i != "0" and stride
        ]
        return f"{name}[{' + '.join(terms) or '0'}]"

    def place(self, array: Array) -> tuple[str, int]:
        """The argument that an array lies in, and where it starts there."""
        at = array.__array_interface__["data"][0]
        for name, base in self.bases:
            start = base.__array_interface__["data"][0]
            if start <= at < start + max(base.nbytes, 1):
                return name, (at - start) // 8
        raise LookupError("an array lies elsewhere")
