"""`compile`: what a user meets. The same numbers as without it, or an error with the line; never a wrong number."""

import gc
import threading
import tracemalloc

import numpy as np
import pytest

import tinygrad_edu
from tinygrad_edu import Value, grad, nn, no_grad, normal, stop_gradient
from tinygrad_edu.errors import CompileError, GradientError


def same(fast, f, *args):
    """Results and gradients of both, on the same arguments."""
    values = [x for x in args if isinstance(x, Value)]
    for x in values:
        x.grad = None
    expected = f(*args)
    expected.backward(np.ones(expected.shape))
    wanted = [x.grad for x in values]
    for x in values:
        x.grad = None
    found = fast(*args)
    found.backward(np.ones(found.shape))
    np.testing.assert_allclose(found.data, expected.data, rtol=1e-12)
    for x, g in zip(values, wanted, strict=True):
        np.testing.assert_allclose(x.grad, g, rtol=1e-12)


def test_parameters_are_read_anew_whether_changed_in_place_or_replaced():
    w = Value([1.0, 2.0])
    fast = tinygrad_edu.compile(lambda x: (x * w).sum())
    x = np.array([3.0, 5.0])
    assert fast(x).item() == 13.0
    w.data[0] = 10.0
    assert fast(x).item() == 40.0
    for _ in range(8):
        w.data = w.data + 1.0
        assert fast(x).item() == (x * w.data).sum()
    assert len(fast.plans) == 1


def test_a_parameter_of_another_shape_or_type_makes_another_plan():
    w = Value([1.0, 2.0])
    fast = tinygrad_edu.compile(lambda: (w * w).sum())
    assert fast().item() == 5.0
    w.data = np.array([1.0, 2.0, 3.0])
    assert fast().item() == 14.0
    w.data = np.array([1.0, 2.0], np.float32)
    assert fast().data.dtype == np.float32


def test_arrays_from_outside_are_read_anew():
    mask = np.array([1.0, 0.0])
    fast = tinygrad_edu.compile(lambda w: (w * mask).sum())
    w = Value([1.0, 2.0])
    assert fast(w).item() == 1.0
    mask[1] = 1.0
    loss = fast(w)
    assert loss.item() == 3.0
    loss.backward()
    np.testing.assert_array_equal(w.grad, [1.0, 1.0])


def test_settings_from_outside_are_watched():
    settings = {"scale": 2.0}
    fast = tinygrad_edu.compile(lambda w: w * settings["scale"])
    w = Value(3.0)
    assert fast(w).item() == 6.0
    settings["scale"] = 5.0
    assert fast(w).item() == 15.0


def test_what_was_computed_from_an_outside_array_is_watched_too():
    table = np.array([1.0, 2.0])
    fast = tinygrad_edu.compile(lambda w: w * float(table.sum()))
    w = Value(3.0)
    assert fast(w).item() == 9.0
    table[0] = 3.0
    assert fast(w).item() == 15.0


def test_a_comparison_is_asked_again_at_each_run():
    fast = tinygrad_edu.compile(lambda x: (np.where(x > 0, x * x, -x) * (np.abs(x) < 2)).sum())
    for seed in range(4):
        same(fast, fast.f, Value(np.random.default_rng(seed).normal(size=5) * 2))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x * float(x.sum()),
        lambda x: x * x.data,
        lambda x: x * x.numpy(),
        lambda x: x * (3.0 in x),
        lambda x: x[np.nonzero(x)],
        lambda x: np.asarray(x) * x,
        lambda x: x * int(x[0]),
        lambda x: np.array([float(v) for v in x]) * x,
    ],
)
def test_a_number_taken_out_is_an_error_with_the_line(f):
    with pytest.raises(CompileError, match=r"test_compile\.py:\d+"):
        tinygrad_edu.compile(f)(Value([1.0, 3.0]))


def test_a_side_effect_is_an_error():
    calls = []

    def counting(x):
        calls.append(1)
        return x * 2.0

    with pytest.raises(CompileError, match="changes a list"):
        tinygrad_edu.compile(counting)(Value(1.0))


def test_no_result_is_an_error():
    with pytest.raises(CompileError, match="is a return missing"):
        tinygrad_edu.compile(lambda x: None)(Value(1.0))


def test_random_nodes_draw_as_they_do_without_compiling():
    eager, compiled = np.random.default_rng(0), np.random.default_rng(0)
    f = tinygrad_edu.compile(lambda m: normal(m, 1.0, (3,), compiled))
    m = Value(0.0)
    draws = [f(m).data for _ in range(4)]
    for draw in draws:
        np.testing.assert_array_equal(draw, normal(0.0, 1.0, (3,), eager).data)


