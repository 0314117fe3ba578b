"""Lesson 18: an epoch of MNIST, 784-128-10 with dropout and Adam, batch 32, float32.

Needs the files of MNIST; where they are not, there is no row, and a line that says so. Each contender must reach the
same test accuracy in five epochs, to half a percent: dropout draws other units in each.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import ours as engine
from benchmarks.harness import NUMBA, NUMPY, Row
from benchmarks.peers import torch_here
from tinygrad_edu.errors import DataError

BATCH, EPOCHS = 32, 5


def _problem() -> tuple[Any, Any, Any]:
    """Initial weights, training and test data."""
    from tinygrad_edu.nn import data, init

    rng = np.random.default_rng(0)
    return [init.xavier_uniform(shape, rng, np.float32) for shape in ((784, 128), (128, 10))], *data.mnist()


def _made(epoch: Callable[[], Any], accuracy: Callable[[], float]) -> Any:
    done = [0]

    def step() -> None:
        epoch()
        done[0] += 1

    def check() -> dict[str, Any]:
        while done[0] < EPOCHS:
            step()
        return {"test accuracy": accuracy()}

    return step, check


def ours(compiled: bool) -> Any:
    """`tinygrad_edu`, as the lesson has it: compile, fit, evaluate."""
    from tinygrad_edu import nn

    weights, (x, y), test = _problem()
    hidden, last = nn.Dense(784, 128, activation="relu", dtype="float32"), nn.Dense(128, 10, dtype="float32")
    hidden.weight.data, last.weight.data = weights
    model = nn.Sequential([nn.Flatten(), hidden, nn.Dropout(0.2, rng=1), last])
    model.compile(optimizer="adam", loss="softmax_cross_entropy", metrics=["accuracy"])
    rng = np.random.default_rng(2)

    def epoch() -> Any:
        return model.fit(x, y, batch_size=BATCH, rng=rng, progress=False, compile=compiled)

    return _made(epoch, lambda: model.evaluate(*test)["accuracy"])


def torch() -> Any:
    """PyTorch, eager, its loop written out; the same batches, cut from arrays in memory."""
    from tinygrad_edu.nn.data import minibatches

    torch = torch_here()
    torch.manual_seed(1)
    weights, (x, y), (x_test, y_test) = _problem()
    hidden, last = torch.nn.Linear(784, 128), torch.nn.Linear(128, 10)
    with torch.no_grad():
        for layer, weight in zip((hidden, last), weights, strict=True):
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight.T)))
            layer.bias.zero_()
    model = torch.nn.Sequential(torch.nn.Flatten(), hidden, torch.nn.ReLU(), torch.nn.Dropout(0.2), last)
    optimizer = torch.optim.Adam(model.parameters())
    rng = np.random.default_rng(2)

    def epoch() -> Any:
        model.train()
        total, right = 0.0, 0
        for images, labels in minibatches((x, y), BATCH, rng):
            targets = torch.from_numpy(labels)
            scores = model(torch.from_numpy(images))
            loss = torch.nn.functional.cross_entropy(scores, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels)
            right += int((scores.argmax(dim=1) == targets).sum())
        return total / len(x), right / len(x)

    def accuracy() -> float:
        model.eval()
        with torch.no_grad():
            scores = model(torch.from_numpy(x_test))
        return float((scores.argmax(dim=1) == torch.from_numpy(y_test)).float().mean())

    return _made(epoch, accuracy)


def keras(backend: str) -> Any:
    """Keras: compile, fit, evaluate."""
    os.environ["KERAS_BACKEND"] = backend
    import keras

    keras.utils.set_random_seed(1)
    weights, (x, y), test = _problem()
    hidden, last = keras.layers.Dense(128, activation="relu"), keras.layers.Dense(10)
    layers = [keras.layers.Input((28, 28)), keras.layers.Flatten(), hidden, keras.layers.Dropout(0.2), last]
    model = keras.Sequential(layers)
    for layer, weight in zip((hidden, last), weights, strict=True):
        layer.kernel.assign(weight)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])

    def epoch() -> Any:
        return model.fit(x, y, batch_size=BATCH, verbose=0)

    return _made(epoch, lambda: model.evaluate(*test, verbose=0)[1])


def _rows() -> dict[str, Row]:
    try:
        _problem()
    except DataError as error:
        print(f"benchmarks: no row of MNIST: {error}", file=sys.stderr)
        return {}
    row = Row(
        "lesson 18: an epoch of MNIST (60,000 images), Sequential.fit",
        engine.variants(ours),
        {"torch": torch, **{f"keras on {backend}": partial(keras, backend) for backend in ("jax", "torch")}},
        tolerance=5e-3,
        first=1,
        goals={"torch": {NUMBA: 2.5, NUMPY: 1.5}, **{f"keras on {b}": {NUMBA: 5} for b in ("jax", "torch")}},
    )
    return {"lesson 18": row}


ROWS = _rows()
