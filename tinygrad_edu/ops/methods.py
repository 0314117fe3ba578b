"""The operators and methods of a Value: each is an operation under the name that NumPy and micrograd give it."""

import operator
from collections.abc import Callable
from typing import Any, SupportsIndex

import numpy as np

from tinygrad_edu.mode import current_mode
from tinygrad_edu.op import Node, Operation
from tinygrad_edu.ops import (
    activation,
    choice,
    cumulative,
    elementwise,
    indexing,
    linalg,
    rearrange,
    reduction,
    rounding,
    spread,
    trigonometric,
)
from tinygrad_edu.ops import shape as shapes
from tinygrad_edu.ops.questions import ask


def _reflected(op: Operation) -> Callable[[Any, Any], Any]:
    apply = op.apply

    def method(self: Any, other: Any) -> Any:
        return apply(other, self)

    return method


def _comparison(compare: Callable[[Any, Any], Any], ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if current_mode().capture is not None:
            return ask(ufunc, self, other)
        return compare(self.data, other.data if isinstance(other, Node) else other)

    return method


def _one_tuple(sizes: tuple[Any, ...]) -> Any:
    return sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], SupportsIndex) else sizes


class ArrayMethods(Node):
    """What a Value does as an array does it; `tinygrad_edu.Value` adds the graph."""

    __slots__ = ()

    # -- operators

    __add__ = add = elementwise.add.of_left
    __sub__ = elementwise.subtract.of_left
    __mul__ = elementwise.multiply.of_left
    __truediv__ = elementwise.divide.of_left
    __floordiv__ = rounding.floor_divide.apply
    __mod__ = rounding.remainder.apply
    __divmod__ = rounding.divmod
    __pow__ = elementwise.power.of_left
    __matmul__ = linalg.matmul.apply
    __neg__ = elementwise.negative.apply
    __pos__ = elementwise.positive.apply
    __abs__ = abs = elementwise.absolute.apply
    __round__ = round = rounding.round.apply
    __floor__ = rounding.floor.apply
    __ceil__ = rounding.ceil.apply
    __trunc__ = rounding.trunc.apply
    __radd__ = elementwise.add.of_right
    __rsub__ = elementwise.subtract.of_right
    __rmul__ = elementwise.multiply.of_right
    __rtruediv__ = elementwise.divide.of_right
    __rfloordiv__ = _reflected(rounding.floor_divide)
    __rmod__ = _reflected(rounding.remainder)
    __rpow__ = elementwise.power.of_right
    __rmatmul__ = _reflected(linalg.matmul)

    __lt__ = _comparison(operator.lt, np.less)
    __le__ = _comparison(operator.le, np.less_equal)
    __gt__ = _comparison(operator.gt, np.greater)
    __ge__ = _comparison(operator.ge, np.greater_equal)
    __eq__ = _comparison(operator.eq, np.equal)
    __ne__ = _comparison(operator.ne, np.not_equal)
    __hash__ = Node.__hash__

    # -- functions of each entry

    exp = elementwise.exp.apply
    log = elementwise.log.apply
    log1p = elementwise.log1p.apply
    expm1 = elementwise.expm1.apply
    sqrt = elementwise.sqrt.apply
    sin = trigonometric.sin.apply
    cos = trigonometric.cos.apply
    tanh = trigonometric.tanh.apply
    sigmoid = activation.sigmoid.apply
    relu = activation.relu.apply
    conj = conjugate = rounding.conjugate.apply
    astype = shapes.astype
    copy = shapes.copy

    # -- reductions and running totals

    sum = reduction.sum
    prod = reduction.prod
    mean = reduction.mean
    max = reduction.max
    min = reduction.min
    var = spread.var
    std = spread.std
    softmax = activation.softmax.apply
    log_softmax = activation.log_softmax.apply
    logsumexp = activation.logsumexp.apply
    cumsum = cumulative.cumsum
    cumprod = cumulative.cumprod
    trace = rearrange.trace

    # -- other shapes, other places

    squeeze = shapes.squeeze.apply
    swapaxes = shapes.swapaxes.apply
    ravel = flatten = shapes.ravel
    diagonal = rearrange.diagonal
    repeat = rearrange.repeat
    take = indexing.take

    def clip(self, min: Any = None, max: Any = None) -> Any:
        """The values, limited to [min, max]; see `tinygrad_edu.clip`."""
        return choice.clip(self, min, max)

    def compress(self, condition: Any, axis: int | None = None) -> Any:
        """The slices along an axis where the condition holds; see `tinygrad_edu.compress`."""
        return indexing.compress(condition, self, axis)

    def dot(self, other: Any) -> Any:
        """The product as `np.dot` defines it."""
        return np.dot(self, other)  # type: ignore[call-overload]  # answered by __array_function__

    def reshape(self, *sizes: Any, order: str = "C") -> Any:
        """The same numbers in another shape, ``reshape(2, 3)`` or ``reshape((2, 3))``."""
        return shapes.reshape(self, _one_tuple(sizes), order)

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order (reversed if none is given)."""
        return shapes.transpose(self, _one_tuple(axes) if axes else None)

    # -- plain answers: positions and booleans have no derivative

    def argmax(self, axis: int | None = None, *, keepdims: bool = False) -> Any:
        """Where the largest entry is: plain integers."""
        return ask(np.argmax, self, axis, keepdims=keepdims)

    def argmin(self, axis: int | None = None, *, keepdims: bool = False) -> Any:
        """Where the smallest entry is: plain integers."""
        return ask(np.argmin, self, axis, keepdims=keepdims)

    def sort(self, *args: Any, **kwargs: Any) -> None:
        """Refused: an array's own `sort` works in place, and a Value is not changed in place."""
        raise TypeError("a Value is not sorted in place: use the result of np.sort(value)")

    def argsort(self, axis: int | None = -1, *, stable: bool = True) -> Any:
        """The order that sorts: plain integers."""
        return ask(np.argsort, self, axis, stable=stable)

    def nonzero(self) -> Any:
        """Where entries are not 0: plain integers, an array an axis."""
        return ask(np.nonzero, self)

    def any(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """Whether any entry is not 0."""
        return ask(np.any, self, axis, keepdims=keepdims)

    def all(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        """Whether no entry is 0."""
        return ask(np.all, self, axis, keepdims=keepdims)
