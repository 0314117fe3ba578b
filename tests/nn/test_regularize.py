"""Penalties, clipping, max-norm: by hand and in `fit`."""

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, GradientError
from tinygrad_edu.nn import MLP, SGD, Dense, Sequential, fit
from tinygrad_edu.nn.callbacks import ClipGradients, GradientNorm, MaxNorm
from tinygrad_edu.nn.regularize import (
    L1,
    L2,
    Elastic,
    clip_grad_norm_,
    clip_grad_value_,
    clip_norm_of_each,
    global_norm,
    max_norm,
)

X, Y = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[1.0], [2.0]])


def net():
    return Sequential(Dense(2, 3, activation="tanh", rng=0), Dense(3, 1, rng=1))


def train(model, lr=0.1, epochs=1, **options):
    return fit(
        model,
        (X, Y),
        "mse",
        SGD(model.parameters(), lr),
        epochs,
        batch_size=2,
        shuffle=False,
        progress=False,
        **options,
    )


@pytest.mark.parametrize(
    ("penalty", "by_hand", "slope"),
    [
        (L1(0.1), lambda w: 0.1 * abs(w), lambda w: 0.1 * np.sign(w)),
        (L2(0.1), lambda w: 0.1 * w**2, lambda w: 0.2 * w),
        (Elastic(0.1, 0.5), lambda w: 0.1 * abs(w) + 0.5 * w**2, lambda w: 0.1 * np.sign(w) + w),
    ],
)
def test_a_penalty_is_its_formula_over_the_weights_and_leaves_biases_alone(penalty, by_hand, slope):
    model = net()
    for layer in model:
        layer.bias.data[:] = 7.0
    value = penalty(model)
    value.backward()
    assert value.item() == pytest.approx(sum(by_hand(layer.weight.data).sum() for layer in model), rel=1e-14)
    for layer in model:
        np.testing.assert_allclose(layer.weight.grad, slope(layer.weight.data), rtol=1e-14)
        assert layer.bias.grad is None


def test_biases_count_when_asked_for_and_given_parameters_always_do():
    model = Dense(2, 3, rng=0)
    model.bias.data[:] = 1.0
    weights = np.square(model.weight.data).sum()
    assert L2(1.0)(model).item() == pytest.approx(weights)
    assert L2(1.0, biases=True)(model).item() == pytest.approx(weights + 3)
    assert L2(1.0)(model.parameters()).item() == pytest.approx(weights + 3)


def test_scalar_networks_are_penalised_too():
    model = MLP(2, [3, 1], rng=0)
    for neuron in model.layers[0].neurons:
        neuron.b.data = 5.0
    penalty = Elastic(0.3, 0.7)(model)
    penalty.backward()
    weights = [w for layer in model.layers for neuron in layer.neurons for w in neuron.w]
    assert penalty.item() == pytest.approx(sum(0.3 * abs(w.data) + 0.7 * w.data**2 for w in weights))
    assert weights[0].grad == pytest.approx(0.3 * np.sign(weights[0].data) + 1.4 * weights[0].data)


def test_no_strength_is_no_penalty():
    assert Elastic()(net()).item() == 0.0
    with pytest.raises(ArgumentError, match=r"strengths of at least 0, got 0\.0 and -1"):
        L2(-1)


def test_l2_in_fit_is_weight_decay_of_twice_the_strength():
    ours, theirs = Dense(2, 1, bias=False, rng=0), Dense(2, 1, bias=False, rng=0)
    train(ours, epochs=5, penalty=L2(0.05))
    optimizer = SGD(theirs.parameters(), 0.1, weight_decay=0.1)
    fit(theirs, (X, Y), "mse", optimizer, 5, batch_size=2, shuffle=False, progress=False)
    np.testing.assert_allclose(ours.weight.data, theirs.weight.data, rtol=1e-13)


