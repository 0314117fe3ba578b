import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, DataError, ShapeError
from tinygrad_edu.nn.losses import (
    LOSSES,
    binary_cross_entropy,
    binary_hinge,
    focal,
    hinge,
    huber,
    kl_div,
    loss_function,
    mae,
    mse,
    nll,
    softmax_cross_entropy,
)

SCORES = np.array([[0.3, -1.2, 2.0, 0.1], [1.5, 0.2, -0.7, 0.9], [-2.2, 0.4, 0.6, -0.5]])
CLASSES = np.array([2, 0, 3])
PROBABILITIES = np.array([[0.1, 0.2, 0.3, 0.4], [1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]])
SIGNS = np.array([[1, -1, 1, -1], [-1, -1, 1, 1], [1, 1, 1, -1]])


def log_p(s):
    return s - np.log(np.exp(s).sum(axis=1, keepdims=True))


def by_hand_hinge(s, y):
    return [sum(max(0.0, s[i, j] - s[i, y[i]] + 1.0) for j in range(s.shape[1]) if j != y[i]) for i in range(len(s))]


def by_hand_focal(s, y):
    right = np.where(y == 1, 1 / (1 + np.exp(-s)), 1 / (1 + np.exp(s)))
    return np.where(y == 1, 0.25, 0.75) * (1 - right) ** 2 * -np.log(right)


# loss, targets, and the losses before reduction in plain NumPy
CASES = {
    "mse": (mse, PROBABILITIES, lambda s, y: (s - y) ** 2),
    "mae": (mae, PROBABILITIES, lambda s, y: abs(s - y)),
    "binary_cross_entropy": (
        binary_cross_entropy,
        PROBABILITIES,
        lambda s, y: y * np.log(1 + np.exp(-s)) + (1 - y) * np.log(1 + np.exp(s)),
    ),
    "softmax_cross_entropy": (softmax_cross_entropy, CLASSES, lambda s, y: -log_p(s)[np.arange(3), y]),
    "softmax_cross_entropy of probabilities": (
        softmax_cross_entropy,
        PROBABILITIES,
        lambda s, y: -(y * log_p(s)).sum(1),
    ),
    "hinge": (hinge, CLASSES, by_hand_hinge),
    "binary_hinge": (binary_hinge, SIGNS, lambda s, y: np.maximum(0, 1 - y * s)),
    "huber": (huber, PROBABILITIES, lambda s, y: np.where(abs(s - y) < 1, 0.5 * (s - y) ** 2, abs(s - y) - 0.5)),
    "nll": (nll, CLASSES, lambda s, y: -s[np.arange(3), y]),
    "kl_div": (kl_div, PROBABILITIES, lambda s, y: y * (np.log(np.where(y > 0, y, 1)) - s)),
    "focal": (focal, (SIGNS > 0).astype(float), lambda s, y: by_hand_focal(s, y)),
}


def test_every_loss_is_among_the_cases():
    assert {loss for loss, _, _ in CASES.values()} == set(LOSSES.values())


