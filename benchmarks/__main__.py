"""``python -m benchmarks [--rounds N] [NAME ...]``: measure rows and studies (all, or those of the files named).

Each one measured takes its place in ``results.json`` and ``RESULTS.md``; the others stay there, if they were taken on
this machine and with these versions.
"""

import argparse
import importlib
import pkgutil
import time

from benchmarks import rows, studies
from benchmarks.harness import ROUNDS, measure
from benchmarks.report import kept, peers_of, save


def main() -> None:
    """Measure, print, and write the page."""
    files = {
        kind.__name__.rpartition(".")[2]: [module.name for module in pkgutil.iter_modules(kind.__path__)]
        for kind in (rows, studies)
    }
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = [name for names in files.values() for name in names]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(known)}; all if none is named")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of each row (%(default)s)")
    given = parser.parse_args()
    if unknown := set(given.names) - set(known):
        parser.error(f"there is no {min(unknown)!r}; there are {', '.join(known)}")
    figures = kept()
    for kind, names in files.items():
        for name in names:
            if name in (given.names or known):
                start = time.perf_counter()
                module = f"benchmarks.{kind}.{name}"
                figures[kind][name] = _rows(module, given.rounds) if kind == "rows" else _study(module)
                save(figures)
                print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


def _rows(module: str, rounds: int) -> dict[str, object]:
    found = {}
    for key, row in importlib.import_module(module).ROWS.items():
        found[key] = measure(module, key, row, rounds)
        print(*map(" | ".join, peers_of(row, found[key])), sep="\n", flush=True)
    return found


def _study(module: str) -> object:
    study = importlib.import_module(module)
    data = study.measure()
    print(*study.lines(data, []), sep="\n", flush=True)
    return data


if __name__ == "__main__":
    main()
