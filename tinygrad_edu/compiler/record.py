"""From a function to programs: one call is recorded, forward and backward, with everything from outside named."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np

from tinygrad_edu.backward import pull_back
from tinygrad_edu.compiler.environment import Environment
from tinygrad_edu.compiler.failures import FunctionError, failure, refuse_odd, refuse_unless_given
from tinygrad_edu.compiler.lift.units import many_scalars
from tinygrad_edu.compiler.program import Program, Step, Var
from tinygrad_edu.compiler.sparing import Sparing
from tinygrad_edu.compiler.traced import BARRIER, INPUT, Capture, Traced
from tinygrad_edu.errors import CompileError, NotDifferentiableError, TinygradEduError
from tinygrad_edu.mode import capturing
from tinygrad_edu.op import CONSTANT, LEAF, Node
from tinygrad_edu.transforms.trees import flatten, map_leaves


@dataclass
class Recording:
    """What one call came to.

    Attributes
    ----------
    program : Program
        Its outputs: the results, the new data of buffers, guards and checks, then for each differentiable result
        the gradients of `wrt` (see `gradients`).
    sources : list
        For each input of the program where it is read: the number of an argument leaf, a Value or buffer (an object
        with ``data``), an array, or None for the gradient of a result, which the backward pass brings.
    result : Any
        The result of the function, with the number of an output in the place of each Value.
    count : int
        How many outputs are results.
    written : list of buffers
        Whose new data follow the results among the outputs.
    guards : list of bool
        The truths that this recording stands on; they are the outputs after those.
    wrt : list of int
        The inputs that are differentiated, by their place in ``program.inputs``.
    gradients : dict of result to list
        For each differentiable result, the outputs that are the gradients of `wrt` (None where it has no bearing).
    seeds : dict of result to input
        Where the gradient of the result comes in; a result of one number has none: it starts from 1 (but in float16,
        where a seed that keeps gradients from underflow must come first).
    environment : Environment
        What must stay as it was.
    generators : list of Generator
        Those that draw.
    passes : list of (str, int)
        What was done to the program, and how many steps were left each time.
    differentiated : bool
        Whether gradients were wanted.
    closed : set of int
        The results that are Values in a graph, but of nothing with a derivative: their backward() reaches nobody.
    floats : set of int
        The results that are Python floats, whatever the program computes them as.
    lifted : LiftedCall, optional
        How scalars became arrays, if they did.
    taped : bool
        Whether it runs as a tape: many scalars that cannot be lifted.
    """

    program: Program
    sources: list[Any]
    result: Any
    count: int
    written: list[Any]
    guards: list[bool]
    wrt: list[int]
    gradients: dict[int, list[int | None]]
    seeds: dict[int, int]
    environment: Environment
    generators: list[np.random.Generator]
    passes: list[tuple[str, int]] = field(default_factory=list)
    differentiated: bool = False
    closed: frozenset[int] = frozenset()
    floats: frozenset[int] = frozenset()
    lifted: Any = None
    taped: bool = False


BUT_SCALARS: Final = "unless many scalars"


class Packed:
    """Scalars that enter a program as one array: each the number of an argument leaf, or a Value.

    Parameters
    ----------
    members : list
        Where each is read.
    varied : list of int
        Those that are differentiated.
    """

    __slots__ = ("members", "places", "varied")

    def __init__(self, members: list[Any], varied: list[int]) -> None:
        self.members = members
        self.varied = varied
        self.places = np.array(varied, np.intp)

    def read(self, leaves: Sequence[Any]) -> Any:
        """Their numbers now, as one array."""
        found = [leaves[m] if m.__class__ is int else m for m in self.members]
        return np.array([x if x.__class__ is float else x.data for x in found])

    def values(self, leaves: Sequence[Any]) -> list[Node]:
        """Those that are differentiated."""
        members = self.members
        return [leaves[m] if (m := members[i]).__class__ is int else m for i in self.varied]


class Place:
    """In the result of a recorded function, the place of the output of that number (a leaf of the tree)."""

    __slots__ = ("output",)

    def __init__(self, output: int) -> None:
        self.output = output


def record_call(
    f: Callable[..., Any],
    call: Callable[[Callable[[str, Any], Any]], tuple[Any, Any]],
    differentiate: bool | Literal["unless many scalars"],
) -> Recording:
    """Record ``f(*args, **kwargs)``.

    Parameters
    ----------
    f : callable
    call : callable
        ``call(trace)`` gives the arguments with ``trace(name, leaf)`` in the place of each number or array.
    differentiate : bool or BUT_SCALARS
        Whether the gradients are wanted; or only if there are few scalars, which lifting does better.

    Raises
    ------
    CompileError
        If `f` asks for a number of what it computes with.
    """
    args, kwargs = call(lambda name, leaf: None)
    beside = [leaf for _, leaf in flatten((args, kwargs), "")]
    first = Environment(f, beside=beside)
    for last_try in (False, True):
        before = Environment(f, beside=beside) if last_try else first
        try:
            recording = _record(f, call, differentiate, [value for value, _ in before.values])
            changed = before.changed()
            if changed is None and len(before.unmoved()) < len(before.values):
                changed = "the data of a Value"
            if changed is None and before.drawn():
                changed = "the state of a random generator"
        except CompileError as error:
            if not isinstance(error, FunctionError):
                first.restore()
            raise
        finally:
            before.rewind()
        if changed is None:
            return recording
        if last_try:
            first.restore()
            raise CompileError(
                f"compile: {getattr(f, '__name__', 'the function')} changes {changed} while it runs, which a plan "
                "would not do again. Return what changes as a result, or leave this function uncompiled."
            )
    raise AssertionError("two tries end in a result or an error")  # the first call may settle names, and sizes


def _record(
    f: Callable[..., Any],
    call: Callable[[Callable[[str, Any], Any]], tuple[Any, Any]],
    differentiate: bool | Literal["unless many scalars"],
    values: Sequence[Node],
) -> Recording:
    capture = Capture()
    arguments: list[Traced] = []

    def trace(name: str, leaf: Any) -> Traced:
        is_value = isinstance(leaf, Node)
        if not is_value:
            refuse_odd(name, leaf)
        node = capture.argument(leaf.data if is_value else leaf, is_value and leaf.op is not CONSTANT, name)
        capture.plain[node] = not is_value
        arguments.append(node)
        return node

    try:
        with capturing(capture), np.errstate(all="ignore"):
            args, kwargs = call(trace)
            given = flatten((args, kwargs), "")
            result = f(*args, **kwargs)
            if capture.refused is not None:  # and the function has caught it
                raise capture.refused
            refuse_unless_given(given, flatten((args, kwargs), ""))
            outputs, template = _outputs(result, capture)
            capture.refuse_changed(outputs)
            capture.changed.clear()  # rules of derivatives read the numbers from before a change
            capture.settle_numbers()
            leaves = [node for node in capture.nodes if node.op is LEAF]
            if differentiate == BUT_SCALARS:
                differentiate = not many_scalars(capture.nodes)
            gradients, seeds = _gradients(capture, outputs, leaves) if differentiate else ({}, {})
    except Exception as error:
        if capture.refused is not None and error is not capture.refused:  # NumPy may make its own error of it
            raise capture.refused from error
        if isinstance(error, TinygradEduError) and not isinstance(error, NotDifferentiableError):
            raise
        raise failure(error) from error
    finally:
        capture.rewind()
    capture.settle_arrays(values)
    beside = [leaf for _, leaf in flatten((args, kwargs), "") if not isinstance(leaf, Node)]
    environment = Environment(f, list(capture.arrays), beside)
    made = _Builder(capture, arguments).recording(outputs, template, leaves, gradients, seeds, environment)
    made.differentiated = bool(differentiate)
    if differentiate:
        graph = [k for k, out in enumerate(outputs) if not (out.op.terminal or capture.is_plain(out))]
        made.closed = frozenset(graph) - gradients.keys()
    return made


def _outputs(result: Any, capture: Capture) -> tuple[list[Traced], Any]:
    """The nodes that a function returned, and its result with their numbers in their places."""
    found: list[Traced] = []

    def place(path: str, leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray):
            leaf = capture.constant(capture.frozen(0.0), leaf)
        if not isinstance(leaf, Node):
            return leaf
        node = capture.of(leaf)
        if node in capture.made:
            raise CompileError(
                "compile: the function returns a Value that it has made of a plain argument, so its gradient could be "
                "asked for, and a plan has none. Call the function with a Value instead."
            )
        if node not in numbers:
            numbers[node] = len(found)
            found.append(node)
        return Place(numbers[node])

    numbers: dict[Traced, int] = {}
    template = map_leaves(place, result, "result")
    if not found:
        raise CompileError(
            "compile: the function returned no Value, so there is nothing to run again: "
            f"got {type(result).__name__}; is a return missing?"
        )
    return found, template


def _needed(nodes: Sequence[Traced], leaves: Sequence[Traced]) -> set[Node]:
    """What depends on the leaves by operations with a derivative."""
    needed: set[Node] = set(leaves)
    for node in nodes:
        if not node.op.terminal and any(
            parent in needed and node.op.has_rule(i) for i, parent in enumerate(node.parents)
        ):
            needed.add(node)
    return needed


def _gradients(
    capture: Capture, outputs: Sequence[Traced], leaves: Sequence[Traced]
) -> tuple[dict[int, list[Traced | None]], dict[int, Traced]]:
    """For each differentiable output the gradients of the leaves, and the node of its own gradient."""
    gradients: dict[int, list[Traced | None]] = {}
    seeds: dict[int, Traced] = {}
    forward = list(capture.nodes)
    needed = _needed(forward, leaves)
    half = any(getattr(capture_data(node), "dtype", None) == np.float16 for node in needed)
    wanted = [k for k, out in enumerate(outputs) if out in needed]
    for k in wanted:
        out = outputs[k]
        data = capture_data(out)
        one = 1.0 if data.__class__ is float else np.ones_like(data)
        if np.size(data) == 1 and not half:
            seed = capture.frozen(one)
        else:
            seed = seeds[k] = capture.argument(one, False, f"gradient of result {k}")
        order = [node for node in forward if node in needed]
        spare = Sparing(capture).done if k == wanted[-1] else None
        found = pull_back(order, {out: seed}, needed=needed, create_graph=True, done=spare)
        made = [found.get(leaf) for leaf in leaves]
        gradients[k] = [g if g is None else _recorded(capture, g) for g in made]
    return gradients, seeds


def _recorded(capture: Capture, g: Any) -> Traced:
    return capture.of(g) if isinstance(g, Node) else capture.frozen(g)


def capture_data(node: Node) -> Any:
    """The number that a node had while recording."""
    return node.data


class _Builder:
    """Turns the nodes of a capture into a program."""

    def __init__(self, capture: Capture, arguments: Sequence[Traced]) -> None:
        self.capture = capture
        self.vars: dict[Node, Var] = {}
        self.program = Program([])
        self.sources: list[Any] = []
        self.origin: dict[Node, Any] = {node: i for i, node in enumerate(arguments)}
        self.origin |= {node: x for x, node in capture.outside.values()}

    def recording(
        self,
        outputs: Sequence[Traced],
        template: Any,
        leaves: Sequence[Traced],
        gradients: dict[int, list[Traced | None]],
        seeds: dict[int, Traced],
        environment: Environment,
    ) -> Recording:
        """The program of everything that the outputs, buffers, guards and gradients need."""
        capture = self.capture
        draws = [node for node in capture.nodes if node.op.kind == "source" and "rng" in node.params]
        wanted: list[Traced] = [
            *outputs, *(node for _, node in capture.written.values()), *(node for node, _ in capture.guards),
            *capture.checks, *draws,
        ]  # fmt: skip
        places: dict[int, list[int | None]] = {}
        for k, grads in gradients.items():
            places[k] = []
            for g in grads:
                places[k].append(None if g is None else len(wanted))
                wanted += [] if g is None else [g]
        reached = _reached(wanted)
        for node in capture.nodes:  # in the order in which they were made
            if node in reached:
                self._add(node)
        for node in wanted:
            if node not in self.vars:
                self._add(node)
        self.program.outputs = [self.vars[node] for node in wanted]
        number = {var: i for i, var in enumerate(self.program.inputs)}
        used = [(i, leaf) for i, leaf in enumerate(leaves) if leaf in self.vars]
        return Recording(
            program=self.program,
            sources=self.sources,
            result=template,
            count=len(outputs),
            written=[buffer for buffer, _ in capture.written.values()],
            guards=[truth for _, truth in capture.guards],
            wrt=[number[self.vars[leaf]] for _, leaf in used],
            gradients={k: [grads[i] for i, _ in used] for k, grads in places.items()},
            seeds={k: number[self.vars[seed]] for k, seed in seeds.items() if seed in self.vars},
            environment=environment,
            generators=[rng for rng, _ in capture.generators.values()],
        )

    def _add(self, node: Node) -> None:
        op = node.op
        if op is BARRIER:
            self.vars[node] = self.vars[node.parents[0]]
            return
        data = capture_data(node)
        role = "input" if op in (LEAF, INPUT) else "constant" if op is CONSTANT else "result"
        var = Var(
            role,  # type: ignore[arg-type]  # one of the three
            np.shape(data),
            None if data.__class__ in (float, int) else np.result_type(data),
            data if role == "constant" else None,
            node.name,
            node.scope,
            node.line,
        )
        self.vars[node] = var
        if role == "input":
            self.program.inputs.append(var)
            self.sources.append(self.origin.get(node))
        elif role == "result":
            for parent in node.parents:
                if parent not in self.vars:  # a number written in an expression, of which the capture was not told
                    self._add(parent)
            operands = tuple(self.vars[parent] for parent in node.parents)
            self.program.steps.append(Step(op, operands, node.params, var))


def _reached(roots: Sequence[Traced]) -> set[Node]:
    reached: set[Node] = set()
    stack: list[Node] = list(roots)
    while stack:
        node = stack.pop()
        if node not in reached:
            reached.add(node)
            stack.extend(node.parents)
    return reached
