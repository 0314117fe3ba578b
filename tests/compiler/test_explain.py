"""What `explain` says of a plan: costs as counted by hand, and that looking changes nothing."""

import numpy as np
import pytest

import tinygrad_edu
from tinygrad_edu import Value
from tinygrad_edu.compiler.cost import OPERATIONS, bytes_of, flops_of, shares
from tinygrad_edu.op import REGISTRY


def steps_of(f, *shapes):
    fast = tinygrad_edu.compile(f, jit=False)
    fast(*[Value(np.ones(shape)) for shape in shapes])
    return next(iter(fast.plans.values()))[0].recording.program.steps


@pytest.mark.parametrize(
    ("f", "shapes"),
    [
        (lambda x, w: x @ w, [(4, 3), (3, 5)]),
        (lambda x, w: x @ w, [(2, 4, 3), (3, 5)]),
        (lambda x, y: np.tensordot(x, y, 2), [(2, 3, 4), (3, 4, 5)]),
        (lambda x, y: np.einsum("bij,bkj->bik", x, y), [(2, 3, 4), (2, 5, 4)]),
        (lambda x, w: tinygrad_edu.conv2d(x, w), [(2, 6, 5, 3), (3, 2, 3, 4)]),
        (lambda x, w: tinygrad_edu.conv2d(x, w, stride=2, groups=2), [(2, 7, 7, 4), (3, 3, 2, 6)]),
    ],
)
def test_products_cost_a_multiplication_and_an_addition_for_each_term_forward_and_in_both_gradients(f, shapes):
    terms = f(*map(np.ones, shapes)).sum()  # of ones: each term counts
    counts = [flops_of(step) for step in steps_of(f, *shapes) if step.op.name in OPERATIONS]
    assert counts == [2 * terms] * 3


def test_a_pooling_costs_one_operation_for_each_number_of_each_window():
    (pool, spread) = steps_of(lambda x: tinygrad_edu.max_pool2d(x, 3, stride=2), (2, 7, 7, 4))
    assert flops_of(pool) == flops_of(spread) == 2 * (3 * 3 * 4) * (3 * 3)


def test_attention_costs_two_products_and_its_gradient_five():
    shapes = [(2, 4, 3, 5), (2, 6, 3, 5), (2, 6, 3, 7)]
    steps = steps_of(lambda q, k, v: tinygrad_edu.dot_product_attention(q, k, v), *shapes)
    forward, gradient = [flops_of(step) for step in steps if step.op.name.startswith("dot_product_attention")]
    pairs = 2 * 3 * 4 * 6  # samples, heads, queries, keys
    assert forward == 2 * pairs * (5 + 7)
    assert gradient == 2 * pairs * (3 * 5 + 2 * 7)


def test_a_step_that_only_looks_costs_nothing():
    (look, add, *_) = steps_of(lambda x: x.T + 1.0, (2, 3))
    assert (flops_of(look), bytes_of(look)) == (0, 0)
    assert (flops_of(add), bytes_of(add)) == (6, 96)


def test_the_operations_that_cost_more_exist():
    assert OPERATIONS.keys() - REGISTRY.keys() <= {"argsort"}  # which is a question


def test_shares_name_the_largest_first_and_add_up():
    steps = steps_of(lambda x, w: np.tanh(x @ w).sum(), (30, 20), (20, 10))
    text = shares(steps, flops_of)
    assert text.startswith("matmul 9")
    assert sum(int(part.split()[-2]) for part in text.split(", ")) in (99, 100, 101)


def test_looking_at_a_plan_leaves_its_buffers_to_the_next_call():
    w = Value(np.ones((3, 2)))
    fast = tinygrad_edu.compile(lambda x: x @ w)
    fast(np.ones((4, 3)))
    (plan,) = next(iter(fast.plans.values()))
    before = list(plan.idle)
    assert "operations on numbers (matmul 100 %)" in fast.explain()
    assert plan.idle == before != []


def test_a_plan_whose_parameters_have_other_shapes_now_is_explained_too():
    w = Value(np.ones((3, 2)))
    fast = tinygrad_edu.compile(lambda x: x @ w)
    fast(np.ones((4, 3)))
    w.data = np.ones((3, 5))
    assert "other shapes now" in fast.explain()
    assert fast(np.ones((4, 3))).shape == (4, 5)


def test_the_plan_says_when_register_tiles_cannot_be_compiled(monkeypatch):
    tile = pytest.importorskip("tinygrad_edu.compiler.kernels.tile")
    monkeypatch.setattr(tile, "works", lambda: False)
    fast = tinygrad_edu.compile(lambda x, w: tinygrad_edu.conv2d(x, w).sum(), jit=True)
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((1, 5, 5, 2)), rng.standard_normal((3, 3, 2, 2))
    np.testing.assert_allclose(fast(x, tinygrad_edu.Value(w)).item(), tinygrad_edu.conv2d(x, w).sum())
    assert "none of register tiles" in fast.explain()


def test_a_table_without_rows_has_a_gradient_without_rows():
    pytest.importorskip("numba")
    table, nobody = tinygrad_edu.Value(np.zeros((0, 3))), np.zeros(0, int)
    fast = tinygrad_edu.compile(lambda i: (table[i] * 2.0).sum(), jit=True)
    fast(nobody).backward()
    assert table.grad.shape == (0, 3)
