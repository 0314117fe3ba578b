"""Random numbers as nodes: drawn once, kept with the graph, with gradients for what shapes the draw."""

import numpy as np
import pytest

from tinygrad_edu import Value, no_grad
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.graph import replay, topological
from tinygrad_edu.ops.random import Draw, bernoulli, dropout, normal, standard_uniform, uniform


def test_the_same_seed_draws_the_same_numbers_and_a_generator_goes_on():
    assert np.array_equal(uniform(4, rng=7).data, uniform(4, rng=7).data)
    rng = np.random.default_rng(7)
    first, second = uniform(4, rng=rng), uniform(4, rng=rng)
    assert not np.array_equal(first.data, second.data)


def test_draws_are_those_of_numpy():
    assert np.array_equal(normal(0.0, 1.0, (2, 3), rng=1).data, np.random.default_rng(1).standard_normal((2, 3)))
    assert np.array_equal(uniform((2, 3), rng=1).data, np.random.default_rng(1).random((2, 3)))


def test_mean_and_deviation_get_reparameterised_gradients():
    mean, std = Value(np.array([0.0, 10.0])), Value(2.0)
    x = normal(mean, std, (5, 2), rng=3)
    z = (x.data - mean.data) / 2.0
    (x * x).sum().backward()
    np.testing.assert_allclose(mean.grad, (2 * x.data).sum(axis=0), rtol=1e-12)
    assert std.grad == pytest.approx((2 * x.data * z).sum(), rel=1e-12)


def test_low_and_high_get_reparameterised_gradients():
    low, high = Value(-1.0), Value(3.0)
    x = uniform((100,), low, high, rng=3)
    assert x.data.min() >= -1.0
    assert x.data.max() < 3.0
    u = (x.data + 1.0) / 4.0
    x.sum().backward()
    assert high.grad == pytest.approx(u.sum())
    assert low.grad == pytest.approx((1 - u).sum())


def test_a_mask_has_ones_as_often_as_asked_and_no_gradient():
    p = Value(0.3)
    mask = bernoulli(p, shape=10000, rng=0)
    assert set(np.unique(mask.data)) == {0.0, 1.0}
    assert mask.data.mean() == pytest.approx(0.3, abs=0.02)
    assert mask.op.terminal


def test_replaying_a_graph_meets_the_draw_it_was_recorded_with():
    x = Value(np.ones((20,)))
    y = dropout(x, 0.5, rng=5)
    again = replay(y, {x: np.full(20, 3.0)})
    assert np.array_equal(again, 3.0 * y.data)


def test_the_draw_is_a_node_that_knows_how_to_draw_anew():
    y = dropout(Value(np.ones(6)), 0.5, rng=5)
    (draw,) = [node for node in topological(y) if isinstance(node.op, Draw)]
    assert draw.op is standard_uniform
    assert draw.parents == ()
    assert draw.op.kind == "source"
    assert isinstance(draw.params["rng"], np.random.Generator)
    assert not np.array_equal(draw.op.forward(**draw.params), draw.data)


def test_dropout_scales_what_it_keeps_and_passes_the_gradient_there_alone():
    x = Value(np.ones(1000, dtype=np.float32))
    y = dropout(x, 0.2, rng=0)
    assert y.dtype == np.float32
    assert set(np.unique(y.data)) == {np.float32(0), np.float32(1.25)}
    y.sum().backward()
    assert np.array_equal(x.grad, y.data)
    assert y.parents[1].grad is None


def test_dropout_does_nothing_outside_training_and_everything_at_one():
    x = Value(np.ones(3))
    assert dropout(x, 0.5, training=False) is x
    assert dropout(x, 0.0) is x
    assert dropout(x, 1.0, rng=0).data.sum() == 0.0


@pytest.mark.parametrize("p", [-0.1, 1.5])
def test_dropout_refuses_what_is_no_probability(p):
    with pytest.raises(ArgumentError, match="probability"):
        dropout(Value(1.0), p)


def test_nothing_is_recorded_under_no_grad():
    with no_grad():
        x = normal(Value(0.0), Value(1.0), 3, rng=0)
    assert x.parents == ()
    assert x.op.name == "constant"


def test_a_second_derivative_goes_through_a_draw():
    std = Value(2.0)
    x = normal(0.0, std, 4, rng=0)
    (x**3).sum().backward(create_graph=True)
    slope = std.grad
    std.zero_grad()
    slope.backward()
    z = x.data / 2.0
    assert std.grad == pytest.approx((6 * z**3 * 2.0).sum())
