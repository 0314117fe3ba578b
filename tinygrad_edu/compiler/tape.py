"""Scalar programs that cannot be lifted run as a tape: operations and the slots of their operands.

Steps that wait for none of each other lie side by side, those of the same operation as one run: a loop over a run asks
nothing, and no number in it waits for the one before.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import add as plus
from operator import itemgetter
from operator import mul as times
from typing import Any

import numpy as np

from tinygrad_edu.compiler.lift.units import is_scalar, is_scalar_step
from tinygrad_edu.compiler.program import Program, Var
from tinygrad_edu.errors import CompileError
from tinygrad_edu.kinds import Elementwise
from tinygrad_edu.ops.elementwise import add, multiply

ADD, MULTIPLY = 0, 1  # written out in the loops; every other operation is called
SHORT = 8  # steps; below, a run of its own takes longer than a loop that asks at each step


def fits(program: Program) -> bool:
    """Whether a program is one of scalars only, by operations of one or two operands with plain rules."""
    return (
        len(program.outputs) == 1
        and all(map(is_scalar, program.inputs))
        and all(is_scalar_step(step) and step.op.along is not None for step in program.steps)
    )


class Tape:
    """The forward and backward pass of a scalar program over two flat lists: numbers, and their gradients.

    Attributes
    ----------
    code : list of (int, int, int)
        For each step its operation, by its place in `table`, and the slots of its operands.
    runs : list of (int, int, int)
        Of each run the operation, and where in `code` it starts and ends.

    Parameters
    ----------
    program : Program
        Scalars only, with a single output; see `fits`.

    Raises
    ------
    CompileError
        If the program has anything else in it.

    Examples
    --------
    >>> from tinygrad_edu.compiler.program import Step
    >>> x, y, z = Var("input", (), None), Var("result", (), None), Var("result", (), None)
    >>> tape = Tape(Program([x], [Step(multiply, (x, x), {}, y), Step(multiply, (y, x), {}, z)], [z]))
    >>> tape.forward([2.0])
    8.0
    >>> tape.backward(1.0)
    [12.0]
    """

    def __init__(self, program: Program) -> None:
        if not fits(program):
            raise CompileError(
                "a tape runs scalar programs with one output, made of operations of one or two scalars; "
                "this program has others. Run it as a plan of arrays."
            )
        slots: dict[Var, int] = {var: i for i, var in enumerate(program.inputs)}
        self.inputs = len(program.inputs)
        self.constants: list[float] = []
        constants = [v for step in program.steps for v in step.operands if v.role == "constant"]
        for var in dict.fromkeys([*constants, *[v for v in program.outputs if v.role == "constant"]]):
            slots[var] = self.inputs + len(self.constants)
            self.constants.append(float(var.data))
        self.first = self.inputs + len(self.constants)  # the slot of the first result
        self.table: list[Elementwise] = [add, multiply]
        known = {add: ADD, multiply: MULTIPLY}
        level = dict.fromkeys(slots, 0)
        keys: list[tuple[int, int]] = []
        for step in program.steps:
            op: Any = step.op
            if op not in known:
                known[op] = len(self.table)
                self.table.append(op)
            level[step.out] = 1 + max(level[step.operands[0]], level[step.operands[-1]])
            keys.append((level[step.out], known[op]))
        self.code: list[tuple[int, int, int]] = []
        for i in sorted(range(len(keys)), key=keys.__getitem__):
            step = program.steps[i]
            slots[step.out] = self.first + len(self.code)
            self.code.append((keys[i][1], slots[step.operands[0]], slots[step.operands[-1]]))
        self.runs: list[tuple[int, int, int]] = []
        for (_, code), same in groupby(sorted(keys)):
            start = self.runs[-1][2] if self.runs else 0
            self.runs.append((code, start, start + sum(1 for _ in same)))
        self.output = slots[program.outputs[0]]
        self.values: list[float] = []
        self._forward = [_forward(op) for op in self.table]
        self._backward = [_backward(op) for op in self.table]
        self._pieces = self._joined()

    def _joined(self) -> list["_Piece"]:
        """The runs as pieces; short ones that follow each other are one piece, of mixed operations."""
        pieces: list[_Piece] = []
        for short, runs in groupby(self.runs, key=lambda run: run[2] - run[1] < SHORT):
            for some in [[*runs]] if short else ([run] for run in runs):
                steps = self.code[some[0][1] : some[-1][2]]
                rules = self.table[some[0][0]].along
                assert rules is not None
                alone = rules[0] if rules[1] is None else None
                pieces.append(_Piece(not short, self.first + some[0][1], steps, alone))
        return pieces

    def forward(self, inputs: Sequence[float]) -> float:
        """The output for these inputs."""
        v = [*map(float, inputs), *self.constants]
        append, table = v.append, self._forward
        for piece in self._pieces:
            if piece.read_a is not None and piece.read_b is not None:
                v += map(table[piece.code], piece.read_a(v), piece.read_b(v))
                continue
            for code, i, j in piece.steps:
                if code == ADD:
                    append(v[i] + v[j])
                elif code == MULTIPLY:
                    append(v[i] * v[j])
                else:
                    append(table[code](v[i], v[j]))
        self.values = v
        return v[self.output]

    def backward(self, seed: float = 1.0) -> list[float]:
        """The gradients of the inputs, for the numbers of the latest forward pass."""
        v, table = self.values, self._backward
        g = [0.0] * len(v)
        g[self.output] = seed
        for piece in reversed(self._pieces):
            if piece.read_a is not None and piece.read_b is not None and (piece.code in (ADD, MULTIPLY) or piece.one):
                ups = g[piece.start : piece.stop]
                if piece.code == ADD:
                    for i, j, u in zip(piece.a, piece.b, ups, strict=True):
                        g[i] += u
                        g[j] += u
                elif piece.one:
                    rule, outs = table[piece.code], v[piece.start : piece.stop]
                    for i, c in zip(piece.a, _slopes(piece.one, rule, ups, outs, piece.read_a(v)), strict=True):
                        g[i] += c
                else:
                    for i, j, u, x, y in zip(piece.a, piece.b, ups, piece.read_a(v), piece.read_b(v), strict=True):
                        g[i] += u * y
                        g[j] += u * x
                continue
            k = piece.stop
            for code, i, j in reversed(piece.steps):
                k -= 1
                up = g[k]
                if code == ADD:
                    g[i] += up
                    g[j] += up
                elif code == MULTIPLY:
                    x, y = v[i], v[j]
                    g[i] += up * y
                    g[j] += up * x
                else:
                    c, d = table[code](up, v[k], v[i], v[j])
                    g[i] += c
                    if d is not None:
                        g[j] += d
        return g[: self.inputs]


class _Piece:
    """Some steps of a tape: a run of one operation, or (then `read_a` and `read_b` are None) any.

    `one` is the rule of an operation of one number.
    """

    __slots__ = ("a", "b", "code", "one", "read_a", "read_b", "start", "steps", "stop")

    def __init__(self, is_run: bool, start: int, steps: list[tuple[int, int, int]], one: Any) -> None:
        self.one = one
        self.code, self.steps = steps[0][0], steps
        self.start, self.stop = start, start + len(steps)
        self.a, self.b = [i for _, i, _ in steps], [j for _, _, j in steps]
        self.read_a = itemgetter(*self.a) if is_run else None
        self.read_b = itemgetter(*self.b) if is_run else None


def _forward(op: Elementwise) -> Callable[[float, float], float]:
    if op is add or op is multiply:
        return plus if op is add else times
    if op.arity == 1:
        scalar, at_floats = op.scalar, op.at_floats

        def one(x: float, _: float) -> float:
            try:
                return float(scalar(x))
            except (ArithmeticError, ValueError):
                return float(at_floats(x))

        return one
    return lambda x, y: float(op.compute(x, y))


def _slopes(one: Any, rule: Callable[..., Any], *numbers: Sequence[float]) -> list[float]:
    """What a run of an operation of one number contributes: by its rule as it is, where that gives floats."""
    try:
        found = [*map(one, *numbers)]
    except (ArithmeticError, ValueError):
        found = []
    if {*map(type, found)} == {float}:
        return found
    return [rule(g, out, x, x)[0] for g, out, x in zip(*numbers, strict=True)]


def _backward(op: Elementwise) -> Callable[[float, float, float, float], tuple[Any, Any]]:
    """Both contributions of an operation; where Python's floats give up, NumPy's, for which 1/0 is inf."""
    assert op.along is not None
    first, second = op.along

    def exact(g: Any, out: Any, x: Any, y: Any) -> tuple[Any, Any]:
        if second is None:
            return first(g, out, x), None
        return first(g, out, x, y), second(g, out, x, y)

    def rule(g: float, out: float, x: float, y: float) -> tuple[Any, Any]:
        try:
            c, d = exact(g, out, x, y)
        except (ArithmeticError, ValueError):
            c, d = exact(*map(np.float64, (g, out, x, y)))
        if c.__class__ is complex or d.__class__ is complex:
            c, d = exact(*map(np.float64, (g, out, x, y)))
        return float(c), None if d is None else float(d)

    return rule
