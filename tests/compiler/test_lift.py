"""Lifting: scalar programs become array programs, and their results stay equal to the last bit."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_edu.compiler.lift import lift, lifting
from tinygrad_edu.compiler.lift.ops import contract, ordered_dot, ordered_sum
from tinygrad_edu.compiler.lift.pattern import Affine, factor, positions
from tinygrad_edu.compiler.lift.units import Unit, units
from tinygrad_edu.compiler.program import Program
from tinygrad_edu.compiler.record import record_call
from tinygrad_edu.nn import MLP
from tinygrad_edu.nn.data import moons
from tinygrad_edu.value import Value


def recorded(f: Any) -> tuple[Program, list[Any]]:
    """The program of ``f()``, and what its inputs hold."""
    recording = record_call(f, lambda trace: ((), {}), differentiate=False)
    return recording.program, [source.data for source in recording.sources]


def run_lifted(lifted: Any, program: Program, feeds: list[Any]) -> Any:
    """The outputs of a lifted program for the inputs of the scalar one."""
    fed = dict(zip(program.inputs, feeds, strict=True))
    packed = np.array([fed[var] for var in lifted.packed])
    others = [fed[var] for var in program.inputs if var not in set(lifted.packed)]
    return lifted.program.run([packed, *others])


def moons_loss(samples: int, widths: list[int]) -> tuple[Any, Any]:
    x, y = moons(samples, noise=0.1, rng=1)
    model = MLP(2, widths, rng=random.Random(1))
    points, signs = x.tolist(), (2.0 * y - 1.0).tolist()

    def loss() -> Any:
        scores = [model([Value(a), Value(b)]) for a, b in points]
        losses = [(1 + -sign * score).relu() for sign, score in zip(signs, scores, strict=True)]
        return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())

    return loss, model


def test_the_moons_loss_of_scalar_neurons_is_lifted_into_matrix_products_and_equal_to_the_last_bit():
    loss, _ = moons_loss(20, [8, 8, 1])
    program, feeds = recorded(loss)
    lifted = lift(program)
    assert lifted is not None
    names = [step.op.name for step in lifted.program.steps]
    assert names.count("ordered_dot") == 3, "one product for each layer"
    assert len(names) < 50 < len(program.steps) / 50
    assert float(run_lifted(lifted, program, feeds)[0]) == loss().data


def test_a_layers_weights_are_packed_side_by_side_so_that_they_are_read_as_a_view():
    loss, _ = moons_loss(20, [8, 8, 1])
    lifted = lift(recorded(loss)[0])
    assert lifted is not None
    gathered = [step for step in lifted.program.steps if step.op.name == "gather"]
    assert len(gathered) == 1, "only the penalty's sum, in the order of parameters, reads across layers"


def test_a_sum_keeps_its_order_where_another_order_gives_another_number():
    xs = [1e16, 1.0, -1e16, 1.0] * 40
    values = [Value(x) for x in xs]
    program, feeds = recorded(lambda: sum(v * 1.5 for v in values))
    lifted = lift(program)
    assert lifted is not None
    expected = sum(x * 1.5 for x in xs)
    assert float(run_lifted(lifted, program, feeds)[0]) == expected
    assert float(np.sum(np.array(xs) * 1.5)) != expected, "this case would not notice"


@pytest.mark.parametrize("shape", [(1000,), (1000, 1), (500, 2), (300, 3, 2)])
def test_ordered_sum_adds_as_a_loop_does(shape):
    x = np.random.default_rng(0).normal(size=shape) * 10.0 ** np.random.default_rng(1).integers(-8, 8, shape)
    total = np.zeros(shape[1:])
    for row in x:
        total = total + row
    assert np.array_equal(ordered_sum(x), total)
    assert np.array_equal(ordered_sum(np.asfortranarray(x)), total)


def test_ordered_dot_adds_its_products_in_order_after_the_start():
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(5, 40)), rng.normal(size=(3, 40)), rng.normal(size=3)
    expected = np.array([[b[j] for j in range(3)] for _ in range(5)])
    for k in range(40):
        expected = expected + np.outer(x[:, k], w[:, k])
    assert np.array_equal(ordered_dot(b, x, w, axes=("sk", "jk", "sj")), expected)


@pytest.mark.parametrize(
    ("axes", "to"),
    [(("sj", "jk"), "sk"), (("sj", "sjk"), "sjk"), (("sj", "sk"), "jk"), (("", "k"), "k"), (("sj", "sk"), "k")],
)
def test_contract_is_einsum(axes, to):
    sizes, rng = {"s": 3, "j": 4, "k": 5}, np.random.default_rng(0)
    g, y = (rng.normal(size=[sizes[a] for a in names]) for names in axes)
    expected = np.einsum(f"{axes[0]},{axes[1]}->{to}", g, y)
    np.testing.assert_allclose(contract(g, y, *axes, to), expected, rtol=1e-13)


def test_a_chain_of_additions_is_collapsed_only_where_nothing_reads_the_sums_in_between():
    a, b, c, d = (Value(float(i)) for i in range(4))

    def f() -> Any:
        part = a + b
        whole = part + c + d
        return whole * part

    found = [unit for unit in units(recorded(f)[0]) if isinstance(unit, Unit)]
    assert [unit.op.name if unit.op else f"sum of {len(unit.operands)}" for unit in found] == [
        "add", "sum of 3", "multiply",
    ]  # fmt: skip


def test_a_long_recurrence_is_not_lifted():
    x = Value(0.3)

    def f() -> Any:
        y = x
        for _ in range(200):
            y = (y * x).tanh()
        return y

    assert lift(recorded(f)[0]) is None


def test_a_small_program_is_not_lifted():
    x = Value(0.3)
    assert lift(recorded(lambda: x * x + 1.0)[0]) is None


def test_entries_taken_out_of_an_array_are_read_from_it_as_a_whole():
    x = Value(np.arange(200.0).reshape(100, 2))
    w = [Value(0.5), Value(-2.0)]
    program, feeds = recorded(lambda: sum((w[0] * row[0] + w[1] * row[1]).relu() for row in x))
    lifted = lift(program)
    assert lifted is not None
    used = _needed(lifted.program)
    assert "getitem" not in used
    assert "gather" not in used
    expected = sum(max(0.0, 0.5 * a - 2.0 * b) for a, b in x.data.tolist())
    assert float(run_lifted(lifted, program, feeds)[0]) == expected


def test_scalars_joined_into_an_array_are_joined_at_once():
    values = [Value(float(i)) for i in range(100)]

    def f() -> Any:
        import tinygrad_edu as te

        return te.array([v * v for v in values]).sum()

    program, feeds = recorded(f)
    lifted = lift(program)
    assert lifted is not None
    assert len(_needed(lifted.program)) < 5
    assert float(run_lifted(lifted, program, feeds)[0]) == sum(i * i for i in range(100))


def _needed(program: Program) -> list[str]:
    """The operations that the outputs depend on."""
    wanted, names = set(program.outputs), []
    for step in reversed(program.steps):
        if step.out in wanted:
            wanted.update(step.operands)
            names.append(step.op.name)
    return names


OPERATIONS = ("add", "multiply", "subtract", "relu", "negative", "maximum")


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), width=st.integers(2, 12), depth=st.integers(1, 5))
def test_random_scalar_graphs_give_the_same_number_lifted(seed, width, depth):
    rng = random.Random(seed)
    inputs = [Value(rng.uniform(-2, 2)) for _ in range(width)]

    def f() -> Any:
        draw = random.Random(seed + 1)
        row: list[Any] = list(inputs)
        for _ in range(depth):
            name = draw.choice(OPERATIONS)
            mixed = [row[draw.randrange(len(row))] for _ in row]
            row = [_apply(name, a, b, draw) for a, b in zip(row, mixed, strict=True)]
            if draw.random() < 0.3:
                row.append(sum(row))
        return sum(v * draw.uniform(-1, 1) for v in row)

    program, feeds = recorded(f)
    fewest, share = lifting.FEWEST, lifting.SHARE
    lifting.FEWEST, lifting.SHARE = 1, 0
    try:
        lifted = lift(program)
    finally:
        lifting.FEWEST, lifting.SHARE = fewest, share
    assert lifted is not None
    assert float(run_lifted(lifted, program, feeds)[0]) == float(f().data)


def _apply(name: str, a: Any, b: Any, draw: random.Random) -> Any:
    if name in ("relu", "negative"):
        return a.relu() if name == "relu" else -a
    if name == "maximum":
        return np.maximum(a, b)
    b = b if draw.random() < 0.7 else draw.choice([0.0, 1.0, -0.5])
    return a + b if name == "add" else a * b if name == "multiply" else a - b


@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    starts=st.lists(st.integers(0, 50), min_size=1, max_size=3),
    data=st.data(),
)
def test_factor_finds_a_pattern_wherever_there_is_one(shape, starts, data):
    shape = tuple(shape)
    columns = [
        positions(
            shape,
            Affine(start, tuple(data.draw(st.lists(st.integers(-9, 9), min_size=len(shape), max_size=len(shape))))),
        )
        for start in starts
    ]
    found = factor([column.reshape(-1) for column in columns], columns[0].size)
    if found is not None:  # (greedy: a coincidence on the innermost axis may hide one)
        axes, affines = found
        for column, affine in zip(columns, affines, strict=True):
            assert np.array_equal(positions(axes, affine).reshape(-1), column.reshape(-1))
