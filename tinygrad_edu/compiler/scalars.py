"""A training step of scalar parameters: lifted into arrays, and its gradients given back one number each."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.code import Code, Part, parts_of
from tinygrad_edu.compiler.kernels import Warmth
from tinygrad_edu.compiler.program import Program
from tinygrad_edu.compiler.record import Packed, Place, Recording
from tinygrad_edu.errors import CompileError
from tinygrad_edu.op import Node
from tinygrad_edu.transforms.trees import map_leaves


class FlatNumbers:
    """Scalar parameters as one flat array, and their gradients as another; both are copies.

    Parameters
    ----------
    parameters : sequence of Value
        Each a Python float.
    """

    def __init__(self, parameters: Sequence[Any]) -> None:
        self.parameters = list(parameters)
        self.data = np.empty(len(self.parameters))
        self.grad = np.zeros(len(self.parameters))
        self.gather()

    def split(self, flat: Any) -> list[Any]:
        """An array of this layout as one view for each parameter."""
        return [flat[i : i + 1].reshape(()) for i in range(len(self.parameters))]

    def gather(self) -> None:
        """Take over the numbers that the parameters have now."""
        self.data[:] = [p.data for p in self.parameters]

    def gather_gradients(self) -> bool:
        """Take over gradients that somebody has replaced; whether all are there."""
        gradients = [p.grad for p in self.parameters]
        if any(g is None for g in gradients):
            return False
        self.grad[:] = gradients
        return True

    def spread(self) -> None:
        """Give the parameters the numbers of the flat array."""
        for parameter, number in zip(self.parameters, self.data.tolist(), strict=True):
            parameter.data = number


class NumberGradients:
    """One signature of a `GradientStep` over scalar parameters.

    Parameters
    ----------
    recording : Recording
        Lifted, and optimised.
    flat : FlatNumbers
    parameters : sequence of Value
        All of which the gradient is set; those that the loss does not depend on get None.
    jit : bool, optional
        As for `compile`.
    """

    def __init__(
        self, recording: Recording, flat: FlatNumbers, parameters: Sequence[Any], jit: bool | None
    ) -> None:
        self.recording = recording
        self.scalar: Recording | None = None
        self.first: Program | None = None
        self.looked = False
        self.flat = flat
        self.parameters = parameters
        program, grads = recording.program, recording.gradients[0]
        self.packed, place = next(
            (recording.sources[i], g)
            for i, g in zip(recording.wrt, grads, strict=True)
            if isinstance(recording.sources[i], Packed)
        )
        at = {id(member): i for i, member in enumerate(self.packed.members)}
        self.order = np.array([at[id(p)] for p in flat.parameters])
        forward, backward = parts_of(program, recording.count, {0: [place]}, {})
        steps = [*forward.steps, *backward.steps]
        joined = Part("gradients", forward.inputs, steps, [*forward.outputs, *backward.outputs])
        self.warmth = Warmth(jit)
        self.write: Callable[[bool], Code] = lambda jit: Code([joined], {}, {}, jit=jit)
        self.code = self.write(False)

    def run(self, leaves: Sequence[Any]) -> Any:
        """The results; each parameter has its gradient."""
        if self.warmth.rises():
            self.code = self.write(True)
        outputs, _ = self.code.functions["gradients"](*[self._read(s, leaves) for s in self.recording.sources])
        gradients = np.take(outputs[-1], self.order, out=self.flat.grad)
        if len(self.flat.parameters) < len(self.parameters):
            for parameter in self.parameters:
                parameter.grad = None
        for parameter, number in zip(self.flat.parameters, gradients.tolist(), strict=True):
            parameter.grad = number
        recording, floats = self.recording, self.recording.floats
        found = [float(x) if i in floats else x for i, x in enumerate(outputs[: recording.count])]
        return map_leaves(lambda _, x: found[x.output] if isinstance(x, Place) else x, recording.result, "result")

    @staticmethod
    def _read(source: Any, leaves: Sequence[Any]) -> Any:
        if isinstance(source, Packed):
            return source.read(leaves)
        thing = leaves[source] if source.__class__ is int else source
        return thing.data if isinstance(thing, Node) else thing


def used_parameters(recording: Recording, parameters: Sequence[Any]) -> list[Any]:
    """The scalar parameters that a lifted recording is differentiated by, in their order.

    Raises
    ------
    CompileError
        If the loss depends on none, or on Values that are no scalars as well.
    """
    sources = [recording.sources[i] for i in recording.wrt]
    packed = [source for source in sources if isinstance(source, Packed)]
    if 0 not in recording.gradients or not packed:
        raise CompileError("the loss depends on no parameter")
    known = {id(packed[0].members[k]) for k in packed[0].varied}
    return [p for p in parameters if id(p) in known]
