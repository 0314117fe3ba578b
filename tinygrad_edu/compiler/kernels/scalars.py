"""How a kernel computes one entry: each operation's own forward function, which numba compiles for single numbers.

Only spelling stands here: a NumPy ufunc is called by its name. Some have a faster twin in `functions`, which loops
over it can be compiled to vector instructions.
"""

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.kinds import Elementwise

REDUCTIONS = frozenset({"sum", "mean", "max", "min", "all", "any"})
TRUTHS = frozenset({"all", "any"})
TYPES = frozenset("?bhilqBHILQfd")  # the types that kernels compute with, by dtype.char
TWINS: dict[Any, str] = {np.exp: "exp", np.expm1: "expm1", np.log: "log", np.log1p: "log1p", np.tanh: "tanh"}
OTHERWISE = frozenset({np.floor_divide})  # numba's answers for infinities are not NumPy's
WHOLE = frozenset({  # and of integers, only these
    np.add, np.subtract, np.multiply, np.negative, np.absolute, np.maximum, np.minimum,
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
})  # fmt: skip


@functools.cache
def _loops() -> dict[Any, dict[str, Any]]:
    """The ufuncs that numba compiles, and for which types."""
    ufunc_db: Any = importlib.import_module("numba.np.ufunc_db")
    return {ufunc: ufunc_db.get_ufunc_info(ufunc) for ufunc in ufunc_db.get_ufuncs()}


def is_known(step: Step) -> bool:
    """Whether a kernel can compute a step."""
    if not all(map(_is_number, (*step.operands, step.out))) or step.out.dtype is None:
        return False
    if step.op.name in REDUCTIONS:
        kind = "b" if step.op.name in TRUTHS else "f"
        return step.operands[0].dtype == step.out.dtype and step.out.dtype.kind == kind
    if step.op.name in SPELLED:
        return True
    if not isinstance(step.op, Elementwise) or step.params:
        return False
    return signature(step) is not None


def _is_number(var: Var) -> bool:
    if var.dtype is None:
        return True
    return var.dtype.char in TYPES and var.dtype.isnative


def signature(step: Step) -> tuple[np.dtype[Any], ...] | None:
    """The types that NumPy computes a step with, the result's last; None if a kernel cannot."""
    ufunc = step.op.forward
    if not isinstance(ufunc, np.ufunc) or ufunc.nout != 1 or ufunc in OTHERWISE or ufunc not in _loops():
        return None
    operands = [v.dtype or (type(v.data) if v.role == "constant" else float) for v in step.operands]
    try:
        found = tuple(np.dtype(d) for d in ufunc.resolve_dtypes((*operands, None)))
    except TypeError:
        return None
    loop = f"{''.join(d.char for d in found[:-1])}->{found[-1].char}"
    if ufunc not in WHOLE and any(d.kind in "iu" for d in found[:-1]):
        return None
    return found if loop in _loops()[ufunc] and found[-1] == step.out.dtype else None


def is_slow(step: Step) -> bool:
    """Whether a step is one of the functions that take many instructions, each waiting for the one before."""
    return step.op.name in SPELLED.keys() - {"where", "cast"} or step.op.forward in TWINS


def cast(text: str, dtype: np.dtype[Any]) -> str:
    """An expression in another type."""
    return f"{dtype.name if dtype.char != '?' else 'bool_'}({text})"


def expression(step: Step, operands: Sequence[tuple[str, np.dtype[Any] | None]]) -> str:
    """One entry of the result, from one entry of each operand (its expression, and its type)."""
    assert step.out.dtype is not None
    spelled = SPELLED.get(step.op.name)
    if spelled is not None:
        return spelled(step.out.dtype, *operands)
    types = signature(step)
    assert types is not None
    pairs = zip(operands, types, strict=False)
    xs = [text if dtype == wanted else cast(text, wanted) for (text, dtype), wanted in pairs]
    ufunc: Any = step.op.forward
    twin = TWINS.get(ufunc)
    if twin is not None:
        return f"{twin}_{types[0].name}({xs[0]})"
    return f"np.{ufunc.__name__}({', '.join(xs)})"


def _where(out: np.dtype[Any], condition: Any, x: Any, y: Any) -> str:
    a, b = (text if dtype == out else cast(text, out) for text, dtype in (x, y))
    return f"({a} if {condition[0]} else {b})"


def _cast(out: np.dtype[Any], x: Any) -> str:
    return cast(x[0], out)


def _twin(name: str) -> Callable[..., str]:
    return lambda out, x: f"{name}_{out.name}({x[0] if x[1] == out else cast(x[0], out)})"


SPELLED: dict[str, Callable[..., str]] = {
    "where": _where, "cast": _cast, **{name: _twin(name) for name in ("ndtr", "gelu", "gelu_slope")},
}  # fmt: skip
