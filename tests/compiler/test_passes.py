"""Each pass alone: what it leaves out, that results stay as they are, and that it leaves alone what it must."""

import numpy as np
import pytest

from tinygrad_edu import Value, dot_product_attention, gelu, nn, softmax, stop_gradient
from tinygrad_edu.compiler.compiled import Arguments
from tinygrad_edu.compiler.memory import Arena
from tinygrad_edu.compiler.pairs import paired
from tinygrad_edu.compiler.passes import optimise
from tinygrad_edu.compiler.passes.algebra import simplify
from tinygrad_edu.compiler.passes.dead import drop_dead
from tinygrad_edu.compiler.passes.fold import fold_constants
from tinygrad_edu.compiler.passes.lower import lower
from tinygrad_edu.compiler.passes.merge import merge_repeats
from tinygrad_edu.compiler.passes.rewriting import constant
from tinygrad_edu.compiler.passes.stacks import join_stacks
from tinygrad_edu.compiler.program import Program
from tinygrad_edu.compiler.record import record_call
from tinygrad_edu.ops.random import standard_uniform

X = np.array([[0.5, -1.5, 2.0], [3.0, 0.25, -0.5]])


def recorded(f, *args, differentiate=False):
    return record_call(f, Arguments(args, {}).traced, differentiate)


def names(program):
    return [step.op.name for step in program.steps]


def after(change, f, *args):
    """The names of the steps after a pass, which must leave the results of the program as they are."""
    recording = recorded(f, *args)
    feeds = [args[source] if isinstance(source, int) else source for source in recording.sources]
    changed = change(recording.program)
    for found, expected in zip(changed.run(feeds), recording.program.run(feeds), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-14, atol=0)
    return names(changed)


def test_steps_that_nobody_needs_are_dropped():
    recording = recorded(lambda x: x * 2.0, X)
    recording.program.outputs = recording.program.inputs
    assert names(drop_dead(recording.program)) == []


def test_a_stack_times_a_matrix_is_one_product():
    stack, w = np.arange(24.0).reshape(2, 4, 3), X.T.copy()
    assert after(join_stacks, lambda x, w: (x @ w, x @ (2.0 * w)), stack, w) == [
        "reshape", "matmul", "reshape", "multiply", "matmul", "reshape",
    ]  # fmt: skip


def test_products_that_would_need_a_copy_stay_as_they_are():
    stack, w = np.arange(24.0).reshape(2, 3, 4), X.T.copy()
    assert after(join_stacks, lambda x, w: np.swapaxes(x, 1, 2) @ w, stack, w) == ["swapaxes", "matmul"]
    assert after(join_stacks, lambda x, w: x @ w, stack, np.ones((2, 4, 1))) == ["matmul"]
    assert after(join_stacks, lambda x, w: x @ w, X, w) == ["matmul"]


def test_gelu_and_its_slope_are_one_step_where_both_are_wanted():
    x = np.linspace(-4.0, 4.0, 2000, dtype=np.float32)
    recording = recorded(lambda x: gelu(x).sum(), Value(x), differentiate=True)
    program, _ = optimise(recording.program)
    assert {"gelu", "gelu_slope"} <= set(names(program))
    both = [step for step in paired(program.steps) if step.op.name == "gelu_and_slope"]
    assert [len(step.outs) for step in both] == [2]
    assert not any(step.op.name in ("gelu", "gelu_slope") for step in paired(program.steps))
    alone = [step for step in program.steps if step.op.name != "gelu_slope"]
    assert paired(alone) == alone
    found = Program(program.inputs, paired(program.steps), program.outputs).run([x])
    for one, expected in zip(found, program.run([x]), strict=True):
        np.testing.assert_array_equal(one, expected)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_leaves_its_weights_for_its_gradient(causal):
    draw = np.random.default_rng(0).normal
    q, k, v = draw(size=(2, 5, 3, 4)), draw(size=(2, 7, 3, 4)), draw(size=(2, 7, 3, 2))

    def attend(q, k, v):
        return (dot_product_attention(q, k, v, causal=causal) ** 2).sum()

    program, _ = optimise(recorded(attend, *map(Value, (q, k, v)), differentiate=True).program)
    steps = paired(program.steps)
    assert {"attention_and_weights", "attention_gradient_of_weights"} <= {step.op.name for step in steps}
    assert len(steps) == len(program.steps)
    found = Program(program.inputs, steps, program.outputs).run([q, k, v])
    for one, expected in zip(found, program.run([q, k, v]), strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-13)


