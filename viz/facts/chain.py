"""`Facts`: the backward pass taken apart, one contribution at a time, without touching `.grad`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_edu import kinds
from tinygrad_edu.backward import at_data
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.graph import topological
from tinygrad_edu.op import CONSTANT


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one use of a node adds to its gradient: upstream times local.

    Attributes
    ----------
    consumer : Value
        The result that was computed from the node.
    index : int
        Which operand of the consumer the node is.
    upstream : float or array
        The gradient of the consumer.
    raw : float or array
        What the rule gives, before broadcast axes are summed.
    amount : float or array
        What is added: `raw` in the shape of the node.
    summed : tuple of int
        The axes of `raw` that broadcasting had stretched, and that are summed on the way back.
    """

    consumer: Any
    index: int
    upstream: Any
    raw: Any
    amount: Any
    summed: tuple[int, ...]

    @property
    def local(self) -> Any:
        """The local derivative of an operation that works entry by entry; None if it is a linear map and no number."""
        return local_derivative(self.consumer, self.index)


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of a node's ledger: a contribution, and the gradient once it is added."""

    contribution: Contribution
    total: Any


class Facts:
    """Gradients and contributions of every node below some roots, as the backward pass adds them up.

    The seed of a root is its own `.grad` after a backward pass, else 1. Hooks on gradients are not called.

    Parameters
    ----------
    roots : Value or several
        Several are differentiated together; a root from which another one is computed is an ordinary node.
    order : sequence of Value, optional
        All nodes below them, operands before consumers, where they are known already.

    Attributes
    ----------
    order : sequence of Value
        Operands before consumers; the pass goes through it backwards.

    Raises
    ------
    ArgumentError
        If a root is an array and no backward pass has told its gradient.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a, b = Value(2.0, name="a"), Value(5.0, name="b")
    >>> facts = Facts(a * b + a)
    >>> facts.gradient(a), facts.gradient(b)
    (6.0, 2.0)
    >>> [(one.contribution.consumer.op.name, one.contribution.amount, one.total) for one in facts.ledger(a)]
    [('add', 1.0, 1.0), ('multiply', 5.0, 6.0)]
    """

    def __init__(self, roots: Any, order: Sequence[Any] | None = None) -> None:
        roots = [roots] if hasattr(roots, "parents") else list(roots)
        self.order = topological(roots) if order is None else order
        if len(roots) > 1:
            roots = [root for root in roots if root not in self._readers]
        self._gradients: dict[Any, Any] = {root: _seed(root) for root in roots}
        self._pass()

    def _pass(self) -> None:
        gradients = self._gradients
        with np.errstate(all="ignore"):
            for node in reversed(self.order):
                if node in gradients and not node.op.terminal:
                    for _, parent, raw in _raw(node, gradients[node]):
                        amount = _settled(raw, node.op, parent.data)
                        gradients[parent] = gradients[parent] + amount if parent in gradients else amount

    @cached_property
    def _readers(self) -> dict[Any, list[Any]]:
        """Who reads each node, in the order of the pass, as often as it does."""
        found: dict[Any, list[Any]] = {}
        for node in reversed(self.order):
            for parent in node.parents:
                found.setdefault(parent, []).append(node)
        return found

    def gradient(self, node: Any) -> Any:
        """The gradient of a node in this pass; None if no derivative reaches it."""
        return self._gradients.get(node)

    def uses(self, node: Any) -> Sequence[tuple[Any, int]]:
        """Who reads a node and as which operand, in the order in which the pass comes by."""
        readers = dict.fromkeys(self._readers.get(node, ()))
        return [(one, index) for one in readers for index, operand in enumerate(one.parents) if operand is node]

    def contributions(self, node: Any) -> list[Contribution]:
        """What each use of a node adds to its gradient, in the order of the pass."""
        return [one for consumer, index in self.uses(node) for one in self.handed(consumer, [index])]

    def amounts(self, uses: Iterable[tuple[Any, int]]) -> list[Any]:
        """What flows back along each of these uses; nothing for those without a derivative."""
        with np.errstate(all="ignore"):
            return [
                _settled(raw, consumer.op, parent.data)
                for consumer, index in uses
                if consumer in self._gradients and not consumer.op.terminal
                for _, parent, raw in _raw(consumer, self._gradients[consumer], [index])
            ]

    def ledger(self, node: Any) -> list[Posting]:
        """The gradient of a node as it grows from contribution to contribution."""
        found: list[Posting] = []
        for one in self.contributions(node):
            found.append(Posting(one, found[-1].total + one.amount if found else one.amount))
        return found

    def handed(self, consumer: Any, operands: Iterable[int] | None = None) -> list[Contribution]:
        """What a node hands to its operands (or to some of them) once its own gradient is complete."""
        if consumer.op.terminal or consumer not in self._gradients:
            return []
        return pulled(consumer, self._gradients[consumer], operands)


