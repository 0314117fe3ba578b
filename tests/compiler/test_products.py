"""Products of matrices as kernels of tiles: NumPy's numbers, whatever the sizes, with what follows them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu
from tinygrad_edu import Value
from tinygrad_edu.compiler.code import Code, Part
from tinygrad_edu.compiler.kernels import Whole, products, threads
from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.op import REGISTRY

pytest.importorskip("numba")


@pytest.fixture(autouse=True)
def small_ones_too(monkeypatch):
    monkeypatch.setattr(products, "LEAST", 0)


def numbers(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def agree(found, expected):
    tolerance = {"float32": 5e-6, "float64": 1e-13}[found.dtype.name]
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * max(1.0, np.abs(expected).max()))


class Written:
    """Steps of a plan, written down one after the other, and the numbers that they should give."""

    def __init__(self, *operands):
        self.data = dict(zip([Var("input", x.shape, x.dtype) for x in operands], operands, strict=True))
        self.inputs = list(self.data)
        self.steps = []

    def constant(self, data):
        var = Var("constant", data.shape, data.dtype, data)
        self.data[var] = data
        return var

    def add(self, name, *operands, **params):
        expected = REGISTRY[name].compute(*[self.data[var] for var in operands], **params)
        out = Var("result", expected.shape, expected.dtype)
        self.data[out] = expected
        self.steps.append(Step(REGISTRY[name], operands, params, out))
        return out

    def run(self, *outputs):
        """Run the plan twice into arrays that held something else; what kernels it has."""
        into = {out: np.full(out.shape, 7.0, out.dtype) for out in outputs}
        code = Code([Part("forward", self.inputs, self.steps, list(outputs))], into=into, jit=True)
        for _ in range(2):
            code.functions["forward"](*[self.data[var] for var in self.inputs])
        for out in outputs:
            agree(into[out], self.data[out])
        return [step.op for step in code.parts[0].steps if isinstance(step.op, Whole)]


def product(rows, inner, columns, dtype, turned=(False, False), bias=False, relu=False):
    """A product of that size: its kernel gives the numbers of its steps, and is the only one."""
    shapes = [(rows, inner), (inner, columns)]
    operands = [numbers(*(shape[::-1] if t else shape), dtype=dtype) for shape, t in zip(shapes, turned, strict=True)]
    plan = Written(*operands, *([numbers(columns, dtype=dtype, seed=1)] if bias else []))
    sides = [
        plan.add("swapaxes", var, axis1=-1, axis2=-2) if t else var
        for var, t in zip(plan.inputs[:2], turned, strict=True)
    ]
    out = plan.add("matmul", *sides)
    if bias:
        out = plan.add("add", out, plan.inputs[2])
    if relu:
        out = plan.add("maximum", out, plan.constant(np.zeros((), dtype)))
    found = plan.run(out)
    assert len(found) == (1 + turned[1] if rows >= products.TURNED or not turned[1] else 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("sizes", "turned"),
    [((33, 5, 65), (False, False)), ((31, 3, 40), (True, False)), ((8, 9, 17), (False, True))],
    ids=str,
)
def test_a_product_of_sizes_that_no_tile_divides(sizes, turned, dtype):
    product(*sizes, dtype, turned)


@pytest.mark.parametrize("sizes", [(1, 784, 128), (1, 1, 4)], ids=str)
def test_a_batch_of_one(sizes):
    product(*sizes, "float32")


def test_what_a_few_rows_are_multiplied_by_is_not_copied_for_them():
    product(7, 9, 17, "float32", (False, True))


def test_products_share_the_copy_of_a_matrix_that_lies_the_other_way():
    plan = Written(numbers(8, 6), numbers(8, 6, seed=1), numbers(16, 6))
    x, y, w = plan.inputs
    turned = plan.add("swapaxes", w, axis1=0, axis2=1)
    assert len(plan.run(plan.add("matmul", x, turned), plan.add("matmul", y, turned))) == 3


def test_bias_and_relu_are_done_in_the_kernel():
    product(32, 20, 10, "float32", bias=True, relu=True)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 100), inner=st.integers(1, 80), columns=st.integers(4, 100),
    dtype=st.sampled_from(["float32", "float64"]), turned=st.tuples(st.booleans(), st.booleans()),
    bias=st.booleans(), relu=st.booleans(),
)  # fmt: skip
def test_any_product(rows, inner, columns, dtype, turned, bias, relu):
    product(rows, inner, columns, dtype, turned, bias, relu)


def test_what_somebody_else_reads_is_there():
    plan = Written(numbers(8, 6), numbers(6, 16), numbers(16))
    x, w, b = plan.inputs
    h = plan.add("matmul", x, w)
    out = plan.add("add", h, b)
    plan.run(out, h)


def test_a_column_that_is_added_is_no_bias():
    plan = Written(numbers(16, 6), numbers(6, 16), numbers(16, 1))
    x, w, b = plan.inputs
    plan.run(plan.add("add", plan.add("matmul", x, w), b))


def test_a_matrix_times_itself_turned():
    plan = Written(numbers(9, 20))
    plan.run(plan.add("matmul", plan.inputs[0], plan.add("transpose", plan.inputs[0], axes=None)))


def test_halves_of_a_large_product_on_two_threads(monkeypatch):
    monkeypatch.setattr(products, "HANDED", 0.0)
    monkeypatch.setattr(threads, "allowed", lambda: 2)
    product(33, 7, 40, "float32", (False, True))


def test_nan_and_infinity_are_where_they_belong():
    x = numbers(6, 5)
    x[1, 2], x[4, 0] = np.nan, np.inf
    fast = tinygrad_edu.compile(lambda x, w: np.maximum(x @ w + np.ones(8), 0.0), jit=True)
    w = np.ones((5, 8))
    found = fast(x, Value(w)).data
    assert np.all(np.isnan(found[1]))
    assert np.all(np.isinf(found[4]))
    agree(found[[0, 2, 3, 5]], np.maximum(x[[0, 2, 3, 5]] @ w + 1, 0.0))


def test_operands_that_lie_otherwise_and_batches_of_none():
    w = Value(numbers(6, 16, seed=2))
    fast = tinygrad_edu.compile(lambda x: np.sum((x @ w) ** 2), jit=True)
    x = numbers(6, 6)
    for view in (x, x.T, x[::-1], x[::2], np.asfortranarray(x), np.broadcast_to(x[0], (4, 6)), x[:0]):
        gradients = []
        for f in (fast, fast.f):
            w.zero_grad()
            loss = f(view)
            loss.backward()
            gradients.append((np.asarray(loss.data), w.grad))
        for found, expected in zip(*gradients, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("width", "registers"), [(16, 16), (32, 16), (64, 32)])
def test_tiles_fit_into_the_registers(width, registers):
    for rows in (1, 7, 32, 784):
        for columns in (4, 10, 33, 128):
            shape = products.shape_of(rows, columns, 4, width, registers)
            assert (shape.rows + 1) * shape.vectors < registers
            assert 1 <= shape.rows <= rows
