"""detect_anomaly: the first NaN or Inf raises where it appears, and says who made it."""

import numpy as np
import pytest

from tinygrad_edu import Value, no_grad
from tinygrad_edu.errors import AnomalyError
from tinygrad_edu.kinds import elementwise
from tinygrad_edu.mode import current_mode, detect_anomaly
from tinygrad_edu.op import REGISTRY
from tinygrad_edu.transforms import checkpoint, grad, jvp


def test_the_first_nan_forward_names_operation_shapes_values_and_line():
    x = Value([1.0, -4.0], name="x")
    with detect_anomaly():
        y = x * 2
        with pytest.raises(AnomalyError) as caught:
            np.log(y).sum()  # this line
    message = str(caught.value)
    assert message.startswith("log: the first NaN of the forward pass is in its result")
    assert "operand 0  (multiply)  shape (2,), from -8 to 2" in message
    assert "1 of 2 NaN or Inf, the first at (1,)" in message
    assert "the operands are finite" in message
    assert "np.log(y).sum()  # this line" in message
    assert caught.value.node.op.name == "log"
    assert caught.value.node.parents[0].parents[0] is x


def test_an_overflow_is_an_inf():
    with detect_anomaly(), pytest.raises(AnomalyError, match="exp: the first Inf of the forward pass"):
        np.exp(Value(1000.0))


def test_nan_in_the_data_is_blamed_on_the_data():
    with detect_anomaly(), pytest.raises(AnomalyError, match="operand 0 held it before this operation"):
        Value([1.0, np.nan], name="data") * 2


def test_infinity_on_purpose_is_allowed_when_asked_for():
    scores = Value([1.0, 2.0])
    with detect_anomaly(allow_inf=True):
        masked = np.where(np.array([True, False]), scores, -np.inf)
        np.exp(masked).sum().backward()
    np.testing.assert_allclose(scores.grad, [np.e, 0.0])
    with detect_anomaly(allow_inf=True), pytest.raises(AnomalyError, match="NaN"):
        masked - masked


def test_the_first_inf_backward_names_the_rule_and_the_line_that_made_the_node():
    x = Value([0.0, 4.0], name="x")
    with detect_anomaly():
        loss = np.sqrt(x).sum()  # made here
        with pytest.raises(AnomalyError) as caught:
            loss.backward()
    message = str(caught.value)
    assert message.startswith("sqrt: the first Inf of the backward pass is in its backward rule for operand 0")
    assert "np.sqrt(x).sum()  # made here" in message
    assert "operand 0  (leaf 'x')" in message
    assert caught.value.node.op.name == "sqrt"


def test_a_graph_made_before_is_checked_and_the_message_says_that_its_line_is_unknown():
    loss = np.sqrt(Value(0.0))
    with detect_anomaly(), pytest.raises(AnomalyError, match="made before detect_anomaly"):
        loss.backward()


def test_scalars_are_watched_in_transforms_and_forward_mode():
    with detect_anomaly():
        with pytest.raises(AnomalyError, match="backward rule"):
            grad(np.sqrt)(0.0)
        with pytest.raises(AnomalyError, match="forward pass is in its forward rule"):
            jvp(np.sqrt, 0.0, 1.0)
        with pytest.raises(AnomalyError, match="forward pass is in its result"):
            grad(lambda x: x / (x - x))(1.0)


def test_second_derivatives_are_watched():
    with detect_anomaly(), pytest.raises(AnomalyError):
        grad(grad(lambda x: x**1.5))(0.0)


def test_what_is_computed_under_no_grad_is_watched_too():
    with detect_anomaly(), no_grad(), pytest.raises(AnomalyError, match="log"):
        np.log(Value(-1.0))


def test_the_recomputation_of_a_checkpoint_is_watched():
    with detect_anomaly(), pytest.raises(AnomalyError, match="sqrt"):
        checkpoint(lambda x: np.sqrt(x) * 2)(Value(0.0)).backward()


def test_gradients_are_the_same_with_the_watch_on():
    def run():
        w = Value(np.linspace(-1, 1, 6).reshape(2, 3))
        loss = np.tanh(w @ np.ones((3, 2))).sum() * Value(2.0)
        loss.backward()
        return w.grad

    with detect_anomaly():
        watched = run()
    np.testing.assert_array_equal(watched, run())


def test_outside_the_block_nothing_is_watched_and_no_line_recorded():
    with detect_anomaly():
        assert not current_mode().plain
    assert current_mode().plain
    assert (Value(1.0) * 2).line is None
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp(Value(1000.0)).data)


def test_it_decorates():
    @detect_anomaly(allow_inf=True)
    def step(x):
        return np.log(x)

    assert np.isneginf(step(Value(0.0)).data)
    with pytest.raises(AnomalyError):
        step(Value(-1.0))


def test_a_rule_of_ones_own_that_makes_nan_is_found():
    op = elementwise("nan_rule_test", lambda x: x * 1.0, along=(lambda t, out, x: t * np.nan,))
    try:
        with detect_anomaly(), pytest.raises(AnomalyError, match="nan_rule_test: the first NaN of the backward pass"):
            (op(Value([1.0, 2.0])) * 3).sum().backward()
    finally:
        del REGISTRY[op.name]
