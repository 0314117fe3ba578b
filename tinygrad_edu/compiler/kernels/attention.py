"""Kernels of attention: one sequence and one head at a time, in cache from its scores to its result, or gradients.

Scores lie with keys as rows and queries side by side: maxima, exponentials and sums over keys are whole vectors. Shares
are left as they come, ``e^(score - peak)``; what they are divided by goes into the result, and into the gradient. Where
each query sees what came before it, what it does not see is not computed (but for the rest of its tile).
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.compiler.kernels.whole import Kernel, module
from tinygrad_edu.compiler.program import Step, Var

Lines = list[str]
LARGEST = 1 << 20  # scores of one head: more would not stay in cache


class Sizes:
    """The sizes of attention, and those of its tiles.

    Attributes
    ----------
    batch, n, m, heads, d, e : int
        Sequences, queries, keys, heads; features of queries and keys, of values.
    rows, lanes : int
        Of a tile; one that is two vectors wide has `wide` columns.
    high, broad : int
        Keys in whole tiles, and queries.
    causal : bool
    """

    def __init__(self, q: Var, k: Var, v: Var, allowed: Var, dtype: np.dtype[Any]) -> None:
        from tinygrad_edu.compiler.kernels.tile import register_bytes, registers

        self.dtype, self.allowed = dtype, allowed
        self.batch, self.n, self.heads, self.d = q.shape
        self.m, self.e = k.shape[1], v.shape[3]
        self.lanes = register_bytes() // dtype.itemsize
        self.rows = 8 if registers() == 32 else 4
        self.wide = 2 * self.lanes
        self.high = _up(self.m, self.rows)
        self.broad = _up(_up(self.n, self.wide), self.rows)
        known = allowed.role == "constant"
        self.causal = known and np.array_equal(allowed.data, np.tri(self.n, self.m, dtype=bool))
        self.open = known and bool(np.all(allowed.data))

    @property
    def scale(self) -> str:
        """What scores are multiplied by, in the text."""
        return f"{self.dtype.name}({self.d**-0.5!r})"

    @property
    def head(self) -> Lines:
        """What the kernel calls."""
        exp, name = f"exp_{self.dtype.name}", self.dtype.name
        return [
            f"from tinygrad_edu.compiler.kernels.functions import {exp} as exp",
            "from tinygrad_edu.compiler.kernels.tile import tile",
            "",
            f"wide = tile({name!r}, {self.rows}, 2, {self.lanes})",
            f"slim = tile({name!r}, {self.rows}, 1, {self.lanes})",
        ]

    def first(self, key: str) -> str:
        """The first query that is computed for a key."""
        return f"{key} // {self.wide} * {self.wide}" if self.causal else "0"

    def scores(self, c: str, a: str, b: str, depth: int) -> Lines:
        """Lines for ``c[key, query] = sum a[key] b[query]``: rows of `a`, and `b` with queries side by side."""
        size, columns = self.dtype.itemsize, self.across(depth)
        return [
            f"for j in range(0, {self.high}, {self.rows}):",
            f"    for i in range({self.first('j')}, {self.broad}, {self.wide}):",
            f"        wide({c}.ctypes.data + {size} * (j * {self.broad} + i), {a}.ctypes.data + {size} * j * {columns},"
            f" {b}.ctypes.data + {size} * i, 1, 0, 0, {depth}, 1, {self.broad}, {columns}, {self.broad}, 0)",
        ]

    def of_queries(self, c: str, a: str, b: str, columns: int) -> Lines:
        """Lines for ``c[query] = sum over keys of a[key, query] b[key]``."""
        keys = f"min({self.m}, i + {self.rows})" if self.causal else str(self.m)
        size, across = self.dtype.itemsize, self.across(columns)
        return [
            f"for i in range(0, {_up(self.n, self.rows)}, {self.rows}):",
            f"    for p in range(0, {across}, {self.lanes}):",
            f"        slim({c}.ctypes.data + {size} * (i * {across} + p), {a}.ctypes.data + {size} * i,"
            f" {b}.ctypes.data + {size} * p, 1, 0, 0, {keys}, {self.broad}, {across}, 1, {across}, 0)",
        ]

    def of_keys(self, c: str, a: str, b: str, columns: int) -> Lines:
        """Lines for ``c[key] = sum over queries of a[key, query] b[query]``."""
        size, across = self.dtype.itemsize, self.across(columns)
        last = min(self.high, self.n) if self.causal else self.high
        start = "j" if self.causal else "0"
        return [
            f"for j in range(0, {last}, {self.rows}):",
            f"    for p in range(0, {across}, {self.lanes}):",
            f"        slim({c}.ctypes.data + {size} * (j * {across} + p),"
            f" {a}.ctypes.data + {size} * (j * {self.broad} + {start}),"
            f" {b}.ctypes.data + {size} * ({start} * {across} + p),"
            f" 1, 0, 0, {self.n} - {start}, 1, {across}, {self.broad}, {across}, 0)",
        ]

    def across(self, features: int) -> int:
        """Features in whole vectors."""
        return _up(features, self.lanes)

    def shares(self, mask: str) -> Lines:
        """Lines that turn scores `s` into ``e^(s - peak)``, and leave one over their sums in `inverse`."""
        inf = f"{self.dtype.name}(np.inf)"
        return [
            *self.hidden(mask),
            f"fill(peak, -{inf})",
            *self.rows_of("s", ["top[i] = row[i] if row[i] > top[i] else top[i]"], ["top = peak[at:]"]),
            f"for i in range({self.broad}):",
            f"    peak[i] = peak[i] if abs(peak[i]) < {inf} else {self.dtype.name}(0.0)",
            "fill(inverse, 0.0)",
            *self.rows_of(
                "s",
                ["x = exp(row[i] - top[i])", "row[i] = x", "total[i] += x"],
                ["top = peak[at:]", "total = inverse[at:]"],
            ),
            f"for i in range({self.broad}):",
            "    x = inverse[i]",
            f"    inverse[i] = {self.dtype.name}(1.0) / ({self.dtype.name}(1.0) if x == 0.0 else x)",
        ]

    def rows_of(self, name: str, do: Lines, before: Lines = ()) -> Lines:  # type: ignore[assignment]  # of no lines
        """Lines that go through what is computed of scores, `row` after `row`."""
        return [
            f"for j in range({self.m}):",
            f"    at = {self.first('j')}",
            f"    row = {name}[j, at:]",
            *("    " + line for line in before),
            "    for i in range(row.size):",
            *("        " + line for line in do),
        ]

    def hidden(self, mask: str) -> Lines:
        """Lines that put -inf where a query may not look."""
        inf = f"{self.dtype.name}(np.inf)"
        if self.open:
            return []
        if self.causal:
            return [
                f"for j in range({self.m}):",
                f"    for i in range({self.first('j')}, min(j, {self.broad})):",
                f"        s[j, i] = -{inf}",
            ]
        shape = (1,) * (4 - len(self.allowed.shape)) + self.allowed.shape
        strides = [0 if size == 1 else math.prod(shape[i + 1 :]) for i, size in enumerate(shape)]
        place = " + ".join(f"{name} * {stride}" for name, stride in zip("bhij", strides, strict=True))
        return [
            f"seen = {mask}.reshape(-1)",
            f"for j in range({self.m}):",
            f"    for i in range({self.n}):",
            f"        if not seen[{place}]:",
            f"            s[j, i] = -{inf}",
        ]


def _forward(step: Step) -> Kernel | None:
    q, k, v, allowed = step.operands
    z = _sizes(step, q, k, v, allowed)
    if z is None:
        return None
    rooms = _Rooms(
        z, s=(z.high, z.broad), queries=(z.d, z.broad), keys=(z.high, z.across(z.d)), values=(z.high, z.across(z.e)),
        found=(z.broad, z.across(z.e)), peak=(z.broad,), inverse=(z.broad,),
    )  # fmt: skip
    do = [
        *_copied("keys", "x1", z.m, z.d),
        *_copied("values", "x2", z.m, z.e),
        *_turned("queries", "x0", z.n, z.d, f" * {z.scale}"),
        *z.scores("s", "keys", "queries", z.d),
        *z.shares("x3"),
        *z.of_queries("found", "s", "values", z.e),
        f"for i in range({z.n}):",
        "    x = inverse[i]",
        f"    for c in range({z.e}):",
        "        o0[b, i, h, c] = found[i, c] * x",
    ]
    flops = z.batch * z.heads * z.n * z.m * (2.0 * (z.d + z.e) + 30.0)
    return rooms.kernel(step, do, flops)


def _gradient(step: Step) -> Kernel | None:
    q, k, v, allowed = step.operands[1:]
    z = _sizes(step, q, k, v, allowed)
    if z is None:
        return None
    rooms = _Rooms(
        z, s=(z.high, z.broad), slopes=(z.high, z.broad), queries=(z.d, z.broad), rows=(z.broad, z.across(z.d)),
        keys=(z.high, z.across(z.d)), values=(z.high, z.across(z.e)), given=(z.broad, z.across(z.e)),
        turned=(z.e, z.broad), of_q=(z.broad, z.across(z.d)), of_k=(z.high, z.across(z.d)),
        of_v=(z.high, z.across(z.e)), peak=(z.broad,), inverse=(z.broad,), mean=(z.broad,),
    )  # fmt: skip
    of_k, of_v = q.size, q.size + k.size
    do = [
        *_copied("keys", "x2", z.m, z.d),
        *_copied("values", "x3", z.m, z.e),
        *_copied("rows", "x1", z.n, z.d, f" * {z.scale}"),
        *_turned("queries", "x1", z.n, z.d, f" * {z.scale}"),
        *z.scores("s", "keys", "queries", z.d),
        *z.shares("x4"),
        *_copied("given", "x0", z.n, z.e, " * inverse[i]"),
        *_turned("turned", "x0", z.n, z.e, " * inverse[i]"),
        *z.of_keys("of_v", "s", "given", z.e),
        *z.scores("slopes", "values", "turned", z.e),
        "fill(mean, 0.0)",
        *z.rows_of("slopes", ["row[i] *= share[i]", "sums[i] += row[i]"], ["share = s[j, at:]", "sums = mean[at:]"]),
        f"for i in range({z.broad}):",
        "    mean[i] *= inverse[i]",
        *z.rows_of("slopes", ["row[i] -= share[i] * sums[i]"], ["share = s[j, at:]", "sums = mean[at:]"]),
        *z.of_queries("of_q", "slopes", "keys", z.d),
        *z.of_keys("of_k", "slopes", "rows", z.d),
        *_flat("of_q", z.n, z.d, z.heads, 0, f" * {z.scale}"),
        *_flat("of_k", z.m, z.d, z.heads, of_k),
        *_flat("of_v", z.m, z.e, z.heads, of_v),
    ]
    flops = z.batch * z.heads * z.n * z.m * (2.0 * (3 * z.d + 2 * z.e) + 40.0)
    return rooms.kernel(step, do, flops)


class _Rooms:
    """Workspace, by name; what no tile writes stays 0."""

    def __init__(self, z: Sizes, **shapes: tuple[int, ...]) -> None:
        self.z = z
        self.shapes = shapes

    def kernel(self, step: Step, do: Lines, flops: float) -> Kernel:
        """The kernel that does this for each head of each sequence: `b` is the sequence, `h` the head."""
        z = self.z
        rooms = tuple(((2, *shape), z.dtype) for shape in self.shapes.values())
        names = [line for i, name in enumerate(self.shapes) for line in (f"{name} = r{i}[part]", f"fill({name}, 0.0)")]
        each = [f"b, h = u // {z.heads}, u % {z.heads}", *do]
        body = [*names, "for u in range(start, stop):", *("    " + line for line in each)]
        source = module(step.outs, step.operands, rooms, body, z.head, halves=True)
        return Kernel(source, rooms, z.batch * z.heads, None, flops / 2 if z.causal else flops)


def _sizes(step: Step, q: Var, k: Var, v: Var, allowed: Var) -> Sizes | None:
    from tinygrad_edu.compiler.kernels.tile import works

    dtype = step.out.dtype
    if dtype not in (np.float32, np.float64) or any(var.dtype != dtype for var in step.operands[:-1]):
        return None
    if allowed.dtype != np.bool_ or not works():
        return None
    z = Sizes(q, k, v, allowed, dtype)
    return z if z.high * z.broad <= LARGEST else None


def _copied(room: str, x: str, rows: int, columns: int, times: str = "") -> Lines:
    """Lines that copy what belongs to a head."""
    return [
        f"for i in range({rows}):",
        f"    for c in range({columns}):",
        f"        {room}[i, c] = {x}[b, i, h, c]{times}",
    ]


def _turned(room: str, x: str, rows: int, columns: int, times: str = "") -> Lines:
    """The same, with rows side by side."""
    return [
        f"for i in range({rows}):",
        f"    for c in range({columns}):",
        f"        {room}[c, i] = {x}[b, i, h, c]{times}",
    ]


def _flat(room: str, rows: int, columns: int, heads: int, start: int, times: str = "") -> Lines:
    """Lines that copy a gradient to its place in the flat result."""
    return [
        f"for i in range({rows}):",
        f"    at = {start} + ((b * {rows} + i) * {heads} + h) * {columns}",
        f"    for c in range({columns}):",
        f"        o0[at + c] = {room}[i, c]{times}",
    ]


def _up(n: int, step: int) -> int:
    return -(-n // step) * step


MAKERS: Mapping[str, Callable[[Step], Kernel | None]] = {
    "dot_product_attention": _forward,
    "dot_product_attention_gradient": _gradient,
}
