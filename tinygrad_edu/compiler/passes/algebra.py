"""Algebra that cannot change a result beyond rounding: what does nothing is left out, what is short is written short.

`RULES` has one function for each operation; it gets the step, and the steps that made its operands.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.compiler.passes.rewriting import Rewrite, constant, result, rewrite
from tinygrad_edu.compiler.program import Program, Step, Var, axes_of
from tinygrad_edu.op import REGISTRY
from tinygrad_edu.ops.indexing import At

Made = Mapping[Var, Step]


def simplify(program: Program) -> Program:
    """The program with the rules of `RULES` applied to each step, first to last."""
    made: dict[Var, Step] = {}

    def rule(step: Step) -> Rewrite:
        for change in RULES.get(step.op.name, ()):
            found = change(step, made)
            if found is not None:
                if isinstance(found, list):
                    made.update({new.out: new for new in found})
                return found
        made[step.out] = step
        return None

    return rewrite(program, rule)


def number(var: Var) -> float | None:
    """The one number that a constant consists of, or None."""
    if var.role != "constant" or (var.size != 1 and not _is_uniform(var.data)):
        return None
    data = np.asarray(var.data)
    return float(data.flat[0]) if data.size and data.dtype.kind in "biuf" else None


def _is_uniform(data: Any) -> bool:
    """Whether an array repeats one number in memory, as `np.broadcast_to` makes it."""
    return isinstance(data, np.ndarray) and data.size > 0 and not any(data.strides)


def _same(step: Step, x: Var) -> Var | None:
    """`x` if it can stand for the result: the same shape and type."""
    return x if (x.shape, x.dtype) == (step.out.shape, step.out.dtype) else None


def _itself(step: Step, made: Made) -> Rewrite:
    return _same(step, step.operands[0])


def _neutral(value: float, *places: int) -> Callable[[Step, Made], Rewrite]:
    """The other operand, where the one at one of these places is a number that changes nothing."""

    def rule(step: Step, made: Made) -> Rewrite:
        for i in places:
            found = number(step.operands[i])
            if found == value and math.copysign(1.0, found) == math.copysign(1.0, value):  # -0.0 - -0.0 is 0.0
                return _same(step, step.operands[1 - i])
        return None

    return rule


def _undone(step: Step, made: Made) -> Rewrite:
    """-(-x) is x."""
    inner = made.get(step.operands[0])
    return _same(step, inner.operands[0]) if inner is not None and inner.op is step.op else None


def _square(step: Step, made: Made) -> Rewrite:
    x, y = step.operands
    if number(y) == 2.0 and y.size == 1 and x.dtype == step.out.dtype and x.shape == step.out.shape:
        return [_in_place(step, result(REGISTRY["square"], (x,), step.out))]
    return None


def _in_place(step: Step, new: Step) -> Step:
    """`new` with the result of `step`, so that nothing after it need be told."""
    return Step(new.op, new.operands, new.params, step.out)


def _reshaped(step: Step, made: Made) -> Rewrite:
    """A reshape to the same shape is nothing; of a reshape (or of new and lost axes of length 1), it is one reshape."""
    x = step.operands[0]
    if x.shape == step.out.shape:
        return _same(step, x)
    inner = made.get(x)
    if inner is not None and inner.op.name in ROWS:
        if inner.operands[0].shape == step.out.shape:
            return _same(step, inner.operands[0])
        return [Step(REGISTRY["reshape"], inner.operands, {"shape": step.out.shape}, step.out)]
    return None


ROWS = ("reshape", "squeeze", "expand_dims")  # the numbers stay in their order


def _order(step: Step) -> tuple[int, ...]:
    """Where each axis of a transposition comes from."""
    n = len(step.operands[0].shape)
    if step.op.name == "swapaxes":
        order = list(range(n))
        i, j = step.params["axis1"] % n, step.params["axis2"] % n
        order[i], order[j] = order[j], order[i]
        return tuple(order)
    axes = step.params["axes"]
    return tuple(range(n))[::-1] if axes is None else tuple(int(axis) % n for axis in axes)


def _transposed(step: Step, made: Made) -> Rewrite:
    """A transposition of a transposition is one, or none."""
    if not step.operands[0].shape:
        return _same(step, step.operands[0])
    order = _order(step)
    if order == tuple(range(len(order))):
        return _same(step, step.operands[0])
    inner = made.get(step.operands[0])
    if inner is None or inner.op.name not in ("transpose", "swapaxes"):
        return None
    joined = tuple(_order(inner)[i] for i in order)
    if joined == tuple(range(len(joined))):
        return _same(step, inner.operands[0])
    return [Step(REGISTRY["transpose"], inner.operands, {"axes": joined}, step.out)]


def _scattered(step: Step, made: Made) -> Rewrite:
    """The sums over rows that hold one number each, as the gradient of a choice among classes does."""
    inner = made.get(step.operands[0])
    if inner is None or inner.op.name != "scatter_at" or step.params["axis"] not in (-1, 1, (1,), (-1,)):
        return None
    index, g = inner.params["index"], inner.operands[0]
    one_each = isinstance(index, tuple) and len(index) == 2 and counts_up(index[0]) and isinstance(index[1], At)
    if not one_each or g.shape != inner.out.shape[:1] or len(inner.out.shape) != 2 or g.dtype != step.out.dtype:
        return None
    return _from_nothing(step, g)


def counts_up(rows: Any) -> bool:
    """Whether an index is 0, 1, 2, ..."""
    return isinstance(rows, np.ndarray) and rows.ndim == 1 and np.array_equal(rows, np.arange(rows.size))


def _summed(step: Step, made: Made) -> Rewrite:
    """A sum over axes of length 1 needs no adding up."""
    x = step.operands[0]
    if x.dtype is not None and x.dtype == step.out.dtype and math.prod(x.shape[i] for i in axes_of(step)) == 1:
        return _from_nothing(step, x)
    return None


def _from_nothing(step: Step, x: Var) -> Rewrite:
    """The numbers of `x` in the shape of the result, as a sum gives them: that of -0.0 alone is 0.0."""
    row = Step(REGISTRY["reshape"], (x,), {"shape": step.out.shape}, step.out)
    if step.out.dtype is not None and step.out.dtype.kind in "biu":
        return [row]
    row.out = result(row.op, (x,), step.out).out
    return [row, Step(REGISTRY["add"], (row.out, constant(0.0)), {}, step.out)]


def _exponential(step: Step, made: Made) -> Rewrite:
    """exp(s - log t) is exp(s) / t: in the gradient of a log-softmax both parts are there already.

    Only where s is x - max(x) and t is the sum of exp(s), so at least 1: elsewhere one of them could leave the range.
    """
    difference = _made_by("subtract", step.operands[0], made)
    logarithm = difference and _made_by("log", difference.operands[1], made)
    if difference is None or logarithm is None:
        return None
    s, t = difference.operands[0], logarithm.operands[0]
    total, shift = _made_by("sum", t, made), _made_by("subtract", s, made)
    if total is None or shift is None or (s.shape, s.dtype) != (step.out.shape, step.out.dtype):
        return None
    x, peak = shift.operands
    exponential, top = _made_by("exp", total.operands[0], made), _maximum(peak, made)
    if exponential is None or exponential.operands[0] is not s or top is None or top.operands[0] is not x:
        return None
    if not (total.params["keepdims"] and top.params["keepdims"] and total.params["axis"] == top.params["axis"]):
        return None
    e = result(step.op, (s,), step.out)
    return [e, Step(REGISTRY["divide"], (e.out, t), {}, step.out)]


def _made_by(name: str, var: Var, made: Made) -> Step | None:
    """The step that made a variable, if it was this operation."""
    step = made.get(var)
    return step if step is not None and step.op.name == name else None


def _maximum(peak: Var, made: Made) -> Step | None:
    """The step that took the largest entries, if that is what `peak` holds (0 where they are infinite)."""
    choice = _made_by("where", peak, made)
    if choice is None:
        return _made_by("max", peak, made)
    question, largest, other = choice.operands
    finite = _made_by("isfinite", question, made)
    known = finite is not None and finite.operands[0] is largest and other.role == "constant" and not np.any(other.data)
    return _made_by("max", largest, made) if known else None


RULES: Mapping[str, tuple[Callable[[Step, Made], Rewrite], ...]] = {
    "identity": (_itself,),
    "positive": (_itself,),
    "stop_gradient": (_itself,),
    "conjugate": (_itself,),
    "real": (_itself,),
    "cast": (_itself,),
    "broadcast_to": (_itself,),
    "multiply": (_neutral(1.0, 0, 1),),
    "divide": (_neutral(1.0, 1),),
    "subtract": (_neutral(0.0, 1),),
    "power": (_neutral(1.0, 1), _square),
    "maximum": (_neutral(-math.inf, 0, 1),),
    "minimum": (_neutral(math.inf, 0, 1),),
    "negative": (_undone,),
    "reshape": (_reshaped,),
    "expand_dims": (_reshaped,),
    "squeeze": (_reshaped,),
    "transpose": (_transposed,),
    "swapaxes": (_transposed,),
    "sum": (_summed, _scattered),
    "exp": (_exponential,),
}
