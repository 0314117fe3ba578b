"""`tinygrad_edu.compile`: a function whose calls are recorded once for each signature, and then run as plans."""

import functools
import operator
import sys
from collections import OrderedDict
from collections.abc import Callable
from types import MethodType
from typing import Any

import numpy as np

from tinygrad_edu.compiler.explain import explain
from tinygrad_edu.compiler.failures import FunctionError, cause_of
from tinygrad_edu.compiler.lift.calls import lifted_recording
from tinygrad_edu.compiler.passes import optimise
from tinygrad_edu.compiler.pictured import graph_of
from tinygrad_edu.compiler.plan import Plan, StaleError
from tinygrad_edu.compiler.record import BUT_SCALARS, Place, Recording, record_call
from tinygrad_edu.compiler.second import Sketch, refuse_unless_same
from tinygrad_edu.compiler.taped import can_be_taped, taped
from tinygrad_edu.compiler.verify import compare_gradients, verified
from tinygrad_edu.errors import ArgumentError, CompileError
from tinygrad_edu.mode import current_mode
from tinygrad_edu.op import CONSTANT, Node
from tinygrad_edu.transforms.trees import map_leaves

PLANS = 16  # how many signatures a function remembers
VARIANTS = 4  # and how many recordings of each, for other settings and other answers to questions
DECIDING = (bool, int, str, bytes, np.bool_, np.character)  # arguments that tell plans apart by what they are


def compile(f: Callable[..., Any], *, verify: bool = False, plans: int = PLANS, jit: bool | None = None) -> "Compiled":
    """The same function, recorded at its first call with each signature and run as a plan from then on.

    A signature is the shapes and types of the arrays, Values and floats among the arguments, and the values of
    everything else (ints, bools, text). Parameters and arrays that `f` uses from outside are read anew at each call.
    ``backward()`` of a result works as without `compile`, once. Inside, arguments are Values, also plain ones; results
    are Values. docs/compile.md says what is watched, and what to write instead of what is refused.

    Parameters
    ----------
    f : callable
        Of arrays, Values and containers of them; returns Values, or containers of them.
    verify : bool
        Run `f` itself beside each plan, and compare results and gradients.
    plans : int
        How many signatures to remember; the one that was not used for longest is forgotten.
    jit : bool, optional
        Whether groups of steps become kernels, compiled by numba (the extra ``[jit]``): True from the first call on,
        False never. If not given, a plan that has run 20 times gets them, where numba is installed.

    Returns
    -------
    Compiled

    Raises
    ------
    CompileError
        At a call, where the plan could give a wrong number: `f` branches on a traced value, takes a number out of
        it, or changes what it must not. The message has the line.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> w = Value([1.0, 2.0])
    >>> fast = compile(lambda x: ((x * w) ** 2).sum())
    >>> for _ in range(3):
    ...     w.zero_grad()
    ...     loss = fast(np.array([3.0, 1.0]))
    ...     loss.backward()
    ...     w.data -= 0.1 * w.grad
    >>> w.data
    array([-0.512,  1.024])
    """
    if not callable(f):
        raise ArgumentError(f"compile: expected a function, got {type(f).__name__}")
    if not isinstance(plans, int) or plans < 1:
        raise ArgumentError(f"compile: plans, how many signatures to remember, must be at least 1, got {plans!r}")
    return Compiled(f, verify, plans, jit)


