"""Kernels: they compute what the steps compute; when they are made, and where they are kept."""

import gc
import subprocess
import sys
import types

import numpy as np
import pytest
from hypothesis import given, settings

import tinygrad_edu
from tests.calls import OURS, call_of
from tests.compiler.test_compiled_battery import close, gradients
from tests.compiler.test_compiled_graphs import GRAPHS, assert_runs_as_it_was_written, cook
from tinygrad_edu import Value
from tinygrad_edu.compiler import kernels
from tinygrad_edu.errors import MissingDependencyError
from tinygrad_edu.kinds import elementwise
from tinygrad_edu.op import REGISTRY

pytest.importorskip("numba")
import numba

from tinygrad_edu.compiler.kernels import functions, store  # they import numba
from tinygrad_edu.compiler.kernels.fill import fill
from tinygrad_edu.compiler.kernels.tape import sources

# -- what they compute

SHAPES = [
    ("rows and columns", lambda x, r, c: np.tanh(x * r + c)),
    ("sum of all", lambda x, r, c: np.sum(np.exp(x) * c)),
    ("mean of all", lambda x, r, c: np.mean(x * x - c)),
    ("sums of columns", lambda x, r, c: np.sum(x * r, axis=0) * c),
    ("mean of columns", lambda x, r, c: np.mean(np.exp(x), axis=0, keepdims=True) - c),
    ("sums of rows", lambda x, r, c: np.sum(x * c, axis=1)),
    ("a row's own", lambda x, r, c: x - np.mean(x * c, axis=-1, keepdims=True) * r),
    ("a row's extremes", lambda x, r, c: (np.max(x - c, axis=1) - np.min(x * c, axis=1)) ** 2),
    ("normalised", lambda x, r, c: (x - x.mean(axis=1, keepdims=True)) / np.sqrt(np.var(x, axis=1, keepdims=True) + 1)),
    ("row numbers added up", lambda x, r, c: np.mean(np.log(np.sum(np.exp(x), axis=1)))),
    ("a choice", lambda x, r, c: np.where(x > c, x * r, -x)),
    ("other axes", lambda x, r, c: np.reshape(np.exp(x), (2, 2, 6)) * c),
    ("turned", lambda x, r, c: np.exp(x.T * 2.0) + np.exp(x.T)),
    ("numbers only", lambda x, r, c: np.sum(x) / (1.0 + np.sum(c) * np.sum(c)) + np.sum(r)),
    ("slow functions of one another", lambda x, r, c: np.tanh(np.exp(np.tanh(x * r) * c) - 1.0) * x),
    ("in rows", lambda x, r, c: np.tanh(np.exp(x - np.max(x, axis=1, keepdims=True)) * r) * np.tanh(np.exp(c))),
    ("where some of a row", lambda x, r, c: np.where(np.any(x > 1.0, axis=1, keepdims=True), x * r, c)),
    ("where all of them", lambda x, r, c: np.where(np.all(x * r > -99.0), x * r, c)),
    ("the diagonal twice", lambda x, r, c: (x[:, :4] * c[:4] + np.reshape(c[:4], (4, 1))) * 2.0),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("what", "f"), SHAPES, ids=[what for what, _ in SHAPES])
