"""Every layer and loss, compiled: results, gradients and what is left in buffers are those of the eager call."""

import numpy as np
import pytest

import tinygrad_edu
from tests.nn.test_layer_battery import EXAMPLES, arrays, numbers
from tinygrad_edu import Value, nn
from tinygrad_edu.errors import DataError
from tinygrad_edu.nn.losses import LOSSES
from tinygrad_edu.op import CONSTANT


def run(module, call, inputs):
    """Results and gradients of one call, weighed by fixed numbers."""
    inputs, leaves = arrays(inputs)
    for one in module.parameters():
        one.grad = None
    out = call(*inputs)
    results = [one for one in (out if isinstance(out, (tuple, list)) else [out]) if isinstance(one, Value)]
    results = [one for one in results if one.op is not CONSTANT]
    if results:
        total = sum((one * np.cos(np.arange(one.size).reshape(one.shape))).sum() for one in results)
        total.backward()
    return numbers(out), [one.grad for one in [*leaves, *module.parameters()]]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("layer", "one"), EXAMPLES)
def test_a_compiled_layer_is_the_layer(layer, one, training):
    eager, compiled = one.make().train(training), one.make().train(training)
    first = one.draw(np.random.default_rng(0))
    eager(*first), compiled(*first)  # parameters that wait for the first input
    compiled.load_state_dict(eager.state_dict())
    fast = tinygrad_edu.compile(compiled)
    for step in range(3):
        inputs = one.draw(np.random.default_rng(step))
        for result, expected in zip(run(compiled, fast, inputs), run(eager, eager, inputs), strict=True):
            for a, b in zip(result, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
        for name, array in eager.state_dict().items():
            np.testing.assert_allclose(compiled.state_dict()[name], array, rtol=1e-12, err_msg=name)
        for model in (eager, compiled):
            for parameter in model.parameters():
                parameter.data[...] *= 1.01
    assert len(fast.plans) <= 1, "data alone made another plan"


LABELS = {
    "mse": lambda rng: rng.normal(size=(5, 3)), "mae": lambda rng: rng.normal(size=(5, 3)),
    "huber": lambda rng: rng.normal(size=(5, 3)), "binary_cross_entropy": lambda rng: rng.integers(0, 2, (5, 3)),
    "softmax_cross_entropy": lambda rng: rng.integers(0, 3, 5), "nll": lambda rng: rng.integers(0, 3, 5),
    "kl_div": lambda rng: rng.dirichlet(np.ones(3), 5), "focal": lambda rng: rng.integers(0, 2, (5, 3)),
    "hinge": lambda rng: rng.integers(0, 3, 5), "binary_hinge": lambda rng: 2 * rng.integers(0, 2, (5, 3)) - 1,
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LOSSES)
def test_a_compiled_loss_is_the_loss(name, dtype):
    loss, fast = LOSSES[name], tinygrad_edu.compile(LOSSES[name])
    for seed in range(3):
        rng = np.random.default_rng(seed)
        scores, labels = rng.normal(size=(5, 3)).astype(dtype), LABELS[name](rng)
        values = [Value(scores), Value(scores)]
        expected, found = loss(values[0], labels), fast(values[1], labels)
        expected.backward(), found.backward()
        assert found.data.dtype == expected.data.dtype == dtype
        np.testing.assert_allclose(found.data, expected.data, rtol=1e-5)
        np.testing.assert_allclose(values[1].grad, values[0].grad, rtol=1e-5, atol=1e-7)
    assert len(fast.plans) == 1, "data alone made another plan"


def test_a_wrong_label_is_refused_at_every_run():
    fast = tinygrad_edu.compile(nn.softmax_cross_entropy)
    logits = Value(np.zeros((2, 3)))
    fast(logits, np.array([0, 1]))
    with pytest.raises(DataError, match="labels\\[1\\] is 3"):
        fast(logits, np.array([0, 3]))


def test_ignored_labels_make_another_recording():
    logits = np.random.default_rng(0).normal(size=(3, 4))
    fast = tinygrad_edu.compile(nn.softmax_cross_entropy)
    for labels in ([0, 1, 2], [0, -100, 2], [3, 2, 1], [-100, 0, 0]):
        labels = np.array(labels)
        assert fast(Value(logits), labels).item() == pytest.approx(
            nn.softmax_cross_entropy(Value(logits), labels).item()
        )
