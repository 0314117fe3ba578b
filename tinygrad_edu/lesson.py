"""What a lesson in `examples/` needs besides the library: `show` for its pictures, `full_or_quick` for its length.

A lesson runs as a script, as a notebook, by ``tinygrad-edu lesson`` and in the tests; these two functions are all that
knows the difference.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tinygrad_edu.errors import ArgumentError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tinygrad_edu.viz import Drawing

T = TypeVar("T")

__all__ = ["show", "full_or_quick", "LessonRun", "running"]


@dataclass
class LessonRun:
    """One run of a lesson: the folder for its pictures, its length, and what it has shown so far."""

    folder: Path
    quick: bool = False
    shown: list[str] = field(default_factory=list)


_RUNS: list[LessonRun] = []  # the innermost last; no context variable, since a notebook forgets those between cells


@contextmanager
def running(folder: Path, quick: bool = False) -> Iterator[LessonRun]:
    """Make lessons inside the block draw into a folder that is there.

    Examples
    --------
    >>> with running(Path("."), quick=True) as run:
    ...     epochs = full_or_quick(1000, 10)
    >>> epochs, run.shown
    (10, [])
    """
    run = LessonRun(folder, quick)
    _RUNS.append(run)
    try:
        yield run
    finally:
        _RUNS.remove(run)


def full_or_quick(full: T, quick: T) -> T:
    """The first, or in a test run the second: how many epochs, samples or units.

    Examples
    --------
    >>> full_or_quick(1000, 10)
    1000
    """
    return quick if _RUNS and _RUNS[-1].quick else full


def show(picture: "Drawing | Figure", name: str, caption: str) -> None:
    """Write a picture of the lesson, say so, and in a notebook show it.

    Parameters
    ----------
    picture : viz.Drawing or matplotlib.figure.Figure
    name : str
        The file to write, without a folder; its suffix names the format (.svg .png).
    caption : str
        One sentence that says what to see.

    Raises
    ------
    ArgumentError
        If the name has a folder or no known suffix, or there is nothing to see in `picture`.
    OutputExistsError
        If the file is there, and this run did not write it.

    Notes
    -----
    Where nobody chose a folder (a script, a notebook), it is a new one: ``runs/lesson``, ``runs/lesson-2`` ...

    Examples
    --------
    >>> from tinygrad_edu import Value, viz
    >>> with running(Path(".")):
    ...     show(viz.draw(Value(2.0) * 3.0), "product.svg", "Two times three.")
    drawn   product.svg: Two times three.
    """
    from tinygrad_edu.viz import Drawing, save_figure

    if Path(name).name != name:
        raise ArgumentError(f"show: expected the name of a file without a folder, such as 'loss.png', got {name!r}")
    run = _RUNS[-1] if _RUNS else _run_of_its_own()
    path = run.folder / name
    if isinstance(picture, Drawing):
        picture.render(path, overwrite=name in run.shown)
    elif hasattr(picture, "savefig"):
        save_figure(picture, path, overwrite=name in run.shown)
    else:
        raise ArgumentError(f"show takes a drawing or a figure from tinygrad_edu.viz, got {type(picture).__name__}")
    run.shown.append(name)
    print(f"drawn   {name}: {caption}")
    if "ipykernel" in sys.modules:
        _display(path)


def _run_of_its_own() -> LessonRun:
    """The run of a script or notebook that nobody started for it, in a folder of its own."""
    for number in count(1):
        folder = Path("runs") / ("lesson" if number == 1 else f"lesson-{number}")
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            break
    _RUNS.append(LessonRun(folder))
    print(f"pictures go to {folder}")
    return _RUNS[-1]


def _display(path: Path) -> None:
    """Show a file in the notebook that runs us."""
    ipython = import_module("IPython.display")  # is there, since its kernel is
    ipython.display(ipython.SVG(filename=str(path)) if path.suffix == ".svg" else ipython.Image(filename=str(path)))
