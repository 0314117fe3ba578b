"""The perceptron: one neuron with a step, and the first rule by which a machine learned."""

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu.errors import ArgumentError, DataError, ShapeError
from tinygrad_edu.nn.arguments import size


class NotSeparatedWarning(UserWarning):
    """A perceptron that still makes mistakes after its last epoch."""


class Perceptron:
    """A neuron that fires where ``x @ weights + bias > 0``, and learns from each of its mistakes.

    A sample x that should fire and does not adds ``lr * x`` to the weights, one that should not and does
    takes it away; the bias, which is minus the threshold theta, is the weight of an input that is always 1.
    If some line (plane) separates the classes, the rule finds one after finitely many mistakes; if none
    does, as for XOR, it goes on for ever.

    Parameters
    ----------
    lr : float, above 0
        The length of a correction. It changes no decision, since the weights start at 0.
    epochs : int
        The most passes over the data.
    rng : Generator or int, optional
        Draws an order of samples for each pass; None takes them as they stand.

    Attributes
    ----------
    weights : array, shape (features,)
    bias : float
        Minus theta.
    converged : bool
        Whether a whole pass went without a mistake.
    mistakes : list of int
        Of each pass.

    Notes
    -----
    Rosenblatt (1958), "The perceptron"; convergence after at most (R / margin)² mistakes: Novikoff (1962).
    What it cannot do: Minsky & Papert (1969).

    Examples
    --------
    >>> inputs = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> perceptron = Perceptron().fit(inputs, [0, 0, 0, 1])
    >>> perceptron.predict(inputs), perceptron.converged, perceptron.theta > 0
    (array([0, 0, 0, 1]), True, True)
    """

    def __init__(self, lr: float = 1.0, epochs: int = 100, rng: np.random.Generator | int | None = None) -> None:
        if not lr > 0:
            raise ArgumentError(f"Perceptron: lr must be above 0, got {lr!r}")
        self.lr, self.epochs = float(lr), size("Perceptron: epochs", epochs)
        self._rng = None if rng is None else np.random.default_rng(rng)
        self.weights: NDArray[np.float64] = np.zeros(0)
        self.bias = 0.0
        self.converged = False
        self.mistakes: list[int] = []

    @property
    def theta(self) -> float:
        """The threshold: the neuron fires where ``x @ weights > theta``."""
        return -self.bias

    def fit(self, x: ArrayLike, y: ArrayLike) -> "Perceptron":
        """Learn from samples until a pass goes without a mistake, or `epochs` are over; returns itself.

        Parameters
        ----------
        x : array, shape (samples, features)
        y : array, shape (samples,), 0 and 1, or -1 and 1

        Raises
        ------
        ShapeError
            If the shapes do not fit.
        DataError
            If a label is something else, or an input not finite.

        Warns
        -----
        NotSeparatedWarning
            If mistakes are left; see `converged`.
        """
        inputs, wanted = self._checked(x, y)
        self.weights, self.bias = np.zeros(inputs.shape[1]), 0.0
        self.converged, self.mistakes = False, []
        for _ in range(self.epochs):
            self.mistakes.append(self._pass(inputs, wanted))
            if not self.mistakes[-1]:
                self.converged = True
                return self
        warnings.warn(
            f"the perceptron still makes {self.mistakes[-1]} mistakes after {self.epochs} passes: either no straight "
            "line separates the classes (as for XOR), or more epochs are needed",
            NotSeparatedWarning,
            stacklevel=2,
        )
        return self

    def _pass(self, inputs: NDArray[np.float64], wanted: NDArray[np.bool_]) -> int:
        """Every sample once; how many were wrong."""
        wrong = 0
        for i in np.arange(len(inputs)) if self._rng is None else self._rng.permutation(len(inputs)):
            error = float(wanted[i]) - float(inputs[i] @ self.weights + self.bias > 0)
            if error:
                wrong += 1
                self.weights = self.weights + self.lr * error * inputs[i]
                self.bias += self.lr * error
        return wrong

    def scores(self, x: ArrayLike) -> NDArray[np.float64]:
        """``x @ weights + bias``, shape (samples,)."""
        inputs = np.asarray(x, dtype=np.float64)
        if not self.weights.size:
            raise ArgumentError("Perceptron: it has learned nothing yet; first  perceptron.fit(x, y)")
        if inputs.ndim != 2 or inputs.shape[1] != self.weights.size:
            raise ShapeError(f"Perceptron: expected inputs of shape (samples, {self.weights.size}), got {inputs.shape}")
        result: NDArray[np.float64] = inputs @ self.weights + self.bias
        return result

    def predict(self, x: ArrayLike) -> NDArray[np.int_]:
        """1 where the neuron fires, else 0; shape (samples,)."""
        return (self.scores(x) > 0).astype(int)

    def _checked(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        inputs, labels = np.asarray(x, dtype=np.float64), np.asarray(y)
        if inputs.ndim != 2 or labels.shape != inputs.shape[:1] or not inputs.size:
            raise ShapeError(
                f"Perceptron: expected x of shape (samples, features) and y of shape (samples,), got {inputs.shape} "
                f"and {labels.shape}"
            )
        if not np.isfinite(inputs).all():
            raise DataError("Perceptron: the inputs must be finite")
        if not (np.isin(labels, (0, 1)).all() or np.isin(labels, (-1, 1)).all()):
            raise DataError(f"Perceptron: labels must be 0 and 1, or -1 and 1, got {np.unique(labels)[:5]}")
        return inputs, labels > 0

    def __repr__(self) -> str:
        if not self.weights.size:
            return f"Perceptron(lr={self.lr:g}, epochs={self.epochs})"
        return f"Perceptron(weights={self.weights.tolist()}, bias={self.bias:g}, converged={self.converged})"
