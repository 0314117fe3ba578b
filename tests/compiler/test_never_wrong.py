"""Attempts to get a wrong number out of a compiled function: what changes is seen, or it is an error."""

import types
from collections import deque

import numpy as np
import pytest

import tinygrad_edu
from tinygrad_edu import Value, checkpoint, nn
from tinygrad_edu.errors import CompileError

X = np.array([1.0, 2.0])


def follows(f, change, calls=5, args=()):
    """The compiled function gives what the function gives, whatever changes after some calls."""
    fast = tinygrad_edu.compile(f)
    for call in range(calls):
        expected = f(Value(X), *args)
        np.testing.assert_array_equal(fast(Value(X), *args).data, expected.data)
        if call >= 2:  # late: the second look is over
            change(call)


class Slotted:
    __slots__ = ("scale",)

    def __init__(self):
        self.scale = 2.0


class Ruled:
    scale = 2.0

    @property
    def twice(self):
        return 2.0 * Ruled.scale


@pytest.mark.parametrize("made", [Slotted, types.SimpleNamespace, lambda: types.ModuleType("settings")])
@pytest.mark.parametrize("way", ["closure", "argument"])
def test_a_setting_of_an_object_is_watched_however_it_gets_in(made, way):
    thing = made()
    thing.scale = 2.0

    def change(call):
        thing.scale = 3.0 + call

    if way == "closure":
        follows(lambda x: x * thing.scale, change)
    elif not isinstance(thing, types.ModuleType):
        follows(lambda x, one: x * one.scale, change, args=(thing,))


def test_a_setting_of_a_class_is_watched(monkeypatch):
    change = lambda call: monkeypatch.setattr(Ruled, "scale", float(call))  # noqa: E731
    follows(lambda x: x * Ruled.scale, change)
    one = Ruled()
    follows(lambda x: x * one.twice, change)


def test_the_keys_of_a_dict_and_what_a_deque_holds_are_watched():
    settings, queue = {"multiply": 3.0}, deque([2.0])

    def change(call):
        settings.clear()
        settings["add"] = 3.0
        queue[0] += 1.0

    follows(lambda x: (x * 3.0 if "multiply" in settings else x + 3.0) * queue[0], change)


def test_a_default_and_a_function_among_the_arguments_are_watched():
    def f(x, scale=2.0):
        return x * scale

    def change(call):
        f.__defaults__ = (float(call),)

    follows(f, change)
    follows(lambda x, g: g(x), change, args=(f,))


def test_a_model_among_the_arguments_switches_between_training_and_evaluation():
    model = nn.Dropout(0.5, rng=0)
    fast = tinygrad_edu.compile(lambda model, x: model(x))
    ones = Value(np.ones(100))
    for _ in range(3):
        assert set(np.unique(fast(model, ones).data)) == {0.0, 2.0}
    model.eval()
    np.testing.assert_array_equal(fast(model, ones).data, np.ones(100))


@pytest.mark.parametrize(
    "f",
    [
        lambda w: lambda x: x * float(w.data.sum()),
        lambda w: lambda x: x * w * float(w.data.sum()),
        lambda w: lambda x: x * (w.data * 2.0),
    ],
)
def test_a_number_that_changes_only_after_the_second_call_is_found(f):
    w = Value([1.0, 2.0])
    fast = tinygrad_edu.compile(f(w))
    for _ in range(3):
        fast(X)
    w.data += 1.0
    with pytest.raises(CompileError, match="other numbers"):
        fast(X)


def test_the_array_of_a_value_is_read_from_the_value():
    w = Value([1.0, 2.0])
    fast = tinygrad_edu.compile(lambda x: x * w.data)
    for call in range(4):
        w.data = np.full(2, float(call))
        np.testing.assert_array_equal(fast(Value(X)).data, X * call)


def test_the_gradient_of_a_value_is_refused():
    w = Value([1.0, 2.0])
    w.grad = np.ones(2)
    with pytest.raises(CompileError, match=r"\.grad"):
        tinygrad_edu.compile(lambda x: x * w.grad)(Value(X))


