"""Overlays: gradient health, verdicts, time, memory; each mark is words and a sign, and never colour alone."""

import numpy as np
import pytest

import tinygrad_edu as te
from tinygrad_edu import Value, scope
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.graph import topological
from tinygrad_edu.op import REGISTRY
from tinygrad_edu.viz import draw
from tinygrad_edu.viz.facts.chain import Facts
from tinygrad_edu.viz.overlays.costs import memory, times
from tinygrad_edu.viz.overlays.health import health
from tinygrad_edu.viz.style import LEVELS


def marks(loss):
    """What the health overlay says of each named node, or of the operation's name."""
    found = health(topological(loss), [loss]).marks
    return {node.name or node.op.name: (mark.level, mark.text) for node, mark in found.items()}


def test_a_healthy_graph_has_no_marks(one_neuron):
    x = Value(0.5, name="x")
    assert marks((x * 2.0).tanh()) == {}
    assert set(marks(one_neuron)) == {"w2"}  # its input is 0


def test_a_saturated_tanh_says_by_how_much():
    x = Value(np.arctanh(0.99), name="x")
    assert marks(x.tanh() * 2.0) == {"tanh": ("warning", "tanh saturated: 1 - 0.99^2 = 0.0199")}


def test_a_saturated_sigmoid_says_by_how_much():
    assert marks(Value(-6.0).sigmoid())["sigmoid"] == (
        "warning",
        "sigmoid saturated: 0.002473 × (1 - 0.002473) = 0.002467",
    )


def test_saturation_of_an_array_says_of_how_much_of_it():
    assert marks(np.tanh(Value([5.0, 6.0, 0.0])).sum())["tanh"][1].startswith("tanh saturated in 67 % of entries")
    assert "tanh" not in marks(np.tanh(Value([5.0, 0.0, 0.0])).sum())


def test_a_dead_relu_is_named_at_itself_and_at_every_leaf_it_starves():
    w = Value(-1.5, name="w")
    found = marks((w * 2.0).relu() * 3.0)
    assert found["relu"] == ("bad", "relu dead: x = -3 is ≤ 0, so the derivative is 0")
    assert found["w"] == ("bad", "gradient 0: relu stops it, its local derivative is 0")


def test_a_unit_that_is_dead_for_a_whole_batch_is_counted():
    x = Value(np.array([[1.0, -1.0, 0.5], [2.0, -3.0, -0.5]]), name="x")
    assert marks(te.relu(x).sum())["relu"] == ("warning", "relu: 1 of 3 units dead for the whole batch")
    assert "maximum" in marks(np.maximum(-np.abs(x), 0.0).sum())


def test_the_larger_of_two_values_is_no_rectifier():
    assert marks(np.maximum(Value(1.0, name="a"), Value(2.0, name="b"))).keys() == {"a"}


def test_a_vanishing_gradient_names_its_smallest_step():
    h = x = Value(1.0, name="x")
    with scope("deep"):
        for k in range(6):
            h = (h * (0.5 if k != 3 else 20.0)).tanh() * 0.1
    found = marks(h)
    assert found["x"][0] == "warning"
    assert "of the seed is left; the smallest step is" in found["x"][1]
    assert x.grad is None


def test_an_exploding_gradient_is_marked_where_it_gets_out_of_hand_and_at_the_leaf():
    h = Value(1.0, name="x")
    for k in range(6):
        h = h * 10.0
        h.name = f"h{k}"
    found = marks(h)
    assert found["x"] == ("bad", "exploding: 1e+06 times the seed")
    assert found["h0"][1] == "from here on over 10000 times the seed"


@pytest.mark.parametrize(("factor", "cause"), [(0.9, "vanishing: "), (0.0, "gradient 0: ")])
def test_each_node_is_asked_a_few_times_however_deep_the_graph(monkeypatch, factor, cause):
    h = Value(1.0, name="x")
    for k in range(300):
        h = h * Value(factor if k else 0.5, name=f"w{k}")
    asked, contributions = [], Facts.contributions
    monkeypatch.setattr(Facts, "contributions", lambda facts, node: asked.append(node) or contributions(facts, node))
    found = marks(h)
    assert found["x"][1].startswith(cause)
    assert len(asked) <= 3 * 600


def test_a_nan_is_traced_to_the_operation_that_made_it():
    x = Value([1.0, -2.0], name="x")
    with np.errstate(all="ignore"):
        loss = (np.log(x) * 2.0).sum()
    found = marks(loss)
    assert found["log"] == ("bad", "NaN begins here: log(-2) = NaN, from finite numbers")
    assert found["multiply"] == ("warning", "NaN, from log")
    assert found["sum"] == ("warning", "NaN, from ×")


