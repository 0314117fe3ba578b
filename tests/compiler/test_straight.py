"""Lifted programs as one kernel: the same losses to the last bit, and the same gradients."""

import random
from typing import Any

import numpy as np
import pytest

from tinygrad_edu import Value, nn
from tinygrad_edu.compiler.kernels import straight
from tinygrad_edu.nn.step import CompiledStep

pytest.importorskip("numba")


def mlp_loss(activation: str, samples: int = 9) -> tuple[Any, Any]:
    points, labels = nn.data.moons(samples, noise=0.1, rng=0)
    rows, signs = points.tolist(), (2.0 * labels - 1.0).tolist()
    model = nn.MLP(2, [5, 4, 1], activation=activation, rng=random.Random(1))

    def loss() -> Any:
        losses = [(1 + -sign * model(row)).relu() for sign, row in zip(signs, rows, strict=True)]
        return sum(losses) * (1.0 / len(losses)) + 1e-2 * sum(p * p for p in model.parameters())

    return loss, model.parameters()


def sums_of_each_kind() -> tuple[Any, Any]:
    """Weights shared by rows and read in several orders, sums of one term to many, truths read twice."""
    weights = [Value(x) for x in np.random.default_rng(0).normal(size=70)]

    def loss() -> Any:
        firsts = [w * 0.5 - v for w, v in zip(weights[:20], weights[20:40], strict=True)]
        rows = [sum((f * w for f, w in zip(firsts, weights[40:60], strict=True)), b) for b in weights[60:69]]
        again = [sum(r * w for r, w in zip(rows, reversed(weights[60:69]), strict=True)) for _ in range(3)]
        kinks = [np.maximum(f, 0.1) * f.relu() for f in firsts]
        return sum(again) + sum(kinks) + sum(rows) / 3.0 + weights[69] * weights[69]

    return loss, weights


def one_layer() -> tuple[Any, Any]:
    weights = [Value(x) for x in (0.5, -0.25, 0.75)]
    rows = [[float(i), 1.0 / (i + 1.0)] for i in range(16)]

    def loss() -> Any:
        return sum((weights[0] + weights[1] * a + weights[2] * b).relu() for a, b in rows)

    return loss, weights


CASES = {
    "one layer": one_layer,
    "relu": lambda: mlp_loss("relu"),
    "tanh": lambda: mlp_loss("tanh"),
    "more samples than a sum has at once": lambda: mlp_loss("relu", 70),
    "sums": sums_of_each_kind,
}


@pytest.mark.parametrize("case", ["one layer", *(pytest.param(case, marks=pytest.mark.slow) for case in [*CASES][1:])])
def test_a_step_in_one_kernel_gives_the_loss_and_the_gradients_of_eager_code(case, monkeypatch):
    made = []
    monkeypatch.setattr(
        straight, "compiled", lambda source, compiled=straight.compiled: made.append(1) or compiled(source)
    )
    loss, parameters = CASES[case]()
    step = CompiledStep(loss, nn.SGD(parameters, lr=0.05), jit=True)
    for _ in range(3):
        for p in parameters:
            p.grad = None
        expected = loss()
        expected.backward()
        gradients = [p.grad for p in parameters]
        found = step.gradients()
        if case == "tanh":
            assert found == pytest.approx(expected.data, rel=1e-14)
        else:
            assert found == expected.data
        np.testing.assert_allclose([p.grad for p in parameters], gradients, rtol=1e-10, atol=1e-14)
        step.update()
    assert made, "there is a kernel"


@pytest.mark.slow
def test_nan_and_infinity_come_through_as_in_eager_code():
    loss, parameters = mlp_loss("relu")
    step = CompiledStep(loss, nn.SGD(parameters, lr=0.05), jit=True)
    step.gradients()
    for bad in (np.nan, np.inf, -np.inf):
        parameters[3].data = float(bad)
        with np.errstate(all="ignore"):
            expected = loss()
            for p in parameters:
                p.grad = None
            expected.backward()
            gradients = [p.grad for p in parameters]
            assert np.array_equal(step.gradients(), expected.data, equal_nan=True)
        np.testing.assert_allclose([p.grad for p in parameters], gradients, rtol=1e-10, atol=1e-14)


def test_large_arrays_are_left_to_blas(monkeypatch):
    monkeypatch.setattr(straight, "LARGEST", 10)
    loss, parameters = mlp_loss("relu")
    step = CompiledStep(loss, nn.SGD(parameters, lr=0.05), jit=True)
    expected = loss().data
    assert step.gradients() == expected
    plan = next(iter(step.gradients.plans.values()))[0]
    assert not isinstance(plan.code, straight.Straight)
