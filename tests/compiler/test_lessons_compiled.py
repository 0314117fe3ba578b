"""The models of the lessons, trained for some steps: compiled and eager give the same losses and parameters."""

import numpy as np
import pytest

import tinygrad_edu
from tinygrad_edu import Value, nn


def digits(rng):
    return rng.normal(size=(8, 8, 8, 1)), rng.integers(0, 10, 8)


def vectors(rng):
    return rng.normal(size=(8, 6)), rng.integers(0, 3, 8)


def series(rng):
    x = rng.normal(size=(2, 12, 1))
    return x, np.cumsum(x, axis=1)


def words(rng):
    x = rng.integers(0, 27, (4, 8))
    return x, rng.integers(0, 27, (4, 8))


def characters(logits, targets):
    return nn.softmax_cross_entropy(logits.reshape(-1, 27), targets.reshape(-1))


def transformer(rng):
    block = {"heads": 2, "activation": "relu", "dropout": 0.1, "causal": True, "rng": rng}
    return nn.Sequential(
        nn.Embedding(27, 8, rng=rng), nn.LearnedPositions(8, 8, rng=rng), nn.Dropout(0.1, rng=rng),
        nn.TransformerBlock(8, **block), nn.LayerNorm(8), nn.Dense(8, 27, rng=rng),
    )  # fmt: skip


def convolutions(rng):
    settings = {"padding": "same", "activation": "relu", "rng": rng}
    return nn.Sequential(
        nn.Conv2d(4, 3, **settings), nn.MaxPool2d(2), nn.BatchNorm2d(4), nn.Conv2d(6, 3, **settings), nn.Flatten(),
        nn.Dense(10, rng=rng),
    )  # fmt: skip


def dense(activation):
    return lambda rng: nn.Sequential(
        nn.Dense(6, 9, activation=activation, rng=rng), nn.Dropout(0.2, rng=rng), nn.Dense(9, 3, rng=rng)
    )


def recurrent(kind):
    return lambda rng: nn.Sequential(kind(1, 6, return_sequences=True, rng=rng), nn.Dense(6, 1, rng=rng))


def names(rng):
    return nn.Sequential(
        nn.Embedding(27, 8, rng=rng), nn.GRU(8, 8, return_sequences=True, rng=rng), nn.Dense(8, 27, rng=rng)
    )


LESSONS = {
    **{f"feed forward, {name}": (dense(name), nn.softmax_cross_entropy, vectors)
       for name in ("relu", "tanh", "sigmoid", "leaky_relu", "elu", "gelu", "selu", "silu", "softplus")},
    "convolutions": (convolutions, nn.softmax_cross_entropy, digits),
    "Elman": (recurrent(nn.ElmanRNN), nn.mse, series),
    "Jordan": (lambda rng: nn.JordanRNN(1, 6, 1, return_sequences=True, rng=rng), nn.mse, series),
    "LSTM": (recurrent(nn.LSTM), nn.mse, series),
    "GRU": (recurrent(nn.GRU), nn.mae, series),
    "names, GRU": (names, characters, words),
    "names, transformer": (transformer, characters, words),
}  # fmt: skip


def trained(make, step_of, draw, steps=4):
    """Losses and parameters after some steps."""
    model = make(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    x, y = draw(rng)
    model(x)  # parameters that wait for the first input
    optimizer = nn.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    step = step_of(model)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = step(x, y)
        loss.backward(keep="leaves")
        nn.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        x, y = draw(rng)
    return losses, model.state_dict()


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lessons_model_learns_the_same_compiled(lesson, jit):
    if jit:
        pytest.importorskip("numba")
    make, loss, draw = LESSONS[lesson]
    losses, wanted = trained(make, lambda model: lambda x, y: loss(model(x), y), draw)
    ours, found = trained(make, lambda model: tinygrad_edu.compile(lambda x, y: loss(model(x), y), jit=jit), draw)
    np.testing.assert_allclose(ours, losses, rtol=1e-9)
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-6, atol=1e-9, err_msg=name)


def test_the_recursive_network_learns_the_same_compiled_though_every_tree_is_another_plan():
    """Lesson 26: the form of a tree is a setting, its leaves are numbers."""
    forms = [((0, 1), 2), (0, (1, 2)), ((0, 1), 2), ((0, 1), (2, 3))]
    found = []
    for compiled in (False, True):
        rng = np.random.default_rng(0)
        leaves, net, readout = nn.Embedding(2, 4, rng=rng), nn.TreeRNN(4, rng=rng), nn.Dense(4, 1, rng=rng)
        parameters = [*leaves.parameters(), *net.parameters(), *readout.parameters()]
        optimizer = nn.Adam(parameters, lr=0.03)

        def grown(tree, x):
            return x[:, tree] if isinstance(tree, int) else tuple(grown(part, x) for part in tree)

        def loss(tree, bits, odd, leaves=leaves, net=net, readout=readout):
            return nn.binary_cross_entropy(readout(net(grown(tree, leaves(bits))))[:, 0], odd)

        step = tinygrad_edu.compile(loss) if compiled else loss
        losses = []
        for form in forms * 2:
            bits = rng.integers(0, 2, (6, 4))
            optimizer.zero_grad()
            out = step(form, bits, bits.sum(axis=1) % 2.0)
            out.backward()
            optimizer.step()
            losses.append(out.item())
        found.append((losses, [p.data for p in parameters]))
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-9)
    for ours, theirs in zip(found[1][1], found[0][1], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-7)


def test_micrograds_demo_learns_the_same_compiled():
    """Lesson 31: every weight is a Value of its own."""
    points, moon = nn.data.moons(12, noise=0.1, rng=1337)
    labels = 2 * moon - 1
    found = []
    for compiled in (False, True):
        model = nn.MLP(2, [8, 8, 1], rng=1337)

        def loss(model=model):
            scores = [model([Value(float(x)) for x in point]) for point in points]
            losses = [(1 + -int(label) * score).relu() for label, score in zip(labels, scores, strict=True)]
            return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())

        step = tinygrad_edu.compile(loss) if compiled else loss
        losses = []
        for k in range(5):
            for p in model.parameters():
                p.grad = None
            out = step()
            out.backward()
            for p in model.parameters():
                p.data -= (1.0 - 0.9 * k / 5) * p.grad
            losses.append(out.item())
        found.append(losses)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)
