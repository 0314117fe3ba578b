"""`np.pad`, in every mode that has a derivative."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.kinds import linear
from tinygrad_edu.op import case, implements
from tinygrad_edu.ops.indexing import getitem
from tinygrad_edu.ops.joining import concatenate
from tinygrad_edu.ops.order import median
from tinygrad_edu.ops.reduction import max as largest
from tinygrad_edu.ops.reduction import min as smallest

__all__ = ["pad"]

# The parameters of each mode. In the linear ones, every padded entry is a fixed mixture of others, plus a number.
LINEAR: dict[str, tuple[str, ...]] = {
    "constant": ("constant_values",),
    "edge": (),
    "linear_ramp": ("end_values",),
    "mean": ("stat_length",),
    "reflect": ("reflect_type",),
    "symmetric": ("reflect_type",),
    "wrap": (),
}
STATISTICS: dict[str, Callable[..., Any]] = {"maximum": largest, "minimum": smallest, "median": median}
NUMBERS = ("constant_values", "end_values")


def _pad_plain(array: Any, pad_width: Any, mode: str, **options: Any) -> Any:
    return np.pad(array, pad_width, mode, **{key: options[key] for key in LINEAR[mode] if options.get(key) is not None})  # type: ignore[call-overload]


def _pad_linear(
    array: Any, pad_width: Any, mode: str = "constant", stat_length: Any = None, reflect_type: Any = None
) -> Any:
    return _pad_plain(array, pad_width, mode, stat_length=stat_length, reflect_type=reflect_type)


def _unpad(g: Any, array: Any, pad_width: Any, mode: str, stat_length: Any, reflect_type: Any) -> Any:
    """The adjoint, one axis after the other; what a padded entry is made of, NumPy says on the identity matrix."""
    for axis in reversed(range(np.ndim(array))):
        before, after = pad_width[axis]
        n = np.shape(array)[axis]
        g = np.moveaxis(g, axis, 0)
        core = g[before : before + n]
        if mode != "constant" and before + after:
            lengths = stat_length if stat_length is None else (stat_length[axis],) * 2
            rows = _pad_linear(np.eye(n), ((before, after), (0, 0)), mode, lengths, reflect_type)
            for mixture, part in ((rows[:before], g[:before]), (rows[before + n :], g[before + n :])):
                core = core + np.tensordot(mixture.T.astype(np.result_type(g)), part, axes=1)
        g = np.moveaxis(core, 0, axis)
    return g


_pad = linear(
    "pad", _pad_linear, adjoint=_unpad,
    reads="1 inside; what the mode mixes into the border adds up",
    cases=(
        case((3,), pad_width=((1, 2),)),
        case((2, 3), pad_width=((1, 0), (0, 2))),
        case((2, 3), pad_width=((1, 1), (2, 1)), mode="edge"),
        case((4, 3), pad_width=((2, 1), (1, 0)), mode="reflect"),
        case((4,), pad_width=((2, 1),), mode="reflect", reflect_type="odd"),
        case((2, 3), pad_width=((1, 2), (0, 4)), mode="symmetric"),
        case((3, 2), pad_width=((2, 4), (1, 0)), mode="wrap"),
        case((3,), pad_width=((2, 3),), mode="linear_ramp"),
        case((3, 4), pad_width=((1, 1), (1, 2)), mode="mean"),
        case((3, 4), pad_width=((1, 1), (1, 2)), mode="mean", stat_length=((1, 2), (3, 2))),
    ),
    doc="""The array with a border that is a linear function of it.""",
)  # fmt: skip


@implements(np.pad)
def pad(
    array: Any, pad_width: Any, mode: Any = "constant", *, stat_length: Any = None, constant_values: Any = None,
    end_values: Any = None, reflect_type: str | None = None,
) -> Any:  # fmt: skip
    """The array with a border; see `np.pad`. Every mode but "empty", and no functions of a user's own.

    Parameters
    ----------
    array : Value or array
    pad_width : int, pair, a pair for each axis, or dict of axis to pair
        How many entries go before and after.
    mode : str
        "constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect",
        "symmetric" or "wrap".
    stat_length, constant_values, end_values, reflect_type
        As for `np.pad`.

    Returns
    -------
    Value or array

    Raises
    ------
    ArgumentError
        If there is no such mode, or it has no such parameter.

    Examples
    --------
    >>> pad(np.array([1.0, 2.0]), 1, mode="edge")
    array([1., 1., 2., 2.])
    """
    given = {
        "stat_length": stat_length,
        "constant_values": constant_values,
        "end_values": end_values,
        "reflect_type": reflect_type,
    }
    options = {name: option for name, option in given.items() if option is not None}
    taken = LINEAR.get(mode, ("stat_length",)) if isinstance(mode, str) else ()
    if not isinstance(mode, str) or not (mode in LINEAR or mode in STATISTICS):
        raise ArgumentError(f"pad: mode must be one of {', '.join([*LINEAR, *STATISTICS])}; got {mode!r}")
    for name in options:
        if name not in taken:
            raise ArgumentError(f"pad: mode {mode!r} has no parameter {name!r}; it takes {', '.join(taken) or 'none'}")
    n = np.ndim(array)
    widths = _pairs(pad_width, n, default=(0, 0))
    lengths = None if stat_length is None else _pairs(stat_length, n, default=None)
    if mode in STATISTICS:
        return _pad_by(STATISTICS[mode], array, widths, lengths)
    result = _pad(array, pad_width=widths, mode=mode, stat_length=lengths, reflect_type=reflect_type)
    numbers = {name: option for name, option in options.items() if name in NUMBERS}
    if numbers:
        result = result + _pad_plain(np.zeros_like(array), widths, mode, **numbers)
    return result


def _pairs(widths: Any, n: int, default: Any) -> tuple[tuple[int, int], ...]:
    """A pair of whole numbers for each of `n` axes."""
    if isinstance(widths, dict):
        named = {axis % n: pair for axis, pair in widths.items()}
        widths = [np.broadcast_to(named.get(axis, default), 2) for axis in range(n)]
    array = np.asarray(widths)
    if array.dtype.kind not in "iu" or (array < 0).any():
        raise ArgumentError(f"pad: expected whole numbers that are not negative, got {widths!r}")
    return tuple((int(before), int(after)) for before, after in np.broadcast_to(array, (n, 2)))


def _pad_by(statistic: Callable[..., Any], x: Any, widths: Any, lengths: Any) -> Any:
    """A border of the maximum, minimum or median of what is near it, axis after axis."""
    for axis, (before, after) in enumerate(widths):
        n = np.shape(x)[axis]
        first, last = lengths[axis] if lengths is not None else (n, n)
        borders = []
        for width, near in ((before, slice(0, first)), (after, slice(max(n - last, 0), n))):
            value = statistic(getitem(x, index=(slice(None),) * axis + (near,)), axis=axis, keepdims=True)
            shape = tuple(width if i == axis else size for i, size in enumerate(np.shape(x)))
            borders.append(np.broadcast_to(value, shape))
        x = concatenate([borders[0], x, borders[1]], axis=axis)
    return x
