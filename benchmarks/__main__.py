"""``python -m benchmarks [FILE ...]``: measure every row (or those of the files named), and write RESULTS.md."""

import importlib
import importlib.metadata
import os
import pkgutil
import platform
import sys
from pathlib import Path

from benchmarks import rows
from benchmarks.harness import ROUNDS, Ratio, measure

RESULTS = Path(__file__).with_name("RESULTS.md")
PEERS = ("numpy", "torch", "jax", "autograd", "mygrad", "micrograd", "numba")


def main(wanted: list[str]) -> None:
    """Measure, print, and write the table when all rows were measured."""
    names = [module.name for module in pkgutil.iter_modules(rows.__path__)]
    unknown = set(wanted) - set(names)
    if unknown:
        raise SystemExit(f"benchmarks: no row file {sorted(unknown)[0]!r}; there are {', '.join(names)}")
    found: list[Ratio] = []
    for name in wanted or names:
        module = f"benchmarks.rows.{name}"
        for key, row in importlib.import_module(module).ROWS.items():
            for ratio in measure(module, key, row):
                found.append(ratio)
                print(_line(ratio), flush=True)
    if not wanted:
        temporary = RESULTS.with_suffix(".tmp")
        temporary.write_text(_report(found), encoding="utf-8")
        temporary.replace(RESULTS)
        print(f"wrote {RESULTS}")


def _line(ratio: Ratio) -> str:
    return (
        f"| {ratio.row} | {ratio.peer} | {ratio.ours_ms:.3g} | {ratio.peer_ms:.3g} | "
        f"**{ratio.median:.2f}x** | {ratio.low:.2f} to {ratio.high:.2f} | {ratio.goal} |"
    )


def _report(found: list[Ratio]) -> str:
    versions = []
    for peer in PEERS:
        try:
            versions.append(f"{peer} {importlib.metadata.version(peer)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    lines = [
        "# Side by side with peers",
        "",
        "Written by `make bench`. Each contender runs in a process of its own, in turn with ours; results are compared",
        "first, and must agree.",
        f"A ratio is the peer's time over ours in the same round (above 1: ours is faster): median of {ROUNDS} rounds, "
        "lowest to highest.",
        "",
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}; {', '.join(versions)}.",
        "",
        "| work | peer | ours, ms | peer, ms | ratio | spread | goal |",
        "|---|---|---|---|---|---|---|",
        *map(_line, found),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
