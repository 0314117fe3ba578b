"""Questions about data: comparisons, positions, shapes. They have no derivative.

Eagerly they are answered with plain booleans and integers. While `tinygrad_edu.compile` records a function,
the answer is a node, so that the question is asked anew at each run; one whose answer decides how much
there is to compute (`np.nonzero`) is refused.
"""

import operator
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from tinygrad_edu.errors import CompileError
from tinygrad_edu.kinds import Elementwise, General
from tinygrad_edu.mode import current_mode
from tinygrad_edu.op import Node, Operation

# Answered by shapes and types, whatever the numbers are.
OF_SHAPES: Final[set[Callable[..., Any]]] = {
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.common_type, np.min_scalar_type, np.isreal,
    np.iscomplex, np.iscomplexobj, np.isrealobj, np.zeros_like, np.ones_like, np.empty_like, np.einsum_path,
    np.may_share_memory, np.shares_memory, np.tril_indices_from, np.triu_indices_from, np.diag_indices_from,
}  # fmt: skip

# Answered by the numbers, in a shape that they have no say in; the others of NumPy's questions follow below.
_SHAPED_BY_NUMBERS: Final[set[Callable[..., Any]]] = {
    np.argwhere, np.nonzero, np.flatnonzero, np.lexsort, np.histogram_bin_edges,
    np.array2string, np.array_str, np.array_repr, np.save, np.savetxt, np.savez, np.savez_compressed,
}  # fmt: skip


def _truth(question: Callable[..., Any]) -> Callable[..., float]:
    """The answer for Python floats as one, which is what a plain boolean becomes in an expression."""
    return lambda *xs: float(bool(question(*xs)))


def _each(ufunc: np.ufunc, scalar: Callable[..., Any] | None = None) -> Operation:
    return Elementwise(ufunc.__name__, ufunc, along=(None,) * ufunc.nin, scalar=_truth(scalar or ufunc), reads="0")


def _whole(name: str, forward: Callable[..., Any], arity: int = 1) -> Operation:
    return General(name, forward, pull=(None,) * arity, push=(None,) * arity, reads="0")


def _pairs(f: Callable[[bool, bool], Any]) -> Callable[[float, float], Any]:
    return lambda x, y: f(bool(x), bool(y))


QUESTIONS: Final[dict[Callable[..., Any], Operation]] = {
    np.greater: _each(np.greater, operator.gt),
    np.greater_equal: _each(np.greater_equal, operator.ge),
    np.less: _each(np.less, operator.lt),
    np.less_equal: _each(np.less_equal, operator.le),
    np.equal: _each(np.equal, operator.eq),
    np.not_equal: _each(np.not_equal, operator.ne),
    np.isfinite: _each(np.isfinite),
    np.isinf: _each(np.isinf),
    np.isnan: _each(np.isnan),
    np.signbit: _each(np.signbit),
    np.logical_and: _each(np.logical_and),
    np.logical_or: _each(np.logical_or),
    np.logical_xor: _each(np.logical_xor),
    np.logical_not: _each(np.logical_not),
    np.bitwise_and: _each(np.bitwise_and, _pairs(operator.and_)),
    np.bitwise_or: _each(np.bitwise_or, _pairs(operator.or_)),
    np.bitwise_xor: _each(np.bitwise_xor, _pairs(operator.xor)),
    np.invert: _each(np.invert, operator.not_),
    np.isneginf: _whole("isneginf", lambda x: np.isneginf(x)),
    np.isposinf: _whole("isposinf", lambda x: np.isposinf(x)),
    np.any: _whole("any", lambda a, axis=None, keepdims=False: np.any(a, axis, keepdims=keepdims)),
    np.all: _whole("all", lambda a, axis=None, keepdims=False: np.all(a, axis, keepdims=keepdims)),
    np.count_nonzero: _whole(
        "count_nonzero", lambda a, axis=None, keepdims=False: np.count_nonzero(a, axis, keepdims=keepdims)
    ),
    np.argmax: _whole("argmax", lambda a, axis=None, keepdims=False: np.argmax(a, axis, keepdims=keepdims)),
    np.argmin: _whole("argmin", lambda a, axis=None, keepdims=False: np.argmin(a, axis, keepdims=keepdims)),
    np.nanargmax: _whole("nanargmax", lambda a, axis=None, keepdims=False: np.nanargmax(a, axis, keepdims=keepdims)),
    np.nanargmin: _whole("nanargmin", lambda a, axis=None, keepdims=False: np.nanargmin(a, axis, keepdims=keepdims)),
    np.argsort: _whole("argsort", lambda a, axis=-1, kind=None, stable=None: np.argsort(a, axis, kind, stable=stable)),
    np.argpartition: _whole("argpartition", lambda a, kth, axis=-1: np.argpartition(a, kth, axis)),
    np.searchsorted: _whole("searchsorted", lambda a, v, side="left": np.searchsorted(a, v, side), arity=2),
    np.digitize: _whole("digitize", lambda x, bins, right=False: np.digitize(x, bins, right), arity=2),
    np.isin: _whole("isin", lambda x, members: np.isin(x, members), arity=2),
    np.isclose: _whole(
        "isclose",
        lambda a, b, rtol=1e-5, atol=1e-8, equal_nan=False: np.isclose(a, b, rtol, atol, equal_nan),
        arity=2,
    ),
    np.allclose: _whole(
        "allclose",
        lambda a, b, rtol=1e-5, atol=1e-8, equal_nan=False: np.allclose(a, b, rtol, atol, equal_nan),
        arity=2,
    ),
    np.array_equal: _whole("array_equal", lambda a, b, equal_nan=False: np.array_equal(a, b, equal_nan), arity=2),
    np.array_equiv: _whole("array_equiv", lambda a, b: np.array_equiv(a, b), arity=2),
}

