"""Graphs that Hypothesis makes up: results and gradients of a plan are those of the function, on second data too."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu
from tinygrad_edu import Value, sigmoid, softmax

UNARY = [
    np.tanh, np.sin, np.negative, np.square, sigmoid, softmax, lambda x: x.T, lambda x: np.exp(-x * x),
    lambda x: x[::-1], lambda x: np.where(x > 0.1, x, x * 0.5), lambda x: np.reshape(x, x.shape[::-1]),
    lambda x: x - np.mean(x, axis=0), lambda x: np.maximum(x, 0.2), lambda x: x * (x >= np.median(x)),
    lambda x: np.sort(x, axis=-1), lambda x: np.cumsum(x, axis=0) * 0.3, lambda x: x / (1.0 + np.abs(x)),
    lambda x: np.concatenate([x[1:], x[:1]]), lambda x: np.std(x) + x,
]  # fmt: skip
BINARY = [
    np.add, np.multiply, np.subtract, lambda x, y: x @ y.T @ x * 0.1, lambda x, y: x * np.sum(y),
    lambda x, y: np.maximum(x, y), lambda x, y: x / (2.0 + y * y),
]  # fmt: skip


@st.composite
def recipes(draw):
    """A list of steps: which function, on which earlier results."""
    steps = draw(st.integers(1, 12))
    return [
        (draw(st.integers(0, len(UNARY) + len(BINARY) - 1)), draw(st.integers(0, 99)), draw(st.integers(0, 99)))
        for _ in range(steps)
    ]


def cook(recipe, a, b):
    made = [a, b]
    for which, i, j in recipe:
        x, y = made[i % len(made)], made[j % len(made)]
        if which < len(UNARY):
            made.append(UNARY[which](x))
        else:
            made.append(BINARY[which - len(UNARY)](x, y if y.shape == x.shape else y.T))
    return sum(np.sum(np.sin(one)) for one in made[2:]) if len(made) > 3 else np.sum(made[-1])


GRAPHS = (recipes(), st.sampled_from([(3, 2), (1, 4), (2, 2)]), st.sampled_from([np.float32, np.float64]))


def assert_runs_as_it_was_written(fast, recipe, shape, dtype, seed):
    rng = np.random.default_rng(seed)
    a, b = (Value(rng.normal(size=shape).astype(dtype)) for _ in range(2))
    expected = cook(recipe, a, b)
    expected.backward()
    wanted = [a.grad, b.grad]
    a.grad = b.grad = None
    found = fast(a, b)
    found.backward()
    tolerance = 1e-9 if dtype is np.float64 else 2e-3
    assert found.data.dtype == expected.data.dtype
    np.testing.assert_allclose(found.data, expected.data, rtol=tolerance, atol=tolerance)
    for got, want in zip([a.grad, b.grad], wanted, strict=True):
        if want is None:
            assert got is None or not np.any(got)
        else:
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * max(1, np.max(np.abs(want))))


@given(*GRAPHS)
@settings(max_examples=60, deadline=None)
def test_a_compiled_graph_is_the_graph(recipe, shape, dtype):
    fast = tinygrad_edu.compile(lambda a, b: cook(recipe, a, b))
    for seed in range(3):
        assert_runs_as_it_was_written(fast, recipe, shape, dtype, seed)
