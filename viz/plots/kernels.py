"""The kernels of a convolution, as pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, ShapeError, optional_import
from tinygrad_edu.viz.plots.figures import new_figure, plain, saved, shades

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_kernels(
    layer: Any, path: str | Path | None = None, *, columns: int = 8, title: str = "", overwrite: bool = False
) -> "Figure":
    """Every kernel of a convolution: red is above 0, blue below, white 0.

    Parameters
    ----------
    layer : Conv2d, or array of shape (kernel height, kernel width, in, out)
    path : str or Path, optional
        Where to save the figure as well.
    columns : int
        How many kernels stand in a row where there is one channel in. With several, each has a row of its own,
        and each kernel a column.
    title : str
    overwrite : bool
        Whether a file at `path` may be replaced.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ShapeError
        If the weight has another shape.
    ArgumentError
        If the layer has no weight, or waits for its first input to make it.

    Examples
    --------
    >>> figure = plot_kernels(np.ones((3, 3, 1, 16)))
    >>> figure.axes[0].get_title()
    '16 kernels of 3 x 3'
    """
    weight = plain(_weight(layer))
    if weight.ndim != 4 or not weight.size:
        raise ShapeError(
            f"plot_kernels: expected a weight of shape (kernel height, kernel width, in, out), got {weight.shape}"
        )
    high, wide, channels, kernels = weight.shape
    tiles = np.moveaxis(weight, (2, 3), (0, 1)).reshape(-1, high, wide)  # the kernels of one channel in after another's
    across = min(columns, kernels) if channels == 1 else kernels
    rows = -(-len(tiles) // across)
    mosaic = np.full((rows * (high + 1) - 1, across * (wide + 1) - 1), np.nan)
    frame = np.array([[0, 0], [wide, 0], [wide, high], [0, high]]) - 0.5
    frames = []
    for number, tile in enumerate(tiles):
        top, left = number // across * (high + 1), number % across * (wide + 1)
        mosaic[top : top + high, left : left + wide] = tile
        frames.append(frame + np.array([left, top]))

    scale = min(0.5, 7.0 / across)
    figure = new_figure(scale * across + 1.6, min(max(scale * rows * high / wide, 1.0) + 0.8, 12.0))
    axes = figure.add_subplot(1, 1, 1, frameon=False)
    shown = axes.imshow(mosaic, **shades([weight], signed=True))
    collection = optional_import("matplotlib.collections", extra="plot").PolyCollection
    axes.add_collection(collection(frames, facecolors="none", edgecolors="#555555", linewidths=0.7, clip_on=False))
    axes.set_title(f"{kernels} kernels of {high} x {wide}" + (f" x {channels}" if channels > 1 else ""), fontsize=10)
    axes.set(xticks=[], yticks=[])
    if channels > 1:
        axes.set(xlabel=f"kernel 0 to {kernels - 1}", ylabel=f"channel in, 0 to {channels - 1}")
    figure.colorbar(shown, ax=axes, label="weight", shrink=0.8)
    return saved(figure, path, overwrite, title)


def _weight(layer: Any) -> Any:
    if not hasattr(layer, "parameters"):
        return layer
    try:
        return layer.weight
    except AttributeError as error:
        raise ArgumentError(f"plot_kernels: {error}") from None
