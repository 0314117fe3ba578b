"""A hundred small operations, forward and backward: what the engine itself costs."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import ours as engine
from benchmarks.harness import EAGER, NUMBA, NUMPY, Row
from benchmarks.peers import torch_here

REPEATS = 50  # of one multiplication and one tanh


def _problem(dtype: str) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.random((16, 16)).astype(dtype), (rng.random((16, 16)) + 0.5).astype(dtype)


def _made(step: Callable[[], tuple[Any, Any, Any]]) -> Any:
    def check() -> dict[str, Any]:
        loss, da, db = step()
        return {"loss": float(loss), "da": np.asarray(da), "db": np.asarray(db)}

    return step, check


def ours(dtype: str, compiled: bool) -> Any:
    """`tinygrad_edu`."""
    from tinygrad_edu import Value

    a, b = map(Value, _problem(dtype))

    def chain() -> Any:
        z = a
        for _ in range(REPEATS):
            z = np.tanh(z * b)
        return z.sum()

    return engine.gradients(chain, {"da": a, "db": b}, compiled)


def numpy_by_hand(dtype: str) -> Any:
    """The same derivative written out in NumPy."""
    a, b = _problem(dtype)

    def step() -> Any:
        z, kept = a, []
        for _ in range(REPEATS):
            out = np.tanh(z * b)
            kept.append((z, out))
            z = out
        loss = z.sum()
        g, db = np.ones_like(z), np.zeros_like(b)
        for before, out in reversed(kept):
            g = g * (1.0 - out * out)
            db = db + g * before
            g = g * b
        return loss, g, db

    return _made(step)


def torch(dtype: str) -> Any:
    """PyTorch, eager; on one thread, its best here: with more, they wait for each other, up to 5 ms a step."""
    torch = torch_here()
    torch.set_num_threads(1)
    a, b = (torch.from_numpy(x).requires_grad_() for x in _problem(dtype))

    def step() -> Any:
        a.grad = b.grad = None
        z = a
        for _ in range(REPEATS):
            z = torch.tanh(z * b)
        loss = z.sum()
        loss.backward()
        return loss.detach(), a.grad, b.grad

    return _made(step)


def autograd(dtype: str) -> Any:
    """HIPS autograd."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    a, b = _problem(dtype)

    def f(pair: Any) -> Any:
        z, b = pair
        for _ in range(REPEATS):
            z = anp.tanh(z * b)
        return anp.sum(z)

    both = value_and_grad(f)

    def step() -> Any:
        loss, (da, db) = both((a, b))
        return loss, da, db

    return _made(step)


def mygrad(dtype: str) -> Any:
    """MyGrad."""
    import mygrad

    a, b = map(mygrad.tensor, _problem(dtype))

    def step() -> Any:
        z = a
        for _ in range(REPEATS):
            z = mygrad.tanh(z * b)
        loss = z.sum()
        loss.backward()
        return loss.item(), a.grad, b.grad

    return _made(step)


PEERS = {"torch": torch, "autograd": autograd, "mygrad": mygrad, "NumPy by hand": numpy_by_hand}
GOALS = {
    "torch": {NUMBA: 20, NUMPY: 5, EAGER: 2.5},
    "autograd": {EAGER: 5},
    "mygrad": {EAGER: 5},
    "NumPy by hand": {EAGER: 0.63},
}

ROWS = {
    dtype: Row(
        f"100 small operations (16x16, {dtype}), forward and backward",
        engine.variants(ours, dtype),
        {name: partial(peer, dtype) for name, peer in PEERS.items()},
        tolerance=tolerance,
        goals=GOALS,
    )
    for dtype, tolerance in (("float64", 1e-12), ("float32", 1e-4))
}
