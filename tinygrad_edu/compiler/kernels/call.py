"""How a plan calls a kernel: which arrays it gets, and in which shape."""

import functools
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from tinygrad_edu.compiler.kernels.fuse import Fused
from tinygrad_edu.compiler.kernels.source import Writer, loops_of, shape_axes
from tinygrad_edu.compiler.kernels.store import compiled
from tinygrad_edu.compiler.kernels.threads import WORTH, blas_threads, halves, in_turn
from tinygrad_edu.compiler.kernels.whole import Whole
from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.ops.windows import ON_ONE_THREAD


class Space(Protocol):
    """What a kernel call needs of the code that it stands in."""

    static: dict[Var, Any]
    kernels: dict[str, str]

    @property
    def parts(self) -> Sequence[Any]:
        """The runs of steps of the plan."""

    def bind(self, thing: Any, hint: str) -> str:
        """A name for an object."""

    def name(self, var: Var) -> str:
        """The name of a variable."""


def call_lines(step: Step, code: Space) -> list[str]:
    """The lines that compute a step that is a kernel; its source goes to ``code.kernels``."""
    return _whole_lines(step.op, code) if isinstance(step.op, Whole) else _fused_lines(step, code)


def _whole_lines(op: Whole, code: Space) -> list[str]:
    kernel, lines = op.kernel, []
    texts = []
    for var in [*op.outputs, *op.operands, *op.rooms]:
        _, text, before = _argument(var, var.shape, code, made=var in op.outputs)
        texts.append(text)
        lines += before
    arguments = ", ".join(texts)
    calls = [(compiled(kernel.source), kernel.source)]
    if kernel.count:
        two = kernel.flops > WORTH and not (kernel.alone and _blas_waits(code))
        split = functools.partial(halves if two else in_turn, calls[0][0], kernel.count)
        calls = [(split, kernel.source)]
    if kernel.finish is not None:
        calls.append((compiled(kernel.finish), kernel.finish))
    for run, source in calls:
        name = code.bind(run, f"kernel_{op.label}")
        code.kernels[name] = source
        lines.append(f"{name}({arguments})")
    return lines


def _blas_waits(code: Space) -> bool:
    """Whether a plan has products of matrices that OpenBLAS does on several threads.

    Those wait for the next one in a loop, for some 25 ms: a second thread of ours would share a processor with them.
    """
    products = [step for part in code.parts for step in part.steps if step.op.name == "matmul"]
    return blas_threads() > 1 and any(
        step.out.size * step.operands[0].shape[-1] > ON_ONE_THREAD for step in products if step.operands[0].shape
    )


def _fused_lines(step: Step, code: Space) -> list[str]:
    op = step.op
    assert isinstance(op, Fused)
    loops = loops_of(op.nest, op.outputs)
    slots: dict[Var, int] = {}
    known: dict[Any, int] = {}
    arguments: dict[int, str] = {}
    lines: list[str] = []
    for var in [*op.outputs, *op.operands]:
        shape = loops.shape(shape_axes(op, var), op.nest.shape)
        key, text, before = _argument(var, shape, code, made=var in op.outputs)
        lines += before
        slots[var] = known.setdefault(key, len(known))
        arguments[slots[var]] = text
    source = Writer(op, slots).source()
    kernel = code.bind(compiled(source), "kernel")
    code.kernels[kernel] = source
    return [*lines, f"{kernel}({', '.join(arguments[slot] for slot in sorted(arguments))})"]


def _argument(var: Var, shape: tuple[int, ...], code: Space, made: bool) -> tuple[Any, str, list[str]]:
    """How a kernel gets a variable in that shape: what tells its memory from others', the text, the lines before."""
    name = code.name(var)
    array = code.static.get(var)
    if var.dtype is None:
        return var, name, []
    if array is not None and not isinstance(array, float):
        lines = []
        fixed = np.asarray(array)
        if not (fixed.flags.c_contiguous and fixed.flags.aligned):
            fixed = np.array(fixed, order="C")
            if var.role != "constant":
                lines.append(f"{code.bind(np.copyto, 'copyto')}({code.bind(fixed, 'row')}, {name})")
        key = (fixed.__array_interface__["data"][0], fixed.dtype, shape)
        return key, code.bind(fixed if fixed.shape == shape else fixed.reshape(shape), "a"), lines
    if made:
        before = f"{name} = empty({var.shape}, {code.bind(var.dtype, 'dtype')})"
        return var, name if shape == var.shape else f"{name}.reshape({shape})", [before]
    return var, f"{code.bind(in_rows, 'in_rows')}({name}, {shape})", []


def in_rows(x: Any, shape: tuple[int, ...]) -> Any:
    """An array whose numbers lie one after another, in that shape; `x` itself where it can be."""
    x = np.ascontiguousarray(x)
    return (x if x.flags.aligned else x.copy()).reshape(shape)
