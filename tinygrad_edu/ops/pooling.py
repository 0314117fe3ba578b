"""Pooling of images: the largest entry of each window, the mean, or one drawn at random.

Images are (batch, height, width, channels). Equal largest entries of a window share its gradient
evenly. Work goes image block by image block, so that what one step makes the next finds in the cache.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_edu.kinds import Linear, Multilinear, general, linear, multilinear
from tinygrad_edu.op import Case, Interval, case
from tinygrad_edu.ops.geometry import Geometry, check_images, geometry_of, pair
from tinygrad_edu.ops.random import Rng, standard_uniform
from tinygrad_edu.ops.windows import pad, shifted, tiles, unpad

__all__ = [
    "max_pool2d",
    "avg_pool2d",
    "stochastic_pool2d",
]

HALVES = Geometry((4, 6), (2, 2), (2, 2))
OVERLAP = Geometry((5, 5), (3, 2), (2, 1), ((1, 0), (1, 1)))


def _positions(geometry: Geometry) -> list[tuple[int, int]]:
    return [(i, j) for i in range(geometry.kernel[0]) for j in range(geometry.kernel[1])]


def _blocks(x: Any, geometry: Geometry) -> Iterator[slice]:
    """Images to be done together: rows are never cut."""
    windows = geometry.kernel[0] * geometry.kernel[1] * x.shape[-1] * x.itemsize
    seen = -1
    for images, _ in tiles(x.shape[0], geometry, windows):
        if images.start > seen:
            seen = images.start
            yield images


def largest(x: Any, geometry: Geometry, out: Any = None) -> Any:
    """The largest entry of each window: first of the rows of a window, which lie one after another."""
    padded = pad(x, geometry.padding, -np.inf)
    (kh, kw), (down, across), (si, sj), (di, dj) = geometry.kernel, geometry.out, geometry.stride, geometry.dilation
    if out is None:
        out = np.empty((x.shape[0], down, across, x.shape[3]), dtype=padded.dtype)
    for images in _blocks(padded, geometry):
        part, found = padded[images], out[images]
        rows = [part[:, i * di : i * di + (down - 1) * si + 1 : si] for i in range(kh)]
        top = _joined(rows, np.empty(rows[0].shape, dtype=padded.dtype))
        _joined([top[:, :, j * dj : j * dj + (across - 1) * sj + 1 : sj] for j in range(kw)], found)
    return out


def _joined(parts: list[Any], out: Any) -> Any:
    """The largest of several arrays, entry by entry."""
    if len(parts) == 1:
        out[...] = parts[0]
        return out
    np.maximum(parts[0], parts[1], out=out)
    for part in parts[2:]:
        np.maximum(out, part, out=out)
    return out


def _max_pool(x: Any, geometry: Geometry) -> Any:
    return largest(x, geometry)


def _shares(padded: Any, out: Any, geometry: Geometry) -> tuple[list[Any], Any]:
    """For each position of the window where the largest entry is, and among how many it is shared."""
    at = [shifted(padded, geometry, i, j) == out for i, j in _positions(geometry)]
    small = np.uint8 if len(at) < 256 else np.uint32
    count = at[0].astype(small)
    for mask in at[1:]:
        count += mask.view(np.uint8)
    return at, count


def spread(g: Any, out: Any, x: Any, geometry: Geometry, into: Any = None) -> Any:
    """Gradients put where the largest entry of each window is."""
    padded = pad(x, geometry.padding, -np.inf)
    bare = geometry.padding == ((0, 0), (0, 0))
    back = into if bare and into is not None else np.empty(padded.shape, dtype=np.result_type(g))
    apart = geometry.kernel[0] <= geometry.stride[0] and geometry.kernel[1] <= geometry.stride[1]
    if not (apart and _covers(geometry)):
        back.fill(0)
    for images in _blocks(padded, geometry):
        at, count = _shares(padded[images], out[images], geometry)
        share = g[images] if np.max(count, initial=0) <= 1 else _divided(g[images], count)
        for (i, j), mask in zip(_positions(geometry), at, strict=True):
            target = shifted(back[images], geometry, i, j)
            if apart:
                np.multiply(share, mask, out=target)
            else:
                target += share * mask
    found = unpad(back, geometry.padding)
    if into is None:
        return found
    if into is not back:
        into[...] = found
    return into


def _covers(geometry: Geometry) -> bool:
    """Whether windows that do not overlap leave no entry out."""
    pairs = zip(geometry.padded, geometry.out, geometry.kernel, geometry.stride, strict=True)
    return all(k == s and n == s * o for n, o, k, s in pairs)


def _spread(g: Any, out: Any, x: Any, geometry: Geometry) -> Any:
    return spread(g, out, x, geometry)


def _gather(t: Any, out: Any, x: Any, geometry: Geometry) -> Any:
    padded, moved = pad(x, geometry.padding, -np.inf), pad(t, geometry.padding)
    total = np.empty(out.shape, dtype=np.result_type(t))
    for images in _blocks(padded, geometry):
        at, count = _shares(padded[images], out[images], geometry)
        parts = [shifted(moved[images], geometry, i, j) * m for (i, j), m in zip(_positions(geometry), at, strict=True)]
        total[images] = _divided(sum(parts[1:], start=parts[0]), count)
    return total


def _divided(x: Any, count: Any) -> Any:
    return x / (count + (count == 0)).astype(x.dtype)  # a window with a nan has no largest entry


def _with_largest(rng: np.random.Generator, drawn: Case) -> list[Any]:
    """Something to spread or gather, the largest entries, and the images that have them."""
    first, x = rng.uniform(-1.0, 1.0, drawn.shapes[0]), rng.uniform(-1.0, 1.0, drawn.shapes[2])
    return [first, _max_pool(x, drawn.params["geometry"]), x]


_max_spread = multilinear(
    "max_pool2d_spread", _spread,
    pull=(lambda t, g, out, x, geometry: _max_gather(t, out, x, geometry=geometry), None, None),
    reads=("read where the largest entry is", "0", "0"), sample=_with_largest,
    cases=(
        case((2, 2, 3, 2), (2, 2, 3, 2), (2, 4, 6, 2), geometry=HALVES),
        case((2, 2, 6, 2), (2, 2, 6, 2), (2, 5, 5, 2), geometry=OVERLAP),
    ),
    doc="""Gradients put where the largest entry of each window is: the adjoint of max_pool2d_gather.""",
)  # fmt: skip

_max_gather: Multilinear = multilinear(
    "max_pool2d_gather", _gather,
    pull=(lambda g, t, out, x, geometry: _max_spread(g, out, x, geometry=geometry), None, None),
    reads=("put where the largest entry is", "0", "0"), sample=_with_largest,
    cases=(
        case((2, 4, 6, 2), (2, 2, 3, 2), (2, 4, 6, 2), geometry=HALVES),
        case((2, 5, 5, 2), (2, 2, 6, 2), (2, 5, 5, 2), geometry=OVERLAP),
    ),
    doc="""What stands where the largest entry of each window is; the mean over equal ones.""",
)  # fmt: skip

_max_pool2d = general(
    "max_pool2d", _max_pool,
    pull=(lambda g, out, x, geometry: _max_spread(g, out, x, geometry=geometry),),
    push=(lambda t, out, x, geometry: _max_gather(t, out, x, geometry=geometry),),
    reads="1 at the largest entry; ties share it evenly",
    cases=(case((2, 4, 6, 2), geometry=HALVES), case((2, 5, 5, 2), geometry=OVERLAP)),
)  # fmt: skip


def max_pool2d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = "valid", dilation: Any = 1) -> Any:
    """The largest entry of each window, channel by channel.

    Parameters
    ----------
    x : Value or array, shape (batch, height, width, channels)
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        The kernel size if not given, so that windows tile the image (a remainder is left out).
    padding : as for `conv2d`
        The border never wins.
    dilation : int or pair of int

    Returns
    -------
    Value or array, shape (batch, down, across, channels)

    Raises
    ------
    ShapeError
        If x has not four axes, or the window is larger than the padded image.

    Examples
    --------
    >>> max_pool2d(np.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    return _max_pool2d(x, geometry=_pool("max_pool2d", x, kernel_size, stride, padding, dilation))


def _pool(name: str, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1) -> Geometry:
    check_images(name, x, 4, "(batch, height, width, channels)")
    kernel = pair(name, "kernel_size", kernel_size)
    return geometry_of(name, x, kernel, kernel if stride is None else stride, padding, dilation)


def _weights(geometry: Geometry, count_include_pad: bool, dtype: Any) -> Any:
    """1 over the number of entries of each window: one number, or (down, across, 1)."""
    if count_include_pad or geometry.padding == ((0, 0), (0, 0)):
        return dtype.type(1.0 / (geometry.kernel[0] * geometry.kernel[1]))
    ones = pad(np.ones((1, *geometry.size, 1), dtype=dtype), geometry.padding)
    inside: Any = sum(shifted(ones, geometry, i, j) for i, j in _positions(geometry))
    return (1.0 / np.maximum(inside, 1.0)).astype(dtype)


def _average(x: Any, geometry: Geometry, count_include_pad: bool) -> Any:
    padded = pad(x, geometry.padding)
    total = np.array(shifted(padded, geometry, 0, 0))
    for i, j in _positions(geometry)[1:]:
        total += shifted(padded, geometry, i, j)
    return total * _weights(geometry, count_include_pad, np.result_type(x, np.float32))


def _average_back(g: Any, geometry: Geometry, count_include_pad: bool) -> Any:
    share = g * _weights(geometry, count_include_pad, np.result_type(g, np.float32))
    out = np.zeros((g.shape[0], *geometry.padded, g.shape[3]), dtype=share.dtype)
    for i, j in _positions(geometry):
        shifted(out, geometry, i, j)[...] += share
    return unpad(out, geometry.padding)


AVERAGES = ((HALVES, True), (OVERLAP, True), (OVERLAP, False))

_avg_pool2d = linear(
    "avg_pool2d", _average,
    adjoint=lambda g, x, geometry, count_include_pad: _avg_pool2d_back(
        g, geometry=geometry, count_include_pad=count_include_pad
    ),
    reads="1 / n",
    cases=tuple(case((2, *geometry.size, 2), geometry=geometry, count_include_pad=c) for geometry, c in AVERAGES),
)  # fmt: skip

_avg_pool2d_back: Linear = linear(
    "avg_pool2d_back", _average_back,
    adjoint=lambda g, x, geometry, count_include_pad: _avg_pool2d(
        g, geometry=geometry, count_include_pad=count_include_pad
    ),
    reads="1 / n",
    cases=tuple(case((2, *geometry.out, 2), geometry=geometry, count_include_pad=c) for geometry, c in AVERAGES),
    doc="""Each entry shared among its window: the adjoint of avg_pool2d.""",
)  # fmt: skip


def avg_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = "valid", count_include_pad: bool = True
) -> Any:
    """The mean of each window, channel by channel.

    Parameters
    ----------
    x : Value or array, shape (batch, height, width, channels)
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        The kernel size if not given.
    padding : as for `conv2d`
    count_include_pad : bool
        Whether the zeros of the border count (as in PyTorch), or the mean is over the image alone
        (as in Keras).

    Returns
    -------
    Value or array, shape (batch, down, across, channels)

    Raises
    ------
    ShapeError
        If x has not four axes, or the window is larger than the padded image.

    Examples
    --------
    >>> avg_pool2d(np.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    geometry = _pool("avg_pool2d", x, kernel_size, stride, padding)
    return _avg_pool2d(x, geometry=geometry, count_include_pad=count_include_pad)


def _chosen(x: Any, u: Any, geometry: Geometry) -> list[Any]:
    """For each position of the window whether the draw u fell on it; an entry's chance is in proportion to it."""
    entries = [np.maximum(shifted(x, geometry, i, j), 0) for i, j in _positions(geometry)]
    total: Any = sum(entries)
    nothing = total == 0  # all entries have one chance then
    point = u * np.where(nothing, len(entries), total)
    below, found = np.zeros_like(point), []
    taken = np.zeros(point.shape, dtype=bool)
    for entry in entries:
        below = below + np.where(nothing, 1.0, entry)
        mask = (point < below) & ~taken
        taken |= mask
        found.append(mask)
    found[-1] |= ~taken  # rounding left the point at the very end
    return found


