"""One step of micrograd's demo: two moons, 100 samples, an MLP 2-16-16-1 of 65,800 scalar nodes.

Compiled it is lifted into arrays; in a second row lifting is switched off, and the compiled step runs as a tape.
"""

import random
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import ours as engine
from benchmarks.harness import EAGER, NUMBA, NUMPY, Row
from tinygrad_edu.nn.data import moons


def _problem() -> tuple[list[list[float]], list[float]]:
    x, y = moons(100, noise=0.1, rng=1337)
    return x.tolist(), (2.0 * y - 1.0).tolist()


def _step(value: Any, model: Any, compiled: Callable[[Any], Any]) -> Any:
    """The demo's step, on either engine's scalars."""
    x, y = _problem()

    def loss_of() -> Any:
        inputs = [list(map(value, row)) for row in x]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
        return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())

    run = compiled(loss_of)

    def step() -> Any:
        model.zero_grad()
        loss = run()
        loss.backward()
        return loss

    def check() -> dict[str, Any]:
        loss = step()
        return {"loss": loss.data, "gradients": np.array([p.grad for p in model.parameters()])}

    return step, check


def _as_it_is(f: Any) -> Any:
    return f


def ours(lifted: bool, compiled: bool) -> Any:
    """`tinygrad_edu`, written scalar by scalar."""
    import tinygrad_edu
    from tinygrad_edu.compiler.lift import lifting
    from tinygrad_edu.nn import MLP

    if not lifted:
        lifting.FEWEST = sys.maxsize  # no program has so many scalar steps that lifting would pay
    model = MLP(2, [16, 16, 1], rng=random.Random(1337))
    return _step(tinygrad_edu.Value, model, tinygrad_edu.compile if compiled else _as_it_is)


def micrograd() -> Any:
    """The original."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    random.seed(1337)
    return _step(Value, MLP(2, [16, 16, 1]), _as_it_is)


ROWS = {
    "lifted": Row(
        "micrograd's moons step, scalar by scalar; compiled: lifted",
        engine.variants(ours, True),
        {"micrograd": micrograd},
        tolerance=1e-12,
        goals={"micrograd": {NUMBA: 20_000, NUMPY: 5_000, EAGER: 8}},
    ),
    "tape": Row(
        "the same, compiled: as a tape",
        {variant: partial(ours, False, compiled=True) for variant in (NUMBA, NUMPY)},
        {"micrograd": micrograd},
        tolerance=1e-12,
        goals={"micrograd": {NUMBA: 1_500, NUMPY: 40}},
    ),
}
