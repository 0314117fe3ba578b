"""A training step of scalar parameters: lifted into arrays, with the parameters' numbers in flat ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.compiler.code import Code, Part, parts_of
from tinygrad_edu.compiler.environment import Environment
from tinygrad_edu.compiler.hidden import FlatNumbers
from tinygrad_edu.compiler.kernels import Warmth
from tinygrad_edu.compiler.kernels.straight import Straight
from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.compiler.record import Packed, Place, Recording
from tinygrad_edu.compiler.second import Sketch
from tinygrad_edu.compiler.taped import tape_of
from tinygrad_edu.errors import CompileError
from tinygrad_edu.op import Node
from tinygrad_edu.transforms.trees import map_leaves


@dataclass(eq=False)
class Rule:
    """How an optimizer that keeps no state moves the parameters.

    Attributes
    ----------
    recording : Recording
        Of a function of all parameters, their gradients, and numbers; it gives the parameters after the step.
    options : mapping
        Those of the optimizer, as they are at each moment.
    varying : sequence of str
        Which of them the numbers are.
    run : callable
        Moves the parameters by a plan of its own.
    warmth : Warmth
        Of that plan.
    """

    recording: Recording
    options: Mapping[str, Any]
    varying: Sequence[str]
    run: Callable[[], None]
    warmth: Warmth

    def is_warm(self) -> bool:
        """Whether a kernel with it would pay: with options that change at each step none would."""
        return self.warmth.jit or self.warmth.left == 0


_Whole = tuple[Straight, np.ndarray[Any, np.dtype[np.float64]]]  # a kernel, and the numbers that its rule is given


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
        self.first: Sketch | None = None
        self.looked = False
        self.flat = flat
        program, grads = recording.program, recording.gradients[0]
        known = {id(p): i for i, p in enumerate(flat.parameters)}
        self.unused = [p for p in parameters if id(p) not in known]
        self.unmoved = Unmoved(recording.environment, flat)
        at, packed, place = next(
            (i, source, g)
            for i, g in zip(recording.wrt, grads, strict=True)
            if isinstance(source := recording.sources[i], Packed) and g is not None
        )
        self.feeds = Feeds(packed, flat)
        self.x, self.g = program.inputs[at], program.outputs[place]
        self.held = {self.x: self.feeds.array}
        self.gradient = flat.grad if self.feeds.is_flat else np.empty_like(self.feeds.array)
        self.into = {self.g: self.gradient}
        self.sources = [source for source in recording.sources if source is not packed]
        forward, backward = parts_of(program, recording.count, {0: [place]}, {})
        steps = [*forward.steps, *backward.steps]
        self.part = Part("gradients", forward.inputs, steps, [*forward.outputs, *backward.outputs])
        self.warmth = Warmth(jit)
        self.code: Code | Straight | None = None
        self.steps: dict[Rule, _Whole | None] = {}  # kernels that take whole steps

    def _warm(self) -> None:
        if self.warmth.rises():
            self.code = None

    def _written(self) -> Code | Straight:
        """The code of the gradients: one kernel where that can be, else a line for each step."""
        part = self.part
        return self._straight(part, self.held, self.into) or Code([part], self.held, self.into, jit=self.warmth.jit)

    def _straight(self, part: Part, held: Mapping[Var, Any], into: Mapping[Var, Any]) -> Straight | None:
        if self.warmth.jit and not self.sources and len(self.recording.floats) == self.recording.count:
            try:
                return Straight(part.name, part.steps, part.outputs, held, into)
            except LookupError:  # it is none that such a kernel is made for
                pass
        return None

    def _with_rule(self, rule: Rule) -> _Whole | None:
        """Gradients and rule as one kernel."""
        recorded, sources, flat = rule.recording.program, rule.recording.sources, self.flat
        if not self.feeds.is_flat or any(source.__class__ is not int for source in sources):
            return None
        rates = np.empty(len(rule.varying))
        known = {0: self.x, 1: self.g}
        known |= {i: Var("input", (), flat.data.dtype) for i in range(2, 2 + rates.size)}
        named = {var: known[source] for var, source in zip(recorded.inputs, sources, strict=True)}
        moved = recorded.outputs[rule.recording.result[0].output]
        steps = [
            Step(step.op, tuple([named.get(x, x) for x in step.operands]), step.params, step.out, step.also)
            for step in recorded.steps
        ]
        part = Part("step", [], [*self.part.steps, *steps], [*self.part.outputs, moved])
        held = self.held | {known[2 + i]: rates[i : i + 1] for i in range(rates.size)}
        kernel = self._straight(part, held, self.into | {moved: flat.data})
        return None if kernel is None else (kernel, rates)

    def step(self, rule: Rule) -> Any:
        """`run`, and a step by the rule, in one kernel; None, and nothing is done, where there is none."""
        if self.warmth.left == 0:
            self._warm()
        if not self.warmth.jit or not rule.is_warm():
            return None
        if rule not in self.steps:
            self.steps[rule] = self._with_rule(rule)
        whole = self.steps[rule]
        if whole is None:
            return None
        kernel, rates = whole
        for i, key in enumerate(rule.varying):
            rates[i] = rule.options[key]
        outputs, _ = kernel.functions["step"]()
        return self._finished(outputs)

    def run(self, leaves: Sequence[Any]) -> Any:
        """The results; each parameter has its gradient."""
        self._warm()
        if self.code is None:
            self.code = self._written()
        if not self.feeds.is_flat:
            self.feeds.fill(leaves)
        outputs, _ = self.code.functions["gradients"](*[_read(source, leaves) for source in self.sources])
        if not self.feeds.is_flat:
            np.take(self.gradient, self.feeds.order, out=self.flat.grad, mode="clip")
        floats = self.recording.floats
        return self._finished([float(x) if i in floats else x for i, x in enumerate(outputs[: self.recording.count])])

    def _finished(self, found: Sequence[Any]) -> Any:
        self.flat.spread()
        for parameter in self.unused:
            parameter.grad = None
        result = self.recording.result
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
        self.first: Sketch | None = None
        self.looked = False
        self.flat = flat
        self.unmoved = Unmoved(recording.environment, flat)
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


class Unmoved:
    """The Values that had not moved at the latest look: whether they have their numbers still.

    Parameters
    ----------
    environment : Environment
    flat : FlatNumbers
        Has gathered the numbers of its parameters.
    """

    def __init__(self, environment: Environment, flat: FlatNumbers) -> None:
        self.environment, self.flat = environment, flat
        self._values: Any = None
        self._places: Any = None
        self._numbers = b""

    def none_moved(self) -> bool:
        """Whether all have."""
        values = self.environment.values
        if values is not self._values:
            at = {id(p): i for i, p in enumerate(self.flat.parameters)}
            places = [at[id(value)] for value, _ in values if id(value) in at]
            self._values, self._places = values, np.array(places, dtype=np.intp) if len(places) == len(values) else None
            self._numbers = b"".join([before for _, before in values])
        if self._places is None:  # there are others
            return self.environment.none_moved()
        return bool(self.flat.data[self._places].tobytes() == self._numbers)


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
