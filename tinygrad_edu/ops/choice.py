"""Choosing between operands: by a condition, a bound, an index."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.kinds import elementwise
from tinygrad_edu.op import Interval, Operation, case, implements
from tinygrad_edu.ops.indexing import as_index, at_set, getitem
from tinygrad_edu.ops.questions import ask, current

__all__ = ["choose", "clip", "nan_to_num", "piecewise", "select", "where"]

# np.clip is minimum(maximum(x, low), high): high wins where the bounds cross.
_clip = elementwise(
    "clip", lambda x, low, high: np.minimum(np.maximum(x, low), high),
    along=(
        lambda t, out, x, low, high: t * ((x >= low) & (x <= high)),
        lambda t, out, x, low, high: t * ((x < low) & (low <= high)),
        lambda t, out, x, low, high: t * ((x > high) | (low > high)),
    ),
    reads=("1 inside and at the edges, else 0", "1 where x < low", "1 where x > high"),
    domain=(Interval(), Interval(-1.5, -0.5), Interval(0.5, 1.5)),
    doc="""The first operand, limited to the interval between the other two.""",
)  # fmt: skip


@implements(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Limit the values to [a_min, a_max]; a bound of None is none. At an edge the gradient passes.

    Parameters
    ----------
    a, a_min, a_max : Value or array, broadcast together
    min, max : the same bounds under NumPy's newer names

    Returns
    -------
    Value or array

    Examples
    --------
    >>> clip(np.array([-2.0, 0.5, 2.0]), -1.0, 1.0)
    array([-1. ,  0.5,  1. ])
    """
    low = a_min if min is None else min
    high = a_max if max is None else max
    return _clip(a, -np.inf if low is None else low, np.inf if high is None else high)


_where: Operation = elementwise(
    "where", lambda condition, x, y: np.where(condition, x, y), scalar=lambda condition, x, y: x if condition else y,
    along=(
        None,
        lambda t, out, condition, x, y: _where(condition, t, 0.0),
        lambda t, out, condition, x, y: _where(condition, 0.0, t),
    ),
    reads=("0", "1 where the condition holds, else 0", "1 where it does not, else 0"),
    domain=(Interval(0, 1, integer=True), Interval(), Interval()),
    doc="""The second operand where the first is true, the third elsewhere.""",
)  # fmt: skip


@implements(np.where)
def where(condition: Any, *branches: Any) -> Any:
    """`x` where the condition holds, `y` elsewhere; without them, the indices where it holds.

    Parameters
    ----------
    condition : array of bool
    *branches : x and y, Value or array, broadcast together; or nothing

    Returns
    -------
    Value or array; a tuple of integer arrays without branches

    Raises
    ------
    ArgumentError
        If there is one branch, or more than two.

    Examples
    --------
    >>> where(np.array([True, False]), 1.0, 2.0)
    array([1., 2.])
    """
    if not branches:
        return ask(np.nonzero, condition)
    if len(branches) != 2:
        raise ArgumentError(f"where: expected where(condition, x, y), got {1 + len(branches)} argument(s)")
    return _where(current(condition), *branches)


@implements(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """Each entry from the first choice whose condition holds, else `default`; see `np.select`.

    Parameters
    ----------
    condlist : list of bool arrays
    choicelist : list of Values or arrays, as many
    default : Value or array

    Returns
    -------
    Value or array

    Raises
    ------
    ArgumentError
        If the lists differ in length or are empty.

    Examples
    --------
    >>> x = np.arange(4.0)
    >>> select([x < 1, x > 2], [-x, x * x], default=7.0)
    array([-0.,  7.,  7.,  9.])
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise ArgumentError(
            f"select: expected as many conditions as choices, at least one; got {len(condlist)} and {len(choicelist)}"
        )
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = where(condition, choice, result)
    return result


@implements(np.choose)
def choose(a: Any, choices: Sequence[Any], *, mode: str = "raise") -> Any:
    """Entry i from ``choices[a[i]]``, everything broadcast together; see `np.choose`.

    Parameters
    ----------
    a : array of int
    choices : list of Values or arrays
    mode : {"raise", "wrap", "clip"}
        What to do with an index outside the list.

    Returns
    -------
    Value or array

    Raises
    ------
    IndexError
        If an index is outside the list, and `mode` is "raise".

    Examples
    --------
    >>> choose(np.array([1, 0]), [np.array([1.0, 2.0]), 5.0])
    array([5., 2.])
    """
    choices = list(choices)
    which: Any = np.choose(as_index("choose", a), range(len(choices)), mode=mode)  # type: ignore[call-overload]
    result = choices[0]
    for i, choice in enumerate(choices):
        result = where(which == i, choice, result)
    return result


@implements(np.piecewise)
def piecewise(x: Any, condlist: Sequence[Any], funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """Each function on the entries where its condition holds, and only there; see `np.piecewise`.

    A function is never called on entries outside its piece, so a bad value there cannot poison gradients.

    Parameters
    ----------
    x : Value or array
    condlist : list of bool arrays, shape of `x`
    funclist : list of functions or numbers
        One more than the conditions: the last is for what no condition covers.
    *args, **kw
        Handed to the functions.

    Returns
    -------
    Value or array, shape of `x`
        Where two conditions hold, the later one counts.

    Raises
    ------
    ArgumentError
        If there are neither as many functions as conditions nor one more.

    Examples
    --------
    >>> piecewise(np.array([-4.0, 4.0]), [np.array([False, True])], [np.sqrt, 0.0])
    array([0., 2.])
    """
    single = np.ndim(condlist) <= np.ndim(x)
    conditions = [np.asarray(condition, dtype=bool) for condition in ([condlist] if single else condlist)]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(conditions, axis=0))
    if len(funclist) != len(conditions):
        raise ArgumentError(
            f"piecewise: with {len(conditions)} condition(s), expected {len(conditions)} or {len(conditions) + 1} "
            f"functions, got {len(funclist)}"
        )
    result = np.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        piece = function(getitem(x, condition), *args, **kw) if callable(function) else function
        result = at_set(result, condition, piece)
    return result


def _nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


_replace = elementwise(
    "nan_to_num", _nan_to_num,
    along=(lambda t, out, x, nan, posinf, neginf: _where(np.isfinite(x), t, 0.0),),
    reads="1 where x is finite, else 0", cases=(case(()), case((3,), nan=1.0), case((2, 3), posinf=2.0, neginf=-2.0)),
    doc="""NaN and the infinities replaced by numbers.""",
)  # fmt: skip


@implements(np.nan_to_num)
def nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    """NaN and the infinities replaced by numbers; see `np.nan_to_num`. The gradient there is 0.

    Parameters
    ----------
    x : Value or array
    copy : bool
        Must be True: a Value is not changed in place.
    nan, posinf, neginf : float
        What to put there; 0, the largest and the lowest number if not given.

    Returns
    -------
    Value or array

    Raises
    ------
    ArgumentError
        If `copy` is false.

    Examples
    --------
    >>> nan_to_num(np.array([np.nan, 1.0]), nan=-1.0)
    array([-1.,  1.])
    """
    if not copy:
        raise ArgumentError("nan_to_num: copy=False would change the operand in place; use the returned result")
    return _replace(x, nan, posinf, neginf)
