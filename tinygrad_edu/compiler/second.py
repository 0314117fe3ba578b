"""The second look: at its second call a function is recorded again, and both recordings must be the same.

What differs is a number that came from somewhere a recording cannot see (``w.data`` of a parameter, the clock, a
generator that is made anew), and that the plan would have frozen.
"""

from array import array
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

import numpy as np

from tinygrad_edu.compiler.passes.merge import frozen
from tinygrad_edu.compiler.program import Program
from tinygrad_edu.compiler.record import Recording
from tinygrad_edu.errors import CompileError

CONSTANT, NOWHERE = 1 << 40, 1 << 41  # among the numbers of operands


class Sketch:
    """What two recordings of one computation have in common, in a few flat containers.

    It may be kept for long, until every parameter has moved, and a recording of scalars has tens of thousands of
    steps: Python's collector would walk over each object of theirs again and again.

    Parameters
    ----------
    program : Program
        Before any pass.
    """

    def __init__(self, program: Program) -> None:
        self.inputs = [(var.shape, var.dtype) for var in program.inputs]
        self.ops = [step.op for step in program.steps]
        self.settings = {i: _settings(step.params) for i, step in enumerate(program.steps) if step.params}
        self.operands, self.owners = array("q"), array("q")  # by number, and the steps that read them
        self.constants: list[Any] = []
        self.readers = array("q")  # of the constants
        number = {var: i for i, var in enumerate(program.inputs)}
        for i, step in enumerate(program.steps):
            for var in step.operands:
                self.owners.append(i)
                if var.role == "constant":
                    self.operands.append(CONSTANT)
                    self.constants.append(var.data)
                    self.readers.append(i)
                else:
                    self.operands.append(number.get(var, NOWHERE))
            number[step.out] = -1 - i

    def first_difference(self, other: "Sketch") -> int | None:
        """The first step that is another one in `other`, which has as many."""
        found = [i for i, (a, b) in enumerate(zip(self.ops, other.ops, strict=True)) if a is not b][:1]
        if self.settings != other.settings:
            steps = sorted(self.settings.keys() | other.settings.keys())
            found += [i for i in steps if self.settings.get(i) != other.settings.get(i)][:1]
        if (self.owners, self.operands) != (other.owners, other.operands):
            mine, theirs = (zip(of.owners, of.operands, strict=True) for of in (self, other))
            pairs = zip_longest(mine, theirs, fillvalue=(len(self.ops), NOWHERE))
            found += [min(a[0], b[0]) for a, b in pairs if a != b][:1]
        constants = zip(self.readers, self.constants, other.constants, strict=False)  # as many, if nothing else differs
        found += [i for i, a, b in constants if a is not b and not _alike(a, b)][:1]
        return min(found, default=None)


def refuse_unless_same(first: Recording, sketch: Sketch, second: Recording) -> None:
    """Raise unless two recordings are of one computation; `sketch` is of the first one's program, before any pass.

    Raises
    ------
    CompileError
        With the line of the first step that differs.
    """
    again = Sketch(second.program)
    if any(a != b for a, b in zip(sketch.inputs, again.inputs, strict=False)):
        return  # parameters have other shapes now: the plan itself will notice
    if len(sketch.ops) != len(again.ops) or len(sketch.inputs) != len(again.inputs):
        raise CompileError(
            f"compile: the function did {len(sketch.ops)} operations at its first call and {len(again.ops)} at "
            "its second one, for arguments of the same shapes: it branches on something that a plan cannot see"
        )
    found = sketch.first_difference(again)
    if found is not None:
        step = second.program.steps[found]
        raise CompileError(
            f"{step.out.line or 'compile'}: {step.op.name} has other numbers than at the first call, and they come "
            "from where a plan cannot see them (`.data` of a parameter, a generator that is made anew, the clock). "
            "Pass them as arguments, use NumPy's functions on Values, or leave this function uncompiled."
        )
    for x, y in zip(first.sources, second.sources, strict=True):
        if x is not y and not (x.__class__ is y.__class__ and np.array_equal(_data(x), _data(y), equal_nan=True)):
            raise CompileError(
                "compile: the function makes a Value or an array anew at each call, with other numbers than at the "
                "first call; compute it with NumPy's functions on its arguments"
            )


def _alike(x: Any, y: Any) -> bool:
    if x.__class__ is y.__class__ is float:
        return bool(x == y or (x != x and y != y))
    a, b = np.asarray(x), np.asarray(y)
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _settings(params: Mapping[str, Any]) -> Any:
    """Parameters to compare; a function that is defined anew at each call is known by its name."""
    return frozen({k: getattr(v, "__qualname__", v) if callable(v) else v for k, v in params.items()})


def _data(source: Any) -> Any:
    return getattr(source, "data", source) if not isinstance(source, np.ndarray) else source
