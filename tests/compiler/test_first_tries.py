"""What a newcomer hands to a compiled function, and writes inside it: never a wrong number, and errors that help."""

import copy
import functools
import os
import pickle
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu
from tinygrad_edu import Value, nn
from tinygrad_edu.errors import ArgumentError, CompileError, DTypeError, GradientError

X = np.array([1.0, 2.0, 3.0])
W = Value([1.0, 2.0, 3.0])
RNG = np.random.default_rng(0)


class Units(np.ndarray):
    """An array with rules of its own."""


def dot(x):
    return (x * W).sum()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X * 1j, "argument 0: expected real numbers or an array of them, got an array of complex128"),
        (np.array([1, 2, 3], dtype=object), "argument 0: .* got an array of object"),
        (np.array(["a", "b", "c"]), "argument 0: .* got an array of <U1"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "argument 0: .* got an array of datetime64"),
        (np.ma.array(X, mask=[0, 1, 0]), "argument 0: expected a plain array, got a MaskedArray"),
        (X.view(Units), "argument 0: expected a plain array, got a Units"),
    ],
)
def test_an_argument_that_is_no_plain_array_of_real_numbers_is_named(x, message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DTypeError, match=message):
            tinygrad_edu.compile(dot)(x)


def test_lists_of_numbers_may_stand_for_arrays():
    fast = tinygrad_edu.compile(dot)
    for x in ([1.0, 2.0, 3.0], (3.0, 2.0, 1.0), [5.0, 6.0, 7.0]):
        np.testing.assert_allclose(fast(x).data, dot(x).data, rtol=1e-12)
    with pytest.raises(DTypeError, match="list that holds Values"):
        fast([Value(1.0), Value(2.0), Value(3.0)])


@pytest.mark.parametrize(("args", "kwargs"), [((X, X), {}), ((), {}), ((), {"y": X})])
def test_a_call_that_the_function_does_not_take_is_its_own_type_error(args, kwargs):
    with pytest.raises(TypeError) as eager:
        dot(*args, **kwargs)
    with pytest.raises(TypeError) as compiled:
        tinygrad_edu.compile(dot)(*args, **kwargs)
    assert type(compiled.value) is TypeError
    assert str(compiled.value) == str(eager.value)


@functools.singledispatch
def kind_of(x):
    return 1.0


@kind_of.register
def _(x: np.ndarray):
    return 2.0


@kind_of.register
def _(x: float):
    return 3.0


@pytest.mark.parametrize("x", [X, np.arange(3), 2.0, np.float64(2.0), np.array(2.0), Value(X), Value(2.0)])
@pytest.mark.parametrize(
    "asks",
    [
        lambda x: isinstance(x, np.ndarray),
        lambda x: isinstance(x, (int, float)),
        np.isscalar,
        kind_of,
        lambda x: x.__class__ is np.ndarray,
    ],
)
def test_a_function_that_asks_for_the_class_of_its_argument_goes_the_same_way(asks, x):
    fast = tinygrad_edu.compile(lambda x: x * (2.0 + asks(x)))
    expected = fast.f(x)
    np.testing.assert_array_equal(fast(x).data, getattr(expected, "data", expected))


def catches(x):
    try:
        return x if float(x[0]) > 0 else -x
    except Exception:
        return x * 100.0


def fills(x):
    out = np.zeros(3)
    for i in range(3):
        out[i] = x[i] * 2.0
    return out


@pytest.mark.parametrize("f", [catches, fills, lambda x: (f"{x[0]:.2f}", x * 2.0)[1]])
def test_a_number_asked_for_is_refused_even_where_the_function_or_numpy_catches_the_error(f):
    with pytest.raises(CompileError, match=r"test_first_tries\.py:\d+: .* of a traced value: a compiled function runs"):
        tinygrad_edu.compile(f)(X)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: np.eye(4)[x], r"tinygrad_edu\.take"),
        (lambda x: np.take(np.eye(4), x, axis=0), r"tinygrad_edu\.take"),
        (lambda x: x[x > 1], r"x\[mask\] of a traced value.*test_first_tries\.py:\d+"),
        (lambda x: np.bincount(x), "np.bincount of a traced value"),
        (lambda x: np.unique(x), "np.unique of a traced value"),
        (lambda x: x[np.lexsort((x,))], "np.lexsort of a traced value"),
        (lambda x: x * np.argmax(a=x), "np.argmax of a traced value"),
    ],
)
def test_what_depends_on_numbers_says_what_to_do(f, message):
    x = np.array([2, 0, 1])
    f(x)
    with pytest.raises(CompileError, match=message):
        tinygrad_edu.compile(f)(x)


def test_an_array_is_indexed_by_labels_with_take():
    fast = tinygrad_edu.compile(lambda labels: tinygrad_edu.take(np.eye(4), labels, axis=0) * 2.0)
    for labels in ([2, 0, 1], [3, 3, 0]):
        np.testing.assert_array_equal(fast(np.array(labels)).data, 2.0 * np.eye(4)[labels])


FULL, SINGULAR = RNG.normal(size=(3, 3)), np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [4.0, 5.0, 6.0]])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * np.linalg.matrix_rank(x),
        lambda x: (s := np.linalg.lstsq(x, np.ones(3), rcond=None))[0] * s[2],
        lambda x: tinygrad_edu.grad(lambda y: np.linalg.pinv(y).sum())(x),
    ],
)
@pytest.mark.filterwarnings("ignore:.*full rank:RuntimeWarning")
def test_the_rank_of_a_matrix_is_that_of_each_call(f):
    fast = tinygrad_edu.compile(f)
    for x in (FULL, 2.0 * FULL, SINGULAR, FULL.T, 2.0 * SINGULAR):
        np.testing.assert_allclose(fast(x).data, f(x), rtol=1e-9)


