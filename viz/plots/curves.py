"""The curves of a training run."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, optional_import
from tinygrad_edu.viz.plots.figures import COLOURS, MARKS, new_figure, saved
from tinygrad_edu.viz.text import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VALIDATION = "val_"


def plot_history(history: Any, path: str | Path | None = None, *, title: str = "", overwrite: bool = False) -> "Figure":
    """The curves of a training run: one panel per quantity, training and validation together.

    Parameters
    ----------
    history : mapping of str to sequence of float, or an object with one as `.metrics` (`nn.History`) or `.history`
        For instance ``{"loss": [...], "val_loss": [...], "accuracy": [...]}``, one number per epoch; "val_" pairs
        a validation curve with its training curve.
    path : str or Path, optional
        Where to save the figure as well.
    title : str
    overwrite : bool
        Whether a file at `path` may be replaced.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ArgumentError
        If there is no curve to draw.

    Examples
    --------
    >>> figure = plot_history({"loss": [2.3, 0.9, 0.4], "val_loss": [2.2, 1.0, 0.6]})
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['loss']
    """
    curves = _curves(history)
    panels: dict[str, list[str]] = {}
    for name in curves:
        panels.setdefault(name.removeprefix(VALIDATION), []).append(name)
    figure = new_figure(5.2 * len(panels), 3.6)
    for number, (quantity, names) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), number + 1)
        for name in names:
            validation = name.startswith(VALIDATION)
            epochs = np.arange(1, len(curves[name]) + 1)
            axes.plot(
                epochs,
                curves[name],
                color=COLOURS[1 if validation else 0],
                linestyle="--" if validation else "-",
                marker=MARKS[1 if validation else 0] if len(epochs) <= 30 else None,
                markersize=4,
                label="validation" if validation else "training",
            )
        _label_history(axes, quantity)
    return saved(figure, path, overwrite, title)


def _curves(history: Any) -> dict[str, list[float]]:
    """The curves of a history that have a number to show, by name."""
    held = (history, getattr(history, "metrics", None), getattr(history, "history", None))
    found = next((one for one in held if isinstance(one, Mapping)), None)
    if found is None:
        raise ArgumentError(
            "plot_history takes a mapping of names to lists of numbers, such as {'loss': [...], 'val_loss': [...]}, "
            f"or what nn.fit returns; got {type(history).__name__}"
        )
    curves = {}
    for name, numbers in found.items():
        drawn = [float("nan") if one is None else float(one) for one in numbers]
        if any(np.isfinite(drawn)):
            curves[str(name)] = drawn
    if not curves:
        raise ArgumentError("plot_history: the history has no finite number yet; train for at least one epoch first")
    return curves


def _label_history(axes: "Axes", quantity: str) -> None:
    ticker = optional_import("matplotlib.ticker", extra="plot")
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"{clean(quantity)} (fraction)" if quantity == "accuracy" else clean(quantity))
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
