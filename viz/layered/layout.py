"""The built-in layout: where each part of a picture stands and how each edge runs, without Graphviz.

All is computed in two axes, along the ranks' sequence and across it, and turned into x and y at the end; curves bend
only between ranks, so no edge runs through a box.
"""

import itertools
from dataclasses import dataclass

from tinygrad_edu.viz.layered.arrange import CLUSTER_PAD, NOWHERE, Arrangement, Frame
from tinygrad_edu.viz.layered.measure import Block, box_block, circle_block, label_size
from tinygrad_edu.viz.layered.ranks import Link, ranked
from tinygrad_edu.viz.picture import Picture
from tinygrad_edu.viz.style import BODY
from tinygrad_edu.viz.text import width

RANK_GAP, STEEPNESS, MOST_EXTRA_GAP = 30.0, 0.12, 90.0
LABEL_ROOM = BODY * 1.5
PORT_GAP, BOX_PORT_GAP = 7.0, 9.0

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle by its corner nearest to the origin."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Route:
    """The way of one edge: points joined by lines and curves in turn, and where its label stands."""

    edge: int
    points: tuple[Point, ...]
    label_at: Point | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything placed: parts and clusters by key, one route per edge, in the picture's order."""

    parts: dict[str, Rect]
    blocks: dict[str, Block]
    clusters: dict[str, Rect]
    routes: tuple[Route, ...]
    width: float
    height: float
    lengthwise: bool  # ranks run left to right


def lay_out(picture: Picture) -> Layout:
    """Place every part of a picture.

    Examples
    --------
    >>> from tinygrad_edu.viz.picture import Circle, Edge, Picture
    >>> circles = (Circle("a", "+"), Circle("b", "×"))
    >>> laid = lay_out(Picture("", "LR", (), circles, (Edge("a", "b"),), (), (), ("a", "b")))
    >>> laid.parts["a"].x < laid.parts["b"].x
    True
    """
    return _Builder(picture).layout()


