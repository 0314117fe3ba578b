"""Where everything stands across the ranks: order first (few crossings), then places (short, straight edges).

Sugiyama's method with coordinates throughout: sweeping over the ranks, each row is sorted by where its neighbours
stand and settled there. A cluster is kept together in every rank it spans: its two sides are variables of their own,
the same in all ranks, and a last pass pushes everything apart until nothing foreign stands between them.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from tinygrad_edu.viz.layered.ranks import Ranked
from tinygrad_edu.viz.layered.rows import crossings, settle

NOWHERE = -1
PART_GAP, BEND_GAP, PART_BEND_GAP, CLUSTER_PAD, CLUSTER_GAP = 20.0, 9.0, 13.0, 10.0, 14.0
ORDER_SWEEPS, PLACE_SWEEPS, RELAX_SWEEPS = 10, 8, 10
ALMOST = 14.0
SIDE_WEIGHT, ALONE_WEIGHT = 4.0, 10.0

Neighbour = tuple[int, float, float]  # a vertex, its weight, and where it should be relative to the one asked


@dataclass(slots=True)
class Frame:
    """A cluster: what it is inside of, room for its label at its near side, and the least it extends."""

    parent: int
    room: float
    least: float = 0.0


class Arrangement:
    """Finds the place of each vertex along its rank.

    Parameters
    ----------
    ranked : Ranked
    half : list of float
        Half of each vertex's extent along its rank.
    cluster : list of int
        The frame of each part of the picture, or NOWHERE.
    frames : list of Frame
        Outer ones before inner ones.
    ports : list of float, one per link
        How far from the middle of its high end a link arrives.

    Attributes
    ----------
    place : list of float
        The middle of each vertex; after those, the near and far side of each frame.
    """

    def __init__(
        self, ranked: Ranked, half: list[float], cluster: list[int], frames: list[Frame], ports: list[float]
    ) -> None:
        self.ranked, self.half, self.frames = ranked, half, frames
        self.size = len(ranked.rank)
        self.low, self.high = _spans(ranked, cluster, frames)
        self.cluster = self._clusters_of_bends(cluster)
        self._connect(ports)
        self._rows = [_Row() for _ in range(ranked.ranks)]
        for vertex, rank in enumerate(ranked.rank):
            self._rows[rank].inside.setdefault(self.cluster[vertex], []).append(vertex)
        for frame, one in enumerate(frames):
            for rank in range(self.low[frame], self.high[frame] + 1):
                self._rows[rank].frames.setdefault(one.parent, []).append(frame)
        self.place = [float(self._first(vertex)) for vertex in range(self.size)] + [0.0] * (2 * len(frames))
        self.lines = [_Line([], [], []) for _ in self._rows]
        self.solve()

    def near(self, frame: int) -> int:
        """The variable of a frame's near side (top, if ranks run left to right)."""
        return self.size + 2 * frame

    def far(self, frame: int) -> int:
        """The variable of a frame's far side."""
        return self.size + 2 * frame + 1

    def solve(self) -> None:
        """Order the rows, then place their members."""
        keys, nothing = self._frame_keys(), [0.0] * len(self.place)
        for rank in range(len(self._rows)):
            self._line(rank, keys, self.place)
            self._settle(rank, nothing)
        best, best_lines = None, self.lines
        for sweep in range(ORDER_SWEEPS):
            count = self._count_crossings()
            if best is None or count < best:
                best, best_lines, best_place = count, self.lines.copy(), self.place.copy()
            if count == 0:
                break
            self._sweep(down=sweep % 2 == 0, up=sweep % 2 == 1, sort=True)
        self.lines, self.place = best_lines, best_place
        for sweep in range(PLACE_SWEEPS):
            last = sweep >= PLACE_SWEEPS - 3
            self._sweep(down=last or sweep % 2 == 1, up=last or sweep % 2 == 0, sort=False)
            if self.frames:
                self._push_apart()
        for sweep in range(RELAX_SWEEPS):
            self._relax(range(len(self.lines)) if sweep % 2 else range(len(self.lines) - 1, -1, -1))
        self._straighten()

    def _first(self, vertex: int) -> int:
        """The place in drawing order a vertex starts from; a bend starts where its edge comes from."""
        return vertex if vertex < self.ranked.parts else self._origin[vertex]

    def _clusters_of_bends(self, cluster: list[int]) -> list[int]:
        """A bend stays in its tail's frames, then in its head's, as long as the rank is theirs."""
        found = cluster + [NOWHERE] * (self.size - len(cluster))
        self._origin: dict[int, int] = {}
        for link in self.ranked.links:
            low, high = self._around(cluster[link.low]), self._around(cluster[link.high])
            common = set(low) & set(high)
            for bend in link.bends:
                rank = self.ranked.rank[bend]
                self._origin[bend] = link.low
                candidates = [frame for frame in (*low, *high) if frame not in common and self._spans(frame, rank)]
                shared = [frame for frame in low if frame in common]
                found[bend] = (candidates + shared)[0] if candidates or shared else NOWHERE
        return found

    def _around(self, frame: int) -> list[int]:
        """A frame and those around it, innermost first."""
        found = []
        while frame != NOWHERE:
            found.append(frame)
            frame = self.frames[frame].parent
        return found

    def _spans(self, frame: int, rank: int) -> bool:
        return self.low[frame] <= rank <= self.high[frame]

    def _connect(self, ports: list[float]) -> None:
        """Neighbours above and below each vertex, and the pieces of edges between each rank and the next."""
        self.above: list[list[Neighbour]] = [[] for _ in range(self.size)]
        self.below: list[list[Neighbour]] = [[] for _ in range(self.size)]
        parts = self.ranked.parts
        done: set[tuple[int, int]] = set()
        for link, port in zip(self.ranked.links, ports, strict=True):
            way = [link.low, *link.bends, link.high]
            for one, other in itertools.pairwise(way):
                bends = (one >= parts) + (other >= parts)
                if bends == 2:
                    if (one, other) in done:
                        continue
                    done.add((one, other))
                weight = ALONE_WEIGHT if link.alone else (1.0, 2.0, 8.0)[bends]
                shift = port if other == link.high else 0.0
                self.below[one].append((other, weight, shift))
                self.above[other].append((one, weight, -shift))
        self.around = [above + below for above, below in zip(self.above, self.below, strict=True)]
        self._pieces: list[list[tuple[int, int, float]]] = [[] for _ in range(self.ranked.ranks)]
        for vertex, neighbours in enumerate(self.below):
            rank = self.ranked.rank[vertex]
            self._pieces[rank] += [
                (vertex, other, shift) for other, _, shift in neighbours if self.ranked.rank[other] == rank + 1
            ]

    def _frame_keys(self) -> list[float]:
        """Where the middle of each frame is, to sort frames among their siblings the same way in every rank."""
        total = [0.0] * len(self.frames)
        count = [0] * len(self.frames)
        for vertex in range(self.ranked.parts):
            for frame in self._around(self.cluster[vertex]):
                total[frame] += self.place[vertex]
                count[frame] += 1
        return [one / max(number, 1) for one, number in zip(total, count, strict=True)]

    def _line(self, rank: int, keys: list[float], wishes: list[float]) -> None:
        """Sort a row by wishes, each frame's members together between its two sides."""
        row = self._rows[rank]

        def members(frame: int) -> Iterable[int]:
            vertices = [(wishes[vertex], vertex, NOWHERE) for vertex in row.inside.get(frame, ())]
            frames = [(keys[inner], inner, inner) for inner in row.frames.get(frame, ())]
            for _, vertex, inner in sorted(vertices + frames):
                if inner == NOWHERE:
                    yield vertex
                else:
                    yield self.near(inner)
                    yield from members(inner)
                    yield self.far(inner)

        line = list(members(NOWHERE))
        if line != self.lines[rank].members:
            gaps = [0.0, *(self._gap(one, other) for one, other in itertools.pairwise(line))]
            self.lines[rank] = _Line(line, gaps, [self._weight(member) for member in line])

    def _gap(self, one: int, other: int) -> float:
        """The least distance between two neighbours in a row."""
        if one >= self.size or other >= self.size:
            return self._frame_gap(one, other)
        bends = (one >= self.ranked.parts and not self.half[one]) + (
            other >= self.ranked.parts and not self.half[other]
        )
        return self.half[one] + self.half[other] + (PART_GAP, PART_BEND_GAP, BEND_GAP)[bends]

    def _frame_gap(self, one: int, other: int) -> float:
        gap = sum(self.half[vertex] for vertex in (one, other) if vertex < self.size)
        opens = one >= self.size and (one - self.size) % 2 == 0
        closes = other >= self.size and (other - self.size) % 2 == 1
        if opens:
            gap += self.frames[(one - self.size) // 2].room
        return gap + (CLUSTER_PAD if opens or closes else CLUSTER_GAP)

    def _settle(self, rank: int, wishes: list[float]) -> None:
        line = self.lines[rank]
        wished = [wishes[member] for member in line.members]
        places = settle(wished, line.gaps, line.weights) if len(wished) > 1 else wished
        for member, place in zip(line.members, places, strict=True):
            self.place[member] = place

    def _weight(self, member: int) -> float:
        """How much the wish of a member of a row counts."""
        if member >= self.size:
            return SIDE_WEIGHT
        if member >= self.ranked.parts:
            return 4.0
        return 1.0 + 0.2 * (len(self.above[member]) + len(self.below[member]))

    def _sweep(self, down: bool, up: bool, sort: bool) -> None:
        """Move every row towards its neighbours above (`down`), below (`up`) or both."""
        keys = self._frame_keys() if sort else []
        self._fit_frames()
        wishes = self.place.copy()
        near = self.around if down and up else self.above if down else self.below
        ranks = range(len(self.lines)) if down else range(len(self.lines) - 1, -1, -1)
        for rank in ranks:
            members = self.lines[rank].members
            for vertex in members:
                if vertex < self.size:
                    wishes[vertex] = self._wish(vertex, near[vertex])
            if sort and len(members) > 1:
                self._line(rank, keys, wishes)
            self._settle(rank, wishes)

    def _wish(self, vertex: int, near: list[Neighbour]) -> float:
        """Where a vertex would be if only these neighbours counted."""
        place, total, weights = self.place, 0.0, 0.0
        for other, weight, shift in near:
            total += weight * (place[other] + shift)
            weights += weight
        return total / weights if weights else place[vertex]

    def _relax(self, ranks: Iterable[int]) -> None:
        """Move each vertex towards its wish as far as its row lets it, which straightens what pushing has bent."""
        for rank in ranks:
            for position, vertex in enumerate(self.lines[rank].members):
                if vertex < self.size:
                    low, high = self._slack(rank, position)
                    self.place[vertex] = min(max(self._wish(vertex, self.around[vertex]), low), high)

    def _slack(self, rank: int, position: int) -> tuple[float, float]:
        """Between which places a member of a row can stand while its neighbours stay."""
        line, gaps = self.lines[rank].members, self.lines[rank].gaps
        low, high = float("-inf"), float("inf")
        if position:
            low = self.place[line[position - 1]] + gaps[position]
        if position + 1 < len(line):
            high = self.place[line[position + 1]] - gaps[position + 1]
        return low, max(low, high)

    def _straighten(self) -> None:
        """Line up what is almost in line: an operation with its result, a value with its only reader, a long edge."""
        position = {vertex: number for line in self.lines for number, vertex in enumerate(line.members)}

        def move(vertex: int, target: float) -> bool:
            low, high = self._slack(self.ranked.rank[vertex], position[vertex])
            fits = low <= target <= high
            if fits:
                self.place[vertex] = target
            return fits

        for link in sorted(self.ranked.links, key=lambda link: -self.ranked.rank[link.high]):
            if link.alone:
                target = self.place[link.high]
                for vertex in (*reversed(link.bends), link.low):
                    if abs(target - self.place[vertex]) > ALMOST or not move(vertex, target):
                        break
            else:  # a long edge turns once where it can, instead of a little on every rank
                for one, other in itertools.pairwise(reversed(link.bends)):
                    move(other, self.place[one])

    def _fit_frames(self) -> None:
        """Draw each frame's sides around what stands in it, inner frames first."""
        near = [float("inf")] * len(self.frames)
        far = [float("-inf")] * len(self.frames)
        for vertex in range(self.size):
            frame = self.cluster[vertex]
            if frame != NOWHERE:
                near[frame] = min(near[frame], self.place[vertex] - self.half[vertex])
                far[frame] = max(far[frame], self.place[vertex] + self.half[vertex])
        for frame in range(len(self.frames) - 1, -1, -1):
            near[frame] -= CLUSTER_PAD + self.frames[frame].room
            far[frame] += CLUSTER_PAD
            around = self.frames[frame].parent
            if around != NOWHERE:
                near[around], far[around] = min(near[around], near[frame]), max(far[around], far[frame])
            self.place[self.near(frame)], self.place[self.far(frame)] = near[frame], far[frame]

    def _push_apart(self) -> None:
        """Make every distance in every row hold with one near and one far side per frame.

        Pushing everything outwards to one side is a solution, so is pushing to the other; so is their middle.
        """
        self._fit_frames()
        after: list[list[tuple[int, float]]] = [[] for _ in self.place]
        waiting = [0] * len(self.place)
        pairs = [
            (*neighbours, gap)
            for line in self.lines
            for neighbours, gap in zip(itertools.pairwise(line.members), line.gaps[1:], strict=True)
        ]
        pairs += [(self.near(number), self.far(number), frame.least) for number, frame in enumerate(self.frames)]
        for one, other, gap in pairs:
            after[one].append((other, gap))
            waiting[other] += 1
        order = [variable for variable in range(len(self.place)) if not waiting[variable]]
        for variable in order:
            for other, _ in after[variable]:
                waiting[other] -= 1
                if not waiting[other]:
                    order.append(other)
        right, left = self.place.copy(), self.place.copy()
        for variable in order:
            for other, gap in after[variable]:
                right[other] = max(right[other], right[variable] + gap)
        for variable in reversed(order):
            for other, gap in after[variable]:
                left[variable] = min(left[variable], left[other] - gap)
        self.place = [(one + other) / 2 for one, other in zip(right, left, strict=True)]

    def _count_crossings(self) -> int:
        place = self.place
        return sum(
            crossings([place[one] for one, _, _ in pieces], [place[other] + shift * 0.01 for _, other, shift in pieces])
            for pieces in self._pieces
            if len(pieces) > 1
        )


class _Row:
    """What stands on one rank: vertices and frames, by the frame they stand in."""

    def __init__(self) -> None:
        self.inside: dict[int, list[int]] = {}
        self.frames: dict[int, list[int]] = {}


@dataclass(frozen=True, slots=True)
class _Line:
    """The members of a row in order, the least distance before each (the first: 0), and how much their wishes count."""

    members: list[int]
    gaps: list[float]
    weights: list[float]


def _spans(ranked: Ranked, cluster: list[int], frames: list[Frame]) -> tuple[list[int], list[int]]:
    """The first and the last rank of each frame."""
    low, high = [ranked.ranks] * len(frames), [-1] * len(frames)
    for vertex, frame in enumerate(cluster):
        if frame != NOWHERE:
            low[frame], high[frame] = min(low[frame], ranked.rank[vertex]), max(high[frame], ranked.rank[vertex])
    for frame in range(len(frames) - 1, -1, -1):
        around = frames[frame].parent
        if around != NOWHERE:
            low[around], high[around] = min(low[around], low[frame]), max(high[around], high[frame])
    return low, high