def test_constants_are_computed_once():
    recording = recorded(lambda x: x + np.exp(stop_gradient(Value(1.0) * 0.0) + np.ones(3)), X)
    for step in recording.program.steps[:1]:  # as if that Value were a number
        step.operands = tuple(constant(1.0) if var.role == "input" else var for var in step.operands)
    assert names(fold_constants(recording.program)) == ["add"]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * 1.0,
        lambda x: 1.0 * x,
        lambda x: x / 1.0,
        lambda x: x - 0.0,
        lambda x: x**1.0,
        lambda x: np.negative(-x),
        lambda x: +x,
        lambda x: x.T.T,
        lambda x: np.swapaxes(np.transpose(x), 0, 1),
        lambda x: x.reshape(3, 2).reshape(2, 3),
        lambda x: np.broadcast_to(x, (2, 3)),
        lambda x: x.astype(np.float64),
        lambda x: np.maximum(x, -np.inf),
    ],
)
def test_what_does_nothing_is_left_out(f):
    assert after(lambda program: drop_dead(simplify(program)), f, X) == []


@pytest.mark.parametrize(
    ("f", "left"),
    [
        (lambda x: x + 0.0, ["add"]),  # -0.0 + 0.0 is 0.0
        (lambda x: x * np.ones((2, 2, 3)), ["multiply"]),  # it repeats x
        (lambda x: x * 0.0, ["multiply"]),  # NaN and infinity
        (lambda x: x - -0.0, ["subtract"]),  # -0.0 - -0.0 is 0.0
        (lambda x: x**2, ["square"]),
        (lambda x: x.reshape(3, 2).reshape(6), ["reshape"]),
        (lambda x: x[None].transpose(1, 2, 0).transpose(2, 0, 1), ["getitem"]),
        (lambda x: np.sum(x[:, :, None], axis=2), ["getitem", "reshape", "add"]),  # the sum of -0.0 is 0.0
    ],
)
def test_what_is_short_is_written_short_and_what_differs_stays(f, left):
    assert after(lambda program: drop_dead(simplify(program)), f, X) == left


def test_repeats_are_done_once():
    assert after(merge_repeats, lambda x: np.exp(x) * np.exp(x) + np.exp(x), X) == ["exp", "multiply", "add"]


def test_draws_are_never_merged():
    rng = np.random.default_rng(0)
    recording = recorded(lambda x: x + standard_uniform((2, 3), rng) + standard_uniform((2, 3), rng), X)
    assert names(merge_repeats(recording.program)).count("standard_uniform") == 2


def test_constants_that_differ_in_type_are_told_apart():
    left = after(merge_repeats, lambda x: x * np.float32(2.0) + x * np.float64(2.0), X.astype(np.float32))
    assert left == ["multiply", "multiply", "add"]


def test_composed_operations_become_what_they_are_made_of():
    found = after(lower, lambda x: softmax(x), X)
    assert "softmax" not in found
    assert {"exp", "sum", "divide"} <= set(found)


def test_the_gradient_of_a_cross_entropy_needs_no_second_exponential():
    def loss(logits):
        return nn.softmax_cross_entropy(logits, np.array([0, 2]))

    recording = recorded(loss, Value(X), differentiate=True)
    program, _ = optimise(recording.program)
    assert names(program).count("exp") == 1
    assert names(recording.program).count("log_softmax") == 1


def test_the_arena_hands_out_what_was_given_back_and_never_the_same_twice():
    arena, rng, held = Arena(), np.random.default_rng(0), {}
    for i in range(500):
        if held and rng.random() < 0.5:
            arena.give(*held.pop(rng.choice(list(held))))
        else:
            size = int(rng.integers(1, 1000))
            start = arena.take(size)
            assert start + size <= arena.peak
            assert all(start >= other + n or other >= start + size for other, n in held.values())
            held[i] = (start, size)
    for start, size in held.values():
        arena.give(start, size)
    peak = arena.peak
    arena.take(peak)
    assert arena.peak == peak


@pytest.mark.parametrize(
    ("f", "cover"),
    [
        (lambda x: np.tanh(x[:, 0]).sum() + np.sin(x[:, 1]).sum() + np.exp(x[:, 2]).sum(), "all"),
        (lambda x: np.tanh(x[:, 0]).sum() + np.sin(x[:, 1]).sum(), "some"),
        (lambda x: np.tanh(x[:, :2]).sum() + np.sin(x[:, 1:]).sum() + np.exp(x[0]).sum(), "again"),
    ],
)
def test_the_gradient_of_parts_is_put_together_in_one_operation(f, cover):
    recording = recorded(f, Value(X), differentiate=True)
    program, _ = optimise(recording.program)
    (assembled,) = [step for step in program.steps if step.op.name == "assemble"]
    assert assembled.params["cover"] == cover
    assert "scatter" not in names(program)
    for found, expected in zip(program.run([X]), recording.program.run([X]), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-14)
