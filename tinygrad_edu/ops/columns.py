"""im2col and col2im: every window of an image as a row, and back."""

from typing import Any

import numpy as np

from tinygrad_edu.errors import ShapeError
from tinygrad_edu.kinds import Linear, linear
from tinygrad_edu.op import case
from tinygrad_edu.ops import windows
from tinygrad_edu.ops.geometry import Geometry, Pair, check_images, geometry_of, padding_of, pair

__all__ = [
    "im2col",
    "col2im",
]

PLAIN = Geometry((5, 4), (3, 2))
MIXED = Geometry((5, 6), (2, 3), (2, 1), ((1, 0), (2, 1)), (2, 1))


def _im2col(x: Any, geometry: Geometry) -> Any:
    padded = windows.pad(x, geometry.padding)
    (kh, kw), (down, across), c = geometry.kernel, geometry.out, np.shape(x)[-1]
    out = np.empty((np.shape(x)[0], down, across, kh, kw, c), dtype=padded.dtype)
    for i in range(kh):
        for j in range(kw):
            out[:, :, :, i, j] = windows.shifted(padded, geometry, i, j)
    return out.reshape(*out.shape[:3], kh * kw * c)


def _col2im(cols: Any, geometry: Geometry) -> Any:
    kh, kw = geometry.kernel
    c = np.shape(cols)[-1] // (kh * kw)
    out = np.zeros((np.shape(cols)[0], *geometry.padded, c), dtype=np.result_type(cols))
    windows.add_windows(out, np.reshape(cols, (*np.shape(cols)[:3], kh, kw, c)), geometry)
    return windows.unpad(out, geometry.padding)


_im2col_op = linear(
    "im2col", _im2col, adjoint=lambda g, x, geometry: _col2im_op(g, geometry=geometry), reads="1",
    cases=(case((2, 5, 4, 2), geometry=PLAIN), case((1, 5, 6, 2), geometry=MIXED)),
)  # fmt: skip

_col2im_op: Linear = linear(
    "col2im", _col2im, adjoint=lambda g, cols, geometry: _im2col_op(g, geometry=geometry), reads="1",
    cases=(case((2, 3, 3, 12), geometry=PLAIN), case((1, 2, 7, 12), geometry=MIXED)),
)  # fmt: skip


def im2col(x: Any, kernel_size: Any, stride: Any = 1, padding: Any = "valid", dilation: Any = 1) -> Any:
    """Every window of the images as one row: with it a convolution is a product of matrices.

    Parameters
    ----------
    x : Value or array, shape (batch, height, width, channels)
    kernel_size, stride, dilation : int or pair of int
    padding : as for `conv2d`

    Returns
    -------
    Value or array, shape (batch, down, across, kernel height * kernel width * channels)

    Raises
    ------
    ShapeError
        If the window is larger than the padded image.

    Examples
    --------
    >>> im2col(np.arange(9.0).reshape(1, 3, 3, 1), 2)[0, 0]
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.]])
    """
    check_images("im2col", x, 4, "(batch, height, width, channels)")
    kernel = pair("im2col", "kernel_size", kernel_size)
    return _im2col_op(x, geometry=geometry_of("im2col", x, kernel, stride, padding, dilation))


def col2im(cols: Any, size: Pair, kernel_size: Any, stride: Any = 1, padding: Any = "valid", dilation: Any = 1) -> Any:
    """Rows put back as windows of images of `size`, added up where windows overlap: the adjoint of `im2col`.

    Parameters
    ----------
    cols : Value or array, shape (batch, down, across, kernel height * kernel width * channels)
    size : (height, width) of the images
    kernel_size, stride, padding, dilation : as for `im2col`

    Returns
    -------
    Value or array, shape (batch, height, width, channels)

    Raises
    ------
    ShapeError
        If the rows are not those of such windows.

    Examples
    --------
    >>> col2im(np.ones((1, 2, 2, 4)), (3, 3), 2)[0, :, :, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    kernel = pair("col2im", "kernel_size", kernel_size)
    steps, gaps = pair("col2im", "stride", stride), pair("col2im", "dilation", dilation)
    geometry = Geometry(size, kernel, steps, padding_of("col2im", padding, size, kernel, steps, gaps), gaps)
    shape = np.shape(cols)
    if len(shape) != 4 or shape[1:3] != geometry.out or shape[3] % (kernel[0] * kernel[1]):
        raise ShapeError(
            f"col2im: images of {size} have {geometry.out} windows of {kernel}; expected an array of shape "
            f"(batch, {geometry.out[0]}, {geometry.out[1]}, {kernel[0] * kernel[1]} * channels), got {shape}"
        )
    return _col2im_op(cols, geometry=geometry)
