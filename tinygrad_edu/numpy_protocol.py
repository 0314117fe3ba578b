"""Plain NumPy functions on Values: the table `NUMPY` leads from NumPy's function to our operation.

The entries of the operations fill it. A function that is not in it raises and says its name; it
never falls back to an object array or to a result without a gradient.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from tinygrad_edu.errors import DTypeError, NotDifferentiableError
from tinygrad_edu.mode import current_mode
from tinygrad_edu.op import LATER, NUMPY, UFUNCS, Operation
from tinygrad_edu.ops.questions import PLAIN as PLAIN
from tinygrad_edu.ops.questions import QUESTIONS, ask

# What these arguments are when they change nothing (a reduction's own default for where= is a marker object).
NEUTRAL: Final = {"where": True, "casting": "same_kind", "subok": True, "order": "K"}
MARKER: Final = getattr(np, "_NoValue", None)

# Why a function is refused, where there is more to say than that nobody has written its rule.
INTEGERS = "it is for whole numbers, and Values hold floating-point ones"
IN_PLACE = "it writes into its operand; tinygrad_edu.at_set and at_add return a changed copy"
JUMPS = "it is not continuous"
REASONS: Final[dict[str, str]] = {
    **dict.fromkeys(("put", "place", "putmask", "put_along_axis", "fill_diagonal"), IN_PLACE),
    "copyto": f"{IN_PLACE} (np.full_like(array, value) comes to it too: write tinygrad_edu.full_like(array, value))",
    **dict.fromkeys(
        (
            "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_count", "invert", "left_shift", "right_shift", "gcd",
            "lcm", "packbits", "unpackbits", "unravel_index", "ravel_multi_index", "ix_", "isnat",
        ),
        INTEGERS,
    ),
    **dict.fromkeys(("nextafter", "spacing", "frexp"), JUMPS),
}  # fmt: skip


def array_ufunc(self: Any, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """`Value.__array_ufunc__`: what ``np.exp(value)`` and ``array * value`` come to."""
    if method == "__call__" and not kwargs:  # the usual call, without detours
        try:
            ours = UFUNCS[ufunc]
        except KeyError:
            pass
        else:
            return ours(*inputs)
    if ufunc in PLAIN or (ufunc in QUESTIONS and current_mode().capture is not None):
        return ask(ufunc if method == "__call__" else getattr(ufunc, method), *inputs, **kwargs)
    if method == "outer":
        a, b = inputs
        _refuse_all(f"np.{ufunc.__name__}.outer", kwargs)
        return _ours(ufunc)(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b)
    if method != "__call__":
        name = f"np.{ufunc.__name__}.{method}"
        ours = _ours(getattr(ufunc, method), name)
        return _called(ours, name, _signature(ours), inputs, kwargs)
    _refuse_all(f"np.{ufunc.__name__}", kwargs)
    return _ours(ufunc)(*inputs)


def array_function(self: Any, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
    """`Value.__array_function__`: what ``np.sum(value)`` and its kind come to."""
    if function in PLAIN:
        return ask(function, *args, **kwargs)
    ours = _ours(function)
    alike, accepted = _agreement(function, ours)
    if len(args) <= alike and not kwargs:  # the usual call
        return ours(*args)
    if len(args) <= alike and kwargs.keys() <= accepted and not any(value is MARKER for value in kwargs.values()):
        return ours(*args, **kwargs)
    return _called(ours, name_of(function), _signature(function), args, kwargs)


@functools.cache
def _agreement(function: Callable[..., Any], ours: Callable[..., Any]) -> tuple[int, frozenset[str]]:
    """How many leading arguments mean the same in both signatures, and which may be given by name in ours."""
    theirs, accepted = list(_signature(function).values()), _signature(ours)
    arity = ours.arity if isinstance(ours, Operation) else 0
    alike = 0
    for place, name in enumerate([*range(arity), *accepted]):
        if place >= len(theirs) or theirs[place].kind is inspect.Parameter.VAR_POSITIONAL:
            break
        if place >= arity and (theirs[place].name != name or not _positional(accepted[str(name)], ours)):
            break
        alike += 1
    return alike, frozenset(accepted)


def _positional(parameter: inspect.Parameter, ours: Callable[..., Any]) -> bool:
    return isinstance(ours, Operation) or parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD


def _called(
    ours: Callable[..., Any], name: str, theirs: Mapping[str, inspect.Parameter], args: Any, kwargs: dict[str, Any]
) -> Any:
    """`ours` for a call in NumPy's signature, `theirs`: by name, and without what changes nothing."""
    accepted = _signature(ours)
    if isinstance(ours, Operation):  # operands go by position, everything else by name
        names = list(theirs) or [f"operand {i}" for i in range(ours.arity)] + list(accepted)
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        args = [given.pop(key) for key in names[: ours.arity] if key in given]
    elif theirs and not any(p.kind is p.VAR_POSITIONAL for p in [*theirs.values(), *accepted.values()]):
        given, args = {**dict(zip(theirs, args, strict=False)), **kwargs}, ()
    else:
        given = dict(kwargs)
    for key in [key for key in given if key not in accepted]:
        value = given.pop(key)
        if not _neutral(key, value, theirs[key].default if key in theirs else None):
            raise _refused(name, key)
    return ours(*args, **{key: value for key, value in given.items() if MARKER is None or value is not MARKER})


