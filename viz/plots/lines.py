"""Curves of any kind, in one panel or several."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tinygrad_edu.errors import ArgumentError, ShapeError, optional_import
from tinygrad_edu.viz.plots.figures import COLOURS, MARKS, new_figure, saved
from tinygrad_edu.viz.text import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DASHES = ("-", "--", "-.", ":")
LOGS = ("", "x", "y", "xy")
FEW = 20  # points up to which each has a mark


def plot_curves(
    curves: Mapping[str, Any],
    path: str | Path | None = None,
    *,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    log: Literal["", "x", "y", "xy"] = "",
    overwrite: bool = False,
) -> "Figure":
    """Curves to compare: those of one mapping share a panel, and differ in colour, dash and mark.

    Parameters
    ----------
    curves : mapping of str to curve, or of str to such a mapping
        A curve is its heights, shape (n,), drawn over 0, 1, 2 ..., or a pair (x, heights) of two such arrays. A mapping
        of mappings makes a panel of each, under its name.
    path : str or Path, optional
        Where to save the figure as well.
    xlabel, ylabel, title : str
    log : {"", "x", "y", "xy"}
        Which axes are logarithmic.
    overwrite : bool
        Whether a file at `path` may be replaced.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ArgumentError
        If there is no curve, or `log` is none of those above.
    ShapeError
        If a curve has another shape.

    Examples
    --------
    >>> figure = plot_curves({"slow": [1.0, 0.9, 0.8], "fast": ([0, 2], [1.0, 0.1])}, xlabel="epoch", ylabel="loss")
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['slow', 'fast']
    >>> [axes.get_title() for axes in plot_curves({"left": {"a": [1.0]}, "right": {"b": [2.0]}}).axes]
    ['left', 'right']
    """
    if log not in LOGS:
        raise ArgumentError(f"plot_curves: log must be one of {', '.join(map(repr, LOGS))}, got {log!r}")
    nested = any(isinstance(one, Mapping) for one in curves.values())
    panels: Mapping[str, Mapping[str, Any]] = curves if nested else {title: curves}
    if not panels or not all(isinstance(panel, Mapping) and panel for panel in panels.values()):
        raise ArgumentError("plot_curves takes a mapping of names to curves, or of panel titles to such mappings")
    figure = new_figure(max(5.4, 4.2 * len(panels)), 3.6)
    for number, (heading, panel) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), number + 1)
        for line, (name, curve) in enumerate(panel.items()):
            x, y = _points(name, curve)
            axes.plot(
                x,
                y,
                color=COLOURS[line % len(COLOURS)],
                linestyle=DASHES[line % len(DASHES)],
                marker=MARKS[line % len(MARKS)] if len(y) <= FEW else None,
                markersize=4,
                label=clean(name),
            )
        _scale_axes(axes, log)
        axes.set(xlabel=clean(xlabel, 60), ylabel=clean(ylabel, 60), title=clean(heading, 100))
        axes.grid(alpha=0.3)
        if len(panel) > 1:
            axes.legend()
    return saved(figure, path, overwrite, title if nested else "")


def _scale_axes(axes: "Axes", log: str) -> None:
    """Logarithms where asked for, with a tick at each of few points; whole numbers where all points are."""
    ticker = optional_import("matplotlib.ticker", extra="plot")
    for axis, which in ((axes.xaxis, 0), (axes.yaxis, 1)):
        data = np.unique(np.concatenate([np.asarray(line.get_data()[which]) for line in axes.get_lines()]))
        if "xy"[which] not in log:
            if np.all(data == np.round(data)):
                axis.set_major_locator(ticker.MaxNLocator(integer=True))
            continue
        (axes.set_yscale if which else axes.set_xscale)("log")
        if not which and len(data) <= FEW // 2:
            axis.set_major_locator(ticker.FixedLocator(data.tolist()))
            axis.set_major_formatter(ticker.FormatStrFormatter("%g"))
            axis.set_minor_locator(ticker.NullLocator())


def _points(name: str, curve: Any) -> tuple[np.ndarray, np.ndarray]:
    """Where a curve's points are."""
    if isinstance(curve, tuple) and len(curve) == 2 and np.ndim(curve[0]) == 1:
        x, y = (np.asarray(part, dtype=float) for part in curve)
    else:
        y = np.asarray(curve, dtype=float)
        x = np.arange(y.size, dtype=float)
    if y.ndim != 1 or x.shape != y.shape or not y.size:
        raise ShapeError(
            f"plot_curves: the curve {name!r} must be an array of shape (n,), or a pair of such arrays (x, heights); "
            f"got the shapes {x.shape} and {y.shape}"
        )
    return x, y
