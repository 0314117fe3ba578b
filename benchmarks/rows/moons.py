"""One step of micrograd's demo: two moons, 100 samples, an MLP 2-16-16-1 of 65,800 scalar nodes."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.harness import Row
from tinygrad_edu.nn.data import moons


def _problem() -> tuple[list[list[float]], list[float]]:
    x, y = moons(100, noise=0.1, rng=1337)
    return x.tolist(), (2.0 * y - 1.0).tolist()


def _step(value: Any, model: Any) -> tuple[Callable[[], Any], Callable[[], dict[str, Any]]]:
    """The demo's step, on either engine's scalars."""
    x, y = _problem()

    def step() -> Any:
        inputs = [list(map(value, row)) for row in x]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
        loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())
        model.zero_grad()
        loss.backward()
        return loss

    def check() -> dict[str, Any]:
        loss = step()
        return {"loss": loss.data, "gradients": np.array([p.grad for p in model.parameters()])}

    return step, check


def ours() -> Any:
    """`tinygrad_edu`, scalar by scalar."""
    from tinygrad_edu import Value
    from tinygrad_edu.nn import MLP

    return _step(Value, MLP(2, [16, 16, 1], rng=random.Random(1337)))


def micrograd() -> Any:
    """The original, its recursion limit raised for nothing else."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    random.seed(1337)
    return _step(Value, MLP(2, [16, 16, 1]))


ROWS = {
    "scalar": Row(
        "micrograd's moons step, scalar by scalar (gc on)",
        {"tinygrad_edu": ours, "micrograd": micrograd},
        steps=1,
        tolerance=1e-12,
        goals={"micrograd": "8x"},
    )
}
