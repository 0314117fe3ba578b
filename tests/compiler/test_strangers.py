"""What somebody who meets `compile` for the first time does with it: the function's own answer, or a clear error."""

from collections import OrderedDict, deque

import numpy as np
import pytest

import tinygrad_edu
from tinygrad_edu import Value, nn, stop_gradient
from tinygrad_edu.errors import CompileError, DataError, DTypeError, GradientError

RNG = np.random.default_rng(0)
X = np.array([1.0, 2.0, 3.0])


def agree(f, *calls, parameters=(), jit=False):
    """The compiled function gives results and gradients of the function, call after call."""
    fast = tinygrad_edu.compile(f, jit=jit)
    for args in calls:
        found = []
        for g in (f, fast):
            leaves = [*parameters, *(a for a in args if isinstance(a, Value))]
            for leaf in leaves:
                leaf.grad = None
            result = g(*args)
            result.backward(np.ones(result.shape) if result.shape else None)
            found.append([result.data, *(leaf.grad for leaf in leaves)])
        for ours, theirs in zip(*found, strict=True):
            assert (ours is None) == (theirs is None)
            if ours is not None:
                np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    return fast


@pytest.mark.parametrize(
    ("options", "jit"),
    [
        ({}, False),
        ({}, True),
        ({"label_smoothing": 0.1}, False),
        ({"reduction": "none", "label_smoothing": 0.2}, False),
        ({"reduction": "sum"}, False),
    ],
)
def test_a_loss_whose_classes_have_weights_is_compiled(options, jit):
    if jit:
        pytest.importorskip("numba")
    layer, x, weight = nn.Dense(3, 4, rng=0), RNG.normal(size=(5, 3)), np.array([1.0, 2.0, 0.0, 4.0])
    calls = [(x, np.array(labels)) for labels in ([0, 1, 2, 3, 1], [0, 1, -100, 3, 1], [3, 3, 3, 3, 3])]

    def loss(x, labels):
        return nn.softmax_cross_entropy(layer(x), labels, weight=weight, **options)

    agree(loss, *calls, *calls, parameters=layer.parameters(), jit=jit)


def test_weights_of_classes_among_the_arguments_are_read_at_each_call_and_checked():
    layer, x, labels = nn.Dense(3, 4, rng=0), RNG.normal(size=(2, 5, 3)), np.array([[0, 1, 2, 3, 1], [1, 1, 2, 0, 0]])
    weight = np.array([1.0, 2.0, 3.0, 4.0])

    def loss(x, labels, weight):
        return nn.softmax_cross_entropy(layer(x), labels, weight=weight)

    fast = agree(loss, (x, labels, weight), (x, labels, weight[::-1] ** 2), parameters=layer.parameters())
    with pytest.raises(DataError, match=r"softmax_cross_entropy: weight must be at least 0, but weight\[0\] is -1\.0"):
        fast(x, labels, -weight)


def test_fit_compiles_a_loss_with_weights_of_classes():
    layer = nn.Dense(3, 2, rng=0)

    def loss(outputs, labels):
        return nn.softmax_cross_entropy(outputs, labels, weight=[1.0, 5.0])

    data = (RNG.normal(size=(8, 3)), np.array([0, 1] * 4))
    sgd = nn.SGD(layer.parameters(), lr=0.1)
    assert nn.fit(layer, data, loss, sgd, epochs=1, compile=True, progress=False).compiled is True


@pytest.mark.parametrize("f", [lambda x: stop_gradient(x).sum() * 2.0, lambda x: np.sum(np.argmax(x) * np.sign(x))])
def test_backward_of_what_depends_on_nothing_reaches_nobody(f):
    agree(f, (Value(X),), (Value(-X),), (Value(3.0 * X),))


@pytest.mark.parametrize("f", [stop_gradient, lambda x: np.sign(x), lambda x: stop_gradient(x * 2.0)])
def test_backward_of_a_constant_is_an_error_with_and_without_a_plan(f):
    for g in (f, tinygrad_edu.compile(f)):
        with pytest.raises(GradientError, match="depends on nothing"):
            g(Value(2.0)).backward()


W = Value([1.0, 2.0, 3.0])


