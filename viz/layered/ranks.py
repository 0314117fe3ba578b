"""Layers for a picture: which rank each part stands on, and the bends of edges that pass other ranks.

Everything is placed as late as it can be, so that a weight stands beside the operation that reads it. Edges that would
run against the layers (folding can make circles) are turned around for the layout only.
"""

from collections import Counter
from dataclasses import dataclass, field

MOST_BENDS = 6_000


@dataclass(slots=True)
class Link:
    """An edge of the picture (number `edge`), from a lower to a higher rank; `bends` are the vertices on its way."""

    edge: int
    low: int
    high: int
    turned: bool
    length: int
    alone: bool = False  # the only edge out of its tail and into its head: worth keeping straight
    bends: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Ranked:
    """Vertices on ranks: the parts of the picture first, then the bends (`label_of` says which bends hold a label)."""

    rank: list[int]
    links: list[Link]
    parts: int
    label_of: dict[int, int]

    @property
    def ranks(self) -> int:
        """How many ranks there are."""
        return max(self.rank, default=-1) + 1


def ranked(parts: int, edges: list[tuple[int, int]], labelled: list[bool]) -> Ranked:
    """Put vertices on ranks.

    Parameters
    ----------
    parts : int
        How many vertices there are.
    edges : list of (tail, head)
    labelled : list of bool, one per edge
        A labelled edge gets a rank of its own to write on, right before its head.
    """
    turned = _against(parts, edges)
    links = [
        Link(number, *((head, tail) if back else (tail, head)), back, 2 if labelled[number] else 1)
        for number, ((tail, head), back) in enumerate(zip(edges, turned, strict=True))
        if tail != head
    ]
    rank = _late_ranks(parts, links)
    out, into = Counter(link.low for link in links), Counter(link.high for link in links)
    for link in links:
        link.alone = out[link.low] == into[link.high] == 1
    result = Ranked(rank, links, parts, {})
    _bend(result, labelled)
    return result


def _against(parts: int, edges: list[tuple[int, int]]) -> list[bool]:
    """Which edges close a circle, found depth first in the order given."""
    out: list[list[int]] = [[] for _ in range(parts)]
    for number, (tail, _) in enumerate(edges):
        out[tail].append(number)
    state = [0] * parts  # 0 new, 1 being visited, 2 done
    back = [False] * len(edges)
    for start in range(parts):
        if state[start]:
            continue
        state[start] = 1
        stack = [(start, iter(out[start]))]
        while stack:
            vertex, following = stack[-1]
            for number in following:
                head = edges[number][1]
                if state[head] == 1:
                    back[number] = True
                elif state[head] == 0:
                    state[head] = 1
                    stack.append((head, iter(out[head])))
                    break
            else:
                state[vertex] = 2
                stack.pop()
    return back


def _late_ranks(parts: int, links: list[Link]) -> list[int]:
    """The longest way to an end, counted from the far end."""
    coming: list[list[Link]] = [[] for _ in range(parts)]
    left = [0] * parts
    for link in links:
        coming[link.high].append(link)
        left[link.low] += 1
    distance = [0] * parts
    ready = [vertex for vertex in range(parts) if not left[vertex]]
    for vertex in ready:
        for link in coming[vertex]:
            distance[link.low] = max(distance[link.low], distance[vertex] + link.length)
            left[link.low] -= 1
            if not left[link.low]:
                ready.append(link.low)
    farthest = max(distance, default=0)
    return [farthest - one for one in distance]


def _bend(result: Ranked, labelled: list[bool]) -> None:
    """Add a vertex on every rank an edge passes.

    Where that would be very many, edges from one tail share their bends; if they still are, long edges go straight.
    """
    rank, links = result.rank, result.links
    spans = [rank[link.high] - rank[link.low] for link in links]
    share = sum(spans) - len(spans) > MOST_BENDS
    farthest: dict[int, int] = {}
    for link, span in zip(links, spans, strict=True):
        farthest[link.low] = max(farthest.get(link.low, 0), span)
    straight = share and sum(farthest.values()) > MOST_BENDS
    shared: dict[tuple[int, int], int] = {}
    for link, span in zip(links, spans, strict=True):
        if straight and span > 8:
            continue
        label_rank = rank[link.high] - 1 if labelled[link.edge] else -1
        for level in range(rank[link.low] + 1, rank[link.high]):
            key = (link.low, level)
            if share and level != label_rank and key in shared:
                link.bends.append(shared[key])
                continue
            bend = len(rank)
            rank.append(level)
            link.bends.append(bend)
            if level == label_rank:
                result.label_of[bend] = link.edge
            elif share:
                shared[key] = bend
