"""What several rows need of a peer."""

import os
from typing import Any


def torch_here() -> Any:
    """PyTorch, on all cores."""
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    return torch


def loss_in_jax(scores: Any, labels: Any) -> Any:
    """Cross entropy of scores (..., classes), averaged."""
    import jax
    import jax.numpy as jnp

    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(scores), labels[..., None], axis=-1))


def adam_in_jax(state: Any, gradients: Any, rate: float) -> Any:
    """The state one step of Adam later."""
    import jax.numpy as jnp

    time = state["time"] + 1
    first = [0.9 * m + 0.1 * g for m, g in zip(state["first"], gradients, strict=True)]
    second = [0.999 * v + 0.001 * g * g for v, g in zip(state["second"], gradients, strict=True)]
    scale, root = rate / (1 - 0.9**time), (1 - 0.999**time) ** -0.5
    moved = zip(state["parameters"], first, second, strict=True)
    parameters = [p - scale * m / (root * jnp.sqrt(v) + 1e-8) for p, m, v in moved]
    return {"parameters": parameters, "first": first, "second": second, "time": time}
