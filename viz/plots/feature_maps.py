"""What the channels of a convolution see: one small picture each."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.errors import ShapeError
from tinygrad_edu.viz.plots.figures import new_figure, plain, saved, shades
from tinygrad_edu.viz.text import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_feature_maps(
    maps: Any,
    path: str | Path | None = None,
    *,
    names: Sequence[str] | None = None,
    columns: int = 8,
    title: str = "",
    overwrite: bool = False,
) -> "Figure":
    """One picture per channel of what a layer gives for one image, all in the same shades.

    Parameters
    ----------
    maps : array or Value, shape (height, width, channels) or (1, height, width, channels); or a list of 2-D arrays
        Those of a list may differ in size: an image beside what was made of it.
    path : str or Path, optional
        Where to save the figure as well.
    names : sequence of str, optional
        What stands above each; None: its number, from 0.
    columns : int
        How many pictures stand in a row.
    title : str
    overwrite : bool
        Whether a file at `path` may be replaced.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ShapeError
        If `maps` has another shape, or `names` another length.

    Notes
    -----
    White is 0. Where nothing is below 0, the largest number is black; else red is above 0 and blue below.

    Examples
    --------
    >>> image = np.eye(6)
    >>> figure = plot_feature_maps([image, image[::2, ::2] - image[1::2, ::2]], names=["image", "difference"])
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['image', 'difference']
    """
    pictures = _pictures(maps)
    titles = [str(number) for number in range(len(pictures))] if names is None else list(names)
    if len(titles) != len(pictures):
        raise ShapeError(f"plot_feature_maps: expected a name each, got {len(titles)} names for {len(pictures)} maps")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    figure = new_figure(1.3 * columns + 0.8, 1.5 * rows + (0.3 if title else 0.0))
    look = shades(pictures)
    for number, (picture, name) in enumerate(zip(pictures, titles, strict=True), start=1):
        axes = figure.add_subplot(rows, columns, number)
        shown = axes.imshow(picture, **look)
        axes.set(xticks=[], yticks=[])
        axes.set_title(clean(name), fontsize=9)
    figure.colorbar(shown, ax=figure.axes, shrink=0.8)
    return saved(figure, path, overwrite, title)


def _pictures(maps: Any) -> list[np.ndarray]:
    if isinstance(maps, (list, tuple)):
        pictures = [plain(one) for one in maps]
    else:
        channels = plain(maps)
        channels = channels[0] if channels.ndim == 4 and len(channels) == 1 else channels
        pictures = list(np.moveaxis(channels, -1, 0)) if channels.ndim == 3 else [channels[None]]
    if not pictures or any(one.ndim != 2 or not one.size for one in pictures):
        got = [np.shape(one) for one in maps] if isinstance(maps, (list, tuple)) else np.shape(maps)
        raise ShapeError(
            "plot_feature_maps draws the maps of one image: shape (height, width, channels) or (1, height, width, "
            f"channels), or a list of 2-D arrays; got {got}"
        )
    return pictures
