"""`Value`: a number or an array that remembers how it was computed."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_edu import backward as _backward
from tinygrad_edu import numpy_protocol, watch
from tinygrad_edu.errors import DTypeError, NotDifferentiableError
from tinygrad_edu.graph import depends_on
from tinygrad_edu.mode import Info, current_mode
from tinygrad_edu.op import CONSTANT, LEAF, Node, as_operand, new
from tinygrad_edu.ops import indexing, joining
from tinygrad_edu.ops import shape as shapes
from tinygrad_edu.ops.methods import ArrayMethods


class Value(ArrayMethods):
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
    Plain numbers and arrays inside an expression become constants; a writeable array is copied, so that
    changing it later changes no gradient. Changing `data` in place between the forward and the backward
    pass does: the rules see the new numbers.

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
        if data.__class__ is not float and isinstance(data, Node) and (capture := current_mode().capture) is not None:
            capture.leaf(self, data)
            return
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

    def register_hook(self, function: Callable[[Any], Any]) -> watch.HookHandle:
        """Call `function` with the gradient of this value in every backward pass that reaches it.

        It gets the complete gradient of the pass (an array or float of its own; a Value if the pass is
        recorded) and returns another one of the same shape to put in its place, or None. Works in
        transforms too, on values made inside the function. Forward mode (`jvp`) knows no hooks.

        Returns
        -------
        HookHandle
            ``handle.remove()`` takes the hook away.

        Examples
        --------
        >>> x = Value(3.0)
        >>> y = x * x
        >>> handle = y.register_hook(lambda g: 10.0 * g)
        >>> y.backward()
        >>> x.grad
        60.0
        >>> handle.remove()
        """
        return watch.register_hook(self, function)

    # -- what it holds

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes; () for a number."""
        data = self.data
        return () if data.__class__ is float else data.shape

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
    def T(self) -> "Value":
        """All axes in reverse order."""
        return shapes.transpose(self)  # type: ignore[no-any-return]

    @property
    def mT(self) -> "Value":
        """The last two axes swapped: each matrix of a stack transposed."""
        return shapes.swapaxes(self, -1, -2)  # type: ignore[no-any-return]

    def item(self) -> float:
        """The one number in here, as a Python float."""
        self._refuse_to_leave("item() or float()")
        return float(self.data) if np.ndim(self.data) == 0 else float(self.data.item())

    def numpy(self) -> Any:
        """A copy of the data as an array, outside the graph."""
        self._refuse_to_leave("numpy()")
        return np.array(self.data)

    def _refuse_to_leave(self, way: str) -> None:
        """Raise in a recording, or if a transform is differentiating with respect to what this value depends on."""
        mode = current_mode()
        if mode.capture is not None:
            mode.capture.refuse(way)
        trace = mode.trace
        if trace is not None and depends_on(self, trace.all_inputs()):
            raise NotDifferentiableError(
                f"{way} of a Value inside a function that is being differentiated: as a plain number it would lose its "
                "gradient. Use NumPy's functions on it as it is (np.exp, not math.exp; tinygrad_edu.stack([...]) for "
                "an array of Values), or stop_gradient(v) or v.data where no gradient is wanted."
            )

    def __float__(self) -> float:
        return self.item()

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        if (capture := current_mode().capture) is not None:
            capture.refuse("a branch (if, while, and, or, not) on the truth")
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
        if (capture := current_mode().capture) is not None:
            capture.refuse("the membership test `in`")
        return bool(np.any(self.data == (item.data if isinstance(item, Node) else item)))

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        if current_mode().capture is not None:
            raise NotDifferentiableError(
                "NumPy does not ask us about lists, nor where a plain array is indexed. Pass arrays instead of lists "
                "of numbers, or join their parts with tinygrad_edu.array([...]); write tinygrad_edu.take(array, index, "
                "axis=0) for array[index] and np.take(array, index)."
            )
        raise NotDifferentiableError(
            "a Value would become a plain array here, and its gradient would be lost. Use NumPy's functions on it as "
            "it is, not on a list of Values: np.sum(tinygrad_edu.array([v, w])) instead of np.sum([v, w]) (or "
            "tinygrad_edu.stack([...])). Use .data where no gradient is wanted."
        )

    __array_ufunc__ = numpy_protocol.array_ufunc
    __array_function__ = numpy_protocol.array_function

    def __repr__(self) -> str:
        data = self.data if self.data.__class__ is float else np.array2string(np.asarray(self.data), separator=", ")
        name = f", name={self.name!r}" if self.name else ""
        made = "" if self.op is LEAF else f", op={self.op.name}"
        grad = "" if self.grad is None else f", grad={_short(self.grad)}"
        return f"{type(self).__name__}({data}{name}{made}{grad})"

    def __getitem__(self, index: Any) -> "Value":
        return indexing.gathered(self, indexing.plain_index(index))  # type: ignore[no-any-return]

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "a Value is not changed in place: its gradient would be that of the old numbers. Write "
            "w = tinygrad_edu.at_set(w, index, new) or w = np.where(mask, new, w), or build the array first."
        )


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
    if (capture := current_mode().capture) is not None:
        return capture.stop(x)
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
        result = joining.stack([array(item) if isinstance(item, (list, tuple)) else item for item in data])
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


def _short(grad: Any) -> str:
    if isinstance(grad, Node):
        return repr(grad)
    return str(grad) if np.ndim(grad) == 0 else np.array2string(np.asarray(grad), separator=", ", threshold=6)
