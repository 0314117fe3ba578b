"""Steps of training as a user has them: eager, and compiled."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.harness import EAGER, NUMBA, NUMPY, Check, Make, Step


def variants(make: Callable[..., Any], *args: Any) -> Mapping[str, Make]:
    """The three columns: ``make(*args, compiled)`` eager, and compiled without and with numba."""
    return {
        NUMBA: partial(make, *args, compiled=True),
        NUMPY: partial(make, *args, compiled=True),
        EAGER: partial(make, *args, compiled=False),
    }


def training(
    model: Any, loss: Any, optimizer: Any, x: Any, y: Any, compiled: bool, compared: Sequence[Any] | None = None
) -> tuple[Step, Check]:
    """A step of training on one batch, and a check of the loss and of how parameters moved (all, or `compared`)."""
    from tinygrad_edu import nn

    def eager(x: Any, y: Any) -> Any:
        found = loss(model(x), y)
        optimizer.zero_grad()
        found.backward(keep="leaves")
        optimizer.step()
        return found.data

    run = nn.compile_step(model, loss, optimizer) if compiled else eager
    parameters = model.parameters() if compared is None else compared
    return trained(lambda: run(x, y), lambda: [p.data for p in parameters])


def gradients(f: Callable[[], Any], parameters: Mapping[str, Any], compiled: bool) -> tuple[Step, Check]:
    """Loss and gradients of ``f()``, and a check of both."""
    from tinygrad_edu import compile

    run = compile(f) if compiled else f

    def step() -> Any:
        for parameter in parameters.values():
            parameter.zero_grad()
        loss = run()
        loss.backward(keep="leaves")
        return loss.data

    return step, lambda: {"loss": float(step()), **{name: p.grad for name, p in parameters.items()}}


def trained(step: Step, parameters: Callable[[], Any]) -> tuple[Step, Check]:
    """The step, and a check: the loss, and what each parameter has moved since the beginning."""
    start = [np.array(p) for p in parameters()]

    def check() -> dict[str, Any]:
        loss = step()
        moved = zip(parameters(), start, strict=True)
        return {"loss": float(loss), **{f"parameter {i}": np.array(p) - before for i, (p, before) in enumerate(moved)}}

    return step, check


def contested(x: Any, labels: Any) -> tuple[Any, Any]:
    """A batch that thousands of steps neither learn by heart nor drive to where units of a ReLU see only zeros.

    Each sample of the first quarter comes with two labels, and negated. Else gradients, or Adam's moments, would become
    denormal numbers, and the time of a step would be theirs.
    """
    x, labels = x[: len(x) // 4], labels[: len(x) // 4]
    other = (labels + 1) % 10
    return np.concatenate([x, x, -x, -x]), np.concatenate([labels, other, labels, other])
