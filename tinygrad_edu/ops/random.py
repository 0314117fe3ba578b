"""Random numbers as nodes: the draw is a node of its own, and what is made of it has a gradient.

A draw has no operands. It keeps its numbers, so replaying or checking a graph meets the same ones, and
it keeps its generator (``node.params["rng"]``), so whoever runs the graph anew may draw anew. Low and
high, mean and standard deviation get the gradients of the reparameterised draw ``mean + std * z``
(Kingma & Welling, *Auto-encoding variational Bayes*, 2013).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.kinds import elementwise
from tinygrad_edu.mode import current_mode
from tinygrad_edu.op import Interval, Operation, case, record, register

__all__ = [
    "uniform",
    "normal",
    "bernoulli",
    "dropout",
]

Rng = np.random.Generator | int | None
Shape = int | tuple[int, ...]


class Draw(Operation):
    """Numbers from a generator: a node without operands, and without a derivative."""

    kind = "source"

    def __init__(self, name: str, forward: Callable[..., Any], **entry: Any) -> None:
        super().__init__(name, forward, (), **entry)

    def _make_apply(self) -> Callable[..., Any]:
        def apply(*args: Any, **params: Any) -> Any:
            _, params = self.bind(args, params)
            seed, params["rng"] = params["rng"], np.random.default_rng(params["rng"])
            capture = current_mode().capture
            if capture is not None and not (seed is None or seed is params["rng"]):  # a seed draws the same each time
                return capture.frozen(self.forward(**params))
            if capture is not None:
                capture.drawing(params["rng"])
            return record(self, self.forward(**params), (), params)

        return apply


def _draw(name: str, method: str, symbol: str) -> Draw:
    def forward(shape: Shape, rng: np.random.Generator, dtype: Any = np.float64) -> Any:
        return np.asarray(getattr(rng, method)(shape, dtype=dtype))[()]

    doc = f"Numbers of Generator.{method}, as a node."
    op = Draw(name, forward, symbol=symbol, reads="drawn; no derivative", doc=doc)
    register(op)
    return op


standard_uniform = _draw("standard_uniform", "random", "u~[0,1)")
standard_normal = _draw("standard_normal", "standard_normal", "z~N(0,1)")

UNIT = Interval(0.01, 0.99)
TRIPLES = (case((2, 3), (3,), ()), case((), (), ()), case((2, 3), (2, 1), (3,)))

_uniform = elementwise(
    "uniform", lambda u, low, high: low + (high - low) * u,
    along=(None, lambda t, out, u, low, high: t * (1.0 - u), lambda t, out, u, low, high: t * u),
    reads=("0", "1 - u", "u"), domain=(UNIT, Interval(), Interval()), cases=TRIPLES,
)  # fmt: skip

_normal = elementwise(
    "normal", lambda z, mean, std: mean + std * z,
    along=(None, lambda t, out, z, mean, std: t, lambda t, out, z, mean, std: t * z),
    reads=("0", "1", "z"), domain=(Interval(), Interval(), Interval(0.1, 2.0)), cases=TRIPLES,
)  # fmt: skip

_bernoulli = elementwise(
    "bernoulli", lambda u, p: np.less(u, p).astype(np.result_type(u)), scalar=lambda u, p: float(u < p),
    along=(None, None), reads=("0", "0"), domain=(UNIT, UNIT),
)  # fmt: skip


def _kept(t: Any, u: Any, p: float) -> Any:
    return t * (u >= p) * (0.0 if p == 1.0 else 1.0 / (1.0 - p))


_dropout = elementwise(
    "dropout", lambda x, u, p: _kept(x, u, p), scalar=lambda x, u, p: _kept(x, u, p),
    along=(lambda t, out, x, u, p: _kept(t, u, p), None),
    reads=("1 / (1 - p) where kept, else 0", "0"), domain=(Interval(), UNIT),
    cases=(case((2, 3), (2, 3), p=0.4), case((3,), (3,), p=0.0)),
)  # fmt: skip


def uniform(shape: Shape, low: Any = 0.0, high: Any = 1.0, rng: Rng = None) -> Any:
    """Numbers drawn evenly from [low, high).

    Parameters
    ----------
    shape : int or tuple of int
        Of the draw; low and high broadcast with it.
    low, high : float, array or Value
        A Value gets its gradient: 1 - u and u, for the draw u from [0, 1).
    rng : Generator, int or None
        Where the numbers come from; an int seeds a new generator, None takes entropy.

    Returns
    -------
    Value

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> high = Value(2.0)
    >>> x = uniform(3, 0.0, high, rng=0)
    >>> x.sum().backward()
    >>> np.allclose(high.grad, (x.data / 2.0).sum())
    True
    """
    return _uniform(standard_uniform(shape, rng), low, high)


def normal(mean: Any = 0.0, std: Any = 1.0, shape: Shape | None = None, rng: Rng = None) -> Any:
    """Numbers drawn from normal distributions.

    Parameters
    ----------
    mean, std : float, array or Value
        A Value gets its gradient: 1 and z, for the standard normal draw z.
    shape : int or tuple of int, optional
        Of the draw; that of mean and std, broadcast, if not given.
    rng : Generator, int or None
        Where the numbers come from; an int seeds a new generator, None takes entropy.

    Returns
    -------
    Value

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> mean, std = Value([0.0, 100.0]), Value(1.0)
    >>> x = normal(mean, std, rng=0)
    >>> x.backward(np.ones(2))
    >>> mean.grad, np.allclose(std.grad, (x.data - mean.data).sum())
    (array([1., 1.]), True)
    """
    shape = np.broadcast_shapes(np.shape(mean), np.shape(std)) if shape is None else shape
    return _normal(standard_normal(shape, rng), mean, std)


def bernoulli(p: Any, shape: Shape | None = None, rng: Rng = None) -> Any:
    """A mask: 1.0 with probability p, else 0.0. It has no derivative.

    Parameters
    ----------
    p : float or array
        Probabilities.
    shape : int or tuple of int, optional
        Of the mask; that of p if not given.
    rng : Generator, int or None
        Where the numbers come from; an int seeds a new generator, None takes entropy.

    Returns
    -------
    Value

    Examples
    --------
    >>> bernoulli(0.5, shape=4, rng=0).data
    array([0., 1., 1., 1.])
    """
    return _bernoulli(standard_uniform(np.shape(p) if shape is None else shape, rng), p)


def dropout(x: Any, p: float = 0.5, rng: Rng = None, training: bool = True) -> Any:
    """`x` with each entry set to 0 with probability p, and the others divided by 1 - p.

    Parameters
    ----------
    x : Value or array
    p : float
        In [0, 1].
    rng : Generator, int or None
        Where the numbers come from; an int seeds a new generator, None takes entropy.
    training : bool
        If False, x itself comes back.

    Returns
    -------
    Value, of the shape and dtype of x

    Raises
    ------
    ArgumentError
        If p is no probability.

    Notes
    -----
    Srivastava et al., *Dropout* (2014), in the inverted form: the mean stays as it is.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> dropout(Value(np.ones(4)), p=0.5, rng=0).data
    array([2., 0., 0., 0.])
    """
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"dropout: p is the probability of dropping an entry, in [0, 1]; got {p}")
    if not training or p == 0.0:
        return x
    dtype = np.result_type(x)
    return _dropout(x, standard_uniform(np.shape(x), rng, dtype if dtype.kind == "f" else np.float64), p=float(p))