def test_kernels_give_results_and_gradients_of_the_function(what, f, dtype):
    fast = tinygrad_edu.compile(f, jit=True)
    for seed in range(2):
        rng = np.random.default_rng(seed)
        data = [rng.normal(size=shape).astype(dtype) for shape in ((4, 6), (4, 1), (6,))]
        ours, theirs = ([Value(x) for x in data] for _ in range(2))
        expected, found = f(*theirs), fast(*ours)
        g = rng.normal(size=expected.shape).astype(dtype)
        expected.backward(g)
        found.backward(g)
        tolerance = 1e-12 if dtype is np.float64 else 1e-5
        for a, b in zip([found.data, *(v.grad for v in ours)], [expected.data, *(v.grad for v in theirs)], strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                close(a, b, tolerance)


def test_an_operand_that_does_not_lie_in_a_row_is_read_all_the_same():
    fast = tinygrad_edu.compile(lambda x: np.exp(-x) * x, jit=True)
    x = np.arange(24.0).reshape(4, 6)
    for view in (x, x.T, x[::-1], x[:, ::2], np.asfortranarray(x), np.broadcast_to(x[0], (4, 6))):
        close(fast(Value(view)).data, np.exp(-view) * view)


def test_a_row_with_nan_has_nan_as_its_extremes():
    fast = tinygrad_edu.compile(lambda x: (np.max(x * 2.0, axis=1), np.min(x * 2.0, axis=1)), jit=True)
    x = np.random.default_rng(0).normal(size=(4, 50))
    x[1, 7], x[2] = np.nan, -np.inf
    for found, extreme in zip(fast(x), (np.max, np.min), strict=True):
        np.testing.assert_array_equal(found.data, extreme(x * 2.0, axis=1))


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 4e-7), (np.float64, 1e-14)])
def test_gelu_is_exact_to_rounding(dtype, tolerance):
    fast = tinygrad_edu.compile(tinygrad_edu.gelu, jit=True)
    x = np.linspace(-6.0, 6.0, 1001).astype(dtype)
    ours, theirs = Value(x), Value(x)
    found, expected = fast(ours), tinygrad_edu.gelu(theirs)
    found.backward(np.ones_like(x))
    expected.backward(np.ones_like(x))
    np.testing.assert_allclose(found.data, expected.data, rtol=0, atol=6 * tolerance)
    np.testing.assert_allclose(ours.grad, theirs.grad, rtol=0, atol=tolerance)


ODD = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, np.inf, -np.inf, np.nan, 1e-310, 1e300, -1e300, 710.0, -746.0, 20.5]


@pytest.mark.slow
@pytest.mark.parametrize("arity", [1, 2])
def test_every_ufunc_of_an_operation_has_numpys_answers_for_odd_numbers(arity):
    every = [op for name in OURS if isinstance((op := REGISTRY[name]).forward, np.ufunc) and op.kind == "elementwise"]
    ops = [op for op in every if op.arity == arity]
    x = np.array(ODD) if arity == 1 else np.repeat(ODD, len(ODD))
    operands = [x, np.tile(ODD, len(ODD))][:arity]
    for start in range(0, len(ops), 12):
        some = ops[start : start + 12]
        fast = tinygrad_edu.compile(lambda *xs, some=some: [-op(*xs) for op in some], jit=True)
        with np.errstate(all="ignore"):
            found = fast(*map(Value, operands))
            for op, ours in zip(some, found, strict=True):
                expected = -op.compute(*operands)
                np.testing.assert_allclose(ours.data, expected, rtol=1e-14, atol=0, err_msg=op.name)


@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_functions_are_accurate_to_three_units_in_the_last_place(name, dtype):
    function = getattr(functions, f"{name}_{np.dtype(dtype).name}")
    rng = np.random.default_rng(0)
    far = 10.0 ** rng.uniform(-37, 37, 300)
    x = np.concatenate([rng.normal(size=300), 30 * rng.normal(size=300), far, -far, 1 + 1e-3 * rng.normal(size=300)])
    x = x.astype(dtype)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x.astype(np.longdouble))
        rounded = expected.astype(dtype)
        found = np.array([function(one) for one in x], dtype)
        units = np.abs(found - expected) / np.spacing(np.abs(rounded)).astype(np.longdouble)
    special = ~np.isfinite(rounded)
    np.testing.assert_array_equal(found[special], rounded[special])
    assert units[~special].max() < 3.0


