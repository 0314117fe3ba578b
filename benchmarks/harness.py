"""How a row is measured: a process for each contender, results compared, then rounds taken in turn."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu.compiler.kernels import WARM

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 9
FIRST = WARM + 5  # steps in which plans are recorded, and kernels are made
SLICE = 0.25  # seconds: how long a contender steps in one round, at least one step
SLOW = 0.03  # seconds of a step of scalars, from which it has a round for itself: garbage is collected before it
# Set before anything loads: beside torch's spinning threads, whoever comes next would pay for them.
QUIET_THREADS = {"KMP_BLOCKTIME": "0", "OMP_WAIT_POLICY": "PASSIVE"}

EAGER, NUMPY, NUMBA = "eager", "compiled, NumPy alone", "compiled, numba"
VARIANTS = (NUMBA, NUMPY, EAGER)  # of ours, as columns

Step, Check = Callable[[], Any], Callable[[], dict[str, Any]]
Make = Callable[[], tuple[Step, Check]]


@dataclass(frozen=True)
class Row:
    """One piece of work: ours in its variants, and peers; how closely they must agree; what is aimed at.

    Attributes
    ----------
    title : str
    ours : mapping of variant to function
        Each makes ``(step, check)``: `step` is timed, `check` gives what must be equal for all.
    peers : mapping of name to function
        A name begins with that of its package: ``"torch channels_last"``, ``"jax.jit"``.
    tolerance : float
        Of the results, relative to the size (2-norm) of ours.
    exact : tuple of str
        Results that must be equal to the last bit.
    first : int
        How many steps belong to the beginning, in which plans are recorded and kernels are made.
    goals : mapping of peer to mapping of variant to float
        How many times the peer's speed ours is to have.
    flops : float
        Operations on numbers in the products of matrices and convolutions of one step; 0 if not stated.
    least : float
        Bytes that a step must move at least, if every array is read and written once for each use; 0 if not stated.
    slow : float
        Seconds of a step from which it has a round for itself. Before each round garbage is collected.
    """

    title: str
    ours: Mapping[str, Make]
    peers: Mapping[str, Make]
    tolerance: float
    exact: tuple[str, ...] = ()
    first: int = FIRST
    goals: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    flops: float = 0.0
    least: float = 0.0
    slow: float = SLICE

    def contenders(self) -> dict[str, Make]:
        """All that can run here: ours first."""
        return {name: make for name, make in {**self.ours, **self.peers}.items() if is_here(name)}


def is_here(contender: str) -> bool:
    """Whether the package of a contender is installed."""
    package = "numba" if contender == NUMBA else re.split(r"[ .]", contender)[0].lower()
    return contender in (EAGER, NUMPY) or importlib.util.find_spec(package) is not None


def least_bytes(parameters: int, values: int, moments: int = 0) -> int:
    """Bytes of float32 that a step of training moves at least.

    Each parameter is read twice, and written; its gradient is written and read; its `moments` too. Each value of the
    forward pass, and its gradient, is written and read.
    """
    return 4 * (parameters * (5 + 2 * moments) + 4 * values)


class Worker:
    """A contender in a process of its own, which does what it is told line by line."""

    def __init__(self, module: str, row: str, contender: str, cache: str) -> None:
        self.contender = contender
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", module, row, contender],
            cwd=ROOT,
            env={**os.environ, **QUIET_THREADS, "TINYGRAD_EDU_CACHE": cache},
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
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@contextmanager
def workers_of(module: str, name: str, row: Row) -> Iterator[list[Worker]]:
    """A process for each contender of a row; they end with the block."""
    with tempfile.TemporaryDirectory() as cache:
        workers: list[Worker] = []
        try:
            for contender in row.contenders():
                workers.append(Worker(module, name, contender, cache))
            yield workers
        finally:
            for worker in workers:
                worker.stop()


def measure(module: str, name: str, row: Row, rounds: int = ROUNDS) -> dict[str, Any]:
    """Check that all contenders of a row agree, then time them in turn.

    Returns
    -------
    dict
        For each contender ``first``, the seconds of its first steps together (kernels are not on the disk yet), and
        ``times``, those of a step by round.
    """
    with workers_of(module, name, row) as workers:
        firsts = [worker.ask("first", row.first) for worker in workers]
        agree(workers, row)
        for worker in workers:
            worker.ask("time", SLICE, row.slow)  # warm-up, dropped; it finds out how many steps fill a slice
        taken = [[worker.ask("time", SLICE, row.slow) for worker in workers] for _ in range(rounds)]
    return {
        worker.contender: {"first": first, "times": list(times)}
        for worker, first, times in zip(workers, firsts, zip(*taken, strict=True), strict=True)
    }


def agree(workers: list[Worker], row: Row) -> None:
    """Every contender computes what the first one computes, to the row's tolerance.

    Raises
    ------
    SystemExit
        If one does not: it names the result.
    """
    with tempfile.TemporaryDirectory() as folder:
        results = []
        for worker in workers:
            path = Path(folder, f"{len(results)}.npz")
            worker.ask("check", path)
            with np.load(path) as file:
                results.append({key: file[key] for key in file.files})
    for worker, result in zip(workers[1:], results[1:], strict=True):
        for key, expected in results[0].items():
            if result[key].shape != expected.shape:
                raise SystemExit(
                    f"benchmarks: {row.title}: {key} of {worker.contender} has shape {result[key].shape}, "
                    f"that of {workers[0].contender} {expected.shape}"
                )
            error = np.linalg.norm(np.ravel(result[key] - expected)) / max(np.linalg.norm(np.ravel(expected)), 1e-30)
            allowed = 0.0 if key in row.exact else row.tolerance
            if not error <= allowed:
                raise SystemExit(
                    f"benchmarks: {row.title}: {key} of {worker.contender} differs from that of "
                    f"{workers[0].contender} by {error:.1e} (relative); at most {allowed:.0e} is allowed"
                )
