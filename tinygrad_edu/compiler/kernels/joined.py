"""Kernels that follow one another in a plan, as one: a call takes longer than many a loop over small arrays.

Buffers lie in one block of memory, so such a kernel gets the block and a table of places in it, not dozens of arrays.
Its loops are functions of their own: those of steps that are alike, as in a recurrence, are one.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from tinygrad_edu.compiler.kernels.call import Argument, Space, argument_of
from tinygrad_edu.compiler.kernels.fuse import Fused
from tinygrad_edu.compiler.kernels.source import OPTIONS, Writer, loops_of, module_of, shape_axes
from tinygrad_edu.compiler.kernels.store import compiled
from tinygrad_edu.compiler.program import Step, Var

FEW = 8  # arrays that a kernel is handed one by one
PLACES = 'types.Array(types.int64, 1, "C")'


def fused_lines(steps: Sequence[Step], code: Space) -> list[str]:
    """The lines that compute fused steps, one after another: one call, or more where something must be done between."""
    lines: list[str] = []
    run: list[_Nest] = []
    for step in steps:
        nest = _Nest(step, code)
        if nest.copies and run:
            lines += _lines(run, code)
            run = []
        run.append(nest)
    return [*lines, *_lines(run, code)] if run else lines


class _Nest:
    """A fused step, and the arrays that its kernel gets."""

    def __init__(self, step: Step, code: Space) -> None:
        op = step.op
        assert isinstance(op, Fused)
        loops = loops_of(op.nest, op.outputs)
        slots: dict[Var, int] = {}
        known: dict[Any, int] = {}
        self.arguments: dict[int, Argument] = {}
        self.before: list[str] = []
        self.copies = False
        for var in [*op.outputs, *op.operands]:
            shape = loops.shape(shape_axes(op, var), op.nest.shape)
            found = argument_of(var, shape, code, made=var in op.outputs)
            self.before += found.before
            self.copies = self.copies or found.copies
            slots[var] = known.setdefault(found.key, len(known))
            self.arguments[slots[var]] = found
        self.writer = Writer(op, slots)


def _lines(run: Sequence[_Nest], code: Space) -> list[str]:
    before = [line for nest in run for line in nest.before]
    nest = run[0]
    if len(run) == 1 and len(nest.arguments) <= FEW:
        source = nest.writer.source()
        texts = [nest.arguments[slot].text for slot in sorted(nest.arguments)]
    else:
        joined = _Joined(run, code)
        source, texts = joined.source, joined.texts
    kernel = code.bind(compiled(source), "kernel")
    code.kernels[kernel] = source
    return [*before, f"{kernel}({', '.join(texts)})"]


class _Joined:
    """The source of a kernel that runs nests of loops one after another, and what it is called with.

    Those in turn that are the same function, of pieces of the block and the same other arrays, are a loop.
    """

    def __init__(self, run: Sequence[_Nest], code: Space) -> None:
        self.code = code
        self.texts: list[str] = []
        self.types: list[str] = []
        self.names: dict[Any, str] = {}  # of parameters
        functions: dict[tuple[str, ...], str] = {}  # the lines of a nest, and its name
        head: list[str] = []
        calls: list[str] = []  # as a function of `k`, where the table begins for it
        places: list[list[int]] = []
        for nest in run:
            body = tuple(nest.writer.function("nest", nest.writer.body()))
            name = functions.get(body)
            if name is None:
                name = functions[body] = f"nest{len(functions)}"
                head += [f"@njit({OPTIONS})", body[0].replace("nest", name, 1), *body[1:], ""]
            table: list[int] = []
            texts = [self._text(nest.arguments[slot], kind, table) for slot, kind in nest.writer.parameters()]
            calls.append(f"{name}({', '.join(texts)})")
            places.append(table)
        lines, at = [], 0
        for call, same in groupby(calls):
            count, width = len([*same]), call.count("piece(") * 2
            lines += [f"    for k in range({at}, {at + count * width}, {width}):", f"        {call}"] if width else []
            lines += [f"    {call}"] * count if not width else []
            at += count * width
        numbers = np.array([place for one in places for place in one], np.int64)
        self.texts.append(code.bind(numbers, "places"))
        signature = f"types.void({', '.join([*self.types, PLACES])})"
        self.source = module_of([
            *head,
            f'@njit({signature}, cache=CACHE, nogil=True, error_model="numpy")',  # its arrays may share memory
            f"def kernel({', '.join([*self.names.values(), 'q'])}):",
            *lines,
            "",
        ])  # fmt: skip

    def _text(self, argument: Argument, kind: str, table: list[int]) -> str:
        """How the kernel names an array: a piece of the block, of which the table gets the place, or a parameter."""
        array, block = argument.array, self.code.block
        if array is not None and array.ndim == 1:
            start = _address(array) - _address(block)
            if start >= 0 and start + array.nbytes <= block.nbytes:
                first = (start - _skip(block)) // array.itemsize
                table += [first, first + array.size]
                return f"piece({self._block(array.dtype)}, q, k + {len(table) - 2})"
        key = (argument.key, argument.shape, kind)
        return self.names.get(key) or self._parameter(key, argument.text, kind)

    def _block(self, dtype: np.dtype[Any]) -> str:
        """The block of memory, seen as numbers of one type."""
        if dtype in self.names:
            return self.names[dtype]
        block = self.code.block
        skip = _skip(block)
        whole = block[skip : skip + (block.size - skip) // 64 * 64].view(dtype)
        kind = "boolean" if dtype.char == "?" else dtype.name
        return self._parameter(dtype, self.code.bind(whole, "block"), f'types.Array(types.{kind}, 1, "C")')

    def _parameter(self, key: Any, text: str, kind: str) -> str:
        self.names[key] = name = f"a{len(self.names)}"
        self.texts.append(text)
        self.types.append(kind)
        return name


def _address(array: np.ndarray[Any, Any]) -> int:
    return int(array.__array_interface__["data"][0])


def _skip(block: np.ndarray[Any, Any]) -> int:
    """Where buffers begin in a block."""
    return -_address(block) % 64
