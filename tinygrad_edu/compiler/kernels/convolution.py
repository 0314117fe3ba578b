"""Kernels of convolutions: sums of tiles over windows, without a matrix of windows (im2col).

Each image is copied into a room with its border, which stays in the cache. From there a tile takes a few pixels of a
row, for some channels of the result, through the whole kernel.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.compiler.kernels.images import FLOATS, Text, Work
from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.ops.geometry import Geometry, Pair

Lines = list[str]


@dataclass(frozen=True)
class Tiles:
    """How a matrix of so many rows and columns is cut into tiles.

    Attributes
    ----------
    dtype : str
    total, rows : int
        All rows, and those of a tile.
    columns : tuple of int
        Where tiles begin.
    functions, others : tuple of str
        What computes a tile of each of those columns; the same for the rows that are left over.
    together : bool
        Whether one tile has all rows, which lie at the offsets told.
    """

    dtype: str
    total: int
    rows: int
    columns: tuple[int, ...]
    functions: tuple[str, ...]
    others: tuple[str, ...]
    together: bool

    @property
    def rest(self) -> int:
        """The rows that are left over."""
        return self.total % self.rows

    def calls(self, lines: Callable[[str, str, int], Lines]) -> Lines:
        """Lines for every tile: ``lines(function, first row, first column)``, the first row as text."""
        full = self.total - self.rest
        found = [f"for x in range(0, {full}, {self.rows}):"]
        for k, start in enumerate(self.columns):
            found += _in(lines(self.functions[k], "x", start))
        if self.rest:
            for k, start in enumerate(self.columns):
                found += lines(self.others[k], str(full), start)
        return found


def tiles_of(
    dtype: np.dtype[Any],
    rows: int,
    columns: int,
    text: Text,
    offsets: tuple[int, ...] | None = None,
    options: str = "",
) -> Tiles:
    """The tiles for a product of that size, and their functions. Offsets are for rows that fit into one tile."""
    from tinygrad_edu.compiler.kernels.tile import shape_for

    high, vectors, lanes = shape_for(rows, columns, dtype.itemsize)
    together = offsets is not None and high == rows
    starts = range(0, columns, vectors * lanes)

    def functions(rows: int) -> tuple[str, ...]:
        widths = [min(vectors * lanes, columns - start) for start in starts]
        shapes = [f"{rows}, {-(-width // lanes)}, {lanes}, {width % lanes}" for width in widths]
        made = [f"tile({dtype.name!r}, {shape}, {offsets if together else None}{options})" for shape in shapes]
        return tuple([text.function(one) for one in made])

    if offsets is not None and not together:
        return Tiles(dtype.name, rows, high, (), (), (), together)
    rest = functions(rows % high) if rows % high else ()
    return Tiles(dtype.name, rows, high, tuple(starts), functions(high), rest, together)


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
        """Lines that copy an image into the room: both are names of arrays."""
        (h, w), (top, left), (down, across) = self.size, self.start, self.apart
        to = f"({top} + y * {down}) * {self.room[1] * channels} + {left * channels}"
        lines = [f"for y in range({h}):", f"    to, at = {to}, y * {w * channels}"]
        if across == 1:
            return [*lines, f"    for k in range({w * channels}):", f"        {room}[to + k] = {image}[at + k]"]
        entry = f"{room}[to + x * {across * channels} + q] = {image}[at + x * {channels} + q]"
        return [*lines, f"    for x in range({w}):", f"        for q in range({channels}):", f"            {entry}"]


def _border(geometry: Geometry) -> Border:
    (top, _), (left, _) = geometry.padding
    return Border(geometry.size, (top, left), (1, 1), geometry.padded)


def _correlated(
    border: Border, geometry: Geometry, c: int, o: int, tiles: Tiles, source: str, weight: str, out: str, add: str = "0"
) -> Lines:
    """Lines for one image, from the addresses of its room and of the kernel to that of the result.

    With `add`, sums begin with the numbers of the channels at that address.
    """
    (kh, kw), (down, across) = geometry.kernel, geometry.out
    (si, sj), (di, dj) = geometry.stride, geometry.dilation
    wide, size = border.room[1] * c, np.dtype(tiles.dtype).itemsize

    def lines(tile: str, x: str, start: int) -> Lines:
        target = f"{out} + {size} * ((y * {across} + {x}) * {o} + {start})"
        left = f"{source} + {size} * (y * {si * wide} + {x} * {sj * c})"
        right = f"{weight} + {size * start}"
        if dj == 1:
            sums = f"{kh}, {di * wide}, {kw * c * o}, {kw * c}, 1, {o}"
            first = f"{add} + {size * start}" if add != "0" else add
            return [f"{tile}({target}, {left}, {right}, {sums}, {sj * c}, {o}, {first})"]
        sums = f"{kw}, {dj * c}, {c * o}, {c}, 1, {o}"
        moved = f"{left} + t * {size * di * wide}, {right} + t * {size * kw * c * o}"
        return [f"for t in range({kh}):", f"    {tile}({target}, {moved}, {sums}, {sj * c}, {o}, min(t, 1))"]

    return [f"for y in range({down}):", *_in(tiles.calls(lines))]


def _in(lines: Lines) -> Lines:
    return ["    " + line for line in lines]


def _placed(var: Var, border: Border, text: Text) -> str:
    """The address of an image with its border, which is written if it needs one."""
    if not border.needed:
        return text.address(var)
    assert var.dtype is not None
    c = var.shape[3]
    room = text.room((border.room[0] * border.room[1] * c,), var.dtype)
    text.before += [f"fill({room}[part], 0)", f"{room}_here = {room}[part]"]
    text.each.append(f"{room}_from = {text.image(var)}.reshape(-1)")
    text.each += border.copied(f"{room}_from", f"{room}_here", c)
    return f"{room}_here.ctypes.data"


def _conv2d(step: Step, text: Text) -> None:
    geometry, (x, w, *bias) = step.params["geometry"], step.operands
    c, o = w.shape[2:]
    options = f", {bool(bias)}, {step.params.get('relu', False)}"
    tiles, border = tiles_of(_dtype(step), geometry.out[1], o, text, options=options), _border(geometry)
    source, weight = _placed(x, border, text), f"{text.names[w]}.ctypes.data"
    add = f"{text.names[bias[0]]}.ctypes.data" if bias else "0"
    text.each += _correlated(border, geometry, c, o, tiles, source, weight, text.address(step.out), add)
    _count(step, c, o, text)


def _turned(step: Step) -> tuple[Border, Geometry] | None:
    """The correlation with the kernel turned around that takes gradients back to images; None if there is none.

    Where windows move by more than one entry, there are zeros between those of the gradient.
    """
    geometry = step.params["geometry"]
    (top, bottom), (left, right) = geometry.padding
    down, across = (d * (k - 1) for d, k in zip(geometry.dilation, geometry.kernel, strict=True))
    if min(down - top, down - bottom, across - left, across - right) < 0:
        return None
    room = geometry.size[0] + down, geometry.size[1] + across
    border = Border(geometry.out, (down - top, across - left), geometry.stride, room)
    return border, Geometry(room, geometry.kernel, dilation=geometry.dilation)


def _conv2d_image(step: Step, text: Text) -> None:
    found = _turned(step)
    assert found is not None
    (border, turned), (g, w) = found, step.operands
    kh, kw, c, o = w.shape
    tiles = tiles_of(_dtype(step), turned.out[1], c, text)
    room = text.room((kh, kw, o, c), _dtype(step))
    text.before += [
        f"for i in range({kh}):",
        f"    for j in range({kw}):",
        f"        for q in range({c}):",
        f"            for p in range({o}):",
        f"                {room}[part, i, j, p, q] = {text.names[w]}[{kh - 1} - i, {kw - 1} - j, q, p]",
    ]
    source = _placed(g, border, text)
    weight = f"{room}[part].ctypes.data"
    text.each += _correlated(border, turned, o, c, tiles, source, weight, text.address(step.out))
    _count(step, c, o, text)


def _conv2d_kernel(step: Step, text: Text) -> None:
    """For each place of the kernel the sum over pixels of image times gradient."""
    geometry, (x, g) = step.params["geometry"], step.operands
    (kh, kw), c, o, dtype = geometry.kernel, x.shape[3], g.shape[3], _dtype(step)
    (down, across), (si, sj), (di, dj) = geometry.out, geometry.stride, geometry.dilation
    border = _border(geometry)
    wide, size = border.room[1] * c, dtype.itemsize
    places = [(i, j) for i in range(kh) for j in range(kw)]
    every = tuple([i * di * wide + j * dj * c + q for i, j in places for q in range(c)])
    sums = f"{down}, {si * wide}, {across * o}, {across}, {sj * c}, {o}, 1, {o}, 1"
    begins = [(0, 0)]  # of runs of rows: where each is in the kernel, and in the image
    tiles = tiles_of(dtype, len(every), o, text, every)
    if not tiles.together:
        run = kw if dj == 1 else 1  # places side by side whose entries lie one after another
        tiles = tiles_of(dtype, run * c, o, text)
        begins = [((i * kw + j) * c, i * di * wide + j * dj * c) for i, j in places if j % run == 0]
    source = _placed(x, border, text)
    text.each.append(f"a = {source}")
    text.each.append(f"b = {text.address(g)}")
    text.each.append(f"total = {text.total(step.out)}[part].ctypes.data")
    for to, at in begins:

        def lines(tile: str, row: str, start: int, to: int = to, at: int = at) -> Lines:
            target = f"total + {size} * (({to} + {row}) * {o} + {start})"
            return [f"{tile}({target}, a + {size} * ({at} + {row}), b + {size * start}, {sums})"]

        text.each += tiles.calls(lines)
    _count(step, c, o, text)


def _count(step: Step, c: int, o: int, text: Text) -> None:
    geometry = step.params["geometry"]
    images = step.operands[0].shape[0]
    text.flops += 2.0 * images * math.prod(geometry.out) * math.prod(geometry.kernel) * c * o


def _dtype(step: Step) -> np.dtype[Any]:
    assert step.out.dtype is not None
    return step.out.dtype


def _fits(step: Step) -> bool:
    """Whether this is one group of channels, of one type of floating-point numbers, and tiles can be made here."""
    from tinygrad_edu.compiler.kernels.tile import works

    types = {var.dtype for var in (*step.operands, step.out)}
    if len(types) > 1 or step.out.dtype not in FLOATS or step.params["groups"] != 1 or not works():
        return False
    return step.op.name != "conv2d_image" or _turned(step) is not None


WORKS = {
    "conv2d": Work(_conv2d, lambda step: (0,), _fits),
    "conv2d_image": Work(_conv2d_image, lambda step: (0,), _fits),
    "conv2d_kernel": Work(_conv2d_kernel, lambda step: (0, 1), _fits, sums=True),
}
