"""One step of training a dense network 784-128-10 on image-sized data, float32: SGD, and Adam."""

from functools import partial
from typing import Any

import numpy as np

from benchmarks import ours as engine
from benchmarks.harness import EAGER, NUMBA, NUMPY, Row, least_bytes
from benchmarks.peers import adam_in_jax, loss_in_jax, torch_here

RATES = {"SGD": 0.1, "Adam": 1e-3}
PARAMETERS = 784 * 128 + 128 + 128 * 10 + 10


def _problem(batch: int) -> tuple[list[Any], Any, Any]:
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Any:
        return (rng.standard_normal(shape) / 28).astype(np.float32)

    parameters = [draw(784, 128), np.zeros(128, np.float32), draw(128, 10), np.zeros(10, np.float32)]
    return parameters, *engine.contested(
        rng.standard_normal((batch, 784)).astype(np.float32), rng.integers(0, 10, batch)
    )


def ours(batch: int, optimizer: str, compiled: bool) -> Any:
    """`tinygrad_edu`: layers, loss and optimizer as a user has them."""
    from tinygrad_edu import nn

    start, x, labels = _problem(batch)
    model = nn.Sequential(nn.Dense(784, 128, activation="relu", rng=0), nn.Dense(128, 10, rng=0))
    for parameter, data in zip(model.parameters(), start, strict=True):
        parameter.data = data
    rule = getattr(nn, optimizer)(model.parameters(), lr=RATES[optimizer])
    return engine.training(model, nn.softmax_cross_entropy, rule, x, labels, compiled)


def numpy_by_hand(batch: int, optimizer: str) -> Any:
    """The same step written out in NumPy."""
    start, x, labels = _problem(batch)
    w1, b1, w2, b2 = parameters = [p.copy() for p in start]
    first, second = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    rows, rate = np.arange(batch), RATES[optimizer]
    time = [0]

    def descend(gradients: Any) -> None:
        for p, d in zip(parameters, gradients, strict=True):
            p -= rate * d

    def adam(gradients: Any) -> None:
        time[0] += 1
        scale, root = rate / (1 - 0.9 ** time[0]), (1 - 0.999 ** time[0]) ** -0.5
        for p, d, m, v in zip(parameters, gradients, first, second, strict=True):
            m += 0.1 * (d - m)
            v += 0.001 * (d * d - v)
            p -= scale * m / (root * np.sqrt(v) + 1e-8)

    update = adam if optimizer == "Adam" else descend

    def step() -> Any:
        h = x @ w1 + b1
        a = np.maximum(h, 0)
        s = a @ w2 + b2
        s = s - s.max(axis=1, keepdims=True)
        e = np.exp(s)
        total = e.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - s[rows, labels]).mean()
        g = e / total
        g[rows, labels] -= 1
        g /= batch
        dw2, db2 = a.T @ g, g.sum(axis=0)
        g = (g @ w2.T) * (h > 0)
        update([x.T @ g, g.sum(axis=0), dw2, db2])
        return loss

    return engine.trained(step, lambda: parameters)


def torch(batch: int, optimizer: str) -> Any:
    """PyTorch, eager."""
    torch = torch_here()
    start, x, labels = _problem(batch)
    model = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    with torch.no_grad():
        for parameter, data in zip(model.parameters(), start, strict=True):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(data.T)))
    rule = getattr(torch.optim, optimizer)(model.parameters(), lr=RATES[optimizer])
    images, targets = torch.from_numpy(x), torch.from_numpy(labels)

    def step() -> Any:
        loss = torch.nn.functional.cross_entropy(model(images), targets)
        rule.zero_grad()
        loss.backward()
        rule.step()
        return loss.detach()

    return engine.trained(step, lambda: [p.detach().numpy().T for p in model.parameters()])


def jax(batch: int, optimizer: str) -> Any:
    """JAX, the whole step under `jit`, its old state given away."""
    import jax
    import jax.numpy as jnp

    start, x, labels = _problem(batch)
    rate = RATES[optimizer]

    def loss_of(parameters: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = parameters
        return loss_in_jax(jax.nn.relu(x @ w1 + b1) @ w2 + b2, y)

    def descend(state: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(state["parameters"], x, y)
        moved = [p - rate * g for p, g in zip(state["parameters"], gradients, strict=True)]
        return {"parameters": moved}, loss

    def adam(state: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(state["parameters"], x, y)
        return adam_in_jax(state, gradients, rate), loss

    run = jax.jit(adam if optimizer == "Adam" else descend, donate_argnums=0)
    parameters = [jnp.array(p) for p in start]
    state = {"parameters": parameters}
    if optimizer == "Adam":
        state |= {key: [jnp.zeros_like(p) for p in parameters] for key in ("first", "second")} | {"time": 0.0}
    holder, images, targets = [state], jnp.array(x), jnp.array(labels)

    def step() -> Any:
        holder[0], loss = run(holder[0], images, targets)
        return loss.block_until_ready()

    return engine.trained(step, lambda: holder[0]["parameters"])


GOALS = {
    ("SGD", 32): {"torch": (4, 2.5, 1.6), "jax.jit": (2.5, 1.7)},
    ("SGD", 128): {"torch": (1.9, 1.5, 1.3), "jax.jit": (1.5, 1.4)},
    ("Adam", 32): {"torch": (3.5, 1.7, 1.2), "jax.jit": (2.2, 1.0)},
    ("Adam", 128): {"torch": (2.8, 1.5, 1.2), "jax.jit": (1.7, 1.0)},
}

ROWS = {
    f"{optimizer}, batch {batch}": Row(
        f"784-128-10, {optimizer} step, batch {batch}, float32",
        engine.variants(ours, batch, optimizer),
        {
            "torch": partial(torch, batch, optimizer),
            "jax.jit": partial(jax, batch, optimizer),
            "NumPy by hand": partial(numpy_by_hand, batch, optimizer),
        },
        tolerance=1e-3,
        goals={peer: dict(zip((NUMBA, NUMPY, EAGER), goals, strict=False)) for peer, goals in by_peer.items()},
        flops=2 * batch * (2 * 784 * 128 + 3 * 128 * 10),
        least=least_bytes(PARAMETERS, batch * (784 + 128 + 10), 2 * (optimizer == "Adam")),
    )
    for (optimizer, batch), by_peer in GOALS.items()
}
