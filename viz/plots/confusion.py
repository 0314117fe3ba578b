"""Which classes a classifier takes for which."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.errors import ShapeError, optional_import
from tinygrad_edu.viz.plots.figures import new_figure, saved
from tinygrad_edu.viz.text import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_confusion(
    matrix: Any,
    path: str | Path | None = None,
    *,
    names: Sequence[str] | None = None,
    title: str = "",
    overwrite: bool = False,
) -> "Figure":
    """A confusion matrix: true classes down, predicted classes across, counts in the cells.

    Parameters
    ----------
    matrix : int array, shape (classes, classes)
        What `nn.confusion_matrix` gives: how many samples of each class (row) were taken for each (column).
    path : str or Path, optional
        Where to save the figure as well.
    names : sequence of str, optional
        What to call the classes.
    title : str
    overwrite : bool
        Whether a file at `path` may be replaced.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ShapeError
        If the matrix is not square, or `names` has another length.

    Notes
    -----
    A cell's shade is the square root of its share of the row, so that a mistake in a hundred can be seen.

    Examples
    --------
    >>> figure = plot_confusion([[8, 2], [0, 5]], names=["cat", "dog"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['8', '2', '5']
    """
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ShapeError(
            "plot_confusion: expected a square matrix of counts, as nn.confusion_matrix(predictions, labels) gives; "
            f"got shape {counts.shape}"
        )
    classes = len(counts)
    called = [str(number) for number in range(classes)] if names is None else [clean(name, 14) for name in names]
    if len(called) != classes:
        raise ShapeError(f"plot_confusion: expected one name a class, got {len(called)} names for {classes} classes")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    side = 1.6 + 0.42 * classes
    figure = new_figure(side + 1.0, side)
    axes = figure.add_subplot(1, 1, 1)
    norm = optional_import("matplotlib.colors", extra="plot").PowerNorm(0.5, 0.0, 1.0)
    shown = axes.imshow(shares, cmap="Blues", norm=norm)
    for row, column in np.argwhere(counts):
        colour = "white" if shares[row, column] > 0.4 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=8, color=colour)
    ticks = np.arange(classes)
    turned = max(map(len, called)) > 3
    axes.set_xticks(ticks, called, rotation=45 if turned else 0, ha="right" if turned else "center")
    axes.set_yticks(ticks, called)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(clean(title, 100))
    figure.colorbar(shown, ax=axes, label="share of the true class", shrink=0.8)
    return saved(figure, path, overwrite)
