"""Convolutions over sequences and images, and their transposes; channels come last.

Weights are (*kernel, in / groups, out), as in Keras; `weight_from_channel_first` brings in PyTorch's.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.init import Initializer, Rng
from tinygrad_edu.nn.layers.activation import Function, activation_function, activation_name
from tinygrad_edu.nn.layers.lazy import LazyLayer, Recipe, optional_size, sizes_of
from tinygrad_edu.nn.layers.registry import example
from tinygrad_edu.nn.module import Parameter
from tinygrad_edu.ops import convolution as ops


class _Convolution(LazyLayer):
    """What the four convolutions have in common."""

    _function: ClassVar[Callable[..., Any]]
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        *sizes: Any,
        in_features: int | None = None,
        out_features: int | None = None,
        kernel_size: Any = None,
        stride: Any = 1,
        padding: Any = "valid",
        dilation: Any = 1,
        groups: int = 1,
        activation: str | Function | None = None,
        bias: bool = True,
        init: str | Initializer = "xavier_uniform",
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        kind, spatial = type(self).__name__, self.axes - 2
        found = sizes_of(kind, sizes, in_features=in_features, out_features=out_features, kernel_size=kernel_size)
        self.in_features = optional_size(f"{kind}: in_features", found["in_features"])
        self.out_features = size(f"{kind}: out_features", found["out_features"])
        kernel = found["kernel_size"]
        kernel = kernel if isinstance(kernel, (tuple, list)) else (kernel,) * spatial
        if len(kernel) != spatial:
            raise ArgumentError(f"{kind}: kernel_size must be an int or {spatial} of them, got {kernel!r}")
        self.kernel_size = tuple(size(f"{kind}: kernel_size", n) for n in kernel)
        self.options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        self.groups = size(f"{kind}: groups", groups)
        if self.out_features % self.groups:
            raise ArgumentError(f"{kind}: groups={groups} must divide out_features={self.out_features}")
        activation_function(activation)
        self.activation = activation
        self.use_bias = bias
        self._prepare(init, rng, dtype)

    def _make(self, in_features: int, recipe: Recipe) -> None:
        if in_features % self.groups:
            raise ShapeError(f"{self.label}: groups={self.groups} must divide the {in_features} channels of the input")
        self.weight = recipe.weight(*self.kernel_size, *self._channels(in_features))
        self.bias = recipe.zeros(self.out_features) if self.use_bias else None

    def _channels(self, in_features: int) -> tuple[int, int]:
        return in_features // self.groups, self.out_features

    def _refuse(self, shape: tuple[int, ...]) -> None:
        hint = ""
        if len(shape) == self.axes and shape[1] == self.in_features:
            hint = "; if the channels come first, to_channel_last(x) moves them"
        raise ShapeError(f"{self.label}: expected an input of shape {self._expected()}, got {shape}{hint}")

    def forward(self, x: Any) -> Any:
        """Shape (batch, ..., in_features) to (batch, ..., out_features)."""
        self._check(x)
        try:
            x = type(self)._function(x, self.weight, **self.options)
        except ShapeError as error:
            raise ShapeError(f"{self.label}: an input of shape {np.shape(x)} does not fit: {error}") from None
        if self.bias is not None:
            x = x + self.bias
        activate = activation_function(self.activation)
        return x if activate is None else activate(x)

    def extra_repr(self) -> str:
        """Sizes, and whatever is not the default."""
        kernel = self.kernel_size
        defaults = {"stride": 1, "padding": "valid", "dilation": 1, "groups": 1, "output_padding": 0}
        shown = {name: value for name, value in self.options.items() if value != defaults[name]}
        shown |= {} if self.activation is None else {"activation": activation_name(self.activation)}
        shown |= {} if self.use_bias else {"bias": False}
        sizes = [] if self.in_features is None else [self.in_features]
        kernel_shown = kernel[0] if len(set(kernel)) == 1 else kernel
        return ", ".join(
            [*map(str, sizes), str(self.out_features), str(kernel_shown), *(f"{k}={v!r}" for k, v in shown.items())]
        )


class _Transposed(_Convolution):
    """The same, which also chooses among the sizes that a convolution with this stride could have had."""

    def __init__(self, *sizes: Any, output_padding: Any = 0, **options: Any) -> None:
        super().__init__(*sizes, **options)
        self.options["output_padding"] = output_padding

    def _channels(self, in_features: int) -> tuple[int, int]:
        return in_features, self.out_features // self.groups


@example(lambda: Conv2d(2, 4, 2, stride=(1, 2), groups=2, activation="tanh", rng=0), (1, 3, 4, 2), wrong=(1, 4, 2))
@example(lambda: Conv2d(3, (2, 1), padding="same", bias=False, rng=0), (2, 3, 2, 2), wrong=(3, 2, 2))
class Conv2d(_Convolution):
    """Convolution of images: a small kernel looks for the same thing everywhere.

    ``Conv2d(16, 32, 3)`` says channels in, channels out and kernel size, as PyTorch does; ``Conv2d(32, 3)``
    leaves the first out, as Keras does: it is settled by the first call. Everything else goes by name.

    Parameters
    ----------
    in_features : int, optional
        Channels of the images; None: what the first input has.
    out_features : int
        Channels of the result ("filters").
    kernel_size : int or pair of int
    stride, dilation : int or pair of int
    padding : {"valid", "same"}, int, pair of int, or pair of pairs
        Zeros around the images; "same" makes the result ceil(size / stride), an odd zero going to the
        bottom and right as in Keras. (PyTorch has "same" for stride 1 only.)
    groups : int
        Channels are cut into so many groups with kernels of their own; with ``groups=in_features`` it is
        a depthwise convolution.
    activation : str, function or None
    bias : bool
    init, rng, dtype, name
        As for `Dense`.

    Attributes
    ----------
    weight : Parameter, shape (kernel height, kernel width, in_features / groups, out_features)
    bias : Parameter, shape (out_features,), or None

    Raises
    ------
    ShapeError
        When called on an array of another number of axes or channels, or on images smaller than the kernel.

    Notes
    -----
    LeCun et al. (1989), "Backpropagation applied to handwritten zip code recognition".

    Examples
    --------
    >>> layer = Conv2d(16, 3, stride=2, padding="same", activation="relu", rng=0)
    >>> layer(np.ones((2, 28, 28, 1))).shape, layer
    ((2, 14, 14, 16), Conv2d(1, 16, 3, stride=2, padding='same', activation='relu'))
    >>> layer.n_parameters
    160
    """

    axes = 4
    _function = ops.conv2d


@example(lambda: Conv1d(2, 3, 2, padding=1, rng=0), (2, 5, 2), wrong=(2, 5, 3))
class Conv1d(_Convolution):
    """Convolution along one axis: of (batch, length, in_features).

    Parameters and attributes are those of `Conv2d`, with one number for each pair, and `padding` may be
    (left, right); `weight` has shape (kernel_size, in_features / groups, out_features).

    Examples
    --------
    >>> Conv1d(8, 3, padding="same", rng=0)(np.ones((2, 10, 4))).shape
    (2, 10, 8)
    """

    axes = 3
    _function = ops.conv1d


@example(
    lambda: ConvTranspose2d(2, 3, 2, stride=2, padding=1, output_padding=1, rng=0), (1, 2, 3, 2), wrong=(1, 2, 3, 3)
)
class ConvTranspose2d(_Transposed):
    """Transposed convolution of images, which makes them larger: what a convolution does, backwards.

    Parameters and attributes are those of `Conv2d`, with `weight` of shape (kernel height, kernel width,
    in_features, out_features / groups), and

    Parameters
    ----------
    padding : as for `Conv2d`
        What the result loses at its sides; "same" makes it size * stride.
    output_padding : int or pair of int
        Rows and columns added at the bottom and right.

    Examples
    --------
    >>> ConvTranspose2d(8, 2, stride=2, rng=0)(np.ones((1, 7, 7, 16))).shape
    (1, 14, 14, 8)
    """

    axes = 4
    _function = ops.conv_transpose2d


@example(lambda: ConvTranspose1d(3, 2, stride=2, rng=0), (1, 3, 2), wrong=(3, 2))
class ConvTranspose1d(_Transposed):
    """Transposed convolution along one axis.

    Parameters and attributes are those of `ConvTranspose2d`, with one number for each pair; `weight` has
    shape (kernel_size, in_features, out_features / groups).

    Examples
    --------
    >>> ConvTranspose1d(8, 4, stride=4, rng=0)(np.ones((1, 5, 2))).shape
    (1, 20, 8)
    """

    axes = 3
    _function = ops.conv_transpose1d
