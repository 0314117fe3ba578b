"""How a plan calls a kernel: which arrays it gets, and in which shape."""

from typing import Any, Protocol

import numpy as np

from tinygrad_edu.compiler.kernels.fuse import Fused
from tinygrad_edu.compiler.kernels.source import Writer, loops_of, shape_axes
from tinygrad_edu.compiler.kernels.store import compiled
from tinygrad_edu.compiler.program import Step, Var


class Space(Protocol):
    """What a kernel call needs of the code that it stands in."""

    static: dict[Var, Any]
    kernels: dict[str, str]

    def bind(self, thing: Any, hint: str) -> str:
        """A name for an object."""

    def name(self, var: Var) -> str:
        """The name of a variable."""


def call_lines(step: Step, code: Space) -> list[str]:
    """The lines that compute a fused step; its source goes to ``code.kernels``."""
    op = step.op
    assert isinstance(op, Fused)
    loops = loops_of(op.nest, op.outputs)
    slots: dict[Var, int] = {}
    known: dict[Any, int] = {}
    arguments: dict[int, str] = {}
    lines: list[str] = []
    for var in [*op.outputs, *op.operands]:
        name = code.name(var)
        array = code.static.get(var)
        key: Any
        shape = loops.shape(shape_axes(op, var), op.nest.shape)
        if var.dtype is None:
            key, text = var, name
        elif array is not None and not isinstance(array, float):
            fixed = np.asarray(array)
            if not (fixed.flags.c_contiguous and fixed.flags.aligned):
                fixed = np.array(fixed, order="C")
                if var.role != "constant":
                    lines.append(f"{code.bind(np.copyto, 'copyto')}({code.bind(fixed, 'row')}, {name})")
            key = (fixed.__array_interface__["data"][0], fixed.dtype, shape)
            text = code.bind(fixed if fixed.shape == shape else fixed.reshape(shape), "a")
        elif var in op.outputs:
            lines.append(f"{name} = empty({var.shape}, {code.bind(var.dtype, 'dtype')})")
            key, text = var, name if shape == var.shape else f"{name}.reshape({shape})"
        else:
            key, text = var, f"{code.bind(in_rows, 'in_rows')}({name}, {shape})"
        slots[var] = known.setdefault(key, len(known))
        arguments[slots[var]] = text
    source = Writer(op, slots).source()
    kernel = code.bind(compiled(source), "kernel")
    code.kernels[kernel] = source
    return [*lines, f"{kernel}({', '.join(arguments[slot] for slot in sorted(arguments))})"]


def in_rows(x: Any, shape: tuple[int, ...]) -> Any:
    """An array whose numbers lie one after another, in that shape; `x` itself where it can be."""
    x = np.ascontiguousarray(x)
    return (x if x.flags.aligned else x.copy()).reshape(shape)