def _draw_pool(x: Any, u: Any, geometry: Geometry) -> Any:
    return _draw_gather(x, x, u, geometry=geometry)


def _draw_gather_forward(t: Any, x: Any, u: Any, geometry: Geometry) -> Any:
    at = _chosen(x, u, geometry)
    parts = [np.where(m, shifted(t, geometry, i, j), 0) for (i, j), m in zip(_positions(geometry), at, strict=True)]
    return sum(parts[1:], start=parts[0]).astype(np.result_type(t))


def _draw_spread_forward(g: Any, x: Any, u: Any, geometry: Geometry) -> Any:
    back = np.zeros(x.shape, dtype=np.result_type(g))
    for (i, j), mask in zip(_positions(geometry), _chosen(x, u, geometry), strict=True):
        shifted(back, geometry, i, j)[...] += g * mask
    return back


_draw_spread = multilinear(
    "stochastic_pool2d_spread", _draw_spread_forward,
    pull=(lambda t, g, x, u, geometry: _draw_gather(t, x, u, geometry=geometry), None, None),
    reads=("read where the draw fell", "0", "0"), domain=(Interval(), Interval(0.1, 1.0), Interval(0.01, 0.99)),
    cases=(case((2, 2, 3, 2), (2, 4, 6, 2), (2, 2, 3, 2), geometry=HALVES),),
    doc="""Gradients put where the draw fell: the adjoint of stochastic_pool2d_gather.""",
)  # fmt: skip

