"""What all training pictures share: colours, a figure that belongs to nobody's global state, saving it whole.

There is no pyplot, no window and nothing to close. Colours are Okabe-Ito's; lines also differ in dash, marks in shape.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, optional_import
from tinygrad_edu.files import check_free, write_whole
from tinygrad_edu.viz.text import clean

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
    content = written.getvalue()
    return write_whole(path, _with_palette(content) if suffix == "png" else content, overwrite)


def _with_palette(png: bytes) -> bytes:
    """A picture in the 256 colours closest to its own (off by 4 of 255 at most), which takes a third of the bytes."""
    image = optional_import("PIL.Image", extra="plot")
    smaller = io.BytesIO()
    with image.open(io.BytesIO(png)) as picture:
        palette = picture.convert("RGB").quantize(256, method=image.Quantize.MAXCOVERAGE, dither=image.Dither.NONE)
        palette.save(smaller, "png", optimize=True, dpi=picture.info["dpi"])
    return smaller.getvalue()


def new_figure(wide: float, high: float) -> "Figure":
    """A figure of its own, on a canvas of its own."""
    module = optional_import("matplotlib.figure", extra="plot")
    canvas = optional_import("matplotlib.backends.backend_agg", extra="plot")
    figure: Figure = module.Figure(figsize=(wide, high), layout="constrained", facecolor="white")
    canvas.FigureCanvasAgg(figure)
    return figure


def shades(pictures: Sequence[Any], signed: bool = False) -> dict[str, Any]:
    """How `imshow` draws these arrays in the same shades, 0 being white: signed ones in two colours."""
    highest, lowest = (max(float(np.nanmax(sign * one)) for one in pictures) for sign in (1.0, -1.0))
    if signed or lowest > 0:
        largest = max(highest, lowest) or 1.0
        return {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}
    return {"cmap": "gray_r", "vmin": 0.0, "vmax": highest or 1.0}


def plain(x: Any) -> Any:
    """The numbers of a Value or an array."""
    return np.asarray(x if isinstance(x, np.ndarray) else getattr(x, "data", x), dtype=float)


def saved(figure: "Figure", path: str | Path | None, overwrite: bool, title: str = "") -> "Figure":
    """The figure, with a title above it all, if there is one; saved first if there is a path."""
    if title:
        figure.suptitle(clean(title, 100))
    if path is not None:
        save_figure(figure, path, overwrite)
    return figure
