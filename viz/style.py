"""How each part of a picture looks: one table, read by every writer.

Fills are tints of the Okabe-Ito palette, which colour-blind readers can tell apart; each role also has a shape,
a border or a tag of its own, so no meaning rests on colour alone. Pictures carry their own light panel, so they
read the same on a dark page and on a white one.
"""

from dataclasses import dataclass

FONT = "Helvetica,Arial,sans-serif"
PANEL = "#FBFAF7"
PANEL_EDGE = "#D9D5CB"
INK = "#1B1B1B"
EDGE = "#5A5A5A"
CLUSTER_EDGE = "#9A968C"
CLUSTER_FILLS = ("#F2F0EA", "#E9E6DD", "#F2F0EA")
OP_FILL, OP_EDGE = "#FFF1B8", "#8A6A00"

# Font sizes in points.
TITLE, BODY, SMALL = 15.0, 11.0, 9.0

# Text colours by tone; each has a contrast of at least 4.5 on every fill below.
TONES = {
    "strong": INK, "plain": INK, "dim": "#555555", "gradient": "#8A2D00", "ledger": "#8A2D00", "good": "#14532D",
    "note": "#1F3F77", "unknown": "#4A4A4A", "warning": "#6B4200", "bad": "#8F0014",
}  # fmt: skip
TONE_SIZES = {tone: BODY if tone in ("strong", "plain", "gradient") else SMALL for tone in TONES}


@dataclass(frozen=True)
class Look:
    """The look of one role: fill, border colour and width, outline shape, and the tag written on the box."""

    fill: str
    border: str
    border_width: float
    shape: str
    tag: str


# shape: plain (square corners), rounded, double (two borders), note (a folded corner), stack (a pile of boxes).
LOOKS = {
    "parameter": Look("#D3E6F5", "#005C91", 1.4, "double", "parameter"),
    "input": Look("#D2EEE3", "#00664A", 1.4, "note", "input"),
    "constant": Look("#EFEFEF", "#7A7A7A", 1.0, "plain", ""),
    "value": Look("#FFFFFF", "#6B6B6B", 1.0, "rounded", ""),
    "root": Look("#FBDFCC", "#A13D00", 2.6, "rounded", "root"),
    "scope": Look("#F3E1EC", "#95407A", 1.4, "stack", ""),
    "repeat": Look("#E3E1F3", "#5A4FA0", 1.4, "stack", ""),
}


@dataclass(frozen=True)
class Level:
    """How an overlay marks a box: a sign before its words, and a border whose width tells levels apart too."""

    sign: str
    border: str
    border_width: float


# From harmless to grave; a box that stands for several nodes shows the gravest of theirs.
LEVELS = {
    "note": Level("", "#1F3F77", 1.4),
    "good": Level("✓", "#14532D", 1.4),
    "unknown": Level("?", "#4A4A4A", 2.2),
    "warning": Level("⚠", "#B36B00", 3.0),
    "bad": Level("✗", "#B0001A", 4.0),
}


@dataclass(frozen=True)
class EdgeLook:
    """How an edge is drawn: its colour, what is added to its width, and the dashes (empty for a solid line)."""

    colour: str
    wider: float = 0.0
    dashes: str = ""


EDGES = {"plain": EdgeLook(EDGE), "lit": EdgeLook("#C04A00", 1.6), "faint": EdgeLook("#8D887C", 0.0, "3,3")}
