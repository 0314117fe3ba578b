"""The limit: which share of this machine's arithmetic and of its memory's speed a step reaches."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.harness import VARIANTS, Row
from benchmarks.report import number, paragraph, table

TITLE = "Shares of the machine's limits"
SIDE, BYTES, TRIES = 2048, 1 << 28, 7


def measure() -> dict[str, float]:
    """Operations per second in a product of large matrices, and bytes per second in a copy; the best of some tries."""
    a, b = (np.random.default_rng(seed).random((SIDE, SIDE), dtype=np.float32) for seed in (0, 1))
    out = np.empty_like(a)
    source, target = np.ones(BYTES, np.uint8), np.ones(BYTES, np.uint8)
    return {
        "operations": 2 * SIDE**3 / _best(lambda: np.matmul(a, b, out=out)),
        "bytes": 2 * BYTES / _best(lambda: np.copyto(target, source)),
    }


def _best(work: Callable[[], Any]) -> float:
    times = []
    for _ in range(TRIES):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def lines(data: Mapping[str, float], measured: Sequence[tuple[Row, Any]]) -> list[str]:
    """What the page says."""
    head = paragraph(
        f"One product of {SIDE} x {SIDE} matrices (float32) reaches {data['operations'] / 1e9:.0f} GFLOP/s on all "
        f"cores, a copy of {BYTES >> 20} MB {data['bytes'] / 1e9:.1f} GB/s, read and written. Of each step: the "
        "operations in its products and convolutions, the bytes that it must move at least (each array written and "
        "read once for each use), and what that comes to in its time, as a share of the two. Small steps live in "
        "the cache, whose speed is higher. `python -m benchmarks.profile FILE` says where the rest goes."
    )
    rows = [
        [row.title, f"{row.flops / 1e6:.0f} M", f"{row.least / 1e6:.1f} MB",
         *(_share(row, found[variant], data) if variant in found else "" for variant in VARIANTS)]
        for row, found in measured if row.flops
    ]  # fmt: skip
    return [*head, "", *table(["work", "operations", "bytes", *VARIANTS], rows)]


def _share(row: Row, times: Mapping[str, Any], data: Mapping[str, float]) -> str:
    seconds = statistics.median(times["times"])
    arithmetic, memory = row.flops / seconds / data["operations"], row.least / seconds / data["bytes"]
    return f"{number(row.flops / seconds / 1e9)} GFLOP/s: {arithmetic:.0%} of arithmetic, {memory:.0%} of memory"
