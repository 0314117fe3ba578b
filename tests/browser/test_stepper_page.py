"""The stepper in a real browser: every button, every number."""

import re

import numpy as np
import pytest

from tinygrad_edu import Value, nn, softmax
from tinygrad_edu.graph import topological
from tinygrad_edu.viz.stepping.page import stepper

pytestmark = pytest.mark.slow


class Weight(Value):
    role = "parameter"


def neuron():
    x1, x2 = Value(2.0, name="x1"), Value(0.5, name="x2")
    w1, w2, b = Weight(-3.0, name="w1"), Weight(1.0, name="w2"), Weight(5.9, name="b")
    out = np.tanh(w1 * x1 + w2 * x2 + b)
    out.name = "o"
    return out * out + out, {"w1": w1, "x1": x1, "w2": w2, "x2": x2, "b": b}


def network():
    model = nn.Sequential(nn.Dense(2, 3, activation="tanh", rng=0), nn.Dense(3, 2, rng=1))
    x = Value(np.random.default_rng(0).normal(size=(2, 2)), name="x")
    return nn.softmax_cross_entropy(model(x), np.array([0, 1]))


def test_a_neuron_step_by_step(visit, tmp_path):
    loss, leaves = neuron()
    page = stepper(loss).save(tmp_path / "neuron.html")
    assert page.stat().st_size < 150_000
    seen = visit("stepper.mjs", page, set=1.5, dragBox=True, answers=["", "12345"])
    assert seen["errors"] == []
    assert seen["requests"] == []
    assert seen["complete"], "the page computes the engine's numbers itself"
    assert seen["stepDisabled"]
    assert seen["home"].startswith("step 0 of")
    assert seen["keys"].startswith("step 1 of")
    last = len(seen["heads"])
    assert seen["back"] == f"step {last - 1} of {last}" == seen["scrub"]
    loss.backward()
    for name, leaf in leaves.items():
        assert seen["recorded"][name] == {"value": [leaf.data], "gradient": [leaf.grad]}
        assert seen["reset"][name] == seen["recorded"][name]
        assert seen["dragged"][name]["gradient"] != seen["recorded"][name]["gradient"]
    ledger = [lines for head, lines in seen["heads"] if head.startswith("multiply") or "→ o" in head]
    assert any(re.search(r"o: 0 → \+\S+ → \+\S+ → \+\S+ = \S+ \(complete\)", lines) for lines in ledger), ledger
    assert "write a number" in seen["verdicts"][0]
    assert seen["verdicts"][1].startswith("✗")
    assert seen["right"].startswith("✓")
    assert seen["printed"]
    assert seen["unlabelled"] == []
    assert all(row[5] == "✓ agrees" for row in seen["end"] if row[3] not in ("none needed",))


