"""A whole program of small arrays as one kernel: what lifted scalars become.

A call of a kernel takes a microsecond, and so does one of NumPy; a lifted program has dozens of steps that take less.
Here every result has a place of its own, and each step is a loop with all sizes and places
written in it. Ordered sums keep their order; products of matrices and sums over axes may be added in any.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.emit import view_of
from tinygrad_edu.compiler.kernels.helpers import BLOCK, HELPERS
from tinygrad_edu.compiler.kernels.nest import is_number
from tinygrad_edu.compiler.kernels.places import FLOAT, ROW, Array, Index, Places
from tinygrad_edu.compiler.kernels.scalars import REDUCTIONS, expression, is_known
from tinygrad_edu.compiler.kernels.source import HEAD, OPTIONS, literal, twins_in
from tinygrad_edu.compiler.kernels.store import compiled
from tinygrad_edu.compiler.lift.ops import strided
from tinygrad_edu.compiler.program import Step, Var, axes_of

TRUTH = np.dtype(np.bool_)
LARGEST = 1 << 16  # numbers in an array; beyond, the calls do not matter, and BLAS is faster
NARROW = 8  # columns of a product, below which it is made of sums of products
MOST = 96  # steps: the compilation takes time
Term = Callable[[str, int, Index], tuple[list[str], Callable[[Index], str]]]  # lines before a row, and of each entry
TERMS = 8  # of an ordered sum that are added before the sum is put away
SIGNS = {np.add: "+", np.subtract: "-", np.multiply: "*", np.greater: ">", np.less: "<"}  # quicker to compile


class Straight(Places):
    """A program as one function of no arguments, which gives what a function of `Code` does.

    Parameters
    ----------
    name : str
        Of the function.
    steps : sequence of Step
    outputs : sequence of Var
        Those that are not in `into` are single numbers.
    held : dict of Var to array
        The inputs: flat arrays of float64.
    into : dict of Var to array
        Outputs that go into these flat arrays; into held ones when everything is done.

    Raises
    ------
    LookupError
        If a step is none that can be written like this, or arrays are large.

    Attributes
    ----------
    source : str
        Of the kernel.
    functions : dict of str to callable
    """

    def __init__(
        self,
        name: str,
        steps: Sequence[Step],
        outputs: Sequence[Var],
        held: Mapping[Var, Array],
        into: Mapping[Var, Array],
    ) -> None:
        _refuse_unless_small(steps)
        super().__init__(held, into, sum(2 * out.size for step in steps for out in step.outs if out.size < ROW))
        self._readers = _readers_of(steps, outputs)
        self._inside: dict[Var, Step] = {}  # what is computed where it is read
        lines: list[str] = []
        for step in steps:
            lines += self._lines(step)
        for var, target in into.items():
            if self.array(var) is not target:
                lines += self._copied(target.reshape(var.shape), var)
        self._results = [self.array(var) for var in outputs if var not in into]
        self.source = self._module(lines)
        self._table = np.array([array.ctypes.data for _, array in self.bases], dtype=np.uintp)
        self._kernel = compiled(self.source)
        self.functions: dict[str, Callable[..., Any]] = {name: self._run}

    def _run(self) -> tuple[list[float], tuple[()]]:
        self._kernel(self._table)
        return [result.item() for result in self._results], ()

    def _entry(self, var: Var, index: Index) -> tuple[str, Any]:
        """One entry of a variable, and its type; `index` is that of a result which it is broadcast to."""
        if is_number(var):
            return literal(var)
        own = [i if n > 1 else "0" for i, n in zip(index[len(index) - len(var.shape) :], var.shape, strict=True)]
        step = self._inside.get(var)
        if step is None:
            return self.text(self.array(var), own), FLOAT
        if step.op.name == "first_plus":
            raise LookupError("a start is added beside a sum")
        return f"({self._formula(step, own)})", step.out.dtype

    def _formula(self, step: Step, index: Index) -> str:
        """One entry of an entrywise result, from those of its operands."""
        xs = [self._entry(x, index) for x in step.operands]
        forward: Any = step.op.forward
        if forward in SIGNS and all(dtype != TRUTH for _, dtype in xs):
            return f"{xs[0][0]} {SIGNS[forward]} {xs[1][0]}"
        if forward is np.maximum:
            return f"maximum({xs[0][0]}, {xs[1][0]})"
        return expression(step, xs)

    # -- steps

    def _lines(self, step: Step) -> list[str]:
        if self._is_inside(step):
            self._inside[step.out] = step
            return []
        look = view_of(step)
        if look is not None:
            return self._look(step, look)
        write = WRITERS.get(step.op.name)
        if write is not None:
            return write(self, step)
        if step.op.name in REDUCTIONS or not is_known(step) or step.out.dtype != FLOAT:
            raise LookupError(f"{step.op.name} is not written in a straight kernel")
        out = self.made(step.out)

        def entry(at: Index) -> list[str]:
            return [f"{self.text(out, at)} = {self._formula(step, at)}"]

        return _loops(out.shape, entry)

    def _is_inside(self, step: Step) -> bool:
        """Whether a result is computed where it is read: entry by entry, and once (a truth: wherever it is)."""
        out, readers = step.out, self._readers.get(step.out, [])
        if not readers or (len(readers) > 1 and out.dtype != TRUTH):
            return False
        if step.op.name == "first_plus":
            return readers[0] is not None and readers[0].op.name == "ordered_sum"
        return _is_entrywise(step) and all(reader is not None and _reads_entries(reader, out) for reader in readers)

    def _look(self, step: Step, look: Callable[[Any], Any]) -> list[str]:
        x = self.array(step.operands[0])
        view = look(x)
        if view.size == 0 or np.may_share_memory(view, x):
            self.arrays[step.out] = view
            return []
        row = self.room(x.size).reshape(x.shape)
        self.arrays[step.out] = look(row)
        return self._copied(row, step.operands[0])

    def _copied(self, target: Array, var: Var, sign: str = "=") -> list[str]:
        return _loops(target.shape, lambda at: [f"{self.text(target, at)} {sign} {self._entry(var, at)[0]}"])

    def _ordered_sum(self, step: Step) -> list[str]:
        terms, start = step.operands[0], None
        if terms in self._inside and self._inside[terms].op.name == "first_plus":
            terms, start = self._inside[terms].operands

        def term(k: str, _: int, at: Index) -> tuple[list[str], Callable[[Index], str]]:
            return [], lambda j: self._entry(terms, [k, *at, *j])[0]

        return self._summed(self.made(step.out), terms.shape[0], start, term)

    def _ordered_dot(self, step: Step) -> list[str]:
        start, x, y = step.operands
        of_x, of_y, of_out = step.params["axes"]
        out = self.made(step.out)

        def term(k: str, _: int, at: Index) -> tuple[list[str], Callable[[Index], str]]:
            def product(j: Index) -> str:
                index = dict(zip(of_out, [*at, *j], strict=True), k=k)
                (a, _), (b, _) = (self._entry(v, [index[i] for i in axes]) for v, axes in ((x, of_x), (y, of_y)))
                return f"{a} * {b}"

            return [], product

        return self._summed(out, x.shape[of_x.index("k")], start, term)

    def _summed(self, out: Array, count: int, start: Var | None, term: "Term") -> list[str]:
        """Sums of `count` terms, each after the one before: row by row of the result, some terms at a time."""
        row, full = out.shape[-1:], count - count % TERMS

        def some(names: Sequence[str], at: Index) -> list[str]:
            terms = [term(k, i, at) for i, k in enumerate(names)]

            def entry(j: Index) -> list[str]:
                target = self.text(out, [*at, *j])
                before = [target]
                if names[0] == "0":
                    before = [] if start is None else [self._entry(start, [*at, *j])[0]]
                return [f"{target} = {' + '.join([*before, *(text(j) for _, text in terms)])}"]

            return [*(line for lines, _ in terms for line in lines), *_loops(row, entry, "j")]

        def whole(at: Index) -> list[str]:
            lines = some([str(k) for k in range(min(TERMS, count))], at)
            if full > TERMS:
                lines.append(f"for k in range({TERMS}, {full}, {TERMS}):")
                lines += ["    " + line for line in some([f"(k + {i})" for i in range(TERMS)], at)]
            if TERMS <= full < count:
                lines += some([str(k) for k in range(full, count)], at)
            return lines

        return _loops(out.shape[:-1], whole)

    def _matmul(self, step: Step) -> list[str]:
        x, y = map(self.array, step.operands)
        if x.ndim != 2 or y.ndim != 2:
            raise LookupError("a product of more than two axes")
        if y.strides[1] != 8 or y.shape[1] < NARROW:
            return self._dots(self.made(step.out), x, self._in_columns(step.operands[1]))

        def term(k: str, i: int, at: Index) -> tuple[list[str], Callable[[Index], str]]:
            return [f"f{i} = {self.text(x, [*at, k])}"], lambda j: f"f{i} * {self.text(y, [k, *j])}"

        return self._summed(self.made(step.out), x.shape[1], None, term)

    def _in_columns(self, var: Var) -> Array:
        """A factor; if it is constant, each of its columns lies in a row of memory."""
        found = self.array(var)
        if var.role != "constant" or found.strides[0] == 8:
            return found
        columns = np.ascontiguousarray(found.T)
        self.bases.append((f"c{len(self.bases)}", columns.reshape(-1)))
        return columns.T

    def _dots(self, out: Array, x: Array, y: Array) -> list[str]:
        """A product of matrices, block by block where rows and columns lie in memory as they are read."""
        (a, s), (b, t), (c, o) = self.place(x), self.place(y), self.place(out)
        (si, sk), (tk, tj) = ([stride // 8 for stride in z.strides] for z in (x, y))
        (rows, columns), count, width = out.shape, x.shape[1], out.strides[0] // 8
        blocks = sk == tk == 1 and min(rows, columns) >= BLOCK
        inner, right = (rows - rows % BLOCK, columns - columns % BLOCK) if blocks else (0, 0)
        lines = [
            f"for i0 in range(0, {inner}, {BLOCK}):",
            f"    for i1 in range(0, {right}, {BLOCK}):",
            f"        block({c}, {o} + i0 * {width} + i1, {width}, {a}, {s} + i0 * {si}, {si}, "
            f"{b}, {t} + i1 * {tj}, {tj}, {count})",
        ] if blocks else []  # fmt: skip
        for top, left, part in ((0, right, out[:inner, right:]), (inner, 0, out[inner:])):
            if part.size:
                xs, ys = f"{a}, {s + top * si} + {{0}} * {si}, {sk}", f"{b}, {t + left * tj} + {{1}} * {tj}, {tk}"
                lines += self._filled(part, f"dot({xs}, {ys}, {count})")
        return lines

    def _filled(self, target: Array, entry: str) -> list[str]:
        """Each entry by a text with places for the indices."""
        return _loops(target.shape, lambda at: [f"{self.text(target, at)} = {entry.format(*at)}"])

    def _sum(self, step: Step) -> list[str]:
        x, out = self.array(step.operands[0]), self.made(step.out)
        axes = axes_of(step)
        if len(axes) != 1:
            if len(axes) != x.ndim or not x.flags.c_contiguous:
                raise LookupError("a sum over some of several axes")
            x, axes = x.reshape(-1), (0,)
        rest = np.moveaxis(x, axes[0], -1)
        flat = out.reshape(rest.shape[:-1])
        step_, count = rest.strides[-1] // 8, rest.shape[-1]

        def one(at: Index) -> list[str]:
            name, _ = self.place(rest)
            inside = self.text(rest[..., :1], [*at, "0"]).removeprefix(f"{name}[").removesuffix("]")
            return [f"{self.text(flat, at)} = added({name}, {inside}, {step_}, {count})"]

        return _loops(flat.shape, one)

    def _gather(self, step: Step) -> list[str]:
        x, out = self.array(step.operands[0]), self.made(step.out)
        if not x.flags.c_contiguous:
            raise LookupError("a selection from a view")
        index = np.array(step.params["index"], dtype=np.int64).reshape(-1)
        name = f"n{len(self.bases)}"
        self.bases.append((name, index))
        base, start = self.place(x)
        flat = out.reshape(-1)
        return _loops(flat.shape, lambda at: [f"{self.text(flat, at)} = {base}[{start} + {name}[{at[0]}]]"])

    def _assemble(self, step: Step) -> list[str]:
        out, cover = self.made(step.out), step.params["cover"]
        lines = [] if cover == "all" else _loops(out.shape, lambda at: [f"{self.text(out, at)} = 0.0"])
        sign = "+=" if cover in (None, "again") else "="
        for var, place in zip(step.operands, step.params["places"], strict=True):
            target = out[place]
            if not np.may_share_memory(target, out):
                raise LookupError("a part that is no slice")
            lines += self._copied(target, var, sign)
        if sign == "=":  # the parts were added to zeros, which -0.0 does not survive
            lines += _loops(out.shape, lambda at: [f"{self.text(out, at)} += 0.0"])
        return lines

    def _within_zeros(self, step: Step) -> list[str]:
        """Zeros, but for a regular part."""
        out, params = self.made(step.out), step.params
        if step.op.name == "scatter":
            target = out[params["index"]]
        else:
            target = strided.forward(out, params["start"], step.operands[0].shape, params["strides"])
        if not np.may_share_memory(target, out):
            raise LookupError("a part that is no slice")
        zeros = _loops(out.shape, lambda at: [f"{self.text(out, at)} = 0.0"])
        return [*zeros, *self._copied(target, step.operands[0])]

    def _strided(self, step: Step) -> list[str]:
        x = self.array(step.operands[0])
        view = strided.forward(x, **step.params)
        if not np.may_share_memory(view, x):
            raise LookupError("a regular part of a view")
        self.arrays[step.out] = view
        return []

    def _concatenate(self, step: Step) -> list[str]:
        out, axis, start, lines = self.made(step.out), step.params["axis"] % len(step.out.shape), 0, []
        for var in step.operands:
            end = start + var.shape[axis]
            lines += self._copied(out[(slice(None),) * axis + (slice(start, end),)], var)
            start = end
        return lines

    def _module(self, lines: Sequence[str]) -> str:
        kinds = {np.dtype(np.int64): "integers", FLOAT: "floats"}
        bases = [f"{name} = {kinds[base.dtype]}(table[{i}])" for i, (name, base) in enumerate(self.bases)]
        return "\n".join([
            HEAD,
            twins_in(lines),
            HELPERS,
            f"@njit(types.void(types.uintp[::1]), cache=CACHE, {OPTIONS})",
            "def kernel(table):",
            *("    " + line for line in [*bases, *lines]),
            "",
        ])  # fmt: skip


WRITERS: dict[str, Callable[[Straight, Step], list[str]]] = {
    "ordered_sum": Straight._ordered_sum,
    "matmul": Straight._matmul,
    "sum": Straight._sum,
    "gather": Straight._gather,
    "assemble": Straight._assemble,
    "scatter": Straight._within_zeros,
    "unstrided": Straight._within_zeros,
    "strided": Straight._strided,
    "ordered_dot": Straight._ordered_dot,
    "concatenate": Straight._concatenate,
}


def _loops(shape: tuple[int, ...], body: Callable[[Index], list[str]], letter: str = "i") -> list[str]:
    """Nested loops over a shape around lines that get the indices; axes of length 1 have none.

    Examples
    --------
    >>> print(*_loops((2, 1, 3), lambda at: [f"x[{', '.join(at)}] = 0"]), sep=chr(10))
    for i0 in range(2):
        for i2 in range(3):
            x[i0, 0, i2] = 0
    """
    index = [f"{letter}{axis}" if n != 1 else "0" for axis, n in enumerate(shape)]
    lines: list[str] = []
    depth = 0
    for name, n in zip(index, shape, strict=True):
        if n != 1:
            lines.append(f"{'    ' * depth}for {name} in range({n}):")
            depth += 1
    return [*lines, *("    " * depth + line for line in body(index))]


def _is_entrywise(step: Step) -> bool:
    return step.op.name not in REDUCTIONS and view_of(step) is None and is_known(step)


def _reads_entries(reader: Step, var: Var) -> bool:
    """Whether a step reads each entry of a variable once."""
    if reader.op.name in ("ordered_sum", "first_plus"):
        return reader.operands[0] is var
    return _is_entrywise(reader) and reader.out.shape == var.shape


def _readers_of(steps: Sequence[Step], outputs: Sequence[Var]) -> dict[Var, list[Step | None]]:
    """Who reads each variable, as often as it does; None stands for the caller."""
    readers: dict[Var, list[Step | None]] = {}
    for step in steps:
        for var in step.operands:
            readers.setdefault(var, []).append(step)
    for var in outputs:
        readers.setdefault(var, []).append(None)
    return readers


def _refuse_unless_small(steps: Sequence[Step]) -> None:
    if len(steps) > MOST:
        raise LookupError("many steps")
    for step in steps:
        for var in (*step.operands, *step.outs):
            if var.size > LARGEST or var.size == 0 or (var.dtype not in (FLOAT, TRUTH) and not is_number(var)):
                raise LookupError("large arrays, or of other types")
