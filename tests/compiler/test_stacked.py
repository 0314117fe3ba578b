"""Small steps that are alike as one call over a stack: the same numbers, in fewer calls, whatever waits for what."""

from collections import Counter

import numpy as np
import pytest

import tinygrad_edu
from tests.compiler.test_compiled_battery import close
from tinygrad_edu import Value
from tinygrad_edu.compiler import stacked as module
from tinygrad_edu.compiler.code import Code, Part
from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.compiler.stacked import stacked
from tinygrad_edu.ops import add, exp, multiply, negative, subtract, tanh

OPERATIONS = [add, multiply, subtract, tanh, negative, exp]


def source_of(fast) -> str:
    plan = next(iter(fast.plans.values()))[0]
    return plan.runner().code.source


def gradients_of(f, *data):
    values = [Value(x) for x in data]
    out = f(*values)
    total = out if out.shape == () else out.sum()
    total.backward()
    return [out.data, *(v.grad for v in values)]


def recurrence(steps):
    def f(a, b):
        z = a
        for _ in range(steps):
            z = np.tanh(z * b)
        return z.sum()

    return f


def summed(a, b):
    return sum([np.exp(a * (0.1 * k)) * b for k in range(9)], a)


def both_ways(a, b):
    forth = [a]
    for _ in range(6):
        forth.append(np.tanh(forth[-1] * b))
    back = [b]
    for z in reversed(forth):
        back.append(np.sin(back[-1] * z))
    return sum([x * y for x, y in zip(forth, back, strict=False)], b)


def some_are_wanted(a, b):
    zs = [np.tanh(a * (k + 1.0)) for k in range(8)]
    squares = [z * z for z in zs]
    return np.concatenate([zs[3] * b, squares[5], sum(1.0 - s for s in squares)])


def rows_of_a_column(a, b):
    return sum([(a[:, :1] * float(k)) * b - a for k in range(7)], b)


FUNCTIONS = [recurrence(20), summed, both_ways, some_are_wanted, rows_of_a_column]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_stacks_give_results_and_gradients_of_the_function(f, dtype):
    rng = np.random.default_rng(0)
    fast = tinygrad_edu.compile(f, jit=False)
    for _ in range(3):
        data = [rng.normal(size=(4, 5)).astype(dtype) for _ in range(2)]
        for found, expected in zip(gradients_of(fast, *data), gradients_of(f, *data), strict=True):
            assert found.dtype == dtype
            close(found, expected, 1e-12 if dtype is np.float64 else 1e-5)


