"""From a picture to the bytes of a file: by the `dot` program, by pygraphviz, or by our own layout.

Renderers are entries of one table, tried in order; each says whether it is there and what it can write.
"""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import graphviz

from tinygrad_edu.errors import ArgumentError, MissingDependencyError, optional_import
from tinygrad_edu.viz.dot import to_dot
from tinygrad_edu.viz.mermaid import to_mermaid
from tinygrad_edu.viz.picture import Picture
from tinygrad_edu.viz.style import PANEL, PANEL_EDGE
from tinygrad_edu.viz.svg import to_svg

SVG_FORMATS = ("svg",)
GRAPHVIZ_FORMATS = ("svg", "png", "pdf")
SOURCE_FORMATS = ("dot", "gv")
MERMAID_FORMATS = ("mmd", "mermaid")
FORMATS = (*GRAPHVIZ_FORMATS, *SOURCE_FORMATS, *MERMAID_FORMATS)
# Above this many boxes and circles Graphviz takes minutes; left to itself ("auto"), an SVG then comes from our layout.
MOST_PARTS = 2_000
INSTALL = "pip install 'tinygrad_edu[render]'"


@dataclass(frozen=True)
class Renderer:
    """One way to turn a picture into bytes."""

    name: str
    formats: tuple[str, ...]
    present: Callable[[], bool]
    render: Callable[[Picture, str], bytes]
    missing: str


def render(picture: Picture, suffix: str, renderer: str = "auto") -> bytes:
    """The picture in a format.

    Parameters
    ----------
    picture : Picture
    suffix : str
        One of `FORMATS`.
    renderer : {"auto", "dot", "pygraphviz", "builtin"}

    Raises
    ------
    ArgumentError
        If there is no such format or renderer.
    MissingDependencyError
        If nothing that is installed writes this format; names what to install.
    """
    if suffix not in FORMATS:
        raise ArgumentError(
            f"no picture format {suffix!r}; choose a file name ending in {_listed('.' + one for one in FORMATS)}"
        )
    check_renderer(renderer)
    if suffix in SOURCE_FORMATS:
        return to_dot(picture).encode()
    if suffix in MERMAID_FORMATS:
        return to_mermaid(picture).encode()
    if renderer == "auto":
        return _first_that_can(picture, suffix)
    chosen = RENDERERS[renderer]
    if not chosen.present():
        raise MissingDependencyError(chosen.missing)
    if suffix not in chosen.formats:
        raise MissingDependencyError(
            f"the {chosen.name} renderer writes {_listed(chosen.formats)}, not {suffix}; "
            f"for {suffix} install Graphviz's library with  {INSTALL}  and leave out renderer={chosen.name!r}"
        )
    return chosen.render(picture, suffix)


def check_renderer(renderer: str) -> None:
    """Raise an ArgumentError if there is no such renderer at all."""
    if renderer != "auto" and renderer not in RENDERERS:
        raise ArgumentError(f"no renderer {renderer!r}; choose one of {_listed(['auto', *RENDERERS])}")


def _first_that_can(picture: Picture, suffix: str) -> bytes:
    large = len(picture.order) > MOST_PARTS
    able = [one for one in RENDERERS.values() if suffix in one.formats and one.present()]
    if large and suffix in SVG_FORMATS:
        able = [RENDERERS["builtin"]]
    failure: Exception | None = None
    for one in able:
        try:
            return one.render(picture, suffix)
        except (subprocess.CalledProcessError, OSError, ValueError) as error:  # a broken installation: try the next
            failure = error
    raise MissingDependencyError(
        f"a picture as .{suffix} needs Graphviz: run  {INSTALL}  (its wheels bring Graphviz along), "
        "or write .svg, which always works" + (f"; the last attempt said: {failure}" if failure else "")
    ) from failure


def _by_dot(picture: Picture, suffix: str) -> bytes:
    return _tidy(bytes(graphviz.pipe("dot", suffix, to_dot(picture).encode(), quiet=True)), suffix)


def _by_pygraphviz(picture: Picture, suffix: str) -> bytes:
    pygraphviz = optional_import("pygraphviz", extra="render")
    drawing = pygraphviz.AGraph(string=to_dot(picture))
    try:
        return _tidy(bytes(drawing.draw(format=suffix, prog="dot")), suffix)
    finally:
        drawing.close()


def _by_us(picture: Picture, suffix: str) -> bytes:
    return to_svg(picture).encode()


RENDERERS = {
    one.name: one
    for one in (
        Renderer(
            "dot",
            GRAPHVIZ_FORMATS,
            lambda: shutil.which("dot") is not None,
            _by_dot,
            "renderer='dot' needs Graphviz's program `dot` on the PATH (https://graphviz.org/download); "
            f"without it, run  {INSTALL}  or leave renderer='auto'",
        ),
        Renderer(
            "pygraphviz",
            GRAPHVIZ_FORMATS,
            lambda: importlib.util.find_spec("pygraphviz") is not None,
            _by_pygraphviz,
            f"renderer='pygraphviz' needs the package pygraphviz, which is not installed: run  {INSTALL}",
        ),
        Renderer("builtin", SVG_FORMATS, lambda: True, _by_us, ""),
    )
}


_BACKGROUND = re.compile(
    rf'<polygon fill="{PANEL}" stroke="(?:none|transparent)" '
    r'points="([-\d.]+),([-\d.]+) [-\d.]+,([-\d.]+) ([-\d.]+),[^"]*"/>',
    flags=re.IGNORECASE,
)


def _tidy(content: bytes, suffix: str) -> bytes:
    """Take out what differs between two runs or two versions of Graphviz and means nothing."""
    if suffix == "pdf":  # same length, so the file's own table of offsets stays right
        return re.sub(rb"/CreationDate \(D:\d{14}", b"/CreationDate (D:20000101000000", content)
    return _tidy_svg(content.decode()).encode() if suffix == "svg" else content


def _tidy_svg(text: str) -> str:
    """Only the svg element, without comments, on a rounded panel like that of our own layout."""
    text = re.sub(r"<!--.*?-->\n?", "", text[text.index("<svg") :], flags=re.DOTALL)
    return _BACKGROUND.sub(_panel, text, count=1)


def _panel(found: re.Match[str]) -> str:
    left, bottom, top, right = (float(number) for number in found.groups())
    return (
        f'<rect x="{left + 0.5:.2f}" y="{top + 0.5:.2f}" width="{right - left - 1:.2f}" '
        f'height="{bottom - top - 1:.2f}" rx="8" fill="{PANEL}" stroke="{PANEL_EDGE}"/>'
    )


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
