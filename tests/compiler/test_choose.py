"""One entry of each row inside kernels: the same numbers as the gather, one kernel for a loss and its gradient."""

import numpy as np
import pytest

pytest.importorskip("numba")

from tinygrad_edu import Value, compile, log_softmax, nn
from tinygrad_edu.compiler.kernels import Fused
from tinygrad_edu.errors import DataError
from tinygrad_edu.nn.losses import nll, softmax_cross_entropy
from tinygrad_edu.nn.step import CompiledStep

RNG = np.random.default_rng(0)
WAYS = [
    {},
    {"reduction": "none"},
    {"reduction": "sum", "label_smoothing": 0.1},
    {"ignore_index": 1},
]


def beside_eager(f, scores, labels):
    """Results and gradients of a function, eagerly and with kernels."""
    found = []
    for way in (f, compile(f, jit=True)):
        x = Value(scores.copy())
        out = way(x, labels)
        out.sum().backward()
        found.append((out.data, x.grad))
    return found


def assert_same(f, scores, labels):
    (out, grad), (fast_out, fast_grad) = beside_eager(f, scores, labels)
    tolerance = 1e-12 if scores.dtype == np.float64 else 2e-6
    np.testing.assert_allclose(fast_out, out, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(fast_grad, grad, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("options", "dtype"), [*((way, np.float64) for way in WAYS), ({}, np.float32)], ids=str)
def test_a_loss_of_classes_with_kernels_is_the_loss(options, dtype):
    scores = RNG.normal(size=(5, 3)).astype(dtype)
    assert_same(lambda x, y: softmax_cross_entropy(x, y, **options), scores, np.array([0, 2, 1, 1, 2]))


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.uint64])
def test_labels_may_be_integers_of_any_kind(kind):
    scores = RNG.normal(size=(4, 200))
    assert_same(softmax_cross_entropy, scores, np.array([0, 127, 1, 5], kind))


def test_samples_that_are_left_out_stay_so():
    assert_same(softmax_cross_entropy, RNG.normal(size=(3, 4)), np.array([3, -100, 0]))
    assert_same(lambda x, y: nll(log_softmax(x), y, ignore_index=7), RNG.normal(size=(3, 4)), np.array([3, 7, 0]))


def test_infinities_and_nan_are_chosen_as_they_are():
    scores = np.array([[np.inf, 0.0, 1.0], [np.nan, 1.0, 2.0], [-np.inf, -0.0, 3.0], [-np.inf, 1.0, 2.0]])
    labels = np.array([0, 1, 1, 0])
    fast = compile(lambda x, y: nll(x * 1.5, y, reduction="none"), jit=True)
    found = fast(Value(scores), labels).data
    expected = nll(scores * 1.5, labels, reduction="none")
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found[2]), np.signbit(expected[2]))


def test_an_index_that_nobody_has_checked_stays_a_gather():
    def picked(x, at):
        return np.exp(x)[np.arange(3), at] * 2.0

    assert_same(picked, RNG.normal(size=(3, 4)), np.array([-1, 2, -4]))
    fast, x = compile(picked, jit=True), Value(RNG.normal(size=(3, 4)))
    for _ in range(2):
        fast(x, np.array([0, 3, 0]))
    x.data = x.data + 1.0
    fast(x, np.array([0, 3, 0]))
    with pytest.raises(IndexError):
        fast(x, np.array([0, 4, 0]))


def test_wrong_labels_are_named_as_without_kernels():
    fast = compile(lambda x, y: softmax_cross_entropy(x * 2.0, y), jit=True)
    scores = RNG.normal(size=(3, 4))
    for labels in ([0, 4, 1], [0, 1, -1], [0, -101, 1]):
        with pytest.raises(DataError) as eager:
            softmax_cross_entropy(Value(scores), np.array(labels))
        with pytest.raises(DataError) as compiled:
            fast(Value(scores), np.array(labels))
        assert str(compiled.value) == str(eager.value)


def test_softmax_loss_and_gradient_are_one_kernel():
    model = nn.Dense(4, 3, rng=0)
    step = CompiledStep(
        lambda x, y: nn.softmax_cross_entropy(model(x), y), nn.SGD(model.parameters(), lr=0.1), jit=True
    )
    step(RNG.normal(size=(5, 4)), np.array([0, 1, 2, 1, 0]))
    ((plan,),) = step.gradients.plans.values()
    steps = plan.code.parts[0].steps
    assert [step.op.name for step in steps if step.out.size > 1 and not isinstance(step.op, Fused)] == [
        "matmul", "swapaxes", "matmul",
    ]  # fmt: skip
    assert sum(isinstance(step.op, Fused) for step in steps) == 1
