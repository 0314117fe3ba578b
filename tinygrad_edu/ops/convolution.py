"""Convolutions of images: one operation and its two adjoints, each linear in both of its operands.

Images are (batch, height, width, channels), kernels (height, width, in / groups, out). What books call
convolution in networks is a correlation: the kernel is not turned around.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.kinds import Multilinear, multilinear
from tinygrad_edu.op import case
from tinygrad_edu.ops import windows
from tinygrad_edu.ops.columns import MIXED, PLAIN
from tinygrad_edu.ops.geometry import Geometry, Padding, check_images, geometry_of, padding_of, pair, sideways

__all__ = [
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
]


def _by_groups(
    function: Callable[[Any, Any, Geometry], Any], x: Any, y: Any, geometry: Geometry, groups: int, split_y: int
) -> Any:
    """`function` on each group of channels: x is cut along its last axis, y along `split_y`."""
    if groups == 1:
        return function(x, y, geometry)
    pairs = zip(np.split(x, groups, axis=-1), np.split(y, groups, axis=split_y), strict=True)
    return [function(a, np.ascontiguousarray(b), geometry) for a, b in pairs]


def _joined(parts: Any, axis: int = -1) -> Any:
    return np.concatenate(parts, axis=axis) if isinstance(parts, list) else parts


def _conv(x: Any, w: Any, geometry: Geometry, groups: int) -> Any:
    return _joined(_by_groups(windows.correlate, x, w, geometry, groups, 3))


def _conv_image(g: Any, w: Any, geometry: Geometry, groups: int) -> Any:
    return _joined(_by_groups(windows.image_gradient, g, w, geometry, groups, 3))


def _conv_kernel(x: Any, g: Any, geometry: Geometry, groups: int) -> Any:
    return _joined(_by_groups(windows.kernel_gradient, x, g, geometry, groups, 3))


WIDE = Geometry((4, 4), (3, 3), padding=((1, 1), (1, 1)))
SPARSE = Geometry((6, 6), (2, 2), (1, 2), ((0, 0), (1, 0)), (1, 2))

_conv2d = multilinear(
    "conv2d", _conv,
    pull=(
        lambda g, x, w, geometry, groups: conv2d_image(g, w, geometry=geometry, groups=groups),
        lambda g, x, w, geometry, groups: conv2d_kernel(x, g, geometry=geometry, groups=groups),
    ),
    symbol="∗", reads=("g spread by y", "sums of x g over all windows"),
    cases=(
        case((2, 5, 4, 2), (3, 2, 2, 3), geometry=PLAIN, groups=1),
        case((1, 5, 6, 4), (2, 3, 2, 2), geometry=MIXED, groups=2),
        case((2, 4, 4, 5), (3, 3, 5, 2), geometry=WIDE, groups=1),
        case((1, 6, 6, 3), (2, 2, 1, 3), geometry=SPARSE, groups=3),
    ),
)  # fmt: skip

conv2d_image: Multilinear = multilinear(
    "conv2d_image", _conv_image,
    pull=(
        lambda t, g, w, geometry, groups: _conv2d(t, w, geometry=geometry, groups=groups),
        lambda t, g, w, geometry, groups: conv2d_kernel(t, g, geometry=geometry, groups=groups),
    ),
    symbol="∗ᵀ", reads=("conv2d(t, w)", "sums of t g over all windows"),
    cases=(
        case((2, 3, 3, 3), (3, 2, 2, 3), geometry=PLAIN, groups=1),
        case((1, 2, 7, 2), (2, 3, 2, 2), geometry=MIXED, groups=2),
        case((2, 4, 4, 2), (3, 3, 5, 2), geometry=WIDE, groups=1),
    ),
    doc="""The adjoint of conv2d in its image, which is the transposed convolution.""",
)  # fmt: skip

conv2d_kernel: Multilinear = multilinear(
    "conv2d_kernel", _conv_kernel,
    pull=(
        lambda t, x, g, geometry, groups: conv2d_image(g, t, geometry=geometry, groups=groups),
        lambda t, x, g, geometry, groups: _conv2d(x, t, geometry=geometry, groups=groups),
    ),
    symbol="∗ₖ", reads=("g spread by t", "conv2d(x, t)"),
    cases=(
        case((2, 5, 4, 2), (2, 3, 3, 3), geometry=PLAIN, groups=1),
        case((1, 5, 6, 4), (1, 2, 7, 2), geometry=MIXED, groups=2),
    ),
    doc="""The adjoint of conv2d in its kernel.""",
)  # fmt: skip


def conv2d(x: Any, weight: Any, stride: Any = 1, padding: Any = "valid", dilation: Any = 1, groups: int = 1) -> Any:
    """Convolution of images with a kernel.

    Parameters
    ----------
    x : Value or array, shape (batch, height, width, in)
    weight : Value or array, shape (kernel height, kernel width, in / groups, out)
    stride, dilation : int or pair of int
        Down and across.
    padding : {"valid", "same"}, int, pair of int, or pair of pairs
        Zeros around the image: none; as many as make the result ceil(size / stride) (an odd one goes
        to the bottom and right); so many on every side; down and across; or ((top, bottom), (left, right)).
    groups : int
        Channels are cut into so many groups, each with a kernel of its own; groups == in is a
        depthwise convolution.

    Returns
    -------
    Value or array, shape (batch, down, across, out)

    Raises
    ------
    ShapeError
        If the channels do not fit, or the kernel is larger than the padded image.
    ArgumentError
        If stride, padding, dilation or groups is not of the kind above.

    Notes
    -----
    Dumoulin & Visin, *A guide to convolution arithmetic for deep learning* (2016).

    Examples
    --------
    >>> x, w = np.ones((1, 4, 4, 1)), np.ones((3, 3, 1, 1))
    >>> conv2d(x, w)[0, :, :, 0]
    array([[9., 9.],
           [9., 9.]])
    >>> conv2d(x, w, stride=2, padding="same").shape
    (1, 2, 2, 1)
    """
    check_images("conv2d", x, 4, "(batch, height, width, channels)")
    check_images("conv2d", weight, 4, "(kernel height, kernel width, in / groups, out)", what="weight")
    kh, kw, inner, out = np.shape(weight)
    channels = np.shape(x)[-1]
    if groups < 1 or channels % groups or out % groups:
        raise ArgumentError(f"conv2d: groups={groups} must divide the {channels} channels in and the {out} out")
    if inner * groups != channels:
        raise ShapeError(
            f"conv2d: the images have {channels} channels, but weight of shape {np.shape(weight)} takes "
            f"{inner} x {groups} group(s); expected weight of shape ({kh}, {kw}, {channels // groups}, {out})"
            + ("; are the images channel-first? x.transpose(0, 2, 3, 1)" if np.shape(x)[1] == inner * groups else "")
        )
    return _conv2d(x, weight, geometry=geometry_of("conv2d", x, (kh, kw), stride, padding, dilation), groups=groups)


def conv_transpose2d(
    x: Any, weight: Any, stride: Any = 1, padding: Any = "valid", output_padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """Transposed convolution: the adjoint of `conv2d`, which makes images larger.

    Parameters
    ----------
    x : Value or array, shape (batch, height, width, in)
    weight : Value or array, shape (kernel height, kernel width, in, out / groups)
    stride, dilation : int or pair of int
    padding : {"valid", "same"}, int, pair of int, or pair of pairs
        What the result loses at its sides; "same" makes it size * stride.
    output_padding : int or pair of int
        Rows and columns added at the bottom and right, to choose among the sizes that a convolution
        with this stride takes to the size of x.
    groups : int

    Returns
    -------
    Value or array, shape (batch, higher, wider, out)
        Higher is (height - 1) * stride + dilation * (kernel - 1) + 1 - padding + output_padding.

    Raises
    ------
    ShapeError
        If the channels do not fit.

    Examples
    --------
    >>> conv_transpose2d(np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 3)), stride=2).shape
    (1, 4, 4, 3)
    """
    name = "conv_transpose2d"
    check_images(name, x, 4, "(batch, height, width, channels)")
    check_images(name, weight, 4, "(kernel height, kernel width, in, out / groups)", what="weight")
    kh, kw, channels, _ = np.shape(weight)
    if np.shape(x)[-1] != channels or channels % groups:
        raise ShapeError(
            f"{name}: the images have {np.shape(x)[-1]} channels, weight of shape {np.shape(weight)} takes {channels} "
            f"in {groups} group(s); expected (kernel height, kernel width, {np.shape(x)[-1]}, out / groups)"
        )
    steps, gaps = pair(name, "stride", stride), pair(name, "dilation", dilation)
    extra = pair(name, "output_padding", output_padding, 0)
    reach = [d * (k - 1) + 1 for d, k in zip(gaps, (kh, kw), strict=True)]
    full = [(n - 1) * s + r for n, s, r in zip(np.shape(x)[1:3], steps, reach, strict=True)]
    if padding == "same":
        lost = [max(r - s, 0) for r, s in zip(reach, steps, strict=True)]
        extra = (max(steps[0] - reach[0], 0) + extra[0], max(steps[1] - reach[1], 0) + extra[1])
        sides: Padding = ((lost[0] // 2, lost[0] - lost[0] // 2), (lost[1] // 2, lost[1] - lost[1] // 2))
    else:
        sides = padding_of(name, padding, (0, 0), (1, 1), steps, gaps)
    size = (full[0] - sum(sides[0]) + extra[0], full[1] - sum(sides[1]) + extra[1])
    geometry = Geometry(size, (kh, kw), steps, sides, gaps)
    if min(size) < 1 or geometry.out != np.shape(x)[1:3]:
        raise ShapeError(
            f"{name}: no image of size {size} gives {np.shape(x)[1:3]} by a convolution with kernel {(kh, kw)}, "
            f"stride {steps} and padding {sides}; output_padding must be smaller than the stride, and padding smaller "
            "than the kernel"
        )
    return conv2d_image(x, np.swapaxes(weight, -1, -2), geometry=geometry, groups=groups)


def conv1d(x: Any, weight: Any, stride: int = 1, padding: Any = "valid", dilation: int = 1, groups: int = 1) -> Any:
    """Convolution along one axis; as `conv2d` with a height of 1.

    Parameters
    ----------
    x : Value or array, shape (batch, length, in)
    weight : Value or array, shape (kernel, in / groups, out)
    stride, dilation : int
    padding : {"valid", "same"}, int, or pair of int (left, right)
    groups : int

    Returns
    -------
    Value or array, shape (batch, windows, out)

    Raises
    ------
    ShapeError
        If the channels do not fit, or the kernel is longer than the padded input.

    Examples
    --------
    >>> conv1d(np.arange(5.0).reshape(1, 5, 1), np.ones((2, 1, 1)))[0, :, 0]
    array([1., 3., 5., 7.])
    """
    check_images("conv1d", x, 3, "(batch, length, channels)")
    check_images("conv1d", weight, 3, "(kernel, in / groups, out)", what="weight")
    tall, flat = np.expand_dims(x, 1), np.expand_dims(weight, 0)
    return np.squeeze(conv2d(tall, flat, (1, stride), sideways("conv1d", padding), (1, dilation), groups), 1)


def conv_transpose1d(
    x: Any, weight: Any, stride: int = 1, padding: Any = "valid", output_padding: int = 0, dilation: int = 1,
    groups: int = 1,
) -> Any:  # fmt: skip
    """Transposed convolution along one axis; as `conv_transpose2d` with a height of 1.

    Parameters
    ----------
    x : Value or array, shape (batch, length, in)
    weight : Value or array, shape (kernel, in, out / groups)
    stride, dilation, output_padding, groups : int
    padding : {"valid", "same"}, int, or pair of int (left, right)

    Returns
    -------
    Value or array, shape (batch, longer, out)

    Raises
    ------
    ShapeError
        If the channels do not fit.

    Examples
    --------
    >>> conv_transpose1d(np.ones((1, 2, 1)), np.ones((2, 1, 1)))[0, :, 0]
    array([1., 2., 1.])
    """
    name = "conv_transpose1d"
    check_images(name, x, 3, "(batch, length, channels)")
    check_images(name, weight, 3, "(kernel, in, out / groups)", what="weight")
    tall, flat = np.expand_dims(x, 1), np.expand_dims(weight, 0)
    longer = conv_transpose2d(
        tall, flat, (1, stride), sideways(name, padding), (0, output_padding), (1, dilation), groups
    )
    return np.squeeze(longer, 1)
