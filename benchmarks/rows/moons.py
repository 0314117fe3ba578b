"""One step of micrograd's demo: two moons, 100 samples, an MLP 2-16-16-1 of 65,800 scalar nodes.

Compiled it is lifted into arrays; in a second row lifting is switched off, and the compiled step runs as a tape.
Graphs of scalars are work for the collector of garbage, so it runs before each step that is timed, for all alike.
"""

import random
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import ours as engine
from benchmarks.harness import EAGER, NUMBA, NUMPY, SLOW, Row
from tinygrad_edu.nn.data import moons

RATE = 0.01


def _problem() -> tuple[list[list[float]], list[float]]:
    x, y = moons(100, noise=0.1, rng=1337)
    return x.tolist(), (2.0 * y - 1.0).tolist()


def _loss_of(value: Any, model: Any) -> Callable[[], Any]:
    """The demo's loss, on either engine's scalars."""
    x, y = _problem()

    def loss_of() -> Any:
        inputs = [list(map(value, row)) for row in x]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
        return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())

    return loss_of


def _written_out(loss_of: Callable[[], Any], model: Any) -> Any:
    """The demo's step, its loop written out."""
    parameters = model.parameters()

    def step() -> Any:
        loss = loss_of()
        for p in parameters:
            p.grad = 0.0
        loss.backward()
        for p in parameters:
            p.data -= RATE * p.grad
        return loss.data

    return _made(step, parameters)


def _made(step: Callable[[], Any], parameters: Any) -> Any:
    losses: list[float] = []

    def kept() -> None:
        losses[1:] = [step()]

    def check() -> dict[str, Any]:
        kept()
        return {"first loss": losses[0], "gradients": np.array([p.grad for p in parameters])}

    return kept, check


def ours(compiled: bool, lifted: bool = True) -> Any:
    """`tinygrad_edu`, written scalar by scalar; compiled: the whole step, lifted into arrays or as a tape."""
    from tinygrad_edu import Value, nn
    from tinygrad_edu.compiler.lift import lifting
    from tinygrad_edu.nn.step import CompiledStep

    if not lifted:
        lifting.FEWEST = sys.maxsize  # no program has so many scalar steps that lifting would pay
    model = nn.MLP(2, [16, 16, 1], rng=random.Random(1337))
    loss_of = _loss_of(Value, model)
    if not compiled:
        return _written_out(loss_of, model)
    return _made(CompiledStep(loss_of, nn.SGD(model.parameters(), lr=RATE)), model.parameters())


def function() -> Any:
    """`tinygrad_edu`, the loss compiled, and nothing else changed in the demo's loop."""
    import tinygrad_edu
    from tinygrad_edu.nn import MLP

    model = MLP(2, [16, 16, 1], rng=random.Random(1337))
    return _written_out(tinygrad_edu.compile(_loss_of(tinygrad_edu.Value, model)), model)


def micrograd() -> Any:
    """The original."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    random.seed(1337)
    model = MLP(2, [16, 16, 1])
    return _written_out(_loss_of(Value, model), model)


ROWS = {
    "lifted": Row(
        "micrograd's moons step, scalar by scalar; compiled: lifted",
        engine.variants(ours),
        {"micrograd": micrograd},
        tolerance=1e-9,
        exact=("first loss",),
        slow=SLOW,
        goals={"micrograd": {NUMBA: 20_000, NUMPY: 5_000, EAGER: 8}},
    ),
    "tape": Row(
        "the same, compiled: as a tape",
        dict.fromkeys((NUMBA, NUMPY), partial(ours, True, False)),
        {"micrograd": micrograd},
        tolerance=1e-9,
        exact=("first loss",),
        slow=SLOW,
        goals={"micrograd": {NUMBA: 1_500, NUMPY: 40}},
    ),
    "function": Row(
        "the same, the loss alone compiled: compile(f), backward()",
        dict.fromkeys((NUMBA, NUMPY), function),
        {"micrograd": micrograd},
        tolerance=1e-9,
        exact=("first loss",),
        slow=SLOW,
    ),
}
