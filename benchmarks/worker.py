"""The process of one contender: reads ``check PATH`` and ``time STEPS`` from its input, answers in JSON."""

import gc
import importlib
import json
import sys
import time

import numpy as np


def main(module: str, row: str, contender: str) -> None:
    """Make the contender, then do as told until the input ends."""
    step, check = importlib.import_module(module).ROWS[row].contenders[contender]()
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "check":
            with open(argument, "wb") as file:
                np.savez(file, **{key: np.asarray(value) for key, value in check().items()})
            answer = 0.0
        else:
            gc.collect()
            start = time.perf_counter()
            for _ in range(int(argument)):
                step()
            answer = (time.perf_counter() - start) / int(argument)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
