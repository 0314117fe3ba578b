"""Sample images with what a model said of each."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.errors import ShapeError
from tinygrad_edu.viz.plots.figures import new_figure, saved
from tinygrad_edu.viz.text import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RIGHT, WRONG = "#007A5A", "#B34700"


def plot_predictions(
    images: Any,
    labels: Any,
    predicted: Any,
    path: str | Path | None = None,
    *,
    count: int = 20,
    columns: int = 10,
    names: Sequence[str] | None = None,
    title: str = "",
    overwrite: bool = False,
) -> "Figure":
    """A grid of images with what was predicted; right and wrong differ in colour, in mark (✓ ✗) and in the frame.

    Parameters
    ----------
    images : array, shape (n, height, width), (n, height, width, channels) or (n, side * side)
    labels, predicted : int array, shape (n,)
    path : str or Path, optional
        Where to save the figure as well.
    count : int
        How many of the images to show, from the first on.
    columns : int
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
        If the lengths differ or the images have another shape.

    Examples
    --------
    >>> figure = plot_predictions(np.zeros((2, 8, 8)), [3, 5], [3, 6])
    >>> [axes.get_title() for axes in figure.axes]
    ['✓ 3', '✗ 6, not 5']
    """
    pictures, true, guessed = _images(images), np.asarray(labels), np.asarray(predicted)
    if not len(pictures) == len(true) == len(guessed) or not len(pictures):
        raise ShapeError(
            "plot_predictions needs as many labels and predictions as images, and at least one: "
            f"got {len(pictures)} images, {len(true)} labels, {len(guessed)} predictions"
        )
    shown = min(count, len(pictures))
    columns = min(columns, shown)
    rows = -(-shown // columns)
    figure = new_figure(1.1 * columns, 1.4 * rows + (0.4 if title else 0.0))
    for number in range(shown):
        axes = figure.add_subplot(rows, columns, number + 1)
        axes.imshow(pictures[number], cmap="gray_r")
        axes.set_xticks([])
        axes.set_yticks([])
        right = true[number] == guessed[number]
        what, truth = (clean(names[one] if names else one, 14) for one in (guessed[number], true[number]))
        colour = RIGHT if right else WRONG
        axes.set_title(f"✓ {what}" if right else f"✗ {what}, not {truth}", color=colour, fontsize=9)
        for side in axes.spines.values():
            side.set(color=colour, linewidth=1.0 if right else 2.6, linestyle="-" if right else "--")
    return saved(figure, path, overwrite, title)


def _images(images: Any) -> np.ndarray:
    pictures = np.asarray(images, dtype=float)
    side = round(pictures.shape[1] ** 0.5) if pictures.ndim == 2 else 0
    if side and side * side == pictures.shape[1]:
        pictures = pictures.reshape(-1, side, side)
    if pictures.ndim == 4 and pictures.shape[-1] == 1:
        pictures = pictures[..., 0]
    if pictures.ndim not in (3, 4):
        raise ShapeError(
            "images must have shape (n, height, width), (n, height, width, channels) or (n, side * side), "
            f"got {pictures.shape}"
        )
    return pictures
