"""Attention as one operation: its equation, masks of every kind, blocks, and what it refuses."""

import numpy as np
import pytest

from tinygrad_edu import Value, dot_product_attention
from tinygrad_edu.errors import DTypeError, ShapeError
from tinygrad_edu.ops import attention

MASKS = {
    "none": lambda rng: None,
    "of keys": lambda rng: rng.random((3, 1, 1, 7)) < 0.6,
    "of queries and keys": lambda rng: rng.random((5, 7)) < 0.6,
    "of everything": lambda rng: rng.random((3, 2, 5, 7)) < 0.6,
}


def drawn(rng, dtype=np.float64):
    """Queries, keys and values: 3 sequences, 5 queries, 7 keys, 2 heads, 4 features, values of 3."""
    return [rng.normal(size=shape).astype(dtype) for shape in ((3, 5, 2, 4), (3, 7, 2, 4), (3, 7, 2, 3))]


def by_hand(q, k, v, mask=None, causal=False):
    """Query by query."""
    (batch, n, heads, d), m = q.shape, k.shape[1]
    seen = np.broadcast_to(True if mask is None else mask, (batch, heads, n, m))
    out = np.zeros((batch, n, heads, v.shape[3]))
    for b, i, h in np.ndindex(batch, n, heads):
        keys = [j for j in range(m) if seen[b, h, i, j] and (j <= i or not causal)]
        if keys:
            e = np.exp(k[b, keys, h] @ q[b, i, h] / np.sqrt(d))
            out[b, i, h] = e @ v[b, keys, h] / e.sum()
    return out


@pytest.mark.parametrize("block", [1, 70, 1 << 16])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kind", MASKS)
def test_attention_is_its_equation_whatever_the_mask_and_the_blocks(kind, causal, block, rng, monkeypatch):
    monkeypatch.setattr(attention, "BLOCK", block)
    q, k, v = drawn(rng)
    mask = MASKS[kind](rng)
    found = dot_product_attention(q, k, v, mask, causal)
    np.testing.assert_allclose(found, by_hand(q, k, v, mask, causal), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("block", [1, 70, 1 << 16])
@pytest.mark.parametrize("kind", MASKS)
def test_gradients_do_not_depend_on_blocks(kind, block, rng, monkeypatch):
    mask, weights = MASKS[kind](rng), rng.normal(size=(3, 5, 2, 3))
    arrays = drawn(rng)

    def gradients():
        values = [Value(x) for x in arrays]
        dot_product_attention(*values, mask).backward(weights)
        return [value.grad for value in values]

    expected = gradients()
    monkeypatch.setattr(attention, "BLOCK", block)
    for found, wanted in zip(gradients(), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_query_that_may_look_nowhere_gets_zeros_and_moves_nothing(dtype, rng):
    values = [Value(x) for x in drawn(rng, dtype)]
    mask = np.ones((5, 7), dtype=bool)
    mask[2] = False
    out = dot_product_attention(*values, mask)
    assert not out.data[:, 2].any()
    out.backward(np.ones_like(out.data))
    assert not values[0].grad[:, 2].any()
    assert all(np.isfinite(value.grad).all() and value.grad.dtype == dtype for value in values)


def test_what_is_hidden_is_not_read_even_if_it_is_nan(rng):
    q, k, v = drawn(rng)
    mask = np.arange(7) < 6
    expected = dot_product_attention(q, k, v, mask)
    k[:, 6] = np.nan
    np.testing.assert_array_equal(dot_product_attention(q, k, v, mask), expected)
    assert np.isnan(dot_product_attention(q, k, v)).all()


def test_huge_scores_are_no_trouble(rng):
    q, k, v = drawn(rng)
    found = dot_product_attention(1e4 * q, k, v)
    best = np.argmax(np.einsum("bihd,bjhd->bhij", q, k), axis=-1)
    expected = v[np.arange(3)[:, None, None], best, np.arange(2)[:, None]].swapaxes(1, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("shapes", "mask", "error", "message"),
    [
        (((3, 5, 2, 4), (3, 7, 2, 3), (3, 7, 2, 3)), None, ShapeError, "do not go together"),
        (((3, 5, 2, 4), (3, 7, 2, 4), (3, 6, 2, 3)), None, ShapeError, "do not go together"),
        (((5, 2, 4), (7, 2, 4), (7, 2, 3)), None, ShapeError, "batch, queries, heads"),
        (((3, 5, 2, 4), (3, 7, 2, 4), (3, 7, 2, 3)), np.ones((5, 6), bool), ShapeError, "does not broadcast"),
        (((3, 5, 2, 4), (3, 7, 2, 4), (3, 7, 2, 3)), np.ones((5, 7)), DTypeError, "must be boolean, got float64"),
    ],
)
def test_what_does_not_fit_is_refused(shapes, mask, error, message):
    with pytest.raises(error, match=message):
        dot_product_attention(*map(np.ones, shapes), mask)


@pytest.mark.slow
@pytest.mark.parametrize("causal", [False, True])
def test_attention_agrees_with_pytorch(causal, rng):
    torch = pytest.importorskip("torch")
    arrays = drawn(rng)
    ours = [Value(x) for x in arrays]
    theirs = [torch.tensor(x.swapaxes(1, 2), requires_grad=True) for x in arrays]
    out = dot_product_attention(*ours, causal=causal)
    expected = torch.nn.functional.scaled_dot_product_attention(*theirs, is_causal=causal)
    np.testing.assert_allclose(out.data, expected.detach().numpy().swapaxes(1, 2), rtol=1e-12)
    (out**2).sum().backward()
    (expected**2).sum().backward()
    for value, tensor in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(value.grad, tensor.grad.numpy().swapaxes(1, 2), rtol=1e-10, atol=1e-13)
