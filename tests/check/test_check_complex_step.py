"""The complex step: the lists of operations it may be asked about are themselves tested, and it does say no."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Value, check_gradients, check_graph, jvp
from tinygrad_edu.check.complex_step import ANALYTIC, PIECES, STEP, slope, witness
from tinygrad_edu.check.subjects import from_graph
from tinygrad_edu.kinds import elementwise
from tinygrad_edu.op import REGISTRY

rng = np.random.default_rng(11)


def operands(op, way, draw):
    if op.sample is not None:
        return [np.asarray(x) for x in op.sample(draw, way)]
    domains = op.domain * len(way.shapes) if op.variadic else op.domain
    return [
        draw.integers(int(d.low), int(d.high) + 1, shape) if d.integer else draw.uniform(d.low, d.high, shape)
        for d, shape in zip(domains, way.shapes, strict=True)
    ]


def disagreement(op, way):
    """How far the complex step is from the operation's own forward derivative, relative to its size."""
    draw = np.random.default_rng(3)
    xs = operands(op, way, draw)
    varied = [i for i in range(len(xs)) if op.has_rule(i)]
    moves = {i: draw.normal(size=np.shape(xs[i])) for i in varied}

    def run(*inputs):
        every = [inputs[varied.index(i)] if i in varied else x for i, x in enumerate(xs)]
        return op(every, **way.params) if op.variadic else op(*every, **way.params)

    found = np.imag(run(*[xs[i] + 1j * STEP * moves[i] for i in varied])) / STEP
    _, tangent = jvp(run, [xs[i] for i in varied], [moves[i] for i in varied])
    size = np.max(np.abs(tangent), initial=0.0)
    return float(np.max(np.abs(found - tangent), initial=0.0) / (size or 1.0))


@pytest.mark.parametrize("name", sorted(ANALYTIC | PIECES))
def test_the_complex_step_of_every_listed_operation_is_its_derivative(name):
    assert max(disagreement(REGISTRY[name], way) for way in REGISTRY[name].cases) < 1e-13


@pytest.mark.parametrize("name", ["absolute", "softsign", "real", "sigmoid", "std"])
def test_operations_that_are_not_analytic_are_not_listed_and_would_not_pass_if_they_were(name):
    """The fault planted: abs computes with complex numbers, gladly, and has no imaginary part."""
    assert name not in ANALYTIC | PIECES
    assert max(disagreement(REGISTRY[name], way) for way in REGISTRY[name].cases) > 1e-3


def said(report):
    return next((note for note in report.notes if "second witness" in note), None)


def test_the_report_says_what_the_second_witness_says():
    note = said(check_gradients(lambda x, w: np.sum(np.tanh(x @ w)), rng.normal(size=(3, 4)), rng.normal(size=(4, 2))))
    assert note.startswith("second witness: the complex step through the recorded graph agrees to 1")
    x = Value(rng.normal(size=5), name="x")
    assert "agrees" in said(check_graph(np.mean(tg.relu(x) * x)))


def test_where_rounding_leaves_differences_open_the_witness_still_speaks():
    report = check_gradients(lambda x: 1e12 + np.sin(x), 0.7)
    assert str(report.verdict) == "INCONCLUSIVE"
    assert "agrees" in said(report)


def test_a_wrong_rule_is_contradicted_by_the_witness_too():
    wrong = elementwise("sine_wrong", np.sin, along=(lambda t, out, x: t * 1.001 * np.cos(x),))
    x = Value(0.7)
    root = REGISTRY["exp"](REGISTRY["sin"](x))
    root.parents[0].op = wrong  # a rule that went bad after it was listed
    try:
        wrong.name = "sin"
        note = witness(from_graph(root, None), [np.array(0.5)], np.random.default_rng(0))
    finally:
        wrong.name = "sine_wrong"
        del REGISTRY["sine_wrong"]
    assert "disagrees" in note


@pytest.mark.parametrize("f", [abs, lambda x: x.sigmoid(), lambda x: 3.0 * np.hypot(x, 1.0)])
def test_an_operation_that_is_not_listed_leaves_no_witness(f):
    assert said(check_gradients(f, 0.7)) is None


def test_at_a_kink_where_conventions_differ_the_witness_is_not_asked():
    assert said(check_gradients(lambda x: x.relu(), 0.0)) is None


def test_a_gradient_by_hand_has_no_graph_and_no_witness():
    assert said(check_gradients(np.sin, 0.7, gradient=np.cos)) is None


def test_the_slope_is_that_of_the_weighed_result_along_the_direction():
    x = Value(np.array([1.0, 2.0, 4.0]), name="x")
    subject = from_graph(x * x, None)
    found = slope(subject, {0: np.array([1.0, 0.0, 1.0])}, np.array([1.0, 1.0, 10.0]))
    assert found == pytest.approx(82.0, rel=1e-15)
