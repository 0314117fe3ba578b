"""One measurement in a fresh process: ``python -m benchmarks.alone STUDY VARIANT ARGUMENT...``."""

import importlib
import json
import os
import subprocess
import sys
from typing import Any

from benchmarks.harness import NUMPY, QUIET_THREADS, ROOT
from benchmarks.worker import hide_numba


def alone(study: str, variant: str, *arguments: object, limit: float | None = None) -> Any:
    """What ``point(variant, *arguments)`` of a study gives in a process of its own; None if it takes over `limit` s."""
    command = [sys.executable, "-m", "benchmarks.alone", study, variant, *map(str, arguments)]
    environment = {**os.environ, **QUIET_THREADS}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        raise SystemExit(f"benchmarks: {' '.join(command[3:])} ended with {done.returncode}; see its message above")
    return json.loads(done.stdout.splitlines()[-1])


def main(study: str, variant: str, *arguments: str) -> None:
    """Measure, and print what was found as JSON."""
    if variant == NUMPY:
        hide_numba()
    print(json.dumps(importlib.import_module(f"benchmarks.studies.{study}").point(variant, *arguments)))


if __name__ == "__main__":
    main(*sys.argv[1:])
