"""Figures one after the other, as one moving picture."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tinygrad_edu.errors import ArgumentError, optional_import
from tinygrad_edu.files import check_free, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def animate(figures: "Sequence[Figure]", path: str | Path, *, seconds: float = 0.3, overwrite: bool = False) -> Path:
    """Figures as an animated GIF: a decision boundary over epochs, say. The last one stays for a while.

    Parameters
    ----------
    figures : sequence of matplotlib.figure.Figure
        All of one size.
    path : str or Path
        Ends in ``.gif``.
    seconds : float
        How long each figure is seen.
    overwrite : bool
        Whether a file that is already there may be replaced.

    Returns
    -------
    Path

    Raises
    ------
    ArgumentError
        If there is no figure, the name does not end in .gif, or `seconds` is not positive.
    OutputExistsError
        If the file is there and `overwrite` is false.

    Examples
    --------
    >>> import tempfile
    >>> from tinygrad_edu import nn, viz
    >>> points, labels = nn.data.moons(60, noise=0.1, rng=0)
    >>> model, frames = nn.Dense(2, 2, rng=0), []
    >>> def keep(state):
    ...     frames.append(viz.plot_boundary(model, points, labels, title=f"epoch {state.epoch}"))
    >>> adam = nn.Adam(model.parameters(), lr=0.1)
    >>> history = nn.fit(model, (points, labels), nn.softmax_cross_entropy, adam, epochs=2, rng=0, callbacks=[keep],
    ...                  progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     animate(frames, Path(folder) / "boundary.gif").suffix
    '.gif'
    """
    path = Path(path)
    if path.suffix.lower() != ".gif":
        raise ArgumentError(f"animate: the name must end in .gif, got {path.name!r}")
    if not figures or not seconds > 0:
        raise ArgumentError(f"animate: expected at least one figure and seconds above 0, got {len(figures)}, {seconds}")
    check_free(path, overwrite)
    image = optional_import("PIL.Image", extra="plot")
    frames = []
    for figure in figures:
        written = io.BytesIO()
        figure.savefig(written, format="png", dpi=100)
        frames.append(image.open(written).convert("RGB"))
    lasting = [int(1000 * seconds)] * (len(frames) - 1) + [int(1000 * seconds) + 1500]
    out = io.BytesIO()
    frames[0].save(out, "gif", save_all=True, append_images=frames[1:], duration=lasting, loop=0)
    return write_whole(path, out.getvalue(), overwrite)