class _Builder:
    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.lengthwise = picture.direction == "LR"
        self.blocks = {box.key: box_block(box) for box in picture.boxes}
        self.blocks |= {circle.key: circle_block(circle) for circle in picture.circles}
        self.round = {circle.key for circle in picture.circles}
        index = {key: number for number, key in enumerate(picture.order)}
        frame = {cluster.key: number for number, cluster in enumerate(picture.clusters)}
        around: dict[str | None, tuple[int, ...]] = {None: ()}
        for cluster in picture.clusters:
            around[cluster.key] = (*around[cluster.parent], frame[cluster.key])
        self.ranked = ranked(
            len(index),
            [(index[edge.tail], index[edge.head]) for edge in picture.edges],
            [bool(edge.label) for edge in picture.edges],
            [around[part.cluster] for part in picture.parts.values()],
        )
        self.along, self.across = self._sizes()
        labels = [width(cluster.label, BODY) + 2 * CLUSTER_PAD for cluster in picture.clusters]
        frames = [
            Frame(
                frame[cluster.parent] if cluster.parent else NOWHERE,
                LABEL_ROOM if self.lengthwise else 0.0,
                0.0 if self.lengthwise else label,
            )
            for cluster, label in zip(picture.clusters, labels, strict=True)
        ]
        inside = [frame[part.cluster] if part.cluster else NOWHERE for part in picture.parts.values()]
        self.ports = [self._port(link) for link in self.ranked.links]
        self.arranged = Arrangement(self.ranked, [one / 2 for one in self.across], inside, frames, self.ports)
        self._spread_ports_of_boxes()
        self._place_ranks(frames, labels)

    def _sizes(self) -> tuple[list[float], list[float]]:
        """Each vertex's extent along and across the sequence of ranks."""
        sizes = [(self.blocks[key].width, self.blocks[key].height) for key in self.picture.order]
        for vertex in range(self.ranked.parts, len(self.ranked.rank)):
            edge = self.ranked.label_of.get(vertex)
            label = self.picture.edges[edge].label if edge is not None else ""
            sizes.append(label_size(label, self.lengthwise))
        wide, high = [size[0] for size in sizes], [size[1] for size in sizes]
        return (wide, high) if self.lengthwise else (high, wide)

    def _port(self, link: Link) -> float:
        """Where an operand arrives at its operation, off the middle."""
        edge = self.picture.edges[link.edge]
        if link.turned or edge.ports < 2 or edge.head not in self.round:
            return 0.0
        room = 0.75 * self.across[link.high]
        return (edge.port - (edge.ports - 1) / 2) * min(PORT_GAP, room / (edge.ports - 1))

    def _spread_ports_of_boxes(self) -> None:
        """Edges into a folded box have no order of their own: they arrive in the order they come from."""
        place = self.arranged.place
        arriving: dict[int, list[int]] = {}
        for number, link in enumerate(self.ranked.links):
            if self.picture.edges[link.edge].head not in self.round and not link.turned:
                arriving.setdefault(link.high, []).append(number)
        for head, numbers in arriving.items():
            numbers.sort(
                key=lambda number: place[[self.ranked.links[number].low, *self.ranked.links[number].bends][-1]]
            )
            gap = min(BOX_PORT_GAP, 0.8 * self.across[head] / len(numbers))
            for position, number in enumerate(numbers):
                self.ports[number] = (position - (len(numbers) - 1) / 2) * gap

    def _place_ranks(self, frames: list[Frame], labels: list[float]) -> None:
        """Where each rank begins and ends, and each frame along with them."""
        count = self.ranked.ranks
        thick = [0.0] * count
        for vertex, rank in enumerate(self.ranked.rank):
            thick[rank] = max(thick[rank], self.along[vertex])
        low, high = self.arranged.low, self.arranged.high
        before, after = [0.0] * len(frames), [0.0] * len(frames)
        head = 0.0 if self.lengthwise else LABEL_ROOM
        lead, trail = [0.0] * count, [0.0] * count
        for number in range(len(frames) - 1, -1, -1):
            before[number] += CLUSTER_PAD + head
            after[number] += CLUSTER_PAD
            around = frames[number].parent
            if around != NOWHERE:
                if low[around] == low[number]:
                    before[around] = max(before[around], before[number])
                if high[around] == high[number]:
                    after[around] = max(after[around], after[number])
            lead[low[number]] = max(lead[low[number]], before[number])
            trail[high[number]] = max(trail[high[number]], after[number])
        gaps = [
            trail[rank] + self._gap_after(rank) + (lead[rank + 1] if rank + 1 < count else 0.0) for rank in range(count)
        ]
        if self.lengthwise:
            for number in range(len(frames) - 1, -1, -1):
                span = range(low[number], high[number] + 1)
                extent = sum(thick[rank] for rank in span) + sum(gaps[rank] for rank in span[:-1])
                thick[high[number]] += max(0.0, labels[number] - extent - before[number] - after[number])
        self.begin, self.end = [0.0] * count, [0.0] * count
        position = lead[0] if count else 0.0
        for rank in range(count):
            self.begin[rank], self.end[rank] = position, position + thick[rank]
            position += thick[rank] + gaps[rank]
        self.total = self.end[-1] + trail[-1] if count else 0.0
        self.frame_along = [
            (self.begin[low[number]] - before[number], self.end[high[number]] + after[number])
            for number in range(len(frames))
        ]

    def _gap_after(self, rank: int) -> float:
        """Steep edges need more room to bend."""
        if rank == 0:
            self._steepest = [0.0] * self.ranked.ranks
            place, ranks = self.arranged.place, self.ranked.rank
            for link in self.ranked.links:
                way = [link.low, *link.bends, link.high]
                for one, other in itertools.pairwise(way):
                    climb = abs(place[one] - place[other])
                    self._steepest[ranks[one]] = max(self._steepest[ranks[one]], climb)
        return RANK_GAP + min(MOST_EXTRA_GAP, STEEPNESS * self._steepest[rank])

    def _middle(self, vertex: int) -> float:
        rank = self.ranked.rank[vertex]
        return (self.begin[rank] + self.end[rank]) / 2

    def layout(self) -> Layout:
        place = self.arranged.place
        sides = [place[self.arranged.near(number)] for number in range(len(self.frame_along))]
        nearest = min(
            [place[vertex] - self.across[vertex] / 2 for vertex in range(len(self.ranked.rank))] + sides, default=0.0
        )
        farthest = max(
            [place[vertex] + self.across[vertex] / 2 for vertex in range(len(self.ranked.rank))]
            + [place[self.arranged.far(number)] for number in range(len(self.frame_along))],
            default=0.0,
        )
        self.shift = -nearest
        extent = farthest - nearest
        parts = {}
        for vertex, key in enumerate(self.picture.order):
            begin = self._middle(vertex) - self.along[vertex] / 2
            parts[key] = self._rect(
                begin, place[vertex] - self.across[vertex] / 2, self.along[vertex], self.across[vertex]
            )
        clusters = {}
        for number, cluster in enumerate(self.picture.clusters):
            (begin, end), near = self.frame_along[number], sides[number]
            clusters[cluster.key] = self._rect(begin, near, end - begin, place[self.arranged.far(number)] - near)
        routes = tuple(self._route(link, port) for link, port in zip(self.ranked.links, self.ports, strict=True))
        size = (self.total, extent) if self.lengthwise else (extent, self.total)
        return Layout(parts, self.blocks, clusters, routes, *size, self.lengthwise)

    def _rect(self, along: float, across: float, long: float, wide: float) -> Rect:
        x, y = self._point(along, across)
        return Rect(x, y, long, wide) if self.lengthwise else Rect(x, y, wide, long)

    def _point(self, along: float, across: float) -> Point:
        across += self.shift
        return (along, across) if self.lengthwise else (across, along)

    def _route(self, link: Link, port: float) -> Route:
        """Line out of the tail's rank, curve to the next, line through it, ..., line to the head."""
        place, rank = self.arranged.place, self.ranked.rank
        leaving = place[link.low] + self._leaving(link, port)
        points = [(self._middle(link.low) + self._reach(link.low, leaving - place[link.low]), leaving)]
        points.append((self.end[rank[link.low]], leaving))
        label_at = None
        for bend in link.bends:
            points.append((self.begin[rank[bend]], place[bend]))
            points.append((self.end[rank[bend]], place[bend]))
            if self.ranked.label_of.get(bend) == link.edge:
                label_at = self._point(self._middle(bend), place[bend])
        arriving = place[link.high] + port
        points.append((self.begin[rank[link.high]], arriving))
        points.append((self._middle(link.high) - self._reach(link.high, port), arriving))
        if link.turned:
            points.reverse()
        return Route(link.edge, tuple(self._point(*point) for point in points), label_at)

    def _leaving(self, link: Link, port: float) -> float:
        """Edges from one value to one operation leave side by side, so that `a * a` shows two."""
        twice = self._twice().get((link.low, link.high), 0) > 1
        return max(-0.3, min(0.3, port / max(self.across[link.low], 1.0))) * self.across[link.low] if twice else 0.0

    def _twice(self) -> dict[tuple[int, int], int]:
        if not hasattr(self, "_pairs"):
            self._pairs: dict[tuple[int, int], int] = {}
            for link in self.ranked.links:
                self._pairs[link.low, link.high] = self._pairs.get((link.low, link.high), 0) + 1
        return self._pairs

    def _reach(self, vertex: int, off: float) -> float:
        """From the middle of a part to its outline, `off` the middle line."""
        half = self.along[vertex] / 2
        if self.picture.order[vertex] not in self.round:
            return half
        ratio = min(1.0, abs(off) / (self.across[vertex] / 2))
        return float(half * (1 - ratio * ratio) ** 0.5)