def adds_in_place(x):
    v = Value(x)
    v += 1.0
    v *= 2.0
    return v * W * x


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: Value(x) * 2.0, X),
        (lambda x: Value(x, name="x") * W, np.array([1, 2, 3])),
        (lambda x: Value(x) * W, X.astype(np.float32)),
        (lambda x: Value(x * 2.0 > 3.0) * W, X),
        (lambda x: Value(x[1]) * W, X),
        (lambda x: Value(x.argmax()) * W, X),
        (lambda x: Value(x) * W, 2.0),
        (lambda x: Value(x[0]) * W.data.astype(np.float16), X.astype(np.float16)),
        (lambda x: Value(x) * W, np.array(2.0)),
        (lambda x: sum(Value(row) * W for row in x), np.arange(6.0).reshape(2, 3)),
        (adds_in_place, X),
    ],
)
def test_a_value_made_of_a_plain_argument_follows_it(f, x):
    agree(f, (x,), (x * 2,), (x * 3,), parameters=[W])
    assert tinygrad_edu.compile(f)(x).dtype == f(x).dtype


def test_a_value_made_of_an_argument_is_not_for_looking_into_or_for_giving_back():
    with pytest.raises(CompileError, match=r"\.data of a traced value"):
        tinygrad_edu.compile(lambda x: Value(x) * float(Value(x).data.sum()))(X)
    with pytest.raises(CompileError, match="Call the function with a Value"):
        tinygrad_edu.compile(lambda x: ((v := Value(x)) * 2.0, v))(X)
    with pytest.raises(DTypeError, match="got a Value"):
        tinygrad_edu.compile(lambda x: Value(x) * 2.0)(Value(X))


@pytest.mark.parametrize("kind", [float, np.float32])
def test_a_power_of_truths_is_differentiated(kind):
    for dtype in (bool, np.uint8, np.int64, kind):
        y = np.array([1, 0, 1]).astype(dtype)
        x = Value(np.array([2.0, 0.0, -3.0], kind))
        for f in (lambda x, y: x**y, tinygrad_edu.compile(lambda x, y: x**y)):
            x.grad = None
            f(x, y).sum().backward()
            np.testing.assert_array_equal(x.grad, [1.0, 0.0, 1.0])
            assert x.grad.dtype == kind


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, u: x - (0.0 + u),
        lambda x, u: np.pad(x, (0, 3)) + np.pad(u, (3, 0)),
        lambda x, u: (
            tinygrad_edu.scatter(x, index=slice(0, 3), shape=(6,))
            + tinygrad_edu.scatter(u, index=slice(3, 6), shape=(6,))
        ),
        lambda x, u: (
            tinygrad_edu.scatter(x, index=slice(0, 3), shape=(9,))
            + tinygrad_edu.scatter(u, index=slice(3, 6), shape=(9,))
        ),
        lambda x, u: tinygrad_edu.scatter(x[0], index=2, shape=(4,)) + tinygrad_edu.scatter(u[0], index=1, shape=(4,)),
    ],
)
def test_zeros_have_their_sign_where_numbers_are_put_together(f, jit):
    if jit:
        pytest.importorskip("numba")
    x, u = Value([-0.0, 0.0, -0.0]), Value([-0.0, -0.0, 0.0])
    fast = tinygrad_edu.compile(lambda x, u: np.copysign(1.0, f(x, u)), jit=jit)
    np.testing.assert_array_equal(fast(x, u).data, fast.f(x, u).data)


def counts(kind):
    """A function that counts its calls somewhere, and what tells how often it was called."""
    held = {
        "attribute": type("Counter", (), {})(), "slot": type("Slotted", (), {"__slots__": ("n",)})(),
        "class": type("Class", (), {}), "dict": {"n": 0}, "ordered": OrderedDict(n=0), "list": [], "deque": deque(),
        "set": set(),
    }.get(kind)  # fmt: skip
    if kind in ("attribute", "slot", "class"):
        held.n = 0

    def f(x):
        if kind in ("attribute", "slot", "class"):
            held.n += 1
        elif kind in ("dict", "ordered"):
            held["n"] += 1
        elif kind == "set":
            held.add(len(held))
        else:
            held.append(1)
        return x * 2.0

    count = {"attribute": lambda: held.n, "dict": lambda: held["n"]}
    count |= {"slot": count["attribute"], "class": count["attribute"], "ordered": count["dict"]}
    return f, count.get(kind, lambda: len(held))


@pytest.mark.parametrize("kind", ["attribute", "slot", "class", "dict", "ordered", "list", "deque", "set"])
def test_a_refused_recording_counts_no_calls(kind):
    f, count = counts(kind)
    fast = tinygrad_edu.compile(f)
    for _ in range(2):
        with pytest.raises(CompileError, match="changes a"):
            fast(X)
        assert count() == 0


