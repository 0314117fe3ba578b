"""What all training pictures share: colours, a figure that belongs to nobody's global state, saving it whole.

There is no pyplot, no window and nothing to close. Colours are Okabe-Ito's; lines also differ in dash, marks in shape.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_edu.errors import ArgumentError, optional_import
from tinygrad_edu.viz.files import check_free, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999", "#000000")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
FIGURE_FORMATS = ("png", "svg", "pdf")
# Left out of the file, so that the same figure gives the same bytes.
UNDATED: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}


def save_figure(figure: "Figure", path: str | Path, overwrite: bool = False) -> Path:
    """Write a figure whole; the suffix names the format (.png .svg .pdf). The same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or Path
    overwrite : bool
        Whether a file that is already there may be replaced.

    Returns
    -------
    Path

    Raises
    ------
    ArgumentError
        If the suffix names no format.
    OutputExistsError
        If the file is there and `overwrite` is false.
    """
    path = Path(path)
    suffix = path.suffix[1:].lower()
    if suffix not in FIGURE_FORMATS:
        listed = " ".join(f".{one}" for one in FIGURE_FORMATS)
        raise ArgumentError(f"{path.name!r} does not say in which format to save; end the name in one of {listed}")
    check_free(path, overwrite)
    matplotlib = optional_import("matplotlib", extra="plot")
    written = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "tinygrad_edu"}):
        figure.savefig(written, format=suffix, dpi=120, metadata=UNDATED[suffix])
    return write_whole(path, written.getvalue(), overwrite)


def new_figure(wide: float, high: float) -> "Figure":
    """A figure of its own, on a canvas of its own."""
    module = optional_import("matplotlib.figure", extra="plot")
    canvas = optional_import("matplotlib.backends.backend_agg", extra="plot")
    figure: Figure = module.Figure(figsize=(wide, high), layout="constrained", facecolor="white")
    canvas.FigureCanvasAgg(figure)
    return figure


def saved(figure: "Figure", path: str | Path | None, overwrite: bool) -> "Figure":
    """The figure, saved first if there is a path."""
    if path is not None:
        save_figure(figure, path, overwrite)
    return figure
