"""A training step as plans: loss and gradients into one flat array, and the optimizer's rule over another.

Parameters are moved into one flat array (each keeps its shape, as a view), gradients into a second one of the same
layout, and the optimizer's state into more. So an update is a few operations over everything at once.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from tinygrad_edu.compiler.code import Code, Part, parts_of
from tinygrad_edu.compiler.collector import collector_waits
from tinygrad_edu.compiler.compiled import Arguments
from tinygrad_edu.compiler.hidden import FlatNumbers
from tinygrad_edu.compiler.kernels import Warmth
from tinygrad_edu.compiler.lift.calls import lifted_recording
from tinygrad_edu.compiler.passes import optimise
from tinygrad_edu.compiler.program import Program
from tinygrad_edu.compiler.record import BUT_SCALARS, Place, Recording, record_call
from tinygrad_edu.compiler.scalars import NumberGradients, Rule, TapedGradients, used_parameters
from tinygrad_edu.compiler.second import Sketch, refuse_unless_same
from tinygrad_edu.compiler.taped import can_be_taped
from tinygrad_edu.errors import CompileError
from tinygrad_edu.op import Node
from tinygrad_edu.transforms.trees import map_leaves

Array = np.ndarray[Any, np.dtype[Any]]
NOTHING = Arguments((), {})
LARGE = 1 << 24  # bytes in buffers, above which they are given back while the function is recorded again


class Flat:
    """Parameters in one flat array, and their gradients in another; each parameter's data is a view of its part.

    Parameters
    ----------
    parameters : sequence of Value
        Arrays of one dtype.

    Raises
    ------
    CompileError
        If they are not.
    """

    def __init__(self, parameters: Sequence[Any]) -> None:
        kinds = {getattr(p.data, "dtype", None) for p in parameters}
        if len(kinds) != 1 or None in kinds or not all(isinstance(p.data, np.ndarray) for p in parameters):
            raise CompileError("the parameters are not arrays of one type, so they do not fit into one flat array")
        self.parameters = list(parameters)
        dtype = kinds.pop()
        sizes = [p.data.size for p in parameters]
        self.data = np.empty(sum(sizes), dtype)
        self.grad = np.zeros(sum(sizes), dtype)
        stops = np.cumsum(sizes)
        self.places = [slice(int(stop) - size, int(stop)) for stop, size in zip(stops, sizes, strict=True)]
        self.views = self.split(self.data)
        self.grads = self.split(self.grad)
        self.gather()

    def split(self, flat: Array) -> list[Array]:
        """An array of this layout as one view for each parameter."""
        return [flat[place].reshape(p.data.shape) for place, p in zip(self.places, self.parameters, strict=True)]

    def gather(self) -> None:
        """Take over the data of parameters that somebody has given other arrays."""
        for parameter, view in zip(self.parameters, self.views, strict=True):
            if parameter.data is not view:
                view[...] = parameter.data
                parameter.data = view

    def gather_gradients(self) -> bool:
        """Take over gradients that somebody has replaced; whether all are there."""
        for parameter, view in zip(self.parameters, self.grads, strict=True):
            if parameter.grad is not view:
                if parameter.grad is None:
                    return False
                view[...] = parameter.grad
        return True

    def spread(self) -> None:
        """The parameters look at the flat array: there is nothing to give back."""


class GradientStep:
    """Runs ``f(*args)``, whose first result is a loss, and leaves its gradients in a flat layout.

    Parameters
    ----------
    f : callable
        Gives a Value of one number, or a tuple that begins with one.
    parameters : sequence of Value
        What the loss is differentiated by; those that it does not depend on get the gradient None.
    jit : bool, optional
        As for `compile`.

    Raises
    ------
    CompileError
        At a call: see `compile`; or if the loss depends on other parameters for other shapes of arguments.
    """

    def __init__(self, f: Callable[..., Any], parameters: Sequence[Any], jit: bool | None = None) -> None:
        self.f = f
        self.jit = jit
        self.parameters = list(parameters)
        self.flat: Flat | FlatNumbers | None = None
        self.plans: dict[Any, list[AnyGradients]] = {}
        self.latest: _Gradients | None = None  # the plan of the latest call, if nothing is left to look for
        self.moved = False  # whether the latest call has moved the parameters as well

    def __call__(self, *args: Any) -> Any:
        """The results as plain numbers and arrays; each parameter's ``grad`` is set."""
        return self.step(args)

    def step(self, args: tuple[Any, ...], rule: Callable[[], Rule | None] | None = None) -> Any:
        """A call; where `rule` gives one, and there is a kernel that takes whole steps, the parameters move as well."""
        self.latest, self.moved = None, False
        arguments = Arguments(args, {}) if args else NOTHING
        if self.flat is not None:
            self.flat.gather()
        for plan in self.plans.get(arguments.key, ()):
            if plan.recording.environment.is_unchanged():
                self._look_again(plan, arguments)
                found = self._run(plan, arguments, rule)
                if found is not None:
                    self.latest = plan if plan.first is None and isinstance(plan, _Gradients) else None
                    return found
        plan = self._plan(arguments)
        self.plans[arguments.key] = [plan, *self.plans.get(arguments.key, ())][:4]
        return self._run(plan, arguments, rule)

    def _run(self, plan: "AnyGradients", arguments: Arguments, rule: Callable[[], Rule | None] | None) -> Any:
        if rule is not None and isinstance(plan, NumberGradients):
            by = rule()
            found = None if by is None else plan.step(by)
            if found is not None:
                self.moved = True
                return found
        return plan.run(arguments.leaves)

    def repeat(self, leaves: Sequence[Any]) -> Any:
        """The latest call with other arrays of the same shapes and types, where nothing but plans has run since.

        Nobody looks at what lies outside. None where a call is needed.
        """
        return None if self.latest is None else self.latest.run(leaves)

    def rest(self) -> None:
        """Until the next call: give large buffers back, and have the function looked at once more then."""
        for plans in self.plans.values():
            for plan in plans:
                if isinstance(plan, _Gradients):
                    plan.rest()
                    plan.first, plan.looked = plan.sketch, False

    def _plan(self, arguments: Arguments) -> "AnyGradients":
        if self.parameters and all(p.data.__class__ is float for p in self.parameters):
            with collector_waits():
                return self._plan_of_numbers(arguments)
        recording = record_call(self.f, arguments.traced, differentiate=True)
        if 0 not in recording.gradients:
            raise CompileError("the loss depends on no parameter")
        if 0 in recording.seeds:
            raise CompileError("in float16 gradients that start from 1 may underflow, and those of a training step do")
        first = Sketch(recording.program)
        recording.program, recording.passes = optimise(recording.program)
        grads = recording.gradients[0]
        wrt = {id(recording.sources[i]): g for i, g in zip(recording.wrt, grads, strict=True) if g is not None}
        used = [p for p in self.parameters if id(p) in wrt]
        if not used:
            raise CompileError("the loss depends on none of the optimizer's parameters: are they of another model?")
        flat = self._flat(used, Flat)
        assert isinstance(flat, Flat)
        plan = _Gradients(recording, flat, [wrt[id(p)] for p in used], self.parameters, self.jit)
        plan.sketch = plan.first = first
        return plan

    def _plan_of_numbers(self, arguments: Arguments) -> NumberGradients | TapedGradients:
        """The plan of a loss of scalar parameters, lifted into arrays."""
        scalar = record_call(self.f, arguments.traced, BUT_SCALARS)
        recording = lifted_recording(scalar, arguments.leaves, differentiate=True)
        if recording is None:
            return self._plan_of_tape(scalar, arguments)
        recording.program, recording.passes = optimise(recording.program)
        flat = self._flat(used_parameters(recording, self.parameters), FlatNumbers)
        assert isinstance(flat, FlatNumbers)
        plan = NumberGradients(recording, flat, self.parameters, self.jit)
        plan.first, plan.scalar = Sketch(scalar.program), scalar
        scalar.program, recording.lifted = Program([]), None  # tens of thousands of objects that nothing reads again
        return plan

    def _plan_of_tape(self, scalar: Recording, arguments: Arguments) -> TapedGradients:
        """The plan of a loss of scalar parameters that cannot be lifted."""
        if scalar.differentiated:
            scalar = record_call(self.f, arguments.traced, differentiate=False)
        if not can_be_taped(scalar, fewest=1):
            raise CompileError(
                "the parameters are single numbers; their graph has no regular pattern to lift, and a tape runs a "
                "single loss of operations on one or two numbers"
            )
        flat = self._flat(used_parameters(scalar, self.parameters), FlatNumbers)
        assert isinstance(flat, FlatNumbers)
        plan = TapedGradients(scalar, flat, self.parameters, self.jit)
        plan.first = Sketch(scalar.program)
        return plan

    def _flat(self, used: list[Any], kind: type[Flat] | type[FlatNumbers]) -> Flat | FlatNumbers:
        if self.flat is None:
            self.flat = kind(used)
        elif {*map(id, used)} != {*map(id, self.flat.parameters)}:
            raise CompileError("the loss depends on other parameters than it did for arguments of other shapes")
        return self.flat

    def _look_again(self, plan: "AnyGradients", arguments: Arguments) -> None:
        """At the second call, and when Values have moved: record once more, and refuse a plan with a frozen number."""
        environment = plan.recording.environment
        if plan.first is None or (plan.looked and plan.unmoved.none_moved()):
            return
        first = plan.scalar or plan.recording
        if isinstance(plan, _Gradients):
            plan.rest()
        with nullcontext() if plan.scalar is None else collector_waits():
            again = record_call(self.f, arguments.traced, differentiate=plan.scalar is None)
            if again.guards != first.guards:
                return
            refuse_unless_same(first, plan.first, again)
        plan.looked = True
        environment.values = environment.unmoved()
        plan.first = plan.first if environment.values else None