def test_a_seed_draws_the_same_at_each_call():
    fast = tinygrad_edu.compile(lambda m: normal(m, 1.0, (3,), 7))
    np.testing.assert_array_equal(fast(Value(0.0)).data, fast(Value(0.0)).data)


def test_results_belong_to_the_caller():
    w = Value([1.0, 2.0])
    fast = tinygrad_edu.compile(lambda x: (w, x * w, w * 1.0))
    first = fast(np.array([1.0, 1.0]))
    kept = [one.data.copy() for one in first]
    second = fast(np.array([5.0, 5.0]))
    for one, before, other in zip(first, kept, second, strict=True):
        np.testing.assert_array_equal(one.data, before)
        assert not np.shares_memory(one.data, other.data)
        assert not np.shares_memory(one.data, w.data)


@pytest.mark.parametrize(
    "look",
    [
        lambda x: x[1, 2],
        lambda x: x[1],
        lambda x: x[..., 0],
        lambda x: x[::-1, 1:],
        lambda x: x[None, :, 0],
        lambda x: x.T.reshape(6),
        lambda x: x.T[0, 0],
        lambda x: np.broadcast_to(x, (4, 2, 3)).reshape(8, 3),
        lambda x: np.squeeze(x[:1]).reshape(3, 1),
        lambda x: x[np.array([1, 0, 1])],
        lambda x: x[x.shape[0] - 1 :],
    ],
)
def test_views_of_results_are_read_anew(look):
    fast = tinygrad_edu.compile(lambda x: look(np.tanh(x) * 2.0))
    direct = tinygrad_edu.compile(look)
    for seed in range(3):
        x = Value(np.random.default_rng(seed).normal(size=(2, 3)))
        same(fast, fast.f, x)
        same(direct, look, x)


def test_structures_go_in_and_come_out():
    w = Value([1.0, 2.0])
    fast = tinygrad_edu.compile(lambda batch, *, power=2: {"out": (w * batch["x"]) ** power, "n": [power, "text"]})
    result = fast({"x": np.array([2.0, 3.0])}, power=3)
    np.testing.assert_array_equal(result["out"].data, [8.0, 216.0])
    assert result["n"] == [3, "text"]
    assert len(fast.plans) == 1
    fast({"x": np.array([2.0, 3.0])}, power=2)
    assert len(fast.plans) == 2


def test_two_runs_before_their_backward_passes():
    w = Value([1.0, 2.0])
    fast = tinygrad_edu.compile(lambda x: (np.exp(x * w)).sum())
    x, y = np.array([0.1, 0.2]), np.array([0.3, 0.4])
    (fast(x) + fast(y)).backward()
    found, w.grad = w.grad, None
    (fast.f(x) + fast.f(y)).backward()
    np.testing.assert_allclose(found, w.grad, rtol=1e-12)


def test_several_results_each_have_gradients():
    w = Value([1.0, 2.0])
    fast = tinygrad_edu.compile(lambda x: (np.tanh(x * w), (x * w).sum()))
    x = np.array([0.5, -1.0])
    for f in (fast, fast.f):
        w.grad = None
        a, b = f(x)
        (a.sum() * 3.0 + b * b).backward()
        if f is fast:
            found = w.grad
    np.testing.assert_allclose(found, w.grad, rtol=1e-12)


def test_a_second_backward_pass_is_refused_once_the_buffers_are_lent_again():
    w = Value(2.0)
    fast = tinygrad_edu.compile(lambda: w * w)
    loss = fast()
    loss.backward()
    with pytest.raises(GradientError, match="call the compiled function again"):
        loss.backward()


def test_gradients_flow_through_a_compiled_function_into_a_larger_graph():
    inner = tinygrad_edu.compile(lambda x: np.tanh(x) * x)
    same(lambda v: inner(v * 2.0).sum() ** 2, lambda v: inner.f(v * 2.0).sum() ** 2, Value([0.3, -0.7]))


def test_transforms_see_through_a_compiled_function():
    fast = tinygrad_edu.compile(lambda x: x**3)
    assert grad(grad(fast))(2.0) == 12.0


def test_a_transform_inside_a_compiled_function():
    fast = tinygrad_edu.compile(lambda x: grad(lambda y: y**3)(x) * x)
    same(fast, fast.f, Value(2.0))
    same(fast, fast.f, Value(3.0))