def test_a_whole_step_of_training_inside_is_refused():
    w = Value([1.0, 2.0])

    def step(x):
        loss = ((x * w) ** 2).sum()
        loss.backward()
        return loss

    with pytest.raises(CompileError, match=r"test_never_wrong\.py:\d+: backward\(\) inside"):
        tinygrad_edu.compile(step)(X)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_function_that_moves_a_parameter_is_refused(in_place):
    w = Value([1.0, 2.0])

    def f(x):
        if in_place:
            w.data[...] += 1.0
        else:
            w.data = w.data + 1.0
        return x * w

    with pytest.raises(CompileError, match="changes the data of a Value"):
        tinygrad_edu.compile(f)(X)


def test_an_array_that_changes_between_two_uses_is_refused():
    scratch = np.zeros(2)

    def f(x):
        scratch[...] = 1.0
        y = x * scratch
        scratch[...] = 2.0
        return y + x * scratch

    with pytest.raises(CompileError, match="changes an array"):
        tinygrad_edu.compile(f)(Value(X))


@pytest.mark.parametrize("where", ["argument", "outside"])
def test_an_array_that_changes_between_forward_and_backward_does_not_reach_the_gradient(where):
    batch, w = X.copy(), Value([1.0, 2.0])
    if where == "argument":
        fast = tinygrad_edu.compile(lambda x: ((x * w) ** 2).sum())
    else:
        fast = tinygrad_edu.compile(lambda _: ((batch.T * w) ** 2).sum())
    loss = fast(batch)
    batch[...] = 7.0
    loss.backward()
    np.testing.assert_array_equal(w.grad, 2.0 * X * X * w.data)


def test_exp_of_a_difference_does_not_overflow_where_the_difference_is_small():
    fast = tinygrad_edu.compile(lambda s, t: np.exp(s - np.log(t)))
    for s, t in ((800.0, 1e300), (-800.0, 1e-300)):
        s, t = np.array([s]), np.array([t])
        np.testing.assert_allclose(fast(s, t).data, np.exp(s - np.log(t)), rtol=1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(x, axis=1),
        lambda x: np.sum(x, axis=1, keepdims=True),
        lambda x: np.sum(x[:, 0], axis=()),
        lambda x: x[:, 0] - -0.0,
        lambda x: x[:, 0] - 0.0,
    ],
)
def test_zeros_have_the_sign_that_the_function_gives_them(f):
    fast = tinygrad_edu.compile(lambda x: 1.0 / f(x * 1.5))
    with np.errstate(divide="ignore"):
        for x in (np.array([[-0.0], [0.0], [2.0]]), np.array([[-0.0], [0.0], [2.0]], np.float32)):
            np.testing.assert_array_equal(fast(x).data, 1.0 / f(x * x.dtype.type(1.5)))


HARD_ROWS = np.array(
    [
        [1.0, 2.0, 3.0], [np.inf, 1.0, 2.0], [-np.inf, 1.0, 2.0], [-np.inf, -np.inf, -np.inf], [np.inf, np.inf, 0.0],
        [np.nan, 1.0, 2.0], [np.inf, -np.inf, 0.0], [1e308, -1e308, 0.0], [700.0, 0.0, -800.0],
    ]
)  # fmt: skip


@pytest.mark.parametrize(
    ("of", "axis", "jit"),
    [
        (tinygrad_edu.softmax, 0, False),
        (tinygrad_edu.logsumexp, 1, False),
        (tinygrad_edu.log_softmax, 0, False),
        (tinygrad_edu.log_softmax, 1, True),
    ],
)
def test_rows_without_a_finite_maximum_are_as_in_the_function(of, axis, jit):
    if jit:
        pytest.importorskip("numba")
    fast = tinygrad_edu.compile(lambda x: of(x, axis=axis), jit=jit)
    found = []
    with np.errstate(all="ignore"):
        for f in (fast.f, fast):
            x = Value(HARD_ROWS)
            y = f(x)
            y.backward(np.arange(1.0, 1.0 + y.size).reshape(y.shape))
            found.append((y.data, x.grad))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-300)


