"""Layers that change the shape and nothing else."""

import math
from typing import Any

import numpy as np

from tinygrad_edu.errors import ShapeError
from tinygrad_edu.nn.module import Module


class Flatten(Module):
    """All axes but the first, the batch, become one.

    Examples
    --------
    >>> Flatten()(np.zeros((32, 8, 8))).shape
    (32, 64)
    """

    def forward(self, x: Any) -> Any:
        """Shape (batch, ...) to (batch, product of the rest)."""
        shape = np.shape(x)
        if not shape:
            raise ShapeError(f"{self.label}: expected an array whose first axis is the batch, got a single number")
        return np.reshape(x, (shape[0], math.prod(shape[1:])))
