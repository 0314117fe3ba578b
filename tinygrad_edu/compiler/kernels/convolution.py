"""Kernels of convolutions: sums of tiles over windows, without a matrix of windows (im2col).

Each image is copied into a room with its border, which stays in the cache. From there a tile takes a few pixels of a
row, for some channels of the result, through the whole kernel.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.compiler.kernels.whole import Kernel, module
from tinygrad_edu.compiler.program import Step
from tinygrad_edu.ops.geometry import Geometry, Pair

Lines = list[str]


@dataclass(frozen=True)
class Tiles:
    """How a matrix of so many rows and columns is cut into tiles.

    Attributes
    ----------
    dtype : str
    total, rows, rest : int
        All rows, those of a tile, and those that are left over.
    columns : tuple of (start, vectors, tail)
    lanes : int
    offsets : tuple of int, optional
        Where rows begin, if that is not one after another.
    """

    dtype: str
    total: int
    rows: int
    columns: tuple[tuple[int, int, int], ...]
    lanes: int
    offsets: tuple[int, ...] | None = None

    @property
    def rest(self) -> int:
        """The rows that are left over."""
        return self.total % self.rows

    @property
    def head(self) -> Lines:
        """The functions, by the number of their columns."""
        lines = ["from tinygrad_edu.compiler.kernels.tile import tile", ""]
        for name, rows in (("tile", self.rows), ("rest", self.rest)):
            for k, (_, vectors, tail) in enumerate(self.columns if rows else ()):
                shape = f"{rows}, {vectors}, {self.lanes}, {tail}"
                lines.append(f"{name}{k} = tile({self.dtype!r}, {shape}, {self.offsets})")
        return lines

    def calls(self, lines: Callable[[str, str, int], Lines]) -> Lines:
        """Lines for every tile: ``lines(function, first row, first column)``, the first row as text."""
        full = self.total - self.rest
        found = [f"for x in range(0, {full}, {self.rows}):"]
        for k, (start, _, _) in enumerate(self.columns):
            found += _in(lines(f"tile{k}", "x", start))
        if self.rest:
            for k, (start, _, _) in enumerate(self.columns):
                found += lines(f"rest{k}", str(full), start)
        return found


def tiles_of(dtype: np.dtype[Any], rows: int, columns: int, offsets: tuple[int, ...] | None = None) -> Tiles:
    """The tiles for a product of that size. Offsets are for rows that fit into one tile."""
    from tinygrad_edu.compiler.kernels.tile import shape_for

    high, vectors, lanes = shape_for(rows, columns, dtype.itemsize)
    found = []
    for start in range(0, columns, vectors * lanes):
        width = min(vectors * lanes, columns - start)
        found.append((start, -(-width // lanes), width % lanes))
    return Tiles(dtype.name, rows, high, tuple(found), lanes, offsets if high == rows else None)


@dataclass(frozen=True)
class Border:
    """Images in a room with zeros around them, and perhaps between their entries.

    Attributes
    ----------
    size : (height, width) of the images
    start : (row, column) of the first entry
    apart : (rows, columns) from one entry to the next
    room : (height, width) of the room
    """

    size: Pair
    start: Pair
    apart: Pair
    room: Pair

    @property
    def needed(self) -> bool:
        """Whether the images are not themselves what the room would hold."""
        return self.size != self.room

    def copied(self, image: str, room: str, channels: int) -> Lines:
        """Lines that copy an image into the room."""
        (h, w), (top, left), (down, across) = self.size, self.start, self.apart
        if across == 1:
            inner = [f"        {room}[at + k] = {image}[from_ + k]"]
            count = w * channels
        else:
            inner = [
                f"        for q in range({channels}):",
                f"            {room}[at + k * {across * channels} + q] = {image}[from_ + k * {channels} + q]",
            ]
            count = w
        return [
            f"for y in range({h}):",
            f"    at = ({top} + y * {down}) * {self.room[1] * channels} + {left * channels}",
            f"    from_ = y * {w * channels}",
            f"    for k in range({count}):",
            *inner,
        ]


def _border(geometry: Geometry) -> Border:
    (top, _), (left, _) = geometry.padding
    return Border(geometry.size, (top, left), (1, 1), geometry.padded)


def _correlated(border: Border, geometry: Geometry, c: int, o: int, tiles: Tiles, weight: str) -> Lines:
    """Lines for one image at address `a` (in its room), results at `out`, a kernel at the address `weight`."""
    (kh, kw), (down, across) = geometry.kernel, geometry.out
    (si, sj), (di, dj) = geometry.stride, geometry.dilation
    wide, size = border.room[1] * c, np.dtype(tiles.dtype).itemsize

    def lines(tile: str, x: str, start: int) -> Lines:
        target = f"out + {size} * ((y * {across} + {x}) * {o} + {start})"
        source = f"a + {size} * (y * {si * wide} + {x} * {sj * c})"
        right = f"{weight} + {size * start}"
        if dj == 1:
            sums = f"{kh}, {di * wide}, {kw * c * o}, {kw * c}, 1, {o}"
            return [f"{tile}({target}, {source}, {right}, {sums}, {sj * c}, {o}, 0)"]
        sums = f"{kw}, {dj * c}, {c * o}, {c}, 1, {o}"
        moved = f"{source} + u * {size * di * wide}, {right} + u * {size * kw * c * o}"
        return [f"for u in range({kh}):", f"    {tile}({target}, {moved}, {sums}, {sj * c}, {o}, min(u, 1))"]

    return [f"for y in range({down}):", *_in(tiles.calls(lines))]


def _each_image(border: Border, c: int, rooms: Sequence[Any], dtype: Any, do: Lines) -> tuple[Lines, list[Any]]:
    """Lines that bring each image of a half to the address `a`, and the rooms with one for that."""
    if not border.needed:
        size = np.dtype(dtype).itemsize * c * border.size[0] * border.size[1]
        return ["for n in range(start, stop):", f"    a = x0.ctypes.data + n * {size}", *_in(do)], list(rooms)
    room = f"r{len(rooms)}"
    return [
        f"image = {room}[part]",
        "image[:] = 0",
        "a = image.ctypes.data",
        "for n in range(start, stop):",
        "    from_image = x0[n].reshape(-1)",
        *_in(border.copied("from_image", "image", c)),
        *_in(do),
    ], [*rooms, ((2, border.room[0] * border.room[1] * c), dtype)]


def _in(lines: Lines) -> Lines:
    return ["    " + line for line in lines]


def _conv2d(step: Step) -> Kernel:
    geometry, (x, w) = step.params["geometry"], step.operands
    c, o = w.shape[2:]
    dtype = _dtype(step)
    tiles, border = tiles_of(dtype, geometry.out[1], o), _border(geometry)
    image = dtype.itemsize * o * geometry.out[0] * geometry.out[1]
    do = [f"out = o0.ctypes.data + n * {image}", *_correlated(border, geometry, c, o, tiles, "x1.ctypes.data")]
    body, rooms = _each_image(border, c, [], dtype, do)
    return _halves(step, x.shape[0], body, rooms, tiles.head)


def _conv2d_image(step: Step) -> Kernel | None:
    """A correlation of the gradient, with zeros between its entries for strides, with the kernel turned around."""
    geometry, (g, w) = step.params["geometry"], step.operands
    (kh, kw), o, c = geometry.kernel, w.shape[3], w.shape[2]
    (top, bottom), (left, right) = geometry.padding
    down, across = (d * (k - 1) for d, k in zip(geometry.dilation, geometry.kernel, strict=True))
    if min(down - top, down - bottom, across - left, across - right) < 0:
        return None
    room = geometry.size[0] + down, geometry.size[1] + across
    border = Border(geometry.out, (down - top, across - left), geometry.stride, room)
    turned = Geometry(room, geometry.kernel, dilation=geometry.dilation)
    dtype = _dtype(step)
    tiles = tiles_of(dtype, turned.out[1], c)
    image = dtype.itemsize * c * geometry.size[0] * geometry.size[1]
    do = [f"out = o0.ctypes.data + n * {image}", *_correlated(border, turned, o, c, tiles, "w")]
    body, rooms = _each_image(border, o, [((2, kh, kw, o, c), dtype)], dtype, do)
    turn = [
        "w = r0[part].ctypes.data",
        f"for i in range({kh}):",
        f"    for j in range({kw}):",
        f"        for q in range({c}):",
        f"            for p in range({o}):",
        f"                r0[part, i, j, p, q] = x1[{kh - 1} - i, {kw - 1} - j, q, p]",
    ]
    return _halves(step, g.shape[0], [*turn, *body], rooms, tiles.head)


def _conv2d_kernel(step: Step) -> Kernel:
    """For each place of the kernel the sum over pixels of image times gradient; halves are added up at the end."""
    geometry, (x, g) = step.params["geometry"], step.operands
    (kh, kw), c, o, dtype = geometry.kernel, x.shape[3], g.shape[3], _dtype(step)
    (down, across), (si, sj), (di, dj) = geometry.out, geometry.stride, geometry.dilation
    border = _border(geometry)
    wide, size = border.room[1] * c, dtype.itemsize
    places = [(i, j) for i in range(kh) for j in range(kw)]
    every = tuple([i * di * wide + j * dj * c + q for i, j in places for q in range(c)])
    sums = f"{down}, {si * wide}, {across * o}, {across}, {sj * c}, {o}, 1, {o}, 1"
    tiles = tiles_of(dtype, len(every), o, every)
    begins = [(0, 0)]  # of runs of rows: where each is in the kernel, and in the image
    if tiles.offsets is None:
        run = kw if dj == 1 else 1  # places side by side whose entries lie one after another
        tiles = tiles_of(dtype, run * c, o)
        begins = [((i * kw + j) * c, i * di * wide + j * dj * c) for i, j in places if j % run == 0]
    do = [f"b = x1.ctypes.data + n * {size * down * across * o}"]
    for to, at in begins:

        def lines(tile: str, row: str, start: int, to: int = to, at: int = at) -> Lines:
            target = f"total + {size} * (({to} + {row}) * {o} + {start})"
            return [f"{tile}({target}, a + {size} * ({at} + {row}), b + {size * start}, {sums})"]

        do += tiles.calls(lines)
    body, rooms = _each_image(border, c, [((2, kh, kw, c, o), dtype)], dtype, do)
    body = ["r0[part] = 0", "total = r0[part].ctypes.data", *body]
    finish = module(step.outs, step.operands, rooms, ["o0[:] = r0[0] + r0[1]"])
    return _halves(step, x.shape[0], body, rooms, tiles.head, finish)


def _halves(
    step: Step, count: int, body: Lines, rooms: Sequence[Any], head: Lines, finish: str | None = None
) -> Kernel:
    source = module(step.outs, step.operands, rooms, body, head, halves=True)
    geometry = step.params["geometry"]
    c, o = (step.out if step.op.name == "conv2d_kernel" else step.operands[1]).shape[2:]
    flops = 2.0 * count * math.prod(geometry.out) * math.prod(geometry.kernel) * c * o
    return Kernel(source, tuple(rooms), count, finish, flops)


def _dtype(step: Step) -> np.dtype[Any]:
    assert step.out.dtype is not None
    return step.out.dtype


def _tiled(maker: Callable[[Step], Kernel | None]) -> Callable[[Step], Kernel | None]:
    """A maker for one group of channels and one type of floating-point numbers, if tiles can be made here."""

    def make(step: Step) -> Kernel | None:
        from tinygrad_edu.compiler.kernels.tile import works

        types = {var.dtype for var in (*step.operands, step.out)}
        fits = len(types) == 1 and types <= {np.dtype(np.float32), np.dtype(np.float64)}
        return maker(step) if fits and step.params["groups"] == 1 and works() else None

    return make


MAKERS = {"conv2d": _tiled(_conv2d), "conv2d_image": _tiled(_conv2d_image), "conv2d_kernel": _tiled(_conv2d_kernel)}
