"""`lesson`: the lessons of `examples/`, what each one claims, and a run of one as a page with its pictures."""

import ast
import contextlib
import io
import re
import runpy
import sys
import textwrap
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tinygrad_edu._checkout import CHECKOUT, PACKAGE, in_checkout
from tinygrad_edu.cli.folder import RunFolder
from tinygrad_edu.cli.page import Section, page
from tinygrad_edu.errors import ArgumentError, MissingDependencyError
from tinygrad_edu.lesson import running

FOLDER = CHECKOUT / "examples" if in_checkout() else PACKAGE / "examples"
NAME = re.compile(r"(\d\d)_\w+\.py")


@dataclass(frozen=True)
class Lesson:
    """A file of `examples/` as it introduces itself: its docstring is a title, a text, and a claim.

    Attributes
    ----------
    pictures : mapping of str to str
        What it shows: file name -> caption.
    """

    number: int
    path: Path
    title: str
    text: str
    claim: str
    pictures: dict[str, str]


def lessons(folder: Path = FOLDER) -> list[Lesson]:
    """All lessons, in order.

    Examples
    --------
    >>> lessons()[1].title
    'One sigmoid neuron'
    """
    return [read(path) for path in sorted(folder.iterdir()) if NAME.fullmatch(path.name)]


def read(path: Path) -> Lesson:
    """What a lesson says of itself, without running it.

    Raises
    ------
    ArgumentError
        If its docstring has no title, text or claim, or the title another number than the file.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = re.fullmatch(r"# (\d+)\. (.+?)\n\n(.+)\n\n\*\*Claim\.\*\* (.+)", ast.get_docstring(tree) or "", re.DOTALL)
    number = int(path.name[:2])
    if parts is None or int(parts[1]) != number:
        raise ArgumentError(
            f"{path.name}: a lesson begins with a docstring '# {number}. Title', a text, and '**Claim.** ...', "
            "with an empty line between them"
        )
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "show"]
    pictures = {str(ast.literal_eval(call.args[1])): str(ast.literal_eval(call.args[2])) for call in calls}
    return Lesson(number, path, parts[2], parts[3], " ".join(parts[4].split()), pictures)


def chosen(names: Sequence[str]) -> list[Lesson]:
    """The lessons of these numbers; of "all", all.

    Raises
    ------
    ArgumentError
        If there is no such lesson.
    """
    known = {str(lesson.number): lesson for lesson in lessons()}
    if "all" in names:
        return list(known.values())
    wrong = [name for name in names if name not in known]
    if wrong:
        raise ArgumentError(f"there is no lesson {wrong[0]!r}; expected 'all', or one of {', '.join(known)}")
    return [known[name] for name in names]


def listing(width: int) -> str:
    """Number, title and claim of each lesson, as lines of at most `width` characters."""
    lines = []
    for lesson in lessons():
        lines.append(f"{lesson.number:2}  {lesson.title}")
        lines += textwrap.wrap(lesson.claim, width, initial_indent="    ", subsequent_indent="    ")
    return "\n".join([*lines, "", "run one: tinygrad-edu lesson 1", f"read it: {FOLDER}"])


def run(lesson: Lesson, parent: Path, quick: bool = False) -> Path:
    """Run a lesson; its pictures and all it printed are a page in a new folder ``lesson-NN`` of `parent`.

    Returns
    -------
    Path
        The page.
    """
    with RunFolder(parent, f"lesson-{lesson.number:02}", numbered=True) as folder:
        printed = io.StringIO()
        print(f"lesson {lesson.number}: {lesson.title}\n")
        with running(folder.path, quick) as this, contextlib.redirect_stdout(_Both(printed, sys.stdout)):
            runpy.run_path(str(lesson.path))
        sections = [
            Section(Path(name).stem.replace("_", " ").capitalize(), lesson.pictures[name], name) for name in this.shown
        ]
        sections.append(Section("What it printed", "", text=printed.getvalue()))
        sections.append(Section("The lesson", lesson.path.name, text=lesson.path.read_text(encoding="utf-8")))
        html = page(f"{lesson.number}. {lesson.title}", lesson.text, {}, [Section("Claim", lesson.claim), *sections])
        (folder.path / "index.html").write_text(html, encoding="utf-8")
    return folder.path / "index.html"


def run_all(these: Sequence[Lesson], parent: Path, quick: bool, opened: Callable[[str], bool] | None) -> int:
    """Run lessons one after the other, and open the page of a single one; gives back the exit code.

    A lesson whose claim does not hold (or that fails otherwise) says why, and the others still run.

    Parameters
    ----------
    opened : function, optional
        What opens a page, given its address, and says whether it could.
    """
    failed = []
    for lesson in these:
        try:
            address = run(lesson, parent, quick).resolve().as_uri()
        except (ArgumentError, MissingDependencyError, OSError):  # the command line says these in one line
            raise
        except Exception:
            traceback.print_exc()
            failed.append(str(lesson.number))
        else:
            print(f"\nopen    {address}\n", flush=True)
            if opened is not None and len(these) == 1:
                opened(address)
    if failed:
        print(f"tinygrad-edu lesson: failed: {', '.join(failed)} (of {len(these)} run)", file=sys.stderr)
    return int(bool(failed))


class _Both(io.TextIOBase):
    """Writes to two streams."""

    def __init__(self, *streams: TextIO) -> None:
        self.streams = streams

    def write(self, text: str) -> int:
        for stream in self.streams:
            stream.write(text)
        return len(text)

    def flush(self) -> None:
        for stream in self.streams:
            stream.flush()
