"""Training by plans: parameters, state and history are those of training one operation after the other, to rounding."""

import platform
from functools import partial

import numpy as np
import pytest

from tinygrad_edu import nn
from tinygrad_edu.compiler import update as updates
from tinygrad_edu.compiler.kernels.denormals import EVERY, PROCESSORS
from tinygrad_edu.errors import CompileError, DataError, GradientError
from tinygrad_edu.nn.data import moons
from tinygrad_edu.nn.step import CompiledStep

WAYS = [
    (nn.SGD, {"lr": 0.1}),
    (nn.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (nn.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "maximize": True}),
    (nn.Adam, {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1}),
    (nn.AdamW, {"lr": 0.01}),
    (nn.RMSprop, {"lr": 0.01, "momentum": 0.5, "centered": True}),
    (nn.Adagrad, {"lr": 0.1}),
    (nn.Adadelta, {}),
    (nn.Adamax, {}),
    (nn.NAdam, {}),
    (nn.RAdam, {"lr": 0.1}),
    (nn.Lion, {}),
]


def network(dtype=np.float64):
    return nn.Sequential(
        nn.Dense(2, 7, activation="tanh", rng=0, dtype=dtype), nn.BatchNorm1d(7, dtype=dtype),
        nn.Dense(7, 2, rng=1, dtype=dtype),
    )  # fmt: skip


def batches(n=6):
    rng = np.random.default_rng(0)
    return [(rng.normal(size=(8, 2)), rng.integers(0, 2, 8)) for _ in range(n)]


def assert_alike(ours, theirs, rtol=1e-9):
    for name, array in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name], array, rtol=rtol, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(("kind", "options"), WAYS)
def test_a_compiled_step_is_the_optimizers_step(kind, options):
    plain, compiled = network(), network()
    slow, quick = kind(plain.parameters(), **options), kind(compiled.parameters(), **options)
    step = nn.compile_step(compiled, nn.softmax_cross_entropy, quick)
    for i, (x, labels) in enumerate(batches()):
        if i == 3:
            slow.lr = quick.lr = slow.lr / 2
        slow.zero_grad()
        loss = nn.softmax_cross_entropy(plain(x), labels)
        loss.backward()
        slow.step()
        assert step(x, labels) == pytest.approx(loss.item())
        assert_alike(compiled, plain)
        for ours, theirs in zip(quick.state, slow.state, strict=True):
            assert {key: type(value) for key, value in ours.items()} == {k: type(v) for k, v in theirs.items()}
            for key, value in theirs.items():
                np.testing.assert_allclose(ours[key], value, rtol=1e-8, atol=1e-14)


def test_a_step_goes_on_when_parameters_and_state_were_loaded():
    (x, labels), *_ = batches()
    model = network()
    adam = nn.Adam(model.parameters(), lr=0.01)
    step = nn.compile_step(model, nn.softmax_cross_entropy, adam)
    step(x, labels)
    weights, state = model.state_dict(), adam.state_dict()
    there = step(x, labels)
    model.load_state_dict(weights)
    adam.load_state_dict(state)
    assert step(x, labels) == there
    for parameter in model.parameters():
        parameter.data = parameter.data * 0.0
    assert step(x, labels) == pytest.approx(np.log(2))


def test_parameter_groups_and_unused_parameters_are_no_exception():
    used, unused = nn.Dense(2, 2, rng=0), nn.Dense(3, 3, rng=0)
    twin = nn.Dense(2, 2, rng=0)
    groups = [{"params": [used.weight], "lr": 0.5}, {"params": [used.bias, *unused.parameters()]}]
    optimizer = nn.SGD(groups, lr=0.1)
    other = nn.SGD([{"params": [twin.weight], "lr": 0.5}, {"params": [twin.bias]}], lr=0.1)
    step = nn.compile_step(used, nn.softmax_cross_entropy, optimizer)
    before = unused.state_dict()
    for x, labels in batches(3):
        step(x, labels)
        other.zero_grad()
        nn.softmax_cross_entropy(twin(x), labels).backward()
        other.step()
    assert_alike(used, twin)
    for name, array in before.items():
        np.testing.assert_array_equal(unused.state_dict()[name], array)
    assert unused.weight.grad is None