class _Gradients:
    """One signature of a `GradientStep`."""

    def __init__(
        self,
        recording: Recording,
        flat: Flat,
        places: Sequence[int],
        parameters: Sequence[Any],
        jit: bool | None,
    ) -> None:
        self.recording = recording
        self.flat = flat
        self.parameters = parameters
        program = recording.program
        views = {id(p): view for p, view in zip(flat.parameters, flat.views, strict=True)}
        held = {
            var: views[id(source)]
            for var, source in zip(program.inputs, recording.sources, strict=True)
            if id(source) in views
        }
        count = len(program.outputs) - sum(g is not None for gs in recording.gradients.values() for g in gs)
        forward, backward = parts_of(program, count, {0: list(places)}, {})
        joined = Part("gradients", forward.inputs, [*forward.steps, *backward.steps],
                      [*forward.outputs, *backward.outputs])  # fmt: skip
        twice = {var for var in backward.outputs if backward.outputs.count(var) > 1 or var in forward.outputs}
        self.shared = [(i, var) for i, var in enumerate(backward.outputs) if var in twice]
        into = {var: flat.grads[i] for i, var in enumerate(backward.outputs) if var not in twice}
        self.warmth = Warmth(jit)
        self.write: Callable[[bool], Code] = lambda jit: Code([joined], held, into, jit=jit)
        self.code: Code | None = self.write(self.warmth.jit)
        fed = [s for var, s in zip(program.inputs, recording.sources, strict=True) if var not in held]
        self.fed = [(s, s.__class__ is int, _has_data(s)) for s in fed]
        self.unused = [p for p in parameters if id(p) not in views]
        self.count = count
        self.scalar: Recording | None = None
        self.sketch: Sketch | None = None  # before any pass
        self.first: Sketch | None = None  # the same, until nothing is left to look for
        self.looked = False  # whether the function was recorded a second time
        self.unmoved = recording.environment

    def run(self, leaves: Sequence[Any]) -> Any:
        """The results, or None if a guard failed."""
        if self.warmth.rises():
            self._close()
        if self.code is None:
            self.code = self.write(self.warmth.jit)
        feeds = []
        for source, given, has_data in self.fed:
            thing = leaves[source] if given else source
            feeds.append(thing.data if has_data or (given and isinstance(thing, Node)) else thing)
        outputs, _ = self.code.functions["gradients"](*feeds)
        recording = self.recording
        n, m = recording.count, recording.count + len(recording.written)
        for truth, found in zip(recording.guards, outputs[m : self.count], strict=False):
            if bool(found) is not truth:
                return None
        for buffer, new_data in zip(recording.written, outputs[n:m], strict=True):
            buffer.data[...] = new_data
        for (i, _), g in zip(self.shared, outputs[self.count :], strict=True):
            self.flat.grads[i][...] = g
        for parameter in self.unused:
            parameter.grad = None
        for parameter, grad in zip(self.flat.parameters, self.flat.grads, strict=True):
            parameter.grad = grad
        return filled(recording.result, outputs)

    def rest(self) -> None:
        """Give large buffers back, until the next run: something else needs memory meanwhile."""
        if self.code is not None and self.code.block.nbytes > LARGE:
            self._close()

    def _close(self) -> None:
        if self.code is not None:
            self.code.close()
            self.code = None


AnyGradients = _Gradients | NumberGradients | TapedGradients


def filled(template: Any, outputs: Sequence[Any]) -> Any:
    """The result of a function, with outputs in their places."""
    if template.__class__ is Place:
        return outputs[template.output]
    if template.__class__ is tuple:
        return tuple([filled(item, outputs) for item in template])
    if template is None:
        return None
    return map_leaves(lambda _, leaf: outputs[leaf.output] if isinstance(leaf, Place) else leaf, template, "result")


def _has_data(source: Any) -> bool:
    """Whether an input is read from a Value or a buffer."""
    return isinstance(source, Node) or hasattr(source, "write")