def pulled(consumer: Any, upstream: Any, operands: Iterable[int] | None = None) -> list[Contribution]:
    """What `upstream` at a node gives its operands; those without a derivative get nothing.

    Parameters
    ----------
    consumer : Value
    upstream : float or array
    operands : iterable of int, optional
        Positions; all if not given.
    """
    found = []
    with np.errstate(all="ignore"):  # such as the slope of sqrt at 0: the picture shows inf, nobody needs a warning
        for i, parent, raw in _raw(consumer, upstream, operands):
            summed = stretched(np.shape(parent.data), np.shape(raw))
            amount = _settled(raw, consumer.op, parent.data)
            found.append(Contribution(consumer, i, upstream, raw, amount, summed))
    return found


def _raw(consumer: Any, upstream: Any, operands: Iterable[int] | None = None) -> list[tuple[int, Any, Any]]:
    """What the rules of a node give for those operands that have a derivative: positions, operands, raw gradients."""
    op, parents = consumer.op, consumer.parents
    operands = range(len(parents)) if operands is None else operands
    wanted = [i for i in operands if parents[i].op is not CONSTANT and op.has_rule(i)]
    if op.along is not None:  # the bulk of every graph, without ceremony
        try:
            xs = [parent.data for parent in parents]
            quick = [(i, parents[i], op.along[i](upstream, consumer.data, *xs)) for i in wanted]
            if complex not in {raw.__class__ for _, _, raw in quick}:
                return quick
        except (ArithmeticError, ValueError):
            pass
    params = consumer.params
    raws = at_data(consumer, lambda out, xs, wide: op.pull_each(wanted, wide(upstream), out, xs, params))
    return [(i, parents[i], raw) for i, raw in zip(wanted, raws, strict=True) if raw is not None]


def _settled(raw: Any, op: Any, x: Any) -> Any:
    """What a rule gave, in the shape and dtype of its operand."""
    if x.__class__ is float:
        return raw if raw.__class__ is float else float(kinds.fit(raw, op, x))
    return np.asarray(kinds.fit(raw, op, x), dtype=x.dtype)[()]


def local_derivative(node: Any, index: int) -> Any:
    """The derivative of a result by one operand, entry by entry; None if it is a linear map, or there is none.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> local_derivative(Value(2.0) * Value(5.0), 0), local_derivative(np.sqrt(Value(0.0)), 0)
    (5.0, inf)
    """
    if node.op.kind != "elementwise" or not node.op.has_rule(index):
        return None
    one = 1.0 if node.data.__class__ is float else np.ones_like(node.data)
    with np.errstate(all="ignore"):  # such as log(x) of a negative base, for an exponent nobody differentiates
        [found] = at_data(node, lambda out, xs, wide: [node.op.pull(index, wide(one), out, xs, node.params)])
    return float(found) if node.data.__class__ is float else found


def stretched(shape: tuple[int, ...], onto: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of `onto` along which broadcasting repeats an array of this shape.

    Examples
    --------
    >>> stretched((3,), (2, 3)), stretched((2, 1), (2, 3)), stretched((2, 3), (2, 3))
    ((0,), (1,), ())
    """
    extra = len(onto) - len(shape)
    return tuple(i for i, n in enumerate(onto) if i < extra or (shape[i - extra] == 1 and n != 1))


def plain(gradient: Any) -> Any:
    """The numbers of a gradient, which is itself a Value after ``backward(create_graph=True)``."""
    return gradient.data if hasattr(gradient, "parents") else gradient


def _seed(root: Any) -> Any:
    if root.grad is not None:
        return plain(root.grad)
    if np.size(root.data) != 1:
        raise ArgumentError(
            f"contributions start from the gradient of the root, which has shape {np.shape(root.data)}: call its "
            "backward(gradient=...) first, or take a single number such as root.sum()"
        )
    return 1.0 if root.data.__class__ is float else np.ones_like(root.data)
