"""Whole steps of scalar parameters, loss, gradients and rule in one kernel: as eager ones, whatever happens."""

from typing import Any

import numpy as np
import pytest

from tinygrad_edu import Value, nn
from tinygrad_edu.compiler import kernels
from tinygrad_edu.compiler.number_update import _keeps_state
from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.errors import CompileError
from tinygrad_edu.nn.step import CompiledStep
from tinygrad_edu.ops.elementwise import add, multiply

NUMBERS = [0.5, -0.25, 0.75, 0.0]
ROWS = [[float(i), 1.0 / (i + 1.0)] for i in range(16)]


def made(make: Any, jit: bool | None = True) -> tuple[list[Value], Any, Any]:
    """Weights (the last one moves only if it is not 0), their loss, an optimizer."""
    weights = [Value(x) for x in NUMBERS]

    def loss() -> Any:
        w, a, b, dead = weights
        return sum((w + a * x + b * y).relu() for x, y in ROWS) + dead * dead

    return weights, loss, make(weights)


def eager(loss: Any, optimizer: Any) -> float:
    optimizer.zero_grad()
    found = loss()
    found.backward()
    optimizer.step()
    return float(found.data)


def lower_rate(step: Any, weights: Any) -> None:
    step.optimizer.lr = 0.001


def decay(step: Any, weights: Any) -> None:
    step.optimizer.param_groups[0]["weight_decay"] = 0.1


def set_number(step: Any, weights: Any) -> None:
    weights[1].data = 0.125


def wake(step: Any, weights: Any) -> None:
    weights[3].data = 2.0


def look(step: Any, weights: Any) -> None:
    assert {type(w.data) for w in weights} == {type(w.grad) for w in weights} == {float}


def leave_something(step: Any, weights: Any) -> None:
    step.optimizer.state[1]["seen"] = 1.0


def load(step: Any, weights: Any) -> None:
    step.optimizer.load_state_dict(step.optimizer.state_dict() | {"state": [{} for _ in weights]})


def start_momentum(step: Any, weights: Any) -> None:
    step.optimizer.param_groups[0]["momentum"] = 0.5


def two_groups(step: Any, weights: Any) -> None:
    group = step.optimizer.param_groups[0]
    step.optimizer.param_groups = [{**group, "params": weights[:1]}, {**group, "params": weights[1:], "lr": 0.03}]


def another_group(step: Any, weights: Any) -> None:
    step.optimizer.param_groups = [{**step.optimizer.param_groups[0], "lr": 0.0015}]


EVENTS = [lower_rate, another_group, set_number, look, wake, decay, leave_something, load, start_momentum, two_groups]


