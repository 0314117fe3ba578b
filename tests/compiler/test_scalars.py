"""Compiled functions of scalar Values: lifted into arrays, with the same numbers as scalar by scalar."""

import random
from typing import Any

import numpy as np
import pytest

from tinygrad_edu import Value, nn, viz
from tinygrad_edu.compiler.compiled import compile
from tinygrad_edu.errors import CompileError
from tinygrad_edu.nn.step import CompiledStep


def network() -> Any:
    return nn.MLP(2, [6, 6, 1], rng=random.Random(3))


def loss_of(model: Any) -> Any:
    def loss(points: Any, signs: Any) -> Any:
        scores = [model(point) for point in points]
        losses = [(1 + -sign * score).relu() for sign, score in zip(signs, scores, strict=True)]
        return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())

    return loss


def data(seed: int) -> tuple[Any, Any]:
    points, labels = nn.data.moons(12, noise=0.1, rng=seed)
    return points.tolist(), (2.0 * labels - 1.0).tolist()


def test_a_compiled_loss_of_scalars_has_the_same_bits_and_the_gradients_of_the_loss():
    model = network()
    f = loss_of(model)
    fast = compile(f)
    for seed in (0, 1, 2):
        points, signs = data(seed)
        model.zero_grad()
        out = fast(points, signs)
        out.backward()
        found = [p.grad for p in model.parameters()]
        assert all(type(g) is float for g in found)
        model.zero_grad()
        expected = f(points, signs)
        expected.backward()
        assert type(out.data) is float
        assert out.data == expected.data
        np.testing.assert_allclose(found, [p.grad for p in model.parameters()], rtol=1e-12, atol=1e-15)
    assert len(fast.plans) == 1


def test_changed_parameters_are_seen_at_the_next_call():
    model = network()
    fast = compile(loss_of(model))
    points, signs = data(0)
    before = fast(points, signs).data
    for p in model.parameters():
        p.data *= 0.5
    assert fast(points, signs).data == loss_of(model)(points, signs).data != before


def test_two_calls_before_their_backward_passes_do_not_disturb_each_other():
    model = network()
    f = loss_of(model)
    fast = compile(f)
    (x1, y1), (x2, y2) = data(0), data(1)
    fast(x1, y1)
    both = fast(x1, y1) + fast(x2, y2)
    model.zero_grad()
    both.backward()
    found = [p.grad for p in model.parameters()]
    model.zero_grad()
    (f(x1, y1) + f(x2, y2)).backward()
    np.testing.assert_allclose(found, [p.grad for p in model.parameters()], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("make", [lambda p: nn.SGD(p, lr=0.1), lambda p: nn.SGD(p, lr=0.1, momentum=0.9), nn.Adam])
def test_a_compiled_step_moves_scalar_parameters_as_the_optimizer_does(make):
    one, other = network(), network()
    step = CompiledStep(loss_of(one), make(one.parameters()))
    optimizer = make(other.parameters())
    for seed in range(4):
        points, signs = data(seed)
        found = step(points, signs)
        expected = loss_of(other)(points, signs)
        optimizer.zero_grad()
        expected.backward()
        optimizer.step()
        assert found == pytest.approx(expected.data, rel=1e-12)
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        assert type(p.data) is float
        assert p.data == pytest.approx(q.data, rel=1e-11, abs=1e-13)


def test_fit_compiles_a_network_of_scalars():
    points, labels = nn.data.moons(32, noise=0.1, rng=0)
    runs = []
    for compiled in (None, False):
        model = network()
        sgd = nn.SGD(model.parameters(), lr=0.05)
        history = nn.fit(
            model, (points, 2.0 * labels - 1.0), nn.binary_hinge, sgd, epochs=3, batch_size=8, rng=0, progress=False,
            compile=compiled,
        )  # fmt: skip
        runs.append((history, [p.data for p in model.parameters()]))
    assert runs[0][0].compiled is True, runs[0][0].compiled
    np.testing.assert_allclose(runs[0][1], runs[1][1], rtol=1e-9, atol=1e-12)


def test_scalars_that_nothing_can_be_lifted_from_still_compile():
    x = Value(0.5)

    def f() -> Any:
        y = x
        for _ in range(100):
            y = (y * x).tanh() + 0.1
        return y

    fast = compile(f)
    out = fast()
    out.backward()
    found = x.grad
    x.zero_grad()
    f().backward()
    assert found == pytest.approx(x.grad, rel=1e-12)


def test_a_compiled_function_is_drawn_as_the_arrays_that_its_scalars_became():
    fast = compile(loss_of(network()))
    with pytest.raises(CompileError, match="call the compiled function first"):
        viz.draw(fast)
    fast(*data(0))
    text = viz.draw(fast, renderer="builtin").svg()
    assert "72 scalars: relu" in text
    assert "72 scalars: sum of 3" in text
