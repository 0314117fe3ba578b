"""Where no kernel does it: steps that share their work, computed in one go, or one with what another left."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.kinds import General
from tinygrad_edu.ops import attention, gaussian

LARGEST = 1 << 24  # bytes of weights that are kept for the way back: above it they are computed twice


def gradient_of_weights(g: Any, weights: Any, q: Any, k: Any, v: Any, allowed: Any, out: Any = None) -> Any:
    """The gradients of attention by the weights that its forward pass left, which are overwritten."""
    return attention.gradient(g, q, k, v, allowed, out, weights)


def _with_weights(q: Any, k: Any, v: Any, allowed: Any) -> tuple[Any, Any]:
    (batch, n, heads, _), m = q.shape, k.shape[1]
    weights = np.empty(batch * heads * n * m, np.result_type(q, k, v))
    return attention.forward(q, k, v, allowed, None, weights), weights


# Of two results: gelu and its slope; attention and its weights.
GELU_AND_SLOPE = General(
    "gelu_and_slope", lambda x: (gaussian.gelu(x), gaussian.gelu_slope(x)), pull=(None,), push=(None,)
)
WITH_WEIGHTS = General("attention_and_weights", _with_weights, pull=(None,) * 4, push=(None,) * 4)
OF_WEIGHTS = General(
    "attention_gradient_of_weights", lambda g, weights, *rest: gradient_of_weights(g, weights.copy(), *rest),
    pull=(None,) * 6, push=(None,) * 6,
)  # fmt: skip


def paired(steps: Sequence[Step]) -> list[Step]:
    """The same steps, with gelu and its slope as one, and attention leaving its weights for its gradient."""
    return attentions(gelus(steps))


def gelus(steps: Sequence[Step]) -> list[Step]:
    """Gelu and its slope of the same large float32 array are one step."""
    slopes: dict[Var, Step] = {step.operands[0]: step for step in steps if step.op.name == "gelu_slope"}
    both: dict[Step, Step] = {}  # what becomes of a gelu; its slope goes
    gone: set[Step] = set()
    for step in steps:
        slope = slopes.get(step.operands[0]) if step.op.name == "gelu" else None
        if slope is not None and slope not in gone and gaussian.is_large(step.out.size, step.out.dtype):
            both[step] = Step(GELU_AND_SLOPE, step.operands, {}, step.out, (slope.out,))
            gone.add(slope)
    return [both.get(step, step) for step in steps if step not in gone]


def attentions(steps: Sequence[Step]) -> list[Step]:
    """Attention gives its weights beside its result, and its gradient takes them."""
    gradients = {step.operands[1:]: step for step in steps if step.op is attention.attention_gradient}
    instead: dict[Step, Step] = {}
    for step in steps:
        gradient = gradients.get(step.operands) if step.op is attention.attended else None
        if gradient is None or gradient in instead or gradient.out.dtype != step.out.dtype:
            continue
        q, k = step.operands[:2]
        weights = Var("result", (math.prod(q.shape[:3]) * k.shape[1],), step.out.dtype)
        if 0 < weights.nbytes <= LARGEST:
            instead[step] = Step(WITH_WEIGHTS, step.operands, {}, step.out, (weights,))
            instead[gradient] = Step(OF_WEIGHTS, (gradient.operands[0], weights, *step.operands), {}, gradient.out)
    return [instead.get(step, step) for step in steps]
