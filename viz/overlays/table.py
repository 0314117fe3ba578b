"""The overlays by name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.viz.overlays.costs import memory, times
from tinygrad_edu.viz.overlays.health import health
from tinygrad_edu.viz.overlays.marks import Overlay
from tinygrad_edu.viz.overlays.verdicts import given, judged

OverlayName = Literal["health", "verdicts", "time", "memory"]
OVERLAYS: dict[str, Callable[[Sequence[Any], Sequence[Any]], Overlay]] = {
    "health": health,
    "verdicts": lambda nodes, roots: judged(nodes),
    "time": lambda nodes, roots: times(nodes),
    "memory": lambda nodes, roots: memory(nodes),
}


def overlay_of(asked: str | Mapping[Any, Any] | None, nodes: Sequence[Any], roots: Sequence[Any]) -> Overlay | None:
    """The overlay that `draw` was asked for: by name, or as verdicts somebody brings along.

    Raises
    ------
    ArgumentError
        If there is none of that name.
    """
    asked = getattr(asked, "verdicts", asked)  # a report of the checker brings its own
    if asked is None:
        return None
    if isinstance(asked, Mapping):
        return given(asked)
    if not isinstance(asked, str) or asked not in OVERLAYS:
        listed = ", ".join(map(repr, OVERLAYS))
        raise ArgumentError(f"overlay must be one of {listed}, or a dict of Value to verdict, got {asked!r}")
    return OVERLAYS[asked](nodes, roots)
