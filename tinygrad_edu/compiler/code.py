"""Writes a program as Python functions over buffers: what a plan runs.

Each result gets a name: a buffer (``b3``, one piece of a block of memory that results share if they never meet),
a constant (``c1``), or a local variable (``v7``: an input, a Python float, an array that an operation brings).
Views of buffers are made once, when the code is written. The source can be read: ``print(fast.explain())``.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.blas import on_one_thread
from tinygrad_edu.compiler.emit import METHODS, ROWS, is_scalar, view_of, writer_of
from tinygrad_edu.compiler.kernels import Fused, Whole, chosen, fuse, fused_lines, whole, whole_lines
from tinygrad_edu.compiler.pairs import paired
from tinygrad_edu.compiler.placement import Part as Part
from tinygrad_edu.compiler.placement import Placement
from tinygrad_edu.compiler.program import Program, Step, Var
from tinygrad_edu.compiler.stacked import stacked
from tinygrad_edu.kinds import Elementwise


class Code:
    """The functions of the parts of a program, and the memory that they share.

    Parameters
    ----------
    parts : sequence of Part
        The first one always runs first; of the others, each uses what the first one left.
    held : dict of Var to array, optional
        Inputs that are always in the same array, and so are not fed.
    into : dict of Var to array, optional
        Outputs that go into these arrays (which may be held ones), and so are not given back.
    like : Code, optional
        One that never runs at the same time: its block of memory is used, if it is large enough.
    jit : bool
        Whether groups of steps become kernels of numba.

    Attributes
    ----------
    functions : dict of str to callable
        ``forward(*inputs)`` gives ``(outputs, saved)``; ``name(saved, *inputs)`` of a later part gives outputs.
    source : str
    peak : int
        Bytes in buffers.
    kernels : dict of str to str
        The source of each kernel that `source` calls.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        held: Mapping[Var, np.ndarray[Any, Any]] | None = None,
        into: Mapping[Var, np.ndarray[Any, Any]] | None = None,
        like: "Code | None" = None,
        jit: bool = False,
    ) -> None:
        self.parts = fused_parts(parts) if jit else paired_parts(parts)
        self.threads = on_one_thread([step for part in self.parts for step in part.steps])
        self.kernels: dict[str, str] = {}
        self.held = held or {}
        self.into = into or {}
        block: np.ndarray[Any, Any] = np.empty(0, np.uint8) if like is None else like.placement.block
        placement = Placement(self.parts, self.held, self.into, block)
        self.placement: Placement = placement
        self.block, self.peak, self.where = placement.block, placement.peak, placement.where
        self.static = placement.static  # arrays that are there before the first run
        self.space: dict[str, Any] = {"empty": np.empty}
        self.names: dict[Var, str] = {}
        self._bound: dict[int, str] = {}
        self._pieces: dict[Any, str] = {}
        self._kept: list[Any] = []
        self.source = "\n\n".join(self._function(i) for i in range(len(parts)))
        exec(compile_source(self.source), self.space)
        self.functions = {part.name: self.guarded(self.space[part.name]) for part in parts}

    def guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of the source as it is to be called: with one thread for products, where those are small."""
        return function if self.threads is None else self.threads.one(function)

    def close(self) -> None:
        """Give the memory back now: the functions and the names that they see hold each other, until Python notices."""
        self.functions.clear()
        self.space.clear()

    # -- names

    def bind(self, thing: Any, hint: str) -> str:
        """A name for an object in the code."""
        name = self._bound.get(id(thing))
        if name is None:
            hint = hint if hint.isidentifier() else "call"
            name = hint if hint not in self.space else f"{hint}_{len(self.space)}"
            self.space[name] = thing
            self._bound[id(thing)] = name
            self._kept.append(thing)
        return name

    def name(self, var: Var) -> str:
        """The name of a variable."""
        found = self.names.get(var)
        if found is None:
            if var.role == "constant":
                self.static[var] = var.data
                found = self.bind(var.data, f"c{len(self.names)}")
            elif var in self.static:
                place = (self.where.get(var, var), var.shape, var.dtype)  # who takes over a buffer is called the same
                found = self._pieces.setdefault(place, f"b{len(self.names)}")
                self.space[found] = self.static[var]
            else:
                found = f"v{len(self.names)}"
            self.names[var] = found
        return found

    # -- the text

    def _function(self, p: int) -> str:
        part = self.parts[p]
        inputs = [self.name(var) for var in part.inputs if var not in self.held]
        body: list[str] = []
        run: list[Step] = []  # fused steps of which nothing must be done between
        for step in part.steps:
            if isinstance(step.op, Fused):
                run.append(step)
                continue
            lines = self._lines(step)
            if lines and run:
                body += fused_lines(run, self)
                run = []
            body += lines
        body += fused_lines(run, self)
        given: set[Var] = set()
        outputs = []
        for var in part.outputs:
            if var not in self.into:
                outputs.append(self._given(var, again=var in given))
                given.add(var)
            elif var not in self.placement.aimed and var not in given:
                body.append(
                    f"{self.bind(np.copyto, 'copyto')}({self.bind(self.into[var], 'target')}, {self.name(var)})"
                )
                given.add(var)
        if p == 0:
            results = [out for step in part.steps for out in step.outs]
            made = [var for var in [*part.inputs, *results] if var not in self.static]
            later = {var for other in self.parts[1:] for step in other.steps for var in step.operands}
            later |= {var for other in self.parts[1:] for var in other.outputs}
            self.saved = [var for var in made if var in later]
            names = [self.name(var) for var in self.saved]
            body.append(f"return ({_tuple(outputs)}, {_tuple(names)})")
            head = f"def {part.name}({', '.join(inputs)}):"
        else:
            names = [self.name(var) for var in self.saved]
            body = [*([f"{_tuple(names)} = saved"] if names else []), *body, f"return {_tuple(outputs)}"]
            head = f"def {part.name}({', '.join(['saved', *inputs])}):"
        return "\n    ".join([head, *body]) + "\n"

    def _given(self, var: Var, again: bool) -> str:
        """A result as the caller gets it: nobody else's memory."""
        name = self.name(var)
        if is_scalar(var):
            return name
        if var in self.where:  # a single number: NumPy gives those as scalars
            return f"{name}[()]"
        own = self.placement.storage_of(var) == frozenset([var]) and var.role == "result" and not again
        return name if own else f"{name}.copy()"

    def _lines(self, step: Step) -> list[str]:
        if isinstance(step.op, Whole):
            return whole_lines(step.op, self)
        look = view_of(step)
        if look is not None:
            return self._look(step, look)
        if step.op is ROWS and step.operands[0] in self.placement.rows:
            return []
        xs = [self.name(var) for var in step.operands]
        outs = [self.name(var) for var in step.outs]
        writer = writer_of(step)
        if writer is None:
            return [f"{outs[0]} = {self.bind(call_of(step), step.op.name)}({', '.join(xs)})"]
        made = [
            f"{out} = empty({var.shape}, {self.bind(var.dtype, 'dtype')})"
            for out, var in zip(outs, step.outs, strict=True)
            if var not in self.static
        ]
        return [*made, *writer.lines(step, self.bind, xs, ", ".join(outs))]

    def _look(self, step: Step, look: Callable[[Any], Any]) -> list[str]:
        x = step.operands[0]
        name = self.name(x)
        if x not in self.static:
            spelled = METHODS.get(step.op.name)
            if spelled is not None:
                return [f"{self.name(step.out)} = {name}.{spelled(step.params)}"]
            return [f"{self.name(step.out)} = {self.bind(look, step.op.name)}({name})"]
        view = look(self.static[x])
        if x.role == "constant" or view.size == 0 or np.may_share_memory(view, self.static[x]):
            self.static[step.out] = view
            self.name(step.out)
            return []
        row = np.empty(x.shape, x.dtype)  # the new shape needs the numbers in a row: they are copied
        self.static[step.out] = look(row)
        if not np.may_share_memory(self.static[step.out], row):
            raise AssertionError(f"{step.op.name} gives no view of an array in a row")
        self.name(step.out)
        return [f"{self.bind(np.copyto, 'copyto')}({self.bind(row, 'row')}, {name})"]


