"""Scalar parameters of a compiled step: they look and behave as if every step had given them their numbers."""

import copy
import gc
import pickle
import random
import sys
import threading
from typing import Any

import numpy as np
import pytest

from tinygrad_edu import Value, nn
from tinygrad_edu.compiler.hidden import PATIENCE, SOON, FlatNumbers
from tinygrad_edu.nn.module import Parameter
from tinygrad_edu.nn.step import CompiledStep

POINTS, LABELS = nn.data.moons(6, noise=0.1, rng=0)
ROWS, SIGNS = POINTS.tolist(), (2.0 * LABELS - 1.0).tolist()


def loss_of(model: Any) -> Any:
    scores = [model(row) for row in ROWS]
    losses = [(1 + -sign * score).relu() for sign, score in zip(SIGNS, scores, strict=True)]
    return sum(losses) * (1.0 / len(losses)) + 1e-2 * sum(p * p for p in model.parameters())


def made(make: Any = None) -> tuple[Any, Any]:
    """A model, and a compiled step that has run twice, so that its parameters are hidden."""
    model = nn.MLP(2, [4, 3, 1], rng=random.Random(3))
    optimizer = make(model.parameters()) if make else nn.SGD(model.parameters(), lr=0.1)
    step = CompiledStep(lambda: loss_of(model), optimizer)
    step()
    step()
    return model, step


def eager_steps(model: Any, optimizer: Any, count: int) -> None:
    for _ in range(count):
        optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()


def numbers(model: Any) -> list[float]:
    return [p.data for p in model.parameters()]


def test_a_hidden_parameter_shows_a_float_and_is_of_its_own_class_again():
    model, step = made()
    assert step.gradients.flat.hidden
    w = model.layers[0].neurons[0].w[0]
    assert isinstance(w, Parameter)
    assert type(w.data) is float
    assert type(w.grad) is float
    assert type(w) is Parameter
    assert w.data is w.data
    assert not step.gradients.flat.hidden


@pytest.mark.parametrize(
    "look",
    [
        repr, copy.copy, copy.deepcopy, pickle.dumps, lambda p: p.shape, lambda p: p + 1.0, float,
        lambda p: p.__reduce_ex__(4), lambda p: p.zero_grad(), lambda p: p == 1.0,
    ],
)  # fmt: skip
def test_whatever_looks_at_one_finds_what_eager_steps_give(look):
    model, _ = made()
    other = nn.MLP(2, [4, 3, 1], rng=random.Random(3))
    eager_steps(other, nn.SGD(other.parameters(), lr=0.1), 2)
    p, q = model.parameters()[3], other.parameters()[3]
    found, expected = look(p), look(q)
    if isinstance(found, Value):
        assert type(found) is type(expected)
        assert found.data == pytest.approx(expected.data, rel=1e-12)
    np.testing.assert_allclose(numbers(model), numbers(other), rtol=1e-12)
    assert {type(p) for p in model.parameters()} == {Parameter}


def test_a_model_is_copied_and_pickled_with_its_latest_numbers():
    for copied in (copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))):
        model, step = made()
        twin = copied(model)
        assert {type(p) for p in twin.parameters()} == {Parameter}
        assert numbers(twin) == numbers(model)
        step()
        assert numbers(twin) != numbers(model)


@pytest.mark.parametrize("new", [0.5, np.float64(0.25), -0.0])
def test_a_number_that_somebody_sets_between_two_steps_counts(new):
    model, step = made()
    other = nn.MLP(2, [4, 3, 1], rng=random.Random(3))
    eager_steps(other, sgd := nn.SGD(other.parameters(), lr=0.1), 2)
    for one in (model, other):
        one.layers[1].neurons[2].w[3].data = new
    found = step()
    assert found == loss_of(other).data
    eager_steps(other, sgd, 1)
    np.testing.assert_allclose(numbers(model), numbers(other), rtol=1e-12)


def test_a_gradient_that_somebody_replaces_between_the_halves_of_a_step_counts():
    model, step = made()
    before = numbers(model)
    step.gradients()
    for p in model.parameters():
        p.grad = 2.0
    step.update()
    np.testing.assert_allclose(numbers(model), np.array(before) - 0.2, rtol=1e-12)


def test_two_steps_over_the_same_parameters_go_on_from_each_other():
    model, step = made()
    second = CompiledStep(lambda: loss_of(model), nn.SGD(model.parameters(), lr=0.05))
    other = nn.MLP(2, [4, 3, 1], rng=random.Random(3))
    first_sgd, second_sgd = (nn.SGD(other.parameters(), lr=lr) for lr in (0.1, 0.05))
    eager_steps(other, first_sgd, 2)
    for _ in range(3):
        second()
        step()
        eager_steps(other, second_sgd, 1)
        eager_steps(other, first_sgd, 1)
    np.testing.assert_allclose(numbers(model), numbers(other), rtol=1e-11)


def test_who_looks_after_every_step_has_the_numbers_given_out_from_then_on():
    model, step = made()
    for _ in range(PATIENCE + 2):
        step()
        last = model.parameters()[0].data
    assert not step.gradients.flat.hidden
    step()
    assert not step.gradients.flat.hidden
    assert model.parameters()[0].data != last