def peak_of(x, axis, keepdims=True):
    return np.max(x, axis=axis, keepdims=keepdims)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.exp((x - peak_of(x, 1)) - np.log(np.sum(x, axis=1, keepdims=True))),  # of a negative number
        lambda x: np.exp((x - peak_of(x, 1)) - np.log(1e-300 * np.sum(np.exp(x - peak_of(x, 1)), 1, keepdims=True))),
        lambda x: np.exp((x - peak_of(x, 1)) - np.log(np.sum(np.exp(x - peak_of(x, 1)), axis=0, keepdims=True))),
        lambda x: np.exp((x - peak_of(x, 0, False).reshape(3, 1)) - np.log(np.sum(np.exp(x), 1, keepdims=True))),
        lambda x: np.exp((x - np.where(x[:, :1] > 0, peak_of(x, 1), 0.0)) - np.log(np.exp(x).sum(1, keepdims=True))),
    ],
)
def test_an_exponential_is_divided_only_where_that_stays_in_range(f):
    x = np.array([[800.0, 0.0, -801.0], [-10.0, -20.0, -690.0], [-600.0, 1.0, -720.0]])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(tinygrad_edu.compile(f)(x).data, f(x), rtol=1e-12)


def test_a_checkpointed_function_inside_a_compiled_one():
    w = Value([0.3, -0.4])
    block = checkpoint(lambda y: np.tanh(y * w))
    fast = tinygrad_edu.compile(lambda x: block(block(x)).sum())
    for x in (X, -X, 3.0 * X):
        w.grad = None
        fast.f(x).backward()
        expected, w.grad = w.grad, None
        fast(x).backward()
        np.testing.assert_allclose(w.grad, expected, rtol=1e-12)


@pytest.mark.parametrize("jit", [False, True])
def test_two_results_do_not_write_over_each_others_gradients(jit):
    if jit:
        pytest.importorskip("numba")
    w = Value(np.random.default_rng(0).normal(size=(20, 20)))
    fast = tinygrad_edu.compile(lambda x: (np.tanh(x @ w).sum(), np.tanh(x @ w)), jit=jit)
    for seed in range(3):
        x = np.random.default_rng(seed).normal(size=(2, 20))
        a, b = Value(x), Value(x)
        fast(a)[0].backward()
        np.testing.assert_allclose(a.grad, (1.0 - np.tanh(x @ w.data) ** 2) @ w.data.T, rtol=1e-10)
        fast(b)[1].backward(np.ones((2, 20)))
        np.testing.assert_allclose(b.grad, a.grad, rtol=1e-10)


def test_scalar_neurons_that_share_all_their_weights_are_lifted():
    weights = [Value(x) for x in np.random.default_rng(0).normal(size=40)]

    def loss(rows):
        total = 0.0
        for row in rows:
            layer = [
                (sum((w * x for w, x in zip(weights[:8], row, strict=True)), bias)).tanh() for bias in weights[8:20]
            ]
            same = [sum(w * h for w, h in zip(weights[20:32], layer, strict=True)) for _ in range(4)]
            total = total + sum(out * b for out, b in zip(same, weights[32:36], strict=True))
        return total

    fast = tinygrad_edu.compile(loss)
    for seed in range(2):
        rows = np.random.default_rng(seed).normal(size=(10, 8)).tolist()
        found = []
        for f in (loss, fast):
            for w in weights:
                w.grad = None
            out = f(rows)
            out.backward()
            found.append([out.data, *(w.grad or 0.0 for w in weights)])
        np.testing.assert_allclose(found[1], found[0], rtol=1e-10)
    plan = next(iter(fast.plans.values()))[0]
    assert plan.recording.lifted is not None


def test_scalar_parameters_that_are_arrays_of_no_axes_compile_too():
    weights = [Value(np.array(x)) for x in np.random.default_rng(0).normal(size=60)]

    def loss(rows):
        layers = [
            [sum((w * x for w, x in zip(weights[4 * j : 4 * j + 4], row, strict=True)), weights[40 + j]).tanh()
             for j in range(10)]
            for row in rows
        ]  # fmt: skip
        return sum(sum(layer) for layer in layers)

    fast = tinygrad_edu.compile(loss)
    for seed in range(3):
        rows = np.random.default_rng(seed).normal(size=(12, 4)).tolist()
        np.testing.assert_allclose(fast(rows).data, loss(rows).data, rtol=1e-12)
