"""A training step as plans: loss and gradients into one flat array, and the optimizer's rule over another.

Parameters are moved into one flat array (each keeps its shape, as a view), gradients into a second one of the same
layout, and the optimizer's state into more. So an update is a few operations over everything at once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.code import Code, Part, parts_of
from tinygrad_edu.compiler.compiled import Arguments
from tinygrad_edu.compiler.passes import optimise
from tinygrad_edu.compiler.program import Var
from tinygrad_edu.compiler.record import Place, Recording, record_call
from tinygrad_edu.errors import CompileError
from tinygrad_edu.op import Node
from tinygrad_edu.transforms.trees import map_leaves

Array = np.ndarray[Any, np.dtype[Any]]


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

    def gather_gradients(self) -> None:
        """Take over gradients that somebody has replaced."""
        for parameter, view in zip(self.parameters, self.grads, strict=True):
            if parameter.grad is not view:
                view[...] = parameter.grad


class GradientStep:
    """Runs ``f(*args)``, whose first result is a loss, and leaves its gradients in a flat layout.

    Parameters
    ----------
    f : callable
        Gives a Value of one number, or a tuple that begins with one.
    parameters : sequence of Value
        What the loss is differentiated by; those that it does not depend on get the gradient None.

    Raises
    ------
    CompileError
        At a call: see `compile`; or if the loss depends on other parameters for other shapes of arguments.
    """

    def __init__(self, f: Callable[..., Any], parameters: Sequence[Any]) -> None:
        self.f = f
        self.parameters = list(parameters)
        self.flat: Flat | None = None
        self.plans: dict[Any, list[_Gradients]] = {}

    def __call__(self, *args: Any) -> Any:
        """The results as plain numbers and arrays; each parameter's ``grad`` is set."""
        arguments = Arguments(args, {})
        if self.flat is not None:
            self.flat.gather()
        for plan in self.plans.get(arguments.key, ()):
            if plan.recording.environment.is_unchanged():
                found = plan.run(arguments.leaves)
                if found is not None:
                    return found
        plan = self._plan(arguments)
        self.plans[arguments.key] = [plan, *self.plans.get(arguments.key, ())][:4]
        return plan.run(arguments.leaves)

    def _plan(self, arguments: Arguments) -> "_Gradients":
        recording = record_call(self.f, arguments.traced, differentiate=True)
        if 0 not in recording.gradients:
            raise CompileError("the loss depends on no parameter")
        recording.program, recording.passes = optimise(recording.program)
        grads = recording.gradients[0]
        wrt = {id(recording.sources[i]): g for i, g in zip(recording.wrt, grads, strict=True) if g is not None}
        used = [p for p in self.parameters if id(p) in wrt]
        if self.flat is None:
            self.flat = Flat(used)
        elif list(map(id, used)) != list(map(id, self.flat.parameters)):
            raise CompileError("the loss depends on other parameters than it did for arguments of other shapes")
        return _Gradients(recording, self.flat, [wrt[id(p)] for p in used], self.parameters)


class _Gradients:
    """One signature of a `GradientStep`."""

    def __init__(self, recording: Recording, flat: Flat, places: Sequence[int], parameters: Sequence[Any]) -> None:
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
        self.code = Code([joined], held, into)
        self.fed = [s for var, s in zip(program.inputs, recording.sources, strict=True) if var not in held]
        self.count = count

    def run(self, leaves: Sequence[Any]) -> Any:
        """The results, or None if a guard failed."""
        feeds = []
        for source in self.fed:
            thing = leaves[source] if source.__class__ is int else source
            feeds.append(thing.data if isinstance(thing, Node) or hasattr(thing, "write") else thing)
        outputs, _ = self.code.functions["gradients"](*feeds)
        recording = self.recording
        n, m = recording.count, recording.count + len(recording.written)
        answers = zip(recording.guards, outputs[m : self.count], strict=False)
        if any(bool(found) is not truth for truth, found in answers):
            return None
        for buffer, new_data in zip(recording.written, outputs[n:m], strict=True):
            buffer.data[...] = new_data
        for (i, _), g in zip(self.shared, outputs[self.count :], strict=True):
            self.flat.grads[i][...] = g
        for parameter in self.parameters:
            parameter.grad = None
        for parameter, grad in zip(self.flat.parameters, self.flat.grads, strict=True):
            parameter.grad = grad
        return map_leaves(
            lambda _, leaf: outputs[leaf.output] if isinstance(leaf, Place) else leaf, recording.result, "result"
        )


