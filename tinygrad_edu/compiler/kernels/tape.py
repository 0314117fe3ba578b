"""The tape as two kernels: one loop forward, one backward, over flat arrays of operations and slots.

What each operation does, and its rules, are those of its entry: they are recorded once on stand-ins, and written as
one branch of the loop.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.kernels.nest import is_number
from tinygrad_edu.compiler.kernels.scalars import expression, is_known
from tinygrad_edu.compiler.kernels.source import HEAD, OPTIONS, literal, twins_in
from tinygrad_edu.compiler.kernels.store import compiled
from tinygrad_edu.compiler.passes.dead import drop_dead
from tinygrad_edu.compiler.passes.lower import lower
from tinygrad_edu.compiler.passes.merge import merge_repeats
from tinygrad_edu.compiler.passes.rewriting import constant
from tinygrad_edu.compiler.program import Program, Step, Var
from tinygrad_edu.compiler.tape import Tape
from tinygrad_edu.compiler.traced import Capture, Traced
from tinygrad_edu.errors import TinygradEduError
from tinygrad_edu.kinds import Elementwise
from tinygrad_edu.mode import capturing
from tinygrad_edu.op import Node

FLOAT = np.dtype(np.float64)


class KernelTape(Tape):
    """A tape whose loops are compiled by numba; see `Tape`.

    Raises
    ------
    CompileError
        If the program has anything else than scalars in it.
    LookupError
        If one of its operations, or a rule, is none that numba can compile.
    """

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._run, self._pull = (compiled(source) for source in sources(self.table))
        self._code = np.ascontiguousarray(np.array(self.code, dtype=np.uintp).reshape(-1, 3)[:, 1:].T)
        self._runs = np.array(self.runs, dtype=np.uintp).reshape(-1, 3)
        self._pack = struct.Struct(f"{self.inputs}d").pack_into
        self._values = np.zeros(self.first + len(self.code))
        self._values[self.inputs : self.first] = self.constants
        self._gradients = np.zeros_like(self._values)

    def forward(self, inputs: Sequence[float]) -> float:
        """The output for these inputs."""
        self._pack(self._values.data, 0, *inputs)
        self._run(self._runs, self._code, self._values)
        return float(self._values[self.output])

    def backward(self, seed: float = 1.0) -> list[float]:
        """The gradients of the inputs, for the numbers of the latest forward pass."""
        self._gradients.fill(0.0)
        self._gradients[self.output] = seed
        self._pull(self._runs, self._code, self._values, self._gradients)
        return self._gradients[: self.inputs].tolist()  # type: ignore[no-any-return]  # a list of floats


def sources(table: Sequence[Elementwise]) -> tuple[str, str]:
    """The kernels forward and backward for a table of operations.

    Examples
    --------
    >>> from tinygrad_edu.ops.elementwise import add, multiply
    >>> forward, backward = sources([add, multiply])
    >>> print(forward[forward.index("    for") :])
        for r in range(runs.shape[0]):
            start, stop = runs[r, 1], runs[r, 2]
            if runs[r, 0] == 0:
                for k in range(start, stop):
                    x, y = v[code[0, k]], v[code[1, k]]
                    out = np.add(x, y)
                    v[first + k] = out
            else:
                for k in range(start, stop):
                    x, y = v[code[0, k]], v[code[1, k]]
                    out = np.multiply(x, y)
                    v[first + k] = out
    <BLANKLINE>
    """
    forward = [
        "    for r in range(runs.shape[0]):",
        "        start, stop = runs[r, 1], runs[r, 2]",
        *_branches([_loop([READ, *_forward(op), "v[first + k] = out"]) for op in table]),
    ]
    backward = [
        "    for i in range(runs.shape[0]):",
        "        r = runs.shape[0] - 1 - i",
        "        start, stop = runs[r, 1], runs[r, 2]",
        *_branches([_loop([READ, "out, g = v[first + k], d[first + k]", *_backward(op)]) for op in table]),
    ]
    return _module(["runs", "code", "v"], forward), _module(["runs", "code", "v", "d"], backward)


READ = "x, y = v[code[0, k]], v[code[1, k]]"


def _loop(body: Sequence[str]) -> list[str]:
    return ["for k in range(start, stop):", *("    " + line for line in body)]


def _module(names: Sequence[str], lines: Sequence[str]) -> str:
    fixed = "types.Array(types.uintp, 2, 'C', readonly=True)"
    types = [fixed, fixed, *["types.float64[::1]"] * (len(names) - 2)]
    return "\n".join([
        HEAD,
        twins_in(lines),
        f'@njit(types.void({", ".join(types)}), cache=CACHE, {OPTIONS})',
        f"def kernel({', '.join(names)}):",
        "    first = v.shape[0] - code.shape[1]",
        *lines,
        "",
    ])  # fmt: skip


def _branches(bodies: Sequence[Sequence[str]]) -> list[str]:
    if len(bodies) == 1:
        return ["        " + line for line in bodies[0]]
    lines = []
    for i, body in enumerate(bodies):
        lines.append("        else:" if i == len(bodies) - 1 else f"        {'el' if i else ''}if runs[r, 0] == {i}:")
        lines += ["            " + line for line in body]
    return lines


def _forward(op: Elementwise) -> list[str]:
    lines, (found,) = _lines(lambda *xs: [op(*xs)], ["x", "y"][: op.arity])
    return [*lines[:-1], lines[-1].replace(f"{found} =", "out =", 1)] if lines else [f"out = {found}"]


def _backward(op: Elementwise) -> list[str]:
    names = ["x", "y"][: op.arity]
    rules = [rule for rule in op.rules if rule is not None]
    lines, found = _lines(lambda g, out, *xs: [rule(g, out, *xs) for rule in rules], ["g", "out", *names])
    return [*lines, *(f"d[code[{i}, k]] += {text}" for i, text in enumerate(found))]


def _lines(function: Callable[..., Sequence[Any]], names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Lines that compute what a function of numbers gives, and the names of its results."""
    program = recorded(function, len(names))
    text: dict[Var, tuple[str, Any]] = {var: (name, FLOAT) for var, name in zip(program.inputs, names, strict=True)}

    def read(var: Var) -> tuple[str, Any]:
        return literal(var) if is_number(var) else text[var]

    lines = []
    for i, step in enumerate(program.steps):
        lines.append(f"t{i} = {expression(step, [read(var) for var in step.operands])}")
        text[step.out] = (f"t{i}", step.out.dtype)
    return lines, [read(var)[0] for var in program.outputs]


