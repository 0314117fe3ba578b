"""The McCulloch-Pitts neuron: binary inputs, a weighted sum, a threshold. Nothing learns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu.errors import ArgumentError, DataError, ShapeError
from tinygrad_edu.nn.arguments import size


class McCullochPitts:
    """A neuron that fires if enough of its inputs do.

    Parameters
    ----------
    weights : sequence of float
        One for each input: positive ones excite, negative ones inhibit.
    threshold : float
        The neuron fires where the weighted sum is at least this.
    inhibitory : sequence of int, optional
        Inputs with a veto, as in the paper: where one of them is 1 the neuron does not fire, whatever the
        sum. Their weights do not count.

    Raises
    ------
    ArgumentError
        If there is no weight, or `inhibitory` names an input that is not there.

    Notes
    -----
    McCulloch & Pitts (1943), "A logical calculus of the ideas immanent in nervous activity".

    Examples
    --------
    >>> inputs = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> McCullochPitts.AND()(inputs), McCullochPitts.OR()(inputs), McCullochPitts.NOT()([[0], [1]])
    (array([0, 0, 0, 1]), array([0, 1, 1, 1]), array([1, 0]))
    >>> McCullochPitts([1, 1], threshold=1, inhibitory=[1])(inputs)
    array([0, 0, 1, 0])
    """

    def __init__(self, weights: Sequence[float], threshold: float, inhibitory: Sequence[int] = ()) -> None:
        self.weights: NDArray[np.float64] = np.array(weights, dtype=np.float64)
        if self.weights.ndim != 1 or not self.weights.size:
            raise ArgumentError(f"McCullochPitts: weights must be a list with one number an input, got {weights!r}")
        self.threshold = float(threshold)
        self.inhibitory = tuple(inhibitory)
        if any(i not in range(self.weights.size) for i in self.inhibitory):
            raise ArgumentError(
                f"McCullochPitts: inhibitory must be inputs from 0 to {self.weights.size - 1}, got {inhibitory!r}"
            )
        self.weights[list(self.inhibitory)] = 0.0

    @classmethod
    def AND(cls, n: int = 2) -> "McCullochPitts":
        """Fires if all inputs do."""
        return cls([1.0] * size("AND: n", n), n)

    @classmethod
    def OR(cls, n: int = 2) -> "McCullochPitts":
        """Fires if any input does."""
        return cls([1.0] * size("OR: n", n), 1)

    @classmethod
    def NOT(cls) -> "McCullochPitts":
        """Fires if its one input does not: that input inhibits, and the threshold is 0."""
        return cls([1.0], 0, inhibitory=[0])

    def sums(self, x: ArrayLike) -> NDArray[np.float64]:
        """The weighted sums of inputs of shape (n,) or (batch, n)."""
        inputs = np.asarray(x)
        if inputs.ndim not in (1, 2) or inputs.shape[-1] != self.weights.size:
            raise ShapeError(
                f"McCullochPitts: expected inputs of shape ({self.weights.size},) or (batch, {self.weights.size}), "
                f"got {inputs.shape}"
            )
        if not np.isin(inputs, (0, 1)).all():
            raise DataError("McCullochPitts: inputs must be 0 or 1")
        result: NDArray[np.float64] = inputs @ self.weights
        return result

    def __call__(self, x: ArrayLike) -> Any:
        """1 where the neuron fires, else 0: a number for one sample, an array for a batch."""
        fires = self.sums(x) >= self.threshold
        vetoed = np.asarray(x)[..., list(self.inhibitory)].any(axis=-1)
        out = (fires & ~vetoed).astype(int)
        return out if out.ndim else int(out)

    def __repr__(self) -> str:
        veto = f", inhibitory={list(self.inhibitory)}" if self.inhibitory else ""
        return f"McCullochPitts({self.weights.tolist()}, threshold={self.threshold:g}{veto})"
