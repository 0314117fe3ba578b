"""From a call of scalars to a recording of arrays: recorded forward, lifted, and then differentiated as arrays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.compiler.lift.lifting import Lifted, lift
from tinygrad_edu.compiler.program import Program, Var
from tinygrad_edu.compiler.record import Packed, Recording, record_call
from tinygrad_edu.mode import current_mode
from tinygrad_edu.value import Value


def lifted_recording(made: Recording, leaves: Sequence[Any], differentiate: bool) -> Recording | None:
    """The recording of the same function over packed scalars; None where lifting does not pay, or cannot be done.

    Parameters
    ----------
    made : Recording
        Of the forward pass alone.
    leaves : sequence
        The arguments that it was recorded with.
    differentiate : bool
        Whether the gradients are wanted.
    """
    if made.differentiated or made.written or made.guards or made.generators:
        return None
    lifted = lift(made.program)
    if lifted is None:
        return None
    place = {var: i for i, var in enumerate(made.program.inputs)}
    varied = set(made.wrt)
    members = [place[var] for var in lifted.packed]
    packed = Packed([made.sources[i] for i in members], [k for k, i in enumerate(members) if i in varied])
    rest = [place[var] for var in lifted.program.inputs[1:]]
    fed = [packed.read(leaves), *(_data(made.sources[i], leaves) for i in rest)]
    differentiable = [bool(packed.varied), *(i in varied for i in rest)]

    def call(trace: Callable[[str, Any], Any]) -> tuple[Any, Any]:
        given = [Value(x) if varies else x for x, varies in zip(fed, differentiable, strict=True)]
        return tuple([trace(f"input {i}", x) for i, x in enumerate(given)]), {}

    found = record_call(_Replayed(lifted), call, differentiate)
    sources = [packed, *(made.sources[i] for i in rest)]
    found.sources = [sources[s] if s.__class__ is int else s for s in found.sources]
    found.result, found.environment = made.result, made.environment
    found.floats = frozenset(i for i, var in enumerate(made.program.outputs) if var.dtype is None)
    found.lifted = LiftedCall(lifted, sources)
    return found


@dataclass(frozen=True)
class LiftedCall:
    """A lifted program, and where each of its inputs is read."""

    lifted: Lifted
    sources: list[Any]

    @property
    def program(self) -> Program:
        """The arrays that took the place of scalars, before any pass."""
        return self.lifted.program

    def feeds(self, leaves: Sequence[Any]) -> list[Any]:
        """The inputs of the program for these arguments."""
        return [s.read(leaves) if isinstance(s, Packed) else _data(s, leaves) for s in self.sources]


class _Replayed:
    """A lifted program as a function of traced Values."""

    def __init__(self, lifted: Lifted) -> None:
        self._lifted = lifted
        self.__name__ = "lifted"

    def __call__(self, *inputs: Any) -> list[Any]:
        program, capture = self._lifted.program, current_mode().capture
        assert capture is not None
        known: dict[Var, Any] = dict(zip(program.inputs, inputs, strict=True))

        def read(var: Var) -> Any:
            if var not in known:
                known[var] = capture.frozen(var.data)
            return known[var]

        for step in program.steps:
            xs = [read(var) for var in step.operands]
            call = [xs] if step.op.variadic else xs
            known[step.out] = step.op(*call, **step.params)
            known[step.out].name = step.out.name
        return [read(var) for var in program.outputs]


def _data(source: Any, leaves: Sequence[Any]) -> Any:
    source = leaves[source] if source.__class__ is int else source
    return source if isinstance(source, (np.ndarray, np.generic, float)) else source.data
