from statistics import NormalDist

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.nn import Dense, Dropout, Flatten, LeakyReLU, PReLU, ReLU, Sequential, Softmax
from tinygrad_edu.nn.layers.activation import ACTIVATIONS
from tinygrad_edu.nn.module import Module


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


REFERENCE = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "relu6": lambda x: np.minimum(np.maximum(x, 0), 6),
    "elu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1)),
    "gelu": lambda x: x * np.vectorize(NormalDist().cdf)(x),
    "silu": lambda x: x * sigmoid(x),
    "mish": lambda x: x * np.tanh(np.log(1 + np.exp(x))),
    "sigmoid": sigmoid,
    "log_sigmoid": lambda x: np.log(sigmoid(x)),
    "tanh": np.tanh,
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
    "log_softmax": lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True)),
}


def slope(f, x, at, h=1e-6):
    """Central difference of a scalar function by one entry of x, an array that is put back."""
    old = x[at]
    x[at] = old + h
    high = f()
    x[at] = old - h
    low = f()
    x[at] = old
    return (high - low) / (2 * h)


def test_dense_is_x_times_weight_plus_bias(rng):
    layer, x = Dense(3, 2, rng=0), rng.normal(size=(5, 3))
    layer.bias.data[:] = [1.0, -1.0]
    np.testing.assert_array_equal(layer(x).data, x @ layer.weight.data + [1.0, -1.0])
    assert [name for name, _ in Dense(3, 2, bias=False).named_parameters()] == ["weight"]


def test_dense_takes_vectors_stacks_lists_and_values(rng):
    layer, x = Dense(3, 2, rng=0), rng.normal(size=(4, 5, 3))
    assert layer(x).shape == (4, 5, 2)
    assert layer(Value(x)).shape == (4, 5, 2)
    assert layer(x[0, 0]).shape == (2,)
    assert layer(x[0, 0].tolist()).shape == (2,)


def test_gradients_of_dense_agree_with_finite_differences(rng):
    model, x = Sequential(Dense(3, 4, activation="tanh", rng=0), Dense(4, 2, rng=1)), rng.normal(size=(5, 3))

    def loss():
        return (model(x) ** 2).sum()

    loss().backward()
    for parameter in model.parameters():
        for at in np.ndindex(parameter.shape):
            numeric = slope(lambda: loss().item(), parameter.data, at)
            assert parameter.grad[at] == pytest.approx(numeric, rel=1e-6, abs=1e-8)


def test_dense_on_the_wrong_width_names_the_layer_expected_and_got():
    model = Sequential(Dense(3, 4), Dense(5, 2))
    with pytest.raises(ShapeError, match=r"Dense 'layer1': expected an input of shape \(..., 5\), got \(6, 4\)"):
        model(np.ones((6, 3)))


def test_a_float32_layer_stays_float32():
    layer = Dense(2, 2, activation="sigmoid", rng=0, dtype=np.float32)
    out = layer(np.ones((3, 2), dtype=np.float32))
    out.sum().backward()
    assert out.dtype == layer.weight.grad.dtype == layer.bias.grad.dtype == np.float32


def test_one_seed_gives_equal_layers_and_one_generator_different_ones():
    np.testing.assert_array_equal(Dense(3, 3, rng=1).weight.data, Dense(3, 3, rng=1).weight.data)
    rng = np.random.default_rng(1)
    assert not np.array_equal(Dense(3, 3, rng=rng).weight.data, Dense(3, 3, rng=rng).weight.data)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Dense(2, 2, activation="rleu"),
        lambda: Dense(2, 2, init="zero"),
        lambda: Dense(0, 2),
        lambda: Dense(2, True),
        lambda: Dense(2, 2, activation=ReLU),
        lambda: Dropout(1.0),
        lambda: Dropout(-0.1),
        lambda: Sequential(ReLU),
        lambda: Sequential(Dense(2, 2), "relu"),
    ],
)
def test_arguments_that_make_no_layer_are_refused(make):
    with pytest.raises(ArgumentError):
        make()


def test_an_unknown_activation_lists_those_there_are_and_a_class_is_asked_to_be_called():
    with pytest.raises(ArgumentError, match=r"there are relu, leaky_relu, .*, softmax, log_softmax"):
        Dense(2, 2, activation="rleu")
    with pytest.raises(ArgumentError, match=r"did you mean ReLU\(\)\?"):
        Sequential(Dense(2, 2), ReLU)