def test_a_nan_in_the_data_begins_in_the_data():
    x = Value([1.0, np.nan], name="x")
    assert marks((x * 2.0).sum())["x"] == ("bad", "NaN begins here: it is in the data")


def test_a_gradient_that_is_infinite_names_the_rule():
    x = Value(0.0, name="x")
    assert marks(np.sqrt(x))["x"] == ("bad", "gradient Inf begins here: the local derivative of sqrt is Inf there")


def test_marks_are_signs_and_words_in_every_format(one_neuron):
    drawing = draw((one_neuron * 100.0).tanh(), overlay="health", renderer="builtin")
    for written in (drawing.svg(), drawing.source):
        assert "⚠ tanh saturated" in written
    assert f"#{ord('⚠')}; tanh saturated" in drawing.mermaid
    assert "Gradient health" in drawing.picture.legend[0]


def test_levels_differ_without_colour():
    assert len({level.sign for level in LEVELS.values()}) == len(LEVELS)


def test_of_nodes_drawn_as_one_the_gravest_is_told_with_its_count(batch_loss):
    drawing = draw(batch_loss, overlay="health")
    said = " ".join(line.text for box in drawing.picture.boxes for line in box.lines if line.tone in LEVELS)
    assert " of " in said


def test_each_operation_gets_the_checkers_verdict(one_neuron):
    drawing = draw(one_neuron, overlay="verdicts")
    said = [line.text for box in drawing.picture.boxes for line in box.lines if line.tone == "good"]
    assert len(said) == 5
    assert all(text.startswith("✓ PASS") for text in said)


def test_a_wrong_rule_fails_at_its_own_box():
    from tinygrad_edu.kinds import elementwise

    cube = elementwise("cube_overlay", lambda x: x * x * x, along=(lambda t, out, x: t * 2.0 * x * x,))
    try:
        drawing = draw(cube(Value(2.0)) * 5.0, overlay="verdicts")
        said = [line.text for box in drawing.picture.boxes for line in box.lines if line.tone == "bad"]
        assert " ".join(said).startswith("✗ FAIL for operand 0: the rule says 8, differences 12")
    finally:
        del REGISTRY["cube_overlay"]


def test_verdicts_that_somebody_else_found_are_drawn_as_they_are():
    a = Value(2.0, name="a")
    product = a * a
    drawing = draw(product, overlay={product: ("FAIL", "sign"), a: "INCONCLUSIVE"})
    found = [box.lines[-1].text for box in drawing.picture.boxes]
    assert found == ["? INCONCLUSIVE", "✗ FAIL: sign"]
    with pytest.raises(ArgumentError, match="a verdict is one of PASS, KINK, INCONCLUSIVE, FAIL, got 'MAYBE'"):
        draw(product, overlay={product: "MAYBE"})


def test_times_are_medians_of_what_the_clock_says():
    x = Value(2.0)
    y = x.tanh()
    z = y * 3.0
    ticks = iter([0, 1, 0, 2, 0, 9, 0, 2, 0, 3, *[0, 8] * 5])
    found = times(topological(z), clock=lambda: float(next(ticks)))
    assert (found.amounts[y], found.amounts[z]) == (2.0, 8.0)
    assert found.of([y]).text == "▮▮▯▯▯▯▯▯▯▯ 2 s, 20 %"
    assert found.of([y, z]).text == "▮▮▮▮▮▮▮▮▮▮ 10 s, 100 %"
    assert found.of([x]) is None


def test_timing_a_random_draw_leaves_its_generator_alone():
    rng = np.random.default_rng(0)
    loss = te.dropout(Value(np.ones(4)), 0.5, rng=rng).sum()
    before = rng.bit_generator.state
    draw(loss, overlay="time")
    assert rng.bit_generator.state == before


def test_memory_counts_numbers_and_gradients_and_no_view_twice():
    x = Value(np.ones((10, 10)), name="x")
    flat = x.reshape(100)
    flat.sum().backward()
    found = memory(topological(flat))
    assert found.amounts[x] == 1600
    assert found.amounts[flat] in (0, 800)  # its gradient may be a view too
    assert found.of([x]).level == "warning"


@pytest.mark.parametrize("wrong", ["healthy", 3, True])
def test_a_wrong_overlay_names_the_right_ones(wrong):
    with pytest.raises(ArgumentError, match="overlay must be one of 'health', 'verdicts', 'time', 'memory'"):
        draw(Value(1.0), overlay=wrong)
