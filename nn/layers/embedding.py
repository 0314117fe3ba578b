"""Embedding: whole numbers become vectors that are learned."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_edu.errors import DataError, DTypeError
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.init import Initializer, Rng, initializer
from tinygrad_edu.nn.layers.registry import example
from tinygrad_edu.nn.module import Module, Parameter
from tinygrad_edu.op import Node
from tinygrad_edu.ops.questions import current, require


@example(lambda: Embedding(5, 3, rng=0), lambda rng: rng.integers(0, 5, (2, 4)), wrong=None)
@example(lambda: Embedding(4, 2, padding_index=0, rng=0), lambda rng: np.array([0, 3, 3]), wrong=None)
class Embedding(Module):
    """A table of vectors, one for each of the numbers 0 to n - 1; a call looks them up.

    Parameters
    ----------
    n : int
        How many there are: words, characters, classes.
    features : int
        The length of each vector.
    padding_index : int, optional
        The number that fills up short sequences: its vector is 0 and learns nothing.
    init : str or function
        PyTorch's default, "normal"; Keras draws uniformly from ±0.05.
    rng, dtype, name
        As for `Dense`.

    Attributes
    ----------
    weight : Parameter, shape (n, features)

    Raises
    ------
    DTypeError
        When called on anything but whole numbers.
    DataError
        If one lies outside 0 to n - 1; names the first.

    Examples
    --------
    >>> layer = Embedding(27, 4, rng=0)
    >>> layer(np.array([[1, 2, 3], [0, 0, 26]])).shape, layer
    ((2, 3, 4), Embedding(27, 4))
    """

    def __init__(
        self,
        n: int,
        features: int,
        padding_index: int | None = None,
        init: str | Initializer = "normal",
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.n, self.features = size("Embedding: n", n), size("Embedding: features", features)
        self.padding_index = padding_index
        self.weight = Parameter(initializer(init)((self.n, self.features), rng=rng, dtype=dtype))
        if padding_index is not None:
            self.weight.data[padding_index] = 0.0

    def forward(self, indices: Any) -> Any:
        """Whole numbers of shape (...) to vectors of shape (..., features)."""
        indices = current(indices)
        indices = indices if isinstance(indices, Node) else np.asarray(indices)
        if indices.dtype.kind not in "iu":
            raise DTypeError(
                f"{self.label}: expected whole numbers from 0 to {self.n - 1}, of any shape, got {indices.dtype} of "
                f"shape {indices.shape}; if they are whole: x.astype(int)"
            )
        require(indices, self._refuse_outside)
        vectors = self.weight[indices]
        if self.padding_index is None:
            return vectors
        padding = np.expand_dims(indices == self.padding_index, -1)
        return np.where(padding, np.zeros_like(vectors, shape=(self.features,)), vectors)

    def _refuse_outside(self, indices: Any) -> None:
        outside = (indices < 0) | (indices >= self.n)
        if outside.any():
            where = tuple(int(i) for i in np.argwhere(outside)[0])
            raise DataError(
                f"{self.label}: indices must lie in 0 to {self.n - 1}, but the one at {where} is {indices[where]}"
            )

    def extra_repr(self) -> str:
        """Sizes, and the padding."""
        return f"{self.n}, {self.features}" + (
            "" if self.padding_index is None else f", padding_index={self.padding_index}"
        )
