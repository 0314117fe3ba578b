"""`Value`: a number or an array that remembers how it was computed."""

import operator
from collections.abc import Callable, Iterator
from typing import Any, SupportsIndex

import numpy as np

from tinygrad_edu import backward as _backward
from tinygrad_edu import numpy_protocol
from tinygrad_edu.errors import DTypeError, NotDifferentiableError
from tinygrad_edu.mode import Info
from tinygrad_edu.op import CONSTANT, LEAF, Node, as_operand, new
from tinygrad_edu.ops import activation, elementwise, indexing, linalg, reduction
from tinygrad_edu.ops import shape as shapes


def _reflected(op: Any) -> Callable[[Any, Any], Any]:
    apply = op.apply

    def method(self: Any, other: Any) -> Any:
        return apply(other, self)

    return method


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return compare(self.data, other.data if isinstance(other, Node) else other)

    return method


class Value(Node):
    """A number or an array in a graph: it records what is computed from it, and differentiates that.

    Parameters
    ----------
    data : float, int, array or nested list of numbers
        A scalar stays a Python float, which makes scalar graphs fast. An array is copied; float32
        stays float32, and integers, booleans and lists become float64.
    name : str, optional
        For pictures and messages.

    Attributes
    ----------
    data : float or ndarray
    grad : float, ndarray or None
        None until a backward pass reaches the node, so "not computed" never looks like zero.
    op : Operation
    parents : tuple of Value
    params : dict
    scope : Scope or None

    Raises
    ------
    DTypeError
        If the data is complex, text, None, or a list that holds Values.

    Notes
    -----
    Plain numbers and arrays inside an expression become constants. They are held, not copied: an
    array changed in place between the forward and the backward pass changes the gradient.

    Examples
    --------
    >>> a = Value(2.0, name="a")
    >>> b = Value([1.0, 10.0])
    >>> loss = (a * b + b**2).sum()
    >>> loss.backward()
    >>> a.grad, b.grad
    (11.0, array([ 4., 22.]))
    """

    __slots__ = ()

    def __init__(self, data: Any, name: str | None = None) -> None:
        self.data = _leaf_data(data)
        self.grad = None
        self.op = LEAF
        self._a = self._b = self._info = None
        if name is not None:
            self.name = name

    # -- the backward pass

    def backward(self, gradient: Any = None, keep: _backward.Keep = "all", create_graph: bool = False) -> None:
        """Differentiate this value with respect to everything it was computed from.

        Leaves accumulate over calls (two losses add up) until `zero_grad`; the gradients of other
        nodes belong to the latest call.

        Parameters
        ----------
        gradient : array, optional
            The gradient of this value, of its shape: needed unless it is a single number.
        keep : {"all", "leaves"}
            "leaves" drops the gradients in between as they are consumed; training loops use it.
        create_graph : bool
            Make the gradients Values that can be differentiated again. (A leaf's gradient then
            refers to the leaf: call `zero_grad` to free both.)

        Raises
        ------
        GradientError
            If this is not a single number and `gradient` is missing, or if nothing was recorded.
        ShapeError
            If `gradient` has another shape than this value.

        Examples
        --------
        >>> x = Value(3.0)
        >>> (x**3).backward(create_graph=True)
        >>> slope = x.grad
        >>> x.zero_grad()
        >>> slope.backward()
        >>> slope.data, x.grad
        (27.0, 18.0)
        """
        _backward.backward(self, gradient, keep, create_graph)

    def zero_grad(self) -> None:
        """Forget the gradient: `grad` is None again."""
        self.grad = None

    # -- what it holds

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes; () for a number."""
        data = self.data
        return () if data.__class__ is float else data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """How many axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers."""
        return int(np.size(self.data))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers (float64 for a Python float)."""
        return np.result_type(self.data)

    @property
    def T(self) -> "Value":  # noqa: N802 - NumPy's name
        """All axes in reverse order."""
        return shapes.transpose(self)  # type: ignore[no-any-return]

    @property
    def mT(self) -> "Value":  # noqa: N802 - NumPy's name
        """The last two axes swapped: each matrix of a stack transposed."""
        return shapes.swapaxes(self, -1, -2)  # type: ignore[no-any-return]

    def item(self) -> float:
        """The one number in here, as a Python float."""
        return float(self.data) if np.ndim(self.data) == 0 else float(self.data.item())

    def numpy(self) -> Any:
        """A copy of the data as an array, outside the graph."""
        return np.array(self.data)

    def __float__(self) -> float:
        return self.item()

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.data)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a Value that is a single number")
        return self.shape[0]

    def __iter__(self) -> Iterator["Value"]:
        if not self.shape:
            raise TypeError("cannot iterate over a Value that is a single number")
        return (self[i] for i in range(len(self)))

    def __contains__(self, item: Any) -> bool:
        return bool(np.any(self.data == (item.data if isinstance(item, Node) else item)))

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotDifferentiableError(
            "a Value would become a plain array here, and its gradient would be lost. Use NumPy's functions on it as it "
            "is, tinygrad_edu.stack([...]) or tinygrad_edu.array([...]) to join Values, or .data where no gradient is wanted."
        )

    __array_ufunc__ = numpy_protocol.array_ufunc
    __array_function__ = numpy_protocol.array_function

    def __repr__(self) -> str:
        data = self.data if self.data.__class__ is float else np.array2string(np.asarray(self.data), separator=", ")
        name = f", name={self.name!r}" if self.name else ""
        made = "" if self.op is LEAF else f", op={self.op.name}"
        grad = "" if self.grad is None else f", grad={_short(self.grad)}"
        return f"{type(self).__name__}({data}{name}{made}{grad})"

    # -- operators

    __add__ = add = elementwise.add.apply
    __sub__ = elementwise.subtract.apply
    __mul__ = elementwise.multiply.apply
    __truediv__ = elementwise.divide.apply
    __pow__ = elementwise.power.apply
    __matmul__ = linalg.matmul.apply
    __neg__ = elementwise.negative.apply
    __pos__ = elementwise.positive.apply
    __abs__ = abs = elementwise.absolute.apply
    __radd__ = _reflected(elementwise.add)
    __rsub__ = _reflected(elementwise.subtract)
    __rmul__ = _reflected(elementwise.multiply)
    __rtruediv__ = _reflected(elementwise.divide)
    __rpow__ = _reflected(elementwise.power)
    __rmatmul__ = _reflected(linalg.matmul)

    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)
    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)
    __eq__ = _comparison(operator.eq)
    __ne__ = _comparison(operator.ne)
    __hash__ = Node.__hash__

    def __getitem__(self, index: Any) -> "Value":
        return indexing.getitem(self, _plain_index(index))  # type: ignore[no-any-return]

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "a Value is not changed in place: its gradient would be that of the old numbers. Write "
            "w = np.where(mask, new, w), or build the array first and then Value(array)."
        )

    # -- methods, as NumPy and micrograd name them

    exp = elementwise.exp.apply
    log = elementwise.log.apply
    log1p = elementwise.log1p.apply
    expm1 = elementwise.expm1.apply
    sqrt = elementwise.sqrt.apply
    sin = elementwise.sin.apply
    cos = elementwise.cos.apply
    tanh = elementwise.tanh.apply
    sigmoid = activation.sigmoid.apply
    relu = activation.relu.apply
    softmax = activation.softmax.apply
    log_softmax = activation.log_softmax.apply
    logsumexp = activation.logsumexp.apply
    sum = reduction.sum.apply
    mean = reduction.mean.apply
    max = reduction.max.apply
    min = reduction.min.apply
    var = reduction.var.apply
    std = reduction.std.apply
    squeeze = shapes.squeeze.apply
    swapaxes = shapes.swapaxes.apply
    astype = shapes.cast.apply

    def clip(self, min: Any = None, max: Any = None) -> "Value":
        """The values, limited to [min, max]; see `tinygrad_edu.clip`."""
        return elementwise.clip(self, min, max)  # type: ignore[no-any-return]

    def reshape(self, *sizes: Any) -> "Value":
        """The same numbers in another shape, ``reshape(2, 3)`` or ``reshape((2, 3))``."""
        return shapes.reshape(self, _one_tuple(sizes))  # type: ignore[no-any-return]

    def transpose(self, *axes: Any) -> "Value":
        """The axes in another order (reversed if none is given)."""
        return shapes.transpose(self, _one_tuple(axes) if axes else None)  # type: ignore[no-any-return]


