"""After differentiation: what only lifted programs have becomes steps that write into buffers, and views of them."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.compiler.lift import ops as _ops  # noqa: F401 - enters the operations
from tinygrad_edu.compiler.passes.rewriting import Rewrite, rewrite
from tinygrad_edu.compiler.program import Program, Step, Var
from tinygrad_edu.kinds import General
from tinygrad_edu.op import named
from tinygrad_edu.ops.elementwise import multiply

RESHAPE, TRANSPOSE, GETITEM, SCATTER, ORDERED_SUM, GATHER = (
    named(name) for name in ("reshape", "transpose", "getitem", "scatter", "ordered_sum", "gather")
)


def _first_plus(x: Any, start: Any) -> Any:
    out = np.array(x)
    out[0] += start
    return out


FIRST_PLUS = General("first_plus", _first_plus, pull=(None, None), push=(None, None), reads="1")


def lower_lifted(program: Program) -> Program:
    """Ordered sums of products, and regular parts that are one run of entries, in terms of simpler steps."""
    return rewrite(program, lambda step: RULES[step.op.name](step) if step.op.name in RULES else None)


def _dot(step: Step) -> Rewrite:
    """A product, the start added to its first term, and an ordered sum."""
    start, x, y = step.operands
    of_x, of_y, of_out = step.params["axes"]
    if x.dtype is None or y.dtype is None or not set(of_out) <= set(of_x) | set(of_y):
        return None
    steps: list[Step] = []
    factors = [_aligned(var, axes, of_out, steps) for var, axes in ((x, of_x), (y, of_y))]
    terms = (x.shape[of_x.index("k")], *step.out.shape)
    product = _made(steps, multiply, factors, terms, step.out)
    begun = _made(steps, FIRST_PLUS, [product, start], terms, step.out)
    return [*steps, Step(ORDERED_SUM, (begun,), {}, step.out)]


def _aligned(var: Var, axes: str, out: str, steps: list[Step]) -> Var:
    """The factor with its summed axis first and the axes of the result after it, of size 1 where it has none."""
    order = (axes.index("k"), *(axes.index(a) for a in out if a in axes))
    shape = tuple([var.shape[i] for i in order])
    if order != tuple(range(len(order))):
        var = _made(steps, TRANSPOSE, [var], shape, var, axes=order)
    full = (shape[0], *(var.shape[1 + [b for b in out if b in axes].index(a)] if a in axes else 1 for a in out))
    return var if var.shape == full else _made(steps, RESHAPE, [var], full, var, shape=full)


def _made(steps: list[Step], op: Any, operands: list[Var], made: tuple[int, ...], like: Var, /, **params: Any) -> Var:
    out = Var("result", made, like.dtype, None, like.name, like.scope, like.line)
    steps.append(Step(op, tuple(operands), {**op.defaults, **params}, out))
    return out


def _read(step: Step) -> Rewrite:
    """A run of entries as a slice."""
    [x], params = step.operands, step.params
    if not is_row(params["shape"], params["strides"]):
        return None
    steps: list[Step] = []
    size = math.prod(params["shape"])
    flat = x if len(x.shape) == 1 else _made(steps, RESHAPE, [x], (x.size,), x, shape=(x.size,))
    run = _made(steps, GETITEM, [flat], (size,), step.out, index=slice(params["start"], params["start"] + size))
    return [*steps, Step(RESHAPE, (run,), {"shape": params["shape"]}, step.out)]


def _write(step: Step) -> Rewrite:
    """The same back: zeros around a run of entries."""
    [x], params = step.operands, step.params
    if not is_row(x.shape, params["strides"]):
        return None
    steps: list[Step] = []
    total, place = math.prod(params["shape"]), slice(params["start"], params["start"] + x.size)
    flat = x if len(x.shape) == 1 else _made(steps, RESHAPE, [x], (x.size,), x, shape=(x.size,))
    whole = _made(steps, SCATTER, [flat], (total,), step.out, index=place, shape=(total,))
    return [*steps, Step(RESHAPE, (whole,), {"shape": params["shape"]}, step.out)]


def _ungather(step: Step) -> Rewrite:
    """Where every entry is named once, what is added at these places is what is read at their inverse."""
    [x], index = step.operands, step.params["index"].reshape(-1)
    if index.size != step.out.size or not bool((np.bincount(index, minlength=index.size) == 1).all()):
        return None
    return [Step(GATHER, (x,), {"index": np.argsort(index).reshape(step.out.shape)}, step.out)]


def is_row(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether a regular part is one run of entries without gaps."""
    steps = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    return all(n == 1 or stride == step for n, stride, step in zip(shape, strides, steps, strict=True))


RULES: Mapping[str, Callable[[Step], Rewrite]] = {
    "ordered_dot": _dot,
    "strided": _read,
    "unstrided": _write,
    "ungather": _ungather,
}
