"""How a row is measured: a process for each contender, rounds taken in turn, ratios by pairs."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 9
# Set before anything loads: beside torch's spinning threads, whoever comes next would pay for them.
QUIET_THREADS = {"KMP_BLOCKTIME": "0", "OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True)
class Row:
    """One line of the table: contenders by name, the first one ours, and how closely they must agree."""

    title: str
    contenders: dict[str, Callable[[], Any]]
    steps: int
    tolerance: float
    goals: dict[str, str]


@dataclass(frozen=True)
class Ratio:
    """How many times faster ours is than one peer: median, lowest and highest over the paired rounds."""

    row: str
    peer: str
    ours_ms: float
    peer_ms: float
    median: float
    low: float
    high: float
    goal: str


class Worker:
    """A contender in a process of its own, which does what it is told line by line."""

    def __init__(self, module: str, row: str, contender: str) -> None:
        self.contender = contender
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", module, row, contender],
            cwd=ROOT,
            env={**os.environ, **QUIET_THREADS},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, *words: object) -> Any:
        """Send one command, and read its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(*words, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"benchmarks: {self.contender} ended with {self.process.wait()}; see its message above")
        return json.loads(answer)

    def stop(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def measure(module: str, name: str, row: Row) -> list[Ratio]:
    """Check that all contenders of a row agree, then time them in turn."""
    workers = [Worker(module, name, contender) for contender in row.contenders]
    try:
        _agree(workers, row)
        for worker in workers:
            worker.ask("time", row.steps)  # warm-up, dropped
        rounds = [[worker.ask("time", row.steps) for worker in workers] for _ in range(ROUNDS)]
    finally:
        for worker in workers:
            worker.stop()
    found = []
    for index, peer in enumerate(list(row.contenders)[1:], start=1):
        ratios = [times[index] / times[0] for times in rounds]
        found.append(
            Ratio(
                row.title,
                peer,
                1e3 * statistics.median(times[0] for times in rounds),
                1e3 * statistics.median(times[index] for times in rounds),
                statistics.median(ratios),
                min(ratios),
                max(ratios),
                row.goals.get(peer, ""),
            )
        )
    return found


def _agree(workers: list[Worker], row: Row) -> None:
    """Every contender computes what ours computes, to the row's tolerance."""
    with tempfile.TemporaryDirectory() as folder:
        results = []
        for worker in workers:
            path = Path(folder, f"{len(results)}.npz")
            worker.ask("check", path)
            with np.load(path) as file:
                results.append({key: file[key] for key in file.files})
    for worker, result in zip(workers[1:], results[1:], strict=True):
        for key, expected in results[0].items():
            scale = max(float(np.max(np.abs(expected))), 1e-30)
            error = float(np.max(np.abs(result[key] - expected))) / scale
            if not error <= row.tolerance:
                raise SystemExit(
                    f"benchmarks: {row.title}: {key} of {worker.contender} differs by {error:.1e} (relative)"
                )