OPTIONS = {
    "plain": {},
    "metrics and validation": {"metrics": ["accuracy", "f1"], "validation": 0.25},
    "weights and a penalty": {"sample_weight": np.linspace(0.5, 1.5, 90), "penalty": nn.L2(0.01)},
    "a remainder": {"batch_size": 40},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_fit_gives_the_same_history_and_weights(name):
    data = moons(90, noise=0.1, rng=0)
    runs = {}
    for compile in (False, True):
        model = nn.Sequential(nn.Dense(2, 8, activation="relu", rng=0), nn.Dropout(0.2, rng=3), nn.Dense(8, 2, rng=1))
        optimizer = nn.Adam(model.parameters(), lr=0.05)
        callbacks = [nn.ClipGradients(global_norm=0.5), nn.StepLR(optimizer, 2), nn.MaxNorm(2.0)]
        history = nn.fit(
            model, data, "softmax_cross_entropy", optimizer, epochs=4, rng=0, progress=False, compile=compile,
            callbacks=callbacks, **OPTIONS[name],
        )  # fmt: skip
        runs[compile] = model, history
    (slow, expected), (quick, history) = runs[False], runs[True]
    assert history.compiled is True
    assert expected.compiled == "compile=False"
    assert_alike(quick, slow, rtol=1e-7)
    for key, numbers in expected.items():
        np.testing.assert_allclose(history[key], numbers, rtol=1e-7)


def test_fit_says_why_it_could_not_compile_and_trains_all_the_same():
    class Branching(nn.Module):
        def __init__(self):
            self.dense = nn.Dense(2, 2, rng=0)

        def forward(self, x):
            out = self.dense(x)
            return out if out.sum() > 0 else out * 1.0

    model = Branching()
    data = moons(60, rng=0)
    options = {"epochs": 5, "rng": 0, "progress": False}
    history = nn.fit(model, data, "softmax_cross_entropy", nn.SGD(model.parameters(), lr=0.5), **options)
    assert history["loss"][-1] < history["loss"][0]
    assert "test_compiled_training.py" in history.compiled
    assert "branch" in history.compiled
    with pytest.raises(CompileError, match="branch"):
        nn.fit(model, data, "softmax_cross_entropy", nn.SGD(model.parameters(), lr=0.5), compile=True, **options)


def test_half_precision_is_trained_one_operation_after_the_other():
    runs = []
    for compile in (None, False):
        model = network(np.float16)
        optimizer = nn.SGD(model.parameters(), lr=0.1)
        x, labels = moons(40, rng=0)
        history = nn.fit(
            model, (x.astype(np.float16), labels), "softmax_cross_entropy", optimizer, 2, rng=0, progress=False,
            compile=compile,
        )  # fmt: skip
        runs.append((model, history))
    (model, history), (expected, _) = runs
    assert "float16" in history.compiled
    assert_alike(model, expected)


def test_a_loss_that_is_no_number_ends_compiled_training_too():
    model = nn.Dense(2, 1, rng=0)
    x = np.full((8, 2), 1e200)
    with pytest.raises(GradientError, match="learning rate"), np.errstate(all="ignore"):
        nn.fit(model, (x, np.zeros(8)), "mse", nn.SGD(model.parameters(), lr=1.0), epochs=3, progress=False)


def test_several_outputs_and_arrays_pass_through_a_step():
    model = nn.Dense(2, 3, rng=0)

    def function(inputs, targets):
        logits = model(inputs["x"])
        return nn.softmax_cross_entropy(logits, targets), {"logits": logits, "note": "text"}

    step = CompiledStep(function, nn.SGD(model.parameters(), lr=0.1))
    x, labels = np.eye(2), np.array([0, 2])
    loss, rest = step({"x": x}, labels)
    assert rest["note"] == "text"
    assert rest["logits"].shape == (2, 3)
    assert step({"x": x}, labels)[0] < loss


@pytest.mark.parametrize(("jit", "pieces"), [(False, 6), (True, 1)])
def test_an_update_done_in_pieces_or_by_one_kernel_is_the_update(monkeypatch, jit, pieces):
    if jit:
        pytest.importorskip("numba")
    monkeypatch.setattr(updates, "PIECE", 10)
    plain, compiled = network(), network()
    slow, quick = (nn.Adam(model.parameters(), lr=0.1, weight_decay=0.1) for model in (plain, compiled))
    step = CompiledStep(lambda x, labels: nn.softmax_cross_entropy(compiled(x), labels), quick, jit=jit)
    for x, labels in batches(4):
        slow.zero_grad()
        nn.softmax_cross_entropy(plain(x), labels).backward()
        slow.step()
        step(x, labels)
        assert_alike(compiled, plain)
    assert {len(update.codes) for update in step._updates.values()} == {pieces}


@pytest.mark.parametrize(("eps", "left"), [(1e-8, 0.0), (0.0, 9e-41)])
def test_moments_below_the_normal_range_become_zero_only_where_eps_makes_them_nothing(eps, left):
    pytest.importorskip("numba")
    weight = nn.Parameter(np.ones((2, 2), np.float32))
    adam = nn.Adam([weight], lr=0.1, eps=eps)
    step = CompiledStep(lambda x: (weight * x).sum(), adam, jit=True)
    step(np.ones((2, 2), np.float32))
    adam.state[0]["exp_avg"][...] = 1e-40
    step(np.zeros((2, 2), np.float32))
    small = np.float32(1e-40) * np.float32(0.5)  # on this thread again what it is
    assert small > 0
    flushes = platform.machine() in PROCESSORS
    expected = left if flushes else 9e-41
    np.testing.assert_allclose(adam.state[0]["exp_avg"], np.full((2, 2), expected, np.float32), rtol=1e-3)


@pytest.mark.parametrize(
    ("compile", "dtype", "eps", "small", "left"),
    [
        (False, np.float32, 1e-8, 1e-40, 0.0),
        (False, np.float32, 0.0, 1e-40, 9e-41),
        (False, np.float16, 1e-8, 1e-5, 9e-6),
        (True, np.float32, 1e-8, 1e-40, 0.0),
        (True, np.float32, 0.0, 1e-40, 9e-41),
    ],
)
def test_without_kernels_such_moments_are_cleared_away_every_so_many_steps(compile, dtype, eps, small, left):
    weight = nn.Parameter(np.ones(3, dtype))
    adam = nn.Adam([weight], lr=0.1, eps=eps)
    planned = CompiledStep(lambda x: (weight * x).sum(), adam, jit=False)

    def step(gradient):
        if compile:
            planned(gradient)
        else:
            weight.grad = gradient
            adam.step()

    for _ in range(EVERY - 1):
        step(np.ones(3, dtype))
    adam.state[0]["exp_avg"][:2] = small
    step(np.zeros(3, dtype))
    np.testing.assert_allclose(adam.state[0]["exp_avg"], np.array([left, left, 0.87], dtype), rtol=0.02)


@pytest.mark.parametrize("jit", [False, True])
def test_a_label_that_is_left_out_is_seen_by_a_plan_that_was_recorded_without_one(jit):
    if jit:
        pytest.importorskip("numba")
    model = nn.Dense(2, 3, rng=0)
    step = CompiledStep(lambda x, y: nn.softmax_cross_entropy(model(x), y), nn.SGD(model.parameters(), lr=0.1), jit)
    x = np.random.default_rng(0).normal(size=(4, 2))
    step(x, np.array([0, 1, 2, 0]))
    expected = nn.softmax_cross_entropy(model(x), np.array([0, 1, -100, 0])).item()
    assert step(x, np.array([0, 1, -100, 0])) == pytest.approx(expected)
    with pytest.raises(DataError, match=r"labels\[3\] is 3"):
        step(x, np.array([0, 1, 2, 3]))
    with pytest.raises(DataError, match=r"labels\[0\] is -1"):
        step(x, np.array([-1, 1, 2, 0]))


@pytest.mark.parametrize("optimizer", [partial(nn.SGD, lr=0.1, momentum=0.9), partial(nn.Adam, lr=0.02)])
def test_a_parameter_may_go_without_a_gradient_for_a_step(optimizer):
    class Spare(nn.Callback):
        def on_backward_end(self, state):
            if state.batch % 3 == 0:
                state.model.parameters()[0].grad = None

    runs = {}
    for compile in (False, True):
        runs[compile] = network()
        nn.fit(
            runs[compile], batches(1)[0], "softmax_cross_entropy", optimizer(runs[compile].parameters()), epochs=4,
            batch_size=2, rng=0, progress=False, compile=compile, callbacks=[Spare()],
        )  # fmt: skip
    assert_alike(runs[True], runs[False], rtol=1e-7)


def test_a_model_that_draws_by_itself_trains_as_ever_when_it_cannot_be_recorded():
    class Noisy(nn.Module):
        def __init__(self):
            self.dense = nn.Dense(2, 2, rng=0)
            self.rng = np.random.default_rng(1)

        def forward(self, x):
            return self.dense(x + self.rng.normal(size=2))

    runs = {}
    for compile in (False, None):
        model = runs[compile] = Noisy()
        history = nn.fit(
            model, moons(60, rng=0), "softmax_cross_entropy", nn.SGD(model.parameters(), lr=0.1), epochs=3, rng=0,
            progress=False, compile=compile,
        )  # fmt: skip
    assert "random generator" in history.compiled
    assert_alike(runs[None], runs[False], rtol=0)
