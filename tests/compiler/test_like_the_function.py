"""A compiled function behaves as the function: what it raises, changes in place, and decides by its arguments."""

import json
import math
import statistics
import types

import numpy as np
import pytest

import tinygrad_edu
from tinygrad_edu import Value, no_grad
from tinygrad_edu.errors import CompileError

X = np.array([1.0, 2.0])


class OwnError(Exception):
    pass


def raising(error):
    def f(x):
        if x.shape == (2,):
            raise error
        return x * 2.0

    return f


SPACE = {}  # pytest writes assertions of a test file anew, and they would see all of pytest, which a plan would watch
exec("def asserts(x):\n    assert x.shape == (3,), 'three numbers'\n    return x * 2.0", SPACE)


@pytest.mark.parametrize(
    ("f", "kind"),
    [
        (raising(ValueError("no")), ValueError),
        (raising(TypeError("no")), TypeError),
        (raising(KeyError("no")), KeyError),
        (raising(OwnError("no")), OwnError),
        (SPACE["asserts"], AssertionError),
        (lambda x: x * {"a": 1.0}["b"], KeyError),
        (lambda x: x * [1.0, 2.0][2], IndexError),
        (lambda x: x * (1 / 0), ZeroDivisionError),
        (lambda x: x * types.SimpleNamespace(a=1.0).b, AttributeError),
    ],
)
def test_what_the_function_raises_by_itself_comes_as_it_is(f, kind):
    with pytest.raises(kind) as eager:
        f(Value(X))
    with pytest.raises(kind) as compiled:
        tinygrad_edu.compile(f)(Value(X))
    assert type(compiled.value) is type(eager.value)
    assert str(compiled.value) == str(eager.value)
    assert "recorded" in compiled.value.__notes__[0]
    assert compiled.value.__context__ is eager.value.__context__


def checks_for_an_array(x):
    return json.dumps(x.tolist()) and x


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * float(x[0]),
        lambda x: x[: range(x[0])[-1]],
        lambda x: x * {1.0: 2.0}[x[0]],
        lambda x: x * statistics.mean(x),
        lambda x: math.sqrt(x[0]) * x,
        lambda x: x * "text"[x[0]],
        lambda x: x.nbytes * x,
        checks_for_an_array,
    ],
)
def test_what_fails_because_a_traced_value_is_no_number_is_a_compile_error(f):
    with pytest.raises(CompileError, match=r"test_like_the_function\.py:\d+"):
        tinygrad_edu.compile(f)(np.array([1.0, 2.0]))


def test_a_truth_of_numpy_among_the_arguments_decides_as_one_of_python_does():
    fast = tinygrad_edu.compile(lambda x, flag, kind="a": np.where(flag, x, -x) if not flag or kind == "b" else x * 2.0)
    for flag in (np.bool_(True), np.bool_(False), True, np.bool_(True), False):
        for kind in (np.str_("a"), "b", np.str_("b")):
            np.testing.assert_array_equal(fast(Value(X), flag, kind).data, fast.f(Value(X), flag, kind).data)
            np.testing.assert_array_equal(fast(X, flag, kind=kind).data, fast.f(X, flag, kind=kind))


def changes_the_argument(x):
    x += 1.0
    return x * W


def changes_it_under_another_name(x):
    y = x
    y *= 2.0
    return x * W


def changes_what_another_name_has(x):
    z = x * 2.0
    y = z
    z -= 1.0
    return y * W


def changes_a_row(x):
    z = x[None] * 2.0
    row = z[0]
    row /= 5.0
    return z * W


def gives_back_the_other_name(x):
    z = x + 1.0
    y = z
    z **= 2.0
    return y


W = Value([2.0, 3.0])
ALIASED = [
    changes_the_argument, changes_it_under_another_name, changes_what_another_name_has, changes_a_row,
    gives_back_the_other_name,
]  # fmt: skip


@pytest.mark.parametrize("f", ALIASED)
def test_an_array_changed_in_place_that_somebody_else_sees_is_refused(f):
    with pytest.raises(CompileError, match=r"test_like_the_function\.py:\d+: this .* in place"):
        tinygrad_edu.compile(f)(X.copy())


