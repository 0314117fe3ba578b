"""Ties: where several entries have a kink together, a direction that keeps the tie is smooth, and tells their sum.

At ``max([1, 1])`` each entry may claim anything from 0 to 1. Both together may not: when they move alike,
the maximum moves with them, and the two claims must add up to 1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from tinygrad_edu.check.claims import Array
from tinygrad_edu.check.lines import Cotangent
from tinygrad_edu.check.subjects import Subject

MOST: Final = 16  # corners that are looked at together
ALL_SIGNS: Final = 4  # so many of them with all signs; more with the same sign only
AWAY: Final = 2.0**-10  # the step, relative, after which the corners must still be there
CLOSE: Final = 2.0**-16  # and the step that shows them
STILL: Final = 0.5  # the part of a kink that must be left


@dataclass(frozen=True)
class Corner:
    """An entry with a kink: which one, its scale, and the slope to its right less that to its left."""

    argument: int
    position: int
    scale: float
    bend: float


def tied(subject: Subject, cotangent: Cotangent, corners: Sequence[Corner]) -> Iterator[dict[Corner, float]]:
    """How far to move which corners, so that their kinks stay: directions, each with two corners or more.

    A kink lies where a sum of the entries, weighed by how much the slope changes with each, is 0; the
    directions are those that may leave that sum alone.
    """
    corners = sorted(corners, key=lambda corner: -abs(corner.bend))[:MOST]
    signs = product((1.0, -1.0), repeat=len(corners)) if len(corners) <= ALL_SIGNS else [(1.0,) * len(corners)]
    seen = set()
    for pattern in signs:
        if pattern[0] < 0:  # the same line
            continue
        chosen = dict(zip(corners, pattern, strict=True))
        while len(chosen) > 1:
            moves = _moves(chosen)
            kept = _kept(subject, cotangent, moves)
            if len(kept) == len(chosen):
                key = frozenset((corner, sign * next(iter(chosen.values()))) for corner, sign in chosen.items())
                if key not in seen:
                    seen.add(key)
                    yield moves
                break
            chosen = {corner: sign for corner, sign in chosen.items() if corner in kept}


def direction(subject: Subject, moves: dict[Corner, float]) -> dict[int, Array]:
    """Moves of single entries as one array for each argument that moves."""
    found = {corner.argument: np.zeros_like(subject.inputs[corner.argument]) for corner in moves}
    for corner, move in moves.items():
        found[corner.argument].flat[corner.position] = move
    return found


def _moves(chosen: dict[Corner, float]) -> dict[Corner, float]:
    least = min(abs(corner.bend) for corner in chosen)
    scale = min(corner.scale for corner in chosen)
    return {corner: sign * scale * least / abs(corner.bend) for corner, sign in chosen.items()}


def _kept(subject: Subject, cotangent: Cotangent, moves: dict[Corner, float]) -> set[Corner]:
    """The corners that still have their kinks after a step."""
    there = [x + AWAY * moved for x, moved in _points(subject, moves)]
    base = subject.evaluate(there)
    if base is None:
        return set()
    return {corner for corner, move in moves.items() if _bends(subject, cotangent, there, base, corner, abs(move))}


def _bends(
    subject: Subject, cotangent: Cotangent, there: Sequence[Array], base: Array, corner: Corner, move: float
) -> bool:
    total = 0.0
    for step in (CLOSE * move, -CLOSE * move):
        points = list(there)
        points[corner.argument] = points[corner.argument].copy()
        points[corner.argument].flat[corner.position] += step
        out = subject.evaluate(points)
        if out is None:
            return False
        total += cotangent.weigh(out, base)[0]
    return abs(total) >= STILL * abs(corner.bend) * CLOSE * move


def _points(subject: Subject, moves: dict[Corner, float]) -> Iterator[tuple[Array, Array]]:
    moved = direction(subject, moves)
    for i, x in enumerate(subject.inputs):
        yield x, moved.get(i, np.zeros_like(x))
