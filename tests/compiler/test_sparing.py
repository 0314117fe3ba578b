"""Memory of plans: recording takes no more than a step, and what is written anew gives its buffers back."""

import gc
import tracemalloc
import weakref

import numpy as np

from tinygrad_edu import Value, compile, nn
from tinygrad_edu.compiler import training
from tinygrad_edu.nn.step import CompiledStep


def deep_step(layers=12, width=128):
    rng = np.random.default_rng(0)
    model = nn.Sequential([nn.Dense(width, width, activation="tanh", rng=rng) for _ in range(layers)])
    x, y = rng.normal(size=(2, 4 * width, width))
    return model, x, y


def peak(run):
    gc.collect()
    tracemalloc.start()
    run()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def test_recording_takes_about_the_memory_of_an_eager_step():
    model, x, y = deep_step()

    def eager():
        nn.mse(model(x), y).backward(keep="leaves")

    step = CompiledStep(lambda x, y: nn.mse(model(x), y), nn.SGD(model.parameters(), lr=0.1), jit=False)
    assert peak(lambda: step(x, y)) < 1.25 * peak(eager)


def test_buffers_rest_while_the_function_is_recorded_again(monkeypatch):
    monkeypatch.setattr(training, "LARGE", 1)
    model, x, y = deep_step(layers=2, width=8)
    step = CompiledStep(lambda x, y: nn.mse(model(x), y), nn.SGD(model.parameters(), lr=0.1), jit=False)
    step(x, y)
    ((plan,),) = step.gradients.plans.values()
    buffers = weakref.ref(plan.code.block)
    gc.disable()
    try:
        plan.rest()
        assert buffers() is None
    finally:
        gc.enable()
    before = step(x, y)
    assert step(x, y) < before


def test_gradients_of_two_results_are_those_of_the_function():
    def both(x):
        h = np.tanh(x @ x)
        return (h * h).sum(), np.exp(h).sum()

    start = np.random.default_rng(0).normal(size=(40, 40))
    for which in range(2):
        plain, quick = Value(start), Value(start)
        both(plain)[which].backward()
        compile(both, jit=False)(quick)[which].backward()
        np.testing.assert_allclose(quick.grad, plain.grad, rtol=1e-12)