def sgd(weights: Any) -> Any:
    return nn.SGD(weights, lr=0.002)


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_whatever_happens_between_two_steps_counts(jit):
    if jit:
        pytest.importorskip("numba")
    weights, loss, optimizer = made(sgd)
    others, same_loss, same_optimizer = made(sgd)
    step, same = CompiledStep(loss, optimizer, jit=jit), type("Eager", (), {"optimizer": same_optimizer})
    for event in [None, None, *EVENTS]:
        if event is not None:
            event(step, weights)
            event(same, others)
        for _ in range(2):
            assert step() == eager(same_loss, same_optimizer)
        np.testing.assert_allclose([w.grad for w in weights], [w.grad for w in others], rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose([w.data for w in weights], [w.data for w in others], rtol=1e-10, atol=1e-14)


def test_a_rule_without_a_state_is_part_of_the_kernel():
    pytest.importorskip("numba")
    weights, loss, optimizer = made(sgd)
    _, same_loss, same_optimizer = made(sgd)
    step = CompiledStep(loss, optimizer, jit=True)
    for rate in (0.002, 0.004, 0.001):
        optimizer.lr = same_optimizer.lr = rate
        assert step() == eager(same_loss, same_optimizer)
        assert step.gradients.moved
    plan = next(iter(step.gradients.plans.values()))[0]
    assert plan.code is None, "no second kernel is made for the gradients alone"
    before = [w.data for w in weights]
    step.gradients()
    assert not step.gradients.moved
    assert [w.data for w in weights] == before


@pytest.mark.slow
def test_options_that_change_at_each_step_make_no_kernel_each(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.setattr(kernels, "WARM", 3)
    _, loss, optimizer = made(sgd)
    _, same_loss, same_optimizer = made(sgd)
    step = CompiledStep(loss, optimizer)
    for k in range(12):
        optimizer.param_groups[0]["weight_decay"] = same_optimizer.param_groups[0]["weight_decay"] = 1e-3 * (k // 3)
        assert step() == eager(same_loss, same_optimizer)
    plan = next(iter(step.gradients.plans.values()))[0]
    assert plan.warmth.jit
    assert not plan.steps
    for _ in range(3):
        step()
    assert len(plan.steps) == 1


def test_a_rule_with_a_state_runs_after_the_gradients():
    weights, loss, optimizer = made(lambda weights: nn.SGD(weights, lr=0.002, momentum=0.9), jit=False)
    others, same_loss, same_optimizer = made(lambda weights: nn.SGD(weights, lr=0.002, momentum=0.9))
    step = CompiledStep(loss, optimizer, jit=False)
    for _ in range(3):
        assert step() == eager(same_loss, same_optimizer)
        assert not step.gradients.moved
    np.testing.assert_allclose([w.data for w in weights], [w.data for w in others], rtol=1e-12)


def test_an_input_is_written_over_when_everything_is_done():
    pytest.importorskip("numba")
    from tinygrad_edu.compiler.kernels.straight import Straight

    x, doubled, squared = (Var(role, (5,), np.dtype(float)) for role in ("input", "result", "result"))
    steps = [Step(add, (x, x), {}, doubled), Step(multiply, (x, x), {}, squared)]
    numbers, squares = np.arange(5.0), np.empty(5)
    code = Straight("f", steps, [doubled, squared], {x: numbers}, {doubled: numbers, squared: squares})
    code.functions["f"]()
    assert squares.tolist() == [0.0, 1.0, 4.0, 9.0, 16.0]
    assert numbers.tolist() == [0.0, 2.0, 4.0, 6.0, 8.0]


USES = [
    lambda state: state.get("v"), lambda state: "v" in state, lambda state: state["v"], lambda state: not state,
    lambda state: state == {}, lambda state: state.update(v=1.0), lambda state: len(state), list,
    lambda state: state.__setitem__("v", 1.0), lambda state: {**state}, lambda state: state | {},
]  # fmt: skip


@pytest.mark.parametrize("use", USES)
def test_every_use_of_the_state_is_noticed(use):
    def rule(x: Any, g: Any, state: Any, lr: float) -> Any:
        use(state)
        return lr * g

    assert _keeps_state(rule, {"lr": 0.1})


@pytest.mark.parametrize(("make", "keeps"), [(sgd, False), (nn.Adam, True), (nn.Lion, True), (nn.Adagrad, True)])
def test_which_optimizers_keep_a_state(make, keeps):
    optimizer = make([Value(1.0)])
    options = {key: value for key, value in optimizer.param_groups[0].items() if key != "params"}
    assert _keeps_state(optimizer.update, options) is keeps


def test_a_number_taken_from_a_parameter_is_found_when_it_moves_at_last():
    weights = [Value(1.0), Value(0.0)]
    rows = [float(i) for i in range(60)]

    def loss() -> Any:
        frozen = float(np.exp(np.asarray(weights[1].data)).item())
        return sum((weights[0] * x) * frozen for x in rows) + weights[1] * weights[1]

    step = CompiledStep(loss, nn.SGD(weights, lr=1e-5), jit=False)
    for _ in range(3):
        step()
    weights[1].data = 0.5
    with pytest.raises(CompileError, match="other numbers"):
        step()
