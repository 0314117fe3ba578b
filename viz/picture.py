"""A picture before any format: boxes, operation circles, edges and nested clusters, with their words.

Every writer (DOT, the built-in SVG, and those to come) reads this model and nothing else; keys count up in drawing
order, so the same graph gives the same bytes.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text in a box; the tone (see `style.TONES`) chooses its colour and size."""

    text: str
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Box:
    """A value, or a folded part of the graph; the role chooses its look (see `style.LOOKS`).

    An overlay marks it with a level (see `style.LEVELS`), which gives the border, beside the words in its lines.
    """

    key: str
    role: str
    title: str
    lines: tuple[Line, ...]
    tag: str = ""
    cluster: str | None = None
    tip: str = ""
    level: str = ""


@dataclass(frozen=True, slots=True)
class Circle:
    """An operation: its symbol, and how often it happens where it stands for several."""

    key: str
    symbol: str
    count: str = ""
    cluster: str | None = None
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """One operand on its way: number `port` of the `ports` operands of its head (an op's result has one port).

    Lines of the label are set apart by newlines: the first stands above the edge, the others below. The tone says how
    a highlighted picture draws it (see `style.EDGES`).
    """

    tail: str
    head: str
    port: int = 0
    ports: int = 1
    label: str = ""
    tip: str = ""
    width: float = 1.0
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A scope that is drawn open, inside its parent cluster."""

    key: str
    label: str
    parent: str | None = None
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is drawn, in drawing order (operands before results, outer clusters before inner)."""

    title: str
    direction: str
    boxes: tuple[Box, ...]
    circles: tuple[Circle, ...]
    edges: tuple[Edge, ...]
    clusters: tuple[Cluster, ...]
    notes: tuple[str, ...]
    order: tuple[str, ...]  # keys of boxes and circles together, operands first
    legend: tuple[str, ...] = ()  # how to read what was asked for, one sentence each

    @property
    def parts(self) -> dict[str, Box | Circle]:
        """Boxes and circles by key, in drawing order."""
        found: dict[str, Box | Circle] = {box.key: box for box in self.boxes}
        found |= {circle.key: circle for circle in self.circles}
        return {key: found[key] for key in self.order}
