"""Forward and backward through an LSTM and a GRU: 50 steps, batch 32, 64 features in, 128 hidden, float32."""

from functools import partial
from typing import Any

import numpy as np

from benchmarks import ours as engine
from benchmarks.harness import EAGER, NUMBA, NUMPY, Row, least_bytes
from benchmarks.peers import torch_here

TIME, BATCH, FEATURES, HIDDEN = 50, 32, 64, 128
GATES = {"LSTM": 4, "GRU": 3}


def _problem(kind: str) -> tuple[Any, Any, dict[str, Any]]:
    """Inputs, the gradient of the outputs, and parameters."""
    rng = np.random.default_rng(0)
    n = GATES[kind] * HIDDEN

    def draw(*shape: int) -> Any:
        return rng.uniform(-0.088, 0.088, shape).astype(np.float32)

    x, g = (rng.standard_normal((TIME, BATCH, size)).astype(np.float32) for size in (FEATURES, HIDDEN))
    parameters = {"weight_input": draw(FEATURES, n), "weight_hidden": draw(HIDDEN, n), "bias": draw(n)}
    if kind == "GRU":
        parameters["bias_hidden"] = draw(HIDDEN)
    return x, g, parameters


def ours(kind: str, compiled: bool) -> Any:
    """`tinygrad_edu`, which takes (batch, time, features)."""
    from tinygrad_edu import nn

    x, g, start = _problem(kind)
    x, g = (np.ascontiguousarray(a.swapaxes(0, 1)) for a in (x, g))
    layer = getattr(nn, kind)(HIDDEN, in_features=FEATURES, return_sequences=True, dtype="float32", rng=0)
    parameters = {name: getattr(layer.cells[0], name) for name in start}
    for name, parameter in parameters.items():
        parameter.data = start[name]
    return engine.gradients(lambda: (layer(x) * g).sum(), parameters, compiled)


def torch(kind: str) -> Any:
    """PyTorch, eager, in the layout that it likes best: (time, batch, features)."""
    torch = torch_here()
    x, g, start = _problem(kind)
    layer = getattr(torch.nn, kind)(FEATURES, HIDDEN)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.from_numpy(start["weight_input"].T.copy()))
        layer.weight_hh_l0.copy_(torch.from_numpy(start["weight_hidden"].T.copy()))
        layer.bias_ih_l0.copy_(torch.from_numpy(start["bias"]))
        layer.bias_hh_l0.zero_()
        if kind == "GRU":
            layer.bias_hh_l0[-HIDDEN:] = torch.from_numpy(start["bias_hidden"])
    inputs, upstream = torch.from_numpy(x), torch.from_numpy(g)

    def step() -> Any:
        layer.zero_grad()
        loss = (layer(inputs)[0] * upstream).sum()
        loss.backward()
        return loss.detach()

    def check() -> dict[str, Any]:
        found = {
            "loss": float(step()),
            "weight_input": layer.weight_ih_l0.grad.numpy().T,
            "weight_hidden": layer.weight_hh_l0.grad.numpy().T,
            "bias": layer.bias_ih_l0.grad.numpy(),
        }
        return found | ({"bias_hidden": layer.bias_hh_l0.grad.numpy()[-HIDDEN:]} if kind == "GRU" else {})

    return step, check


GOALS = {"LSTM": (1.2, 0.6, 0.4), "GRU": (2.0, 1.3, 0.7)}

ROWS = {
    kind: Row(
        f"{kind}, {TIME} steps, batch {BATCH}, {FEATURES} to {HIDDEN}, forward and backward, float32",
        engine.variants(ours, kind),
        {"torch": partial(torch, kind)},
        tolerance=1e-3,
        goals={"torch": dict(zip((NUMBA, NUMPY, EAGER), GOALS[kind], strict=True))},
        flops=2 * TIME * BATCH * gates * HIDDEN * (2 * FEATURES + 3 * HIDDEN),
        least=least_bytes(
            (FEATURES + HIDDEN + 1) * gates * HIDDEN, TIME * BATCH * (FEATURES + (gates + 2) * HIDDEN)
        ),
    )
    for kind, gates in GATES.items()
}  # fmt: skip
