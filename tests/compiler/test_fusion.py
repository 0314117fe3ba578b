"""Which steps become one kernel, what its source says, and where its results may lie."""

import numpy as np
import pytest

import tinygrad_edu
from tinygrad_edu.compiler.code import Code, Part
from tinygrad_edu.compiler.kernels import Fused, fuse, may_overwrite
from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.op import REGISTRY

pytest.importorskip("numba")

FLOAT = np.dtype(np.float64)


class Sketch:
    """A list of steps, written as calls."""

    def __init__(self):
        self.steps = []

    def array(self, *shape):
        return Var("input", shape, FLOAT)

    def do(self, name, *operands, shape=None, **params):
        op = REGISTRY[name]
        params = {**op.defaults, **params}
        if shape is None:
            shape = np.shape(op.compute(*[np.ones(v.shape) for v in operands], **params))
        out = Var("result", shape, FLOAT)
        self.steps.append(Step(op, operands, params, out))
        return out


def groups(steps):
    """The names of the operations in each fused step."""
    return [[inner.op.name for inner in step.op.nest.steps] for step in steps if isinstance(step.op, Fused)]


def names(steps):
    return ["kernel" if isinstance(step.op, Fused) else step.op.name for step in steps]


def test_a_chain_becomes_one_step():
    s = Sketch()
    x = s.array(3, 4)
    y = s.do("exp", s.do("negative", s.do("square", x)))
    (step,) = fuse(s.steps, [y])
    assert groups([step]) == [["square", "negative", "exp"]]
    assert step.outs == (y,)
    assert step.operands == (x,)


def test_slow_functions_of_one_another_keep_apart_where_arrays_are_small():
    for size, expected in ((64, [["multiply", "tanh", "multiply"], ["tanh"], ["exp"]]), (6400, None)):
        s = Sketch()
        x, b = s.array(size), s.array(size)
        y = s.do("exp", s.do("tanh", s.do("multiply", s.do("tanh", s.do("multiply", x, b)), b)))
        found = groups(fuse(s.steps, [y]))
        assert found == (expected or [["multiply", "tanh", "multiply", "tanh", "exp"]])


def code_of(s, x, b, *outputs):
    return Code([Part("forward", [x, b], s.steps, outputs)], jit=True)


def test_kernels_in_turn_are_one_call_and_loops_that_are_alike_one_function():
    s = Sketch()
    x, b = s.array(3, 5), s.array(3, 5)
    z = x
    for _ in range(6):
        z = s.do("tanh", s.do("multiply", z, b))
    total = s.do("sum", z)
    code = code_of(s, x, b, total)
    (source,) = code.kernels.values()
    assert source.count("def nest") == 3, "the first, which reads x, the last, with its sum, and those between"
    assert source.count("tanh_float64(") == 3
    feeds = np.linspace(-1, 1, 15).reshape(3, 5), np.linspace(0.5, 2, 15).reshape(3, 5)
    z = feeds[0]
    for _ in range(6):
        z = np.tanh(z * feeds[1])
    for _ in range(2):
        (found,), _ = code.functions["forward"](*feeds)
        np.testing.assert_allclose(found, z.sum(), rtol=1e-13)


def test_what_must_be_copied_between_kernels_is_copied_between_them():
    s = Sketch()
    x, b = s.array(4, 4), s.array(4, 4)
    first = s.do("tanh", s.do("multiply", x, b))
    turned = s.do("transpose", first, axes=(1, 0))
    second = s.do("tanh", s.do("multiply", turned, b))
    out = s.do("exp", s.do("multiply", second, first))
    code = code_of(s, x, b, out)
    lines = [line.split("(")[0].strip() for line in code.source.splitlines()]
    assert lines.index("copyto") > next(i for i, line in enumerate(lines) if line.startswith("kernel"))
    a, c = np.arange(16.0).reshape(4, 4) / 16, np.eye(4) + 0.5
    z = np.tanh(a * c)
    expected = np.exp(np.tanh(z.T * c) * z)
    np.testing.assert_allclose(code.functions["forward"](a, c)[0][0], expected, rtol=1e-13)


