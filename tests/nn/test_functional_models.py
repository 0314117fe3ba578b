"""Models wired from symbolic inputs: branches, shared layers, several outputs."""

from functools import partial

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.nn import (
    GRU,
    Adam,
    Add,
    BatchNorm1d,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Model,
    MultiHeadAttention,
    evaluate,
    softmax_cross_entropy,
)


def two_eyes():
    image, words = Input((4, 2), name="image"), Input(5, name="words")
    left = Dense(6, activation="relu", rng=0)(Flatten()(image))
    right = Dense(6, activation="relu", rng=1)(words)
    joined = Concatenate()(left, right)
    skip = joined + Dense(12, activation="tanh", rng=2)(joined)
    kind, size = Dense(3, rng=3, name="kind")(skip), Dense(1, rng=4, name="size")(skip)
    return Model([image, words], [kind, size], name="two_eyes")


def test_a_functional_model_computes_what_its_layers_do(rng):
    model, a, b = two_eyes(), rng.normal(size=(7, 4, 2)), rng.normal(size=(7, 5))
    kind, size = model(a, b)
    f1, d1, d2, c, d3, d4, d5 = model.layers
    joined = c(d1(f1(a)), d2(b))
    skip = joined + d3(joined)
    np.testing.assert_array_equal(kind.data, d4(skip).data)
    np.testing.assert_array_equal(size.data, d5(skip).data)
    for same in (model([a, b]), model({"words": b, "image": a})):
        np.testing.assert_array_equal(same[0].data, kind.data)
    assert [layer.__class__.__name__ for layer in model.layers].count("Dense") == 5


def test_gradients_reach_every_parameter_of_all_branches(rng):
    model = two_eyes()
    kind, size = model(rng.normal(size=(7, 4, 2)), rng.normal(size=(7, 5)))
    ((kind**2).sum() + (size**2).sum()).backward()
    assert len(model.parameters()) == 10
    assert all(np.any(parameter.grad != 0) for parameter in model.parameters())


def test_several_losses_and_metrics_by_output(rng):
    model, a, b = two_eyes(), rng.normal(size=(60, 4, 2)), rng.normal(size=(60, 5))
    labels, sizes = (a[:, 0, 0] > 0).astype(int), b[:, :1] * 2
    model.compile("adam", {"kind": "softmax_cross_entropy", "size": "mse"}, ["mae"], loss_weights=[1.0, 0.5])
    with pytest.raises(ArgumentError, match="expected a list of 2 arrays"):
        model.fit([a, b], labels, progress=False)
    model.compile(partial(Adam, lr=0.02), ["softmax_cross_entropy", "mse"], loss_weights=[1.0, 0.5])
    history = model.fit([a, b], {"kind": labels, "size": sizes}, epochs=30, rng=0, validation_split=0.2, progress=False)
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    kind, size = model.predict([a, b])
    assert (kind.shape, size.shape) == ((60, 3), (60, 1))
    kinds = evaluate(model, ((a, b), labels), lambda out, y: softmax_cross_entropy(out[0], y))["loss"]
    expected = kinds + 0.5 * np.mean((size - sizes) ** 2)
    assert model.evaluate([a, b], [labels, sizes])["loss"] == pytest.approx(expected, rel=1e-12)


def test_metrics_of_several_outputs_bear_their_names(rng):
    x = Input(3)
    model = Model(x, [Dense(2, name="a")(x), Dense(2, name="b")(x)])
    model.compile("sgd", "softmax_cross_entropy", ["accuracy"])
    y = rng.integers(0, 2, 20)
    numbers = model.evaluate(rng.normal(size=(20, 3)), [y, y])
    assert set(numbers) == {"loss", "a_accuracy", "b_accuracy"}
    weighted = model.fit(rng.normal(size=(20, 3)), [y, y], sample_weight=np.ones(20), batch_size=20, progress=False)
    assert np.isfinite(weighted["loss"][0])


def test_metrics_that_are_no_means_see_all_samples_of_their_output(rng):
    x = Input(3)
    model = Model(x, [Dense(1, rng=0, name="a")(x), Dense(1, rng=1, name="b")(x)])
    model.compile("sgd", "mse", ["r2"])
    data, targets = rng.normal(size=(20, 3)), [rng.normal(size=(20, 1)) for _ in range(2)]
    numbers = model.evaluate(data, targets, batch_size=7)
    for name, out, y in zip("ab", model.predict(data), targets, strict=True):
        expected = 1 - np.sum((out - y) ** 2) / np.sum((y - y.mean()) ** 2)
        assert numbers[f"{name}_r2"] == pytest.approx(expected, rel=1e-12)


