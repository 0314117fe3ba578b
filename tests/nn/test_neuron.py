import random

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.nn import MLP, SGD, Dense, Dropout, Layer, Neuron, ReLU, Sequential, Tanh, binary_hinge, fit
from tinygrad_edu.nn.data import blobs


@pytest.mark.parametrize(("nonlin", "activation", "expected"), [
    (True, "relu", 2.0), (False, "relu", 2.0), (True, "tanh", np.tanh(2.0)), (True, None, 2.0),
    (True, "sigmoid", 1 / (1 + np.exp(-2.0))),
])  # fmt: skip
def test_a_neuron_is_its_activation_of_the_weighted_sum(nonlin, activation, expected):
    neuron = Neuron(2, nonlin=nonlin, activation=activation, rng=0)
    neuron.w[0].data, neuron.w[1].data, neuron.b.data = 3.0, -1.0, 1.0
    assert neuron([1.0, 2.0]).item() == pytest.approx(expected, rel=1e-15)


def test_a_linear_neuron_passes_negative_sums_and_a_relu_neuron_does_not():
    linear, relu = Neuron(1, nonlin=False, rng=0), Neuron(1, rng=0)
    linear.w[0].data = relu.w[0].data = -1.0
    assert (linear([2.0]).item(), relu([2.0]).item()) == (-2.0, 0.0)


def test_weights_come_before_the_bias_neuron_by_neuron_and_biases_start_at_zero():
    layer = Layer(2, 2, rng=0)
    first, second = layer.neurons
    expected = [*first.w, first.b, *second.w, second.b]
    assert all(a is b for a, b in zip(layer.parameters(), expected, strict=True))
    assert first.b.data == 0.0


@pytest.mark.parametrize("rng", [0, np.random.default_rng(0), random.Random(0), random, None])
def test_weights_are_drawn_from_any_generator_between_minus_one_and_one(rng):
    weights = [p.data for p in MLP(3, [4, 2], rng=rng).parameters()]
    assert all(type(w) is float and -1 <= w <= 1 for w in weights)
    assert len(set(weights)) > 15


def test_one_seed_gives_one_network_and_not_equal_layers():
    assert MLP(2, [3, 3], rng=5).state_dict().keys() == MLP(2, [3, 3], rng=5).state_dict().keys()
    one, two = (np.array([p.data for p in MLP(3, [3, 3], rng=5).parameters()]) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one[:12], one[12:])


def test_one_neuron_gives_a_value_and_more_give_a_list():
    assert isinstance(Layer(2, 1, rng=0)([1.0, 2.0]), Value)
    assert isinstance(MLP(2, [3, 1], rng=0)([1.0, 2.0]), Value)
    assert isinstance(MLP(2, [3, 2], rng=0)([1.0, 2.0]), list)


def test_a_layer_of_one_neuron_feeds_the_next_layer():
    assert len(MLP(2, [3, 1, 4], rng=0)([1.0, 2.0])) == 4


@pytest.mark.parametrize(
    "x", [[1.0, 2.0], (1.0, 2.0), np.array([1.0, 2.0]), Value([1.0, 2.0]), [Value(1.0), 2], iter([1, 2])]
)
def test_inputs_may_be_lists_arrays_values_and_mixtures(x):
    twin = MLP(2, [3, 1], rng=0)
    assert MLP(2, [3, 1], rng=0)(x).item() == twin([Value(1.0), Value(2.0)]).item()


def test_a_plain_number_is_one_constant_for_all_neurons():
    a, b = Layer(1, 2, nonlin=False, rng=0)([3.0])
    assert a.parents[1].parents[1] is b.parents[1].parents[1]
    assert a.parents[1].parents[1].op.name == "constant"


