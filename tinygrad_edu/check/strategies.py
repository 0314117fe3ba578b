"""Hypothesis strategies for tests of gradients: arrays in a domain, shapes that broadcast, axes, ties.

Hypothesis is imported when a strategy is asked for; ``pip install 'tinygrad_edu[check]'`` brings it. What
they draw shrinks: a test that fails does so at the end with the smallest shape and the plainest numbers.
"""

from types import ModuleType
from typing import Any, Final

import numpy as np

from tinygrad_edu.errors import ArgumentError, optional_import
from tinygrad_edu.op import Interval

__all__ = ["arrays", "axes", "broadcastable_shapes", "distinct", "shapes", "ties"]

Strategy = Any  # a hypothesis.strategies.SearchStrategy, which only those have who installed it
Shape = tuple[int, ...]
INSET: Final = 0.05  # a domain is left alone so close to its ends, as a part of it: steps stay inside
SMALLEST: Final = 2.0**-20  # numbers below this are 0


def _hypothesis(part: str) -> ModuleType:
    return optional_import(f"hypothesis.{part}", extra="check")


def _numbers(domain: Interval | tuple[float, float]) -> Strategy:
    """Numbers inside a domain, away from its ends; whole ones if it says so."""
    st = _hypothesis("strategies")
    found = domain if isinstance(domain, Interval) else Interval(*domain)
    if not found.low < found.high:
        raise ArgumentError(f"a domain needs low < high, got {found.low} and {found.high}")
    if found.integer:
        return st.integers(int(np.ceil(found.low)), int(np.floor(found.high)))
    inset = INSET * (found.high - found.low)
    return st.floats(found.low + inset, found.high - inset, allow_subnormal=False).map(
        lambda x: 0.0 if abs(x) < SMALLEST and found.low < 0 < found.high else x
    )


def arrays(
    domain: Interval | tuple[float, float] = (-3.0, 3.0), shape: Shape | Strategy = (), dtype: Any = None
) -> Any:
    """Arrays with entries from an open interval.

    Parameters
    ----------
    domain : Interval, or a pair (low, high)
        ``Interval(0, 9, integer=True)`` gives whole numbers.
    shape : tuple of int, or a strategy for one
    dtype : dtype, optional
        float64 (int64 for whole numbers) if not given.

    Returns
    -------
    SearchStrategy of ndarray

    Raises
    ------
    ArgumentError
        If the interval is empty.
    MissingDependencyError
        If Hypothesis is not installed; as for every strategy here.

    Examples
    --------
    >>> from hypothesis import given
    >>> from tinygrad_edu import check_gradients
    >>> @given(arrays((0.1, 4.0), shape=(2, 3)))
    ... def test_log(x):
    ...     check_gradients(np.log, x)
    >>> test_log()
    """
    whole = isinstance(domain, Interval) and domain.integer
    kind = np.dtype(dtype if dtype is not None else np.int64 if whole else np.float64)
    drawn = _hypothesis("extra.numpy").arrays(np.int64 if whole else np.float64, shape, elements=_numbers(domain))
    return drawn.map(lambda x: x.astype(kind))


def shapes(max_dims: int = 3, max_side: int = 3, min_dims: int = 0, min_side: int = 1) -> Any:
    """Shapes of arrays, the shortest first; ``min_side=0`` admits arrays without entries.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(shapes(min_dims=1), lambda shape: True)
    (1,)
    """
    return _hypothesis("extra.numpy").array_shapes(
        min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side
    )


def broadcastable_shapes(count: int = 2, max_dims: int = 3, max_side: int = 3) -> Any:
    """Tuples of shapes that NumPy broadcasts with each other.

    Examples
    --------
    >>> from hypothesis import find
    >>> x, y = find(broadcastable_shapes(2), lambda pair: pair[0] != pair[1])
    >>> len(np.broadcast_shapes(x, y)) <= 3
    True
    """
    found = _hypothesis("extra.numpy").mutually_broadcastable_shapes(
        num_shapes=count, max_dims=max_dims, max_side=max_side
    )
    return found.map(lambda drawn: drawn.input_shapes)


def axes(ndim: int) -> Any:
    """What a reduction over `ndim` axes takes as ``axis``: None, a number (negative ones too), or a tuple.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(axes(3), lambda axis: isinstance(axis, tuple) and len(axis) == 2)
    (0, 1)
    """
    if ndim < 0:
        raise ArgumentError(f"axes: the number of axes must be 0 or more, got {ndim}")
    st = _hypothesis("strategies")
    if ndim == 0:
        return st.none()
    one = st.integers(-ndim, ndim - 1)
    several = st.lists(one, min_size=1, max_size=ndim, unique_by=lambda axis: axis % ndim).map(tuple)
    return st.one_of(st.none(), one, several)


def distinct(shape: Shape, domain: tuple[float, float] = (-3.0, 3.0)) -> Any:
    """Arrays whose entries differ clearly from each other, in any order: for sort, max and median.

    They are evenly spaced over the middle of the domain, and shuffled.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(distinct((3,), (0.0, 4.0)), lambda x: x[0] > x[1])
    array([2., 1., 3.])
    """
    low, high = domain
    if not low < high:
        raise ArgumentError(f"a domain needs low < high, got {low} and {high}")
    size = int(np.prod(shape))
    steps = np.linspace(low, high, size + 2)[1:-1]
    return _hypothesis("strategies").permutations(range(size)).map(lambda order: steps[list(order)].reshape(shape))


def ties(shape: Shape, domain: tuple[float, float] = (-3.0, 3.0)) -> Any:
    """Arrays in which at least two entries are exactly equal: where max, sort and abs have their kinks.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(ties((3,)), lambda x: x.max() > 0)
    array([0., 0., 1.])
    """
    size = int(np.prod(shape))
    if size < 2:
        raise ArgumentError(f"ties: two entries are needed to be equal, the shape {shape} has {size}")
    st = _hypothesis("strategies")

    def tied(drawn: tuple[list[float], int, int]) -> Any:
        numbers, i, j = drawn
        array = np.array(numbers)
        array[i] = array[j if j < i else j + 1]
        return array.reshape(shape)

    numbers = st.lists(_numbers(domain), min_size=size, max_size=size)
    return st.tuples(numbers, st.integers(0, size - 1), st.integers(0, size - 2)).map(tied)
