"""A hundred small operations, forward and backward: what the engine itself costs."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.harness import Row

REPEATS = 50  # of one multiplication and one tanh


def _problem(dtype: str) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.random((16, 16)).astype(dtype), (rng.random((16, 16)) + 0.5).astype(dtype)


def _made(step: Callable[[], tuple[Any, Any, Any]]) -> Any:
    def check() -> dict[str, Any]:
        loss, da, db = step()
        return {"loss": float(loss), "da": np.asarray(da), "db": np.asarray(db)}

    return step, check


def ours(dtype: str) -> Any:
    """`tinygrad_edu`, eager."""
    from tinygrad_edu import Value

    a, b = map(Value, _problem(dtype))

    def step() -> Any:
        a.zero_grad()
        b.zero_grad()
        z = a
        for _ in range(REPEATS):
            z = np.tanh(z * b)
        loss = z.sum()
        loss.backward(keep="leaves")
        return loss, a.grad, b.grad

    return _made(step)


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
    """PyTorch, eager."""
    import torch

    torch.set_num_threads(2)
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


CONTENDERS = {
    "tinygrad_edu": ours, "NumPy by hand": numpy_by_hand, "torch": torch, "autograd": autograd, "mygrad": mygrad
}  # fmt: skip


def _row(dtype: str, tolerance: float) -> Row:
    return Row(
        f"100 small operations (16x16, {dtype}), forward and backward",
        {name: partial(contender, dtype) for name, contender in CONTENDERS.items()},
        steps=100,
        tolerance=tolerance,
        goals={"NumPy by hand": "at least 0.63x", "torch": "2.5x", "autograd": "5x", "mygrad": "5x"},
    )


ROWS = {"float64": _row("float64", 1e-12), "float32": _row("float32", 1e-4)}
