"""A recorded computation, ready to be rewritten: variables, and the steps that compute them.

A program is in single-assignment form: each variable is an input, a constant, or the result of one
step, and steps stand in the order in which they run. A pass is a function from program to program.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from tinygrad_edu.mode import Scope
from tinygrad_edu.op import Operation

Role = Literal["input", "constant", "result"]


@dataclass(eq=False, slots=True)
class Var:
    """One array, or one Python float, of a program.

    Attributes
    ----------
    role : {"input", "constant", "result"}
        Inputs are fed at each run: arguments, parameters, the seed of the backward pass.
    shape : tuple of int
    dtype : numpy.dtype or None
        None for a Python float (then the shape is ()), or a Python int among constants.
    data : array, float, int or None
        A constant's number; for inputs and results the one they had while recording, or None.
    name, scope, line
        Those of the node it was recorded from.
    """

    role: Role
    shape: tuple[int, ...]
    dtype: np.dtype[Any] | None
    data: Any = None
    name: str | None = None
    scope: Scope | None = None
    line: str | None = None

    @property
    def size(self) -> int:
        """How many numbers."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes; 0 for a Python float."""
        return 0 if self.dtype is None else self.size * self.dtype.itemsize


@dataclass(eq=False, slots=True)
class Step:
    """One operation applied to variables: ``out = op(*operands, **params)``; a fused one may have more results."""

    op: Operation
    operands: tuple[Var, ...]
    params: dict[str, Any]
    out: Var
    also: tuple[Var, ...] = ()

    @property
    def outs(self) -> tuple[Var, ...]:
        """Every result."""
        return (self.out, *self.also)


def axes_of(step: Step) -> tuple[int, ...]:
    """The axes that a reduction goes over, counted from 0; a single number has none, though NumPy lets it be named."""
    axis, n = step.params["axis"], len(step.operands[0].shape)
    if axis is None or n == 0:
        return tuple(range(n))
    return tuple(sorted({a % n for a in (axis if isinstance(axis, tuple) else (axis,))}))


@dataclass(eq=False, slots=True)
class Program:
    """Inputs, steps in the order in which they run, and the variables that the caller gets."""

    inputs: list[Var]
    steps: list[Step] = field(default_factory=list)
    outputs: list[Var] = field(default_factory=list)

    def consumers(self) -> dict[Var, list[Step]]:
        """The steps that read each variable, in order; one that reads it twice is there once."""
        found: dict[Var, list[Step]] = {}
        for step in self.steps:
            for var in dict.fromkeys(step.operands):
                found.setdefault(var, []).append(step)
        return found

    def run(self, feeds: Sequence[Any]) -> list[Any]:
        """The outputs for these inputs, step by step with the operations themselves: the reference for every runner."""
        values: dict[Var, Any] = dict(zip(self.inputs, feeds, strict=True))

        def read(var: Var) -> Any:
            return var.data if var.role == "constant" else values[var]

        for step in self.steps:
            found = step.op.compute(*[read(var) for var in step.operands], **step.params)
            values.update(zip(step.outs, found if step.also else (found,), strict=True))
        return [read(var) for var in self.outputs]
