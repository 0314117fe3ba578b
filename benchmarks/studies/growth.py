"""Growth: the time per scalar node, per sample of a batch and per layer, as there are more of them."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import ours as engine
from benchmarks.alone import alone
from benchmarks.harness import EAGER, FIRST, VARIANTS, is_here
from benchmarks.report import number, paragraph, table
from benchmarks.worker import seconds

TITLE = "Growth"
PICTURE = Path(__file__).parents[1] / "growth.svg"
SIZES = {
    "nodes": (10**3, 10**4, 10**5, 10**6),
    "batch": (1, 4, 16, 64, 256, 1024, 4096),
    "depth": (1, 3, 10, 30, 100, 300, 1000),
}
LIMIT = 180.0  # seconds for one point, its recording included; what takes longer is left out, and said
LEAST, TRIES = 0.1, 5  # seconds of one try
STEEPEST = 1.15  # the power of the size by which time may grow, and still be called linear


def measure() -> dict[str, Any]:
    """Seconds of the first step and of a later one, by kind, variant and size; None if it took too long."""
    found: dict[str, Any] = {}
    for kind, sizes in SIZES.items():
        for variant in filter(is_here, VARIANTS):
            times = [alone("growth", variant, kind, size, limit=LIMIT) for size in sizes]
            found.setdefault(kind, {})[variant] = times
    draw(found)
    return found


def point(variant: str, kind: str, size: str) -> tuple[float, float]:
    """Seconds of the first step and of a later one, the best of some tries."""
    step = MAKERS[kind](int(size), variant != EAGER)
    first = seconds(step, 1)
    seconds(step, 1 if variant == EAGER else FIRST)
    count = max(1, round(LEAST / seconds(step, 1)))
    return first, min(seconds(step, count) for _ in range(TRIES))


def _nodes(size: int, compiled: bool) -> Callable[[], Any]:
    """A scalar graph of that many nodes, in which each depends on the one before: forward and backward."""
    from tinygrad_edu import Value

    w, b = Value(0.9), Value(0.1)

    def chain() -> Any:
        z = b
        for _ in range(size // 3):
            z = (z * w + b).tanh()
        return z

    return engine.gradients(chain, {"w": w, "b": b}, compiled)[0]


def _batch(size: int, compiled: bool) -> Callable[[], Any]:
    return _dense((784, 128, 10), size, compiled)


def _depth(size: int, compiled: bool) -> Callable[[], Any]:
    return _dense((32,) * (size + 1), 32, compiled)


def _dense(widths: Sequence[int], batch: int, compiled: bool) -> Callable[[], Any]:
    """A step of SGD of dense layers of these widths."""
    from tinygrad_edu import nn

    rng = np.random.default_rng(0)
    model = nn.Sequential([nn.Dense(n, m, activation="tanh", rng=rng, dtype="float32") for n, m in pairwise(widths)])
    x, y = (rng.standard_normal((batch, width)).astype(np.float32) for width in (widths[0], widths[-1]))
    return engine.training(model, nn.mse, nn.SGD(model.parameters(), lr=1e-3), x, y, compiled)[0]


MAKERS: Mapping[str, Callable[[int, bool], Callable[[], Any]]] = {"nodes": _nodes, "batch": _batch, "depth": _depth}


def draw(data: Mapping[str, Any]) -> None:
    """The curves, into `PICTURE`: microseconds per unit."""
    from tinygrad_edu.viz import plot_curves

    curves = {
        kind: {variant: _curve(kind, times) for variant, times in by_variant.items()}
        for kind, by_variant in data.items()
    }
    plot_curves(curves, PICTURE, xlabel="how many", ylabel="µs for each", log="xy", overwrite=True)


def _curve(kind: str, times: Sequence[Any], which: int = 1) -> tuple[list[int], list[float]]:
    """Sizes, and microseconds for each, of first steps (0) or of later ones (1)."""
    there = [(size, 1e6 * t[which] / size) for size, t in zip(SIZES[kind], times, strict=True) if t is not None]
    return [size for size, _ in there], [each for _, each in there]


def lines(data: Mapping[str, Any], measured: Sequence[Any]) -> list[str]:
    """What the page says."""
    head = [
        *paragraph(
            "Microseconds for each scalar node of a chain (forward and backward), for each sample of a batch "
            "(784-128-10, SGD step), for each layer (32 wide, batch 32, SGD step), and the power of the size by "
            f"which the time of the whole grows over the upper half of the sizes: at most {STEEPEST} is called "
            "linear."
        ),
        "",
        "![curves](growth.svg)",
        "",
    ]
    rows = []
    for kind, by_variant in data.items():
        for variant, times in by_variant.items():
            sizes, each = _curve(kind, times)
            _, first = _curve(kind, times, 0)
            missing = [f"{size:,}" for size, t in zip(SIZES[kind], times, strict=True) if t is None]
            later = [number(each[0]), number(each[-1]), _power(sizes, each)]
            out = f"over {LIMIT:.0f} s: {', '.join(missing)}" if missing else ""
            span = f"{sizes[0]:,} to {sizes[-1]:,}"
            rows.append([kind, variant, span, *later, number(first[-1]), _power(sizes, first), out])
    columns = ["kind", "ours", "sizes", "each, smallest", "largest", "power", "first step, each", "power", "left out"]
    return [*head, *table(columns, rows)]


def _power(sizes: Sequence[int], each: Sequence[float]) -> str:
    """The slope of log(time of the whole) over log(size), by least squares over the upper half."""
    half = max(0, len(sizes) // 2 - 1)
    x, y = np.log(sizes[half:]), np.log(np.multiply(sizes, each)[half:])
    power = float(np.polyfit(x, y, 1)[0])
    return f"{power:.2f} {'✓' if power <= STEEPEST else '✗'}"