@pytest.mark.slow
@pytest.mark.parametrize("name", OURS)
def test_an_operation_with_kernels_is_the_operation(name):
    op = REGISTRY[name]
    for way in op.cases:

        def f(*operands, params=way.params):
            out = op(operands, **params) if op.variadic else op(*operands, **params)
            return np.tanh(out * 0.5) if op.kind == "elementwise" else out

        fast = tinygrad_edu.compile(f, jit=True)
        for salt in ("", "second"):
            call = call_of(op, way, salt)
            seed = np.asarray(call.rng.normal(size=np.shape(call(*call.inputs))))
            expected, wanted = gradients(f, call, seed)
            found, got = gradients(fast, call, seed)
            close(getattr(found, "data", found), getattr(expected, "data", expected), 1e-11)
            for g, h in zip(got, wanted, strict=True):
                close(g, h, 1e-11)


@pytest.mark.slow
@given(*GRAPHS)
@settings(max_examples=40, deadline=None)
def test_a_graph_with_kernels_is_the_graph(recipe, shape, dtype):
    fast = tinygrad_edu.compile(lambda a, b: cook(recipe, a, b), jit=True)
    assert_runs_as_it_was_written(fast, recipe, shape, dtype, seed=1)


# -- when they are made, and where they are kept


def test_kernels_come_when_a_plan_has_run_often_enough():
    fast = tinygrad_edu.compile(lambda x: np.sum(np.exp(x) * 2.0 - x))
    x = np.linspace(0.0, 1.0, 7)
    answers = []
    for run in range(kernels.WARM + 2):
        answers.append(float(fast(x).data))
        text = fast.explain()
        assert ("kernel(" in text) == (run >= kernels.WARM)
    np.testing.assert_allclose(answers, answers[0], rtol=1e-14)


def test_without_jit_there_are_no_kernels():
    fast = tinygrad_edu.compile(lambda x: np.sum(np.exp(x) * 2.0), jit=False)
    for _ in range(kernels.WARM + 2):
        fast(np.ones(3))
    assert "kernel(" not in fast.explain()


def test_without_numba_a_plan_says_what_it_would_bring(monkeypatch):
    monkeypatch.setattr(kernels, "available", lambda: False)
    monkeypatch.setattr("tinygrad_edu.compiler.explain.available", lambda: False)
    fast = tinygrad_edu.compile(lambda x: np.sum(np.exp(x) * 2.0))
    for _ in range(kernels.WARM + 2):
        fast(np.ones(3))
    assert "pip install 'tinygrad_edu[jit]' would turn 2 steps" in fast.explain()
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tinygrad_edu\[jit\]'"):
        tinygrad_edu.compile(lambda x: x, jit=True)(np.ones(3))


SOURCE = """from numba import njit, types


@njit(types.void(types.Array(types.float64, 1, "C")), cache=CACHE)
def kernel(p0):
    p0[0] = 42.0
"""


def works(source):
    store._loaded.cache_clear()
    x = np.zeros(1)
    store.compiled(source)(x)
    return x[0] == 42.0


def test_a_kernel_is_kept_on_the_disk_and_made_again_if_it_is_broken(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_CACHE", str(tmp_path))
    assert works(SOURCE)
    (module,) = tmp_path.glob("kernels/*/kernel.py")
    (index,) = tmp_path.glob("kernels/*/__pycache__/*.nbi")
    before = index.read_bytes()
    assert works(SOURCE)
    assert index.read_bytes() == before, "compiled a second time"
    for broken in (module, index):
        broken.write_bytes(b"broken")
        assert works(SOURCE)
    assert module.read_text() == SOURCE


def test_a_kernel_needs_no_disk(tmp_path, monkeypatch):
    (tmp_path / "kernels").write_text("a file where the folder would be")
    monkeypatch.setenv("TINYGRAD_EDU_CACHE", str(tmp_path))
    assert works(SOURCE)


def test_a_kernel_needs_no_folder_that_numba_may_write_into(tmp_path, monkeypatch):
    from numba.core import caching

    monkeypatch.setenv("TINYGRAD_EDU_CACHE", str(tmp_path))
    assert works(SOURCE)
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])  # as where a cache may only be read
    assert works(SOURCE)


