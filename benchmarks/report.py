"""``RESULTS.md``, written from the figures of ``results.json``."""

import importlib
import importlib.metadata
import json
import math
import os
import platform
import statistics
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import EAGER, SLICE, SLOW, VARIANTS, Row

FIGURES, PAGE = (Path(__file__).with_name(name) for name in ("results.json", "RESULTS.md"))
PACKAGES = ("numpy", "numba", "torch", "jax", "keras", "autograd", "mygrad", "micrograd")
Times = Mapping[str, Any]  # of one contender: "first", "times"


def machine() -> dict[str, Any]:
    """What the figures hold for."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": versions,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.machine()


def kept() -> dict[str, Any]:
    """The figures so far; none, if they were taken on another machine or with other versions."""
    empty = {"machine": machine(), "rows": {}, "studies": {}}
    if not FIGURES.exists():
        return empty
    found = json.loads(FIGURES.read_text(encoding="utf-8"))
    return found if found["machine"] == empty["machine"] else empty


def save(figures: dict[str, Any]) -> None:
    """Write the figures, and the page anew."""
    for path, text in ((FIGURES, json.dumps(figures, indent=1)), (PAGE, page(figures))):
        temporary = path.with_suffix(".tmp")
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(path)


def ratio(ours: Times, peer: Times) -> tuple[float, float, float]:
    """How many times faster ours is than the peer, by paired rounds: median, lowest, highest."""
    ratios = [b / a for a, b in zip(ours["times"], peer["times"], strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


def page(figures: Mapping[str, Any]) -> str:
    """The whole of RESULTS.md."""
    here = figures["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in here["versions"].items())
    measured = list(_measured(figures))
    counts = sorted({len(times["times"]) for _, found in measured for times in found.values()})
    rounds = " or ".join(map(str, counts))
    lines = [
        "# Side by side with peers",
        "",
        *paragraph(
            "Written by `make bench`. Each contender runs in a process of its own, in turn with the others; results "
            "(loss and gradients, or how parameters moved) are compared first, and must agree. A ratio is the "
            f"peer's time over ours in the same round (above 1: ours is faster): the median of {rounds} rounds of "
            f"{SLICE:g} s or one step (of scalars: one, from {SLOW:g} s), each after a collection of garbage "
            "(lowest to highest), then the goal: ✓ met, ✗ missed."
        ),
        "",
        f"{here['processor']}, {here['cores']} cores, Python {here['python']}; {versions}.",
        "",
        *table(
            ["work", "peer", "peer, ms", *VARIANTS],
            [cells for row, found in measured for cells in peers_of(row, found)],
        ),
        "",
        f"Goals met: {'; '.join(_met(measured))}.",
        "",
        "## Ours by itself",
        "",
        *paragraph(
            "Milliseconds a step; how many steps belong to the beginning, in which plans are recorded and kernels made "
            "(none is on the disk yet), and their seconds; after how many steps compiling has paid, against eager ones."
        ),
        "",
        *table(
            ["work", *(f"{variant}, ms" for variant in VARIANTS), "first steps, s (numba; NumPy)", "break-even"],
            [_own(row, found) for row, found in measured],
        ),
        "",
    ]
    for name, data in figures["studies"].items():
        study = importlib.import_module(f"benchmarks.studies.{name}")
        lines += [f"## {study.TITLE}", "", *study.lines(data, measured), ""]
    return "\n".join(lines).rstrip()


def _measured(figures: Mapping[str, Any]) -> Iterator[tuple[Row, Mapping[str, Times]]]:
    for file, rows in figures["rows"].items():
        known = importlib.import_module(f"benchmarks.rows.{file}").ROWS
        for name, found in rows.items():
            if name in known:
                yield known[name], found


def peers_of(row: Row, found: Mapping[str, Times]) -> Iterator[list[str]]:
    """The cells of a line of the table for each peer of a row."""
    for peer in row.peers:
        if peer in found:
            goals = row.goals.get(peer, {})
            cells = [_cell(found, variant, peer, goals.get(variant)) for variant in VARIANTS]
            yield [row.title, peer, _ms(found[peer]), *cells]


def _met(measured: Sequence[tuple[Row, Mapping[str, Times]]]) -> Iterator[str]:
    """For each variant how many of its goals are met."""
    for variant in VARIANTS:
        met = [
            ratio(found[variant], found[peer])[0] >= goals[variant]
            for row, found in measured
            for peer, goals in row.goals.items()
            if variant in goals and variant in found and peer in found
        ]
        yield f"{variant} {sum(met)} of {len(met)}"


def _cell(found: Mapping[str, Times], variant: str, peer: str, goal: float | None) -> str:
    if variant not in found:
        return ""
    median, low, high = ratio(found[variant], found[peer])
    said = f"**{number(median)}x** ({number(low)} to {number(high)})"
    return said if goal is None else f"{said} {'✓' if median >= goal else '✗'} {goal:,g}x"


def _own(row: Row, found: Mapping[str, Times]) -> list[str]:
    compiled = [variant for variant in VARIANTS if variant != EAGER and variant in found]
    firsts = f"{row.first}: " + "; ".join(number(found[variant]["first"]) for variant in compiled)
    times = [_ms(found[variant]) if variant in found else "" for variant in VARIANTS]
    return [row.title, *times, firsts, "; ".join(_break_even(row, found, variant) for variant in compiled)]


def _break_even(row: Row, found: Mapping[str, Times], variant: str) -> str:
    """After how many steps the compiled ones, with their first ones, have taken less time than eager ones."""
    if EAGER not in found:
        return ""
    slow, fast = (statistics.median(found[name]["times"]) for name in (EAGER, variant))
    if fast >= slow:
        return "never"
    steps = math.ceil((found[variant]["first"] - row.first * fast) / (slow - fast))
    return f"{steps:,}" if steps > row.first else f"at most {row.first}"


def _ms(times: Times) -> str:
    return number(1e3 * statistics.median(times["times"]))


def number(x: float) -> str:
    """Three digits, and no exponent."""
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"


def paragraph(text: str) -> list[str]:
    """The text in lines of at most 116 characters."""
    return textwrap.wrap(text, 116, break_on_hyphens=False)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """The lines of a table."""
    return [f"| {' | '.join(map(str, cells))} |" for cells in [head, ["---"] * len(head), *rows]]
