"""Recordings of many scalars that cannot be lifted: they run as a tape."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from tinygrad_edu.compiler.kernels.tape import KernelTape
from tinygrad_edu.compiler.program import Program
from tinygrad_edu.compiler.record import Recording
from tinygrad_edu.compiler.tape import Tape, fits

FEWEST = 1_000  # steps; below, generated code is as fast


def can_be_taped(made: Recording, fewest: int = FEWEST) -> bool:
    """Whether a recording of a forward pass can run as a tape, and has so many steps that it gains by it."""
    return (
        not made.differentiated
        and not (made.written or made.guards or made.generators)
        and len(made.program.steps) >= fewest
        and bool(made.wrt)
        and fits(made.program)
    )


def taped(made: Recording) -> Recording:
    """The same recording, with gradients that the tape brings."""
    return dataclasses.replace(made, gradients={0: list(range(len(made.wrt)))}, taped=True)


def tape_of(program: Program, jit: bool) -> tuple[Tape, str]:
    """The tape, and who runs its loops."""
    if not jit:
        return Tape(program), "Python"
    try:
        return KernelTape(program), "numba"
    except LookupError as error:
        return Tape(program), f"Python ({error})"


class TapeRunner:
    """A tape in the place of generated code; see `Runner`.

    Parameters
    ----------
    recording : Recording
    home : list
        Where it waits between runs.
    jit : bool
        Whether its loops are compiled by numba, if it can.
    """

    def __init__(self, recording: Recording, home: list[Any], jit: bool) -> None:
        self.recording = recording
        self.home = home
        self.tape, self.by = tape_of(recording.program, jit)
        self.code = self
        self._all = recording.wrt == [*range(self.tape.inputs)]
        self.peak = 16 * (self.tape.first + len(self.tape.code))  # two numbers for each slot
        self.kernels: dict[str, str] = {}
        self.parts: tuple[Any, ...] = ()

    @property
    def source(self) -> str:
        """In the place of code."""
        tape = self.tape
        return f"a tape of {len(tape.code):,} operations of {len(tape.table)} kinds, run in one loop by {self.by}"

    def forward(self, feeds: Sequence[Any]) -> list[float]:
        """The result."""
        return [self.tape.forward(feeds)]

    def backward(self, result: int, seed: Any) -> list[float]:
        """The gradients of the differentiated inputs."""
        gradients = self.tape.backward(float(seed))
        return gradients if self._all else [gradients[i] for i in self.recording.wrt]
