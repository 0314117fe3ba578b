"""Layers for a picture: which rank each part stands on, and the bends of edges that pass other ranks.

Operations stand as early as they can, so that the neurons of a layer stand below each other; a weight stands beside the
operation that reads it. Edges that would run against the layers (folding can make circles) are turned around, for the
layout only.
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


def ranked(parts: int, edges: list[tuple[int, int]], labelled: list[bool], around: list[tuple[int, ...]]) -> Ranked:
    """Put vertices on ranks.

    Parameters
    ----------
    parts : int
        How many vertices there are.
    edges : list of (tail, head)
    labelled : list of bool, one per edge
        A labelled edge gets a rank of its own to write on, right before its head.
    around : list of tuple, one per vertex
        The clusters around it, outermost first.
    """
    turned = _against(parts, edges)
    links = []
    for number, ((tail, head), back) in enumerate(zip(edges, turned, strict=True)):
        if tail != head:
            # Into a cluster: room for the cluster's own leaves, so that what it reads stands beside it and not above.
            enters = around[tail][: len(around[head])] != around[head]
            length = 1 + labelled[number] + enters
            links.append(Link(number, *((head, tail) if back else (tail, head)), back, length))
    rank = _ranks(parts, links, around)
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


def _ranks(parts: int, links: list[Link], around: list[tuple[int, ...]]) -> list[int]:
    """The longest way from a start; then whoever has more readers than operands as near to its readers as can be."""
    coming: list[list[Link]] = [[] for _ in range(parts)]
    going: list[list[Link]] = [[] for _ in range(parts)]
    for link in links:
        coming[link.high].append(link)
        going[link.low].append(link)
    order, left = [vertex for vertex in range(parts) if not coming[vertex]], [len(found) for found in coming]
    for vertex in order:
        for link in going[vertex]:
            left[link.high] -= 1
            if not left[link.high]:
                order.append(link.high)
    rank = _earliest(order, coming, [0] * parts)
    rank = _earliest(order, coming, _openings(order, coming, rank, around))
    for vertex in reversed(order):
        # A leaf that nobody else reads comes along, wherever its reader goes.
        held = sum(bool(coming[link.low]) or len(going[link.low]) > 1 for link in coming[vertex])
        if len(going[vertex]) > held:
            rank[vertex] = min(rank[link.high] - link.length for link in going[vertex])
    first = min(rank, default=0)
    return [one - first for one in rank]


def _earliest(order: list[int], coming: list[list[Link]], least: list[int]) -> list[int]:
    """The longest way from a start, and no less than `least`."""
    rank = least.copy()
    for vertex in order:
        for link in coming[vertex]:
            rank[vertex] = max(rank[vertex], rank[link.low] + link.length)
    return rank


def _openings(order: list[int], coming: list[list[Link]], rank: list[int], around: list[tuple[int, ...]]) -> list[int]:
    """Where a cluster opens for what is computed in it from leaves alone: when the first result comes in from outside.

    So the steps of an unrolled loop stand one after another, though each has an input of its own.
    """
    opens: dict[int, int] = {}
    for vertex in order:
        for link in coming[vertex]:
            if coming[link.low]:
                for cluster in set(around[vertex]).difference(around[link.low]):
                    opens[cluster] = min(opens.get(cluster, rank[vertex]), rank[vertex])
    least = [0] * len(rank)
    leafy = [False] * len(rank)
    for vertex in order:
        leafy[vertex] = bool(coming[vertex]) and all(
            not coming[link.low] or (leafy[link.low] and around[link.low] == around[vertex]) for link in coming[vertex]
        )
        if leafy[vertex]:
            least[vertex] = max((opens.get(cluster, 0) for cluster in around[vertex]), default=0)
    return least


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
