"""A quick look at Values that have not moved so far: whether they still have the numbers that they had."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.op import Node

FEW = 32  # numbers of an array that are looked at; of a small one, all: they lie in a row
SMALL = 256
_data_of: Any = Node.__dict__["data"].__get__  # the slot: who has numbers that lie elsewhere need not show them


class Still:
    """Values as they are at this moment, to be compared with later.

    A number is the same if it is the same object. Of an array, that does not say so: some of its numbers are compared
    as well. Of numbers that lie elsewhere, nothing is sure.

    Parameters
    ----------
    values : sequence of Value

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> rate, weights = Value(0.1), Value([1.0, 2.0])
    >>> still = Still([rate, weights])
    >>> still.holds()
    True
    >>> weights.data[1] = 3.0
    >>> still.holds()
    False
    """

    def __init__(self, values: Sequence[Node]) -> None:
        self._values = list(values)
        self._held = [*map(_data_of, values)]  # kept, so that no id is used twice
        self._ids = [*map(id, self._held)]
        self._plain = all(isinstance(data, (float, np.generic, np.ndarray)) for data in self._held)
        self._looks = [few(data).tobytes for data in self._held if data.__class__ is np.ndarray]
        self._numbers = [look() for look in self._looks]

    def holds(self) -> bool:
        """Whether every Value surely has the numbers that it had."""
        same = self._plain and [*map(id, map(_data_of, self._values))] == self._ids
        return same and [look() for look in self._looks] == self._numbers


def few(data: Any) -> Any:
    """Some of the numbers of an array, as a view of it; all where they do not lie in a row, or are few."""
    return data.reshape(-1)[:: data.size // FEW + 1] if data.size > SMALL and data.flags.c_contiguous else data
