"""Pictures of graphs and of training: names only; each is imported when first used."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinygrad_edu.viz.drawing import Drawing, draw
    from tinygrad_edu.viz.plots.boundary import plot_boundary
    from tinygrad_edu.viz.plots.curves import plot_history
    from tinygrad_edu.viz.plots.figures import save_figure
    from tinygrad_edu.viz.plots.predictions import plot_predictions

_HOME = {
    "draw": "drawing",
    "Drawing": "drawing",
    "plot_history": "plots.curves",
    "plot_boundary": "plots.boundary",
    "plot_predictions": "plots.predictions",
    "save_figure": "plots.figures",
}

__all__ = ["draw", "Drawing", "plot_history", "plot_boundary", "plot_predictions", "save_figure"]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
