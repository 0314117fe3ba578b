"""Activation functions: the curve, its derivative, and where it saturates."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.viz.plots.figures import COLOURS, new_figure, saved
from tinygrad_edu.viz.text import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 401
FLAT = 0.05  # a slope below which hardly any gradient comes through
COLUMNS = 5


def plot_activation(
    functions: Mapping[str, Callable[[Any], Any]],
    path: str | Path | None = None,
    *,
    low: float = -5.0,
    high: float = 5.0,
    title: str = "",
    overwrite: bool = False,
) -> "Figure":
    """Each function with its derivative, one panel each; grey where the slope is below 0.05, so hardly anything learns.

    The derivative is the one that training uses: the graph's.

    Parameters
    ----------
    functions : mapping of str to function
        Functions of a Value that treat each entry by itself: operations such as `relu`, layers such as `nn.PReLU()`.
    path : str or Path, optional
        Where to save the figure as well.
    low, high : float
        The inputs to show.
    title : str
    overwrite : bool
        Whether a file at `path` may be replaced.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ArgumentError
        If there is no function, or `low` is not below `high`.
    ShapeError
        If a function changes the shape of its input.

    Examples
    --------
    >>> from tinygrad_edu import relu, sigmoid
    >>> figure = plot_activation({"relu": relu, "sigmoid": sigmoid})
    >>> [axes.get_title() for axes in figure.axes]
    ['relu', 'sigmoid']
    """
    if not functions or not low < high:
        raise ArgumentError(
            f"plot_activation needs at least one function, and low below high; got {len(functions)} functions, "
            f"{low} and {high}"
        )
    columns = min(COLUMNS, len(functions))
    rows = -(-len(functions) // columns)
    figure = new_figure(2.4 * columns, 2.2 * rows + 0.5)
    for number, (name, function) in enumerate(functions.items()):
        x, y, slope = _curve(name, function, low, high)
        axes = figure.add_subplot(rows, columns, number + 1)
        axes.axhline(0.0, color="#333333", linewidth=0.6)
        axes.plot(x, y, color=COLOURS[0], label="f(x)")
        axes.plot(x, slope, color=COLOURS[1], linestyle="--", label="f'(x)")
        axes.fill_between(
            x, 0, 1, where=np.abs(slope) < FLAT, transform=axes.get_xaxis_transform(), color="#999999", alpha=0.25
        )
        axes.set_title(clean(name, 40), fontsize=10)
        axes.set_ylim(max(-2.0, min(y.min(), slope.min()) - 0.1), min(3.0, max(y.max(), slope.max()) + 0.1))
        axes.grid(alpha=0.3)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return saved(figure, path, overwrite, title)


def _curve(
    name: str, function: Callable[[Any], Any], low: float, high: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, outputs, and the slope at each input."""
    x = Value(np.linspace(low, high, POINTS))
    y = function(x)
    if np.shape(y) != x.shape:
        raise ShapeError(f"plot_activation: {name!r} must keep the shape of its input {x.shape}, got {np.shape(y)}")
    y.sum().backward()
    assert x.grad is not None
    return x.data, y.data, np.asarray(x.grad)
