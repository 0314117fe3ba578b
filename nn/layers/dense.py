"""The dense layer."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_edu.errors import ShapeError
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.init import Initializer, Rng, initializer, zeros
from tinygrad_edu.nn.layers.activation import Function, activation_function
from tinygrad_edu.nn.module import Module, Parameter


class Dense(Module):
    """A fully connected layer: ``activation(x @ weight + bias)``.

    Parameters
    ----------
    in_features, out_features : int
    activation : str, function or None
        A name ("relu", "tanh", ...; see `ACTIVATIONS`) or a function of one array.
    bias : bool
        Whether there is one; it starts at 0.
    init : str or function
        Where the weight starts, by name or as a function ``(shape, rng, dtype)``; see `tinygrad_edu.nn.init`.
    rng : Generator or int, optional
        Draws the weight. Hand several layers one Generator: a seed gives each the same draw.
    dtype : dtype
        Of the parameters. Float64 data makes a float32 layer's results float64, as NumPy's promotion has it.
    name : str, optional

    Attributes
    ----------
    weight : Parameter, shape (in_features, out_features)
    bias : Parameter, shape (out_features,), or None

    Raises
    ------
    ShapeError
        When called on an array whose last axis is not `in_features`.

    Examples
    --------
    >>> layer = Dense(3, 2, activation="relu", rng=0)
    >>> layer(np.ones((5, 3))).shape
    (5, 2)
    >>> layer
    Dense(3, 2, activation='relu')
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        activation: str | Function | None = None,
        bias: bool = True,
        init: str | Initializer = "xavier_uniform",
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.in_features = size("Dense: in_features", in_features)
        self.out_features = size("Dense: out_features", out_features)
        activation_function(activation)  # refuses an unknown name here, where it was written
        self.activation = activation
        self.weight = Parameter(initializer(init)((self.in_features, self.out_features), rng=rng, dtype=dtype))
        self.bias = Parameter(zeros((self.out_features,), dtype=dtype)) if bias else None

    def forward(self, x: Any) -> Any:
        """Apply the layer to the last axis of `x`, shape (..., in_features)."""
        if np.ndim(x) < 1 or np.shape(x)[-1] != self.in_features:
            raise ShapeError(f"{self.label}: expected an input of shape (..., {self.in_features}), got {np.shape(x)}")
        x = x @ self.weight
        if self.bias is not None:
            x = x + self.bias
        activate = activation_function(self.activation)
        return x if activate is None else activate(x)

    def extra_repr(self) -> str:
        """Sizes, and whatever is not the default."""
        activation = self.activation
        shown = activation if isinstance(activation, str | None) else getattr(activation, "__name__", activation)
        return (
            f"{self.in_features}, {self.out_features}"
            + (f", activation={shown!r}" if shown is not None else "")
            + ("" if self.bias is not None else ", bias=False")
        )
