"""Three zooms of one graph: layers, tensors, scalars."""

import numpy as np
import pytest

import tinygrad_edu as te
from tinygrad_edu import Value, nn
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.graph import leaves, topological
from tinygrad_edu.viz import draw
from tinygrad_edu.viz.zoom.scalars import scalar_parts

CASES = {
    "matrix product": lambda x, y: x @ y.T,
    "broadcast": lambda x, y: x + y[0],
    "sum over an axis": lambda x, y: (x * y).sum(axis=0),
    "mean": lambda x, y: x.mean(axis=1) * y.mean(),
    "transpose and index": lambda x, y: x.T[1:] * y[:, 0],
    "concatenate": lambda x, y: np.concatenate([x, y * 2.0], axis=1),
    "stack and reshape": lambda x, y: np.stack([x, y]).reshape(3, -1),
    "einsum": lambda x, y: np.einsum("ij,kj->ik", x, y),
    "where": lambda x, y: np.where(x.data > 0, x, y),
    "softmax": lambda x, y: te.softmax(x * y),
    "largest": lambda x, y: np.maximum(x, y).max(axis=1),
    "cumulative": lambda x, y: np.cumsum(x, axis=1) - y,
    "convolution": lambda x, y: te.conv2d(x.reshape(1, 2, 3, 1), y[:, :2].reshape(2, 2, 1, 1)),
}


def operands(rng):
    return Value(rng.normal(size=(2, 3)), name="x"), Value(rng.normal(size=(2, 3)), name="y")


@pytest.mark.parametrize("case", CASES)
def test_opened_into_scalars_a_graph_keeps_its_numbers_and_its_gradients(case, rng):
    x, y = operands(rng)
    result = CASES[case](x, y)
    loss = (result * np.arange(1.0, 1.0 + result.size).reshape(result.shape)).sum()
    loss.backward()
    (opened,) = scalar_parts([loss])
    assert opened.data == pytest.approx(loss.data, rel=1e-12)
    parts = {leaf.name: leaf for leaf in leaves(opened)}
    for leaf in parts.values():
        leaf.zero_grad()
    opened.backward()
    for whole in (x, y):
        for index in np.ndindex(whole.shape):
            name = f"{whole.name}[{','.join(map(str, index))}]"
            if name in parts:
                assert parts[name].grad == pytest.approx(whole.grad[index], rel=1e-9, abs=1e-12)
            else:
                assert whole.grad[index] == 0.0  # an entry that nothing reads is not drawn


@pytest.mark.parametrize("case", ["matrix product", "mean", "softmax"])
def test_every_scalar_of_an_opened_graph_has_its_gradient(case, rng):
    x, y = operands(rng)
    loss = CASES[case](x, y).sum()
    loss.backward()
    (opened,) = scalar_parts([loss])
    assert all(node.grad is not None for node in topological(opened) if node.op.name != "constant")


def test_a_matrix_product_opens_into_products_and_sums(rng):
    x, w = Value(rng.normal(size=(1, 3)), name="x"), Value(rng.normal(size=(3, 2)), name="w")
    drawing = draw((x @ w).sum(), detail="scalar")
    symbols = [circle.symbol for circle in drawing.picture.circles]
    assert symbols.count("×") == 6
    assert symbols.count("Σ") == 2
    assert "w[2,1]" in {box.title for box in drawing.picture.boxes}
    assert "@ of (1, 3), (3, 2)" in {cluster.label for cluster in drawing.picture.clusters}


def test_a_parameter_of_a_class_without_slots_is_opened_too(tensor_loss):
    roles = [box.role for box in draw(tensor_loss, detail="scalar", fold=False).picture.boxes]
    assert roles.count("parameter") == 5 * 4 + 4 + 4 * 3 + 3


def test_parameters_stay_parameters_when_they_are_opened(rng):
    weight = nn.Parameter(rng.normal(size=2), name="w")
    drawing = draw((weight * 2.0).sum(), detail="scalar")
    assert [box.role for box in drawing.picture.boxes if box.title.startswith("w")] == ["parameter"] * 2


def test_a_random_draw_is_opened_into_the_numbers_that_were_drawn(rng):
    x = Value(np.ones(4), name="x")
    loss = te.dropout(x, 0.5, rng=np.random.default_rng(1)).sum()
    (opened,) = scalar_parts([loss])
    assert opened.data == loss.data


def test_a_scalar_graph_is_opened_already(one_neuron):
    assert draw(one_neuron, detail="scalar").picture == draw(one_neuron).picture


@pytest.mark.parametrize(("rows", "names"), [(64, r"x of \(64, 784\)"), (1, r"w of \(784, 10\)")])
def test_what_is_too_large_to_open_is_named(rows, names):
    x, w = Value(np.ones((rows, 784)), name="x"), Value(np.ones((784, 10)), name="w")
    with pytest.raises(ArgumentError, match=rf"at most 2,000 scalars; {names} goes past it.*detail='tensor'"):
        draw((x @ w).sum(), detail="scalar")


def test_a_product_with_too_many_parts_is_named():
    x, w = Value(np.ones((9, 20)), name="x"), Value(np.ones((20, 40)), name="w")
    with pytest.raises(ArgumentError, match=r"matmul of \(9, 20\) and \(20, 40\) goes past it"):
        draw((x @ w).sum(), detail="scalar")


def test_highlighting_in_an_opened_graph_is_refused(rng):
    x, y = operands(rng)
    with pytest.raises(ArgumentError, match="draws other Values"):
        draw((x * y).sum(), detail="scalar", highlight=x)


def test_a_scalar_network_folds_into_layers_with_counts():
    model = nn.MLP(2, [4, 4, 1], rng=0)
    drawing = draw(model([Value(1.0, name="x1"), Value(2.0, name="x2")]), detail="layer")
    found = {box.title: [line.text for line in box.lines] for box in drawing.picture.boxes if box.role == "scope"}
    assert list(found) == ["layer0", "layer1", "layer2"]
    assert found["layer1"][0] == "56 nodes, 20 parameters"
    assert "gives 4 × scalar" in found["layer1"]


def test_a_network_of_arrays_folds_into_layers(rng):
    model = nn.Sequential(nn.Dense(3, 4, activation="tanh", rng=0), nn.Dense(4, 2, rng=1))
    drawing = draw(model(Value(rng.normal(size=(5, 3)))).sum(), detail="layer")
    assert [box.title for box in drawing.picture.boxes if box.role == "scope"] == ["layer0", "layer1"]
    assert [cluster.label for cluster in drawing.picture.clusters] == ["sequential"]


def test_a_layer_on_its_own_is_one_box(rng):
    layer = nn.Dense(3, 4, rng=0)
    drawing = draw(layer(Value(rng.normal(size=(5, 3)))).sum(), detail="layer")
    assert [box.title for box in drawing.picture.boxes if box.role == "scope"] == ["dense"]


def test_many_calls_of_a_network_fold_into_its_layers_once(batch_loss):
    drawing = draw(batch_loss, detail="layer", max_nodes=40)
    assert {"layer0", "layer1"} <= {box.title for box in drawing.picture.boxes if box.role == "scope"}
    assert len(drawing.picture.boxes) <= 40


@pytest.mark.parametrize("detail", ["layers", None, 3])
def test_a_wrong_zoom_names_the_right_ones(detail):
    with pytest.raises(ArgumentError, match="detail must be one of 'layer', 'tensor', 'scalar'"):
        draw(Value(1.0), detail=detail)
