"""Rules whose constants are numbers of the arrays' own type: the same gradients, to the last bit."""

import numpy as np
import pytest

from tests.calls import call_of
from tinygrad_edu import Value
from tinygrad_edu.op import REGISTRY
from tinygrad_edu.typed import TYPES, typed

RULES = [name for name, op in REGISTRY.items() if getattr(op, "typed", None)]


def test_there_are_such_rules():
    assert {"tanh", "sigmoid", "sqrt", "arctan"} <= set(RULES)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("name", RULES)
def test_a_typed_rule_is_the_rule(name, dtype):
    op = REGISTRY[name]
    (x,) = call_of(op, op.cases[0]).inputs
    x = np.asarray(x, dtype)
    t = np.linspace(-3.0, 3.0, x.size, dtype=dtype).reshape(x.shape)
    for special in (t, np.full_like(t, np.inf), np.full_like(t, np.nan), np.zeros_like(t)):
        out = op.compute(x)
        expected, found = op.along[0](special, out, x), op.typed[dtype](special, out, x)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 3)])
def test_gradients_have_shape_and_type_of_the_value(dtype, shape):
    x = Value(np.full(shape, 0.25, dtype))
    np.tanh(x).sum().backward()
    np.testing.assert_allclose(x.grad, np.full(shape, 1.0 - np.tanh(0.25) ** 2), rtol=2e-3)
    assert x.grad.dtype == dtype
    assert np.shape(x.grad) == shape


def test_a_float_stays_a_float():
    x = Value(0.25)
    x.tanh().backward()
    assert x.grad.__class__ is float


def test_an_infinite_gradient_stays_infinite():
    x = Value(np.array([0.5, -0.5], np.float32))
    np.tanh(x).backward(np.array([np.inf, -np.inf], np.float32))
    np.testing.assert_array_equal(x.grad, [np.inf, -np.inf])


def test_rules_with_more_than_arithmetic_are_left_alone():
    slope = 2.0
    assert typed(lambda t, out, x: t * slope) == {}
    assert typed(lambda t, out, x: t * np.cos(x * 2.0)) == {}
    assert typed(lambda t, out, x: t * x**0.5) == {}
    assert typed(lambda t, out, x: t * out) == {}
    assert typed(np.multiply) == {}
