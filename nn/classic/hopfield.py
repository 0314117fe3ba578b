"""The Hopfield network: a memory that completes what it is shown."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu.errors import DataError, ShapeError
from tinygrad_edu.nn.arguments import size

CAPACITY = 0.138  # patterns a neuron, for random patterns (Amit, Gutfreund & Sompolinsky, 1985)


@dataclass(frozen=True)
class Recall:
    """What a recall ended in.

    Attributes
    ----------
    state : array, shape (neurons,), of -1 and 1
    energies : list of float
        At the start, and after each sweep; they never rise.
    converged : bool
        Whether a whole sweep changed nothing: the state is one where every neuron agrees with the others.
    """

    state: NDArray[np.int_]
    energies: list[float]
    converged: bool


class HopfieldNetwork:
    """Neurons of -1 and 1, each joined to each other; patterns are stored in the weights.

    Hebb's rule: neurons that fire together are joined by a positive weight, W = sum of p pᵀ / n without
    the diagonal. Recall asks the neurons one by one, in an order that is drawn, to agree with the sum of
    what they hear; the energy -½ sᵀ W s never rises, so it ends.

    Parameters
    ----------
    n : int
        How many neurons.

    Attributes
    ----------
    weights : array, shape (n, n)
        Symmetric, with zeros on the diagonal.
    stored : int
        How many patterns. Random patterns are recalled well up to about 0.138 n of them.

    Notes
    -----
    Hopfield (1982), "Neural networks and physical systems with emergent collective computational abilities".

    Examples
    --------
    >>> patterns = np.array([[1, 1, 1, 1, -1, -1, -1, -1], [1, -1, 1, -1, 1, -1, 1, -1]])
    >>> network = HopfieldNetwork(8).store(patterns)
    >>> noisy = patterns[0].copy()
    >>> noisy[0] = -1
    >>> recall = network.recall(noisy, rng=0)
    >>> (recall.state == patterns[0]).all(), recall.converged, recall.energies[-1] < recall.energies[0]
    (np.True_, True, True)
    """

    def __init__(self, n: int) -> None:
        self.n = size("HopfieldNetwork: n", n)
        self._sums: NDArray[np.float64] = np.zeros((self.n, self.n))  # whole numbers, so that ties are exact
        self.stored = 0

    @property
    def weights(self) -> NDArray[np.float64]:
        """How strongly each pair of neurons is joined."""
        return self._sums / self.n

    @property
    def capacity(self) -> int:
        """About how many random patterns can be recalled: 0.138 n."""
        return int(CAPACITY * self.n)

    def store(self, patterns: ArrayLike) -> "HopfieldNetwork":
        """Add patterns to the memory; returns the network.

        Parameters
        ----------
        patterns : array, shape (n,) or (patterns, n), of -1 and 1

        Raises
        ------
        ShapeError
            If they have another length.
        DataError
            If an entry is something else.
        """
        rows = self._checked("patterns", np.atleast_2d(np.asarray(patterns))).astype(np.float64)
        self._sums += rows.T @ rows
        np.fill_diagonal(self._sums, 0.0)
        self.stored += len(rows)
        return self

    def energy(self, state: ArrayLike) -> float:
        """-½ sᵀ W s: low where neurons agree with their neighbours."""
        s = self._checked("state", np.asarray(state))
        return float(-0.5 * (s @ self._sums @ s) / self.n)

    def recall(self, state: ArrayLike, rng: np.random.Generator | int | None = None, max_sweeps: int = 100) -> Recall:
        """Let the network come to rest from a state, such as a noisy pattern.

        Parameters
        ----------
        state : array, shape (n,), of -1 and 1
        rng : Generator or int, optional
            Draws the order in which neurons are asked, anew in each sweep.
        max_sweeps : int
            A sweep asks every neuron once.

        Returns
        -------
        Recall
        """
        s = np.array(self._checked("state", np.asarray(state)), dtype=int)
        if s.ndim != 1:
            raise ShapeError(f"HopfieldNetwork: recall takes one state of shape ({self.n},), got {s.shape}")
        rng = np.random.default_rng(rng)
        energies = [self.energy(s)]
        for _ in range(size("recall: max_sweeps", max_sweeps)):
            changed = False
            for i in rng.permutation(self.n):
                heard = float(self._sums[i] @ s)
                new = s[i] if heard == 0.0 else (1 if heard > 0.0 else -1)
                changed = changed or bool(new != s[i])
                s[i] = new
            energies.append(self.energy(s))
            if not changed:
                return Recall(s, energies, True)
        return Recall(s, energies, False)

    def _checked(self, what: str, rows: NDArray[np.int_]) -> NDArray[np.int_]:
        if not rows.ndim or rows.shape[-1] != self.n:
            raise ShapeError(
                f"HopfieldNetwork: {what} must have {self.n} entries, one a neuron, got shape {rows.shape}"
            )
        if not np.isin(rows, (-1, 1)).all():
            raise DataError(f"HopfieldNetwork: {what} must be -1 and 1 (from 0 and 1: 2 * x - 1)")
        return rows

    def __repr__(self) -> str:
        return f"HopfieldNetwork({self.n} neurons, {self.stored} patterns stored)"