def read(text):
    """The numbers that a cell shows."""
    return [float(x) for x in re.findall(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?|nan|inf", text)]


@pytest.mark.parametrize("make", [lambda: neuron()[0], network], ids=["neuron", "network"])
def test_every_number_in_the_table_is_the_engine_s(visit, tmp_path, make):
    loss = make()
    seen = visit("stepper.mjs", stepper(loss).save(tmp_path / "page.html"))
    loss.backward()
    for node, (name, _, value, gradient, difference, _) in zip(topological(loss), seen["end"], strict=True):
        for text, numbers in ((value, node.data), (gradient, node.grad), (difference, node.grad)):
            if numbers is None:
                assert read(text) == [], name
            else:
                shown = read(text)
                assert shown, name
                np.testing.assert_allclose(shown, np.ravel(numbers)[: len(shown)], rtol=6e-4, atol=1e-8, err_msg=name)


def test_a_changed_number_gives_what_the_engine_gives(visit, tmp_path):
    loss, _ = neuron()
    seen = visit("stepper.mjs", stepper(loss).save(tmp_path / "neuron.html"), set=1.5)
    again, leaves = neuron()
    leaves["w1"].data = 1.5
    x1, x2, w1, w2, b = (leaves[name] for name in ("x1", "x2", "w1", "w2", "b"))
    out = np.tanh(w1 * x1 + w2 * x2 + b)
    again = out * out + out
    again.backward()
    for name, leaf in leaves.items():
        np.testing.assert_allclose(seen["changed"][name]["gradient"], leaf.grad, rtol=1e-9)
    assert all(row[5] == "✓ agrees" for row in seen["changedRows"] if row[3] not in ("none needed",))


@pytest.mark.parametrize(("width", "dark"), [(360, False), (360, True), (1100, True)])
def test_a_network_of_arrays_on_a_phone_and_in_the_dark(visit, tmp_path, width, dark):
    seen = visit("stepper.mjs", stepper(network()).save(tmp_path / "net.html"), width=width, dark=dark, set=0.7)
    assert seen["errors"] == []
    assert seen["complete"]
    assert seen["wide"] <= 0, "the page itself does not scroll sideways"
    dim = sum(map(int, re.findall(r"\d+", seen["background"])[:3])) < 200
    assert dim == dark
    assert any("Un-broadcasting for layer0.bias" in head for head, _ in seen["heads"])
    assert any("layer1.weight" in lines for _, lines in seen["heads"]), "two layers, two names"


def test_the_rule_of_a_matrix_product_and_a_softmax_stands_in_symbols_and_numbers(visit, tmp_path):
    x, w = Value([[1.0, 2.0]], name="x"), Value([[3.0, 4.0], [-1.0, 0.5]], name="w")
    y = x @ w
    y.name = "y"
    p = softmax(y)
    p.name = "p"
    loss = (p * np.array([[1.0, 0.0]])).sum()
    loss.name = "loss"
    seen = visit("stepper.mjs", stepper(loss).save(tmp_path / "page.html"))
    told = "\n".join(lines for _, lines in seen["heads"])
    loss.backward()
    s, g, gx = p.data[0, 0], y.grad[0], x.grad[0, 0]
    assert "y[0,0] = 1 × 3 + 2 × (-1) = 1" in told
    assert f"dloss/dy[0,0] = Σ upstream × local = 1 × {s * (1 - s):.4g} + 0 × ({-s * (1 - s):.4g}) = {g[0]:.4g}" in told
    assert "dloss/dx gets dloss/dy @ w.T" in told
    assert f"dloss/dx[0,0] = Σ upstream × local = {g[0]:.4g} × 3 + ({g[1]:.4g}) × 4 = {gx:.4g}" in told


def test_a_large_graph_opens_folded_around_its_result(visit, tmp_path):
    model = nn.MLP(2, [4, 4, 1], rng=0)
    loss = (model([Value(1.0, name="x1"), Value(2.0, name="x2")]) - 1.0) ** 2
    seen = visit("large.mjs", stepper(loss).save(tmp_path / "page.html"))
    assert seen["errors"] == []
    assert seen["overview"] == ["layer0", "layer1", "layer2"]
    assert "L" in seen["first"]
    assert len(seen["first"]) < 5
    assert seen["wide"] <= 0


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [("upstream", "multiplied by the local"), ("part", "only the part through"), ("twice", "had not been cleared")],
)
def test_a_wrong_prediction_is_explained(visit, tmp_path, answer, diagnosis):
    a = Value(3.0, name="a")
    b = a * 5.0
    b.name = "b"
    loss = b * b + b * 4.0
    page = stepper(loss).save(tmp_path / "page.html")
    node, given = {"upstream": ("a", "34"), "part": ("b", "15"), "twice": ("b", "68")}[answer]
    seen = visit("predict.mjs", page, node=node, answer=given)
    assert diagnosis in seen["verdict"], seen
    assert seen["errors"] == []


def test_hostile_names_stay_text(visit, tmp_path):
    name = "</script><img src=x onerror=document.title='owned'>\"'\n%%DATA%%" + "x" * 10_000
    a = Value(3.0, name=name)
    page = stepper(a * a + a, title=name).save(tmp_path / "page.html")
    seen = visit("stepper.mjs", page, set=2.0)
    assert seen["errors"] == []
    assert "owned" not in seen["title"] or "onerror" in seen["title"]
    assert seen["changed"] != seen["recorded"]