@pytest.mark.parametrize("f", ALIASED)
def test_of_a_value_such_a_change_makes_a_new_one_as_ever(f):
    fast = tinygrad_edu.compile(f)
    for x in (X, 3.0 * X):
        np.testing.assert_array_equal(fast(Value(x)).data, f(Value(x)).data)
    with no_grad():
        v = Value(X) * 1.0
        np.testing.assert_array_equal(fast(v).data, f(v).data)


def changes_its_own(x):
    z = x * 2.0
    before = z * W
    z += 1.0
    z *= 3.0
    return before + z * W


def keeps_its_type(x):
    z = x.astype(np.float32)
    z += np.array([0.1, 0.2])
    return z


@pytest.mark.parametrize("f", [changes_its_own, keeps_its_type])
def test_an_array_of_its_own_may_change_in_place(f):
    fast = tinygrad_edu.compile(f)
    for x in (X, 3.0 * X):
        found, expected = fast(x).data, f(x)
        expected = getattr(expected, "data", expected) if isinstance(expected, Value) else expected
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


@pytest.mark.parametrize(("other", "kind"), [(np.ones((2, 2)), ValueError), (np.ones(2) * 1j, TypeError)])
def test_what_does_not_fit_in_place_is_an_error_as_in_the_function(other, kind):
    def f(x):
        z = x * 2.0
        z += other
        return z

    for g in (f, tinygrad_edu.compile(f)):
        with pytest.raises(kind):
            g(X.copy())


class Scaled:
    def __init__(self, scale):
        self.scale = scale
        self.w = Value([1.0, -1.0])

    @tinygrad_edu.compile
    def of(self, x):
        return (x * self.w * self.scale).sum()


def test_a_method_is_compiled_where_it_stands_in_the_class():
    one, other = Scaled(2.0), Scaled(3.0)
    for _ in range(3):
        for thing in (one, other):
            assert thing.of(X).item() == np.sum(X * thing.w.data * thing.scale)
            thing.scale += 1.0
    loss = one.of(X)
    loss.backward()
    np.testing.assert_array_equal(one.w.grad, X * one.scale)
    assert other.w.grad is None
    assert Scaled.of(one, X).item() == one.of(X).item()


def test_whole_numbers_times_a_truth_stay_whole():
    fast = tinygrad_edu.compile(lambda n: (n * True, n + False))
    for found, expected in zip(fast(np.arange(3)), fast.f(np.arange(3)), strict=True):
        np.testing.assert_array_equal(found.data, expected)
        assert found.data.dtype == expected.dtype


def test_a_sum_over_an_axis_of_a_single_number():
    fast = tinygrad_edu.compile(lambda x: np.sum(x * 2.0, axis=-1) + np.sum(x, axis=0))
    assert fast(np.array(3.0)).item() == 9.0


@pytest.mark.parametrize("jit", [False, None])
def test_a_parameter_of_no_axes_may_become_a_number_of_numpy(jit):
    w = Value(np.array(2.0))
    fast = tinygrad_edu.compile(lambda x: x * w, jit=jit)
    for call in range(8):
        w.data = w.data * 1.5 if call % 2 else np.array(float(call))
        np.testing.assert_array_equal(fast(X).data, X * w.data)


@pytest.mark.parametrize("draws", [lambda rng: rng.normal(), lambda _: np.random.rand()])
def test_a_refused_recording_leaves_random_generators_as_they_were(draws):
    rng = np.random.default_rng(0)

    def f(x):
        return x * draws(rng)

    before = rng.bit_generator.state, np.random.get_state()[2]
    with pytest.raises(CompileError, match="random generator"):
        tinygrad_edu.compile(f)(X)
    assert (rng.bit_generator.state, np.random.get_state()[2]) == before


def test_a_seed_that_keeps_half_precision_from_underflow_comes_before_the_rules():
    w = Value(np.array([1.0, 2.0], np.float16))
    small = np.array([1e-4, 2e-4], np.float16)
    fast = tinygrad_edu.compile(lambda x: ((w * x) * x).sum())
    for f in (fast.f, fast, fast):
        w.grad = None
        f(small).backward(np.float16(4096.0))
        np.testing.assert_allclose(w.grad, 4096.0 * small.astype(np.float64) ** 2, rtol=2e-3)
        assert w.grad.dtype == np.float16