@pytest.mark.parametrize("key", sorted(ACTIVATIONS))
def test_every_activation_is_a_name_a_layer_and_its_function(key, rng):
    x = rng.normal(size=(4, 3))
    layer, dense = ACTIVATIONS[key](), Dense(3, 3, activation=key, rng=0)
    expected = REFERENCE[key]
    np.testing.assert_allclose(layer(Value(x)).data, expected(x), rtol=1e-12)
    np.testing.assert_allclose(dense(x).data, expected(x @ dense.weight.data), rtol=1e-12)
    assert layer.parameters() == []
    options = ", ".join(f"{name}={value!r}" for name, value in layer.defaults.items())
    assert repr(layer) == f"{type(layer).__name__}({options})"


def test_options_of_an_activation_go_by_place_or_name_and_typos_are_refused():
    x = np.array([-2.0, 3.0])
    np.testing.assert_array_equal(LeakyReLU(0.5)(x), [-1.0, 3.0])
    np.testing.assert_array_equal(LeakyReLU(negative_slope=0.25)(x), [-0.5, 3.0])
    np.testing.assert_allclose(Softmax(axis=0)(np.zeros((4, 2))), 0.25)
    for make in (lambda: LeakyReLU(slope=0.5), lambda: LeakyReLU(0.5, negative_slope=0.5), lambda: ReLU(1.0)):
        with pytest.raises(ArgumentError, match="takes"):
            make()


def test_prelu_learns_its_slope():
    layer, x = PReLU(2, slope=0.5), Value([[-1.0, 2.0], [-3.0, -4.0]])
    out = layer(x)
    np.testing.assert_array_equal(out.data, [[-0.5, 2.0], [-1.5, -2.0]])
    out.sum().backward()
    np.testing.assert_array_equal(layer.weight.grad, [-4.0, -4.0])
    np.testing.assert_array_equal(x.grad, [[0.5, 1.0], [0.5, 0.5]])


def test_an_activation_may_be_any_function_or_a_layer(rng):
    x = rng.normal(size=(4, 3))
    for activation in (np.tanh, ACTIVATIONS["tanh"]()):
        np.testing.assert_array_equal(
            Dense(3, 3, activation=activation, rng=0)(x).data, Dense(3, 3, activation="tanh", rng=0)(x).data
        )


@pytest.mark.parametrize("shape", [(4, 2, 3), (4,), (0, 2, 3), (4, 0)])
def test_flatten_keeps_the_batch(shape):
    assert Flatten()(Value(np.zeros(shape))).shape == (shape[0], int(np.prod(shape[1:])))


def test_flatten_of_a_single_number_is_an_error():
    with pytest.raises(ShapeError, match="first axis is the batch"):
        Flatten()(3.0)


def test_dropout_drops_its_share_keeps_the_mean_and_gives_the_same_factor_to_the_gradient():
    layer, x = Dropout(0.3, rng=0), Value(np.ones(100_000))
    out = layer(x)
    assert set(np.unique(out.data)) == {0.0, 1 / 0.7}
    assert np.mean(out.data == 0) == pytest.approx(0.3, abs=0.01)
    out.sum().backward()
    np.testing.assert_array_equal(x.grad, out.data)


def test_dropout_draws_anew_at_each_call():
    layer, x = Dropout(0.5, rng=0), np.ones(50)
    assert not np.array_equal(layer(x), layer(x))


def test_dropout_is_off_in_eval_and_at_probability_zero():
    x = Value(np.ones(10))
    assert Dropout(0.5, rng=0).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_dropout_leaves_float32_alone():
    assert Dropout(0.5, rng=0)(np.ones(4, dtype=np.float32)).dtype == np.float32


def test_sequential_is_indexed_sliced_counted_iterated_and_extended():
    a, b, c = Dense(2, 2), ReLU(), Dense(2, 1)
    model = Sequential([a, b])
    model.add(c)
    assert (len(model), model[0], model[-1], list(model)) == (3, a, c, [a, b, c])
    assert list(model[1:]) == [b, c]
    assert isinstance(model[1:], Sequential)


def test_a_layer_of_ones_own_works_among_the_others(rng):
    class Twice(Module):
        def forward(self, x):
            return x + x

    x = rng.normal(size=(2, 3))
    np.testing.assert_array_equal(Sequential(Twice(), Twice())(Value(x)).data, 4 * x)
