"""Scaled dot-product attention as one operation: the weights of all heads are never in memory at the same time.

Arrays lie as (batch, length, heads, features). Forward and gradient go through the batch in blocks whose weights stay
in cache, with keys as the first axis: their maximum and sum are then taken of whole rows.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.errors import DTypeError, ShapeError
from tinygrad_edu.kinds import General
from tinygrad_edu.op import Interval, case, register
from tinygrad_edu.ops.activation import softmax
from tinygrad_edu.ops.questions import current

__all__ = ["dot_product_attention"]

BLOCK = 1 << 16  # weights at a time


def dot_product_attention(query: Any, key: Any, value: Any, mask: Any = None, causal: bool = False) -> Any:
    """What each query takes from the values: ``softmax(query key^T / sqrt(features)) value``, head by head.

    Parameters
    ----------
    query : Value or array, shape (batch, queries, heads, features)
    key : Value or array, shape (batch, keys, heads, features)
    value : Value or array, shape (batch, keys, heads, value features)
    mask : array of bool, optional
        True where a query may look; broadcast to (batch, heads, queries, keys). A query that may look nowhere gets 0.
    causal : bool
        Query i sees key 0 to i only.

    Returns
    -------
    Value or array, shape (batch, queries, heads, value features)

    Raises
    ------
    ShapeError
        If the shapes do not go together.
    DTypeError
        If the mask is not boolean.

    Notes
    -----
    Vaswani et al. (2017), "Attention is all you need"; axes as in ``jax.nn.dot_product_attention``.

    Examples
    --------
    >>> x = np.array([[[[1.0]], [[3.0]]]])
    >>> dot_product_attention(x, x, x, causal=True).ravel().round(4)
    array([1.    , 2.9951])
    """
    q, k, v = np.shape(query), np.shape(key), np.shape(value)
    if not (len(q) == len(k) == len(v) == 4 and k[:3] == v[:3] and (q[0], *q[2:]) == (k[0], *k[2:])):
        raise ShapeError(
            f"dot_product_attention: query, key and value of shapes {q}, {k} and {v} do not go together; expected "
            "(batch, queries, heads, features), (batch, keys, heads, features) and (batch, keys, heads, any features)"
        )
    allowed = current(np.ones((1, 1), dtype=bool) if mask is None else mask)
    if np.result_type(allowed) != np.bool_:
        raise DTypeError(f"dot_product_attention: the mask must be boolean, got {np.result_type(allowed)}")
    if causal:
        before = np.tri(q[1], k[1], dtype=bool)
        allowed = before if mask is None else allowed & before
    whole = (q[0], q[2], q[1], k[1])
    if len(np.broadcast_shapes((1,) * 4, np.shape(allowed))) > 4 or any(
        n not in (1, size) for n, size in zip(np.shape(allowed)[::-1], whole[::-1], strict=False)
    ):
        raise ShapeError(f"dot_product_attention: a mask of shape {np.shape(allowed)} does not broadcast to {whole}")
    return attended(query, key, value, allowed)


# -- on arrays, block by block


def forward(q: Any, k: Any, v: Any, allowed: Any, out: Any = None, weights: Any = None) -> Any:
    """The result for arrays; into `out` if it is given, and the weights into a flat array, as `gradient` wants them."""
    if out is None:
        out = np.empty((*q.shape[:3], v.shape[3]), np.result_type(q, k, v))
    kept = 0
    for at, ceiling in _blocks(q, k, allowed, out.dtype):
        room = _room(q[at], k[at], out.dtype, weights, kept)
        kept += room.size
        _shares(q[at], k[at], ceiling, room)
        np.matmul(room.transpose(1, 2, 3, 0), v[at].swapaxes(1, 2), out=out[at].swapaxes(1, 2))
    return out


def gradient(g: Any, q: Any, k: Any, v: Any, allowed: Any, out: Any = None, kept: Any = None) -> Any:
    """The gradients of q, k and v for that of the result, one after the other in one flat array.

    With the weights that `forward` left, these need not be computed again; they are overwritten.
    """
    dtype = np.result_type(g, q, k, v)
    if out is None:
        out = np.empty(q.size + k.size + v.size, dtype)
    parts = pieces(out, (q.shape, k.shape, v.shape))
    used = 0
    for at, ceiling in _blocks(q, k, allowed, dtype):
        weights = _room(q[at], k[at], dtype, kept, used)
        used += weights.size
        if kept is None:
            _shares(q[at], k[at], ceiling, weights)
        of_q, of_k, of_v = (part[at].swapaxes(1, 2) for part in parts)
        np.matmul(weights.transpose(1, 2, 0, 3), g[at].swapaxes(1, 2), out=of_v)
        slopes = np.empty_like(weights)
        columns = np.ascontiguousarray(g[at].transpose(0, 2, 3, 1))
        np.matmul(_rows_of(v[at]), columns, out=slopes.transpose(1, 2, 0, 3))
        slopes *= weights
        weights *= np.add.reduce(slopes, axis=0)
        slopes -= weights
        np.matmul(slopes.transpose(1, 2, 3, 0), _rows_of(k[at], _scale(q)), out=of_q)
        np.matmul(slopes.transpose(1, 2, 0, 3), _rows_of(q[at], _scale(q)), out=of_k)
    return out


def pieces(packed: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """Arrays of these shapes from a flat one that has them one after the other."""
    found, start = [], 0
    for shape in shapes:
        stop = start + math.prod(shape)
        found.append(np.reshape(packed[start:stop], shape))
        start = stop
    return found


def _blocks(q: Any, k: Any, allowed: Any, dtype: Any) -> Iterator[tuple[Any, Any]]:
    """Where each block is, and its ceiling for scores: -inf where hidden, else NaN, which `np.fmin` does not see."""
    (batch, n, heads, _), m = q.shape, k.shape[1]
    many = max(1, BLOCK // max(1, n * m))  # sequences, each for one head
    heads_each = max(1, min(heads, many))
    batch_each = max(1, min(batch, many // heads_each))
    allowed = np.asarray(allowed)
    allowed = np.moveaxis(np.reshape(allowed, (1,) * (4 - allowed.ndim) + allowed.shape), -1, 0)
    ceiling = None if np.all(allowed) else np.where(allowed, np.nan, -np.inf).astype(dtype)
    if ceiling is not None and ceiling.shape[1:3] == (1, 1):  # in rows: three times faster than spread while in use
        ceiling = np.ascontiguousarray(np.broadcast_to(ceiling, (m, batch_each, heads_each, n)))
    elif ceiling is not None:
        ceiling = np.broadcast_to(ceiling, (m, batch, heads, n))
    for b in range(0, batch, batch_each):
        for h in range(0, heads, heads_each):
            at = slice(b, b + batch_each), slice(None), slice(h, h + heads_each)
            here = ceiling
            if ceiling is not None and ceiling.shape[1:3] == (batch, heads):
                here = ceiling[:, at[0], at[2]]
            elif ceiling is not None:
                here = ceiling[:, : min(batch_each, batch - b), : min(heads_each, heads - h)]
            yield at, here


def _room(q: Any, k: Any, dtype: Any, given: Any, start: int) -> Any:
    """Where the weights of a block go, shape (keys, batch, heads, queries)."""
    batch, n, heads, _ = q.shape
    shape = k.shape[1], batch, heads, n
    return np.empty(shape, dtype) if given is None else given[start : start + math.prod(shape)].reshape(shape)


def _shares(q: Any, k: Any, ceiling: Any, scores: Any) -> None:
    """Leave the weights in `scores`: a softmax over the first axis; 0 where all keys are hidden."""
    columns = np.multiply(q.transpose(0, 2, 3, 1), _scale(q), dtype=scores.dtype, order="C")
    np.matmul(_rows_of(k), columns, out=scores.transpose(1, 2, 0, 3))
    if ceiling is not None:
        np.fmin(scores, ceiling, out=scores)
    peak = np.maximum.reduce(scores, axis=0, initial=-np.inf)
    np.copyto(peak, 0.0, where=~np.isfinite(peak))
    scores -= peak
    np.exp(scores, out=scores)
    total = np.add.reduce(scores, axis=0)
    total += total == 0.0
    scores *= np.reciprocal(total)


def _rows_of(x: Any, scale: float | None = None) -> Any:
    """Heads first, and contiguous: BLAS is twice as fast on such."""
    x = x.swapaxes(1, 2)
    return np.ascontiguousarray(x) if scale is None else np.multiply(x, scale, order="C")


def _scale(q: Any) -> float:
    return float(np.shape(q)[-1] ** -0.5)


# -- in formulas, for tangents and higher orders


def _weights(q: Any, k: Any, allowed: Any) -> Any:
    """The weights, shape (batch, heads, queries, keys), for heads first; 0 where a query may not look."""
    scores = (q @ k.mT) * _scale(q)
    dtype = np.result_type(scores)
    shares = softmax(np.where(allowed, scores, np.asarray(np.finfo(dtype).min / 2, dtype)))
    return np.where(allowed, shares, np.zeros((), dtype))


def _heads_first(*arrays: Any) -> list[Any]:
    return [np.swapaxes(x, 1, 2) for x in arrays]


def _rows(x: Any) -> Any:
    return np.sum(x, axis=-1, keepdims=True)


def _packed(*arrays: Any) -> Any:
    return np.concatenate([np.reshape(np.swapaxes(x, 1, 2), -1) for x in arrays])


def _push(tq: Any, tk: Any, tv: Any, q: Any, k: Any, v: Any, allowed: Any) -> Any:
    """The tangent of the result."""
    tq, tk, tv, q, k, v = _heads_first(tq, tk, tv, q, k, v)
    weights = _weights(q, k, allowed)
    slopes = (tq @ k.mT + q @ tk.mT) * _scale(q)
    moved = weights * (slopes - _rows(weights * slopes))
    return np.swapaxes(moved @ v + weights @ tv, 1, 2)


def _curvature(u: Any, g: Any, q: Any, k: Any, v: Any, allowed: Any) -> Any:
    """The gradients of ``<g, tangent of the result along u>``, packed; also the tangent of `gradient` along u."""
    shapes = np.shape(q), np.shape(k), np.shape(v)
    uq, uk, uv, g, q, k, v = _heads_first(*pieces(u, shapes), g, q, k, v)
    scale = _scale(q)
    weights = _weights(q, k, allowed)
    a, w = (uq @ k.mT + q @ uk.mT) * scale, g @ v.mT
    a_mean, w_mean = _rows(weights * a), _rows(weights * w)
    first = weights * (w - w_mean)
    inner = w * (a - a_mean) - a * w_mean + g @ uv.mT
    second = weights * (inner - _rows(weights * inner))
    moved = weights * (a - a_mean)
    return _packed((second @ k + first @ uk) * scale, (second.mT @ q + first.mT @ uq) * scale, moved.mT @ g)


def _alone(i: int, t: Any, operands: Sequence[Any]) -> list[Any]:
    """Tangents of q, k and v of which only that of operand `i` moves."""
    return [t if j == i else np.zeros_like(x) for j, x in enumerate(operands)]


# -- the entries


class _Attention(General):
    """All gradients come from one pass."""

    def pull_each(
        self, wanted: Sequence[int], gradient: Any, out: Any, operands: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        found = pieces(attention_gradient(gradient, *operands), [np.shape(x) for x in operands[:3]])
        return [found[i] for i in wanted]

    def pull(self, index: int, gradient: Any, out: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        return self.pull_each([index], gradient, out, operands, params)[0]


def _pull_one(i: int) -> Any:
    return lambda g, out, *xs: pieces(attention_gradient(g, *xs), [np.shape(x) for x in xs[:3]])[i]


def _push_one(i: int) -> Any:
    return lambda t, out, *xs: _push(*_alone(i, t, xs[:3]), *xs)


def _bend_one(i: int) -> Any:
    return lambda u, out, g, *xs: pieces(_curvature(u, g, *xs), [np.shape(x) for x in xs[:3]])[i]


def _bent_one(i: int) -> Any:
    return lambda t, out, g, *xs: _curvature(_flat(_alone(i, t, xs[:3])), g, *xs)


def _flat(arrays: Sequence[Any]) -> Any:
    return np.concatenate([np.reshape(x, -1) for x in arrays])


MASK = Interval(0, 1, integer=True)
CASES = (
    ((2, 3, 2, 2), (2, 3, 2, 2), (2, 3, 2, 2), (3, 3)),
    ((1, 2, 1, 2), (1, 3, 1, 2), (1, 3, 1, 1), (1, 1, 2, 3)),
    ((2, 2, 1, 1), (2, 2, 1, 1), (2, 2, 1, 2), ()),
    ((0, 2, 1, 1), (0, 2, 1, 1), (0, 2, 1, 1), ()),
)

attended = _Attention(
    "dot_product_attention", lambda q, k, v, allowed: forward(q, k, v, allowed),
    pull=(*map(_pull_one, range(3)), None), push=(*map(_push_one, range(3)), None),
    symbol="attention", reads=("ds k / √d, ds of the scores", "ds.T q / √d", "weights.T g", "0"),
    domain=(Interval(), Interval(), Interval(), MASK), cases=tuple(case(*shapes) for shapes in CASES),
    doc="""Softmax of query times key, times value; see the function of that name.""",
)  # fmt: skip
register(attended)

attention_gradient: General = General(
    "dot_product_attention_gradient", lambda g, q, k, v, allowed: gradient(g, q, k, v, allowed),
    pull=(lambda u, out, g, *xs: _push(*pieces(u, [np.shape(x) for x in xs[:3]]), *xs),
          *map(_bend_one, range(3)), None),
    push=(lambda t, out, g, *xs: attention_gradient(t, *xs), *map(_bent_one, range(3)), None),
    symbol="attention'", reads=("the tangent", "curvature", "curvature", "curvature", "0"),
    domain=(Interval(), Interval(), Interval(), Interval(), MASK),
    cases=tuple(case((*q[:3], v[3]), q, k, v, allowed) for q, k, v, allowed in CASES),
    doc="""The gradients of attention's query, key and value, in one flat array.""",
)  # fmt: skip
register(attention_gradient)