class Update:
    """An optimizer's rule over a flat layout: ``x -= update(x, g, state, **options)`` as a plan.

    Parameters
    ----------
    rule : callable
        ``update(x, g, state, **options)`` gives the step to subtract.
    flat : Flat
    states : sequence of dict
        The optimizer's state of each parameter of the layout; its arrays become views of flat ones.
    options : dict
        Those that are floats may change from step to step if they are named in `varying`.

    Raises
    ------
    CompileError
        If the rule asks for a number: it runs as it is, then.
    """

    def __init__(
        self,
        rule: Callable[..., Any],
        flat: Flat,
        states: Sequence[dict[str, Any]],
        options: Mapping[str, Any],
        varying: Sequence[str] = ("lr",),
    ) -> None:
        self.flat = flat
        self.states = states
        self.varying = varying
        first = states[0]
        arrays = {key: value for key, value in first.items() if isinstance(value, np.ndarray)}
        self.numbers = {key: value for key, value in first.items() if key not in arrays}
        self.arrays = {key: self._joined(key) for key in arrays}
        names = list(self.arrays)

        def step(x: Any, g: Any, moving: list[float], counts: list[float], *held: Any) -> Any:
            state = {**dict(zip(names, held, strict=True)), **dict(zip(self.numbers, counts, strict=True))}
            given = {**options, **dict(zip(varying, moving, strict=True))}
            return x - rule(x, g, state, **given), state

        moving = [float(options[key]) for key in varying]
        counts = [float(n) for n in self.numbers.values()]
        arguments = Arguments((flat.data, flat.grad, moving, counts, *self.arrays.values()), {})
        recording = record_call(step, arguments.traced, differentiate=False)
        program, _ = optimise(recording.program)
        new_x, new_state = recording.result
        held: dict[Var, Array] = {}
        fixed = [flat.data, flat.grad, *self.arrays.values()]
        n = len(moving) + len(counts)
        of_leaf = {0: fixed[0], 1: fixed[1], **{2 + n + i: array for i, array in enumerate(fixed[2:])}}
        for var, source in zip(program.inputs, recording.sources, strict=True):
            if source.__class__ is int and source in of_leaf:
                held[var] = of_leaf[source]
        into: dict[Var, Array] = {program.outputs[new_x.output]: flat.data}
        self.given: list[tuple[str, int]] = []
        self.settled: dict[str, Any] = {}  # numbers that are the same whatever was there
        for key, place in new_state.items():
            var = program.outputs[place.output] if isinstance(place, Place) else None
            if var is not None and var.shape == flat.data.shape:
                if key not in self.arrays:
                    self.arrays[key] = np.empty(flat.data.shape, var.dtype)
                if var in into or (var in held and held[var] is not flat.grad):
                    raise CompileError(f"the state {key!r} is the same array as another one")
                into[var] = self.arrays[key]
            elif var is not None and var.shape == ():
                self.given.append((key, place.output))
            elif isinstance(place, (int, float)):
                self.settled[key] = place
            else:
                raise CompileError(f"the state {key!r} is no array of all parameters and no number")
        self.fed = [s for var, s in zip(program.inputs, recording.sources, strict=True) if var not in held]
        outputs = [*into, *(program.outputs[i] for _, i in self.given)]
        self.code = Code([Part("update", program.inputs, program.steps, outputs)], held, into)
        self.keys = frozenset(first)

    def fits(self, states: Sequence[dict[str, Any]]) -> bool:
        """Whether the states hold what this plan reads."""
        return all(state.keys() == self.keys for state in states)

    def run(self, options: Mapping[str, Any]) -> None:
        """One step."""
        first = self.states[0]
        moving = [float(options[key]) for key in self.varying]
        leaves = [None, None, *moving, *(float(first[key]) for key in self.numbers)]
        outputs, _ = self.code.functions["update"](*[leaves[i] for i in self.fed])
        kinds = [type(self.numbers.get(key, 0)) for key, _ in self.given]
        numbers = {key: kind(x) for (key, _), kind, x in zip(self.given, kinds, outputs, strict=True)}
        for state in self.states:
            state.update(numbers, **self.settled)

    def share(self) -> None:
        """Let the states show the flat arrays, each parameter its part."""
        for key, flat in self.arrays.items():
            for state, view in zip(self.states, self.flat.split(flat), strict=True):
                state[key] = view

    def _joined(self, key: str) -> Array:
        """The state of all parameters as one flat array; as it is, if it was one already."""
        parts = [state[key] for state in self.states]
        flat = parts[0].base if parts[0].base is not None and parts[0].base.shape == self.flat.data.shape else None
        if flat is not None and all(part.base is flat for part in parts):
            return flat  # type: ignore[no-any-return]  # an array
        return np.concatenate([np.ravel(part) for part in parts])