@pytest.mark.parametrize("plans", [0, -1, "a"])
def test_how_many_plans_to_remember_is_a_number_of_at_least_one(plans):
    with pytest.raises(ArgumentError, match="at least 1"):
        tinygrad_edu.compile(dot, plans=plans)


@tinygrad_edu.compile
def decorated(x):
    return x * 2.0


def test_a_compiled_function_says_what_it_is_and_is_copied_and_pickled_without_its_plans():
    fast = tinygrad_edu.compile(dot)
    fast(X)
    assert repr(fast) == "<compiled dot, 1 plan>"
    for other in (copy.copy(fast), copy.deepcopy(fast), pickle.loads(pickle.dumps(fast))):
        assert repr(other) == "<compiled dot, 0 plans>"
        assert other(X).item() == fast(X).item()
    assert copy.deepcopy(decorated) is decorated
    assert pickle.loads(pickle.dumps(decorated)) is decorated


def test_a_model_with_a_compiled_function_is_copied_with_parameters_of_its_own():
    model = nn.Dense(3, 1, rng=0)
    model.fast = tinygrad_edu.compile(model.forward)
    model.fast(X)
    other = copy.deepcopy(model)
    other.weight.data *= 2.0
    np.testing.assert_allclose(other.fast(X).data, other(X).data, rtol=1e-12)
    np.testing.assert_allclose(model.fast(X).data, model(X).data, rtol=1e-12)


def test_what_cannot_be_done_with_a_compiled_result_says_so():
    loss = tinygrad_edu.compile(dot)(Value(X))
    with pytest.raises(TypeError, match=r"cannot be copied or pickled.*`\.f`"):
        copy.deepcopy(loss)
    with pytest.raises(GradientError, match=r"check_graph, viz.stepper.*`\.f`"):
        tinygrad_edu.check_graph(loss)
    loss.backward()
    with pytest.raises(GradientError, match="has one backward"):
        loss.backward()


def test_threads_that_share_a_compiled_function_do_not_disturb_each_other():
    wrong = []

    def work(f, fast, seed):
        rng = np.random.default_rng(seed)
        try:
            for _ in range(6):
                x = Value(rng.normal(size=(4, 8)))
                fast(x).backward()
                y = Value(x.data)
                f(y).backward()
                np.testing.assert_allclose(x.grad, y.grad, rtol=1e-10, atol=1e-13)
        except Exception as error:
            wrong.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(8):
            w = RNG.normal(size=(8, 8))
            f = lambda x, w=w: (np.tanh(x @ w) ** 2).sum()  # noqa: E731
            fast = tinygrad_edu.compile(f, jit=False)
            threads = [threading.Thread(target=work, args=(f, fast, seed)) for seed in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(before)
    assert wrong == []


BROKEN = {
    "older than NumPy": 'raise ImportError("Numba needs NumPy 1.0 or less")',
    "a missing library": 'raise OSError("libllvm.so: cannot open shared object file")',
    "half of it": "",
}
TRIES = """
import numpy as np, tinygrad_edu
f = lambda x: (np.tanh(x) * x).sum()
fast = tinygrad_edu.compile(f)
for _ in range(25):
    assert abs(float(fast(np.ones(3)).data) - f(np.ones(3))) < 1e-12
print(fast.explain())
try:
    tinygrad_edu.compile(f, jit=True)(np.ones(3))
except tinygrad_edu.errors.MissingDependencyError as error:
    print(error)
"""


def told(folder, **environment):
    """What a fresh process says, with packages from a folder before all others."""
    paths = os.pathsep.join([str(folder), str(Path(tinygrad_edu.__file__).parents[1])])
    ran = subprocess.run(
        [sys.executable, "-c", TRIES], env={**os.environ, "PYTHONPATH": paths, **environment}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("how", BROKEN)
def test_a_numba_that_is_broken_leaves_everything_to_numpy_and_is_told(how, tmp_path):
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba" / "__init__.py").write_text(BROKEN[how])
    text = told(tmp_path)
    assert "kernels: none; numba is installed but cannot be used: " in text
    assert "jit=True needs numba, which is installed but cannot be used: " in text
    assert BROKEN[how][BROKEN[how].find('"') + 1 : -2] in text


def test_a_numba_that_is_switched_off_leaves_everything_to_numpy(tmp_path):
    pytest.importorskip("numba")
    text = told(tmp_path, NUMBA_DISABLE_JIT="1")
    assert text.count("cannot be used: NUMBA_DISABLE_JIT is set") == 2


def test_a_compiled_step_says_what_is_wrong_with_what_it_is_given():
    model, other = nn.Dense(3, 1, rng=0), nn.Dense(3, 1, rng=1)
    x, y = RNG.normal(size=(2, 3)), np.zeros((2, 1))
    with pytest.raises(ArgumentError, match=r"expected an optimizer, such as SGD\(\.\.\.\), got NoneType"):
        nn.compile_step(model, nn.mse, None)
    with pytest.raises(CompileError, match="none of the optimizer's parameters"):
        nn.compile_step(model, nn.mse, nn.SGD(other.parameters(), lr=0.1))(x, y)
    step = nn.compile_step(model, nn.mse, nn.SGD(model.parameters(), lr=0.1))
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'targets'"):
        step(x)
    with pytest.raises(CompileError, match="Pass arrays instead of lists"):
        step(x.tolist(), y)
    assert step(x, y) == nn.mse(nn.Dense(3, 1, rng=0)(x), y).item()