def test_no_grad_inside_and_outside():
    w = Value([1.0, 2.0])

    def f(x):
        with no_grad():
            scale = (x * w).sum()
        return (w * scale * stop_gradient(w)).sum()

    fast = tinygrad_edu.compile(f)
    for x in (np.array([1.0, 2.0]), np.array([3.0, 5.0])):
        w.grad = None
        f(x).backward()
        expected, w.grad = w.grad, None
        fast(x).backward()
        np.testing.assert_allclose(w.grad, expected, rtol=1e-12)
    with no_grad():
        assert fast(np.array([1.0, 2.0])).parents == ()


def test_the_cache_is_bounded():
    fast = tinygrad_edu.compile(lambda x: x * 2.0, plans=3)
    for n in range(1, 10):
        fast(Value(np.ones(n)))
        fast(Value(np.ones(1)))
    assert len(fast.plans) == 3
    assert {key[2][0] for key in fast.plans} == {(1,), (8,), (9,)}, "the one that was not used for longest goes first"


def test_verification_finds_what_watching_cannot_see(tmp_path):
    scale = tmp_path / "scale"
    scale.write_text("2.0")
    fast = tinygrad_edu.compile(lambda w: w * float(scale.read_text()), verify=True)
    w = Value([1.0, 2.0])
    fast(w).backward(np.ones(2))
    np.testing.assert_array_equal(w.grad, [2.0, 2.0])
    fast(w)
    scale.write_text("3.0")
    with pytest.raises(CompileError, match="differs"):
        fast(w)


def test_verification_passes_a_network_with_dropout_and_running_statistics():
    model = nn.Sequential(nn.Dense(3, 4, rng=0), nn.BatchNorm1d(4), nn.Dropout(0.5, rng=1), nn.Dense(4, 2, rng=2))
    fast = tinygrad_edu.compile(lambda x, y: nn.mse(model(x), y), verify=True)
    rng = np.random.default_rng(0)
    for _ in range(3):
        fast(rng.normal(size=(5, 3)), rng.normal(size=(5, 2))).backward()


def test_threads_with_their_own_functions_are_independent():
    failures = []

    def work(seed):
        rng = np.random.default_rng(seed)
        w = Value(rng.normal(size=(4, 4)))
        fast = tinygrad_edu.compile(lambda x: np.tanh(x @ w).sum())
        for _ in range(100):
            x = rng.normal(size=(3, 4))
            w.grad = None
            fast(x).backward()
            expected = x.T @ (1.0 - np.tanh(x @ w.data) ** 2)
            if not np.allclose(w.grad, expected, rtol=1e-10):
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_one_function_in_two_threads():
    w = Value([1.0, 2.0])
    fast = tinygrad_edu.compile(lambda x: np.tanh(x * w))
    failures = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(200):
            x = rng.normal(size=2)
            if not np.allclose(fast(x).data, np.tanh(x * w.data)):
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.slow
def test_memory_is_flat_over_ten_thousand_steps():
    model = nn.Sequential(nn.Dense(8, 16, activation="relu", rng=0), nn.Dropout(0.2, rng=0), nn.Dense(16, 3, rng=1))
    optimizer = nn.Adam(model.parameters(), lr=0.001)
    fast = tinygrad_edu.compile(lambda x, y: nn.softmax_cross_entropy(model(x), y))
    rng = np.random.default_rng(0)

    def steps(n):
        for _ in range(n):
            optimizer.zero_grad()
            fast(rng.normal(size=(16, 8)), rng.integers(0, 3, 16)).backward(keep="leaves")
            optimizer.step()

    steps(200)
    gc.collect()
    tracemalloc.start()
    steps(100)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    steps(10_000)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20_000, f"{grown} bytes more"


@pytest.mark.parametrize(
    "f",
    [
        lambda w: lambda x: x * w * float(w.data.sum()),
        lambda w: lambda x: (x * w)[: 1 + int(w.data[0] > 1.5)],
        lambda w: lambda x: x * w + Value(w.data * 2.0),
        lambda w: lambda x: x * w + normal(0.0, 1.0, (2,), np.random.default_rng(0)),
    ],
)
def test_a_number_that_only_changes_between_calls_is_found_at_the_second(f):
    w = Value([1.0, 2.0])
    fast = tinygrad_edu.compile(f(w))
    x = np.array([1.0, 2.0])
    fast(x)
    w.data += 1.0
    with pytest.raises(CompileError):
        fast(x)
