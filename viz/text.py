"""Words and numbers as pictures show them: cleaned, shortened, and measured without a font.

Names come from users, so any text may stand in them. `clean` takes out what no picture format can hold,
`shorten` bounds the length; each writer then escapes for its own format.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np

NAME_LENGTH = 28
TIP_LENGTH = 200
ELLIPSIS = "…"

# Widths in em, from a wide sans-serif (DejaVu Sans), so that a reader's narrower font leaves air and never spills.
_WIDTHS = {
    character: width
    for width, characters in (
        (0.32, "' ,.IJijl"),
        (0.36, "-/:;\\f|"),
        (0.41, "!()[]rt"),
        (0.5, '"*_`sz'),
        (0.55, "?Lc"),
        (0.61, "FPTYaekovxy"),
        (0.64, "$0123456789EKSbdghnpqu{}"),
        (0.7, "ABCRVXZ"),
        (0.77, "DGHNU"),
        (0.84, "&OQw#+<=>M^~"),
        (1.0, "%m@W"),
    )
    for character in characters
}
# Control characters, lone surrogates, the two characters XML forbids, and the marks that turn the reading direction.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]+")


def clean(text: object, limit: int = NAME_LENGTH) -> str:
    r"""One line of printable text, at most `limit` characters long, ending with an ellipsis when cut.

    Examples
    --------
    >>> clean("two\nlines")
    'two lines'
    >>> clean("w" * 10_000, limit=5)
    'wwww…'
    """
    raw = str(text)
    head = raw[: limit * 4 + 8]
    printable = _UNPRINTABLE.sub(" ", head).strip()
    return shorten(printable if len(head) == len(raw) else printable + ELLIPSIS, limit)


def shorten(text: str, limit: int) -> str:
    """The text, cut to `limit` characters with an ellipsis as the last.

    Examples
    --------
    >>> shorten("weight", 6), shorten("weights", 6)
    ('weight', 'weigh…')
    """
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + ELLIPSIS


def number(value: Any) -> str:
    """A number with four significant digits; whole numbers below a million stay whole.

    Examples
    --------
    >>> number(0.123456), number(2.0), number(123456), number(1e-9), number(True)
    ('0.1235', '2', '123456', '1e-09', 'True')
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)) and abs(int(value)) < 1_000_000:
        return str(int(value))
    text = f"{value:.4g}"
    return "0" if text == "-0" else text


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as readers write it; the empty one is a scalar.

    Examples
    --------
    >>> shape_text((32, 10)), shape_text(())
    ('(32, 10)', 'scalar')
    """
    return str(tuple(int(n) for n in shape)) if shape else "scalar"


def few_numbers(data: Any, count: int = 3) -> str:
    """A scalar, or the first few numbers of an array in brackets.

    Examples
    --------
    >>> few_numbers(2.5), few_numbers(np.arange(3.0)), few_numbers(np.zeros((4, 4)))
    ('2.5', '[0, 1, 2]', '[0, 0, 0, …]')
    """
    if np.ndim(data) == 0:
        return number(data.item() if isinstance(data, np.ndarray) else data)
    if data.size <= count + 1:
        count = data.size
    shown = [number(value) for value in islice(data.flat, count)]
    return "[" + ", ".join([*shown, ELLIPSIS] if data.size > count else shown) + "]"


def kind_text(data: Any) -> str:
    """The dtype and shape of an array, or an empty string for a scalar, whose number says enough.

    Examples
    --------
    >>> kind_text(np.zeros((2, 3), np.float32)), kind_text(1.0)
    ('float32 (2, 3)', '')
    """
    return f"{data.dtype} {shape_text(data.shape)}" if np.ndim(data) else ""


def count_text(count: int, singular: str, plural: str = "") -> str:
    """A count with its noun, thousands set apart.

    Examples
    --------
    >>> count_text(1, "node"), count_text(65800, "node"), count_text(2, "copy", "copies")
    ('1 node', '65,800 nodes', '2 copies')
    """
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def width(text: str, size: float) -> float:
    """How wide the text may be at this font size, in the units of the size (an estimate that errs upwards).

    Examples
    --------
    >>> width("ww", 10.0) > width("ii", 10.0) > 0
    True
    """
    return size * sum(_WIDTHS.get(character) or _width_of_other(character) for character in text)


def wrap(text: str, limit: int) -> list[str]:
    """The text in lines of at most `limit` characters, broken at spaces where there are any.

    Examples
    --------
    >>> wrap("one two three", 8)
    ['one two', 'three']
    """
    lines: list[str] = []
    line = ""
    for word in _pieces(text.split(), limit):
        if line and len(line) + 1 + len(word) > limit:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line] if line else lines


def _pieces(words: Iterable[str], limit: int) -> Iterable[str]:
    for word in words:
        yield from (word[start : start + limit] for start in range(0, len(word), limit))


def _width_of_other(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    return 1.0 if unicodedata.east_asian_width(character) in "WF" else 0.84