class Compiled:
    """What `compile` gives back: call it as the function itself."""

    read_by_calls = "f"  # all that another recording depends on

    def __init__(
        self, f: Callable[..., Any], verify: bool = False, plans: int = PLANS, jit: bool | None = None
    ) -> None:
        self.f = f
        self.jit = jit
        self.verify = verify
        self.limit = plans
        self.plans: OrderedDict[Any, list[Plan]] = OrderedDict()
        self.latest: Arguments | None = None
        functools.update_wrapper(self, f, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What ``f(*args, **kwargs)`` gives."""
        try:
            return self._call(args, kwargs)
        except FunctionError as error:
            failed = cause_of(error)
        raise failed  # out here, so that it comes as the function raised it

    def __repr__(self) -> str:
        count = sum(map(len, self.plans.values()))
        return f"<compiled {_name_of(self.f)}, {count} plan{'s' if count != 1 else ''}>"

    def __reduce__(self) -> Any:
        """For copies and pickle: the same function, still without plans; a decorated one is known by its name."""
        held: Any = sys.modules.get(getattr(self.f, "__module__", None) or "")
        try:
            held = operator.attrgetter(self.f.__qualname__)(held)
        except AttributeError:  # it is inside a function, or has no name
            held = None
        return self.f.__qualname__ if held is self else (Compiled, (self.f, self.verify, self.limit, self.jit))

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Make it a method where it stands in a class, as a function would be."""
        return self if instance is None else MethodType(self, instance)

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        mode = current_mode()
        if mode.capture is not None or mode.trace is not None or mode.anomaly is not None:
            return self.f(*args, **kwargs)
        self.latest = arguments = Arguments(args, kwargs)
        key = (mode.recording, *arguments.key)
        known = self.plans.get(key, ())
        if known:
            self.plans.move_to_end(key)
        for plan in known:
            environment = plan.recording.environment
            if environment.is_unchanged():
                try:
                    if plan.first is not None and not (plan.looked and environment.none_moved()):
                        self._look_again(plan, arguments)
                    return self._run(plan, arguments) if self.verify else plan.call(arguments.leaves)
                except StaleError:
                    continue
        plan = self._plan(arguments, mode.recording)
        self.plans[key] = [plan, *known][:VARIANTS]
        while len(self.plans) > self.limit:
            self.plans.popitem(last=False)
        return self._run(plan, arguments)

    def explain(self) -> str:
        """Each plan in words: what it computes, what each pass did, buffers, cost, code.

        Examples
        --------
        >>> from tinygrad_edu import Value
        >>> fast = compile(lambda x: (x * 1.0 + 2.0).sum())
        >>> fast(Value([1.0, 2.0])).item()
        7.0
        >>> for line in fast.explain().splitlines()[:2]:
        ...     print(line)
        plan of compiled(<lambda>): 2 steps
          arguments: argument 0 float64[2]
        """
        plans = [plan for variants in self.plans.values() for plan in variants]
        return "\n".join(map(explain, plans)) or "no plan yet: call the function first"

    def graph(self, scalars: bool = False) -> Any:
        """The plan of the latest call as a graph of Values with its numbers: what ``viz.draw`` draws.

        Where scalars were lifted, these are the arrays that took their place. Where numba makes kernels, each has a
        scope of its own, with the steps that are fused in it.

        Parameters
        ----------
        scalars : bool
            Give lifted scalars as they were written, with a scope for each array that they became.

        Raises
        ------
        CompileError
            If there was no call yet.
        """
        arguments = self.latest
        if arguments is None:
            raise CompileError("compile: there is no plan to draw yet; call the compiled function first")
        self(*arguments.args, **arguments.kwargs)
        plan = self.plans[(current_mode().recording, *arguments.key)][0]
        found = graph_of(plan, arguments.leaves, scalars, self.jit)
        result = plan.recording.result
        return map_leaves(lambda _, leaf: found[leaf.output] if isinstance(leaf, Place) else leaf, result, "")

    def _look_again(self, plan: Plan, arguments: "Arguments") -> None:
        """At the second call, and when Values have moved: record once more, and refuse a plan with a frozen number."""
        environment, sketch = plan.recording.environment, plan.first
        first = plan.scalar or plan.recording
        differentiate = plan.scalar is None and current_mode().recording
        again = record_call(self.f, arguments.traced, differentiate)
        if sketch is not None and again.guards == first.guards:  # another thread may have been here meanwhile
            refuse_unless_same(first, sketch, again)
            plan.looked = True
            environment.values = environment.unmoved()
            plan.first = plan.first if environment.values else None

    def _run(self, plan: Plan, arguments: "Arguments") -> Any:
        if not self.verify:
            return plan.call(arguments.leaves)
        return verified(plan, arguments.leaves, lambda: self.f(*arguments.args, **arguments.kwargs))

    def _record(self, arguments: "Arguments", differentiate: bool) -> tuple[Recording | None, Recording]:
        """The recording of a call; where scalars could be lifted, that of arrays, and before it that of the scalars."""
        made = record_call(self.f, arguments.traced, differentiate and BUT_SCALARS)
        lifted = lifted_recording(made, arguments.leaves, differentiate)
        if lifted is not None:
            return made, lifted
        if differentiate and can_be_taped(made):
            return made, taped(made)
        if differentiate and not made.differentiated:
            made = record_call(self.f, arguments.traced, differentiate)
        return None, made

    def _plan(self, arguments: "Arguments", recording: bool) -> Plan:
        scalar, made = self._record(arguments, recording)
        first = Sketch((scalar or made).program)
        if not made.taped:
            made.program, made.passes = optimise(made.program)
        plan = Plan(made, _name_of(self.f), self.jit)
        plan.first, plan.scalar = first, scalar
        plan.compare = compare_gradients if self.verify else None
        return plan


def _name_of(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", type(f).__name__)


class Arguments:
    """The arguments of a call: what is fed to a plan, and what tells plans apart."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args, self.kwargs = args, kwargs
        self.leaves: list[Any] = []
        self.key: tuple[Any, ...] = ()
        parts: list[Any] = []
        for leaf in args:
            self._see(leaf, parts)
        for name in sorted(kwargs) if kwargs else ():
            parts.append(name)
            self._see(kwargs[name], parts)
        self.key = tuple(parts)

    def _see(self, leaf: Any, parts: list[Any]) -> None:
        kind = leaf.__class__
        if kind is np.ndarray:
            self.leaves.append(leaf)
            parts += (leaf.shape, leaf.dtype.char)
        elif isinstance(leaf, Node):
            self.leaves.append(leaf)
            data = leaf.data
            shape = "float" if data.__class__ is float else (data.shape, data.dtype.char)
            parts += ("Value", shape, leaf.op is CONSTANT)
        elif kind is float:
            self.leaves.append(leaf)
            parts.append(float)
        elif kind is tuple or kind is list:
            parts += (kind, len(leaf))
            if set(map(type, leaf)) == {float}:
                self.leaves += leaf
                parts.append(float)
                return
            for item in leaf:
                self._see(item, parts)
        elif kind is dict:
            parts += (dict, *leaf)
            for item in leaf.values():
                self._see(item, parts)
        elif leaf is None or isinstance(leaf, DECIDING):
            parts += (kind, leaf)
        elif isinstance(leaf, (np.generic, np.ndarray)):
            self.leaves.append(leaf)
            parts += (kind, leaf.shape, leaf.dtype.char)
        else:  # told apart by who it is
            found: list[Any] = []
            map_leaves(lambda _, item: found.append(item), leaf, "")
            if len(found) == 1 and found[0] is leaf:
                parts += (kind, _Identity(leaf))
            else:  # a named tuple, a dataclass
                parts += (kind, len(found))
                for item in found:
                    self._see(item, parts)

    def traced(self, trace: Callable[[str, Any], Any]) -> tuple[Any, Any]:
        """The arguments with ``trace(name, leaf)`` in the place of each leaf, in the order of `leaves`."""

        def place(path: str, leaf: Any) -> Any:
            if isinstance(leaf, DECIDING) or not isinstance(leaf, (Node, float, np.ndarray, np.generic)):
                return leaf
            return trace(path, leaf)

        args = tuple([map_leaves(place, leaf, f"argument {i}") for i, leaf in enumerate(self.args)])
        return args, {name: map_leaves(place, self.kwargs[name], name) for name in sorted(self.kwargs)}


class _Identity:
    """An object in a key: equal only to itself, and kept alive with the key."""

    __slots__ = ("of",)

    def __init__(self, of: Any) -> None:
        self.of = of

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.of is self.of

    def __hash__(self) -> int:
        return id(self.of)
