"""The stepper's numbers and words, without a browser: every number is the engine's, and nothing leaves its place."""

import json

import numpy as np
import pytest

from tinygrad_edu import Value, nn, no_grad, viz
from tinygrad_edu.compiler.explained import explained
from tinygrad_edu.errors import ArgumentError, OutputExistsError
from tinygrad_edu.graph import leaves
from tinygrad_edu.viz.stepping.sheet import Sheet


def scalars():
    a, b = Value(2.0, name="a"), Value(-0.5, name="b")
    c = a * b
    return (c * c + c / a).tanh() + b.relu()


def arrays():
    model = nn.Sequential(nn.Dense(2, 3, activation="relu", rng=0), nn.Dense(3, 2, rng=1))
    x = Value(np.random.default_rng(0).normal(size=(4, 2)), name="x")
    return nn.softmax_cross_entropy(model(x), np.array([0, 1, 1, 0]))


@pytest.mark.parametrize("make", [scalars, arrays])
def test_the_sheet_holds_the_gradients_of_backward(make):
    loss = make()
    found = explained(loss)
    sheet = Sheet(found)
    loss.backward()
    for leaf in leaves(loss):
        np.testing.assert_allclose(sheet.of(found.gradient[leaf]), leaf.grad, rtol=1e-13, atol=1e-16)
    for node, var in found.value.items():
        np.testing.assert_array_equal(sheet.of(var), node.data)


@pytest.mark.parametrize("make", [scalars, arrays])
def test_the_contributions_to_a_node_add_up_to_its_gradient(make):
    loss = make()
    found = explained(loss)
    sheet = Sheet(found)
    for node, gradient in found.gradient.items():
        parts = [sheet.of(amount) for (consumer, i), amount in found.amount.items() if consumer.parents[i] is node]
        if parts:
            np.testing.assert_allclose(sum(parts), sheet.of(gradient), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("make", [scalars, arrays])
def test_finite_differences_stand_beside_every_gradient_and_agree(make):
    data = viz.stepper(make()).data
    numbers = [vars[1] for vars in data["vars"]]
    checked = [node for node in data["nodes"] if node["differences"] is not None]
    assert checked
    for node in checked:
        np.testing.assert_allclose(node["differences"], numbers[node["gradient"]], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("size", "taken"), [(199, True), (200, False)])  # twice that, and the sum
def test_differences_are_taken_of_up_to_400_numbers(size, taken):
    x = Value(np.ones(size))
    nodes = viz.stepper((x * x).sum()).data["nodes"]
    assert [node["differences"] is not None for node in nodes] == [taken] * 3


def test_a_linear_map_is_written_with_what_it_does():
    x = Value(np.arange(6.0).reshape(2, 3))
    said = [use["symbols"] for use in viz.stepper((x.T[0] * np.array([2.0, 3.0])).sum()).data["uses"]]
    assert said[0] == "dL/dL through Σ: 1"
    assert said[2] == "dL/dv3 through [ ]: 1 at the entries read; repeats add up"


def test_the_update_shows_the_loss_after_one_step():
    w, x = Value(3.0, name="w"), Value(2.0, name="x")
    data = viz.stepper((w * x - 1.0) ** 2, rate=0.01).data
    slope = 2 * (3.0 * 2.0 - 1.0)
    moved = (3.0 - 0.01 * slope * 2.0) * (2.0 - 0.01 * slope * 3.0)
    assert data["after"] == pytest.approx((moved - 1.0) ** 2)


def test_every_broadcast_is_summed_in_a_step_of_its_own():
    data = viz.stepper(arrays()).data
    summed = [use for use in data["uses"] if use["summed"]]
    assert len(summed) == 2, "two biases"
    assert [event["do"] for event in data["events"]].count("sum") == 2


def test_the_page_is_one_file_that_refers_to_nothing_and_stays_small(tmp_path):
    path = viz.stepper(scalars()).save(tmp_path / "page.html")
    text = path.read_text("utf-8")
    assert len(text) < 150_000
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    with pytest.raises(OutputExistsError):
        viz.stepper(scalars()).save(path)
    viz.stepper(scalars()).save(path, overwrite=True)


def test_the_same_graph_gives_the_same_bytes():
    assert viz.stepper(arrays()).html == viz.stepper(arrays()).html


def test_a_name_cannot_end_the_script():
    a = Value(3.0, name="</script><script>alert(1)</script>")
    text = viz.stepper(a * a, title="%%DATA%%</title>").html
    assert text.count("</script>") == 2
    assert text.count("</title>") == 1
    data = text.split('id="data">')[1].split("</script>")[0]
    assert json.loads(data)["nodes"][0]["name"].startswith("</script>")


def test_infinite_and_missing_numbers_are_written_down():
    x = Value(0.0, name="x")
    with np.errstate(all="ignore"):
        data = viz.stepper(1.0 / x).data
    numbers = [vars[1] for vars in data["vars"]]
    assert ["inf"] in numbers
    with np.errstate(all="ignore"):
        assert viz.stepper(np.log(Value(-1.0))).data["after"] == "nan"


@pytest.mark.parametrize(
    ("root", "says"),
    [
        (3.0, "got float"),
        (Value([1.0, 2.0]) * 2.0, "shape"),
    ],
)
def test_what_cannot_be_stepped_through_is_refused(root, says):
    with pytest.raises(ArgumentError, match=says):
        viz.stepper(root)


def test_a_large_graph_a_strange_rate_and_a_result_without_a_graph_are_refused():
    x = Value(1.0)
    y = x
    for _ in range(2000):
        y = y * x
    with pytest.raises(ArgumentError, match="one sample"):
        viz.stepper(y)
    with pytest.raises(ArgumentError, match="rate"):
        viz.stepper(x * x, rate=-1)
    with pytest.raises(ArgumentError, match="rate"):
        viz.stepper(x * x, rate=float("inf"))
    with no_grad():
        dead = x * x
    for root in (dead, x):
        with pytest.raises(ArgumentError, match="from nothing differentiable"):
            viz.stepper(root)


def test_a_result_may_be_an_array_of_one_number():
    w = Value([[3.0]], name="w")
    data = viz.stepper(w**2, rate=0.1).data
    assert data["after"] == pytest.approx((3.0 - 0.1 * 6.0) ** 2)
    assert data["nodes"][0]["differences"] == pytest.approx([6.0])


def test_a_graph_too_large_to_draw_whole_is_shown_around_the_current_node():
    model = nn.MLP(2, [4, 4, 1], rng=0)
    data = viz.stepper((model([Value(1.0), Value(2.0)]) - 1.0) ** 2).data
    assert data["picture"] is None
    assert len(data["nodes"]) > 70


def test_above_the_neighbourhood_stands_the_whole_graph_folded_unless_it_does_not_fold():
    model = nn.MLP(2, [4, 4, 1], rng=0)
    page = viz.stepper((model([Value(1.0), Value(2.0)]) - 1.0) ** 2)
    assert "layer1" in page.html.split('<details id="overview">')[1].split("</details>")[0]
    assert '<details id="overview">' not in viz.stepper(scalars()).html
    assert len(page.html) < 150_000


def test_an_array_that_holds_a_condition_is_marked_since_it_does_not_follow_its_inputs():
    x = Value([1.0, -2.0], name="x")
    nodes = viz.stepper(np.where(x > 0, x, x * x).sum()).data["nodes"]
    assert [node["name"] for node in nodes if node.get("condition")] == ["v1"]