_ONLY_RECORDED: Final = {np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert}  # Values hold no booleans otherwise
PLAIN: Final = OF_SHAPES | _SHAPED_BY_NUMBERS | (QUESTIONS.keys() - _ONLY_RECORDED)


def ask(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a NumPy function of `PLAIN` says about Values: plain data, or a node in a recording.

    Raises
    ------
    CompileError
        In a recording, if the answer decides how much there is to compute.
    """
    capture = current_mode().capture
    if capture is None or function in OF_SHAPES or not (_has_nodes(args) or _has_nodes(tuple(kwargs.values()))):
        return function(*plain(args), **plain(kwargs)) if kwargs else function(*plain(args))
    if function not in QUESTIONS or not any(isinstance(x, Node) for x in args):
        refuse_traced(f"np.{function.__name__}", args, tuple(kwargs.values()))
    return QUESTIONS[function](*args, **kwargs)


def refuse_traced(name: str, *operands: Any) -> None:
    """Raise if a Value of a recording is among the operands, whose numbers decide how much there is to compute.

    Raises
    ------
    CompileError
    """
    capture = current_mode().capture
    if capture is not None and _has_nodes(operands):
        raise CompileError(
            f"{name} of a traced value, {capture.line()}: the shape of its answer depends on the numbers, and a plan "
            "has fixed shapes. Use np.where(mask, x, 0) and sums, or keep it outside the compiled function."
        )


def _has_nodes(x: Any) -> bool:
    return any(map(_has_nodes, x)) if isinstance(x, (tuple, list)) else isinstance(x, Node)


def _checked(x: Any, check: Callable[[Any], Any], within: Any = None) -> Any:
    if within is None or not _lie_below(within[0], x):
        check(x)
    return np.True_


def _lie_below(count: int, x: Any) -> bool:
    """Whether numbers are 0, ..., count - 1, at a third of the price of finding out which are not."""
    if not isinstance(x, np.ndarray) or x.size == 0:
        return False
    return bool(np.minimum.reduce(x, None) >= 0 and np.maximum.reduce(x, None) < count)


class Check(General):
    """Its errors are for the user as they are."""

    def compute(self, *operands: Any, **params: Any) -> Any:
        """Look at the numbers."""
        return self.forward(*operands, **params)


_CHECK = Check("check", _checked, pull=(None,), push=(None,), reads="0")


def require(x: Any, check: Callable[[Any], Any], within: tuple[int, int | None] | None = None) -> None:
    """Call `check` with the numbers of `x`, which raises if they are wrong: now, and at each run of a recording.

    Where it does so exactly for numbers outside 0, ..., n - 1 (but for one that is let pass), `within` says so: (n,
    the other one or None). Kernels then look for themselves, and call `check` only to complain.
    """
    capture = current_mode().capture
    if capture is None or not isinstance(x, Node):
        check(plain(x))
    else:
        capture.checks.append(_CHECK(x, check=check, within=within))


def holds(answer: Any) -> bool:
    """The truth of an answer that decides what to compute; a recording stands on it, and is made anew for another."""
    capture = current_mode().capture
    return bool(answer) if capture is None else capture.holds(answer)


def plain(x: Any) -> Any:
    """`x` with the data of every Value in it, also inside lists, tuples and dicts."""
    if isinstance(x, Node):
        return x.data
    if type(x) is dict:
        return {key: plain(item) for key, item in x.items()}
    return type(x)([plain(item) for item in x]) if type(x) in (list, tuple) else x


def is_plain(x: Any) -> bool:
    """Whether this is plain data, or would be outside of the recording: nothing that can be differentiated."""
    capture = current_mode().capture
    return not isinstance(x, Node) or (capture is not None and capture.is_plain(x))


def current(x: Any) -> Any:
    """The plain data of a Value where an operation has no use for its gradient; in a recording the Value itself."""
    return x.data if isinstance(x, Node) and current_mode().capture is None else x
