"""A training step of scalar parameters: lifted into arrays, with the parameters' numbers in flat ones."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.code import Code, Part, parts_of
from tinygrad_edu.compiler.hidden import FlatNumbers
from tinygrad_edu.compiler.kernels import Warmth
from tinygrad_edu.compiler.kernels.straight import Straight
from tinygrad_edu.compiler.program import Program, Var
from tinygrad_edu.compiler.record import Packed, Place, Recording
from tinygrad_edu.compiler.taped import tape_of
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

    def __init__(self, recording: Recording, flat: FlatNumbers, parameters: Sequence[Any], jit: bool | None) -> None:
        self.recording = recording
        self.scalar: Recording | None = None
        self.first: Program | None = None
        self.looked = False
        self.flat = flat
        program, grads = recording.program, recording.gradients[0]
        known = {id(p): i for i, p in enumerate(flat.parameters)}
        self.unused = [p for p in parameters if id(p) not in known]
        at, packed, place = next(
            (i, source, g)
            for i, g in zip(recording.wrt, grads, strict=True)
            if isinstance(source := recording.sources[i], Packed) and g is not None
        )
        self.feeds = Feeds(packed, flat)
        held = {program.inputs[at]: self.feeds.array}
        self.gradient = flat.grad if self.feeds.is_flat else np.empty_like(self.feeds.array)
        into = {program.outputs[place]: self.gradient}
        self.sources = [source for source in recording.sources if source is not packed]
        forward, backward = parts_of(program, recording.count, {0: [place]}, {})
        steps = [*forward.steps, *backward.steps]
        joined = Part("gradients", forward.inputs, steps, [*forward.outputs, *backward.outputs])
        self.warmth = Warmth(jit)
        self.write: Callable[[bool], Code | Straight] = lambda jit: self._written(joined, held, into, jit)
        self.code = self.write(self.warmth.jit)

    def _written(self, part: Part, held: dict[Var, Any], into: dict[Var, Any], jit: bool) -> Code | Straight:
        """The code of the steps: one kernel where that can be, else a line for each."""
        if jit and not self.sources and len(self.recording.floats) == self.recording.count:
            try:
                return Straight(part.name, part.steps, part.outputs, held, into)
            except LookupError:  # it is none that such a kernel is made for
                pass
        return Code([part], held, into, jit=jit)

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


class TapedGradients:
    """As `NumberGradients`, of scalars that cannot be lifted: they run as a tape.

    Parameters
    ----------
    recording : Recording
        Of the forward pass alone; see `can_be_taped`.
    flat : FlatNumbers
    parameters : sequence of Value
    jit : bool, optional
        As for `compile`.
    """

    def __init__(self, recording: Recording, flat: FlatNumbers, parameters: Sequence[Any], jit: bool | None) -> None:
        self.recording = self.scalar = recording
        self.first: Program | None = None
        self.looked = False
        self.flat = flat
        known = {id(p): i for i, p in enumerate(flat.parameters)}
        self.unused = [p for p in parameters if id(p) not in known]
        at = {id(source): i for i, source in enumerate(recording.sources)}
        self.order = [at[id(p)] for p in flat.parameters]
        self.others = [(i, s) for i, s in enumerate(recording.sources) if id(s) not in known]
        self.warmth = Warmth(jit)
        self.tape, _ = tape_of(recording.program, self.warmth.jit)

    def run(self, leaves: Sequence[Any]) -> Any:
        """The loss; each parameter has its gradient."""
        if self.warmth.rises():
            self.tape, _ = tape_of(self.recording.program, True)
        inputs = [0.0] * len(self.recording.sources)
        for i, number in zip(self.order, self.flat.data.tolist(), strict=True):
            inputs[i] = number
        for i, source in self.others:
            inputs[i] = _read(source, leaves)
        found = self.tape.forward(inputs)
        gradients = self.tape.backward()
        self.flat.grad[:] = [gradients[i] for i in self.order]
        self.flat.spread()
        for parameter in self.unused:
            parameter.grad = None
        result = self.recording.result
        return map_leaves(lambda _, x: found if isinstance(x, Place) else x, result, "result")


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
    """The scalar parameters that a recording is differentiated by, in the order in which it has them.

    Raises
    ------
    CompileError
        If the loss depends on none.
    """
    known = {id(p) for p in parameters}
    varied = [recording.sources[i] for i in recording.wrt]
    for packed in [source for source in varied if isinstance(source, Packed)]:
        varied = [packed.members[k] for k in packed.varied]
    used = [source for source in varied if id(source) in known]
    reached = not recording.differentiated or any(g is not None for g in recording.gradients.get(0, ()))
    if not used or not reached:
        raise CompileError("the loss depends on no parameter")
    return used
