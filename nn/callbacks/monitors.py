"""What goes on inside a network while it learns: gradient norms, dead units."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.graph import topological
from tinygrad_edu.nn.callbacks.base import Callback, TrainingState
from tinygrad_edu.nn.module import modes_kept
from tinygrad_edu.nn.regularize import global_norm
from tinygrad_edu.op import Node


class GradientNorm(Callback):
    """Enter the norm of all gradients together, averaged over the epoch, as ``gradient_norm``.

    Before `ClipGradients` in the list of callbacks it sees the gradients as they come, behind it the clipped ones.

    Attributes
    ----------
    norms : list of float
        One a batch of the latest epoch.

    Examples
    --------
    >>> from tinygrad_edu.nn import SGD, Dense, fit
    >>> model = Dense(1, 1, rng=0)
    >>> data, optimizer = ([[1.0], [2.0]], [[2.0], [4.0]]), SGD(model.parameters(), lr=0.0)
    >>> history = fit(model, data, "mse", optimizer, 2, batch_size=2, callbacks=[GradientNorm()], progress=False)
    >>> [round(norm, 3) for norm in history["gradient_norm"]]
    [8.895, 8.895]
    """

    def __init__(self) -> None:
        self.norms: list[float] = []

    def on_epoch_begin(self, state: TrainingState) -> None:
        """Begin anew."""
        self.norms = []

    def on_backward_end(self, state: TrainingState) -> None:
        """Measure."""
        self.norms.append(global_norm(state.model.parameters()))

    def on_batch_end(self, state: TrainingState) -> None:
        """Enter the average so far."""
        state.numbers["gradient_norm"] = float(np.mean(self.norms))


class DeadUnits(Callback):
    """Enter the share of relu units that are 0 for every sample of a batch, after each epoch, as ``dead_units``.

    A unit is an entry of the last axis of what a relu gives (a neuron, a channel). The relus are found in the
    recorded graph, so those inside layers and those written out count alike.

    Parameters
    ----------
    inputs : array
        The batch that is shown to the model; some hundred samples.

    Attributes
    ----------
    fractions : dict of str to float
        The latest share by the scope in which each relu stands.

    Examples
    --------
    >>> from tinygrad_edu.nn import Dense, Sequential
    >>> model = Sequential(Dense(1, 2, activation="relu", rng=0), Dense(2, 1, rng=0))
    >>> model[0].weight.data[:], model[0].bias.data[:] = [[1.0, 1.0]], [0.0, -9.0]
    >>> monitor = DeadUnits([[1.0], [2.0]])
    >>> monitor.measure(model), monitor.fractions
    (0.5, {'sequential/layer0': 0.5})
    """

    def __init__(self, inputs: Any) -> None:
        self.inputs = np.asarray(inputs)
        self.fractions: dict[str, float] = {}

    def on_batch_end(self, state: TrainingState) -> None:
        """Measure after the last batch of an epoch."""
        if state.batch == state.batches:
            state.numbers["dead_units"] = self.measure(state.model)

    def measure(self, model: Any) -> float:
        """The share of dead units of a model.

        Raises
        ------
        ArgumentError
            If there is no relu in it.
        """
        with modes_kept(model, training=False):
            outputs = model(self.inputs)
        alive: dict[str, list[NDArray[np.bool_]]] = {}
        for node in topological(list(_nodes(outputs))):
            if node.op.name == "relu":
                entries: NDArray[np.bool_] = np.greater(np.atleast_1d(np.asarray(node.data)), 0)
                where = node.scope.path if node.scope else ""
                alive.setdefault(where, []).append(np.logical_or.reduce(entries.reshape(-1, entries.shape[-1]), axis=0))
        if not alive:
            raise ArgumentError("DeadUnits: there is no relu in the model")
        dead = {where: ~np.concatenate(units) for where, units in alive.items()}
        self.fractions = {where: float(units.mean()) for where, units in dead.items()}
        return float(np.concatenate(list(dead.values())).mean())


def _nodes(outputs: Any) -> Iterator[Node]:
    """The nodes of an output, or of lists of outputs."""
    if isinstance(outputs, (list, tuple)):
        for output in outputs:
            yield from _nodes(output)
    elif isinstance(outputs, Node):
        yield outputs
