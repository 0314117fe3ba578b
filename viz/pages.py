"""Pages: each one HTML file without a line from outside, that saves itself and shows itself in a notebook."""

import os
import re
from html import escape
from importlib import resources
from pathlib import Path
from typing import ClassVar

from tinygrad_edu.files import write_whole


class Page:
    """What all pages can do.

    Parameters
    ----------
    title : str
    html : str
        The whole page.

    Examples
    --------
    >>> Page("Example", "<p>Words.</p>")._repr_html_()[:24]
    '<iframe title="Example" '
    """

    sandbox: ClassVar[str] = ""  # what the page may do inside a notebook, in the words of HTML

    def __init__(self, title: str, html: str) -> None:
        self.title = title
        self.html = html

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> Path:
        """Write the page.

        Raises
        ------
        OutputExistsError
            If something is there and `overwrite` is false.
        """
        return write_whole(path, self.html.encode(), overwrite)

    def _repr_html_(self) -> str:
        return (
            f'<iframe title="{escape(self.title)}" srcdoc="{escape(self.html)}" sandbox="{self.sandbox}" '
            'style="width:100%;height:760px;border:1px solid #8886;border-radius:8px"></iframe>'
        )


def static(name: str) -> str:
    """The text of a file in ``viz/static``."""
    return resources.files("tinygrad_edu.viz").joinpath("static", *name.split("/")).read_text("utf-8")


def filled(name: str, **content: str) -> str:
    """A page of ``viz/static``, its ``%%MARKS%%`` replaced by what bears their names."""
    return re.sub("%%([A-Z]+)%%", lambda mark: content[mark[1]], static(name))
