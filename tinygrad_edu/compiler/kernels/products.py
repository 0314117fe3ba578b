"""Products of two matrices as kernels of register tiles, with the bias and the ReLU that follow.

Measured against OpenBLAS: on one thread a tile is faster by a fifth to a half, and up to some tens of millions of
operations faster than two of its threads, because nothing is handed to another core. Nor do threads wait in a loop for
the next product.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from tinygrad_edu.compiler.kernels.together import is_zero
from tinygrad_edu.compiler.kernels.whole import Kernel, module, step_of
from tinygrad_edu.compiler.program import Step, Var

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
LEAST = 1 << 16  # operations on numbers, below which NumPy's call is not worth a kernel
LARGEST = 1 << 20  # bytes of the right matrix, which is read again for each tile of rows: it must stay in the cache
TURNED = 8  # rows of the left one, from which it pays to copy a right one that lies the other way
STRIP = 16  # of its rows that are copied together
HANDED = 1e8  # operations (half a millisecond) from which half of them go to a second thread
TILES = "from tinygrad_edu.compiler.kernels.tile import tile\n"


@dataclass(frozen=True)
class Shape:
    """The tile of a product: rows and vectors of a tile, the numbers in a vector, the columns that no tile covers."""

    rows: int
    vectors: int
    lanes: int
    rest: int


def shape_of(rows: int, columns: int, itemsize: int, width: int, registers: int) -> Shape:
    """The tiles that take the fewest cycles: two products of vectors in each, or four loads in three.

    Parameters
    ----------
    rows, columns, itemsize : int
        Of the result.
    width, registers : int
        How wide vector registers are, in bytes, and how many there are.

    Examples
    --------
    >>> shape_of(32, 128, 4, 64, 32)
    Shape(rows=11, vectors=2, lanes=16, rest=0)
    """
    lanes = width // itemsize
    while lanes > 2 and lanes // 2 >= columns:
        lanes //= 2

    def cycles(shape: Shape) -> float:
        loads = 0.75 * (shape.rows + shape.vectors)
        each = max(shape.rows * shape.vectors / 2, loads, 4)  # a sum waits 4 cycles for itself
        wide = shape.vectors * shape.lanes
        return -(-rows // shape.rows) * -(-columns // wide) * each

    def shapes() -> list[Shape]:
        found = []
        for vectors in range(1, min(-(-columns // lanes), 6) + 1):
            most = (registers - 1 - vectors) // vectors  # beside the sums: a row of b, and a number of a
            high = -(-rows // -(-rows // most))
            found.append(Shape(high, vectors, lanes, columns % (vectors * lanes)))
        return found

    return min(shapes(), key=cycles)


def multiplied(steps: Sequence[Step], wanted: Collection[Var], around: Sequence[Step]) -> list[Step]:
    """The same steps, with products of two matrices as kernels, and with them what follows while sums are in registers.

    Parameters
    ----------
    steps : sequence of Step
        In order.
    wanted : collection of Var
        Results that somebody else needs.
    around : sequence of Step
        All steps of the program, these among them.
    """
    made = {out: step for step in around for out in step.outs}
    readers: dict[Var, list[Step]] = {}
    for step in steps:
        for var in dict.fromkeys(step.operands):
            readers.setdefault(var, []).append(step)
    turned: dict[Var, Step] = {}  # right matrices that lie the other way, as copies that all their products share
    found: dict[Step, list[Step]] = {}  # what stands for a step: kernels in the place of the last part of a product
    for step in steps:
        if step.op.name != "matmul" or not _fits(step):
            continue
        product = _Product(step, made)
        if product.b_view is not None:
            if step.out.shape[0] < TURNED:
                continue
            if product.b not in turned:
                turned[product.b] = _turned(product.b_view)
                found[step] = [turned[product.b]]
            product.b = turned[product.b].out
        for take in (product.take_bias, product.take_relu):
            following = readers.get(product.out, [])
            if len(following) == 1 and product.out not in wanted:
                take(following[0])
        for part in product.parts:
            found.setdefault(part, [])
        found[product.parts[-1]].append(product.step())
    left = [one for step in steps for one in found.get(step, [step])]
    read = {var for step in left for var in step.operands}
    return [step for step in left if step.out in read or step.out in wanted or not _turns(step)]


def _fits(step: Step) -> bool:
    from tinygrad_edu.compiler.kernels.tile import works

    a, b = step.operands
    dtype = step.out.dtype
    if not len(a.shape) == len(b.shape) == 2 or dtype not in FLOATS or not a.dtype == b.dtype == dtype:
        return False
    (rows, inner), columns = a.shape, b.shape[1]
    if rows == 0 or inner == 0 or columns < 4 or b.nbytes > LARGEST:
        return False
    return 2 * rows * inner * columns >= LEAST and works()


class _Product:
    """A product of matrices, and what follows it."""

    def __init__(self, step: Step, made: dict[Var, Step]) -> None:
        self.parts = [step]
        self.a, self.b = step.operands
        self.a_view, self.b_view = (s if (s := made.get(x)) and _turns(s) else None for x in step.operands)
        self.bias: Var | None = None
        self.relu = False

    @property
    def out(self) -> Var:
        """The result so far."""
        return self.parts[-1].out

    def take_bias(self, step: Step) -> None:
        """Begin the sums with a bias, if the step adds one."""
        if step.op.name != "add" or step.out.shape != self.out.shape or step.out.dtype != self.out.dtype:
            return
        others = [var for var in step.operands if var is not self.out]
        if len(others) == 1 and others[0].shape == self.out.shape[1:] and others[0].dtype == self.out.dtype:
            self.bias = others[0]
            self.parts.append(step)

    def take_relu(self, step: Step) -> None:
        """End them with the larger of the sum and 0, if that is the step."""
        if step.op.name != "maximum" or step.operands[0] is not self.out or not is_zero(step.operands[1]):
            return
        if (step.out.shape, step.out.dtype) == (self.out.shape, self.out.dtype):
            self.relu = True
            self.parts.append(step)

    def step(self) -> Step:
        """All of it as one step."""
        product, *following = self.parts
        views = [] if self.a_view is None else [self.a_view]
        left = self.a if self.a_view is None else self.a_view.operands[0]
        operands = list(dict.fromkeys([left, self.b, *([] if self.bias is None else [self.bias])]))
        steps = [*views, Step(product.op, (self.a, self.b), product.params, product.out), *following]
        return step_of(self._kernel(left, operands), steps, operands, [self.out])

    def _kernel(self, left: Var, operands: Sequence[Var]) -> Kernel:
        from tinygrad_edu.compiler.kernels.tile import register_bytes, registers

        out, dtype = self.out, self.out.dtype
        assert dtype is not None
        rows, columns = out.shape
        flops = 2.0 * rows * columns * self.a.shape[1]
        two = flops > HANDED and rows > 1
        shape = shape_of(rows // 2 if two else rows, columns, dtype.itemsize, register_bytes(), registers())
        a, b = f"x{operands.index(left)}", f"x{operands.index(self.b)}"
        strides = f"{a}.shape[1], {a}.shape[1], 1" if self.a_view is None else f"{a}.shape[0], 1, {a}.shape[1]"
        bias = "0" if self.bias is None else f"x{operands.index(self.bias)}.ctypes.data"
        options = f"None, {self.bias is not None}, {self.relu}"
        wide, rest = shape.vectors * shape.lanes, -(-shape.rest // shape.lanes)
        size = dtype.itemsize
        begin = f"bias + {size} * q" if self.bias is not None else "0"
        places = f"c + {size} * (r * m + q), a + {size} * r * ar, b + {size} * q, 1, 0, 0, k, ak, m, ar, m, {begin}"
        head, full = [TILES], []
        if columns >= wide:
            head.append(f"product = tile({dtype.name!r}, {shape.rows}, {shape.vectors}, {shape.lanes}, 0, {options})")
            full = [f"    for q in range(0, m - {wide - 1}, {wide}):", f"        product({places})"]
        if rest:
            tail = shape.rest % shape.lanes
            head.append(f"last = tile({dtype.name!r}, {shape.rows}, {rest}, {shape.lanes}, {tail}, {options})")
        body = [
            *([] if two else ["start, stop = 0, o0.shape[0]"]),
            f"m, k, ar, ak = o0.shape[1], {strides}",
            f"c, a, b, bias = o0.ctypes.data, {a}.ctypes.data, {b}.ctypes.data, {bias}",
            "r = start",
            "while True:  # the last rows may be done twice",
            *full,
            *([f"    q = m - {shape.rest}", f"    last({places})"] if rest else []),
            f"    if r == stop - {shape.rows}:",
            "        break",
            f"    r = min(r + {shape.rows}, stop - {shape.rows})",
        ]
        source = module([out], operands, (), body, head, halves=two)
        return Kernel(source, (), rows if two else 0, None, flops / 2)


def _turned(view: Step) -> Step:
    """A turned matrix with its rows in a row: a copy, in strips of so many of the rows that it had."""
    out = Var("result", view.out.shape, view.out.dtype)
    body = [
        "m, k = x0.shape",
        f"for start in range(0, m, {STRIP}):",
        "    for i in range(k):",
        f"        for j in range(start, min(start + {STRIP}, m)):",
        "            o0[i, j] = x0[j, i]",
    ]
    kernel = Kernel(module([out], view.operands, (), body))
    return step_of(kernel, [Step(view.op, view.operands, view.params, out)], view.operands, [out])


def _turns(step: Step) -> bool:
    """Whether a step turns a matrix."""
    x = step.operands[0] if step.operands else None
    if x is None or len(x.shape) != 2 or x.dtype is None:
        return False
    if step.op.name == "swapaxes":
        return bool((step.params["axis1"] - step.params["axis2"]) % 2 == 1)
    return step.op.name == "transpose" and (
        step.params["axes"] is None or [a % 2 for a in step.params["axes"]] == [1, 0]
    )
