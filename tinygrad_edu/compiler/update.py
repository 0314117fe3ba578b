"""The optimizer's half of a step: its rule as a plan over the flat arrays of parameters, gradients and state."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.code import Code, Part
from tinygrad_edu.compiler.compiled import Arguments
from tinygrad_edu.compiler.hidden import FlatNumbers
from tinygrad_edu.compiler.kernels import Fused, Warmth
from tinygrad_edu.compiler.kernels.denormals import EVERY, FLUSH, KEEP, clear, flusher
from tinygrad_edu.compiler.passes import optimise
from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.compiler.record import Place, Recording, record_call
from tinygrad_edu.compiler.training import Flat
from tinygrad_edu.errors import CompileError

Array = np.ndarray[Any, np.dtype[Any]]
PIECE = 1 << 15  # numbers that an update does at once, so that what one operation makes the next finds in the cache


class Update:
    """An optimizer's rule over a flat layout: ``x -= update(x, g, state, **options)`` as a plan, piece by piece.

    Parameters
    ----------
    rule : callable
        ``update(x, g, state, **options)`` gives the step to subtract; it treats every entry alike.
    flat : Flat
    states : sequence of dict
        The optimizer's state of each parameter of the layout; its arrays become views of flat ones.
    options : dict
        Those that are named in `varying` are floats that may change from step to step.
    jit : bool, optional
        As for `compile`.

    Raises
    ------
    CompileError
        If the rule asks for a number: it runs as it is, then.
    """

    def __init__(
        self,
        rule: Callable[..., Any],
        flat: Flat | FlatNumbers,
        states: Sequence[dict[str, Any]],
        options: Mapping[str, Any],
        varying: Sequence[str] = ("lr",),
        jit: bool | None = None,
    ) -> None:
        self.rule, self.flat, self.states, self.options, self.varying = rule, flat, states, options, varying
        first = states[0]
        self.arrays = {key: self._joined(key) for key, value in first.items() if isinstance(value, np.ndarray)}
        self.numbers = {key: value for key, value in first.items() if key not in self.arrays}
        self.names = list(self.arrays)
        self.given: list[tuple[str, int]] = []
        self.settled: dict[str, Any] = {}  # numbers that are the same whatever was there
        self.warmth = Warmth(jit)
        self.recordings: dict[int, Recording] = {}
        self._write()

    def _write(self) -> None:
        self.swap = flusher(self.options) if self.warmth.jit else None
        size = max(self.flat.data.size, 1)
        self._write_in_pieces(size if self.warmth.jit else PIECE)
        if size > PIECE and any(step.out.size > 1 and not isinstance(step.op, Fused) for step in self._steps()):
            self._write_in_pieces(PIECE)

    def _steps(self) -> list[Step]:
        return self.codes[0].parts[0].steps

    def _write_in_pieces(self, size: int) -> None:
        """The code, piece by piece; one kernel goes over everything at once, and needs no pieces."""
        self.codes: list[Code] = []
        for start in range(0, max(self.flat.data.size, 1), size):
            piece = slice(start, min(start + size, self.flat.data.size))
            length = piece.stop - piece.start
            if length not in self.recordings:
                self.recordings[length] = self._record(piece)
            self.codes.append(self._code(self.recordings[length], piece))

    def run(self, options: Mapping[str, Any]) -> None:
        """One step."""
        if self.warmth.rises():
            self._write()
        first = self.states[0]
        leaves = [float(options[key]) for key in self.varying] + [float(first[key]) for key in self.numbers]
        fed = [leaves[i] for i in self.fed]
        old = None if self.swap is None else self.swap(FLUSH, KEEP)
        try:
            for code in self.codes:
                outputs, _ = code.functions["update"](*fed)
        finally:
            if self.swap is not None and old is not None:
                self.swap(old, 0)
        kinds = [type(self.numbers.get(key, 0)) for key, _ in self.given]
        numbers = {key: kind(x) for (key, _), kind, x in zip(self.given, kinds, outputs, strict=True)}
        for state in self.states if numbers or self.settled else ():
            state.update(numbers, **self.settled)
        if self.swap is None and first.get("step", 1) % EVERY == 0:
            clear(self.options, self.arrays.values())

    def share(self) -> None:
        """Let the states show the flat arrays, each parameter its part."""
        for key, flat in self.arrays.items():
            for state, view in zip(self.states, self.flat.split(flat), strict=True):
                state[key] = view

    def _record(self, piece: slice) -> Recording:
        """The rule on some of the numbers; its leaves are those, then what varies, then the state."""
        rule, options, varying, names, numbers = self.rule, self.options, self.varying, self.names, self.numbers

        def step(x: Any, g: Any, moving: list[float], counts: list[float], *held: Any) -> Any:
            state = {**dict(zip(names, held, strict=True)), **dict(zip(numbers, counts, strict=True))}
            given = {**options, **dict(zip(varying, moving, strict=True))}
            return x - rule(x, g, state, **given), state

        moving = [float(self.options[key]) for key in self.varying]
        counts = [float(n) for n in self.numbers.values()]
        held = [self.arrays[key][piece] for key in self.names]
        arguments = Arguments((self.flat.data[piece], self.flat.grad[piece], moving, counts, *held), {})
        recording = record_call(step, arguments.traced, differentiate=False)
        recording.program, recording.passes = optimise(recording.program)
        return recording

    def _code(self, recording: Recording, piece: slice) -> Code:
        program, flat = recording.program, self.flat
        new_x, new_state = recording.result
        n = len(self.varying) + len(self.numbers)
        fixed = {0: flat.data, 1: flat.grad, **{2 + n + i: self.arrays[key] for i, key in enumerate(self.names)}}
        held: dict[Var, Array] = {}
        whole: dict[Var, Array] = {}
        for var, source in zip(program.inputs, recording.sources, strict=True):
            if source.__class__ is int and source in fixed:
                held[var], whole[var] = fixed[source][piece], fixed[source]
        into: dict[Var, Array] = {program.outputs[new_x.output]: held_view(held, flat.data, whole, piece)}
        self.given = []
        for key, place in new_state.items():
            new = program.outputs[place.output] if isinstance(place, Place) else None
            if new is None and isinstance(place, (int, float)):
                self.settled[key] = place
            elif new is not None and new.shape == (piece.stop - piece.start,):
                if key not in self.arrays:
                    self.arrays[key] = np.empty(flat.data.shape, new.dtype)
                if new in into or (new in held and whole[new] is not flat.grad):
                    raise CompileError(f"the state {key!r} is the same array as another one")
                into[new] = held_view(held, self.arrays[key], whole, piece)
            elif new is not None and new.shape == ():
                self.given.append((key, place.output))
            else:
                raise CompileError(f"the state {key!r} is no array of all parameters and no number")
        sources = zip(program.inputs, recording.sources, strict=True)
        self.fed = [source - 2 for var, source in sources if var not in held]
        outputs = [*into, *(program.outputs[i] for _, i in self.given)]
        parts = [Part("update", program.inputs, program.steps, outputs)]
        return Code(parts, held, into, self.codes[0] if self.codes else None, self.warmth.jit)

    def _joined(self, key: str) -> Array:
        """The state of all parameters as one flat array; as it is, if it was one already."""
        parts = [state[key] for state in self.states]
        flat = parts[0].base if parts[0].base is not None and parts[0].base.shape == self.flat.data.shape else None
        if flat is not None and all(part.base is flat for part in parts):
            return flat  # type: ignore[no-any-return]  # an array
        return np.concatenate([np.ravel(part) for part in parts])


def held_view(held: Mapping[Var, Array], flat: Array, whole: Mapping[Var, Array], piece: slice) -> Array:
    """The piece of a flat array: the very view that is held, if one is, so that writing to it is seen as such."""
    return next((held[var] for var, array in whole.items() if array is flat), flat[piece])