Node.result_class = Value


def stop_gradient(x: Any) -> Any:
    """The same numbers as a constant: no gradient flows through.

    Parameters
    ----------
    x : Value or array

    Returns
    -------
    Value (a constant), or `x` itself if it is a plain array

    Examples
    --------
    >>> x = Value(3.0)
    >>> (x * stop_gradient(x)).backward()
    >>> x.grad
    3.0
    """
    if not isinstance(x, Node):
        return x
    node = new(Value)
    node.data = x.data
    node.grad = None
    node.op = CONSTANT
    node._a = node._b = None
    node._info = Info(x.name, x.scope) if x._info is not None else None
    return node


def array(data: Any, dtype: Any = None) -> Value:
    """As `np.array`, for nested lists that may hold Values: the result is a Value that remembers them.

    Parameters
    ----------
    data : Value, array, or nested list of numbers, arrays and Values
    dtype : dtype, optional

    Returns
    -------
    Value

    Raises
    ------
    ShapeError
        If the parts of a list differ in shape.

    Examples
    --------
    >>> a, b = Value(1.0), Value(2.0)
    >>> array([[a, 0.0], [b, a * b]]).shape
    (2, 2)
    """
    if isinstance(data, (list, tuple)) and any(_holds_values(item) for item in data):
        result = shapes.stack([array(item) if isinstance(item, (list, tuple)) else item for item in data])
    elif isinstance(data, Node):
        result = shapes.identity(data)
    else:
        result = Value(data)
    if dtype is not None:
        kind = np.dtype(dtype)
        if kind.kind != "f":
            raise DTypeError(f"array: a Value holds floating-point numbers, got dtype={kind}")
        result = Value(np.array(data, dtype=kind)) if result.op is LEAF else shapes.cast(result, kind)
    return result  # type: ignore[no-any-return]