def recorded(function: Callable[..., Sequence[Any]], count: int) -> Program:
    """What a function does with that many numbers, as steps that kernels know.

    Raises
    ------
    LookupError
        If there are others among them.
    """
    capture = Capture()
    try:
        with capturing(capture), np.errstate(all="ignore"):
            inputs = [capture.argument(np.ones(()), False, "x") for _ in range(count)]
            found = function(*inputs)
    except (TinygradEduError, TypeError, ValueError) as error:
        raise LookupError(f"it cannot be recorded: {error}") from error
    known: dict[Node, Var] = {node: Var("input", (), FLOAT) for node in inputs}

    def var_of(x: Any) -> Var:
        if not isinstance(x, Traced):
            return constant(x)
        return known[x] if x in known else known.setdefault(x, constant(x.data))

    program = Program([known[node] for node in inputs])
    for node in capture.nodes:
        if node.parents:
            operands = tuple(var_of(parent) for parent in node.parents)
            known[node] = Var("result", (), np.result_type(node.data))
            program.steps.append(Step(node.op, operands, node.params, known[node]))
    program.outputs = [var_of(x) for x in found]
    program = drop_dead(merge_repeats(lower(program)))
    unknown = [step.op.name for step in program.steps if not is_known(step)]
    if unknown or capture.outside:
        raise LookupError(f"numba has no {', '.join(unknown) or 'numbers from outside'}")
    return program
