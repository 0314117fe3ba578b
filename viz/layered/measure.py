"""How large each part of a picture is when we lay it out ourselves."""

from dataclasses import dataclass

from tinygrad_edu.viz.picture import Box, Circle
from tinygrad_edu.viz.style import BODY, INK, LOOKS, SMALL, TONE_SIZES, TONES
from tinygrad_edu.viz.text import width

LINE_HEIGHT = 1.35
LABEL_LINE = 1.25  # of the font size, for each line on an edge
PAD_X, PAD_Y = 8.0, 5.0
BOLD = 1.08
TAG_GAP = 7.0
PILE = 6.0  # how far the boxes behind a stack stand out


@dataclass(frozen=True, slots=True)
class Run:
    """Words in one size, weight and colour."""

    text: str
    size: float
    colour: str
    bold: bool = False

    @property
    def width(self) -> float:
        """How wide the words may be."""
        return width(self.text, self.size) * (BOLD if self.bold else 1.0)


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of text centred under each other, and the size of the outline around them."""

    rows: tuple[tuple[Run, ...], ...]
    width: float
    height: float


def box_block(box: Box) -> Block:
    """The text of a box, and its size."""
    look = LOOKS[box.role]
    head = [Run(box.title, BODY, INK, bold=True)] if box.title else []
    if box.tag:
        head.append(Run(box.tag, BODY, INK))
    elif look.tag:
        head.append(Run(look.tag, SMALL, look.border))
    rows = [tuple(head)] if head else []
    rows += [(Run(line.text, TONE_SIZES[line.tone], TONES[line.tone]),) for line in box.lines]
    block = _block(rows, PAD_X, PAD_Y)
    pile = PILE if look.shape == "stack" else 0.0
    return Block(block.rows, block.width + pile, block.height + pile)


def circle_block(circle: Circle) -> Block:
    """The text of an operation, and the size of its ellipse."""
    rows: list[tuple[Run, ...]] = [(Run(circle.symbol, BODY, INK),)]
    if circle.count:
        rows.append((Run(circle.count, SMALL, INK),))
    text = _block(rows, 0.0, 0.0)
    # An ellipse around a rectangle is wider by the square root of two; short words need less.
    height = max(24.0, text.height * 1.3)
    return Block(text.rows, max(height, text.width * 1.25 + 10.0), height)


def label_size(label: str, lengthwise: bool) -> tuple[float, float]:
    """How much room the words on an edge take, centred on its line: one stands above it, the others below."""
    if not label:
        return 0.0, 0.0
    lines = label.split("\n")
    rows = 2.0 * max(1, len(lines) - 1) if lengthwise else len(lines)
    return max(width(line, SMALL) for line in lines) + 8.0, SMALL * (LABEL_LINE * rows + 0.4)


def row_width(row: tuple[Run, ...]) -> float:
    """How wide a line of several runs may be."""
    return sum(run.width for run in row) + TAG_GAP * (len(row) - 1)


def row_height(row: tuple[Run, ...]) -> float:
    """How high a line is."""
    return max(run.size for run in row) * LINE_HEIGHT


def _block(rows: list[tuple[Run, ...]], pad_x: float, pad_y: float) -> Block:
    wide = max((row_width(row) for row in rows), default=0.0)
    high = sum(row_height(row) for row in rows)
    return Block(tuple(rows), wide + 2 * pad_x, high + 2 * pad_y)
