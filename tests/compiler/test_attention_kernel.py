"""Kernels for sequences: attention head by head, rows of an embedding's gradient, gelu with its slope."""

import numpy as np
import pytest

import tinygrad_edu
from tinygrad_edu import Value, nn
from tinygrad_edu.compiler.kernels import WARM, scatter
from tinygrad_edu.compiler.kernels.store import compiled
from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.ops.indexing import At, scatter_at

pytest.importorskip("numba")

# Sequences, queries, keys, heads, features, features of values.
SIZES = [(2, 40, 40, 2, 17, 9), (1, 5, 7, 1, 2, 3), (3, 33, 70, 2, 16, 16)]
MASKS = {
    "none": lambda sizes, rng: None,
    "of keys": lambda sizes, rng: rng.random((sizes[0], 1, 1, sizes[2])) < 0.6,
    "of queries and keys": lambda sizes, rng: rng.random(sizes[1:3]) < 0.4,
}


def both(sizes, dtype, mask, causal, rng):
    """Results and gradients, eager and by kernels."""
    b, n, m, h, d, e = sizes
    arrays = [rng.normal(size=shape).astype(dtype) for shape in ((b, n, h, d), (b, m, h, d), (b, m, h, e))]
    seed = rng.normal(size=(b, n, h, e)).astype(dtype)

    def attend(q, k, v):
        return tinygrad_edu.dot_product_attention(q, k, v, mask, causal)

    fast = tinygrad_edu.compile(attend, jit=True)
    found = []
    for f in (attend, fast):
        values = [Value(x) for x in arrays]
        out = f(*values)
        out.backward(seed)
        found.append([out.data, *(value.grad for value in values)])
    assert fast.explain().count("# kernel_dot_product_attention") == 2
    return found


CASES = [(sizes, kind, causal) for sizes in SIZES for kind in MASKS for causal in (False, True)]


@pytest.mark.slow
@pytest.mark.parametrize(("sizes", "kind", "causal"), CASES)
def test_attention_by_kernels_is_attention(sizes, kind, causal, rng):
    dtype, close = (np.float64, 1e-13) if kind == "none" else (np.float32, 1e-5)
    for a, b in zip(*both(sizes, dtype, MASKS[kind](sizes, rng), causal, rng), strict=True):
        assert a.dtype == b.dtype == dtype
        np.testing.assert_allclose(b, a, rtol=0, atol=close)


def test_rows_of_a_table_add_up(rng):
    table = Value(rng.normal(size=(7, 3)))
    fast = tinygrad_edu.compile(lambda i: (table[i] * np.arange(1.0, 4.0)).sum(), jit=True)
    places = np.array([[0, 6, -1], [2, 2, -7]])
    fast(places).backward()
    expected = np.bincount(places.reshape(-1) % 7, minlength=7)[:, None] * np.arange(1.0, 4.0)
    np.testing.assert_array_equal(table.grad, expected)
    assert "kernel_scatter_at" in fast.explain()


def test_no_row_outside_of_a_table_is_written():
    g, at = Var("input", (2, 3), np.dtype(float)), Var("input", (1, 2), np.dtype(np.int64))
    params = {"index": At(0), "shape": (7, 3)}
    kernel = scatter.MAKERS["scatter_at"](Step(scatter_at, (g, at), params, Var("result", (7, 3), np.dtype(float))))
    add = compiled(kernel.source)
    for outside in (7, -8):
        with pytest.raises(IndexError, match="out of bounds"):
            add(np.empty((7, 3)), np.ones((2, 3)), np.array([[0, outside]]))


@pytest.mark.slow
def test_a_transformer_trains_with_kernels_as_without(rng):
    x, y = rng.integers(0, 11, (4, 9)), rng.integers(0, 11, 36)

    def loss(scores, y):
        return nn.softmax_cross_entropy(scores.reshape(-1, 11), y)

    def losses(compiled):
        model = nn.Sequential(
            nn.Embedding(11, 8, rng=0), nn.TransformerBlock(8, 2, causal=True, rng=0), nn.Dense(8, 11, rng=0)
        )
        rule = nn.AdamW(model.parameters(), lr=1e-2)
        fast = nn.compile_step(model, loss, rule)

        def slow(x, y):
            found = loss(model(x), y)
            rule.zero_grad()
            found.backward(keep="leaves")
            rule.step()
            return found.data

        return [float((fast if compiled else slow)(x, y)) for _ in range(WARM + 10)]

    found, expected = losses(True), losses(False)
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    assert found[-1] < 0.5 * found[0]
