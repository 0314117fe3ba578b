import functools
import math

import numpy as np
import pytest

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.nn import Dense
from tinygrad_edu.nn.init import (
    INITIALIZERS,
    constant,
    fans,
    he_normal,
    he_uniform,
    initializer,
    normal,
    uniform,
    xavier_normal,
    xavier_uniform,
)

SHAPE = (300, 200)
# The standard deviation that each source asks for, and the bound where there is one.
SPREAD = [
    (normal, 1.0, None),
    (uniform, 1 / math.sqrt(3), 1.0),
    (xavier_uniform, math.sqrt(2 / 500), math.sqrt(6 / 500)),
    (xavier_normal, math.sqrt(2 / 500), None),
    (he_uniform, math.sqrt(2 / 300), math.sqrt(6 / 300)),
    (he_normal, math.sqrt(2 / 300), None),
]


@pytest.mark.parametrize(("draw", "std", "bound"), SPREAD)
def test_an_initialiser_has_the_spread_of_its_source(draw, std, bound):
    weight = draw(SHAPE, rng=0)
    assert weight.std() == pytest.approx(std, rel=0.01)
    assert abs(weight.mean()) < 0.02 * std
    if bound is not None:
        assert bound * 0.999 < abs(weight).max() <= bound


def test_the_gain_scales_the_spread():
    np.testing.assert_allclose(xavier_normal(SHAPE, rng=0, gain=3.0), 3 * xavier_normal(SHAPE, rng=0))
    np.testing.assert_allclose(he_uniform(SHAPE, rng=0, gain=1.0), he_uniform(SHAPE, rng=0) / math.sqrt(2))


def test_constant_fills_and_draws_nothing():
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(constant((2, 2), rng, value=3.0), np.full((2, 2), 3.0))
    assert rng.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize("name", sorted(INITIALIZERS))
def test_every_initialiser_is_repeatable_and_gives_the_shape_and_dtype_asked_for(name):
    draw = initializer(name)
    one = draw((3, 4), rng=7, dtype=np.float32)
    assert (one.shape, one.dtype) == ((3, 4), np.float32)
    np.testing.assert_array_equal(one, draw((3, 4), rng=np.random.default_rng(7), dtype=np.float32))


@pytest.mark.parametrize(("shape", "expected"), [
    ((64, 10), (64, 10)), ((3, 3, 16, 32), (144, 288)), ((5,), (5, 5)), ((), (1, 1)), ((0, 3), (1, 3)),
])  # fmt: skip
def test_fans_are_read_off_the_shape(shape, expected):
    assert fans(shape) == expected


def test_a_layer_takes_an_initialiser_by_name_or_as_a_function():
    np.testing.assert_array_equal(Dense(3, 2, init="he_normal", rng=1).weight.data, he_normal((3, 2), rng=1))
    small = functools.partial(normal, std=0.01)
    np.testing.assert_array_equal(Dense(3, 2, init=small, rng=1).weight.data, small((3, 2), rng=1))


def test_an_unknown_initialiser_lists_those_there_are():
    with pytest.raises(ArgumentError, match="init: none is called 'glorot'; there are constant, zeros, normal"):
        initializer("glorot")
