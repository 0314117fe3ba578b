"""The loss around a point, along one or two directions in the space of parameters."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.mode import no_grad
from tinygrad_edu.viz.plots.figures import COLOURS, new_figure, saved
from tinygrad_edu.viz.text import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_loss_landscape(
    loss: Callable[[], Any],
    parameters: Any,
    path: str | Path | None = None,
    *,
    directions: int = 2,
    span: float = 1.0,
    points: int = 25,
    rng: np.random.Generator | int | None = None,
    title: str = "",
    overwrite: bool = False,
) -> "Figure":
    """The loss along random directions through the present parameters, which stay as they are.

    Parameters
    ----------
    loss : callable
        ``loss()`` computes the loss (a Value or a number) with the parameters as they are at that moment.
    parameters : iterable of Parameter, or a model
    path : str or Path, optional
        Where to save the figure as well.
    directions : {1, 2}
        A curve, or a map with contours.
    span : float
        How far to go to each side; 1 is a step as long as the parameters themselves.
    points : int
        How many along each direction.
    rng : Generator or int, optional
        Draws the directions.
    title : str
    overwrite : bool
        Whether a file at `path` may be replaced.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ArgumentError
        If there are no parameters, or an option is out of its range.

    Notes
    -----
    Each row of a direction has the length of the same row of the parameter (filter normalisation), so that pictures of
    different networks can be compared: Li, Xu, Taylor, Studer, Goldstein (2018), "Visualizing the loss landscape of
    neural nets". Biases and other vectors are rows by themselves.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> w = Value([1.0, -2.0])
    >>> figure = plot_loss_landscape(lambda: (w * w).sum(), [w], directions=1, points=11, rng=0)
    >>> figure.axes[0].get_xlabel(), w.data
    ('step along a random direction', array([ 1., -2.]))
    """
    held = list(parameters.parameters() if hasattr(parameters, "parameters") else parameters)
    if not held:
        raise ArgumentError("plot_loss_landscape: there are no parameters to move; pass model, or model.parameters()")
    if directions not in (1, 2) or points < 3 or not span > 0:
        raise ArgumentError(
            f"plot_loss_landscape: expected directions 1 or 2, at least 3 points and a span above 0, got "
            f"directions={directions!r}, points={points!r}, span={span!r}"
        )
    generator = np.random.default_rng(rng)
    ways = [[_direction(one.data, generator) for one in held] for _ in range(directions)]
    at = np.linspace(-span, span, points)
    figure = new_figure(5.2, 4.4 if directions == 2 else 3.6)
    axes = figure.add_subplot()
    with _moving(held) as move, no_grad():
        if directions == 1:
            heights = np.array([move(loss, ways, (a,)) for a in at])
            axes.plot(at, heights, color=COLOURS[0])
            axes.plot([0.0], [move(loss, ways, (0.0,))], "o", color=COLOURS[1], label="here")
            axes.set_xlabel("step along a random direction")
            axes.set_ylabel("loss")
        else:
            heights = np.array([[move(loss, ways, (a, b)) for a in at] for b in at])
            filled = axes.contourf(at, at, np.ma.masked_invalid(heights), levels=24, cmap="viridis")
            axes.plot([0.0], [0.0], "o", color="white", markeredgecolor="black", label="here")
            figure.colorbar(filled, ax=axes, label="loss")
            axes.set_xlabel("step along one random direction")
            axes.set_ylabel("step along another")
    axes.legend(loc="upper right")
    axes.set_title(clean(title, 120))
    return saved(figure, path, overwrite)


Move = Callable[[Callable[[], Any], Sequence[Sequence[Any]], Sequence[float]], float]


@contextmanager
def _moving(held: Sequence[Any]) -> Iterator[Move]:
    """A function that computes a loss elsewhere; at the end all parameters are what they were."""
    start = [one.data for one in held]

    def move(loss: Callable[[], Any], ways: Sequence[Sequence[Any]], steps: Sequence[float]) -> float:
        for i, (one, x) in enumerate(zip(held, start, strict=True)):
            one.data = x + sum(step * way[i] for step, way in zip(steps, ways, strict=True))
        with np.errstate(all="ignore"):
            found = loss()
        return float(getattr(found, "data", found))

    try:
        yield move
    finally:
        for one, x in zip(held, start, strict=True):
            one.data = x


def _direction(x: Any, rng: np.random.Generator) -> Any:
    """A random array like `x`, each row as long as the same row of `x`."""
    drawn = rng.normal(size=np.shape(x))
    if np.ndim(x) == 0:
        return float(np.sign(drawn) * abs(x))
    axes = tuple(range(np.ndim(x) - 1)) if np.ndim(x) > 1 else None  # a unit's weights are a column
    length, own = (np.sqrt(np.sum(np.square(one), axis=axes, keepdims=True)) for one in (x, drawn))
    return (drawn * length / np.where(own == 0.0, 1.0, own)).astype(x.dtype)