def _holds_values(item: Any) -> bool:
    return isinstance(item, Node) or (isinstance(item, (list, tuple)) and any(_holds_values(part) for part in item))


def _leaf_data(data: Any) -> Any:
    if data.__class__ is float:
        return data
    if isinstance(data, Node):
        raise DTypeError("expected numbers, got a Value: use it as it is, or Value(v.data) to start a new graph")
    data = as_operand(data)
    if isinstance(data, (float, np.integer, np.bool_)):  # np.float64 is a float too
        return float(data)
    return np.array(data, dtype=data.dtype if data.dtype.kind == "f" else np.float64)


def _plain_index(index: Any) -> Any:
    """An index that nobody changes after it was recorded: arrays in it are copied."""
    if isinstance(index, tuple):
        return tuple(_plain_index(part) for part in index)
    if isinstance(index, Node):
        raise NotDifferentiableError("a Value cannot be an index; use plain integers, for example v.data.astype(int)")
    return np.array(index) if isinstance(index, (list, np.ndarray)) else index


def _one_tuple(sizes: tuple[Any, ...]) -> Any:
    return sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], SupportsIndex) else sizes


def _short(grad: Any) -> str:
    if isinstance(grad, Node):
        return repr(grad)
    return str(grad) if np.ndim(grad) == 0 else np.array2string(np.asarray(grad), separator=", ", threshold=6)