def test_infinities_and_nan_stay_in_their_rows():
    a = np.array([[np.inf, -np.inf, np.nan, 0.0, -0.0, 1e308]])
    b = np.array([[2.0, 0.0, 1.0, np.inf, -1.0, 1e308]])
    with np.errstate(all="ignore"):
        found = gradients_of(tinygrad_edu.compile(both_ways, jit=False), a, b)
        for ours, theirs in zip(found, gradients_of(both_ways, a, b), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_slopes_of_a_recurrence_are_one_call_and_their_sum_one():
    fast = tinygrad_edu.compile(recurrence(50), jit=False)
    data = [np.random.default_rng(0).normal(size=(16, 16)) for _ in range(2)]
    gradients_of(fast, *data)
    lines = source_of(fast).splitlines()
    assert sum("subtract(" in line for line in lines) == 1
    assert sum("multiply(" in line for line in lines) < 155  # 50 forward; 50 each for the gradient's two factors
    assert sum("add(" in line for line in lines) == 1


@pytest.mark.parametrize("limit", ["SMALL", "LARGEST", "TOGETHER"])
def test_large_rows_and_large_stacks_are_left_alone(limit, monkeypatch):
    monkeypatch.setattr(module, limit, 8 * 16 * 3)
    fast = tinygrad_edu.compile(recurrence(20), jit=False)
    data = [np.random.default_rng(0).normal(size=(7, 7)) for _ in range(2)]
    gradients_of(fast, *data)
    assert sum("subtract(" in line for line in source_of(fast).splitlines()) == 20


def test_draws_keep_their_order():
    def f(x, rng):
        drops = [tinygrad_edu.dropout(np.tanh(x * (k + 1.0)), 0.5, rng=rng) for k in range(6)]
        return sum(d * d for d in drops).sum()

    x = np.random.default_rng(1).normal(size=(4, 5))
    draws = []
    for run in (f, tinygrad_edu.compile(f, jit=False)):
        rng = np.random.default_rng(0)
        draws.append([float(run(Value(x), rng).data) for _ in range(3)])
    close(np.array(draws[0]), np.array(draws[1]))


def test_rows_that_come_later_are_not_waited_for():
    dtype = np.dtype(float)
    steps = []

    def result(op, *operands):
        steps.append(Step(op, operands, {}, Var("result", (2, 3), dtype)))
        return steps[-1].out

    z = start = Var("input", (2, 3), dtype)
    exps = []
    for k in range(10):
        z = result(tanh, z)
        result(multiply, z, z)
        if k < 5:
            exps.append(result(exp, z))
        if k > 6:
            z = result(add, z, exps[k - 6])
    [part] = stacked([Part("forward", [start], steps, [z])])
    assert sum(step.op is multiply for step in part.steps) == 1, "all of these are one call, over a stack of all z"
    assert sum(step.op is exp for step in part.steps) == 5, "the later z wait for these"


def window(rng, phases):
    """What some phase of the program has made, forth or back, or a part of it; sometimes any variables."""
    if rng.random() < 0.1:
        known = [var for phase in phases for var in phase]
        return [known[i] for i in rng.integers(len(known), size=6)]
    phase = phases[-int(rng.integers(1, min(len(phases), 4) + 1))]
    start, step = rng.choice([0, 0, 0, 1]), rng.choice([1, 1, 1, 2, -1, -1])
    return phase[start:][::step]


def program_of(seed):
    """Steps on small arrays, many of them alike, and what they come to one by one."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype([np.float64, np.float32][seed % 2])
    inputs = [Var("input", (2, 3), dtype) for _ in range(3)]
    feeds = [rng.normal(size=(2, 3)).astype(dtype) * 0.5 for _ in inputs]
    phases, steps = [inputs], []

    def result(op, *operands):
        steps.append(Step(op, operands[: op.arity], {}, Var("result", (2, 3), dtype)))
        phases[-1].append(steps[-1].out)
        return steps[-1].out

    for k in range(rng.integers(3, 12)):
        first, second = window(rng, phases), window(rng, phases)
        op = OPERATIONS[rng.integers(len(OPERATIONS))]
        what = "recurrence" if k == 0 else rng.choice(["map", "map", "with one", "recurrence", "sum", "sum"])
        total = inputs[int(rng.integers(3))]
        phases.append([])
        for x, y in zip(first * 3 if k == 0 else first, second * 3 if k == 0 else second, strict=False):
            if what == "map":
                result(op, x, y)
            elif what == "with one":
                result(op, x, inputs[0])
            else:
                total = result(add if what == "sum" else op, total, x)
        if what == "sum":
            del phases[-1]  # nobody else reads what is on the way
    cut = int(rng.integers(len(steps) + 1))
    wanted = [[step.out for step in some if rng.random() < 0.02] for some in (steps[:cut], steps[cut:])]
    wanted[1].append(steps[-1].out)
    values = dict(zip(inputs, feeds, strict=True))
    for step in steps:
        values[step.out] = step.op.compute(*[values[var] for var in step.operands])
    parts = [Part("forward", inputs, steps[:cut], wanted[0]), Part("backward", [], steps[cut:], wanted[1])]
    return parts, feeds, [values[var] for outputs in wanted for var in outputs]


@pytest.mark.parametrize("some", range(3))
def test_programs_of_steps_that_are_alike_compute_what_they_did(some):
    found_of: Counter[str] = Counter()
    with np.errstate(all="ignore"):
        for seed in range(100 * some, 100 * some + 100):
            parts, feeds, expected = program_of(seed)
            found_of.update(step.op.name for part in stacked(parts) for step in part.steps)
            code = Code(parts)
            for _ in range(2):
                outputs, saved = code.functions["forward"](*feeds)
                later = code.functions["backward"](saved)
                for found, wanted in zip([*outputs, *later], expected, strict=True):
                    np.testing.assert_array_equal(found, wanted, err_msg=f"seed {seed}")
    assert min(found_of["rows"], found_of["getitem"], found_of["ordered_sum"]) > 0, "there was something to try"
