"""The exhibits: each builds a small graph, runs the right engine and a broken one on it, and says what went wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.value import Value
from tinygrad_edu.viz.exhibits import engines
from tinygrad_edu.viz.exhibits.engines import Gradients

Run = Callable[[Any], Gradients]


@dataclass(frozen=True)
class Exhibit:
    """One bug.

    Attributes
    ----------
    key, title : str
    build : callable
        Makes the graph anew, and gives its root.
    broken : callable
        The gradients that the bug gives for such a root; `correct` those that it should have.
    story, symptom, cure : str
        What the bug is, how one notices it, what to do.
    wrong, right : str
        The line of code with the bug, and without.
    """

    key: str
    title: str
    build: Callable[[], Any]
    broken: Run
    story: str
    symptom: str
    cure: str
    wrong: str
    right: str

    def correct(self, root: Any) -> Gradients:
        """The gradients of the right engine."""
        return _once(engines.right)(root)


def _once(engine: engines.Engine) -> Run:
    def run(root: Any) -> Gradients:
        grads: Gradients = {}
        engine(root, grads)
        return grads

    return run


def _twice_without_clearing(root: Any) -> Gradients:
    grads: Gradients = {}
    engines.right(root, grads)
    engines.right(root, grads)
    return grads


def _changed_after_recording(root: Any) -> Gradients:
    """The square was recorded with the old number; the array is changed in place before the backward pass."""
    square = root.parents[0]
    x = square.parents[0]
    x.data *= 10.0  # behind the engine's back: it keeps no copy of a leaf that the user may change
    return _once(engines.right)(root)


def _called(name: str, node: Any) -> Any:
    node.name = name
    return node


def _used_twice() -> Any:
    a, b = Value(2.0, name="a"), Value(3.0, name="b")
    return _called("L", a * b + a)


def _diamond() -> Any:
    x = Value(2.0, name="x")
    y = _called("y", x * 3.0)
    z = _called("z", np.square(y))
    return _called("L", y + z)


def _square() -> Any:
    a = Value(3.0, name="a")
    return _called("L", a * a)


def _one_weight() -> Any:
    w, x = Value(3.0, name="w"), Value(2.0, name="x")
    return _called("L", w * x)


def _sum_of_squares() -> Any:
    x = Value(np.array([1.0, 2.0]), name="x")
    square = _called("x²", np.square(x))
    return _called("L", np.sum(square))


def _bias() -> Any:
    x, b = Value(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), name="x"), Value(np.array([0.5, -0.5]), name="b")
    y = _called("y", x + b)
    return _called("L", np.sum(np.square(y)))


EXHIBITS = (
    Exhibit(
        "no-zero-grad", "The gradient that remembers", _one_weight, _twice_without_clearing,
        story="Leaves add up the gradients of every backward pass, so that two losses can share a parameter. A loop "
        "that never clears them adds this step's gradient to all earlier ones.",
        symptom="Steps grow longer and longer; the loss oscillates, though the gradient of the first step was right.",
        cure="Clear the gradients before each backward pass: optimizer.zero_grad(), or value.zero_grad().",
        wrong="loss.backward(); step()", right="optimizer.zero_grad(); loss.backward(); optimizer.step()",
    ),
    Exhibit(
        "assign", "= where += belongs", _used_twice, _once(engines.assigning),
        story="A value that is used twice gets two contributions. Whoever assigns keeps the last one only.",
        symptom="Right for every value that is used once; wrong as soon as one is used again (a shared weight, a skip "
        "connection, x in x * w + x).",
        cure="Add each contribution to what is there already.",
        wrong="self.grad = upstream * local", right="self.grad += upstream * local",
    ),
    Exhibit(
        "order", "Handing on too early", _diamond, _once(engines.out_of_order),
        story="y is read by z and by L. If y hands its gradient on before z has handed its part back, the part that "
        "came through z never reaches x.",
        symptom="Right for chains, wrong where paths of different length meet.",
        cure="Go through the graph in reverse topological order: a node's turn comes when all its readers are done.",
        wrong="visit(root); then its parents, then theirs, ...", right="for node in reversed(topological(root)): ...",
    ),
    Exhibit(
        "set", "Parents in a set", _square, _once(engines.parents_in_a_set),
        story="a * a reads a twice. In a set of parents a is there once, so one of the two contributions is lost.",
        symptom="Powers written as products have half (or a third) of their gradient; pictures show one edge.",
        cure="Keep the operands in order and with repeats.",
        wrong="self.parents = {a, b}", right="self.parents = (a, b)",
    ),
    Exhibit(
        "in-place", "Changed after it was recorded", _sum_of_squares, _changed_after_recording,
        story="The rule of the square needs x as it was in the forward pass. Whoever changes the array in place in "
        "between makes the rule see another x.",
        symptom="A gradient that belongs to no point: the value is that of the old x, the slope that of the new one.",
        cure="Make a new array (x.data = x.data * 10), and change parameters only after the backward pass.",
        wrong="loss = (x**2).sum(); x.data *= 10; loss.backward()",
        right="loss = (x**2).sum(); loss.backward(); x.data *= 10",
    ),
    Exhibit(
        "broadcast", "Broadcasting forgotten on the way back", _bias, _once(engines.without_unbroadcasting),
        story="b of shape (2,) was added to each of three rows. Its gradient is the sum over the rows; the rule itself "
        "gives one row for each.",
        symptom="A gradient of another shape than its parameter, or one that only a batch of one gets right.",
        cure="Sum over the axes that broadcasting had stretched.",
        wrong="b.grad += g", right="b.grad += g.sum(axis=0)",
    ),
)  # fmt: skip
