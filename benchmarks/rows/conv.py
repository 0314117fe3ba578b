"""One SGD step of a convolutional network 1-16-32 on images of 28 x 28, float32."""

from functools import partial
from typing import Any

import numpy as np

from benchmarks import ours as engine
from benchmarks.harness import EAGER, NUMBA, NUMPY, Row, least_bytes
from benchmarks.peers import loss_in_jax, torch_here

RATE = 0.01
SHAPES = ((3, 3, 1, 16), (16,), (3, 3, 16, 32), (32,), (7 * 7 * 32, 10), (10,))
SCALES = (0.2, 0.05, 0.08, 0.05, 0.03, 0.0)


def _problem(batch: int) -> tuple[list[Any], Any, Any]:
    rng = np.random.default_rng(0)
    parameters = [(s * rng.standard_normal(shape)).astype(np.float32) for s, shape in zip(SCALES, SHAPES, strict=True)]
    images = rng.standard_normal((batch, 28, 28, 1)).astype(np.float32)
    return parameters, *engine.contested(images, rng.integers(0, 10, batch))


def ours(batch: int, compiled: bool) -> Any:
    """`tinygrad_edu`, images channel last."""
    from tinygrad_edu import nn

    start, x, labels = _problem(batch)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding="same", activation="relu", rng=0),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding="same", activation="relu", rng=0),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dense(7 * 7 * 32, 10, rng=0),
    )
    for parameter, data in zip(model.parameters(), start, strict=True):
        parameter.data = data
    rule = nn.SGD(model.parameters(), lr=RATE)
    return engine.training(model, nn.softmax_cross_entropy, rule, x, labels, compiled)


def torch(batch: int, channels_last: bool) -> Any:
    """PyTorch, eager, in its default layout or in `channels_last`."""
    torch = torch_here()
    start, x, labels = _problem(batch)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(16, 32, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(7 * 7 * 32, 10),
    )
    with torch.no_grad():
        for parameter, data in zip(model.parameters(), start, strict=True):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(_channel_first(data))))
    images, targets = torch.from_numpy(np.moveaxis(x, -1, 1).copy()), torch.from_numpy(labels)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    rule = torch.optim.SGD(model.parameters(), lr=RATE)

    def step() -> Any:
        loss = torch.nn.functional.cross_entropy(model(images), targets)
        rule.zero_grad()
        loss.backward()
        rule.step()
        return loss.detach()

    return engine.trained(step, lambda: [_channel_last(p.detach().numpy()) for p in model.parameters()])


def _channel_first(data: Any) -> Any:
    """Our parameter as PyTorch has it: its convolutions are OIHW, its images are flattened channel first."""
    if data.ndim == 4:
        return data.transpose(3, 2, 0, 1)
    if data.ndim == 2:
        return data.reshape(7, 7, 32, 10).transpose(3, 2, 0, 1).reshape(10, -1)
    return data


def _channel_last(data: Any) -> Any:
    if data.ndim == 4:
        return data.transpose(2, 3, 1, 0)
    if data.ndim == 2:
        return data.reshape(10, 32, 7, 7).transpose(2, 3, 1, 0).reshape(-1, 10)
    return data


def jax(batch: int) -> Any:
    """JAX, the whole step under `jit`, images channel last."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    start, x, labels = _problem(batch)

    def layer(h: Any, weight: Any, bias: Any) -> Any:
        h = lax.conv_general_dilated(h, weight, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return lax.reduce_window(jax.nn.relu(h + bias), -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def loss_of(parameters: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2, w3, b3 = parameters
        h = layer(layer(x, w1, b1), w2, b2)
        return loss_in_jax(h.reshape(len(x), -1) @ w3 + b3, y)

    def descend(parameters: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, y)
        return [p - RATE * g for p, g in zip(parameters, gradients, strict=True)], loss

    run = jax.jit(descend, donate_argnums=0)
    holder, images, targets = [[jnp.array(p) for p in start]], jnp.array(x), jnp.array(labels)

    def step() -> Any:
        holder[0], loss = run(holder[0], images, targets)
        return loss.block_until_ready()

    return engine.trained(step, lambda: holder[0])


GOALS = {
    32: {"torch channels_last": (2.3, 0.5, 0.4), "jax.jit": (3,)},
    128: {"torch channels_last": (1.4, 0.35, 0.3), "jax.jit": (6,)},
}
PRODUCTS = 2 * 28 * 28 * 9 * 16 + 3 * 14 * 14 * 9 * 16 * 32 + 3 * 7 * 7 * 32 * 10  # the first image needs no gradient
VALUES = 28 * 28 * 17 + 14 * 14 * (16 + 32) + 7 * 7 * 32 + 10

ROWS = {
    f"batch {batch}": Row(
        f"convolutions 1-16-32, SGD step, batch {batch}, float32",
        engine.variants(ours, batch),
        {
            "torch channels_last": partial(torch, batch, channels_last=True),
            "torch": partial(torch, batch, channels_last=False),
            "jax.jit": partial(jax, batch),
        },
        tolerance=1e-3,
        goals={peer: dict(zip((NUMBA, NUMPY, EAGER), goals, strict=False)) for peer, goals in by_peer.items()},
        flops=2 * batch * PRODUCTS,
        least=least_bytes(sum(int(np.prod(shape)) for shape in SHAPES), batch * VALUES),
    )
    for batch, by_peer in GOALS.items()
}
