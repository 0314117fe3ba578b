"""First derivatives of functions: `grad`, `value_and_grad`, `elementwise_grad`, `vjp`, `jvp`."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.mode import current_mode
from tinygrad_edu.op import Node
from tinygrad_edu.transforms.recording import Recording, ones_like
from tinygrad_edu.transforms.selection import Argnum, Selection

Function = Callable[..., Any]


def grad(f: Function, argnum: Argnum = 0, *, has_aux: bool = False) -> Function:
    """The function that computes the gradient of `f`, which returns a single number.

    `f` may be written in plain NumPy or with Values. Transforms nest: ``grad(grad(f))`` is the second
    derivative. `grad` also decorates.

    Parameters
    ----------
    f : callable
    argnum : int, str, or tuple of them
        The argument to differentiate by: a position or a parameter's name. It may be a nested tuple,
        list, dict or dataclass of real numbers and arrays; the gradient is built in the same way, with
        None beside text, booleans and None.
    has_aux : bool
        `f` returns ``(value, anything)``, and ``(gradient, anything)`` is returned.

    Returns
    -------
    callable
        Takes what `f` takes. The gradient consists of plain floats and arrays; where Values take part
        (as arguments, or because `f` uses some from outside, such as the parameters of a network) of
        Values that can be differentiated further. Under `no_grad` it is always plain. Nobody's
        ``.grad`` changes.

    Raises
    ------
    ShapeError
        If the result is not a single number.
    DTypeError
        If the argument is an integer or complex, or holds nothing to differentiate by.
    NotDifferentiableError
        If `f` makes a plain number of a Value that matters (``float(v)``, ``np.asarray(v)``).

    Warns
    -----
    IndependentResultWarning
        If the result does not depend on an argument: the gradient is zero.

    Examples
    --------
    >>> grad(np.sin)(0.0)
    1.0
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    >>> loss = lambda params, x: np.sum((params["w"] * x + params["b"]) ** 2)
    >>> grad(loss)({"w": np.array([1.0, 2.0]), "b": 1.0}, 3.0)
    {'w': array([24., 42.]), 'b': 22.0}
    """
    run = _value_and_grad(f, argnum, has_aux, "grad")

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, slope = run(*args, **kwargs)
        return (slope, value[1]) if has_aux else slope

    return as_derivative(gradient, f, "grad")


def value_and_grad(f: Function, argnum: Argnum = 0, *, has_aux: bool = False) -> Function:
    """The function that computes ``(value, gradient)`` of `f` in one go; see `grad`.

    With `has_aux`, ``((value, anything), gradient)``.

    Examples
    --------
    >>> value_and_grad(lambda x, y: x * y, argnum=(0, "y"))(2.0, 3.0)
    (6.0, (3.0, 2.0))
    """
    return as_derivative(_value_and_grad(f, argnum, has_aux, "value_and_grad"), f, "value_and_grad")


def _value_and_grad(f: Function, argnum: Argnum, has_aux: bool, what: str) -> Function:
    choice = Selection(f, argnum, what)

    def run(*args: Any, **kwargs: Any) -> Any:
        recording = Recording(choice, args, kwargs, has_aux)
        out = recording.one_number()
        recording.warn_if_independent()
        slope = recording.like_arguments(recording.pull([ones_like(out)]))
        value = recording.give(recording.result)
        return ((value, recording.give(recording.aux)) if has_aux else value), slope

    return run


def elementwise_grad(f: Function, argnum: Argnum = 0) -> Function:
    """The derivative of `f` entry by entry, for functions whose entries do not mix.

    Each entry of the result must depend on the same entry of the argument only, as in ``np.tanh``; for
    anything else (a cumulative sum) what comes out is the sum over each column of the Jacobian.

    Raises
    ------
    ShapeError
        If the result has another shape than the argument.

    Examples
    --------
    >>> elementwise_grad(np.square)(np.array([1.0, 2.0, 3.0]))
    array([2., 4., 6.])
    """
    choice = Selection(f, argnum, "elementwise_grad")

    def run(*args: Any, **kwargs: Any) -> Any:
        recording = Recording(choice, args, kwargs)
        for node in recording.inputs:
            for out in recording.outputs:
                if np.shape(out) != np.shape(node):
                    raise ShapeError(
                        f"elementwise_grad: {choice.name} gave shape {np.shape(out)} for {node.name} of shape "
                        f"{np.shape(node)}; they must be equal. For other functions use jacobian or vjp."
                    )
        recording.warn_if_independent()
        return recording.like_arguments(recording.pull([ones_like(out) for out in recording.outputs]))

    return as_derivative(run, f, "elementwise_grad")


def vjp(f: Function, *xs: Any, has_aux: bool = False) -> Any:
    """The value of ``f(*xs)``, and the function that pulls a gradient of it back to the arguments.

    Parameters
    ----------
    f : callable
        Its result may be an array of any shape, or a container of arrays.
    *xs : arguments of `f`, all differentiated
        Arrays, floats, Values, or containers of them.
    has_aux : bool
        `f` returns ``(value, anything)``, and the latter is returned as a third item.

    Returns
    -------
    value, pullback
        ``pullback(g)``, with g built as the value is, gives the gradient for the argument: J^T g. For
        several arguments, a tuple of them. It may be called any number of times.

    Examples
    --------
    >>> value, pullback = vjp(lambda x: x**2, np.array([1.0, 2.0]))
    >>> value, pullback(np.array([1.0, 10.0]))
    (array([1., 4.]), array([ 2., 40.]))
    """
    choice = Selection(f, 0 if len(xs) == 1 else tuple(range(len(xs))), "vjp")
    recording = Recording(choice, xs, {}, has_aux)

    def pullback(gradient: Any) -> Any:
        gradients = recording.cotangents_of(gradient)
        recorded = current_mode().recording and (recording.recorded or any(isinstance(g, Node) for g in gradients))
        if not recorded:
            gradients = [g.data if isinstance(g, Node) else g for g in gradients]
        return recording.like_arguments(recording.pull(gradients, recorded))

    value = recording.give(recording.result)
    return (value, pullback, recording.give(recording.aux)) if has_aux else (value, pullback)


def jvp(f: Function, xs: Any, tangents: Any, *, has_aux: bool = False) -> Any:
    """The value of ``f(*xs)``, and its derivative in the direction of the tangents: J t, by forward mode.

    Parameters
    ----------
    f : callable
        Its result may be an array of any shape, or a container of arrays.
    xs : tuple or list of arguments of `f`, all differentiated; or a single argument
    tangents : the same, built as `xs`
    has_aux : bool
        `f` returns ``(value, anything)``, and the latter is returned as a third item.

    Returns
    -------
    value, tangent

    Examples
    --------
    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 10.0))
    (6.0, 23.0)
    """
    if not isinstance(xs, (tuple, list)):
        xs, tangents = (xs,), (tangents,)
    if not isinstance(tangents, (tuple, list)) or len(tangents) != len(xs):
        raise ArgumentError(f"jvp: expected a tuple of {len(xs)} tangent(s), one for each argument, got {tangents!r}")
    choice = Selection(f, tuple(range(len(xs))), "jvp")
    recording = Recording(choice, xs, {}, has_aux)
    given = recording.tangents_of(tangents)
    if any(isinstance(t, Node) for t in given):
        recording.recorded = recording.recording
        if not recording.recorded:
            given = [t.data if isinstance(t, Node) else t for t in given]
    tangent = recording.like_result(recording.push(given))
    value = recording.give(recording.result)
    return (value, tangent, recording.give(recording.aux)) if has_aux else (value, tangent)


def as_derivative(run: Function, f: Function, what: str) -> Function:
    """`run` with the name, the signature and the documentation of what it is the derivative of."""
    name = getattr(f, "__name__", type(f).__name__)
    wrapped: Any = functools.wraps(f, updated=())(run)
    wrapped.__name__ = wrapped.__qualname__ = f"{what}({name})"
    wrapped.__doc__ = f"{what} of {name}. {getattr(f, '__doc__', None) or ''}".strip()
    wrapped.is_derivative = True
    return wrapped  # type: ignore[no-any-return]  # wraps() of a function is a function