def test_who_looks_now_and_then_leaves_them_hidden():
    model, step = made()
    for _ in range(2 * PATIENCE):
        for _ in range(SOON):
            step()
        assert step.gradients.flat.hidden
        assert type(model.parameters()[0].data) is float


def test_eager_code_goes_on_where_a_compiled_step_stopped():
    model, _ = made()
    other = nn.MLP(2, [4, 3, 1], rng=random.Random(3))
    eager_steps(other, nn.SGD(other.parameters(), lr=0.1), 2)
    for one in (model, other):
        eager_steps(one, nn.SGD(one.parameters(), lr=0.1), 2)
    np.testing.assert_allclose(numbers(model), numbers(other), rtol=1e-12)


def test_an_error_in_the_middle_leaves_numbers():
    model, step = made()
    before = numbers(model)
    step()
    step.gradients.flat._read = None
    plan = next(iter(step.gradients.plans.values()))[0]
    plan.code.functions["gradients"] = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        step()
    assert all(type(x) is float for x in numbers(model))
    assert numbers(model) != before


def test_threads_that_look_while_steps_run_see_floats():
    model, step = made()
    stop, seen = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            seen.append({type(p.data) for p in model.parameters()} | {type(p.grad) for p in model.parameters()})

    threads = [threading.Thread(target=look) for _ in range(2)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for _ in range(100):
            step()
            step.gradients.flat._looks = 0  # hidden again each time
    finally:
        stop.set()
        sys.setswitchinterval(before)
    for thread in threads:
        thread.join()
    assert set().union(*seen) == {float}


def test_numbers_outlive_the_step_that_made_them():
    model, step = made()
    expected = step.gradients.flat.data.tolist()
    order = [id(p) for p in step.gradients.flat.parameters]
    del step
    gc.collect()
    at = {id(p): p.data for p in model.parameters()}
    assert [at[i] for i in order] == expected


def test_a_class_of_the_users_own_keeps_its_attributes():
    class Weight(Value):
        def __init__(self, data: float, unit: str) -> None:
            super().__init__(data)
            self.unit = unit

    weights = [Weight(1.0, "m"), Weight(2.0, "s")]
    flat = FlatNumbers(weights)
    flat.data *= 3.0
    flat.spread()
    assert flat.hidden
    assert type(type(weights[1])(4.0, "kg")) is Weight
    assert weights[1].unit == "s"
    assert [w.data for w in weights] == [3.0, 6.0]
    assert type(weights[0]) is Weight


@pytest.mark.parametrize("make", [nn.Adam, nn.NAdam, lambda p: nn.SGD(p, lr=0.1, momentum=0.9, nesterov=True)])
def test_the_state_of_an_optimizer_stays_one_of_numbers_and_can_be_saved_and_loaded(make):
    model, step = made(make)
    other = nn.MLP(2, [4, 3, 1], rng=random.Random(3))
    optimizer = make(other.parameters())
    eager_steps(other, optimizer, 2)
    for state, expected in zip(step.optimizer.state, optimizer.state, strict=True):
        assert {key: type(x) for key, x in state.items()} == {key: type(x) for key, x in expected.items()}
        assert state == pytest.approx(expected, rel=1e-10, abs=1e-14)
    assert any(update is not None for update in step._number_updates.values())
    saved = copy.deepcopy(step.optimizer.state_dict())
    step()
    step.optimizer.load_state_dict(saved)
    eager_steps(other, optimizer, 1)
    optimizer.load_state_dict(saved)
    step()
    eager_steps(other, optimizer, 1)
    np.testing.assert_allclose(numbers(model), numbers(other), rtol=1e-9, atol=1e-12)


def test_a_parameter_without_a_gradient_in_between_has_a_state_of_its_own():
    model, step = made(nn.Adam)
    other = nn.MLP(2, [4, 3, 1], rng=random.Random(3))
    adam = nn.Adam(other.parameters())
    eager_steps(other, adam, 2)
    step.gradients()
    adam.zero_grad()
    loss_of(other).backward()
    for one in (model, other):
        one.parameters()[0].grad = None
    step.update()
    adam.step()
    step()
    eager_steps(other, adam, 1)
    np.testing.assert_allclose(numbers(model), numbers(other), rtol=1e-9, atol=1e-12)


def test_a_loss_that_cannot_be_lifted_is_trained_as_a_tape():
    x = [Value(0.3), Value(1.2), Value(5.0)]
    y = [Value(0.3), Value(1.2), Value(5.0)]

    def loss(start: Any, w: Any) -> Any:
        out = start
        for _ in range(30):
            out = np.tanh(w * out + start) - 0.1 * out
        return out * out

    step, sgd = CompiledStep(lambda a: loss(x[0] * a, x[1]), nn.SGD(x, lr=0.1)), nn.SGD(y, lr=0.1)
    for k in range(4):
        sgd.zero_grad()
        expected = loss(y[0] * (1.0 + k), y[1])
        expected.backward()
        sgd.step()
        assert step(1.0 + k) == expected.data
    assert [v.data for v in x] == pytest.approx([v.data for v in y], rel=1e-12)
    assert x[2].grad is None