def test_the_history_has_loss_and_penalty_apart():
    model = net()
    penalty = L2(0.05)(model).item()
    plain, history = train(net(), lr=0.0), train(model, lr=0.0, penalty=L2(0.05))
    assert history["loss"] == plain["loss"]
    assert history["penalty"] == [pytest.approx(penalty)]
    assert "penalty" not in plain


def test_each_layer_has_a_penalty_of_its_own_and_a_function_does_as_well():
    model = net()
    expected = L1(0.1)(model[0]).item() + L2(0.2)(model[1]).item()
    assert train(model, lr=0.0, penalty={model[0]: L1(0.1), model[1]: L2(0.2)})["penalty"] == [pytest.approx(expected)]
    assert train(model, lr=0.0, penalty=lambda m: L1(0.1)(m[0]) + L2(0.2)(m[1]))["penalty"] == [pytest.approx(expected)]


@pytest.mark.parametrize("penalty", [0.1, L2, {"layer": L2(0.1)}, [L2(0.1)]])
def test_what_is_no_penalty_is_refused(penalty):
    with pytest.raises(ArgumentError, match="penalty: expected a penalty such as"):
        train(net(), penalty=penalty)


def test_a_penalty_that_is_infinite_ends_the_run():
    with pytest.raises(GradientError, match="the loss is inf in epoch 1"):
        train(net(), penalty=lambda model: np.inf)


# -- limits on gradients


def with_gradients(*gradients):
    values = [Value(np.zeros_like(g)) for g in gradients]
    for value, gradient in zip(values, gradients, strict=True):
        value.grad = np.array(gradient)
    return values


def test_clipping_the_global_norm_scales_all_by_one_factor_as_pytorch_does():
    values = with_gradients(np.array([3.0, 0.0]), np.array([[4.0]]))
    assert clip_grad_norm_(values, 1.0) == 5.0
    np.testing.assert_allclose(values[0].grad, [3 / (5 + 1e-6), 0.0], rtol=1e-15)
    np.testing.assert_allclose(values[1].grad, [[4 / (5 + 1e-6)]], rtol=1e-15)
    before = values[0].grad.copy()
    clip_grad_norm_(values, 100.0)
    np.testing.assert_array_equal(values[0].grad, before)


@pytest.mark.slow
@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, np.inf])
@pytest.mark.parametrize("limit", [0.5, 3.0, 1000.0])
def test_norms_and_clipped_gradients_are_those_of_pytorch(norm_type, limit):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    gradients = [rng.normal(size=(3, 4)), rng.normal(size=5), np.array(0.3)]
    values, tensors = with_gradients(*gradients), [torch.zeros(g.shape, dtype=torch.float64) for g in gradients]
    for tensor, gradient in zip(tensors, gradients, strict=True):
        tensor.grad = torch.tensor(gradient)
    theirs = torch.nn.utils.clip_grad_norm_(tensors, limit, norm_type)
    assert clip_grad_norm_(values, limit, norm_type) == pytest.approx(theirs.item(), rel=1e-12)
    torch.nn.utils.clip_grad_value_(tensors, 0.4)
    clip_grad_value_(values, 0.4)
    for value, tensor in zip(values, tensors, strict=True):
        np.testing.assert_allclose(value.grad, tensor.grad.numpy(), rtol=1e-12)


def test_clipping_each_norm_leaves_short_gradients_alone():
    values = with_gradients(np.array([3.0, 4.0]), np.array([0.3, 0.4]))
    clip_norm_of_each(values, 1.0)
    np.testing.assert_allclose(values[0].grad, [0.6, 0.8])
    np.testing.assert_array_equal(values[1].grad, [0.3, 0.4])


