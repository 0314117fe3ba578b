"""The four kinds of operation, and how each pulls gradients back and pushes tangents forward.

Rules are plain NumPy, so the same rule runs on arrays (fast, first order) and on Values (any order).
Names in rules: `g` the incoming gradient, `t` a gradient or tangent on its way through, `out` the
result, `x, y` the operands.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from tinygrad_edu import sums
from tinygrad_edu.errors import DTypeError, GradientError, NotDifferentiableError
from tinygrad_edu.mode import current_mode
from tinygrad_edu.op import (
    Node,
    Operation,
    Rule,
    case,
    constant,
    explain,
    new,
    record,
    register,
)
from tinygrad_edu.typed import typed

# The rules of sums and products, of which the largest graphs are made: the backward loop knows them by heart.
SUM: Final = (lambda t, out, x, y: t, lambda t, out, x, y: t)
PRODUCT: Final = (lambda t, out, x, y: t * y, lambda t, out, x, y: t * x)


class Elementwise(Operation):
    """Each entry of the result depends on one entry of each operand: the derivative is diagonal.

    So one map per operand, ``along(t, out, *operands) = t * d out / d operand``, pulls a gradient
    back, pushes a tangent forward and, with t = 1, is the local derivative that pictures show.
    """

    kind = "elementwise"

    def __init__(self, name: str, forward: Any, *, along: Sequence[Rule], scalar: Any = None, **entry: Any) -> None:
        arity = len(along)
        self.scalar = scalar or (lambda *xs, **params: float(forward(*xs, **params)))
        super().__init__(name, forward, along, **{"cases": BROADCASTS.get(arity, ()), **entry})
        self.of_left: Any  # the operators of a Value, if there are two operands and no parameters
        self.of_right: Any
        if arity <= 2 and all(along) and not self.defaults:  # the backward loop hands its rules no parameters
            self.along = along if along is SUM or along is PRODUCT else (along[0], along[1] if arity == 2 else None)
            self.exact = self.is_built_in()
            self.typed = typed(along[0]) if arity == 1 and self.exact else {}

    def compute(self, *operands: Any, **params: Any) -> Any:
        for x in operands:
            if x.__class__ is not float:
                return super().compute(*operands, **params)
        return self.at_floats(*operands, **params)

    def at_floats(self, *xs: float, **params: Any) -> Any:
        """The result for Python floats; where Python would raise, NumPy's answer (1/0 is inf)."""
        try:
            return self.scalar(*xs, **params)
        except (ArithmeticError, ValueError):
            return float(self.forward(*map(np.float64, xs), **params))

    def pull(self, index: int, gradient: Any, out: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        rule = self.rules[index]
        assert rule is not None
        return rule(gradient, out, *operands, **params)

    def push(self, tangents: Sequence[Any], out: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        parts = [
            rule(t, out, *operands, **params)
            for rule, t in zip(self.rules, tangents, strict=True)
            if t is not None and rule is not None
        ]
        return _broadcast(_total(parts), np.shape(out)) if parts else None

    def _make_apply(self) -> Callable[..., Any]:
        if self.defaults or self.arity > 2:
            return super()._make_apply()
        return _unary(self) if self.arity == 1 else _binary(self)


class Linear(Operation):
    """Linear in its operand: the adjoint pulls back, the operation itself pushes forward."""

    kind = "linear"

    def pull(self, index: int, gradient: Any, out: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        adjoint: Any = self.rules[0]
        return (
            adjoint(gradient, index, *operands, **params) if self.variadic else adjoint(gradient, *operands, **params)
        )

    def push(self, tangents: Sequence[Any], out: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        if not self.variadic:
            return None if tangents[0] is None else self(tangents[0], **params)
        if all(t is None for t in tangents):
            return None
        return self([np.zeros_like(x) if t is None else t for t, x in zip(tangents, operands, strict=True)], **params)


class Multilinear(Operation):
    """Linear in each operand by itself: one adjoint each; a tangent takes its operand's place.

    A variadic one has a single adjoint, which gets the index of the operand after `g`.
    """

    kind = "multilinear"

    def pull(self, index: int, gradient: Any, out: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        rule: Any = self.rules[0 if self.variadic else index]
        return rule(gradient, index, *operands, **params) if self.variadic else rule(gradient, *operands, **params)

    def push(self, tangents: Sequence[Any], out: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        parts = []
        for i, t in enumerate(tangents):
            if t is not None and self.has_rule(i):
                replaced = (*operands[:i], t, *operands[i + 1 :])
                parts.append(self(replaced, **params) if self.variadic else self(*replaced, **params))
        return _total(parts) if parts else None


class General(Operation):
    """Explicit rules: ``pull(g, out, *operands)`` for each operand, ``push(t, out, *operands)`` likewise."""

    kind = "general"

    def __init__(self, name: str, forward: Any, *, pull: Sequence[Rule], push: Sequence[Rule], **entry: Any) -> None:
        super().__init__(name, forward, pull, **entry)
        self.tangents = tuple(push)

    def pull(self, index: int, gradient: Any, out: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        rule: Any = self.rules[index]
        return rule(gradient, out, *operands, **params)

    def push(self, tangents: Sequence[Any], out: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        parts = []
        for i, (rule, t) in enumerate(zip(self.tangents, tangents, strict=True)):
            if t is not None and self.has_rule(i):  # an operand without a derivative moves nothing
                if rule is None:
                    raise NotDifferentiableError(f"{self.name}: no forward-mode rule; use reverse mode (grad, vjp)")
                parts.append(rule(t, out, *operands, **params))
        return _total(parts) if parts else None


def elementwise(name: str, forward: Any, *, along: Sequence[Rule], scalar: Any = None, **entry: Any) -> Elementwise:
    """Enter an operation that works entry by entry, with broadcasting.

    Parameters
    ----------
    name : str
    forward : callable
        A ufunc, or any function that broadcasts like one.
    along : sequence of callables or None
        One per operand: ``along(t, out, *operands)`` is t times the derivative.
    scalar : callable
        The same on Python floats; it may raise where NumPy gives inf or nan.
    **entry
        As for `Operation`: symbol, reads, domain, cases, hint, order.

    Returns
    -------
    Elementwise

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> cube = elementwise("cube_doc", lambda x: x * x * x, along=(lambda t, out, x: t * 3 * x**2,), reads="3 x^2")
    >>> x = Value(2.0)
    >>> cube(x).backward()
    >>> x.grad
    12.0
    """
    op = Elementwise(name, forward, along=along, scalar=scalar, **entry)
    register(op)
    return op


def linear(
    name: str,
    forward: Any,
    *,
    adjoint: Callable[..., Any],
    add_piece: Callable[..., None] | None = None,
    **entry: Any,
) -> Linear:
    """Enter an operation that is linear in its operand, ``adjoint(g, x, **params)`` its transpose.

    A variadic one gets the index of the operand after `g`. One that reads a part of its operand, and whose adjoint
    makes a new array, may say how to add that to an array in place: ``add_piece(total, g, **params)``.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> double = linear("double_doc", lambda x: 2 * x, adjoint=lambda g, x: 2 * g)
    >>> x = Value([1.0, 2.0])
    >>> double(x).backward(np.ones(2))
    >>> x.grad
    array([2., 2.])
    """
    op = Linear(name, forward, (adjoint,), **entry)
    op.add_piece = add_piece
    register(op)
    return op


def multilinear(name: str, forward: Any, *, pull: Sequence[Rule], **entry: Any) -> Multilinear:
    """Enter an operation that is linear in each operand; ``pull[i](g, *operands, **params)``.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> rules = (lambda g, x, y: g @ y, lambda g, x, y: x @ g)
    >>> outer = multilinear("outer_doc", lambda x, y: np.outer(x, y), pull=rules)
    >>> x, y = Value([1.0, 2.0]), Value([3.0, 5.0])
    >>> outer(x, y).backward(np.ones((2, 2)))
    >>> x.grad, y.grad
    (array([8., 8.]), array([3., 3.]))
    """
    op = Multilinear(name, forward, pull, **entry)
    register(op)
    return op


def general(name: str, forward: Any, *, pull: Sequence[Rule], push: Sequence[Rule], **entry: Any) -> General:
    """Enter any other operation: ``pull[i](g, out, *operands, **params)`` and ``push[i](t, out, ...)``.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> size = general(
    ...     "size_doc",
    ...     lambda x: np.sqrt(np.sum(x * x)),
    ...     pull=(lambda g, out, x: g * x / out,),
    ...     push=(lambda t, out, x: np.sum(t * x) / out,),
    ... )
    >>> x = Value([3.0, 4.0])
    >>> size(x).backward()
    >>> x.grad
    array([0.6, 0.8])
    """
    op = General(name, forward, pull=pull, push=push, **entry)
    register(op)
    return op


BROADCASTS = {
    1: (case(()), case((3,)), case((2, 3)), case((0, 3))),
    2: (case((), ()), case((3,), (3,)), case((2, 3), (3,)), case((2, 1), (1, 3)), case((), (2, 3)), case((0, 3), (3,))),
    3: (case((), (), ()), case((2, 3), (3,), ()), case((3,), (2, 1), (2, 3)), case((0,), (0,), ())),
}


def fit(contribution: Any, op: Operation, x: Any) -> Any:
    """A contribution in the shape and dtype of the operand `x` that it belongs to.

    Broadcast axes are summed. Plain NumPy, so it runs on Values too.

    Raises
    ------
    GradientError
        If the rule's result cannot be a gradient of `x`.
    """
    shape, got = np.shape(x), np.shape(contribution)
    if got != shape:
        extra = len(got) - len(shape)
        stretched = tuple(i for i, n in enumerate(got) if i < extra or (shape[i - extra] == 1 and n != 1))
        if extra >= 0 and stretched:
            plain = contribution.__class__ is np.ndarray and len(stretched) == extra and sums.fits(contribution, extra)
            contribution = sums.add_rows(contribution, extra) if plain else contribution.sum(axis=stretched)
            if len(stretched) > extra or not shape:  # axes of length 1 come back; a number stays an array
                contribution = contribution.reshape(shape)
        if np.shape(contribution) != shape:
            raise GradientError(
                f"{op.name}: its rule gave a gradient of shape {got} for an operand of shape {shape}; "
                "a rule must return the operand's shape (or one that broadcasting explains)"
            )
    return contribution


def _unary(op: Elementwise) -> Callable[[Any], Any]:
    """The call of a one-operand operation, written out: scalar graphs live by its speed."""
    forward, scalar = op.forward, op.scalar

    def apply(x: Any) -> Any:
        if not isinstance(x, Node):
            return op.compute(x)
        data = x.data
        if data.__class__ is float:
            try:
                data = scalar(data)
            except (ArithmeticError, ValueError):
                data = op.at_floats(data)
        else:
            data = forward(data)
        mode = current_mode()
        if mode.plain:
            node = new(x.result_class)
            node.data = data
            node.grad = None
            node.op = op
            node._a = x
            node._b = None
            node._info = mode.info
            return node
        return record(op, data, (x,), None)

    return apply


def _binary(op: Elementwise) -> Callable[[Any, Any], Any]:
    """The call of a two-operand operation, written out: scalar graphs live by its speed.

    As the operator of a Value, ``x * y`` is `op.of_left` and ``2.0 * y`` is ``op.of_right(y, 2.0)``.
    """
    forward, scalar = op.forward, op.scalar

    def of_left(x: Node, y: Any) -> Any:
        kind = x.result_class
        if y.__class__ is not kind and not isinstance(y, Node):
            y = beside(x, y)
        a = x.data
        b = y.data
        if a.__class__ is float and b.__class__ is float:
            try:
                data = scalar(a, b)
            except (ArithmeticError, ValueError):
                data = op.at_floats(a, b)
        else:
            try:
                data = forward(a, b)
            except ValueError as error:
                raise explain(op, (a, b), error) from error
        mode = current_mode()
        if mode.plain:
            node = new(kind)
            node.data = data
            node.grad = None
            node.op = op
            node._a = x
            node._b = y
            node._info = mode.info
            return node
        return record(op, data, (x, y), None)

    def beside(node: Node, data: Any) -> Node:
        try:
            return constant(node, data)
        except DTypeError as error:
            raise DTypeError(f"{op.name}: {error}") from None

    def of_right(y: Node, x: Any) -> Any:
        return of_left(beside(y, x), y)

    def apply(x: Any, y: Any) -> Any:
        if isinstance(x, Node):
            return of_left(x, y)
        return of_right(y, x) if isinstance(y, Node) else op.compute(x, y)

    op.of_left, op.of_right = of_left, of_right
    return apply


def _total(parts: list[Any]) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _broadcast(tangent: Any, shape: tuple[int, ...]) -> Any:
    return tangent if np.shape(tangent) == shape else np.broadcast_to(tangent, shape)
