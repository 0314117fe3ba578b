"""Tables of text, for a terminal and for a notebook."""

import html
from collections.abc import Collection, Iterable, Sequence
from typing import Final

# How a verdict looks in HTML: a mark before it, and a tint that dark text reads on.
LOOKS: Final = {
    "PASS": ("✓ ", "#D2EEE3"),
    "FAIL": ("✗ ", "#F9D0D0"),
    "KINK": ("∧ ", "#FFF1B8"),
    "INCONCLUSIVE": ("? ", "#E6E6E6"),
}


def text_table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    r"""The lines of a table, columns two spaces apart; those in `right` end flush.

    Examples
    --------
    >>> print("\n".join(text_table(("name", "n"), [("a", "1"), ("bc", "10")], right=(1,))))
    name   n
    a      1
    bc    10
    """
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return [
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()) -> str:
    """The same as HTML, every cell escaped; a verdict has its mark and its tint.

    Examples
    --------
    >>> html_table(("x",), [("a < b",)])
    '<table><thead><tr><th>x</th></tr></thead><tbody><tr><td>a &lt; b</td></tr></tbody></table>'
    """
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(_html_cell(cell, i in right) for i, cell in enumerate(row)) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _html_cell(text: str, flush: bool) -> str:
    mark, tint = LOOKS.get(text, ("", ""))
    style = f"background:{tint};color:#1B1B1B" if tint else "text-align:right" if flush else ""
    return f"<td{f' style={chr(34)}{style}{chr(34)}' if style else ''}>{mark}{html.escape(text)}</td>"


def html_report(title: str, parts: Iterable[str], points: Iterable[str] = ()) -> str:
    """A bold first line, pieces of HTML, and a list of remarks (escaped here)."""
    listed = "".join(f"<li>{html.escape(point)}</li>" for point in points)
    return f"<div><p><b>{html.escape(title)}</b></p>{''.join(parts)}{f'<ul>{listed}</ul>' if listed else ''}</div>"
