"""The process of one contender: reads ``first STEPS``, ``check PATH`` and ``time SECONDS SLOW``, answers in JSON."""

import gc
import importlib
import json
import sys
import time
from typing import Any

import numpy as np

from benchmarks.harness import NUMPY


def main(module: str, row: str, contender: str) -> None:
    """Make the contender, then do as told until the input ends."""
    if contender == NUMPY:
        hide_numba()
    step, check = importlib.import_module(module).ROWS[row].contenders()[contender]()
    count = 1
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        answer = 0.0
        if command == "first":
            answer = int(argument) * seconds(step, int(argument))
        elif command == "check":
            with open(argument, "wb") as file:
                np.savez(file, **{key: np.asarray(value) for key, value in check().items()})
        else:
            answer = seconds(step, count)
            slice_, slow = map(float, argument.split())
            count = 1 if answer >= slow else max(1, round(slice_ / answer))
        print(json.dumps(answer), flush=True)


def seconds(step: Any, count: int) -> float:
    """How long one of so many steps takes."""
    gc.collect()
    start = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - start) / count


def hide_numba() -> None:
    """From now on numba is not installed, in this process."""
    sys.modules["numba"] = None  # type: ignore[assignment]  # what makes `import numba` fail


if __name__ == "__main__":
    main(*sys.argv[1:])
