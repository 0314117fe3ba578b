"""The transformer's block, and positions for it to know."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tinygrad_edu.errors import ShapeError
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.init import Initializer, Rng, initializer
from tinygrad_edu.nn.layers.activation import Function, activation_name
from tinygrad_edu.nn.layers.attention import MultiHeadAttention
from tinygrad_edu.nn.layers.dense import Dense
from tinygrad_edu.nn.layers.dropout import Dropout
from tinygrad_edu.nn.layers.normalization import LayerNorm
from tinygrad_edu.nn.layers.registry import example
from tinygrad_edu.nn.module import Module, Parameter


@example(lambda: TransformerBlock(4, 2, hidden=3, causal=True, rng=0), (1, 3, 4), wrong=(1, 3, 5))
@example(lambda: TransformerBlock(2, 1, hidden=3, norm_first=False, activation="tanh", rng=0), (2, 2, 2), wrong=(2, 2))
class TransformerBlock(Module):
    """Self-attention, then two dense layers for each position; around each a skip and a normalisation.

    Parameters
    ----------
    features : int
    heads : int
    hidden : int, optional
        Between the two dense layers; 4 * features if not given (PyTorch: 2048).
    activation : str or function
        Between them (PyTorch: "relu").
    dropout : float
        On attention weights and on what each half adds (PyTorch: 0.1).
    norm_first : bool
        Normalise what goes into each half (Xiong et al., 2020), which trains without warm-up; False is the
        original order, and PyTorch's default: normalise after the sum.
    causal : bool
        No position sees a later one.
    eps : float
        Of the normalisations.
    init, rng, dtype, name
        As for `Dense`.

    Attributes
    ----------
    attention : MultiHeadAttention
    norm1, norm2 : LayerNorm
    expand, contract : Dense

    Notes
    -----
    Vaswani et al. (2017), "Attention is all you need".

    Examples
    --------
    >>> block = TransformerBlock(8, heads=2, causal=True, rng=0)
    >>> block(np.ones((1, 5, 8))).shape, block.n_parameters
    ((1, 5, 8), 872)
    """

    def __init__(
        self,
        features: int,
        heads: int,
        hidden: int | None = None,
        activation: str | Function = "gelu",
        dropout: float = 0.0,
        norm_first: bool = True,
        causal: bool = False,
        eps: float = 1e-5,
        init: str | Initializer = "xavier_uniform",
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        rng = np.random.default_rng(rng)
        options: dict[str, Any] = {"init": init, "rng": rng, "dtype": dtype}
        self.attention = MultiHeadAttention(features, heads, dropout=dropout, causal=causal, **options)
        self.norm1, self.norm2 = (LayerNorm(features, eps=eps, dtype=dtype) for _ in range(2))
        self.expand = Dense(features, hidden or 4 * features, activation=activation, **options)
        self.contract = Dense(hidden or 4 * features, features, **options)
        self.dropout = Dropout(dropout, rng)
        self.norm_first = norm_first

    def forward(self, x: Any, mask: ArrayLike | None = None) -> Any:
        """The same shape as `x`, (batch, length, features); `mask` as for `MultiHeadAttention`."""
        features = self.attention.features
        if np.ndim(x) != 3 or np.shape(x)[-1] != features:
            raise ShapeError(f"{self.label}: expected an input of shape (batch, length, {features}), got {np.shape(x)}")
        if self.norm_first:
            x = x + self._attend(self.norm1(x), mask)
            return x + self._think(self.norm2(x))
        x = self.norm1(x + self._attend(x, mask))
        return self.norm2(x + self._think(x))

    def _attend(self, x: Any, mask: ArrayLike | None) -> Any:
        return self.dropout(self.attention(x, mask=mask))

    def _think(self, x: Any) -> Any:
        return self.dropout(self.contract(self.dropout(self.expand(x))))

    def extra_repr(self) -> str:
        """Sizes, and whatever is not the default."""
        attention, activation = self.attention, activation_name(self.expand.activation)
        return (
            f"{attention.features}, heads={attention.heads}"
            + (f", activation={activation!r}" if activation != "gelu" else "")
            + ("" if self.norm_first else ", norm_first=False")
            + (", causal=True" if attention.causal else "")
        )


@example(lambda: SinusoidalPositions(), (2, 3, 4), wrong=(4,))
class SinusoidalPositions(Module):
    """Adds to each position a pattern of sines and cosines of its own; nothing is learned.

    Feature 2i of position p gets sin(p / 10000^(2i / features)), feature 2i + 1 the cosine.

    Notes
    -----
    Vaswani et al. (2017), section 3.5.

    Examples
    --------
    >>> SinusoidalPositions()(np.zeros((1, 2, 4)))[0].round(4)
    array([[0.    , 1.    , 0.    , 1.    ],
           [0.8415, 0.5403, 0.01  , 1.    ]])
    """

    def forward(self, x: Any) -> Any:
        """The same shape as `x`, (..., length, features)."""
        if np.ndim(x) < 2:
            raise ShapeError(f"{self.label}: expected an input of shape (..., length, features), got {np.shape(x)}")
        length, features = np.shape(x)[-2:]
        dtype = np.result_type(x)
        return x + sinusoids(length, features).astype(dtype if dtype.kind == "f" else np.float64)


def sinusoids(length: int, features: int) -> Any:
    """The patterns that `SinusoidalPositions` adds, shape (length, features).

    Examples
    --------
    >>> sinusoids(3, 2)[0]
    array([0., 1.])
    """
    frequencies = 10000.0 ** (-2.0 * (np.arange(features) // 2) / features)
    angles = np.arange(length)[:, None] * frequencies
    return np.where(np.arange(features) % 2, np.cos(angles), np.sin(angles))


@example(lambda: LearnedPositions(5, 4, rng=0), (2, 3, 4), wrong=(2, 6, 4))
class LearnedPositions(Module):
    """Adds to each position a vector of its own that is learned.

    Parameters
    ----------
    length : int
        Of the longest sequence.
    features : int
    init : str or function
        Normal with standard deviation 0.02, as for GPT-2, if not given.
    rng, dtype, name
        As for `Dense`.

    Attributes
    ----------
    weight : Parameter, shape (length, features)

    Raises
    ------
    ShapeError
        If a sequence is longer, or has another number of features.

    Examples
    --------
    >>> LearnedPositions(10, 4, rng=0)(np.zeros((2, 7, 4))).shape
    (2, 7, 4)
    """

    def __init__(
        self,
        length: int,
        features: int,
        init: str | Initializer | None = None,
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        shape = (size("LearnedPositions: length", length), size("LearnedPositions: features", features))
        drawn = initializer(init or "normal")(shape, rng=rng, dtype=dtype)
        self.weight = Parameter(drawn * np.asarray(0.02, dtype) if init is None else drawn)

    def forward(self, x: Any) -> Any:
        """The same shape as `x`, (..., length, features)."""
        shape, (length, features) = np.shape(x), self.weight.shape
        if len(shape) < 2 or shape[-2] > length or shape[-1] != features:
            raise ShapeError(
                f"{self.label}: expected an input of shape (..., at most {length}, {features}), got {shape}"
            )
        return x + self.weight[: shape[-2]]

    def extra_repr(self) -> str:
        """Sizes."""
        return ", ".join(map(str, self.weight.shape))