CALLS = 0


class Base:
    __slots__ = ("first", "second")


class Both(Base):
    def __init__(self):
        self.first, self.second, self.third = 1, 2, 3


def test_a_refused_recording_puts_attributes_back_where_there_are_slots_as_well():
    thing = Both()

    def f(x):
        thing.second += 1
        thing.third += 1
        return x * 2.0

    with pytest.raises(CompileError, match="an attribute of a Both"):
        tinygrad_edu.compile(f)(X)
    assert (thing.first, thing.second, vars(thing)) == (1, 2, {"third": 3})


def test_a_refused_recording_puts_variables_back_and_says_their_names():
    n = 0

    def f(x):
        nonlocal n
        n += 1
        return x * 2.0

    def g(x):
        global CALLS
        CALLS += 1
        return x if x.sum() > 0 else -x

    with pytest.raises(CompileError, match=r"a variable around f \(n\)"):
        tinygrad_edu.compile(f)(X)
    with pytest.raises(CompileError, match="branch"):
        tinygrad_edu.compile(g)(X)
    assert (n, CALLS) == (0, 0)


def test_what_a_function_did_before_it_raised_an_error_of_its_own_stays():
    seen = []

    def f(x):
        seen.append(x.shape)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        tinygrad_edu.compile(f)(X)
    assert seen == [(3,)]


class Counting(nn.Module):
    def __init__(self):
        self.inner, self.calls = nn.Dense(3, 1, rng=0), 0

    def forward(self, x):
        self.calls += 1
        return self.inner(x)


def test_a_model_that_counts_its_calls_counts_each_step_of_fit_once():
    model = Counting()
    data = (RNG.normal(size=(4, 3)), RNG.normal(size=(4, 1)))
    history = nn.fit(model, data, nn.mse, nn.SGD(model.parameters(), lr=0.1), epochs=3, batch_size=4, progress=False)
    assert "an attribute of a Counting (calls)" in history.compiled
    assert model.calls == 3


def test_a_model_among_the_arguments_that_counts_its_calls_is_refused():
    model, fast = Counting(), tinygrad_edu.compile(lambda model, x: model(x))
    with pytest.raises(CompileError, match=r"an attribute of a Counting \(calls\)"):
        fast(model, X)
    assert model.calls == 0


@pytest.mark.parametrize(
    ("change", "kept"), [(lambda log, x: log.append(x), []), (lambda log, x: log.update(x=x), {}),
                         (lambda log, x: log.pop(), [1.0, 2.0])],
)  # fmt: skip
def test_a_list_or_dict_among_the_arguments_that_changes_is_refused(change, kept):
    def f(x, log):
        change(log, x)
        return x * 2.0

    log = kept.copy()
    with pytest.raises(CompileError, match="changes a list or dict among its arguments"):
        tinygrad_edu.compile(f)(X, log)
    assert log == kept


@pytest.mark.parametrize("where", ["outside", "argument", "scalar"])
def test_data_replaced_between_the_call_and_backward_is_refused(where):
    w = Value(2.0) if where == "scalar" else Value(X)
    new = 3.0 if where == "scalar" else 2.0 * X
    fast = tinygrad_edu.compile(lambda w: (w * X * w).sum()) if where == "argument" else None
    fast = fast or tinygrad_edu.compile(lambda x: (w * X * w).sum())
    for _ in range(2):
        loss = fast(w if where == "argument" else X)
        old, w.data = w.data, new
        with pytest.raises(GradientError, match="has been replaced"):
            loss.backward()
        w.data = old
        loss.backward()
    np.testing.assert_allclose(w.grad, 2.0 * (2.0 * np.sum(X * w.data) if where == "scalar" else 2.0 * w.data * X))


def test_a_lifted_scalar_replaced_between_the_call_and_backward_is_refused():
    weights = [Value(x) for x in RNG.normal(size=40)]
    rows = RNG.normal(size=(30, 40)).tolist()
    fast = tinygrad_edu.compile(
        lambda rows: sum(sum(w * x for w, x in zip(weights, row, strict=True)).tanh() for row in rows)
    )
    loss = fast(rows)
    assert next(iter(fast.plans.values()))[0].recording.lifted is not None
    weights[7].data += 1.0
    with pytest.raises(GradientError, match="has been replaced"):
        loss.backward()
