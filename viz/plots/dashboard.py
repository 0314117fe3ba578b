"""A picture of a training run that follows it, in a notebook."""

from typing import Any

from tinygrad_edu.errors import optional_import
from tinygrad_edu.nn.callbacks import Callback
from tinygrad_edu.nn.callbacks.base import TrainingState
from tinygrad_edu.viz.plots.curves import plot_history


class Dashboard(Callback):
    """A callback that draws the curves of a run below its cell, and redraws them in place after each epoch.

    The new picture replaces the old one in one message (nothing is cleared first), so it does not flicker.

    Parameters
    ----------
    every : int
        Epochs between two pictures.
    display : callable, optional
        ``display(figure)`` shows the first picture and gives a handle with ``update(figure)``; IPython's own
        ``display(..., display_id=True)`` if not given.

    Raises
    ------
    MissingDependencyError
        Outside of IPython, if `display` is not given.

    Examples
    --------
    >>> class Handle:
    ...     def update(self, figure):
    ...         print("redrawn")
    >>> from tinygrad_edu import nn
    >>> x, y = nn.data.moons(20, rng=0)
    >>> model = nn.Dense(2, 2, rng=0)
    >>> run = nn.fit(model, (x, y), nn.softmax_cross_entropy, nn.SGD(model.parameters(), lr=0.1), epochs=3, rng=0,
    ...              callbacks=[Dashboard(display=lambda figure: Handle())], progress=False)
    redrawn
    redrawn
    """

    def __init__(self, every: int = 1, display: Any = None) -> None:
        self.every = max(1, every)
        self._display = display if display is not None else _in_notebook()
        self._handle: Any = None

    def on_train_begin(self, state: TrainingState) -> None:
        """A new run has a picture of its own."""
        self._handle = None

    def on_epoch_end(self, state: TrainingState) -> None:
        """Draw."""
        if state.epoch % self.every and state.epoch != state.epochs:
            return
        figure = plot_history(state.history, title=f"epoch {state.epoch} of {state.epochs}")
        if self._handle is None:
            self._handle = self._display(figure)
        else:
            self._handle.update(figure)


def _in_notebook() -> Any:
    ipython = optional_import("IPython.display", extra="notebook")
    return lambda figure: ipython.display(figure, display_id=True)
