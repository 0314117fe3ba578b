"""What the backward loop takes on trust: what the rules of built-in elementwise operations make fits as it stands."""

import numpy as np
import pytest

import tinygrad_edu  # noqa: F401 - enters the operations
from tinygrad_edu import Value
from tinygrad_edu.errors import GradientError
from tinygrad_edu.kinds import elementwise
from tinygrad_edu.op import REGISTRY

EXACT = sorted(name for name, op in REGISTRY.items() if op.exact)
SHAPES = [(3,), (2, 3), (2, 0), (1,)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", EXACT)
def test_a_rule_keeps_the_shape_and_shares_no_memory(name, dtype):
    op, rng = REGISTRY[name], np.random.default_rng(0)
    for shape in SHAPES:
        xs = [rng.uniform(span.low, span.high, shape).astype(dtype) for span in op.domain]
        out = op.compute(*xs)
        g = rng.normal(size=shape).astype(out.dtype)
        for rule in op.rules:
            made = rule(g, out, *xs)
            assert type(made) is np.ndarray
            assert made.shape == shape
            assert made is g or not any(np.shares_memory(made, other) for other in (g, out, *xs))


@pytest.mark.parametrize("name", [name for name in EXACT if REGISTRY[name].arity == 2])
def test_beside_a_python_float_a_rule_keeps_the_shape_of_the_array(name):
    op, rng = REGISTRY[name], np.random.default_rng(0)
    arrays = [rng.uniform(span.low, span.high, (2, 3)) for span in op.domain]
    for number in (0, 1):
        xs = [1.5 if i == number else x for i, x in enumerate(arrays)]
        out = op.compute(*xs)
        assert op.rules[1 - number](np.ones_like(out), out, *xs).shape == (2, 3)


def test_a_rule_of_a_user_is_not_taken_on_trust():
    wrong = elementwise("wrong_shape_here", lambda x: 2.0 * x, along=(lambda t, out, x: (2.0 * t)[:1],))
    assert not wrong.exact
    with pytest.raises(GradientError, match=r"wrong_shape_here: its rule gave a gradient of shape \(1,\)"):
        wrong(Value(np.ones(3))).backward(np.ones(3))


def test_a_user_rule_that_hands_out_a_view_gives_a_gradient_of_its_own():
    flipped = elementwise("view_here", lambda x: x + 0.0, along=(lambda t, out, x: t[::1],))
    x, seed = Value(np.ones(3)), np.ones(3)
    y = flipped(x)
    y.backward(seed)
    assert not np.shares_memory(x.grad, y.grad)


@pytest.mark.parametrize(
    "shapes", [((3,), (1, 3)), ((2, 3), (3,)), ((1, 3), (2, 1)), ((0, 3), (1, 3)), ((0, 1), (1, 3))]
)
def test_operands_that_broadcast_get_gradients_of_their_own_shapes(shapes):
    for function in (np.multiply, np.add, np.divide):
        a, b = (Value(np.ones(shape)) for shape in shapes)
        function(a, b).sum().backward()
        assert (a.grad.shape, b.grad.shape) == shapes


@pytest.mark.parametrize("function", [np.multiply, np.add, np.maximum, np.divide])
def test_mixed_dtypes_give_each_operand_a_gradient_of_its_own_dtype(function):
    a, b = Value(np.ones(3, dtype=np.float32)), Value(np.full(3, 2.0))
    function(a, b).sum().backward()
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)
