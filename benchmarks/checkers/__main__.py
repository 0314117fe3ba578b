"""``python -m benchmarks.checkers [--quick]``: ask every checker about the whole bank, and write CHECKERS.md."""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise
from pathlib import Path

from benchmarks.checkers.contenders import CONTENDERS, ENGINE, NEEDS, OURS
from benchmarks.checkers.report import Answer, Results, written
from benchmarks.harness import QUIET_THREADS, ROOT

TABLE = Path(__file__).resolve().parents[1] / "CHECKERS.md"
FULL, QUICK = (10_000, 300), (200, 10)  # random right cases, and functions whose gradients get errors of every size
LONGEST = 1800  # seconds for one process
CORES = os.cpu_count() or 1


def ask(contender: str, job: str, start: int = 0, stop: int = 0) -> list[Answer]:
    """What one checker says of the cases of a job, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.checkers.worker", contender, job, str(start), str(stop)]
    environment = {**os.environ, **QUIET_THREADS, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, timeout=LONGEST)
    if done.returncode:
        raise SystemExit(f"benchmarks.checkers: {contender} ended with {done.returncode}; see its message above")
    return [Answer(**json.loads(line)) for line in done.stdout.splitlines()]


def at_once(contender: str, job: str, stop: int) -> list[Answer]:
    """The same, one process for each core; for rates, where time does not matter."""
    edges = [stop * k // CORES for k in range(CORES + 1)]
    with ThreadPoolExecutor(CORES) as pool:
        parts = pool.map(lambda edge: ask(contender, job, *edge), pairwise(edges))
        return list(chain.from_iterable(parts))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checkers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer random cases, about a minute, and no file written")
    parser.add_argument("--out", type=Path, default=None, help="where to write; benchmarks/CHECKERS.md if not --quick")
    options = parser.parse_args()
    many, few = QUICK if options.quick else FULL
    began = time.perf_counter()
    results = Results(many=many, few=few)
    present = [name for name in CONTENDERS if importlib.util.find_spec(NEEDS[name])]
    for name in set(CONTENDERS) - set(present):
        print(f"{name}: left out, {NEEDS[name]} is not installed (pip install 'tinygrad_edu[bench]')")
    with ThreadPoolExecutor(CORES if options.quick else 1) as pool:  # one at a time, where time is reported
        banks = pool.map(lambda name: ask(name, "right" if name == ENGINE else "both"), present)
        for contender, answers in zip(present, banks, strict=True):
            results.bank[contender] = answers
            print(f"{contender}: {len(answers)} cases", flush=True)
    for contender in present:
        if contender != ENGINE:
            results.errors[contender] = at_once(contender, "errors", few)
            print(f"{contender}: errors of every size", flush=True)
    results.random = at_once(OURS, "random", many)
    results.seconds = time.perf_counter() - began
    text = written(results)
    print(text)
    path = options.out or (None if options.quick else TABLE)
    if path is not None:
        temporary = path.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
