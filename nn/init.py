"""Initialisers: arrays for parameters to start from.

Every initialiser takes ``(shape, rng=None, dtype=np.float64)`` and options of its own by name; hand a
layer its name (``init="he_normal"``) or a function (``init=functools.partial(normal, std=0.01)``).

Weights are ``(inputs, outputs)``, with any kernel axes in front, so that both fans can be read off a shape.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_edu.nn.arguments import by_name

Array = NDArray[Any]
Shape = tuple[int, ...]
Rng = np.random.Generator | int | None


class Initializer(Protocol):
    """What a layer calls: shape, generator and dtype in, array out."""

    def __call__(self, shape: Shape, rng: Rng = None, dtype: DTypeLike = np.float64) -> Array:
        """Draw the array."""


def constant(shape: Shape, rng: Rng = None, dtype: DTypeLike = np.float64, value: float = 0.0) -> Array:
    """One number everywhere; nothing is drawn.

    Examples
    --------
    >>> constant((2,), value=0.5)
    array([0.5, 0.5])
    """
    return np.full(shape, value, dtype=dtype)


def zeros(shape: Shape, rng: Rng = None, dtype: DTypeLike = np.float64) -> Array:
    """Zeros, as for biases; nothing is drawn.

    Examples
    --------
    >>> zeros((2,))
    array([0., 0.])
    """
    return np.zeros(shape, dtype=dtype)


def normal(shape: Shape, rng: Rng = None, dtype: DTypeLike = np.float64, mean: float = 0.0, std: float = 1.0) -> Array:
    """Normal numbers.

    Examples
    --------
    >>> float(normal((10_000,), rng=0, std=0.01).std().round(4))
    0.01
    """
    return np.random.default_rng(rng).normal(mean, std, shape).astype(dtype)


def uniform(
    shape: Shape, rng: Rng = None, dtype: DTypeLike = np.float64, low: float = -1.0, high: float = 1.0
) -> Array:
    """Uniform numbers in [low, high).

    Examples
    --------
    >>> bool((abs(uniform((100,), rng=0, low=-0.1, high=0.1)) <= 0.1).all())
    True
    """
    return np.random.default_rng(rng).uniform(low, high, shape).astype(dtype)


def xavier_uniform(shape: Shape, rng: Rng = None, dtype: DTypeLike = np.float64, gain: float = 1.0) -> Array:
    """Uniform with variance 2 gain² / (fan_in + fan_out): keeps the scale of signals and of gradients.

    Notes
    -----
    Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
    networks", equation 16. For layers whose activation is linear near 0 (tanh, sigmoid, none).

    Examples
    --------
    >>> round(float(xavier_uniform((300, 100), rng=0).var() * (300 + 100) / 2), 1)
    1.0
    """
    return _uniform_of(gain * math.sqrt(2.0 / sum(fans(shape))), shape, rng, dtype)


def xavier_normal(shape: Shape, rng: Rng = None, dtype: DTypeLike = np.float64, gain: float = 1.0) -> Array:
    """Normal with variance 2 gain² / (fan_in + fan_out).

    Notes
    -----
    Glorot & Bengio (2010), with the normal distribution in place of the uniform.

    Examples
    --------
    >>> xavier_normal((300, 100), rng=0).shape
    (300, 100)
    """
    return normal(shape, rng, dtype, std=gain * math.sqrt(2.0 / sum(fans(shape))))


def he_uniform(shape: Shape, rng: Rng = None, dtype: DTypeLike = np.float64, gain: float = math.sqrt(2.0)) -> Array:
    """Uniform with variance gain² / fan_in; the gain √2 is that of relu, which halves the signal's power.

    Notes
    -----
    He, Zhang, Ren & Sun (2015), "Delving deep into rectifiers", equation 10.

    Examples
    --------
    >>> bool(abs(he_uniform((6, 50), rng=0)).max() <= 1.0)
    True
    """
    return _uniform_of(gain / math.sqrt(fans(shape)[0]), shape, rng, dtype)


def he_normal(shape: Shape, rng: Rng = None, dtype: DTypeLike = np.float64, gain: float = math.sqrt(2.0)) -> Array:
    """Normal with variance gain² / fan_in; the gain √2 is that of relu.

    Notes
    -----
    He, Zhang, Ren & Sun (2015), equation 10.

    Examples
    --------
    >>> round(float(he_normal((200, 1000), rng=0).std()), 2)
    0.1
    """
    return normal(shape, rng, dtype, std=gain / math.sqrt(fans(shape)[0]))


def orthogonal(shape: Shape, rng: Rng = None, dtype: DTypeLike = np.float64, gain: float = 1.0) -> Array:
    """A matrix with orthonormal rows or columns (whichever are fewer), times `gain`: keeps lengths.

    Notes
    -----
    Saxe, McClelland & Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks". For recurrent weights, whose powers then neither explode nor vanish.

    Examples
    --------
    >>> w = orthogonal((3, 3), rng=0)
    >>> bool(np.allclose(w @ w.T, np.eye(3)))
    True
    """
    rows, columns = math.prod(shape[:-1]), shape[-1] if shape else 1
    q, r = np.linalg.qr(np.random.default_rng(rng).normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diagonal(r))  # else the draw is not uniform over all such matrices (Mezzadri, 2007)
    matrix: Array = gain * (q if rows >= columns else q.T)
    return matrix.reshape(shape).astype(dtype)


INITIALIZERS: Mapping[str, Callable[..., Array]] = {
    function.__name__: function
    for function in (constant, zeros, normal, uniform, xavier_uniform, xavier_normal, he_uniform, he_normal, orthogonal)
}


def initializer(init: str | Initializer) -> Initializer:
    """The initialiser of that name; a function is returned as it is.

    Raises
    ------
    ArgumentError
        If there is none of that name; the message lists those there are.
    """
    return by_name("init", init, INITIALIZERS)


def fans(shape: Shape) -> tuple[int, int]:
    """How many inputs feed one output of a weight, and how many outputs one input feeds.

    Parameters
    ----------
    shape : tuple of int
        ``(*kernel, inputs, outputs)``; for a vector both are its length.

    Returns
    -------
    fan_in, fan_out : int, at least 1

    Examples
    --------
    >>> fans((64, 10)), fans((3, 3, 16, 32))
    ((64, 10), (144, 288))
    """
    if not shape:
        return 1, 1
    kernel = math.prod(shape[:-2])
    fan_in, fan_out = (shape[-2], shape[-1]) if len(shape) > 1 else (shape[0], shape[0])
    return max(1, kernel * fan_in), max(1, kernel * fan_out)


def _uniform_of(std: float, shape: Shape, rng: Rng, dtype: DTypeLike) -> Array:
    """Uniform around 0 with a given standard deviation."""
    limit = math.sqrt(3.0) * std
    return uniform(shape, rng, dtype, low=-limit, high=limit)
