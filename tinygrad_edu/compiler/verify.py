"""Runs a function itself beside its plan, and compares: results, gradients, and what is left in buffers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.backward import pull_back
from tinygrad_edu.compiler.plan import Plan, Run
from tinygrad_edu.errors import CompileError
from tinygrad_edu.graph import topological
from tinygrad_edu.op import Node
from tinygrad_edu.transforms.trees import flatten

TOLERANCE = {"e": 1e-1, "f": 1e-3, "d": 1e-9, "g": 1e-9}  # relative to the largest entry, by dtype.char


def verified(plan: Plan, leaves: Sequence[Any], eager: Callable[[], Any]) -> Any:
    """What the plan gives, after it was compared with what the function gives; gradients are compared in backward.

    Raises
    ------
    CompileError
        If they differ; the message says where, and by how much.
    """
    recording = plan.recording
    buffers = [(buffer, buffer.data.copy()) for buffer in recording.written]
    states = [(rng, rng.bit_generator.state) for rng in recording.generators]
    expected = eager()
    left = [buffer.data.copy() for buffer, _ in buffers]
    for buffer, data in buffers:
        buffer.data[...] = data
    for rng, state in states:
        rng.bit_generator.state = state
    found = plan.call(leaves)
    pairs = list(zip(flatten(found, "the result"), flatten(expected, "the result"), strict=True))
    for (where, ours), (_, theirs) in pairs:
        compare(where, _plain(ours), _plain(theirs))
    for i, (buffer, data) in enumerate(zip(recording.written, left, strict=True)):
        compare(f"buffer {i}", buffer.data, data)
    _watch([(ours, theirs) for (_, ours), (_, theirs) in pairs if isinstance(ours, Node) and ours.params])
    return found


def _watch(pairs: Sequence[tuple[Any, Any]]) -> None:
    """Have the gradients of the plan's results compared with those of the function's."""
    for ours, theirs in pairs:
        run: Run = ours.params["run"]
        run.beside = {**(run.beside or {}), ours.params["result"]: theirs}


def compare_gradients(run: Run, result: int, seed: Any, found: Sequence[Any]) -> None:
    """Compare gradients of a plan with those of the function, which has run beside it."""
    assert run.beside is not None
    root = run.beside[result]
    expected = pull_back(topological(root), {root: seed})
    for x, ours in zip(run.wrt, found, strict=True):
        theirs = expected.get(x)
        if ours is None or theirs is None:
            zero = all(g is None or not np.any(g) for g in (ours, theirs))
            if not zero:
                raise CompileError(f"compile: only one of plan and function has a gradient of {_named(x)}")
            continue
        compare(f"the gradient of {_named(x)}", ours, theirs)


def compare(where: str, ours: Any, theirs: Any) -> None:
    """Raise unless two results agree to rounding."""
    a, b = np.asarray(ours), np.asarray(theirs)
    if a.shape != b.shape or a.dtype != b.dtype:
        raise CompileError(
            f"compile: {where} has shape {a.shape} and type {a.dtype} from the plan, {b.shape} and {b.dtype} from the "
            "function itself"
        )
    if not a.size or a.dtype.kind != "f":
        if not np.array_equal(a, b):
            raise CompileError(f"compile: {where} differs between the plan and the function itself")
        return
    size = max(float(np.max(np.abs(b[np.isfinite(b)]), initial=0.0)), float(np.finfo(b.dtype).tiny))
    wrong = ~np.isclose(a, b, rtol=0.0, atol=TOLERANCE[a.dtype.char] * size, equal_nan=True)
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise CompileError(
            f"compile: {where} differs at {at}: {a[at]!r} from the plan, {b[at]!r} from the function itself "
            f"({int(wrong.sum())} of {a.size} entries). Does it depend on something that changes between calls?"
        )


def _plain(x: Any) -> Any:
    return x.data if isinstance(x, Node) else x


def _named(x: Any) -> str:
    return repr(x.name) if x.name else f"a value of shape {np.shape(x.data)}"
