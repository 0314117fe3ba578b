"""A tile of a matrix product, kept in vector registers while its sum runs: what fast kernels are made of.

A loop of scalars, as numba compiles it, stores and loads its running sums again and again. Here `rows` times `vectors`
of them stay in registers: the loops are written in LLVM's own language, through an intrinsic of numba.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tinygrad_edu.compiler.kernels.store import compiled

INT = ir.IntType(64)
FLOATS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}
SHORT = {"float32": "f32", "float64": "f64"}


@functools.cache
def register_bytes() -> int:
    """How wide the vector registers of this processor are."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx") else 16


def registers() -> int:
    """How many vector registers it has."""
    return 16 if register_bytes() < 64 and binding.get_host_cpu_features().get("sse2") else 32


def shape_for(rows: int, columns: int, itemsize: int) -> tuple[int, int, int]:
    """The tile for a product of so many rows and columns: (rows, vectors, lanes), as large as the registers hold.

    Vectors are no wider than the columns need.

    Examples
    --------
    >>> rows, vectors, lanes = shape_for(14, 32, 4)
    >>> rows * vectors < registers(), vectors * lanes <= 32
    (True, True)
    """
    lanes = register_bytes() // itemsize
    while lanes > 2 and lanes // 2 >= columns:
        lanes //= 2
    vectors = min(2, -(-columns // lanes))
    most = (registers() - 1 - vectors) // vectors  # beside the sums: a row of b, and a number of a
    pieces = -(-rows // most)
    return -(-rows // pieces), vectors, lanes


@functools.cache
def tile(
    dtype: str,
    rows: int,
    vectors: int,
    lanes: int,
    tail: int = 0,
    offsets: tuple[int, ...] | None = None,
    bias: bool = False,
    relu: bool = False,
) -> Any:
    """A function for kernels: a tile of ``c = sum a b`` (or ``c += sum a b``) over two nested loops.

    It is called as ``tile(c, a, b, n1, a1, b1, n2, a2, b2, ar, cr, add)`` and computes, for each row r and column q,
    ``c[r * cr + q] = sum(a[k1 * a1 + k2 * a2 + r * ar] * b[k1 * b1 + k2 * b2 + q] for k1 < n1 for k2 < n2)``.

    Parameters
    ----------
    dtype : {"float32", "float64"}
    rows, vectors, lanes : int
        There are ``vectors * lanes`` columns.
    tail : int
        If not 0, so many columns of the last vector are there: the rest is neither read nor written.
    offsets : tuple of int, optional
        Where each row of `a` begins, instead of ``r * ar``.
    bias : bool
        Whether `add` is the address of a row of numbers that every sum begins with.
    relu : bool
        Whether sums below 0 become 0.

    Returns
    -------
    intrinsic of numba
        Of twelve int64: `c`, `a` and `b` are addresses in bytes, strides and counts are in numbers. `n1` and `n2` must
        be 1 or more. `add` is 0, or 1 to add to what `c` holds.
    """

    @intrinsic  # type: ignore[untyped-decorator]  # numba has no types
    def product(_context: Any, c: Any, a: Any, b: Any, n1: Any, a1: Any, b1: Any, n2: Any, a2: Any, b2: Any,
                ar: Any, cr: Any, add: Any) -> Any:  # fmt: skip
        def write(_target: Any, builder: Any, _signature: Any, args: Sequence[Any]) -> Any:
            return _Product(builder, dtype, rows, vectors, lanes, tail, offsets, bias, relu).write(*args)

        return types.void(*[types.int64] * 12), write

    return product


class _Product:
    """Writes the loops of a tile."""

    def __init__(
        self,
        builder: Any,
        dtype: str,
        rows: int,
        vectors: int,
        lanes: int,
        tail: int,
        offsets: tuple[int, ...] | None,
        bias: bool,
        relu: bool,
    ) -> None:
        self.builder, self.rows, self.vectors, self.lanes = builder, rows, vectors, lanes
        self.float = FLOATS[dtype]
        self.itemsize = np.dtype(dtype).itemsize
        self.vector = ir.VectorType(self.float, lanes)
        self.suffix = f"v{lanes}{SHORT[dtype]}"
        mask = ir.VectorType(ir.IntType(1), lanes)
        self.mask = ir.Constant(mask, [int(i < tail) for i in range(lanes)])
        self.cut = tail if 0 < tail < lanes else 0
        self.offsets, self.bias, self.relu = offsets, bias, relu

    def write(self, c: Any, a: Any, b: Any, n1: Any, a1: Any, b1: Any, n2: Any, a2: Any, b2: Any,
              ar: Any, cr: Any, add: Any) -> Any:  # fmt: skip
        """The instructions; the builder is left where they end."""
        do = self.builder
        zero = ir.Constant(self.vector, [0.0] * self.lanes)
        in_c = [do.add(c, self._bytes(do.mul(cr, ir.Constant(INT, r)))) for r in range(self.rows)]
        if self.offsets is None:
            in_a = [self._bytes(do.mul(ar, ir.Constant(INT, r))) for r in range(self.rows)]
        else:
            in_a = [ir.Constant(INT, self.itemsize * offset) for offset in self.offsets]
        step = [self._bytes(stride) for stride in (a1, b1, a2, b2)]
        names = ("held", "outer", "inner", "next", "done")
        held, outer, inner, next_, done = (do.append_basic_block(name) for name in names)
        start = do.block
        do.cbranch(do.icmp_signed("!=", add, ir.Constant(INT, 0)), held, outer)

        do.position_at_end(held)
        rows = [add] * self.rows if self.bias else in_c
        there = [[self._load(row, q) for q in range(self.vectors)] for row in rows]
        do.branch(outer)

        do.position_at_end(outer)
        entries = [(start, [[zero] * self.vectors] * self.rows), (held, there)]
        k1, at_a1, at_b1, sums1 = self._loop([(block, a, b, sums) for block, sums in entries])
        do.branch(inner)

        do.position_at_end(inner)
        k2, at_a2, at_b2, sums2 = self._loop([(outer, at_a1, at_b1, sums1)])
        right = [self._load(at_b2, q) for q in range(self.vectors)]
        found = [self._row(do.add(at_a2, in_a[r]), right, sums2[r]) for r in range(self.rows)]
        ended = self._again(inner, k2, n2, ((at_a2, step[2]), (at_b2, step[3])), sums2, found)
        do.cbranch(ended, next_, inner)

        do.position_at_end(next_)
        ended = self._again(next_, k1, n1, ((at_a1, step[0]), (at_b1, step[1])), sums1, found)
        do.cbranch(ended, done, outer)

        do.position_at_end(done)
        for row, sums in zip(in_c, found, strict=True):
            for q, value in enumerate(sums):
                if self.relu:  # NaN stays NaN
                    value = do.select(do.fcmp_unordered(">", value, zero), value, zero)
                self._store(value, row, q)
        return ir.Constant(ir.IntType(8).as_pointer(), None)

    def _loop(self, entries: Sequence[tuple[Any, Any, Any, Any]]) -> tuple[Any, Any, Any, Any]:
        """The variables of a loop: its count, the addresses, the sums."""
        do = self.builder
        count, at_a, at_b = do.phi(INT), do.phi(INT), do.phi(INT)
        sums = [[do.phi(self.vector) for _ in range(self.vectors)] for _ in range(self.rows)]
        for block, a, b, values in entries:
            count.add_incoming(ir.Constant(INT, 0), block)
            at_a.add_incoming(a, block)
            at_b.add_incoming(b, block)
            for row, found in zip(sums, values, strict=True):
                for phi, value in zip(row, found, strict=True):
                    phi.add_incoming(value, block)
        return count, at_a, at_b, sums

    def _again(self, block: Any, count: Any, end: Any, addresses: Any, sums: Any, found: Any) -> Any:
        """What a loop's variables are the next time; whether there is none."""
        do = self.builder
        more = do.add(count, ir.Constant(INT, 1))
        count.add_incoming(more, block)
        for address, step in addresses:
            address.add_incoming(do.add(address, step), block)
        for row, values in zip(sums, found, strict=True):
            for phi, value in zip(row, values, strict=True):
                phi.add_incoming(value, block)
        return do.icmp_signed(">=", more, end)

    def _row(self, address: Any, right: Sequence[Any], sums: Sequence[Any]) -> list[Any]:
        """A number of `a`, times a row of `b`, added to a row of sums."""
        do = self.builder
        number = do.load(do.inttoptr(address, self.float.as_pointer()))
        number.align = self.itemsize
        nothing = ir.Constant(self.vector, ir.Undefined)
        first = do.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        left = do.shuffle_vector(first, nothing, everywhere)
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        fused = cgutils.get_or_insert_function(do.module, kind, f"llvm.fmuladd.{self.suffix}")
        return [do.call(fused, [left, x, total]) for x, total in zip(right, sums, strict=True)]

    def _bytes(self, count: Any) -> Any:
        return self.builder.mul(count, ir.Constant(INT, self.itemsize))

    def _place(self, address: Any, q: int) -> Any:
        at = self.builder.add(address, ir.Constant(INT, q * self.lanes * self.itemsize))
        return self.builder.inttoptr(at, self.vector.as_pointer())

    def _load(self, address: Any, q: int) -> Any:
        do, place = self.builder, self._place(address, q)
        if self.cut and q == self.vectors - 1:
            kind = ir.FunctionType(self.vector, [place.type, ir.IntType(32), self.mask.type, self.vector])
            masked = cgutils.get_or_insert_function(do.module, kind, f"llvm.masked.load.{self.suffix}.p0")
            zero = ir.Constant(self.vector, [0.0] * self.lanes)
            return do.call(masked, [place, ir.Constant(ir.IntType(32), self.itemsize), self.mask, zero])
        found = do.load(place)
        found.align = self.itemsize
        return found

    def _store(self, value: Any, address: Any, q: int) -> None:
        do, place = self.builder, self._place(address, q)
        if self.cut and q == self.vectors - 1:
            kind = ir.FunctionType(ir.VoidType(), [self.vector, place.type, ir.IntType(32), self.mask.type])
            masked = cgutils.get_or_insert_function(do.module, kind, f"llvm.masked.store.{self.suffix}.p0")
            do.call(masked, [value, place, ir.Constant(ir.IntType(32), self.itemsize), self.mask])
            return
        do.store(value, place).align = self.itemsize


@functools.cache
def works() -> bool:
    """Whether tiles can be compiled here, and give what they should: they rest on the insides of numba."""
    try:
        return all(_is_right(dtype) for dtype in FLOATS)
    except Exception:  # whatever another version of numba or LLVM says
        return False


TRIAL = """from numba import njit, types
from tinygrad_edu.compiler.kernels.tile import tile

product = tile("{0}", 2, 2, 4, 3)
matrix = types.Array(types.{0}, 2, "C")


@njit(types.void(matrix, matrix, matrix), cache=CACHE)
def kernel(c, a, b):
    product(c.ctypes.data, a.ctypes.data, b.ctypes.data, 3, 2, 14, 2, 1, 7, 6, 8, 1)
"""


def _is_right(dtype: str) -> bool:
    a, b = np.arange(12.0).reshape(2, 6).astype(dtype), np.arange(42.0).reshape(6, 7).astype(dtype)
    c = np.ones((2, 8), dtype)
    compiled(TRIAL.format(dtype))(c, a, b)
    return bool(np.array_equal(c[:, :7], 1 + a @ b) and np.all(c[:, 7] == 1))
