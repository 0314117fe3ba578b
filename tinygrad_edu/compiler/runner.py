"""Runs a recording: forward, and backward from one of its results."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.code import Code, parts_of
from tinygrad_edu.compiler.program import Var
from tinygrad_edu.compiler.record import Recording


class Runner:
    """The code of a recording with its buffers: one run at a time.

    Parameters
    ----------
    recording : Recording
    held : dict of Var to array
        Inputs that stay in the same array.
    home : list
        Where it waits between runs; another list is made when parameters lie elsewhere.
    jit : bool
        Whether it runs kernels of numba.
    """

    def __init__(self, recording: Recording, held: Mapping[Var, Any], home: list[Any], jit: bool) -> None:
        self.recording = recording
        self.home = home
        before = len(recording.program.outputs) - sum(
            g is not None for grads in recording.gradients.values() for g in grads
        )
        parts = parts_of(recording.program, before, recording.gradients, recording.seeds)
        self.code = Code(parts, held, jit=jit)
        self.look_up()
        seeding = set(recording.seeds.values())
        inputs = recording.program.inputs
        self.fed = [i for i, var in enumerate(inputs) if i not in seeding and var not in held]
        self.saved: Any = ()
        storage = self.code.placement.storage
        lasting = {v for var in self.code.saved for v in storage.get(var, (var,))}
        plain = [i for i in self.fed if i not in recording.wrt and inputs[i] in lasting]
        self.copied = [i for i in plain if isinstance(recording.sources[i], (int, np.ndarray))]

    def look_up(self) -> None:
        """Take the functions of the code, as they are now."""
        recording, functions = self.recording, self.code.functions
        self._forward = functions["forward"]
        self._backward = {
            k: (functions[f"backward_{k}"], k in recording.seeds, _numbered(grads))
            for k, grads in recording.gradients.items()
        }

    def forward(self, feeds: list[Any]) -> Sequence[Any]:
        """Results, new data of buffers, guards."""
        for i in self.copied:  # the caller may change its arrays before the backward pass
            feeds[i] = np.array(feeds[i]) if isinstance(feeds[i], np.ndarray) else feeds[i]
        outputs, self.saved = self._forward(*[feeds[i] for i in self.fed])
        return outputs  # type: ignore[no-any-return]  # generated code gives a tuple

    def backward(self, result: int, seed: Any) -> list[Any]:
        """The gradients of the differentiated inputs."""
        function, seeded, places = self._backward[result]
        found = function(self.saved, seed) if seeded else function(self.saved)
        grads = [None if k is None else found[k] for k in places]
        if seeded:
            return grads
        is_one = seed == 1.0
        if is_one.all() if is_one.__class__ is np.ndarray else is_one:
            return grads
        return [None if g is None else g * seed for g in grads]


def _numbered(places: Sequence[int | None]) -> list[int | None]:
    """Of what is there, the number among what is there."""
    number = itertools.count()
    return [None if place is None else next(number) for place in places]
