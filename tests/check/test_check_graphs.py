"""`check_graph`: a recorded graph is verified as it stands, and left as it was."""

import numpy as np
import pytest

from tinygrad_edu import Value, scope
from tinygrad_edu.check import Verdict, check_graph
from tinygrad_edu.errors import ArgumentError, GradientCheckError

rng = np.random.default_rng(7)
X = rng.normal(size=(3, 2))
W = rng.normal(size=(2, 4))


def test_a_recorded_graph_is_verified_as_it_stands():
    x, w = Value(X, name="x"), Value(W)
    loss = np.tanh(x @ w).mean()
    report = check_graph(loss)
    assert report.verdict is Verdict.PASS
    assert {entry.argument for entry in report.entries} == {"x", "leaf 1"}
    assert "replayed" in report.notes[0]


def test_checking_a_graph_touches_no_gradient_and_no_data():
    x, w = Value(X, name="x"), Value(W, name="w")
    hidden = x @ w
    loss = (hidden * hidden).sum()
    check_graph(loss)
    assert x.grad is w.grad is hidden.grad is loss.grad is None
    loss.backward()
    before = [node.grad.copy() for node in (x, w, hidden)]
    check_graph(loss)
    assert all((old == node.grad).all() for old, node in zip(before, (x, w, hidden), strict=True))
    assert (x.data == X).all()


def test_a_wrong_rule_in_a_graph_fails(wrong_square):
    x = Value(3.0, name="x")
    with pytest.raises(GradientCheckError, match="gradient for x is wrong"):
        check_graph(wrong_square(x) + 1)


def test_nodes_in_between_can_be_varied_too():
    x = Value(2.0, name="x")
    y = x * x
    y.name = "y"
    report = check_graph(y * x, wrt=[y])
    assert [(entry.argument, entry.analytic) for entry in report.entries] == [("y", 2.0)]


def test_the_branch_that_was_recorded_is_the_one_that_is_checked():
    x = Value(1e-9)
    y = x * x if x > 0 else -x
    assert check_graph(y).entries[0].analytic == 2e-9


def test_a_float32_graph_is_checked_by_its_float64_twin():
    x = Value(X.astype(np.float32), name="x")
    report = check_graph((x * x * np.float32(0.1)).sum())
    assert report.passed
    assert report.worst.digits > 6
    assert any("float64 twin" in note for note in report.notes)


def test_a_graph_that_is_none_is_refused():
    with pytest.raises(ArgumentError, match="use check_gradients"):
        check_graph(lambda x: x)
    with pytest.raises(ArgumentError, match="not a Value that the root depends on"):
        check_graph(Value(1.0) * 2, wrt=[Value(1.0)])


def test_weights_of_one_name_are_told_apart_by_their_layers():
    with scope("layer0"):
        hidden = Value([[1.0, 2.0]], name="weight") * 2.0
    with scope("layer1"):
        out = (hidden * Value([[3.0, 4.0]], name="weight")).sum()
    report = check_graph(out)
    assert {entry.argument for entry in report.entries} == {"layer0/weight", "layer1/weight"}