def test_pieces_of_two_types_share_a_block():
    def f(x):
        small = (x * 0.5).astype(np.float32)
        for _ in range(3):
            small = np.tanh(small * np.float32(0.9))
        wide = small.astype(np.float64) * x
        for _ in range(3):
            wide = np.tanh(wide * 1.1)
        return np.where(wide > 0.1, wide, -x)

    x = np.linspace(-2.0, 2.0, 24).reshape(4, 6)
    fast = tinygrad_edu.compile(f, jit=True)
    for _ in range(2):
        ours, theirs = tinygrad_edu.Value(x), tinygrad_edu.Value(x)
        found, expected = fast(ours), f(theirs)
        found.backward(np.ones_like(x))
        expected.backward(np.ones_like(x))
        np.testing.assert_allclose(found.data, expected.data, rtol=1e-5)
        np.testing.assert_allclose(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


def test_a_single_step_stays_as_it_is():
    s = Sketch()
    y = s.do("exp", s.array(3))
    assert names(fuse(s.steps, [y])) == ["exp"]


def test_a_matrix_product_keeps_what_is_before_it_from_what_is_behind():
    s = Sketch()
    before = s.do("tanh", s.do("negative", s.array(3, 3)))
    product = s.do("matmul", before, before)
    behind = s.do("add", s.do("exp", product), before)
    assert names(fuse(s.steps, [behind])) == ["kernel", "matmul", "kernel"]


def test_a_large_slope_of_an_activation_waits_for_the_gradient_and_takes_no_memory_until_then():
    for size, expected in ((256, [["square", "subtract", "multiply"]]), (8, [["tanh", "square", "subtract"]])):
        s = Sketch()
        x, weight = s.array(size, size), s.array(size, size)
        y = s.do("tanh", x)
        product = s.do("matmul", y, weight)
        slope = s.do("subtract", x, s.do("square", y))
        found = fuse(s.steps, [s.do("multiply", slope, product)])
        assert groups(found) == expected


def test_a_result_that_is_needed_outside_is_an_output_as_well():
    s = Sketch()
    x = s.array(2, 2)
    middle = s.do("exp", x)
    end = s.do("add", middle, x)
    (step,) = fuse(s.steps, [end, middle])
    assert set(step.outs) == {middle, end}


def test_steps_of_other_shapes_keep_apart():
    s = Sketch()
    x, y = s.array(3), s.array(4)
    a = s.do("exp", s.do("negative", x))
    b = s.do("exp", s.do("negative", y))
    assert names(fuse(s.steps, [a, b])) == ["kernel", "kernel"]


def test_softmax_with_its_reductions_is_one_kernel_of_three_loops():
    s = Sketch()
    x = s.array(5, 7)
    peak = s.do("max", x, axis=-1, keepdims=True)
    e = s.do("exp", s.do("subtract", x, peak))
    out = s.do("divide", e, s.do("sum", e, axis=-1, keepdims=True))
    (step,) = fuse(s.steps, [out])
    code = Code([Part("f", [x], s.steps, [out])], jit=True)
    (source,) = code.kernels.values()
    assert source.count("for i1 in range(n1)") == 3
    data = np.random.default_rng(0).normal(size=(5, 7))
    np.testing.assert_allclose(code.functions["f"](data)[0][0], tinygrad_edu.softmax(data), rtol=1e-14)
    np.testing.assert_allclose(step.op.compute(data), tinygrad_edu.softmax(data), rtol=1e-14)


def test_a_number_of_a_column_is_not_used_before_all_rows_are_through():
    s = Sketch()
    x = s.array(5, 7)
    total = s.do("sum", s.do("exp", x), axis=0)
    out = s.do("multiply", x, total)
    assert names(fuse(s.steps, [out])) == ["kernel", "multiply"]


def test_a_result_may_lie_where_an_operand_lies_only_after_its_last_look():
    s = Sketch()
    x = s.array(5, 7)
    e = s.do("exp", x)
    out = s.do("multiply", s.do("divide", e, s.do("sum", e, axis=-1, keepdims=True)), x)
    (step,) = fuse(s.steps, [out, e])
    assert may_overwrite(step.op, out, x)
    assert not may_overwrite(step.op, e, x)  # the second loop of the row reads x again


def test_a_result_does_not_lie_where_an_operand_of_another_shape_lies():
    s = Sketch()
    x, row = s.array(5, 5), s.array(5)
    out = s.do("negative", s.do("multiply", x, row))
    (step,) = fuse(s.steps, [out])
    assert may_overwrite(step.op, out, x)
    assert not may_overwrite(step.op, out, row)


def test_sources_do_not_depend_on_sizes():
    sources = []
    for shape in ((3, 4), (50, 60)):
        s = Sketch()
        x, b = s.array(*shape), s.array(shape[1])
        y = s.do("mean", s.do("tanh", s.do("add", x, b)), axis=1)
        code = Code([Part("f", [x, b], s.steps, [y])], jit=True)
        sources += code.kernels.values()
    assert sources[0] == sources[1]
