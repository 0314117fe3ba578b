"""Memory: the peak of a step of training a network of 20 layers, and what a scalar node takes."""

import gc
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import ours as engine
from benchmarks.alone import alone
from benchmarks.harness import EAGER, FIRST, NUMBA, VARIANTS, is_here
from benchmarks.peers import torch_here
from benchmarks.report import number, paragraph, table

TITLE = "Memory"
LAYERS, WIDTH, BATCH, STEPS = 20, 512, 1024, 3
NODES, DEPTH, GOAL = 100_000, 100, 160  # the goal: bytes a scalar node


def measure() -> dict[str, Any]:
    """Megabytes of the step by contender, bytes of a node by engine; each in a process of its own."""
    step = {who: alone("memory", who, "step") for who in (*VARIANTS, "torch") if is_here(who)}
    node = {who: alone("memory", who, "node") for who in (EAGER, "micrograd") if is_here(who)}
    return {"step": step, "node": node}


def point(who: str, what: str) -> Any:
    """One measurement, in this process."""
    return _peaks_of_steps(who) if what == "step" else _bytes_of_a_node(who)


def _peaks_of_steps(who: str) -> list[float]:
    """Megabytes at the peak of the first steps of SGD and of later ones, above what was there before."""
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((BATCH, WIDTH)).astype(np.float32) for _ in range(2))
    step = _torch_step(x, y) if who == "torch" else _our_step(x, y, who != EAGER)
    if who == NUMBA:
        _load_numba()
    gc.collect()
    before = _status("VmRSS")
    peaks = []
    for count in (FIRST, STEPS):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the kernel forgets the peak so far
        for _ in range(count):
            step()
        peaks.append((_status("VmHWM") - before) / 1000)
    return peaks


def _load_numba() -> None:
    """Numba with its compiler, some 120 MB: there before the measurement begins, as PyTorch's libraries are."""
    import numba

    numba.njit("float64(float64)")(lambda x: x)


def _status(key: str) -> int:
    """Kilobytes, as Linux counts them for this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def _our_step(x: Any, y: Any, compiled: bool) -> Callable[[], Any]:
    from tinygrad_edu import nn

    rng = np.random.default_rng(1)
    layers = [nn.Dense(WIDTH, WIDTH, activation="tanh", rng=rng, dtype="float32") for _ in range(LAYERS)]
    model = nn.Sequential(layers)
    return engine.training(model, nn.mse, nn.SGD(model.parameters(), lr=0.1), x, y, compiled)[0]


def _torch_step(x: Any, y: Any) -> Callable[[], Any]:
    torch = torch_here()
    layers = [part for _ in range(LAYERS) for part in (torch.nn.Linear(WIDTH, WIDTH), torch.nn.Tanh())]
    model = torch.nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)

    def step() -> Any:
        loss = torch.nn.functional.mse_loss(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def _bytes_of_a_node(who: str) -> float:
    """What a scalar node takes in sums of products that are kept, its number and its gradient included."""
    if who == EAGER:
        from tinygrad_edu import Value
    else:
        from micrograd.engine import Value
    w, roots = Value(0.5), []
    gc.collect()
    tracemalloc.start()
    for _ in range(NODES // DEPTH):
        z = w
        for _ in range(DEPTH // 2):
            z = z * w + w
        z.backward()
        roots.append(z)
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return taken / NODES


def lines(data: Mapping[str, Any], measured: Sequence[Any]) -> list[str]:
    """What the page says."""
    step, torch = data["step"], data["step"].get("torch")
    head = paragraph(
        f"A step of SGD of {LAYERS} dense layers of {WIDTH}, batch {BATCH}, float32, in a fresh process: the peak of "
        "its memory (Linux's VmHWM) above what the process held before the first steps, in which plans are recorded "
        "(libraries are loaded by then, numba's compiler too); "
        f"the goal is at most PyTorch's. A scalar node with its gradient (tracemalloc); the goal is {GOAL} bytes."
    )
    rows = [[f"step, {who}", f"{number(first)} MB", f"{number(later)} MB",
             "" if torch is None or who == "torch" else _mark(max(first, later), max(torch))]
            for who, (first, later) in step.items()]  # fmt: skip
    rows += [[f"scalar node, {who}", "", f"{number(size)} B", _mark(size, GOAL) if who == EAGER else ""]
             for who, size in data["node"].items()]  # fmt: skip
    return [*head, "", *table(["what", "first steps", "later", "goal"], rows)]


def _mark(found: float, goal: float) -> str:
    return f"{'✓' if found <= goal else '✗'} {number(goal)}"
