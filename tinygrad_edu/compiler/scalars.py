"""A training step of scalar parameters: lifted into arrays, with the parameters' numbers in flat ones."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.code import Code, Part, parts_of
from tinygrad_edu.compiler.hidden import FlatNumbers
from tinygrad_edu.compiler.kernels import Warmth
from tinygrad_edu.compiler.program import Program
from tinygrad_edu.compiler.record import Packed, Place, Recording
from tinygrad_edu.errors import CompileError
from tinygrad_edu.op import Node
from tinygrad_edu.transforms.trees import map_leaves


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
        program, grads = recording.program, recording.gradients[0]
        known = {id(p): i for i, p in enumerate(flat.parameters)}
        self.unused = [p for p in parameters if id(p) not in known]
        packed, place = next(
            (recording.sources[i], g)
            for i, g in zip(recording.wrt, grads, strict=True)
            if isinstance(recording.sources[i], Packed)
        )
        self.feeds = Feeds(packed, flat)
        held = {program.inputs[recording.sources.index(packed)]: self.feeds.array}
        self.gradient = flat.grad if self.feeds.is_flat else np.empty_like(self.feeds.array)
        into = {program.outputs[place]: self.gradient}
        self.sources = [source for source in recording.sources if source is not packed]
        forward, backward = parts_of(program, recording.count, {0: [place]}, {})
        steps = [*forward.steps, *backward.steps]
        joined = Part("gradients", forward.inputs, steps, [*forward.outputs, *backward.outputs])
        self.warmth = Warmth(jit)
        self.write: Callable[[bool], Code] = lambda jit: Code([joined], held, into, jit=jit)
        self.code = self.write(self.warmth.jit)

    def run(self, leaves: Sequence[Any]) -> Any:
        """The results; each parameter has its gradient."""
        if self.warmth.rises():
            self.code = self.write(True)
        if not self.feeds.is_flat:
            self.feeds.fill(leaves)
        outputs, _ = self.code.functions["gradients"](*[_read(source, leaves) for source in self.sources])
        if not self.feeds.is_flat:
            np.take(self.gradient, self.feeds.order, out=self.flat.grad, mode="clip")
        self.flat.spread()
        for parameter in self.unused:
            parameter.grad = None
        result, floats = self.recording.result, self.recording.floats
        found = [float(x) if i in floats else x for i, x in enumerate(outputs[: self.recording.count])]
        if result.__class__ is Place:
            return found[result.output]
        return map_leaves(lambda _, x: found[x.output] if isinstance(x, Place) else x, result, "result")


class Feeds:
    """The array of packed scalars: the flat array itself, if it has these and no others; else one to be filled.

    Attributes
    ----------
    order : integer array
        Where each parameter of the flat layout is.
    """

    def __init__(self, packed: Packed, flat: FlatNumbers) -> None:
        self.flat = flat
        at = {id(member): i for i, member in enumerate(packed.members)}
        self.order = np.array([at[id(p)] for p in flat.parameters], dtype=np.intp)
        own = set(self.order.tolist())
        others = [i for i in range(len(packed.members)) if i not in own]
        self.others = Packed([packed.members[i] for i in others], [])
        self.places = np.array(others, dtype=np.intp)
        self.is_flat = self.order.tolist() == [*range(len(packed.members))]
        self.array = flat.data if self.is_flat else np.empty(len(packed.members))

    def fill(self, leaves: Sequence[Any]) -> None:
        """Bring in what the parameters and the other scalars are now."""
        self.array[self.order] = self.flat.data
        if self.places.size:
            self.array[self.places] = self.others.read(leaves)


def _read(source: Any, leaves: Sequence[Any]) -> Any:
    thing = leaves[source] if source.__class__ is int else source
    return thing.data if isinstance(thing, Node) else thing


def used_parameters(recording: Recording, parameters: Sequence[Any]) -> list[Any]:
    """The scalar parameters that a lifted recording is differentiated by, in the order in which it has them.

    Raises
    ------
    CompileError
        If the loss depends on none, or on Values that are no scalars as well.
    """
    sources = [recording.sources[i] for i in recording.wrt]
    packed = [source for source in sources if isinstance(source, Packed)]
    if 0 not in recording.gradients or not packed:
        raise CompileError("the loss depends on no parameter")
    known = {id(p) for p in parameters}
    return [packed[0].members[k] for k in packed[0].varied if id(packed[0].members[k]) in known]
