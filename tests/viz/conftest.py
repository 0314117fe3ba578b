"""Graphs to draw, made of the engine alone."""

from itertools import pairwise

import numpy as np
import pytest

from tinygrad_edu import Value, scope


class Weight(Value):
    role = "parameter"


def neuron(name, inputs, rng, activation=True):
    weights = [Weight(float(rng.uniform(-1, 1)), name=f"w{number}") for number in range(len(inputs))]
    bias = Weight(0.0, name="b")

    def call(inputs):
        with scope(name):
            total = sum((w * x for w, x in zip(weights, inputs, strict=True)), bias)
            return total.tanh() if activation else total

    call.weights = [*weights, bias]
    return call


class Network:
    """A multilayer perceptron of scalars, one scope a call, a layer and a neuron."""

    def __init__(self, sizes, rng):
        self.layers = []
        for inputs, outputs in pairwise(sizes):
            self.layers.append([neuron(f"neuron{number}", range(inputs), rng) for number in range(outputs)])

    def __call__(self, x):
        with scope("mlp"):
            for number, layer in enumerate(self.layers):
                with scope(f"layer{number}"):
                    x = [one(x) for one in layer]
        return x[0]


@pytest.fixture
def network(rng):
    """Makes a network of the given layer sizes."""
    return lambda *sizes: Network(sizes, rng)


@pytest.fixture
def one_neuron():
    """tanh(w1 * x1 + w2 * x2 + b), after backward."""
    x1, x2 = Value(2.0, name="x1"), Value(0.0, name="x2")
    w1, w2, b = Weight(-3.0, name="w1"), Weight(1.0, name="w2"), Weight(6.8813735870195432, name="b")
    out = (w1 * x1 + w2 * x2 + b).tanh()
    out.name = "o"
    out.backward()
    return out


@pytest.fixture
def batch_loss(network):
    """A hinge loss of 20 calls of one network, with a penalty on its weights."""
    model = network(2, 4, 4, 1)
    scores = [model([Value(float(k)), Value(float(-k))]) for k in range(20)]
    data = sum((1 + -score).relu() for score in scores) * 0.05
    penalty = sum(w * w for layer in model.layers for one in layer for w in one.weights)
    loss = data + 0.001 * penalty
    loss.name = "loss"
    return loss


@pytest.fixture
def tensor_loss(rng):
    """Two dense layers on a batch of 8."""
    h = Value(rng.normal(size=(8, 5)), name="images")
    with scope("model"):
        for number, (inputs, outputs) in enumerate([(5, 4), (4, 3)]):
            weight = Weight(rng.normal(size=(inputs, outputs)), name="weight")
            bias = Weight(np.zeros(outputs), name="bias")
            with scope(f"dense{number}"):
                h = (h @ weight + bias).tanh()
    loss = h.sum()
    loss.name = "loss"
    loss.backward()
    return loss


@pytest.fixture
def random_graph():
    """Makes a graph of about `size` operations whose operands are drawn anew from recent nodes."""

    def make(size, seed):
        rng = np.random.default_rng(seed)
        nodes = [Value(float(number), name=f"v{number}") for number in range(6)]
        for _ in range(size):
            one = nodes[-1 - int(rng.integers(0, min(3, len(nodes))))]
            other = nodes[int(rng.integers(max(0, len(nodes) - 25), len(nodes)))]
            nodes.append([one + other, one * other, one.tanh(), one - 2.0][int(rng.integers(4))])
        return sum(nodes[-5:])

    return make
