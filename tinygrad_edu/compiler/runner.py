"""Runs a recording: forward, and backward from one of its results."""

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
        seeding = set(recording.seeds.values())
        inputs = recording.program.inputs
        self.fed = [i for i, var in enumerate(inputs) if i not in seeding and var not in held]
        self.saved: Any = ()
        lasting = {v for var in self.code.saved for v in self.code.storage.get(var, (var,))}
        plain = [i for i in self.fed if i not in recording.wrt and inputs[i] in lasting]
        self.copied = [i for i in plain if isinstance(recording.sources[i], (int, np.ndarray))]

    def forward(self, feeds: list[Any]) -> Sequence[Any]:
        """Results, new data of buffers, guards."""
        for i in self.copied:  # the caller may change its arrays before the backward pass
            feeds[i] = np.array(feeds[i]) if isinstance(feeds[i], np.ndarray) else feeds[i]
        outputs, self.saved = self.code.functions["forward"](*[feeds[i] for i in self.fed])
        return outputs  # type: ignore[no-any-return]  # generated code gives a tuple

    def backward(self, result: int, seed: Any) -> list[Any]:
        """The gradients of the differentiated inputs."""
        recording = self.recording
        function = self.code.functions[f"backward_{result}"]
        found = iter(function(self.saved, seed) if result in recording.seeds else function(self.saved))
        grads = [None if i is None else next(found) for i in recording.gradients[result]]
        if result in recording.seeds or np.all(seed == 1.0):
            return grads
        return [None if g is None else g * seed for g in grads]
