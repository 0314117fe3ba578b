"""Plain NumPy functions on Values: the table `NUMPY` leads from NumPy's function to our operation.

The entries of the operations fill it. A function that is not in it raises and says its name; it
never falls back to an object array or to a result without a gradient.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.errors import NotDifferentiableError
from tinygrad_edu.op import NUMPY, Node, Operation

# Answered from the data alone: shapes, booleans, integers, text. They have no derivative.
PLAIN: set[Callable[..., Any]] = {
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
    np.isfinite, np.isinf, np.isnan, np.signbit, np.logical_and, np.logical_or, np.logical_not, np.logical_xor,
    np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj, np.array_equal, np.allclose, np.isclose,
    np.argmax, np.argmin, np.argsort, np.nonzero, np.flatnonzero, np.count_nonzero, np.searchsorted, np.any, np.all,
    np.array2string, np.array_str, np.array_repr, np.zeros_like, np.ones_like, np.empty_like, np.may_share_memory,
    np.shares_memory, np.can_cast,
}  # fmt: skip

# What these arguments are when they change nothing (a reduction's own default for where= is a marker object).
NEUTRAL = {"where": True, "casting": "same_kind", "subok": True}


def array_ufunc(self: Any, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """`Value.__array_ufunc__`: what ``np.exp(value)`` and ``array * value`` come to."""
    if method != "__call__":
        raise NotDifferentiableError(f"np.{ufunc.__name__}.{method} has no derivative rule for Values")
    if ufunc in PLAIN:
        return ufunc(*[plain(x) for x in inputs], **kwargs)
    for key, value in kwargs.items():
        if not _same(value, NEUTRAL.get(key, "K")):
            raise _refused(ufunc.__name__, key)
    return _ours(ufunc)(*inputs)


def array_function(self: Any, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
    """`Value.__array_function__`: what ``np.sum(value)`` and its kind come to."""
    if function in PLAIN:
        return function(*plain(args), **plain(kwargs))
    ours = _ours(function)
    names, defaults = _signature(function)
    accepted = _signature(ours)[0]
    if isinstance(ours, Operation):  # operands go by position, everything else by name
        kwargs = {**dict(zip(names, args, strict=False)), **kwargs}
        args = [kwargs.pop(name) for name in names[: ours.arity] if name in kwargs]
        accepted = tuple(ours.defaults)
    for key in [key for key in kwargs if key not in accepted]:
        if not _same(kwargs.pop(key), NEUTRAL.get(key, defaults.get(key))):
            raise _refused(function.__name__, key)
    return ours(*args, **kwargs)


def plain(x: Any) -> Any:
    """`x` with the data of every Value in it, also inside lists, tuples and dicts."""
    if isinstance(x, Node):
        return x.data
    if type(x) is dict:
        return {key: plain(item) for key, item in x.items()}
    return type(x)(plain(item) for item in x) if type(x) in (list, tuple) else x


def _ours(function: Callable[..., Any]) -> Callable[..., Any]:
    ours = NUMPY.get(function)
    if ours is None:
        raise NotDifferentiableError(
            f"np.{function.__name__} has no derivative rule for Values. Write it with operations that have one "
            "(tinygrad_edu.op.NUMPY lists them), enter your own with tinygrad_edu.kinds, or use .data where no "
            "gradient is wanted."
        )
    return ours


@functools.cache
def _signature(function: Callable[..., Any]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The names of a function's parameters, and their defaults."""
    if isinstance(function, Operation):
        return tuple(function.defaults), {}
    parameters = inspect.signature(function).parameters
    return tuple(parameters), {name: p.default for name, p in parameters.items()}


def _same(value: Any, default: Any) -> bool:
    return value is default or value is None or (isinstance(value, (str, int)) and bool(value == default))


def _refused(function: str, key: str) -> NotDifferentiableError:
    note = "; a Value is not changed in place: use the returned result" if key == "out" else ""
    return NotDifferentiableError(f"np.{function}: the argument {key}= is not supported for Values{note}")
