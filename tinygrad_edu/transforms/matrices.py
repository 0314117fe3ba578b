"""Matrices of derivatives: `jacobian`, `hessian`, and `hvp`, the product that needs no matrix."""

import functools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from tinygrad_edu.errors import ArgumentError, NotDifferentiableError
from tinygrad_edu.op import Node
from tinygrad_edu.transforms.first_order import Function, as_derivative, grad
from tinygrad_edu.transforms.recording import Recording
from tinygrad_edu.transforms.selection import Argnum, Selection

Way = Literal["auto", "forward", "reverse"]


def jacobian(f: Function, argnum: Argnum = 0, *, mode: Way = "auto") -> "Jacobian":
    """The function that computes all first derivatives of `f`, of shape ``result.shape + argument.shape``.

    `f` is recorded once. Forward mode then costs a pass per entry of the argument, reverse mode one per
    entry of the result; "auto" takes the cheaper (forward if they are equal), and afterwards the
    returned function's attribute ``chosen`` says which it was.

    Parameters
    ----------
    f : callable
    argnum : int, str, or tuple of them
        As for `grad`; containers give containers, the result's outside, the argument's inside.
    mode : {"auto", "forward", "reverse"}

    Returns
    -------
    Jacobian
        A callable. Plain or Values, as with `grad`.

    Examples
    --------
    >>> J = jacobian(lambda x: np.stack([x[0] * x[1], x[0] ** 2, x[1]]))
    >>> J(np.array([2.0, 3.0]))
    array([[3., 2.],
           [4., 0.],
           [0., 1.]])
    >>> J.chosen
    'forward'
    """
    return Jacobian(f, argnum, mode, "jacobian")


def hessian(f: Function, argnum: Argnum = 0, *, mode: Way = "auto") -> "Jacobian":
    """The function that computes all second derivatives of `f`, which returns a single number.

    By forward over reverse mode; by reverse over reverse if told so, or if an operation has no forward
    rule. The attribute ``chosen`` of the returned function says which it was.

    Parameters
    ----------
    f : callable
    argnum : int, str, or tuple of them
    mode : {"auto", "forward", "reverse"}

    Returns
    -------
    Jacobian
        A callable. For an array argument, of shape ``argument.shape + argument.shape``.

    Examples
    --------
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([2.0, 3.0]))
    array([[6., 4.],
           [4., 0.]])
    """
    return Jacobian(grad(f, argnum), argnum, mode, "hessian")


def hvp(f: Function, argnum: Argnum = 0) -> Function:
    """The function ``(*args, vector)`` that computes the Hessian of `f` times a vector, without the Hessian.

    It costs a few times what `f` costs, whatever the size of the argument: a tangent is pushed along the
    gradient (pulled back, if an operation has no forward rule).

    Parameters
    ----------
    f : callable
        Returns a single number.
    argnum : int, str, or tuple of them
        The vector is built as this argument (a tuple of them for a tuple).

    Examples
    --------
    >>> hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 0.5]))
    array([6., 6.])
    """
    choice = Selection(grad(f, argnum), argnum, "hvp")

    def run(*args: Any, **kwargs: Any) -> Any:
        if len(args) < 2 and not (args and kwargs):
            raise ArgumentError(f"hvp: expected the arguments of {choice.name} and then the vector, got {len(args)}")
        *primal, vector = args
        recording = Recording(choice, primal, kwargs)
        tangents = recording.tangents_of((vector,) if choice.single else vector)
        if any(isinstance(t, Node) for t in tangents):
            recording.recorded = recording.recording
        try:
            products = recording.push(tangents)
        except NotDifferentiableError:  # no forward rule; the Hessian is symmetric
            products = recording.pull(tangents)
        return recording.like_arguments(products)

    return as_derivative(run, f, "hvp")


class Jacobian:
    """What `jacobian` and `hessian` return: a function that remembers which mode it took."""

    is_derivative = True

    def __init__(self, f: Function, argnum: Argnum, mode: Way, what: str) -> None:
        if mode not in ("auto", "forward", "reverse"):
            raise ArgumentError(f"{what}: mode must be 'auto', 'forward' or 'reverse', got {mode!r}")
        self.choice = Selection(f, argnum, what)
        self.mode = mode
        self.chosen: Literal["forward", "reverse"] | None = None
        functools.update_wrapper(self, f, updated=())
        self.__name__ = f"{what}({self.choice.name})"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The matrix at these arguments."""
        recording = Recording(self.choice, args, kwargs)
        recording.warn_if_independent()
        cheaper = "forward" if _size(recording.inputs) <= _size(recording.outputs) else "reverse"
        way = cheaper if self.mode == "auto" else self.mode
        try:
            blocks = _by_columns(recording) if way == "forward" else _by_rows(recording)
        except NotDifferentiableError:
            if self.mode != "auto" or way == "reverse":
                raise
            way = "reverse"
            blocks = _by_rows(recording)
        self.chosen = "forward" if way == "forward" else "reverse"
        return recording.like_result([recording.like_arguments(row) for row in blocks])


def _by_rows(recording: Recording) -> list[list[Any]]:
    """Reverse mode: a pass for each entry of each output."""
    inputs, outputs = recording.inputs, recording.outputs
    blocks = []
    for i, out in enumerate(outputs):
        rows = []
        for k in range(np.size(out)):
            seeds: list[Any] = [None] * len(outputs)
            seeds[i] = _unit(out, k)
            rows.append(recording.pull(seeds))
        blocks.append([_joined([row[j] for row in rows], 0, out, x, recording) for j, x in enumerate(inputs)])
    return blocks


def _by_columns(recording: Recording) -> list[list[Any]]:
    """Forward mode: a pass for each entry of each input."""
    inputs, outputs = recording.inputs, recording.outputs
    blocks: list[list[Any]] = [[] for _ in outputs]
    for j, x in enumerate(inputs):
        columns = []
        for k in range(np.size(x)):
            tangents: list[Any] = [None] * len(inputs)
            tangents[j] = _unit(x, k)
            columns.append(recording.push(tangents))
        for i, out in enumerate(outputs):
            blocks[i].append(_joined([column[i] for column in columns], -1, out, x, recording))
    return blocks


def _joined(parts: Sequence[Any], axis: int, out: Any, x: Any, recording: Recording) -> Any:
    """Rows (axis 0) or columns (axis -1) as one block of shape ``out.shape + x.shape``."""
    shape = np.shape(out) + np.shape(x)
    if not parts:
        return np.zeros(shape, dtype=np.result_type(_data(out), _data(x)))
    if not shape:
        return parts[0]
    return np.stack(parts, axis=axis).reshape(shape)


def _data(x: Any) -> Any:
    return x.data if isinstance(x, Node) else x


def _size(nodes: Sequence[Any]) -> int:
    return sum(np.size(node) for node in nodes)


def _unit(like: Any, k: int) -> Any:
    """1 at entry `k`, else 0, as `like`."""
    data = _data(like)
    if data.__class__ is float:
        return 1.0
    unit = np.zeros_like(data, order="C")
    unit.reshape(-1)[k] = 1  # a view, in the order that k counts in
    return unit