def name_of(function: Callable[..., Any]) -> str:
    """The name by which a user knows a function: ``np.linalg.norm``."""
    module = getattr(function, "__module__", None) or "numpy"
    return f"{module.replace('numpy', 'np', 1)}.{function.__name__}"


def _ours(function: Callable[..., Any], name: str = "") -> Callable[..., Any]:
    ours = NUMPY.get(function) or _from_elsewhere(function)
    if ours is None:
        raise _no_rule(name or name_of(function))
    return ours


def _no_rule(name: str) -> NotDifferentiableError | DTypeError:
    if name.startswith("np.fft."):
        return DTypeError(f"{name} works with complex numbers, and Values hold real ones; use .data for plain results")
    reason = REASONS.get(name.rpartition(".")[2])
    return NotDifferentiableError(
        f"{name} has no derivative rule for Values{': ' + reason if reason else ''}. Write it with operations that "
        "have one (tinygrad_edu.op.NUMPY lists them), enter your own with tinygrad_edu.kinds, or use .data where no "
        "gradient is wanted."
    )


def _from_elsewhere(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """The operation for a function of another package, such as ``scipy.special.erf``, if it is one of `LATER`."""
    for module, table in LATER.items():
        for name, ours in table.items():
            if getattr(sys.modules.get(module), name, None) is function:
                NUMPY[function] = ours
                return ours
    return None


@functools.cache
def _signature(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a function by name; of an operation, those beside its operands. Empty if it does not say."""
    if isinstance(function, Operation):
        return {
            name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
            for name, default in function.defaults.items()
        }
    try:
        return inspect.signature(function).parameters
    except ValueError:
        return {}


def _refuse_all(function: str, kwargs: dict[str, Any]) -> None:
    for name, value in kwargs.items():
        if not _neutral(name, value, "K"):
            raise _refused(function, name)


def _neutral(name: str, value: Any, default: Any) -> bool:
    """Whether an argument changes nothing."""
    if value is None or value is default or value is MARKER:
        return True
    neutral = NEUTRAL.get(name, default)
    return isinstance(value, (str, int)) and isinstance(neutral, (str, int)) and value == neutral


def _refused(function: str, name: str) -> NotDifferentiableError:
    note = (
        "; nothing is changed in place: use the returned result (and array = array + value, not array += value)"
        if name == "out"
        else ""
    )
    return NotDifferentiableError(f"{function}: the argument {name}= is not supported for Values{note}")
