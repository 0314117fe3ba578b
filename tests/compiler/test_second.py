"""The second look: which step of two recordings is the first that differs, and what is kept of the first one."""

import gc
from typing import Any

import numpy as np
import pytest

from tinygrad_edu import Value, nn
from tinygrad_edu.compiler.program import Program, Step, Var
from tinygrad_edu.compiler.second import Sketch
from tinygrad_edu.errors import CompileError
from tinygrad_edu.nn.step import CompiledStep
from tinygrad_edu.op import named


def program(*steps: tuple[str, tuple[Any, ...], dict[str, Any]]) -> Program:
    """Steps over x and y and the results of steps before them (by number); floats are constants."""
    names = {"x": Var("input", (2,), np.dtype(float)), "y": Var("input", (2,), np.dtype(float))}
    found = Program([*names.values()])
    for op, operands, params in steps:
        read = [
            names[x] if isinstance(x, str)
            else found.steps[x].out if isinstance(x, int)
            else Var("constant", np.shape(x), np.asarray(x).dtype, x)
            for x in operands
        ]  # fmt: skip
        found.steps.append(Step(named(op), tuple(read), params, Var("result", (2,), np.dtype(float))))
    return found


FIRST = (("add", ("x", 2.0), {}), ("multiply", (0, "y"), {}), ("sum", (1,), {"axis": 0, "keepdims": False}))


@pytest.mark.parametrize(
    ("step", "other"),
    [
        (0, ("subtract", ("x", 2.0), {})),
        (0, ("add", ("y", 2.0), {})),
        (0, ("add", ("x", 2.5), {})),
        (0, ("add", ("x", np.float32(2.0)), {})),
        (0, ("add", ("x", "y"), {})),
        (1, ("multiply", ("x", "y"), {})),
        (1, ("multiply", (0, 3.0), {})),
        (2, ("sum", (0,), {"axis": 0, "keepdims": False})),
        (2, ("sum", (1,), {"axis": 0, "keepdims": True})),
        (2, ("sum", (1, 0), {"axis": 0, "keepdims": False})),
    ],
)
def test_the_first_step_that_differs_is_found(step, other):
    steps = [*FIRST[:step], other, *FIRST[step + 1 :]]
    first, second = Sketch(program(*FIRST)), Sketch(program(*steps))
    assert first.first_difference(second) == second.first_difference(first) == step


@pytest.mark.parametrize("constant", [2.0, float("nan"), np.array([1.0, np.nan])])
def test_equal_recordings_do_not_differ(constant):
    first, second = (Sketch(program(("add", ("x", np.copy(constant)[()]), {}), FIRST[1])) for _ in range(2))
    assert first.first_difference(second) is None


def scalar_step() -> Any:
    weights = [Value(float(i)) for i in range(5)]  # the first one never moves

    def loss() -> Any:
        return sum(w * w * x for w in weights for x in [1.0, 2.0, 3.0] * 40)

    return CompiledStep(loss, nn.SGD(weights, lr=1e-6), jit=False)


def steps_alive() -> int:
    gc.collect()
    return sum(type(thing) is Step for thing in gc.get_objects())


def test_the_steps_of_scalars_are_not_kept():
    step = scalar_step()
    step()
    step()
    plan = next(iter(step.gradients.plans.values()))[0]
    assert plan.first is not None, "a parameter has not moved yet"
    before = steps_alive()
    del step, plan
    assert before - steps_alive() < 100


def test_the_collector_works_again_after_a_recording_that_fails():
    weights = [Value(1.0), Value(2.0)]

    def loss() -> Any:
        if gc.isenabled():  # an assertion would bring all of pytest into what the recording watches
            raise RuntimeError("the collector works")
        return weights[0] if weights[1] > 1.0 else weights[1]

    with pytest.raises(CompileError):
        CompiledStep(loss, nn.SGD(weights, lr=0.1))()
    assert gc.isenabled()
