"""Dropout."""

from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.nn.init import Rng
from tinygrad_edu.nn.layers.registry import example
from tinygrad_edu.nn.module import Module
from tinygrad_edu.ops.random import dropout


@example(lambda: Dropout(0.4, rng=0), (3, 4), wrong=None)
class Dropout(Module):
    """In training each entry is set to 0 with probability `p`, and the others are divided by 1 - p.

    So the expected value stays the same ("inverted" dropout), and outside training (`Module.eval`)
    the layer passes everything unchanged.

    Parameters
    ----------
    p : float, in [0, 1)
    rng : Generator or int, optional
        Draws who is dropped, anew at each call.
    name : str, optional

    Notes
    -----
    Srivastava et al. (2014), "Dropout: a simple way to prevent neural networks from overfitting".

    Examples
    --------
    >>> layer = Dropout(0.5, rng=0)
    >>> layer(np.ones(6))
    Value([2., 0., 0., 0., 2., 2.], op=dropout)
    >>> layer.eval()(np.ones(6))
    array([1., 1., 1., 1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, rng: Rng = None, name: str | None = None) -> None:
        super().__init__(name)
        if not 0.0 <= p < 1.0:
            raise ArgumentError(f"Dropout: p, the share that is dropped, must lie in [0, 1), got {p!r}")
        self.p = p
        self.rng = np.random.default_rng(rng)

    def forward(self, x: Any) -> Any:
        """The same shape as `x`."""
        return dropout(x, self.p, self.rng, self.training)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"
