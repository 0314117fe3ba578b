"""Marks, and the two kinds of overlay: one that says the gravest of several nodes, one that adds them up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from tinygrad_edu.viz.style import LEVELS

GRAVITY = {level: rank for rank, level in enumerate(LEVELS)}


@dataclass(frozen=True, slots=True)
class Mark:
    """What an overlay says of a box: how grave it is (see `style.LEVELS`), and in words."""

    level: str
    text: str


class Overlay(Protocol):
    """What `draw` asks of an overlay."""

    @property
    def legend(self) -> str:
        """How to read the marks."""

    def of(self, nodes: Sequence[Any]) -> Mark | None:
        """What to say of nodes that are drawn as one box; None for nothing."""


@dataclass(frozen=True)
class Verdicts:
    """An overlay by a mark for each node; of several nodes the gravest, with their number."""

    legend: str
    marks: Mapping[Any, Mark]

    def of(self, nodes: Sequence[Any]) -> Mark | None:
        """The gravest mark among the nodes."""
        found = [self.marks[node] for node in nodes if node in self.marks]
        if not found:
            return None
        worst = max(found, key=lambda mark: GRAVITY[mark.level])
        if len(nodes) == 1:
            return worst
        alike = sum(mark.level == worst.level for mark in found)
        return Mark(worst.level, f"{alike:,} of {len(nodes):,}: {worst.text}")


@dataclass(frozen=True)
class Amounts:
    """An overlay by a number for each node, which add up; `say` writes it, given its share of the whole."""

    legend: str
    amounts: Mapping[Any, float]
    say: Callable[[float, float], str]
    notable: float = 0.25  # the share of the whole from which a box is marked as grave

    @cached_property
    def _total(self) -> float:
        return sum(self.amounts.values())

    def of(self, nodes: Sequence[Any]) -> Mark | None:
        """The sum over the nodes."""
        known = [self.amounts[node] for node in nodes if node in self.amounts]
        if not known:
            return None
        amount = sum(known)
        share = amount / self._total if self._total else 0.0
        return Mark("warning" if share >= self.notable else "note", self.say(amount, share))
