"""How a plan calls a kernel: which arrays it gets, and in which shape."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from tinygrad_edu.compiler.kernels.store import compiled
from tinygrad_edu.compiler.kernels.threads import WORTH, blas_threads, halves, in_turn
from tinygrad_edu.compiler.kernels.whole import Whole
from tinygrad_edu.compiler.program import Var
from tinygrad_edu.ops.windows import ON_ONE_THREAD


class Space(Protocol):
    """What a kernel call needs of the code that it stands in."""

    static: dict[Var, Any]
    kernels: dict[str, str]
    block: np.ndarray[Any, Any]

    @property
    def threads(self) -> Any:
        """What keeps products on one thread while the plan runs, if anything does."""

    @property
    def parts(self) -> Sequence[Any]:
        """The runs of steps of the plan."""

    def bind(self, thing: Any, hint: str) -> str:
        """A name for an object."""

    def name(self, var: Var) -> str:
        """The name of a variable."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An array as a kernel gets it.

    Attributes
    ----------
    key : Any
        What tells its memory from others'.
    shape : tuple of int
    text : str
        What stands in the call.
    before : list of str
        Lines before the call.
    copies : bool
        Whether these copy numbers: what makes them must be done.
    array : array, optional
        Itself, if it is there before the first run.
    """

    key: Any
    shape: tuple[int, ...]
    text: str
    before: list[str] = field(default_factory=list)
    copies: bool = False
    array: Any = None


def whole_lines(op: Whole, code: Space) -> list[str]:
    """The lines that compute a step that is a kernel; its source goes to ``code.kernels``."""
    kernel, lines = op.kernel, []
    texts = []
    for var in [*op.outputs, *op.operands, *op.rooms]:
        found = argument_of(var, var.shape, code, made=var in op.outputs)
        texts.append(found.text)
        lines += found.before
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
    return (
        code.threads is None
        and blas_threads() > 1
        and any(
            step.out.size * step.operands[0].shape[-1] > ON_ONE_THREAD for step in products if step.operands[0].shape
        )
    )


def argument_of(var: Var, shape: tuple[int, ...], code: Space, made: bool) -> Argument:
    """How a kernel gets a variable in that shape."""
    name = code.name(var)
    array = code.static.get(var)
    if var.dtype is None:
        return Argument(var, shape, name)
    if array is not None and not isinstance(array, float):
        fixed, lines = np.asarray(array), []
        if not (fixed.flags.c_contiguous and fixed.flags.aligned):
            fixed = np.array(fixed, order="C")
            if var.role != "constant":
                lines = [f"{code.bind(np.copyto, 'copyto')}({code.bind(fixed, 'row')}, {name})"]
        key = (fixed.__array_interface__["data"][0], fixed.dtype, shape)
        fixed = fixed if fixed.shape == shape else fixed.reshape(shape)
        return Argument(key, shape, code.bind(fixed, "a"), lines, bool(lines), fixed)
    if made:
        before = [f"{name} = empty({var.shape}, {code.bind(var.dtype, 'dtype')})"]
        return Argument(var, shape, name if shape == var.shape else f"{name}.reshape({shape})", before)
    return Argument(var, shape, f"{code.bind(in_rows, 'in_rows')}({name}, {shape})")


def in_rows(x: Any, shape: tuple[int, ...]) -> Any:
    """An array whose numbers lie one after another, in that shape; `x` itself where it can be."""
    x = np.ascontiguousarray(x)
    return (x if x.flags.aligned else x.copy()).reshape(shape)
