"""``python -m benchmarks.fashion_mnist [ours|torch ...]``: train a small convolutional network on Fashion-MNIST.

105,866 parameters, five epochs of Adam with one cycle of the learning rate, batches of 64, float32; at least 0.90 of
the test images must be right. With both names: the same network, schedule and batches side by side. Takes minutes.
"""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

EPOCHS, BATCH, RATE, GOAL = 5, 64, 3e-3, 0.90


def ours(train: Any, test: Any) -> float:
    """`tinygrad_edu`, eager: compile, fit, evaluate."""
    from tinygrad_edu import nn

    rng = np.random.default_rng(0)
    settings: dict[str, Any] = {"activation": "relu", "rng": rng, "dtype": "float32"}
    model = nn.Sequential(
        [
            nn.Conv2d(1, 16, 3, padding="same", **settings),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding="same", **settings),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.3, rng=rng),
            nn.Dense(32 * 7 * 7, 64, **settings),
            nn.Dense(64, 10, rng=rng, dtype="float32"),
        ]
    )
    adam = nn.Adam(model.parameters(), lr=RATE)
    cycle = nn.OneCycleLR(adam, max_lr=RATE, epochs=EPOCHS, steps_per_epoch=-(-len(train[0]) // BATCH))
    model.compile(optimizer=adam, loss="softmax_cross_entropy", metrics=["accuracy"])
    images, labels = train[0][..., None], train[1]
    model.fit(images, labels, EPOCHS, batch_size=BATCH, rng=1, callbacks=[cycle], progress=False)
    return float(model.evaluate(test[0][..., None], test[1])["accuracy"])


def torch(train: Any, test: Any) -> float:
    """PyTorch, eager, its loop written out; batches are cut from arrays in memory."""
    import torch

    from tinygrad_edu.nn.data import minibatches

    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 3, padding="same"),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(16, 32, 3, padding="same"),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(32 * 7 * 7, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 10),
    )
    adam = torch.optim.Adam(model.parameters(), lr=RATE)
    steps = -(-len(train[0]) // BATCH)
    cycle = torch.optim.lr_scheduler.OneCycleLR(adam, max_lr=RATE, epochs=EPOCHS, steps_per_epoch=steps)
    rng = np.random.default_rng(1)
    for _ in range(EPOCHS):
        for images, labels in minibatches(train, BATCH, rng):
            scores = model(torch.from_numpy(images)[:, None])
            loss = torch.nn.functional.cross_entropy(scores, torch.from_numpy(labels))
            adam.zero_grad()
            loss.backward()
            adam.step()
            cycle.step()
    model.eval()
    with torch.no_grad():
        said = [model(torch.from_numpy(images)[:, None]).argmax(dim=1) for images in np.split(test[0], 20)]
    return float((torch.cat(said).numpy() == test[1]).mean())


CONTENDERS: Mapping[str, Callable[[Any, Any], float]] = {"ours": ours, "torch": torch}


def main(names: list[str]) -> None:
    """Train each contender, and say what it reached and how long it took."""
    from tinygrad_edu.nn.data import fashion_mnist

    for name in names:
        if name not in CONTENDERS:
            raise SystemExit(f"benchmarks.fashion_mnist: no contender {name!r}; there are {', '.join(CONTENDERS)}")
    train, test = fashion_mnist()
    for name in names or ["ours"]:
        start, used = time.perf_counter(), time.process_time()
        accuracy = CONTENDERS[name](train, test)
        took = f"{time.perf_counter() - start:.0f} s ({time.process_time() - used:.0f} s of CPU)"
        print(f"{name}: test accuracy {accuracy:.4f}, {EPOCHS} epochs in {took}", flush=True)
        if accuracy < GOAL:
            raise SystemExit(f"{name} reached {accuracy:.4f}; the goal is {GOAL}")


if __name__ == "__main__":
    main(sys.argv[1:])
