"""The second look: at its second call a function is recorded again, and both recordings must be the same.

What differs is a number that came from somewhere a recording cannot see (``w.data`` of a parameter, the clock, a
generator that is made anew), and that the plan would have frozen.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu.compiler.passes.merge import frozen
from tinygrad_edu.compiler.program import Program, Var
from tinygrad_edu.compiler.record import Recording
from tinygrad_edu.errors import CompileError


def refuse_unless_same(first: Recording, program: Program, second: Recording) -> None:
    """Raise unless two recordings are of one computation; `program` is the first one's before any pass.

    Raises
    ------
    CompileError
        With the line of the first step that differs.
    """
    again = second.program
    inputs = zip(program.inputs, again.inputs, strict=False)
    if any((a.shape, a.dtype) != (b.shape, b.dtype) for a, b in inputs):
        return  # parameters have other shapes now: the plan itself will notice
    number = {var: i for i, var in enumerate(program.inputs)}
    number_again = {var: i for i, var in enumerate(again.inputs)}
    if len(program.steps) != len(again.steps) or len(program.inputs) != len(again.inputs):
        raise CompileError(
            f"compile: the function did {len(program.steps)} operations at its first call and {len(again.steps)} at "
            "its second one, for arguments of the same shapes: it branches on something that a plan cannot see"
        )
    for i, (a, b) in enumerate(zip(program.steps, again.steps, strict=True)):
        same = a.op is b.op and _settings(a.params) == _settings(b.params)
        same = same and len(a.operands) == len(b.operands)
        if not same or not all(_alike(x, y, number, number_again) for x, y in zip(a.operands, b.operands, strict=True)):
            raise CompileError(
                f"{b.out.line or 'compile'}: {b.op.name} has other numbers than at the first call, and they come from "
                "where a plan cannot see them (`.data` of a parameter, a generator that is made anew, the clock). Pass "
                "them as arguments, use NumPy's functions on Values, or leave this function uncompiled."
            )
        number[a.out] = number_again[b.out] = -1 - i
    for x, y in zip(first.sources, second.sources, strict=True):
        if x is not y and not (x.__class__ is y.__class__ and np.array_equal(_data(x), _data(y), equal_nan=True)):
            raise CompileError(
                "compile: the function makes a Value or an array anew at each call, with other numbers than at the "
                "first call; compute it with NumPy's functions on its arguments"
            )


def _alike(x: Var, y: Var, number: Mapping[Var, int], number_again: Mapping[Var, int]) -> bool:
    if x.role != "constant" or y.role != "constant":
        return number.get(x) == number_again.get(y)
    a, b = np.asarray(x.data), np.asarray(y.data)
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _settings(params: Mapping[str, Any]) -> Any:
    """Parameters to compare; a function that is defined anew at each call is known by its name."""
    return frozen({k: getattr(v, "__qualname__", v) if callable(v) else v for k, v in params.items()})


def _data(source: Any) -> Any:
    return getattr(source, "data", source) if not isinstance(source, np.ndarray) else source
