"""Chains of scalars: what the operators would record one by one, recorded in one go."""

import operator
from collections.abc import Sequence
from typing import Any

from tinygrad_edu.mode import current_mode
from tinygrad_edu.op import Node, new
from tinygrad_edu.ops.elementwise import add, multiply


def weighted_sum(start: Node, weights: Sequence[Node], inputs: Sequence[Any]) -> Any:
    """``start + w0 * x0 + w1 * x1 + ...``, summed in this order, every product and every sum a node.

    The graph is the one that the operators make, at half their price: the mode is asked once, and Python's
    floats are added and multiplied here. Anything but Values of floats, and any mode but plain recording, is left to
    them.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> out = weighted_sum(Value(1.0), [Value(2.0), Value(3.0)], [Value(5.0), Value(7.0)])
    >>> out.data, out.op.name, out.parents[1].op.name
    (32.0, 'add', 'multiply')
    """
    mode = current_mode()
    if not mode.plain or start.data.__class__ is not float:
        return _by_operators(start, weights, inputs)
    info, kind = mode.info, start.result_class
    total, number = start, start.data
    for w, x in zip(weights, inputs, strict=True):
        if x.__class__ is not kind and not isinstance(x, Node):
            return _by_operators(start, weights, inputs)
        a, b = w.data, x.data
        if a.__class__ is not float or b.__class__ is not float:
            return _by_operators(start, weights, inputs)
        term = new(kind)
        term.data = a = a * b
        term.grad = None
        term.op = multiply
        term._a = w
        term._b = x
        term._info = info
        node = new(kind)
        node.data = number = number + a
        node.grad = None
        node.op = add
        node._a = total
        node._b = term
        node._info = info
        total = node
    return total


def _by_operators(start: Any, weights: Sequence[Any], inputs: Sequence[Any]) -> Any:
    return sum(map(operator.mul, weights, inputs), start)
