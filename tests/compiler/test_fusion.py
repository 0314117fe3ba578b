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
