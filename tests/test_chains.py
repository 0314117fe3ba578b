"""A weighted sum of scalars, recorded in one go: nothing but time tells it from the operators."""

import operator

import numpy as np
import pytest

from tinygrad_edu import Value, no_grad, record_lines, scope
from tinygrad_edu.graph import topological
from tinygrad_edu.ops.chains import weighted_sum


def by_operators(start, weights, inputs):
    return sum(map(operator.mul, weights, inputs), start)


@pytest.mark.parametrize("n_inputs", [0, 1, 3])
def test_it_makes_the_graph_that_the_operators_make(n_inputs):
    start, weights = Value(0.1), [Value(0.3 * i - 1.0) for i in range(n_inputs)]
    inputs = [Value(0.7 * i + 0.2) for i in range(n_inputs)]
    with scope("neuron"):
        found, expected = weighted_sum(start, weights, inputs), by_operators(start, weights, inputs)
    for node, twin in zip(topological(found), topological(expected), strict=True):
        assert (node.op, node.data, node.scope, type(node)) == (twin.op, twin.data, twin.scope, type(twin))
        assert [parent.data for parent in node.parents] == [parent.data for parent in twin.parents]


@pytest.mark.parametrize("other", [2.0, np.float64(2.0), np.array([1.0, 2.0]), Value([1.0, 2.0])], ids=type)
def test_what_is_no_scalar_value_is_left_to_the_operators(other):
    start, weights, inputs = Value(1.0), [Value(2.0), Value(3.0)], [Value(5.0), other]
    found, expected = weighted_sum(start, weights, inputs), by_operators(start, weights, inputs)
    np.testing.assert_array_equal(found.data, expected.data)
    assert type(found.data) is type(expected.data)


def test_other_modes_are_left_to_the_operators():
    parts = Value(1.0), [Value(2.0)], [Value(5.0)]
    with no_grad():
        assert weighted_sum(*parts).parents == ()
    with record_lines():
        assert weighted_sum(*parts).line is not None