_draw_gather: Multilinear = multilinear(
    "stochastic_pool2d_gather", _draw_gather_forward,
    pull=(lambda g, t, x, u, geometry: _draw_spread(g, x, u, geometry=geometry), None, None),
    reads=("put where the draw fell", "0", "0"), domain=(Interval(), Interval(0.1, 1.0), Interval(0.01, 0.99)),
    cases=(case((2, 4, 6, 2), (2, 4, 6, 2), (2, 2, 3, 2), geometry=HALVES),),
    doc="""What stands where the draw fell.""",
)  # fmt: skip

_stochastic_pool2d = general(
    "stochastic_pool2d", _draw_pool,
    pull=(lambda g, out, x, u, geometry: _draw_spread(g, x, u, geometry=geometry), None),
    push=(lambda t, out, x, u, geometry: _draw_gather(t, x, u, geometry=geometry), None),
    reads=("1 at the entry drawn, else 0", "0"), domain=(Interval(0.1, 1.0), Interval(0.01, 0.99)),
    cases=(case((2, 4, 6, 2), (2, 2, 3, 2), geometry=HALVES),),
)  # fmt: skip


def stochastic_pool2d(x: Any, kernel_size: Any, stride: Any = None, rng: Rng = None, training: bool = True) -> Any:
    """One entry of each window, drawn with a chance in proportion to its size (negative ones: none).

    Parameters
    ----------
    x : Value or array, shape (batch, height, width, channels)
        Meant for what comes out of a ReLU.
    kernel_size : int or pair of int
    stride : int or pair of int, optional
        The kernel size if not given.
    rng : Generator, int or None
        Where the draw comes from.
    training : bool
        If False, the mean of each window weighted by those chances, without a draw.

    Returns
    -------
    Value or array, shape (batch, down, across, channels)

    Raises
    ------
    ShapeError
        If x has not four axes, or the window is larger than the image.

    Notes
    -----
    Zeiler & Fergus, *Stochastic pooling for regularization of deep convolutional neural networks* (2013).

    Examples
    --------
    >>> x = np.array([1.0, 0.0, 0.0, 3.0]).reshape(1, 2, 2, 1)
    >>> stochastic_pool2d(x, 2, rng=0).item() in (1.0, 3.0)
    True
    >>> stochastic_pool2d(x, 2, training=False).item()
    2.5
    """
    geometry = _pool("stochastic_pool2d", x, kernel_size, stride, "valid")
    if training:
        dtype = np.result_type(x, np.float32)
        return _stochastic_pool2d(
            x, standard_uniform((np.shape(x)[0], *geometry.out, np.shape(x)[3]), rng, dtype), geometry=geometry
        )
    positive = np.maximum(x, 0.0)
    chances = _avg_pool2d(positive, geometry=geometry, count_include_pad=True)
    return _avg_pool2d(positive * positive, geometry=geometry, count_include_pad=True) / (chances + (chances == 0))