@pytest.mark.slow
def test_processes_that_make_the_same_kernel_at_once_do_not_disturb_each_other(tmp_path):
    program = (
        "import numpy as np, tinygrad_edu as te\n"
        "f = te.compile(lambda x: np.sum(np.tanh(x) * np.exp(x)), jit=True)\n"
        "print(float(f(np.ones(5)).data))"
    )
    environment = {**__import__("os").environ, "TINYGRAD_EDU_CACHE": str(tmp_path)}
    running = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    answers = {process.communicate()[0] for process in running}
    assert len(answers) == 1
    assert all(process.returncode == 0 for process in running)


# -- the tape


def recurrence(x, w, steps=400):
    y = x
    for _ in range(steps):
        y = np.tanh(w * y + x) - 0.1 / (2.0 + y**2) + tinygrad_edu.relu(y - 0.1) * 0.01
    return y


def test_a_long_recurrence_runs_as_a_tape_of_numba_with_the_same_results():
    fast = tinygrad_edu.compile(recurrence, jit=True)
    for x, w in ((0.3, 1.2), (-0.7, 0.4)):
        ours, theirs = ([Value(x), Value(w)] for _ in range(2))
        found, expected = fast(*ours), recurrence(*theirs)
        found.backward()
        expected.backward()
        assert found.item() == pytest.approx(expected.item(), rel=1e-12)
        assert [v.grad for v in ours] == pytest.approx([v.grad for v in theirs], rel=1e-11)
    assert "in one loop by numba" in fast.explain()


def test_an_operation_that_numba_cannot_compile_leaves_the_tape_to_python():
    odd = elementwise(
        "odd_for_numba", lambda x: np.array([float(v) + 1.0 for v in np.ravel(x)]).reshape(np.shape(x))[()],
        along=(lambda t, out, x: t,), scalar=lambda x: x + 1.0, reads="1",
    )  # fmt: skip
    fast = tinygrad_edu.compile(lambda x: odd(recurrence(x, x)), jit=True)
    x = Value(0.3)
    assert fast(x).item() == pytest.approx(recurrence(0.3, 0.3) + 1.0)
    assert "by Python (numba has no odd_for_numba)" in fast.explain()


def test_the_tape_of_numba_has_the_numbers_of_every_scalar_operation():
    refused = []
    for name in OURS:
        op = REGISTRY[name]
        if op.kind != "elementwise" or op.along is None:
            continue
        try:
            sources([op])
        except LookupError:
            refused.append(name)
    assert set(refused) <= {"digamma", "erf", "erfc", "gammaln", "gelu", "ndtr", "sinc"}, "those need SciPy, or more"


def test_fill_writes_one_number_into_every_entry_of_a_piece_and_nowhere_else():
    @numba.njit
    def filled(x, i, number):
        fill(x[i], number)

    for dtype in (np.float32, np.float64, np.int64, np.bool_):
        x = np.ones((3, 2, 4), dtype)
        filled(x, 1, 0)
        assert not x[1].any()
        assert x[[0, 2]].all()
    filled(np.ones((2, 0)), 1, 0)
    with pytest.raises(numba.TypingError):
        filled(np.ones((3, 4, 2)).T, 1, 0)


def test_the_collector_waits_while_a_kernel_is_made_and_is_as_it_was_afterwards(monkeypatch):
    seen = []
    monkeypatch.setitem(sys.modules, "watching", types.SimpleNamespace(look=lambda: seen.append(gc.isenabled())))
    source = "import watching\nwatching.look()\ndef kernel():\n    return 7\n"
    assert store.compiled(source)() == 7
    assert seen == [False]
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        store.compiled(source + "1 / 0\n")
    assert gc.isenabled()
