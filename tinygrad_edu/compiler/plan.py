"""A recording made ready to run: programs in, Values out."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NoReturn

import numpy as np

from tinygrad_edu.compiler.kernels import Warmth
from tinygrad_edu.compiler.record import Packed, Place, Recording
from tinygrad_edu.compiler.runner import Runner
from tinygrad_edu.compiler.second import Sketch
from tinygrad_edu.compiler.taped import TapeRunner
from tinygrad_edu.errors import GradientError
from tinygrad_edu.mode import Info, current_mode
from tinygrad_edu.op import CONSTANT, Node, Operation, new
from tinygrad_edu.transforms.trees import map_leaves
from tinygrad_edu.value import Value

MOVES = 4  # how often parameters may be given other arrays before the code reads them anew at each run


class StaleError(Exception):
    """A plan does not hold for what it was called with: another answer to a question, other shapes of parameters."""


class Plan:
    """Runs one signature of a compiled function.

    Parameters
    ----------
    recording : Recording
        With its program as it is to run.
    name : str
        Of the function.
    jit : bool, optional
        Whether it runs kernels of numba; None: when it has run often enough.

    Attributes
    ----------
    compare : callable, optional
        Called with each run, result, its gradient, and the gradients found: in verification.
    first : Sketch, optional
        The program before any pass, until all Values that the function can see have had other numbers.
    looked : bool
        Whether the function was recorded a second time.
    scalar : Recording, optional
        Of the function's scalars, if the plan has lifted them.
    """

    def __init__(self, recording: Recording, name: str, jit: bool | None = None) -> None:
        self.recording = recording
        self.warmth = Warmth(jit)
        self.op = Result(name)
        self.idle: list[Runner | TapeRunner] = []
        self.compare: Callable[..., None] | None = None
        self.first: Sketch | None = None
        self.looked = False
        self.scalar: Recording | None = None
        pairs = list(zip(recording.program.inputs, recording.sources, strict=True))
        outside = [(i, s, v) for i, (v, s) in enumerate(pairs) if hasattr(s, "data") and not is_array(s)]
        self._numbers = [(i, s) for i, s, var in outside if var.dtype is None]
        self._parameters = [(i, s, var) for i, s, var in outside if var.dtype is not None]
        self._arrays = [(i, s) for i, (_, s) in enumerate(pairs) if is_array(s)]
        self._arguments = [(i, s) for i, (_, s) in enumerate(pairs) if s.__class__ is int]
        self._packed = [(i, s, v.shape) for i, (v, s) in enumerate(pairs) if isinstance(s, Packed)]
        self._held: list[Any] = []
        self._moves = 0
        wrt = [recording.sources[i] for i in recording.wrt]
        outside_alone = all(int not in map(type, s.members if isinstance(s, Packed) else [s]) for s in wrt)
        self._roots = self._parents(()) if outside_alone else None  # the same at each run

    def feeds(self, leaves: Sequence[Any]) -> list[Any]:
        """The inputs of the program: arguments, and what lies outside, as it is now."""
        feeds: list[Any] = [None] * len(self.recording.program.inputs)
        for i, leaf in self._arguments:
            x = leaves[leaf]
            feeds[i] = x.data if isinstance(x, Node) else x
        for i, source, _ in self._parameters:
            feeds[i] = source.data
        for i, source in self._numbers:
            feeds[i] = source.data
            if feeds[i].__class__ is not float:
                raise StaleError
        for i, array in self._arrays:
            feeds[i] = array
        for i, packed, shape in self._packed:
            feeds[i] = packed.read(leaves)
            if feeds[i].shape != shape or feeds[i].dtype != np.float64:
                raise StaleError
        return feeds

    def call(self, leaves: Sequence[Any]) -> Any:
        """Results for these argument leaves, as Values.

        Raises
        ------
        StaleError
            If another recording is needed.
        """
        recording = self.recording
        if self.warmth.left >= 0 and self.warmth.rises():
            self.idle = []
        feeds, runner = self.feeds(leaves), self.runner()
        outputs = runner.forward(feeds)
        n, m = recording.count, recording.count + len(recording.written)
        if len(outputs) > n:
            for truth, found in zip(recording.guards, outputs[m:], strict=False):
                if bool(found) is not truth:
                    runner.home.append(runner)
                    raise StaleError
            for buffer, new_data in zip(recording.written, outputs[n:m], strict=True):
                buffer.data[...] = new_data
        parents: tuple[Node, ...] = ()
        if recording.gradients:
            parents = self._parents(leaves) if self._roots is None else self._roots
        run = Run(self, runner, parents, feeds)
        floats = recording.floats
        values = [self._value(i, float(x) if i in floats else x, run, parents) for i, x in enumerate(outputs[:n])]
        result = recording.result
        if result.__class__ is Place:
            return values[result.output]
        return map_leaves(lambda _, leaf: values[leaf.output] if isinstance(leaf, Place) else leaf, result, "result")

    def _parents(self, leaves: Sequence[Any]) -> tuple[Node, ...]:
        """The Values that the results are differentiated by."""
        found: list[Node] = []
        for i in self.recording.wrt:
            source = self.recording.sources[i]
            if isinstance(source, Packed):
                found += source.values(leaves)
            else:
                found.append(leaves[source] if source.__class__ is int else source)
        return tuple(found)

    def unpacked(self, gradients: list[Any]) -> list[Any]:
        """Gradients of the differentiated inputs as those of the Values behind them."""
        if not self._packed:
            return gradients
        found: list[Any] = []
        for i, g in zip(self.recording.wrt, gradients, strict=True):
            source = self.recording.sources[i]
            if isinstance(source, Packed):
                numbers = [None] * len(source.members) if g is None else g.tolist()
                found += [numbers[k] for k in source.varied]
            else:
                found.append(g)
        return found

    def runner(self) -> Runner | TapeRunner:
        """One that is idle, or a new one. Its code knows where parameters lie, unless they move again and again."""
        if [id(source.data) for _, source, _ in self._parameters] != self._held:
            for _, source, var in self._parameters:
                data = source.data
                if data.__class__ is float or (data.shape, data.dtype) != (var.shape, var.dtype):
                    raise StaleError
            self._kept = [source.data for _, source, _ in self._parameters]  # kept, so that no id is used twice
            self._held = [*map(id, self._kept)]
            self.idle = []
            self._moves += 1
        try:
            return self.idle.pop()
        except IndexError:  # all are lent
            pass
        if self.recording.taped:
            return TapeRunner(self.recording, self.idle, self.warmth.jit)
        held = {var: s.data for _, s, var in self._parameters} if self._moves <= MOVES else {}
        return Runner(self.recording, held, self.idle, self.warmth.jit)

    def _value(self, i: int, data: Any, run: "Run", parents: tuple[Node, ...]) -> Value:
        node: Value = new(Value)
        node.data = data
        node.grad = None
        node._b = None
        mode = current_mode()
        if i not in self.recording.gradients or not mode.recording:
            closed = i in self.recording.closed and mode.recording
            node.op, node._a, node._info = self.op if closed else CONSTANT, () if closed else None, None
            return node
        node.op, node._a = self.op, parents
        node._info = Info(None, mode.info.scope if mode.info is not None else None, {"run": run, "result": i})
        return node


class Run:
    """One run of a plan, of which the backward pass may still be to come; it lends its runner until then."""

    __slots__ = ("beside", "feeds", "plan", "runner", "wrt")

    def __init__(self, plan: Plan, runner: Runner | TapeRunner, wrt: tuple[Node, ...], feeds: list[Any]) -> None:
        self.plan = plan
        self.runner: Runner | TapeRunner | None = runner
        self.wrt = wrt
        self.feeds = feeds
        self.beside: dict[int, Node] | None = None  # for each result what the function itself gave, in verification

    def __repr__(self) -> str:
        return f"<run of {self.plan.op.name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a result of a compiled function cannot be copied or pickled, as it stands on the buffers of its plan; "
            "copy its `.data`, or what the function itself gives (`.f` of the compiled one)"
        )

    def gradients(self, result: int, seed: Any) -> list[Any]:
        """The gradients of the differentiated inputs, for that of one result."""
        if self.runner is None:
            raise GradientError(
                "backward: a result of a compiled function has one backward(), after which its plan goes on to other "
                "numbers; call the compiled function again, or add up losses before one backward()"
            )
        self._refuse_replaced()
        found = self.plan.unpacked(self.runner.backward(result, seed))
        if len(self.plan.recording.gradients) == 1:
            self.release()
        return found

    def release(self) -> None:
        """Let the next call have the runner."""
        if self.runner is not None:
            self.runner.home.append(self.runner)
            self.runner = None
            self.feeds = []

    def _refuse_replaced(self) -> None:
        """Raise if a Value has been given other data since the call: the function's own rules would see those."""
        recording, feeds = self.plan.recording, self.feeds
        for i, node in zip(recording.wrt, self.wrt, strict=False):
            if node.data is not feeds[i]:  # of packed scalars, always
                break
        else:
            return
        rest = iter(self.wrt)
        for i in recording.wrt:
            source = recording.sources[i]
            if isinstance(source, Packed):
                before = feeds[i].take(source.places)
                now = [node.data for node in islice(rest, len(source.varied))]
                same, name = now == before.tolist() or np.array_equal(now, before, equal_nan=True), None
            else:
                node = next(rest)
                before, now, name = feeds[i], node.data, node.name
                same = now is before or (now.__class__ is float and repr(now) == repr(before))
            if not same:
                name = name or "a Value"
                raise GradientError(
                    f"backward: the data of {name} has been replaced since the compiled function was called, and its "
                    "gradient would be that of the old numbers. Call backward() before, or call the function again."
                )

    def __del__(self) -> None:
        self.release()


