"""Write docs/operations.md: every operation with its derivative, and what becomes of every function of NumPy.

Run it from the repository root after any change to an operation: python docs/operations.py
With --check it writes nothing, and fails if the page is not up to date.
"""

import importlib
import inspect
import os
import pkgutil
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu.ops
from tinygrad_edu.kinds import General
from tinygrad_edu.numpy_protocol import PLAIN, REASONS
from tinygrad_edu.op import NUMPY, REGISTRY, Interval, Operation

TARGET = Path(__file__).with_suffix(".md")
HEADINGS = {"derivative": "With a derivative", "plain": "Answered with plain data", "refused": "Refused"}
NAMESPACES = {"np": np, "np.linalg": np.linalg, "np.fft": np.fft}

HEAD = """\
# Operations

This page is generated from the entries of the operations (`python docs/operations.py`); a test keeps it up to date.

An operation's derivative is written as a reader would write it: one formula an operand. *Domain* is where the tests
draw operands from, *orders* how often the tests differentiate it (0: its derivative is 0 everywhere), *forward mode*
whether tangents can be pushed through it. Under its NumPy names an operation is applied to Values by NumPy itself:
`np.exp(v)`.
"""
NAMES = """
## NumPy's functions

Each public function of `np`, `np.linalg` and `np.fft` is one of three: it has a derivative; it answers with plain data,
which has none; or it refuses a Value with an error that says its name. Functions that only make arrays (`np.array`,
`np.asarray`, `np.full`) ask a Value to become a plain array, and it refuses: use `tinygrad_edu.array`, `stack` or
`full_like`. The one thing nothing can refuse is a conversion to Python numbers, `float(v)`, as `np.fromiter` does it;
inside `grad` and its kind that raises too.
"""


def public_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every function of NumPy's namespaces that a Value can be given to, under each of its names."""
    for prefix, namespace in NAMESPACES.items():
        for name in sorted(set(dir(namespace))):
            if name.startswith("_"):
                continue
            function = getattr(namespace, name)
            if isinstance(function, np.ufunc) or hasattr(function, "_implementation"):
                yield f"{prefix}.{name}", function


def status(function: Callable[..., Any]) -> str:
    """What becomes of it: "derivative", "plain" or "refused"."""
    return "derivative" if function in NUMPY else "plain" if function in PLAIN else "refused"


def modules() -> Iterator[types.ModuleType]:
    """The files of operations."""
    for found in pkgutil.iter_modules(tinygrad_edu.ops.__path__, "tinygrad_edu.ops."):
        yield importlib.import_module(found.name)


def operations_by_module() -> dict[types.ModuleType, list[Operation]]:
    """Where each operation is entered, in the order of entry."""
    homes: dict[types.ModuleType, list[Operation]] = {}
    left = {id(op): op for op in REGISTRY.values() if op.kind != "source"}
    for module in modules():
        source = inspect.getsource(module)
        own = [op for op in left.values() if f'"{op.name}"' in source and op in list(vars(module).values())]
        if own:
            homes[module] = own
            for op in own:
                del left[id(op)]
    return homes


def domain(op: Operation) -> str:
    """Where the tests draw operands from."""
    parts = []
    for interval in dict.fromkeys(op.domain):
        if not isinstance(interval, Interval):
            parts.append(str(interval))
            continue
        low, high = (f"{end:g}" for end in (interval.low, interval.high))
        parts.append(f"whole {low} to {high}" if interval.integer else f"({low}, {high})")
    return "; ".join(parts)


def summary(op: Operation) -> str:
    """The first sentence of the documentation; of a ufunc, the one after its signature."""
    paragraphs = (op.__doc__ or "").split("\n\n")
    first = paragraphs[1] if isinstance(op.forward, np.ufunc) and len(paragraphs) > 1 else paragraphs[0]
    return " ".join(first.split()).partition(". ")[0].rstrip(".")


def forward_mode(op: Operation) -> bool:
    """Whether tangents can be pushed through every operand that has a derivative."""
    if not isinstance(op, General):
        return True
    return all(push is not None for pull, push in zip(op.rules, op.tangents, strict=True) if pull is not None)


def numpy_names(op: Operation) -> list[str]:
    """What NumPy calls the operation, or the function of the same name around it."""
    return [
        name
        for name, function in public_functions()
        if (ours := NUMPY.get(function)) is op or getattr(ours, "__name__", None) == op.name
    ]


def row(op: Operation) -> str:
    """The line of one operation in the table."""
    cells = (
        f"`{op.name}`",
        op.symbol if op.symbol != op.name else "",
        summary(op),
        "; ".join(op.reads),
        domain(op),
        str(op.order) if any(op.rules) else "0",
        "yes" if forward_mode(op) else "no",
        " ".join(f"`{name}`" for name in numpy_names(op)),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def section(module: types.ModuleType, operations: list[Operation]) -> Iterator[str]:
    """The operations of a file, and the functions composed of operations."""
    yield f"\n## {(module.__doc__ or module.__name__).splitlines()[0].rstrip('.')}\n\n`{module.__name__}`\n"
    if operations:
        yield "| operation | symbol | result | derivative | domain | orders | forward mode | NumPy |"
        yield "|---|---|---|---|---|---|---|---|"
        yield from map(row, operations)
    entered = {op.name for op in operations}
    composed = [getattr(module, name) for name in getattr(module, "__all__", ()) if name not in entered]
    lines = [
        f"- `{function.__name__}`: {' '.join((function.__doc__ or '').split(chr(10) * 2)[0].split())}"
        for function in composed
        if isinstance(function, types.FunctionType)
    ]
    if lines:
        yield "\nComposed of operations:\n"
        yield from dict.fromkeys(lines)


def table() -> str:
    """The whole page."""
    lines = [HEAD]
    homes = operations_by_module()
    for module in modules():
        operations = homes.get(module, [])
        if operations or hasattr(module, "__all__"):
            lines += section(module, operations)
    lines.append(f"{NAMES}\nThe lists are those of NumPy {numpy_version()}.\n")
    found: dict[str, list[str]] = {}
    for name, function in public_functions():
        kind = status(function)
        reason = REASONS.get(function.__name__) if kind == "refused" else None
        found.setdefault(f"Refused: {reason}" if reason else HEADINGS[kind], []).append(f"`{name}`")
    for heading in sorted(found, key=lambda text: [*HEADINGS.values(), text].index(text)):
        lines.append(f"### {heading}\n\n{', '.join(found[heading])}.\n")
    return "\n".join(lines)


def numpy_version() -> str:
    """The version on which the lists of functions depend."""
    return ".".join(np.__version__.split(".")[:2])


def main() -> None:
    """Write the page, whole; with --check, only say whether it is up to date."""
    if "--check" in sys.argv[1:]:
        if TARGET.read_text(encoding="utf-8") != table():
            raise SystemExit(f"{TARGET.name} is not up to date; run: python docs/operations.py")
        return
    draft = TARGET.with_suffix(".md.part")
    draft.write_text(table(), encoding="utf-8")
    os.replace(draft, TARGET)
    print(f"wrote {TARGET}", file=sys.stderr)


if __name__ == "__main__":
    main()