def test_lists_and_masks_are_wired_as_well(rng):
    a, b, real = Input((4, 3)), Input((4, 3)), Input(4, dtype=bool, name="real")
    out = GRU(5, rng=0)(Add()([a, b]), mask=real)
    model = Model([a, b, real], out)
    x, y = rng.normal(size=(2, 6, 4, 3))
    mask = np.arange(4) < np.array([1, 2, 3, 4, 4, 4])[:, None]
    np.testing.assert_array_equal(model(x, y, mask).data, model.layers[1](x + y, mask=mask).data)
    assert model.predict([x, y, mask]).shape == (6, 5)


def test_a_shared_layer_counts_once_and_collects_both_gradients(rng):
    a, b = Input(3), Input(3)
    shared = Dense(2, activation="tanh", rng=0)
    model = Model([a, b], Add()(shared(a), shared(b)))
    assert model.n_parameters == 8
    x, y = rng.normal(size=(2, 4, 3))
    model(x, y).sum().backward()
    together = shared.weight.grad
    model.zero_grad()
    (shared(x).sum() + shared(y).sum()).backward()
    np.testing.assert_allclose(together, shared.weight.grad, rtol=1e-13)
    rows = model.summary().rows
    assert [(row.kind, row.parameters, len(row.shapes)) for row in rows] == [("Dense", 8, 2), ("Add", 0, 1)]
    assert "(None, 2) × 2" in str(model.summary())


def test_numpy_and_operators_wire_too(rng):
    x = Input((3, 4))
    y = np.concatenate([np.tanh(x), 2.0 * x[:, ::-1] - x / 3.0, -x, x**2], axis=-1)
    model = Model(x, np.mean(y, axis=1) @ np.ones((16, 2)))
    data = rng.normal(size=(5, 3, 4))
    parts = [np.tanh(data), 2 * data[:, ::-1] - data / 3, -data, data**2]
    expected = np.concatenate(parts, axis=-1).mean(axis=1) @ np.ones((16, 2))
    np.testing.assert_allclose(model(Value(data)).data, expected, rtol=1e-13)
    assert y.shape == (None, 3, 16)


def test_an_open_length_stays_open(rng):
    tokens = Input((None,), dtype=int)
    x = MultiHeadAttention(8, 2, causal=True, rng=0)(Embedding(11, 8, rng=0)(tokens))
    model = Model(tokens, GRU(5, rng=0)(x))
    assert x.shape == (None, None, 8)
    for length in (1, 4, 9):
        assert model(rng.integers(0, 11, (2, length))).shape == (2, 5)
    assert "(None, None, 8)" in str(model.summary())


def test_a_model_is_a_layer_of_another(rng):
    x = Input(4)
    inner = Model(x, Dense(3, rng=0)(x), name="inner")
    outer_in = Input(4)
    outer = Model(outer_in, inner(outer_in) * 2.0)
    data = rng.normal(size=(2, 4))
    out = outer(data)
    np.testing.assert_array_equal(out.data, 2 * inner(data).data)
    assert outer.n_parameters == 15
    assert outer.layers == [inner]
    assert out.parents[0].scope.path == "model/inner/layer0"


def test_wiring_leaves_no_trace_in_running_statistics_or_generators():
    x = Input(3)
    norm, drop = BatchNorm1d(), Dropout(0.5, rng=0)
    Model(x, drop(norm(x)))
    np.testing.assert_array_equal(norm.running_mean.data, np.zeros(3))
    assert drop.rng.random() == np.random.default_rng(0).random()
    assert norm.training
    assert drop.training


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x, y: Model(x, Dense(2)(y)), ArgumentError, "not among the inputs"),
        (lambda x, y: Model(x, y), ArgumentError, "not among the inputs"),
        (lambda x, y: Model(Dense(2)(x), x), ArgumentError, r"must be what Input\(...\) gave"),
        (lambda x, y: Model(x, 3.0), ArgumentError, "outputs must be what Input"),
        (lambda x, y: Model([], x), ArgumentError, "inputs must be what Input"),
        (lambda x, y: Input((3, 0)), ArgumentError, "whole numbers or None"),
        (lambda x, y: Model(x, x * 1.0)(np.ones((2, 4))), ShapeError, r"expected input0 of shape \(batch, 3\), got"),
        (lambda x, y: Model([x, y], x + y)(np.ones((2, 3))), ShapeError, r"2 inputs \(input0, input1\), got 1"),
        (lambda x, y: Model(x, x * 1.0)({"z": 1}), ArgumentError, "by the names input0, got z"),
        (lambda x, y: list(x), TypeError, "length is not known"),
        (lambda x, y: Dense(4, 2)(x), ShapeError, r"expected an input of shape \(..., 4\), got \(2, 3\)"),
    ],
)
def test_a_wrong_wiring_is_refused_where_it_is_written(make, error, message):
    with pytest.raises(error, match=message):
        make(Input(3), Input(3))


def test_a_thousand_layers_deep_is_no_recursion():
    x = y = Input(2)
    for _ in range(1500):
        y = y * 1.0
    np.testing.assert_array_equal(Model(x, y)(np.ones((1, 2))), np.ones((1, 2)))
