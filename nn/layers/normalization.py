"""Normalisation: activations brought to mean 0 and variance 1, over the batch or within each sample."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.layers.lazy import LazyLayer, Recipe, optional_size
from tinygrad_edu.nn.layers.registry import example
from tinygrad_edu.nn.module import Buffer, Module, Parameter
from tinygrad_edu.ops.questions import current


class _BatchNorm(LazyLayer):
    """Over all axes but the last, the features."""

    _allowed: ClassVar[tuple[int, ...]]
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Buffer
    running_var: Buffer
    batches: Buffer

    def __init__(
        self,
        in_features: int | None = None,
        momentum: float | None = 0.1,
        eps: float = 1e-5,
        affine: bool = True,
        dtype: DTypeLike = np.float64,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        kind = type(self).__name__
        if (momentum is not None and not 0.0 <= momentum <= 1.0) or eps < 0:
            raise ArgumentError(
                f"{kind}: momentum must lie in [0, 1] or be None, and eps be at least 0, got {momentum!r}, {eps!r}"
            )
        self.in_features = optional_size(f"{kind}: in_features", in_features)
        self.momentum, self.eps, self.affine = momentum, eps, affine
        self._prepare("zeros", None, dtype)

    def _make(self, in_features: int, recipe: Recipe) -> None:
        self.weight = recipe.ones(in_features) if self.affine else None
        self.bias = recipe.zeros(in_features) if self.affine else None
        self.running_mean = Buffer(np.zeros(in_features, dtype=recipe.dtype))
        self.running_var = Buffer(np.ones(in_features, dtype=recipe.dtype))
        if self.momentum is None:
            self.batches = Buffer(0)

    def _expected(self) -> str:
        channels = "features" if self.in_features is None else self.in_features
        return " or ".join(f"(batch, {', '.join([*SPATIAL[n], str(channels)])})" for n in self._allowed)

    def _build(self, *args: Any) -> None:
        if np.ndim(args[0]) not in self._allowed:
            self._refuse(np.shape(args[0]))
        super()._build(*args)

    def forward(self, x: Any) -> Any:
        """The same shape as `x`; in training the running statistics move."""
        shape = np.shape(x)
        if len(shape) not in self._allowed or shape[-1] != self.in_features:
            self._refuse(shape)
        if self.training:
            axes = tuple(range(len(shape) - 1))
            n = int(np.prod(shape[:-1]))
            if n < 2:
                raise ShapeError(
                    f"{self.label}: training needs more than one value a feature, got an input of shape {shape}; "
                    "use larger batches, or eval()"
                )
            mean = np.mean(x, axis=axes)
            centered = x - mean
            var = np.mean(centered * centered, axis=axes)
            share = self._share()
            _follow(self.running_mean, mean, share)
            _follow(self.running_var, var, share, n / (n - 1))
        else:
            dtype = np.result_type(x)
            mean, var = (one.read().astype(dtype) for one in (self.running_mean, self.running_var))
            centered = x - mean
        out = centered / np.sqrt(var + self.eps)
        return out if self.weight is None or self.bias is None else out * self.weight + self.bias

    def _share(self) -> Any:
        """How much of this batch goes into the running statistics."""
        if self.momentum is not None:
            return self.momentum
        self.batches.write(self.batches.read() + 1)
        return 1.0 / self.batches.read()

    def extra_repr(self) -> str:
        """The size, and whatever is not the default."""
        shown = {"momentum": (self.momentum, 0.1), "eps": (self.eps, 1e-5), "affine": (self.affine, True)}
        sizes = [] if self.in_features is None else [str(self.in_features)]
        return ", ".join([*sizes, *(f"{key}={value!r}" for key, (value, usual) in shown.items() if value != usual)])


def _follow(running: Buffer, now: Any, share: Any, factor: float = 1.0) -> None:
    running.write((1.0 - share) * running.read() + share * factor * current(now))


SPATIAL = {2: (), 3: ("length",), 4: ("height", "width")}


@example(lambda: BatchNorm2d(), (2, 2, 3, 2), wrong=(4, 2))
class BatchNorm2d(_BatchNorm):
    """Each channel of images brought to mean 0 and variance 1 over the batch, then scaled and shifted.

    In training by the batch's own mean and (biased) variance; in evaluation by running ones, which follow
    those of the batches (the variance unbiased).

    Parameters
    ----------
    in_features : int, optional
        Channels; None: what the first input has.
    momentum : float, in [0, 1], or None
        Share of the new batch in the running statistics: ``running = (1 - momentum) * running + momentum *
        batch``, as in PyTorch. (Keras's momentum is 1 minus this, and 0.99 by default.) None: the plain mean of
        all batches so far.
    eps : float
        Added to the variance (Keras: 1e-3).
    affine : bool
        Whether there is a learned scale and shift.
    dtype, name
        As for `Dense`.

    Attributes
    ----------
    weight, bias : Parameter, shape (in_features,), or None
        Scale and shift ("gamma" and "beta"); they start at 1 and 0.
    running_mean, running_var : Buffer, shape (in_features,)
        In `state_dict`, not in `parameters`. (Keras's running variance is biased, PyTorch's and ours not.)
    batches : Buffer, shape ()
        How many batches the running statistics have seen; only if `momentum` is None.

    Raises
    ------
    ShapeError
        When called on something else than images with as many channels, or in training on one pixel.

    Notes
    -----
    Ioffe & Szegedy (2015), "Batch normalization".

    Examples
    --------
    >>> layer = BatchNorm2d()
    >>> y = layer(np.random.default_rng(0).normal(5.0, 3.0, size=(10, 4, 4, 2)))
    >>> y.data.mean(axis=(0, 1, 2)).round(6) + 0.0, y.data.std(axis=(0, 1, 2)).round(4)
    (array([0., 0.]), array([1., 1.]))
    >>> sorted(layer.state_dict())
    ['bias', 'running_mean', 'running_var', 'weight']
    """

    _allowed = (4,)


@example(lambda: BatchNorm1d(3), (4, 3), wrong=(4, 2))
@example(lambda: BatchNorm1d(momentum=None), (4, 3), wrong=(4,))
@example(lambda: BatchNorm1d(affine=False), (2, 4, 3), wrong=(1, 2, 2, 3))
class BatchNorm1d(_BatchNorm):
    """Each feature brought to mean 0 and variance 1 over the batch (and time), then scaled and shifted.

    Takes (batch, features) or (batch, length, features); all else is as for `BatchNorm2d`.

    Examples
    --------
    >>> layer = BatchNorm1d(2).eval()
    >>> layer(np.ones((3, 2))).shape
    (3, 2)
    """

    _allowed = (2, 3)


@example(lambda: LayerNorm(), (3, 4), wrong=())
@example(lambda: LayerNorm((2, 3), affine=False), (2, 2, 3), wrong=(2, 3, 2))
class LayerNorm(Module):
    """Each sample (each token) brought to mean 0 and variance 1 over its last axes, then scaled and shifted.

    Parameters
    ----------
    shape : int or tuple of int, optional
        Of the axes that are normalised, the last ones; None: the last axis, whatever the first input has.
    eps : float
        Added to the variance (Keras: 1e-3).
    affine : bool
        Whether there is a learned scale and shift.
    dtype, name
        As for `Dense`.

    Attributes
    ----------
    weight, bias : Parameter, shape `shape`, or None
        They start at 1 and 0.

    Raises
    ------
    ShapeError
        When called on an array whose last axes are not `shape`.

    Notes
    -----
    Ba, Kiros & Hinton (2016), "Layer normalization".

    Examples
    --------
    >>> LayerNorm(4)(np.array([1.0, 2.0, 3.0, 4.0])).data.round(3)
    array([-1.342, -0.447,  0.447,  1.342])
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        shape: int | tuple[int, ...] | None = None,
        eps: float = 1e-5,
        affine: bool = True,
        dtype: DTypeLike = np.float64,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        sizes = shape if isinstance(shape, (tuple, list)) else () if shape is None else (shape,)
        self.shape = tuple(size("LayerNorm: shape", n) for n in sizes)
        self.eps, self.affine = eps, affine
        self._recipe = np.dtype(dtype)
        if self.shape:
            self._finish()

    def _build(self, *args: Any) -> None:
        if not np.ndim(args[0]) or not np.shape(args[0])[-1]:
            raise ShapeError(f"{self.label}: expected an input of shape (..., features), got {np.shape(args[0])}")
        self.shape = np.shape(args[0])[-1:]
        self._finish()

    def _finish(self) -> None:
        dtype, self._recipe = self._recipe, None
        self.weight = Parameter(np.ones(self.shape, dtype=dtype), name="weight") if self.affine else None
        self.bias = Parameter(np.zeros(self.shape, dtype=dtype), name="bias") if self.affine else None

    def forward(self, x: Any) -> Any:
        """The same shape as `x`."""
        if np.shape(x)[-len(self.shape) :] != self.shape:
            expected = ", ".join(["...", *map(str, self.shape)])
            raise ShapeError(f"{self.label}: expected an input of shape ({expected}), got {np.shape(x)}")
        axes = tuple(range(-len(self.shape), 0))
        centered = x - np.mean(x, axis=axes, keepdims=True)
        var = np.mean(centered * centered, axis=axes, keepdims=True)
        out = centered / np.sqrt(var + self.eps)
        return out if self.weight is None or self.bias is None else out * self.weight + self.bias

    def extra_repr(self) -> str:
        """The shape, and whatever is not the default."""
        sizes = [str(self.shape[0] if len(self.shape) == 1 else self.shape)] if self.shape else []
        shown = {"eps": (self.eps, 1e-5), "affine": (self.affine, True)}
        return ", ".join([*sizes, *(f"{key}={value!r}" for key, (value, usual) in shown.items() if value != usual)])
