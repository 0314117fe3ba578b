"""The process of one checker: ``python -m benchmarks.checkers.worker CHECKER JOB START STOP`` answers in JSON lines."""

import json
import math
import sys
import time
import warnings
from typing import Any

import numpy as np

from benchmarks.checkers.bank import JOBS
from benchmarks.checkers.case import Case
from benchmarks.checkers.contenders import CONTENDERS, FAIL, Checker


def answer(check: Checker, case: Case) -> dict[str, Any]:
    """What a checker says of a case, how often it called the function, and how long it took."""
    calls = 0

    def counted(x: Any) -> Any:
        nonlocal calls
        calls += 1
        return case.function(x)

    start = time.perf_counter()
    try:
        verdict, said = check(case, counted)
    except Exception as error:  # how peers say no; a crash is a no as well
        verdict, said = FAIL, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    seconds = time.perf_counter() - start
    return {
        "name": case.name, "family": case.family, "right": case.right, "error": _size(case.error), "verdict": verdict,
        "said": said, "calls": calls, "seconds": seconds,
    }  # fmt: skip


def _size(error: float) -> float | None:
    return error if math.isfinite(error) else None


def main(contender: str, job: str, start: str, stop: str) -> None:
    """Answer for every case of a job."""
    warnings.simplefilter("ignore")
    check = CONTENDERS[contender]()
    cases = JOBS[job](int(start), int(stop))
    answer(check, Case("warm-up", np.sin, np.array(0.5), np.cos(np.array(0.5)), np.cos(np.array(0.5)), True))
    with np.errstate(all="ignore"):
        for case in cases:
            print(json.dumps(answer(check, case)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
