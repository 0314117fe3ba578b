"""``python -m benchmarks.profile FILE [ROW] [--eager]``: where the time of a row goes.

Of a compiled step: each line of its plans is timed, and lines are added up by what they call. Of an eager one: Python's
own profiler. Without numba as with: whatever is installed here runs; ``--numpy`` hides it.
"""

import argparse
import cProfile
import gc
import importlib
import pstats
import re
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from benchmarks.harness import EAGER, FIRST, NUMBA, Row
from benchmarks.report import number, table
from benchmarks.worker import hide_numba, seconds

SHOWN = 15
LINE = re.compile(r"^(?:(?P<out>\w+) = )?(?P<call>\w+?)(?:_\d+)?\((?P<rest>.*)")


def main() -> None:
    """Print a profile of each row that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("file", help="of benchmarks/rows")
    parser.add_argument("row", nargs="?", help="all of the file, if not given")
    parser.add_argument("--eager", action="store_true")
    parser.add_argument("--numpy", action="store_true", help="as if numba were not installed")
    given = parser.parse_args()
    if given.numpy:
        hide_numba()
    rows: dict[str, Row] = importlib.import_module(f"benchmarks.rows.{given.file}").ROWS
    if given.row is not None and given.row not in rows:
        parser.error(f"{given.file} has no row {given.row!r}; it has {', '.join(rows)}")
    for name in [given.row] if given.row is not None else rows:
        step, _ = rows[name].ours[EAGER if given.eager else NUMBA]()
        print(rows[name].title)
        eager(step) if given.eager else compiled(step)


def eager(step: Callable[[], Any], least: float = 2.0) -> None:
    """Run steps for some seconds under Python's profiler."""
    seconds(step, FIRST)
    count = max(1, round(least / seconds(step, 1)))
    profile = cProfile.Profile()
    profile.runcall(seconds, step, count)
    print(f"{count} steps; seconds of all of them:")
    pstats.Stats(profile).sort_stats("tottime").print_stats(SHOWN)


def compiled(step: Callable[[], Any], least: float = 2.0) -> None:
    """Run steps for some seconds, each line of their plans timed."""
    from tinygrad_edu.compiler.code import Code
    from tinygrad_edu.compiler.runner import Runner

    seconds(step, FIRST)
    count = max(1, round(least / seconds(step, 1)))
    whole = seconds(step, count)
    times: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])  # how often, seconds
    for code in [thing for thing in gc.get_objects() if type(thing) is Code]:
        watch(code, times)
    for runner in [thing for thing in gc.get_objects() if type(thing) is Runner]:
        runner.look_up()
    seconds(step, count)
    inside = sum(taken for _, taken in times.values())
    rows = [
        (call, f"{calls / count:g}", number(1e6 * taken / count), f"{taken / inside:.0%}")
        for call, (calls, taken) in sorted(times.items(), key=lambda item: -item[1][1])[:SHOWN]
    ]
    print(
        f"{count} steps of {number(1e3 * whole)} ms; in their plans, with a clock at each line, "
        f"{number(1e3 * inside / count)} ms:"
    )
    print(*table(("what is called", "times a step", "µs a step", "share"), rows), sep="\n")


def watch(code: Any, times: dict[str, list[float]]) -> None:
    """Put timed functions in the place of a plan's own; they add up in `times` what each line takes."""
    lines = []
    for line in code.source.splitlines():
        text = line.strip()
        if not text or text.startswith(("def ", "return", "#")):
            lines.append(line)
            continue
        indent = line[: len(line) - len(line.lstrip())]
        lines += [f"{indent}_start = _clock()", line, f"{indent}_add({called(text)!r}, _clock() - _start)"]

    def add(call: str, taken: float) -> None:
        times[call][0] += 1
        times[call][1] += taken

    space = {**code.space, "_clock": time.perf_counter, "_add": add}
    exec("\n".join(lines), space)
    for name in code.functions:
        code.functions[name] = code.guarded(space[name])


def called(line: str) -> str:
    """What a line of a plan calls.

    Examples
    --------
    >>> called("add_reduce_12(b3, (0,), None, b4, False)"), called("v3 = getitem(v2)"), called("b4[c1] = b3")
    ('add_reduce', 'getitem', 'b4[c1] = b3')
    """
    found = LINE.match(line)
    return found["call"] if found else line


if __name__ == "__main__":
    main()