@pytest.mark.parametrize("name", CASES)
def test_a_loss_is_what_numpy_says_for_each_reduction(name):
    loss, targets, by_hand = CASES[name]
    expected = np.asarray(by_hand(SCORES, targets))
    np.testing.assert_allclose(loss(Value(SCORES), targets, reduction="none").data, expected, rtol=1e-13)
    np.testing.assert_allclose(loss(Value(SCORES), targets, reduction="sum").data, expected.sum(), rtol=1e-13)
    np.testing.assert_allclose(loss(Value(SCORES), targets).data, expected.mean(), rtol=1e-13)
    np.testing.assert_allclose(loss(SCORES, targets), expected.mean(), rtol=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_of_a_loss_agrees_with_finite_differences(name):
    loss, targets, _ = CASES[name]
    x = Value(SCORES)
    loss(x, targets).backward()
    for at in np.ndindex(SCORES.shape):
        step = np.zeros_like(SCORES)
        step[at] = 1e-6
        numeric = (loss(SCORES + step, targets) - loss(SCORES - step, targets)) / 2e-6
        assert x.grad[at] == pytest.approx(numeric, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("size", [0.0, 1.0, 1000.0, 1e300])
@pytest.mark.parametrize("name", CASES)
def test_huge_logits_give_finite_losses_and_gradients_in_silence(name, size):
    loss, targets, _ = CASES[name]
    size = min(size, 1e150) if loss is mse else size  # a square beyond 1e308 is inf
    for sign in (-1.0, 1.0):
        x = Value(size * sign * np.sign(SCORES))
        out = loss(x, targets)
        out.backward()
        assert np.isfinite(out.data)
        assert np.isfinite(x.grad).all()


def test_cross_entropies_at_1000_are_exact():
    assert softmax_cross_entropy(Value([[1000.0, -1000.0]]), [1]).item() == 2000.0
    assert softmax_cross_entropy(Value([[1000.0, -1000.0]]), [0]).item() == 0.0
    out = binary_cross_entropy(Value([1000.0, 1000.0, -1000.0, -1000.0]), [0, 1, 0, 1], reduction="none")
    np.testing.assert_array_equal(out.data, [1000.0, 0.0, 0.0, 1000.0])


@pytest.mark.parametrize("label", [0.0, 0.3, 1.0])
def test_binary_cross_entropy_has_its_slope_and_curvature_at_zero(label):
    x = Value([0.0])
    binary_cross_entropy(x, [label]).backward(create_graph=True)
    slope = x.grad
    assert slope.item() == 0.5 - label
    x.zero_grad()
    slope.sum().backward()
    assert x.grad.item() == 0.25


def test_the_kink_of_a_hinge_has_slope_zero():
    x = Value([1.0])
    binary_hinge(x, [1]).backward()
    assert x.grad.item() == 0.0


def test_the_margin_moves_the_hinges():
    assert binary_hinge(Value([1.0]), [1], margin=3.0).item() == 2.0
    assert hinge(Value([[1.0, 0.0]]), [0], margin=3.0).item() == 2.0


def test_integer_one_hot_and_probability_labels_agree():
    one_hot = np.eye(4, dtype=int)[CLASSES]
    x, y = Value(SCORES), Value(SCORES)
    a, b = softmax_cross_entropy(x, CLASSES), softmax_cross_entropy(y, one_hot)
    a.backward()
    b.backward()
    assert a.item() == pytest.approx(b.item(), rel=1e-15)
    np.testing.assert_allclose(x.grad, y.grad, rtol=1e-14)


def test_softmax_cross_entropy_takes_any_number_of_leading_axes():
    stack = np.stack([SCORES, SCORES])
    out = softmax_cross_entropy(Value(stack), np.stack([CLASSES, CLASSES]), reduction="none")
    assert out.shape == (2, 3)
    np.testing.assert_allclose(out.data[1], softmax_cross_entropy(SCORES, CLASSES, reduction="none"))


@pytest.mark.parametrize("loss", [mse, mae, huber, kl_div, focal, binary_cross_entropy, binary_hinge])
def test_a_column_of_predictions_goes_with_a_row_of_targets_entry_by_entry(loss):
    column, row = np.array([[0.5], [-2.0]]), np.array([1, 1])
    assert loss(Value(column), row).item() == loss(Value(column[:, 0]), row).item()
    assert loss(Value(column[:, 0]), row[:, None]).item() == loss(Value(column[:, 0]), row).item()


@pytest.mark.parametrize("loss", [mse, mae, huber, kl_div, focal, binary_cross_entropy, binary_hinge])
def test_other_shapes_are_never_broadcast(loss):
    with pytest.raises(ShapeError, match=r"must have the same shape, got \(2, 3\) and \(3,\)"):
        loss(Value(np.zeros((2, 3))), np.ones(3))


def test_a_list_of_scalar_values_is_a_batch():
    a, b = Value(1.0), Value(2.0)
    mse([a, b], [0.0, 0.0]).backward()
    assert (a.grad, b.grad) == (1.0, 2.0)


def test_targets_take_the_type_of_the_predictions():
    x = Value(np.ones((2, 1), dtype=np.float32))
    for loss in (mse, mae, binary_cross_entropy):
        assert loss(x, np.array([1, 0])).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: softmax_cross_entropy(SCORES, [0, 4, 9]),
            r"labels must lie in 0 to 3 \(4 classes\), but labels\[1\] is 4",
        ),
        (lambda: hinge(SCORES, [0, 1, -1]), r"hinge: labels must lie in 0 to 3 .*labels\[2\] is -1"),
        (lambda: softmax_cross_entropy(SCORES, [0.0, 1.0, 2.0]), r"class labels must be integers, got float64"),
        (
            lambda: softmax_cross_entropy(SCORES, PROBABILITIES * [[1], [0.5], [1]]),
            r"sum to 1 .* but labels\[1\] sums to 0.5",
        ),
        (lambda: softmax_cross_entropy(SCORES, 2 * PROBABILITIES - 0.25), r"be at least 0.*labels\[0, 0\] is -0.04"),
        (lambda: binary_cross_entropy(SCORES, SIGNS), r"lie in \[0, 1\] .*labels\[0, 1\] is -1"),
        (lambda: binary_hinge(SCORES, SIGNS > 0), r"be -1 or 1 \(from 0 and 1: 2 \* y - 1\), but labels\[0, 1\] is 0"),
        (lambda: mse(np.zeros((0, 2)), np.zeros((0, 2))), r"mse: there is no sample"),
    ],
)
def test_bad_labels_are_refused_naming_the_first(call, message):
    with pytest.raises(DataError, match=message):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: softmax_cross_entropy(SCORES, [0, 1]),
        lambda: softmax_cross_entropy(SCORES, np.ones((4, 3))),
        lambda: hinge(SCORES, [0, 1]),
        lambda: hinge(SCORES[0], 1),
        lambda: softmax_cross_entropy(1.0, 0),
    ],
)
def test_labels_of_another_shape_are_refused(call):
    with pytest.raises(ShapeError):
        call()


def test_losses_are_found_by_name_and_unknown_ones_are_listed():
    assert all(loss_function(name) is loss for name, loss in LOSSES.items())
    with pytest.raises(ArgumentError, match="none is called 'l2'; there are mse, mae"):
        loss_function("l2")
    with pytest.raises(ArgumentError, match="reduction must be one of mean, sum, none, got 'average'"):
        mse(SCORES, SCORES, reduction="average")
