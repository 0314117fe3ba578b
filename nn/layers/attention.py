"""Attention: every position looks at every other, and takes what it needs."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tinygrad_edu.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.init import Initializer, Rng
from tinygrad_edu.nn.layers.dense import Dense
from tinygrad_edu.nn.layers.dropout import Dropout
from tinygrad_edu.nn.layers.registry import example
from tinygrad_edu.nn.module import Module
from tinygrad_edu.op import Node
from tinygrad_edu.ops.activation import softmax
from tinygrad_edu.ops.attention import dot_product_attention


@example(lambda: MultiHeadAttention(4, 2, rng=0), (2, 3, 4), wrong=(2, 3, 5))
@example(lambda: MultiHeadAttention(4, 2, causal=True, bias=False, rng=0), (1, 3, 4), wrong=(3, 4))
@example(lambda: MultiHeadAttention(4, 1, key_features=3, value_features=2, rng=0),
         (2, 3, 4), (2, 2, 3), (2, 2, 2), wrong=(2, 3, 3))  # fmt: skip
class MultiHeadAttention(Module):
    """Scaled dot-product attention in several heads, each on its share of the features.

    Parameters
    ----------
    features : int
        Of queries and results; divisible by `heads`. (Keras's key_dim is features / heads.)
    heads : int
    key_features, value_features : int, optional
        Of what keys and values are made from; `features` if not given.
    dropout : float
        Share of attention weights that training drops.
    causal : bool
        Each position sees itself and what came before it, and nothing later.
    bias : bool
    init, rng, dtype, name
        As for `Dense`.

    Attributes
    ----------
    query, key, value, out : Dense
        The four projections; head h has columns h * features / heads and on.

    Raises
    ------
    ShapeError
        If query, key, value or mask do not fit each other.

    Notes
    -----
    Vaswani et al. (2017), "Attention is all you need".

    Examples
    --------
    >>> layer = MultiHeadAttention(8, heads=2, causal=True, rng=0)
    >>> x = np.random.default_rng(0).normal(size=(1, 3, 8))
    >>> out, weights = layer(x, return_weights=True)
    >>> out.shape, weights.shape, bool(weights.data[0, 0, 0, 1] == 0)
    ((1, 3, 8), (1, 2, 3, 3), True)
    """

    def __init__(
        self,
        features: int,
        heads: int,
        key_features: int | None = None,
        value_features: int | None = None,
        dropout: float = 0.0,
        causal: bool = False,
        bias: bool = True,
        init: str | Initializer = "xavier_uniform",
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.features = size("MultiHeadAttention: features", features)
        self.heads = size("MultiHeadAttention: heads", heads)
        if features % heads:
            raise ArgumentError(f"MultiHeadAttention: heads={heads} must divide features={features}")
        self.causal = causal
        rng = np.random.default_rng(rng)
        options: dict[str, Any] = {"bias": bias, "init": init, "rng": rng, "dtype": dtype}
        self.query = Dense(features, features, **options)
        self.key = Dense(key_features or features, features, **options)
        self.value = Dense(value_features or features, features, **options)
        self.out = Dense(features, features, **options)
        self.dropout = Dropout(dropout, rng)

    def forward(
        self,
        query: Any,
        key: Any = None,
        value: Any = None,
        mask: ArrayLike | None = None,
        return_weights: bool = False,
    ) -> Any:
        """What each query takes from the values.

        Parameters
        ----------
        query : Value or array, shape (batch, queries, features)
        key : Value or array, shape (batch, keys, key_features), optional
            The query itself if not given: self-attention.
        value : Value or array, shape (batch, keys, value_features), optional
            The key if not given.
        mask : bool array, optional
            True where a query may look, as Keras has it (PyTorch's attn_mask says True where it may not):
            shape (batch, keys) for padding, (queries, keys), (batch, queries, keys) or
            (batch, heads, queries, keys). A query that may look nowhere gets zeros from the values.
        return_weights : bool
            Give ``(result, weights)``, the weights of shape (batch, heads, queries, keys).

        Returns
        -------
        Value, shape (batch, queries, features)
        """
        key = query if key is None else key
        value = key if value is None else value
        for what, x, dense in (("query", query, self.query), ("key", key, self.key), ("value", value, self.value)):
            if np.ndim(x) != 3 or np.shape(x)[-1] != dense.in_features:
                raise ShapeError(
                    f"{self.label}: expected a {what} of shape (batch, length, {dense.in_features}), got {np.shape(x)}"
                )
        (batch, n, _), m = np.shape(query), np.shape(key)[1]
        if np.shape(key)[0] != batch or np.shape(value)[:2] != (batch, m):
            raise ShapeError(
                f"{self.label}: query, key and value of shapes {np.shape(query)}, {np.shape(key)} and "
                f"{np.shape(value)} do not go together; expected one batch, and a value for each key"
            )
        allowed = self._allowed(mask, batch, n, m)
        q, k, v = (self._split(dense(x)) for x, dense in ((query, self.query), (key, self.key), (value, self.value)))
        if return_weights or (self.training and self.dropout.p):
            weights = self._weights(q, k, allowed)
            taken = np.swapaxes(self.dropout(weights) @ np.swapaxes(v, 1, 2), 1, 2)
        else:
            weights = None
            taken = dot_product_attention(q, k, v, allowed)
        out = self.out(np.reshape(taken, (batch, n, self.features)))
        return (out, weights) if return_weights else out

    def _weights(self, q: Any, k: Any, allowed: Any) -> Any:
        """How much each query takes from each key, shape (batch, heads, queries, keys)."""
        q, k = np.swapaxes(q, 1, 2), np.swapaxes(k, 1, 2)
        scores = (q @ np.swapaxes(k, -1, -2)) * float((self.features // self.heads) ** -0.5)
        if allowed is None:
            return softmax(scores)
        low = np.asarray(np.finfo(np.result_type(scores)).min / 2, dtype=np.result_type(scores))
        return np.where(allowed, softmax(np.where(allowed, scores, low)), np.zeros_like(low))

    def _split(self, x: Any) -> Any:
        """(batch, length, features) as (batch, length, heads, features / heads)."""
        batch, length, features = np.shape(x)
        return np.reshape(x, (batch, length, self.heads, features // self.heads))

    def _allowed(self, mask: ArrayLike | None, batch: int, n: int, m: int) -> Any:
        """Where a query may look, in a shape that broadcasts to (batch, heads, n, m); None for everywhere."""
        causal = np.tri(n, m, dtype=bool) if self.causal else None
        if mask is None:
            return causal
        given: Any = mask if isinstance(mask, Node) else np.asarray(mask)
        if given.dtype != np.bool_:
            raise DTypeError(f"{self.label}: the mask must be boolean, True where a query may look; got {given.dtype}")
        views = {
            (batch, self.heads, n, m): given, (batch, 1, n, m): given,
            (batch, n, m): given[..., None, :, :] if given.ndim > 1 else given,
            (n, m): given, (batch, m): given[:, None, None, :] if given.ndim == 2 else given,
        }  # fmt: skip
        if given.shape not in views or (given.shape == (n, m) == (batch, m) and n > 1):
            why = "; (batch, keys) and (queries, keys) are the same here: write mask[:, None, None, :] or [None, None]"
            raise ShapeError(
                f"{self.label}: expected a mask of shape ({batch}, {m}), ({n}, {m}), ({batch}, {n}, {m}) or "
                f"({batch}, {self.heads}, {n}, {m}), got {given.shape}" + (why if given.shape in views else "")
            )
        view = views[given.shape]
        return view if causal is None else view & causal

    def extra_repr(self) -> str:
        """Sizes, and whether it is causal."""
        return f"{self.features}, heads={self.heads}" + (", causal=True" if self.causal else "")
