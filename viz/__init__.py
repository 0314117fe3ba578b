"""Pictures of graphs and of training: names only; each is imported when first used."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinygrad_edu.viz.drawing import Drawing, draw
    from tinygrad_edu.viz.exhibits.museum import museum
    from tinygrad_edu.viz.facts.explanation import explain
    from tinygrad_edu.viz.facts.paths import paths
    from tinygrad_edu.viz.plots.activation import plot_activation
    from tinygrad_edu.viz.plots.animation import animate
    from tinygrad_edu.viz.plots.boundary import plot_boundary
    from tinygrad_edu.viz.plots.confusion import plot_confusion
    from tinygrad_edu.viz.plots.curves import plot_history
    from tinygrad_edu.viz.plots.dashboard import Dashboard
    from tinygrad_edu.viz.plots.feature_maps import plot_feature_maps
    from tinygrad_edu.viz.plots.figures import save_figure
    from tinygrad_edu.viz.plots.gradient_flow import plot_gradient_flow
    from tinygrad_edu.viz.plots.histograms import plot_histograms
    from tinygrad_edu.viz.plots.kernels import plot_kernels
    from tinygrad_edu.viz.plots.landscape import plot_loss_landscape
    from tinygrad_edu.viz.plots.lines import plot_curves
    from tinygrad_edu.viz.plots.predictions import plot_predictions
    from tinygrad_edu.viz.reporting import report
    from tinygrad_edu.viz.stepping.page import Stepper, stepper

_HOME = {
    "draw": "drawing",
    "Drawing": "drawing",
    "paths": "facts.paths",
    "explain": "facts.explanation",
    "stepper": "stepping.page",
    "Stepper": "stepping.page",
    "museum": "exhibits.museum",
    "plot_loss_landscape": "plots.landscape",
    "Dashboard": "plots.dashboard",
    "animate": "plots.animation",
    "report": "reporting",
    "plot_history": "plots.curves",
    "plot_curves": "plots.lines",
    "plot_activation": "plots.activation",
    "plot_histograms": "plots.histograms",
    "plot_boundary": "plots.boundary",
    "plot_predictions": "plots.predictions",
    "plot_confusion": "plots.confusion",
    "plot_feature_maps": "plots.feature_maps",
    "plot_kernels": "plots.kernels",
    "plot_gradient_flow": "plots.gradient_flow",
    "save_figure": "plots.figures",
}

__all__ = [
    "draw",
    "Drawing",
    "paths",
    "explain",
    "stepper",
    "Stepper",
    "museum",
    "plot_loss_landscape",
    "Dashboard",
    "animate",
    "report",
    "plot_history",
    "plot_curves",
    "plot_activation",
    "plot_histograms",
    "plot_boundary",
    "plot_predictions",
    "plot_confusion",
    "plot_feature_maps",
    "plot_kernels",
    "plot_gradient_flow",
    "save_figure",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
