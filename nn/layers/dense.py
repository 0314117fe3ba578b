"""The dense layer."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.init import Initializer, Rng
from tinygrad_edu.nn.layers.activation import Function, activation_function, activation_name
from tinygrad_edu.nn.layers.lazy import LazyLayer, Recipe, optional_size, sizes_of
from tinygrad_edu.nn.layers.registry import example
from tinygrad_edu.nn.module import Parameter


@example(lambda: Dense(3, 2, activation="tanh", rng=0), (4, 3), wrong=(4, 5))
@example(lambda: Dense(2, bias=False, rng=0), (2, 4, 3), wrong=())
class Dense(LazyLayer):
    """A fully connected layer: ``activation(x @ weight + bias)``.

    ``Dense(784, 128)`` says both sizes, as PyTorch's Linear does; ``Dense(128)`` the size of the output
    alone, as Keras does: that of the input is then settled by the first call, and so are the parameters.
    Everything but sizes is given by name.

    Parameters
    ----------
    in_features : int, optional
        None: what the first input has.
    out_features : int
    activation : str, function or None
        A name ("relu", "tanh", ...; see `ACTIVATIONS`) or a function of one array.
    bias : bool
        Whether there is one; it starts at 0.
    init : str or function
        Where the weight starts, by name or as a function ``(shape, rng, dtype)``; see `tinygrad_edu.nn.init`.
        The default is Keras's, ``xavier_uniform``; PyTorch draws from ±1/√in_features, biases too.
    rng : Generator or int, optional
        Draws the weight. Hand several layers one Generator: a seed gives each the same draw.
    dtype : dtype
        Of the parameters. Float64 data makes a float32 layer's results float64, as NumPy's promotion has it.
    name : str, optional

    Attributes
    ----------
    weight : Parameter, shape (in_features, out_features)
        The transpose of PyTorch's.
    bias : Parameter, shape (out_features,), or None

    Raises
    ------
    ShapeError
        When called on an array whose last axis is not `in_features`.
    ArgumentError
        If something that is no size is given by position.

    Examples
    --------
    >>> layer = Dense(3, 2, activation="relu", rng=0)
    >>> layer(np.ones((5, 3))).shape
    (5, 2)
    >>> layer
    Dense(3, 2, activation='relu')
    >>> lazy = Dense(2)
    >>> lazy
    Dense(2)
    >>> lazy(np.ones((5, 3))).shape, lazy
    ((5, 2), Dense(3, 2))
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        *sizes: int,
        in_features: int | None = None,
        out_features: int | None = None,
        activation: str | Function | None = None,
        bias: bool = True,
        init: str | Initializer = "xavier_uniform",
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        found = sizes_of("Dense", sizes, in_features=in_features, out_features=out_features)
        self.in_features = optional_size("Dense: in_features", found["in_features"])
        self.out_features = size("Dense: out_features", found["out_features"])
        activation_function(activation)  # refuses an unknown name here, where it was written
        self.activation = activation
        self.use_bias = bias
        self._prepare(init, rng, dtype)

    def _make(self, in_features: int, recipe: Recipe) -> None:
        self.weight = recipe.weight(in_features, self.out_features)
        self.bias = recipe.zeros(self.out_features) if self.use_bias else None

    def forward(self, x: Any) -> Any:
        """Apply the layer to the last axis of `x`, shape (..., in_features)."""
        self._check(x)
        x = x @ self.weight
        if self.bias is not None:
            x = x + self.bias
        activate = activation_function(self.activation)
        return x if activate is None else activate(x)

    def extra_repr(self) -> str:
        """Sizes, and whatever is not the default."""
        shown = activation_name(self.activation)
        return (
            ("" if self.in_features is None else f"{self.in_features}, ")
            + f"{self.out_features}"
            + (f", activation={shown!r}" if shown is not None else "")
            + ("" if self.use_bias else ", bias=False")
        )
