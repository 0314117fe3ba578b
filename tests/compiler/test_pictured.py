"""A compiled function as a graph: the plan's arrays, what numba fuses, and scalars in the arrays that they became."""

import random

import numpy as np
import pytest

from tinygrad_edu import Value, compile, nn
from tinygrad_edu.compiler.kernels import works
from tinygrad_edu.errors import CompileError
from tinygrad_edu.graph import topological
from tinygrad_edu.viz import draw

SAMPLES = [[0.5, -1.0], [2.0, 0.3], [1.0, 1.0], [0.1, 0.2], [-0.4, 0.9]]


def scalar_loss():
    model = nn.MLP(2, [3, 1], rng=random.Random(1))

    def loss_of(rows, targets):
        losses = [(1.0 - y * model(row)).relu() for row, y in zip(rows, targets, strict=True)]
        return sum(losses) * (1.0 / len(losses))

    return loss_of


def test_what_is_drawn_has_the_numbers_of_the_latest_call():
    fast = compile(lambda x: (x.tanh() * 2.0).sum())
    fast(Value([1.0, 2.0]))
    found = fast(Value([0.5, -1.0]))
    assert fast.graph().item() == found.item()


def test_there_is_nothing_to_draw_before_the_first_call():
    with pytest.raises(CompileError, match="call the compiled function first"):
        draw(compile(lambda x: x + 1.0))


def test_lifted_scalars_are_drawn_as_arrays_or_one_by_one_and_give_the_same_loss():
    fast = compile(scalar_loss())
    targets = [1.0, -1.0, 1.0, -1.0, 1.0]
    loss = fast(SAMPLES, targets)
    arrays, scalars = fast.graph(), fast.graph(scalars=True)
    assert float(arrays) == float(scalars) == float(loss)
    assert len(topological([arrays])) < 60 < len(topological([scalars]))
    assert all(np.ndim(node.data) == 0 for node in topological([scalars]))


def test_the_scalars_of_one_array_stand_in_one_frame():
    fast = compile(scalar_loss())
    fast(SAMPLES, [1.0, -1.0, 1.0, -1.0, 1.0])
    nodes = [node for node in topological([fast.graph(scalars=True)]) if node.parents]
    frames = {}
    for node in nodes:
        frames.setdefault(node.scope.path.partition(": ")[2], []).append(node.op.name)
    assert frames["30 x ×"] == ["multiply"] * 30
    assert frames["15 x Σ"] == ["add"] * 30  # two sums on the way to each total of three terms
    assert frames["15 x relu"] == ["relu"] * 15
    assert ">array 1: 30 x ×<" in draw(fast, detail="scalar", renderer="builtin").svg()


@pytest.mark.skipif(not works(), reason="without numba nothing is fused")
def test_steps_of_one_kernel_stand_in_one_frame_inside_the_scopes_that_they_share():
    model = nn.Sequential(nn.Dense(4, 8, activation="tanh", rng=0), nn.Dense(8, 3, rng=0))
    fast = compile(lambda x: nn.softmax_cross_entropy(model(x), np.array([0, 1])))
    fast(np.ones((2, 4)))
    frames = {node.scope.path for node in topological([fast.graph()]) if node.scope is not None}
    assert "sequential/layer0/kernel 1: 2 steps" in frames  # the bias and tanh
    plain = compile(lambda x: nn.softmax_cross_entropy(model(x), np.array([0, 1])), jit=False)
    plain(np.ones((2, 4)))
    assert not any(node.scope and "kernel" in node.scope.path for node in topological([plain.graph()]))
