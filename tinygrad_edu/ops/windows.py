"""Windows that slide over images, as matrices: what convolution and pooling are made of. Plain NumPy.

The matrix of all windows of an image (im2col) is K*K times as large as the image. So it is built and
used tile by tile, in a buffer small enough to stay in the processor's cache (measured: twice as fast
as whole batches). Where windows move down by one row, a third of it will do: the same rows of the image
serve every row of the kernel (measured: a third faster again).
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_edu.ops.geometry import Geometry, Padding

TILE_BYTES = 1 << 20
SHORT_RUN = 12  # below so many numbers in a row, one window position at a time is copied for the whole tile
ON_ONE_THREAD = 1 << 18  # multiplications, up to which OpenBLAS does a product without a second thread to wait for
LEAST_ROWS = 64  # of a product
MANY_WINDOWS = 36  # in an image, from which products row by row of the kernel pay


def pad(x: Any, padding: Padding, value: float = 0.0) -> Any:
    """Images with a border of one value, or `x` itself where there is nothing to add."""
    if padding == ((0, 0), (0, 0)):
        return np.ascontiguousarray(x)
    (top, bottom), (left, right) = padding
    n, h, w, c = x.shape
    out = np.full((n, h + top + bottom, w + left + right, c), value, dtype=x.dtype)
    out[:, top : top + h, left : left + w] = x
    return out


def unpad(x: Any, padding: Padding) -> Any:
    """The images inside the padding."""
    (top, bottom), (left, right) = padding
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


def shifted(x: Any, geometry: Geometry, i: int, j: int, rows: slice = slice(None)) -> Any:
    """The entries of padded images that meet position (i, j) of the kernel, as (n, rows, across, c)."""
    (down, across), (si, sj), (di, dj) = geometry.out, geometry.stride, geometry.dilation
    first, last, _ = rows.indices(down)
    start = i * di + first * si
    return x[:, start : start + (last - first - 1) * si + 1 : si, j * dj : j * dj + (across - 1) * sj + 1 : sj]


def tiles(n: int, geometry: Geometry, row_bytes: int) -> Iterator[tuple[slice, slice]]:
    """Images and output rows to be done together, so that `row_bytes` for each window fit in the cache."""
    down, across = geometry.out
    image = down * across * row_bytes
    if image <= TILE_BYTES:
        step = max(1, TILE_BYTES // max(image, 1))
        for start in range(0, n, step):
            yield slice(start, min(start + step, n)), slice(0, down)
        return
    step = max(1, TILE_BYTES // (across * row_bytes))
    for image_index in range(n):
        for start in range(0, down, step):
            yield slice(image_index, image_index + 1), slice(start, min(start + step, down))


class Columns:
    """The windows of one tile after the other, as a matrix with a row for each window.

    Parameters
    ----------
    x : ndarray, shape (n, h, w, c)
        Padded images.
    geometry : Geometry
    """

    def __init__(self, x: Any, geometry: Geometry) -> None:
        self.x = x
        self.geometry = geometry
        self.by_position = geometry.kernel[1] * x.shape[3] < SHORT_RUN
        self.buffer = np.empty(0, dtype=x.dtype)

    def of(self, images: slice, rows: slice) -> Any:
        """The windows of a tile; valid until the next call."""
        geometry, x = self.geometry, self.x[images]
        (kh, kw), across, c = geometry.kernel, geometry.out[1], x.shape[3]
        count = (images.stop - images.start) * (rows.stop - rows.start) * across
        if self.buffer.size < count * kh * kw * c:
            self.buffer = np.empty(count * kh * kw * c, dtype=x.dtype)
        flat = self.buffer[: count * kh * kw * c]
        lead = (x.shape[0], rows.stop - rows.start, across)
        if self.by_position:
            matrix = flat.reshape(kh, kw, c, *lead)
            for i in range(kh):
                for j in range(kw):
                    matrix[i, j] = np.moveaxis(shifted(x, geometry, i, j, rows), 3, 0)
            return matrix.reshape(kh * kw * c, count).T
        matrix = flat.reshape(*lead, kh, kw * c)
        if geometry.dilation[1] == 1:
            for i in range(kh):
                start = shifted(x, geometry, i, 0, rows)
                run = (*start.shape[:3], kw * c)
                matrix[:, :, :, i] = np.lib.stride_tricks.as_strided(start, run, start.strides, writeable=False)
        else:
            cells = flat.reshape(*lead, kh, kw, c)
            for i in range(kh):
                for j in range(kw):
                    cells[:, :, :, i, j] = shifted(x, geometry, i, j, rows)
        return matrix.reshape(count, kh * kw * c)


def _by_rows(geometry: Geometry, c: int) -> bool:
    """Whether to take the kernel row by row."""
    (kh, kw), (down, across) = geometry.kernel, geometry.out
    slides = geometry.stride[0] == 1 and geometry.dilation[1] == 1 and kh > 1
    return slides and kw * c >= 4 * kh and down * across >= MANY_WINDOWS


def _cut(rows: int, across: int, each: int) -> int:
    """Into how many products the rows of an image go, so that each is done on one thread, but none is too small."""
    fitting = [n for n in range(1, rows + 1) if rows % n == 0 and rows // n * across * each <= ON_ONE_THREAD]
    return fitting[0] if fitting and rows // fitting[0] * across >= LEAST_ROWS else 1


def _kernel_rows(x: Any, geometry: Geometry, o: int) -> Iterator[tuple[slice, slice, list[Any]]]:
    """Tiles, each with the windows of every row of the kernel: matrices (images, pieces, windows, kw * c)."""
    (kh, kw), across, c, gap = geometry.kernel, geometry.out[1], x.shape[3], geometry.dilation[0]
    buffer = np.empty(0, dtype=x.dtype)
    for images, rows in tiles(x.shape[0], geometry, (kw * c + o) * x.itemsize):
        part, count = x[images], rows.stop - rows.start
        shape = (part.shape[0], count + (kh - 1) * gap, across, kw * c)
        if buffer.size < math.prod(shape):
            buffer = np.empty(math.prod(shape), dtype=x.dtype)
        lines = buffer[: math.prod(shape)].reshape(shape)
        first = part[:, rows.start : rows.start + shape[1], :: geometry.stride[1]]
        np.copyto(lines, np.lib.stride_tricks.as_strided(first, shape, first.strides, writeable=False))
        pieces = part.shape[0], _cut(count, across, kw * c * o), -1, kw * c
        found = [lines[:, i * gap : i * gap + count].reshape(pieces) for i in range(kh)]
        yield images, rows, found


def correlate(x: Any, w: Any, geometry: Geometry, out: Any = None) -> Any:
    """Images (n, h, w, c) times a kernel (kh, kw, c, o), at every window: (n, down, across, o)."""
    kh, kw, c, o = w.shape
    x = pad(x, geometry.padding)
    if out is None:
        out = np.empty((x.shape[0], *geometry.out, o), dtype=np.result_type(x, w))
    if _by_rows(geometry, c):
        _correlate_rows(x, w.reshape(kh, kw * c, o), geometry, out)
        return out
    matrix = w.reshape(kh * kw * c, o)
    columns = Columns(x, geometry)
    for images, rows in tiles(x.shape[0], geometry, kh * kw * c * x.itemsize):
        np.matmul(columns.of(images, rows), matrix, out=out[images, rows].reshape(-1, o))
    return out


def _correlate_rows(x: Any, matrices: Any, geometry: Geometry, out: Any) -> None:
    o = out.shape[3]
    for images, rows, found in _kernel_rows(x, geometry, o):
        target = out[images, rows].reshape((*found[0].shape[:3], o))
        np.matmul(found[0], matrices[0], out=target)
        for windows, matrix in zip(found[1:], matrices[1:], strict=True):
            target += windows @ matrix


def kernel_gradient(x: Any, g: Any, geometry: Geometry, out: Any = None) -> Any:
    """What each entry of the kernel contributed: sums over all windows of image times gradient."""
    (kh, kw), c, o = geometry.kernel, x.shape[3], g.shape[3]
    x, g = pad(x, geometry.padding), np.ascontiguousarray(g)
    if out is None:
        out = np.empty((kh, kw, c, o), dtype=np.result_type(x, g))
    out.fill(0)
    if _by_rows(geometry, c):
        totals = out.reshape(kh, kw * c, o)
        for images, rows, found in _kernel_rows(x, geometry, o):
            part = g[images, rows].reshape((*found[0].shape[:3], o))
            for total, windows in zip(totals, found, strict=True):
                total += np.add.reduce(windows.swapaxes(2, 3) @ part, (0, 1))
        return out
    total = out.reshape(kh * kw * c, o)
    columns = Columns(x, geometry)
    for images, rows in tiles(x.shape[0], geometry, kh * kw * c * x.itemsize):
        total += columns.of(images, rows).T @ g[images, rows].reshape(-1, o)
    return out


def image_gradient(g: Any, w: Any, geometry: Geometry, out: Any = None) -> Any:
    """What each entry of the images contributed: every window's gradient, added up where windows overlap.

    With stride 1 that is a correlation with the kernel turned around, which needs no adding up.
    """
    kh, kw, c, o = w.shape
    around = _turned(geometry)
    if around is not None and kw * c >= SHORT_RUN:
        return correlate(g, np.ascontiguousarray(w[::-1, ::-1].swapaxes(2, 3)), around, out)
    g = np.ascontiguousarray(g)
    matrix = w.reshape(kh * kw * c, o)
    spread = np.zeros((g.shape[0], *geometry.padded, c), dtype=np.result_type(g, w))
    for images, rows in tiles(g.shape[0], geometry, kh * kw * c * g.itemsize):
        part = g[images, rows]
        cells = (part.reshape(-1, o) @ matrix.T).reshape(*part.shape[:3], kh, kw, c)
        add_windows(spread[images], cells, geometry, rows)
    found = unpad(spread, geometry.padding)
    if out is None:
        return found
    out[...] = found
    return out


def add_windows(target: Any, cells: Any, geometry: Geometry, rows: slice = slice(None)) -> None:
    """Add windows (n, rows, across, kh, kw, c) to the padded images they were taken from."""
    kh, kw = geometry.kernel
    for i in range(kh):
        for j in range(kw):
            shifted(target, geometry, i, j, rows)[...] += cells[:, :, :, i, j]


def _turned(geometry: Geometry) -> Geometry | None:
    """The geometry of the correlation that takes gradients back to images, if there is one."""
    (top, bottom), (left, right) = geometry.padding
    down, across = (d * (k - 1) for d, k in zip(geometry.dilation, geometry.kernel, strict=True))
    padding = (down - top, down - bottom), (across - left, across - right)
    if geometry.stride != (1, 1) or min(*padding[0], *padding[1]) < 0:
        return None
    return Geometry(geometry.out, geometry.kernel, (1, 1), padding, geometry.dilation)
