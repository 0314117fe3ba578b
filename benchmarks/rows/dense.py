"""One SGD step of a dense network 784-128-10 on image-sized data, float32."""

from functools import partial
from typing import Any

import numpy as np

from benchmarks.harness import Row

RATE = 0.1


def _problem(batch: int) -> tuple[list[Any], Any, Any]:
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Any:
        return (rng.standard_normal(shape) / 28).astype(np.float32)

    parameters = [draw(784, 128), np.zeros(128, np.float32), draw(128, 10), np.zeros(10, np.float32)]
    return parameters, rng.random((batch, 784), dtype=np.float32), rng.integers(0, 10, batch)


def _made(step: Any, parameters: Any) -> Any:
    def check() -> dict[str, Any]:
        loss = step()
        return {"loss": float(loss), **{f"p{i}": np.array(p) for i, p in enumerate(parameters())}}

    return step, check


def ours(batch: int) -> Any:
    """`tinygrad_edu`, eager: layers, loss and optimizer as a user has them."""
    from tinygrad_edu.nn import SGD, Dense, Sequential, softmax_cross_entropy

    start, x, labels = _problem(batch)
    model = Sequential(Dense(784, 128, activation="relu", rng=0), Dense(128, 10, rng=0))
    parameters = model.parameters()
    for parameter, data in zip(parameters, start, strict=True):
        parameter.data = data
    optimizer = SGD(parameters, lr=RATE)

    def step() -> Any:
        loss = softmax_cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward(keep="leaves")
        optimizer.step()
        return loss.data

    return _made(step, lambda: [p.data for p in parameters])


def numpy_by_hand(batch: int) -> Any:
    """The same step written out in NumPy."""
    (w1, b1, w2, b2), x, labels = _problem(batch)
    rows = np.arange(batch)

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
        dw1, db1 = x.T @ g, g.sum(axis=0)
        for p, d in ((w1, dw1), (b1, db1), (w2, dw2), (b2, db2)):
            p -= RATE * d
        return loss

    return _made(step, lambda: [w1, b1, w2, b2])


def torch(batch: int) -> Any:
    """PyTorch, eager."""
    import torch

    torch.set_num_threads(2)
    start, x, labels = _problem(batch)
    model = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    with torch.no_grad():
        for parameter, data in zip(model.parameters(), start, strict=True):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(data.T)))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    images, targets = torch.from_numpy(x), torch.from_numpy(labels)

    def step() -> Any:
        loss = torch.nn.functional.cross_entropy(model(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return _made(step, lambda: [p.detach().numpy().T for p in model.parameters()])


ROWS = {
    f"batch {batch}": Row(
        f"784-128-10, SGD step, batch {batch}, float32",
        {
            "tinygrad_edu": partial(ours, batch),
            "NumPy by hand": partial(numpy_by_hand, batch),
            "torch": partial(torch, batch),
        },
        steps=100,
        tolerance=2e-5,
        goals={"NumPy by hand": "at least 0.83x", "torch": "1.6x"},
    )
    for batch in (32, 128)
}