def test_a_wrong_number_of_inputs_is_an_error_that_names_the_layer_and_both_numbers():
    mlp = MLP(2, [3, 1], rng=0)
    with pytest.raises(ShapeError, match="Layer 'layer0': each neuron expects 2 inputs, got 3"):
        mlp([1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match="Layer 'layer0': each neuron expects 2 inputs, got 1"):
        mlp(np.ones((4, 1)))
    with pytest.raises(ShapeError, match="Neuron 'neuron': expected 3 inputs, got 2"):
        Neuron(3)([1.0, 2.0])


def test_a_batch_is_for_the_mlp_and_others_say_so():
    with pytest.raises(ShapeError, match=r"expected one sample, a list of numbers, got an array of shape \(5, 2\)"):
        Layer(2, 3)(np.ones((5, 2)))


def test_a_batch_gives_one_value_with_the_outputs_of_its_samples():
    mlp, x = MLP(2, [3, 2], rng=0), np.array([[1.0, 2.0], [-3.0, 0.5], [0.0, 0.0]])
    out = mlp(x)
    assert out.shape == (3, 2)
    np.testing.assert_array_equal(out.data, [[v.item() for v in mlp(row.tolist())] for row in x])


def test_an_mlp_of_scalars_is_trained_by_fit():
    points, labels = blobs(24, noise=0.5, centers=[[-2, -2], [2, 2]], rng=0)
    mlp = MLP(2, [3, 1], activation="tanh", rng=0)
    history = fit(
        mlp, (points, 2 * labels - 1), binary_hinge, SGD(mlp.parameters(), 0.1), 5, batch_size=8, rng=0, progress=False
    )
    assert history["accuracy"][-1] == 1.0
    assert all(type(p.data) is float for p in mlp.parameters())


@pytest.mark.parametrize("output_activation", [None, "tanh"])
def test_to_dense_has_the_same_outputs_and_gradients(output_activation, rng):
    mlp = MLP(3, [4, 2], activation="tanh", output_activation=output_activation, rng=1)
    for parameter in mlp.parameters():
        parameter.data = rng.normal()
    dense = mlp.to_dense()
    x, weight = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    ours, theirs = mlp(x), dense(x)
    np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-13)
    (ours * weight).sum().backward()
    (theirs * weight).sum().backward()
    for layer, twin in zip(mlp.layers, dense, strict=True):
        grads = [[w.grad for w in neuron.w] for neuron in layer.neurons]
        np.testing.assert_allclose(np.transpose(grads), twin.weight.grad, rtol=1e-12)
        np.testing.assert_allclose([neuron.b.grad for neuron in layer.neurons], twin.bias.grad, rtol=1e-12)


def test_there_and_back_again_gives_the_same_parameters():
    mlp = MLP(3, [4, 2], activation="tanh", rng=1)
    for neuron in mlp.layers[0].neurons:
        neuron.b.data = 0.25
    back = MLP.from_dense(mlp.to_dense())
    assert [p.data for p in back.parameters()] == [p.data for p in mlp.parameters()]
    assert [layer.activation for layer in back.layers] == ["tanh", None]
    assert all(type(p.data) is float for p in back.parameters())


def test_from_dense_takes_activations_as_layers_and_layers_without_bias(rng):
    dense = Sequential(Dense(2, 3, bias=False, rng=0), Tanh(), Dense(3, 1, rng=1), ReLU())
    dense[2].bias.data[:] = 0.5
    x = rng.normal(size=(4, 2))
    np.testing.assert_allclose(MLP.from_dense(dense)(x).data, dense(x).data, rtol=1e-13)


@pytest.mark.parametrize("layers", [
    [Dense(2, 2), Dropout(0.5)], [ReLU(), Dense(2, 2)], [Dense(2, 2), ReLU(), ReLU()], [],
])  # fmt: skip
def test_from_dense_refuses_what_neurons_cannot_compute(layers):
    with pytest.raises(ArgumentError, match=r"MLP.from_dense: expected"):
        MLP.from_dense(layers)


def test_softmax_is_refused_as_the_activation_of_a_single_neuron():
    with pytest.raises(
        ArgumentError, match=r"Neuron: the activation must be one of relu, .*, tanh, .* or None, got 'softmax'"
    ):
        MLP(2, [3, 3], output_activation="softmax")


@pytest.mark.parametrize(
    "make", [lambda: MLP(2, []), lambda: MLP(2, 3), lambda: MLP(0, [1]), lambda: Layer(2, 0), lambda: Neuron(1.5)]
)
def test_sizes_that_are_not_positive_whole_numbers_are_refused(make):
    with pytest.raises(ArgumentError):
        make()