def call_of(step: Step) -> Callable[..., Any]:
    """What computes a step from its operands and brings a result of its own."""
    op = step.op
    if isinstance(op, Elementwise):
        scalars = all(is_scalar(var) for var in step.operands)
        function = op.at_floats if scalars else op.forward
        return functools.partial(function, **step.params) if step.params else function
    if op.variadic:
        return functools.partial(_variadic, op, step.params)
    return functools.partial(op.compute, **step.params)


def _variadic(op: Any, params: dict[str, Any], *operands: Any) -> Any:
    return op.compute(*operands, **params)


def compile_source(source: str) -> Any:
    """The code object of the functions."""
    return compile(source, "<plan>", "exec")


def _tuple(names: Sequence[str]) -> str:
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"


def parts_of(
    program: Program, forward: int, gradients: dict[int, list[int | None]], seeds: dict[int, int]
) -> list[Part]:
    """The part that gives the first `forward` outputs, and one for the gradients of each result."""
    producer = {step.out: step for step in program.steps}
    seeding = {program.inputs[i] for i in seeds.values()}
    done = needed(program.outputs[:forward], producer)
    steps = [step for step in program.steps if step.out in done]
    parts = [Part("forward", [v for v in program.inputs if v not in seeding], steps, program.outputs[:forward])]
    for k, places in gradients.items():
        outputs = [program.outputs[i] for i in places if i is not None]
        wanted = needed(outputs, producer)
        rest = [step for step in program.steps if step.out in wanted and step.out not in done]
        parts.append(Part(f"backward_{k}", [program.inputs[seeds[k]]] if k in seeds else [], rest, outputs))
    return parts


def needed(roots: Sequence[Var], producer: dict[Var, Step]) -> set[Var]:
    """The variables that these depend on, themselves included."""
    found: set[Var] = set()
    stack = list(roots)
    while stack:
        var = stack.pop()
        if var not in found:
            found.add(var)
            if var in producer:
                stack.extend(producer[var].operands)
    return found


def paired_parts(parts: Sequence[Part]) -> list[Part]:
    """The parts, with steps that share their work as one."""
    return stacked([Part(part.name, part.inputs, paired(part.steps), part.outputs) for part in parts])


def fused_parts(parts: Sequence[Part]) -> list[Part]:
    """The same parts, with groups of steps of each as one step."""
    given = {var for part in parts for var in part.outputs}
    steps = [step for part in parts for step in part.steps]
    found = []
    for part in parts:
        wanted = given | {var for other in parts if other is not part for step in other.steps for var in step.operands}
        made = fuse(whole(chosen(part.steps, wanted, steps), wanted, steps), wanted, steps)
        found.append(Part(part.name, part.inputs, made, part.outputs))
    return found
