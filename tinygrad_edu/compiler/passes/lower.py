"""Composed operations become the NumPy functions that they are made of.

No second table of formulas: the operation's own forward function is run on traced values, and what it does is
recorded. So sigmoid becomes abs, negative, exp, ..., each of which can write into a buffer, and what forward and
backward share is seen by the passes that follow.
"""

import numpy as np

from tinygrad_edu.compiler.emit import is_scalar, view_of, writer_of
from tinygrad_edu.compiler.passes.rewriting import Rewrite, constant, rewrite
from tinygrad_edu.compiler.program import Program, Step, Var
from tinygrad_edu.compiler.traced import INPUT, Capture, Traced
from tinygrad_edu.errors import TinygradEduError
from tinygrad_edu.kinds import Elementwise
from tinygrad_edu.mode import capturing
from tinygrad_edu.op import CONSTANT, Node

# Operations that look at more than one entry at a time, and are worth taking apart.
WIDE = frozenset({"softmax", "log_softmax", "logsumexp", "var", "std", "euclidean_norm", "power_norm"})


def lower(program: Program) -> Program:
    """The program with composed operations replaced by what they are composed of, where that can write to buffers."""
    return rewrite(program, _lowered)


def _lowered(step: Step) -> Rewrite:
    composed = isinstance(step.op, Elementwise) or step.op.name in WIDE
    if not composed or is_scalar(step.out) or not step.out.size or writer_of(step) or view_of(step):
        return None
    capture = Capture()
    try:
        with capturing(capture), np.errstate(all="ignore"):
            inputs = [capture.argument(_stand_in(var), False, "x") for var in step.operands]
            found = step.op.forward(*inputs, **step.params)
    except (TinygradEduError, TypeError, ValueError):  # it looks at its numbers, or fills an array
        return None
    if not isinstance(found, Traced) or capture.outside or capture.checks or found.op is INPUT:
        return None
    known: dict[Node, Var] = dict(zip(inputs, step.operands, strict=True))
    steps = [_step(node, known, step) for node in capture.nodes if node.parents]
    out = known[found]
    if (out.shape, out.dtype) != (step.out.shape, step.out.dtype):
        return None
    if any(writer_of(made) is None and view_of(made) is None for made in steps):
        return None
    last = next(i for i, made in enumerate(steps) if made.out is out)
    return steps[: last + 1]


def _stand_in(var: Var) -> object:
    if var.role == "constant":
        return var.data
    return 1.0 if var.dtype is None else np.broadcast_to(np.ones((), var.dtype), var.shape)


def _step(node: Node, known: dict[Node, Var], of: Step) -> Step:
    for parent in node.parents:
        if parent not in known:
            assert parent.op is CONSTANT
            known[parent] = constant(parent.data)
    dtype = None if node.data.__class__ is float else np.result_type(node.data)
    known[node] = Var("result", np.shape(node.data), dtype, None, of.out.name, of.out.scope, of.out.line)
    return Step(node.op, tuple(known[parent] for parent in node.parents), node.params, known[node])
