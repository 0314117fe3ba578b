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
TONES = {"strong": INK, "plain": INK, "dim": "#555555", "gradient": "#8A2D00"}
TONE_SIZES = {"strong": BODY, "plain": BODY, "dim": SMALL, "gradient": BODY}


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