def is_array(x: Any) -> bool:
    """Whether this is an array (a Value, which also has data, is none)."""
    return isinstance(x, np.ndarray)


class Result(Operation):
    """The operation behind a result of a compiled function: its rule runs the backward part of the plan."""

    kind = "general"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"compiled({name})", _no_call, (_no_call,), variadic=True, symbol=f"⚙ {name}", reads="compiled"
        )

    def pull_each(
        self, wanted: Sequence[int], gradient: Any, out: Any, operands: Sequence[Any], params: dict[str, Any]
    ) -> list[Any]:
        """The gradients for the wanted operands, from one run."""
        if not wanted:
            return []
        if isinstance(gradient, Node):
            raise GradientError(
                "backward: a compiled function has gradients of first order; differentiate the function itself "
                "(`.f` of the compiled one), and compile the derivative"
            )
        run, result = params["run"], params["result"]
        found = run.gradients(result, gradient)
        if run.beside is not None:
            run.plan.compare(run, result, gradient, found)
        return [found[i] for i in wanted]

    def pull(self, index: int, gradient: Any, out: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        """The gradient for one operand."""
        return self.pull_each([index], gradient, out, operands, params)[0]

    def _make_apply(self) -> Any:
        return _no_call


def _no_call(*_args: Any, **_params: Any) -> Any:
    raise GradientError(
        "compile: a compiled result cannot be computed again step by step, as check_graph, viz.stepper and others do; "
        "give them what the function itself gives, `.f` of the compiled one"
    )
