"""How the entries of arrays are spread, step after step: weights, activations, gradients."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.viz.plots.figures import COLOURS, new_figure, saved
from tinygrad_edu.viz.text import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 3


def plot_histograms(
    arrays: Mapping[str, Sequence[Any]],
    path: str | Path | None = None,
    *,
    steps: Sequence[float] | None = None,
    bins: int = 40,
    xlabel: str = "epoch",
    title: str = "",
    overwrite: bool = False,
) -> "Figure":
    """Histograms over time, a panel a name: each step a column, darkest at its most frequent values, and its median.

    A single step is drawn as an ordinary histogram.

    Parameters
    ----------
    arrays : mapping of str to sequence of array
        What was kept of each quantity: one array a step, of any shape.
    path : str or Path, optional
        Where to save the figure as well.
    steps : sequence of float, optional
        What to call the steps, increasing; 0, 1, 2 ... if not given.
    bins : int
        How many steps of height.
    xlabel, title : str
    overwrite : bool
        Whether a file at `path` may be replaced.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ArgumentError
        If there is nothing to draw, `bins` is below 1, or the steps do not increase.
    ShapeError
        If the quantities, or `steps`, differ in length.

    Notes
    -----
    Entries that are not finite are left out, and their share is written into the panel.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> kept = [rng.normal(scale=scale, size=100) for scale in (1.0, 0.5, 0.1)]
    >>> figure = plot_histograms({"weights": kept, "gradients": [one / 10 for one in kept]})
    >>> [axes.get_title() for axes in figure.axes]
    ['weights', 'gradients']
    """
    kept = {name: [np.ravel(np.asarray(one, dtype=float)) for one in sequence] for name, sequence in arrays.items()}
    if not kept or bins < 1:
        raise ArgumentError(f"plot_histograms needs at least one quantity and one bin, got {len(kept)} and {bins}")
    count = len(next(iter(kept.values())))
    at = np.arange(count, dtype=float) if steps is None else np.asarray(steps, dtype=float)
    lengths = {name: len(sequence) for name, sequence in kept.items()}
    if at.shape != (count,) or set(lengths.values()) != {count}:
        raise ShapeError(
            f"plot_histograms: every quantity needs one array a step; got {len(at)} steps, and of the arrays {lengths}"
        )
    if not count or np.any(np.diff(at) <= 0):
        raise ArgumentError(f"plot_histograms: expected steps that increase, at least one, got {at.tolist()}")
    columns = min(COLUMNS, len(kept))
    rows = -(-len(kept) // columns)
    figure = new_figure(max(5.0, 3.7 * columns), 3.0 * rows + (0.4 if title else 0.0))
    for number, (name, sequence) in enumerate(kept.items()):
        finite = [one[np.isfinite(one)] for one in sequence]
        everything = np.concatenate(finite)
        if not everything.size:
            raise ArgumentError(f"plot_histograms: {name!r} has no finite entry")
        edges = np.histogram_bin_edges(everything, bins)
        counts = np.array([np.histogram(one, edges)[0] for one in finite])
        tints = counts / np.maximum(counts.max(axis=1, keepdims=True), 1)  # of its own step: a wide one would be pale
        axes = figure.add_subplot(rows, columns, number + 1)
        medians = [np.median(one) if one.size else np.nan for one in finite]
        if count == 1:
            axes.stairs(counts[0], edges, fill=True, color=COLOURS[0])
            axes.axvline(medians[0], color=COLOURS[1], linewidth=1.2)
            axes.set(xlabel="value", ylabel="entries")
        else:
            axes.pcolormesh(_edges(at), edges, tints.T, cmap="Blues", vmin=0.0, rasterized=True)
            axes.plot(at, medians, color=COLOURS[1], linewidth=1.2)
            axes.set(xlabel=clean(xlabel))
        axes.set_title(clean(name, 60), fontsize=10)
        lost = sum(len(one) for one in sequence) - everything.size
        if lost:
            share = lost / (lost + everything.size)
            axes.text(0.02, 0.96, f"{share:.1%} not finite", transform=axes.transAxes, va="top", color=COLOURS[1])
    return saved(figure, path, overwrite, title)


def _edges(at: np.ndarray) -> np.ndarray:
    """Where the column of each step begins and ends."""
    middles = (at[1:] + at[:-1]) / 2
    return np.concatenate([[2 * at[0] - middles[0]], middles, [2 * at[-1] - middles[-1]]])
