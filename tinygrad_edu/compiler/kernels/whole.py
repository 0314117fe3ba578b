"""Kernels of whole operations: those that are more than a loop over entries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.compiler.kernels.source import HEAD, OPTIONS, array_type, twins_in
from tinygrad_edu.compiler.program import Program, Step, Var
from tinygrad_edu.op import Operation


@dataclass(frozen=True)
class Kernel:
    """What computes a step, or several.

    Attributes
    ----------
    source : str
        A module with a function ``kernel(*results, *operands, *rooms)``, which gets arrays in rows (C-contiguous, of
        the shapes and types of the variables) and fills the results, whatever they held.
    rooms : tuple of (shape, dtype)
        Workspace that it is given, with anything in it.
    count : int
        If not 0, the work is on so many independent things (images, rows), and the kernel is called as
        ``kernel(*results, *operands, *rooms, start, stop, part)`` for each half of them, perhaps on two threads.
    finish : str, optional
        The source of a kernel that is called like the first one without halves, when both halves are done.
    flops : float
        About how many operations on numbers it takes: whether halves are worth two threads.
    over : tuple of int
        The operands whose memory the first result may take, where they have its shape and type.
    alone : bool
        Whether halves go to two threads only where no thread of BLAS waits for products beside them.
    """

    source: str
    rooms: tuple[tuple[tuple[int, ...], Any], ...] = ()
    count: int = 0
    finish: str | None = None
    flops: float = 0.0
    over: tuple[int, ...] = ()
    alone: bool = False


class Whole(Operation):
    """Steps as one kernel: the operation of a step that has one.

    Attributes
    ----------
    kernel : Kernel
    steps : list of Step
        What it computes; they tell what the results are.
    operands, outputs, rooms : list of Var
    """

    kind = "general"

    def __init__(self, kernel: Kernel, steps: Sequence[Step], operands: Sequence[Var], outputs: Sequence[Var]) -> None:
        self.kernel = kernel
        self.steps = list(steps)
        self.operands = list(operands)
        self.outputs = list(outputs)
        self.rooms = [Var("result", shape, np.dtype(dtype)) for shape, dtype in kernel.rooms]
        names = list(dict.fromkeys(step.op.name for step in steps))
        self.label = "_".join(names) if len(names) < 3 else f"{names[0]}_to_{names[-1]}"
        super().__init__(f"kernel({self.label})", self.run, (None,), variadic=True, reads="kernel")

    def run(self, operands: Sequence[Any]) -> Any:
        """The results by the operations themselves: one, or a list."""
        found = Program(self.operands, self.steps, self.outputs).run(operands)
        return found[0] if len(found) == 1 else found


def step_of(kernel: Kernel, steps: Sequence[Step], operands: Sequence[Var], outputs: Sequence[Var]) -> Step:
    """A step of a kernel."""
    return Step(Whole(kernel, steps, operands, outputs), tuple(operands), {}, outputs[0], tuple(outputs[1:]))


def module(
    outputs: Sequence[Var],
    operands: Sequence[Var],
    rooms: Sequence[tuple[tuple[int, ...], Any]],
    body: Sequence[str],
    head: Sequence[str] = (),
    halves: bool = False,
) -> str:
    """The source of a kernel: results are called ``o0, o1 ...``, operands ``x0 ...``, rooms ``r0 ...``.

    Parameters
    ----------
    outputs, operands : sequence of Var
    rooms : as in `Kernel`
    body : sequence of str
        The lines of the function.
    head : sequence of str
        Lines before the function: imports, functions it calls.
    halves : bool
        Whether it also gets ``start, stop, part``.
    """
    workspace = [Var("result", shape, np.dtype(dtype)) for shape, dtype in rooms]
    kinds = (("o", outputs), ("x", operands), ("r", workspace))
    names = [f"{letter}{i}" for letter, group in kinds for i in range(len(group))]
    types = [array_type(var, len(var.shape), letter != "x") for letter, group in kinds for var in group]
    if halves:
        names += ["start", "stop", "part"]
        types += ["types.int64"] * 3
    return "\n".join([
        HEAD,
        twins_in(body).rstrip(),
        *head,
        "",
        "",
        f"@njit(types.void({', '.join(types)}), cache=CACHE, {OPTIONS})",
        f"def kernel({', '.join(names)}):",
        *("    " + line for line in body),
        "",
    ])  # fmt: skip