@pytest.mark.parametrize("clip", [clip_grad_norm_, clip_norm_of_each, clip_grad_value_])
def test_clipping_keeps_kinds_dtypes_and_missing_gradients(clip):
    single, scalar, none = Value(np.ones(2, dtype=np.float32)), Value(1.0), Value([1.0])
    zero = Value(np.array(1.0))
    shared = single.grad = np.array([30.0, 40.0], dtype=np.float32)
    scalar.grad, zero.grad = 50.0, np.array(2.0)
    clip([single, scalar, none, zero], 1.0)
    assert single.grad.dtype == np.float32
    assert type(scalar.grad) is float
    assert scalar.grad <= 1.0
    assert isinstance(zero.grad, np.ndarray)
    assert none.grad is None
    np.testing.assert_array_equal(shared, [30.0, 40.0])


def test_gradients_that_are_not_finite_are_reported_when_asked_for():
    values = with_gradients(np.array([np.nan, 1.0]))
    assert np.isnan(clip_grad_norm_(with_gradients(np.array([np.nan, 1.0])), 1.0))
    with pytest.raises(GradientError, match="the norm of the gradients is nan"):
        clip_grad_norm_(values, 1.0, error_if_nonfinite=True)
    assert values[0].grad[1] == 1.0
    assert global_norm([Value(1.0)]) == 0.0


@pytest.mark.parametrize(
    ("limit", "holds"),
    [
        ({"value": 0.01}, lambda gs: all(np.abs(g).max() <= 0.0100001 for g in gs)),
        ({"norm": 0.01}, lambda gs: all(np.linalg.norm(g) <= 0.0100001 for g in gs)),
        ({"global_norm": 0.01}, lambda gs: np.sqrt(sum(np.square(g).sum() for g in gs)) <= 0.0100001),
    ],
)
def test_fit_steps_along_clipped_gradients(limit, holds):
    model, before = net(), net()
    norm = GradientNorm()
    train(model, lr=1.0, callbacks=[norm, ClipGradients(**limit)])
    assert norm.norms[0] > 0.1, "the test is about gradients that are too long"
    steps = [b.data - p.data for p, b in zip(model.parameters(), before.parameters(), strict=True)]
    assert holds(steps)
    assert any(np.abs(step).max() > 0.001 for step in steps)


@pytest.mark.parametrize("limits", [{}, {"value": 1.0, "norm": 1.0}, {"value": 0.0}, {"norm": -1.0}])
def test_one_way_of_clipping_is_chosen(limits):
    with pytest.raises(ArgumentError, match="give one of value, norm, global_norm, above 0"):
        ClipGradients(**limits)


# -- limits on weights


def test_max_norm_shortens_the_weights_of_each_unit_and_nothing_else():
    w, b = Value(np.array([[3.0, 0.3, 0.0], [4.0, 0.4, 0.0]])), Value(np.array([9.0, 9.0, 9.0]))
    data = w.data
    max_norm([w, b], 2.0)
    np.testing.assert_allclose(w.data, [[1.2, 0.3, 0.0], [1.6, 0.4, 0.0]])
    np.testing.assert_array_equal(b.data, 9.0)
    assert w.data is data


def test_max_norm_of_a_kernel_is_that_of_each_channel():
    kernel = Value(np.random.default_rng(0).normal(size=(3, 3, 4, 5)))
    max_norm([kernel], 1.0)
    np.testing.assert_allclose(np.sqrt(np.square(kernel.data).sum(axis=(0, 1, 2))), 1.0)


def test_fit_keeps_weights_within_max_norm():
    model, free = net(), net()
    train(free, lr=0.5, epochs=3)
    train(model, lr=0.5, epochs=3, callbacks=[MaxNorm(0.5)])
    assert np.linalg.norm(free[0].weight.data, axis=0).max() > 0.6
    for layer in model:
        assert np.linalg.norm(layer.weight.data, axis=0).max() <= 0.5 + 1e-12
    some = net()
    train(some, lr=0.5, epochs=3, callbacks=[MaxNorm(0.5, layers=[some[1]])])
    assert np.linalg.norm(some[0].weight.data, axis=0).max() > 0.6
    assert np.linalg.norm(some[1].weight.data, axis=0).max() <= 0.5 + 1e-12
    with pytest.raises(ArgumentError, match="max_value must be above 0"):
        MaxNorm(0)
