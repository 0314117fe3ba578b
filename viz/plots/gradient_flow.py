"""How large gradients are along the way back: through time, or from layer to layer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, optional_import
from tinygrad_edu.viz.plots.figures import COLOURS, MARKS, new_figure, saved
from tinygrad_edu.viz.plots.lines import DASHES
from tinygrad_edu.viz.text import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOT_THERE = "#666666"  # of a gradient that is 0 or was not computed, and has no place on a logarithmic axis
FEW = 30  # points up to which each has a mark


def plot_gradient_flow(
    flow: Any,
    path: str | Path | None = None,
    *,
    xlabel: str = "time step",
    title: str = "",
    overwrite: bool = False,
) -> "Figure":
    """The norms of gradients, on a logarithmic axis: where they vanish, and where they explode.

    Parameters
    ----------
    flow : mapping of str to sequence, or Module
        A mapping makes one curve of each of its sequences: of numbers, the norms, or of Values, whose gradients'
        norms are taken, such as the states of a recurrent network step by step. A module makes one bar of each of
        its parameters, in their order.
    path : str or Path, optional
        Where to save the figure as well.
    xlabel : str
        What the places of a sequence are.
    title : str
    overwrite : bool
        Whether a file at `path` may be replaced.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ArgumentError
        If there is nothing to draw, or no gradient has been computed: ``backward(keep="all")`` keeps those of
        values that are no leaves.

    Notes
    -----
    A gradient that is 0 or None is marked at the foot of the plot.

    Examples
    --------
    >>> figure = plot_gradient_flow({"weight 0.5": [0.25, 0.5, 1.0], "weight 2": [4.0, 2.0, 1.0]})
    >>> figure.axes[0].get_yscale(), figure.axes[0].get_xlabel()
    ('log', 'time step')
    >>> from tinygrad_edu import Value, nn
    >>> layer = nn.Dense(2, 3, rng=0)
    >>> layer(Value([[1.0, 2.0]])).sum().backward()
    >>> [label.get_text() for label in plot_gradient_flow(layer).axes[0].get_yticklabels()]
    ['weight', 'bias']
    """
    if hasattr(flow, "named_parameters"):
        figure = _bars({name: norm_of(parameter) for name, parameter in flow.named_parameters()}, title)
    elif isinstance(flow, Mapping):
        figure = _curves({name: [norm_of(one) for one in steps] for name, steps in flow.items()}, xlabel, title)
    else:
        raise ArgumentError(
            "plot_gradient_flow takes a mapping of names to norms (or to Values that have a gradient), or a Module; "
            f"got {type(flow).__name__}"
        )
    return saved(figure, path, overwrite)


def norm_of(one: Any) -> float:
    """The number itself, or the norm of a Value's gradient; nan if it has none."""
    if not hasattr(one, "grad"):
        return float(one)
    return float("nan") if one.grad is None else float(np.linalg.norm(np.ravel(getattr(one.grad, "data", one.grad))))


def _curves(norms: Mapping[str, Sequence[float]], xlabel: str, title: str) -> "Figure":
    _refuse_nothing([norm for steps in norms.values() for norm in steps])
    figure = new_figure(6.0, 3.8)
    axes = figure.add_subplot(1, 1, 1)
    axes.set_yscale("log")
    for number, (name, steps) in enumerate(norms.items()):
        places, heights = np.arange(len(steps)), np.array(steps, dtype=float)
        gone = ~(heights > 0)
        colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)] if len(steps) <= FEW else None
        dash, drawn = DASHES[number % len(DASHES)], np.where(gone, np.nan, heights)
        axes.plot(places, drawn, color=colour, linestyle=dash, marker=mark, markersize=4, label=clean(name))
        if gone.any():  # on the axis itself: a height as a fraction of the plot
            axes.plot(places[gone], np.zeros(gone.sum()), "x", color=colour, transform=axes.get_xaxis_transform(),
                      clip_on=False, label=f"{clean(name)}: 0 or none")  # fmt: skip
    axes.set_xlabel(clean(xlabel, 60))
    axes.xaxis.set_major_locator(optional_import("matplotlib.ticker", extra="plot").MaxNLocator(integer=True))
    _finish(axes, title, "y")
    axes.set_ylabel("norm of the gradient")
    axes.legend()
    return figure


def _bars(norms: Mapping[str, float], title: str) -> "Figure":
    heights = np.array(list(norms.values()), dtype=float)
    _refuse_nothing(heights)
    gone, places = ~(heights > 0), np.arange(len(heights))
    figure = new_figure(6.0, min(1.4 + 0.26 * len(heights), 30.0))
    axes = figure.add_subplot(1, 1, 1)
    axes.set_xscale("log")
    low = heights[~gone].min() / 3
    axes.barh(places[~gone], heights[~gone] - low, left=low, color=COLOURS[0], height=0.6)
    for place in places[gone]:
        axes.annotate("0 or none", (0.01, place), xycoords=axes.get_yaxis_transform(), color=NOT_THERE, va="center")
    axes.set_yticks(places, [clean(name, 40) for name in norms])
    axes.set_ylim(len(heights) - 0.4, -0.6)  # the first parameter on top
    _finish(axes, title, "x")
    axes.set_xlabel("norm of the gradient")
    return figure


def _finish(axes: Any, title: str, grid: str) -> None:
    axes.grid(alpha=0.3, axis=grid)
    axes.set_title(clean(title, 100))


def _refuse_nothing(norms: Any) -> None:
    if not np.any(np.asarray(norms, dtype=float) > 0):
        raise ArgumentError(
            "plot_gradient_flow: there is no gradient above 0 to draw; call backward(keep='all') on the loss first"
        )
