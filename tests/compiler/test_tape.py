"""The tape: scalar programs that cannot be lifted."""

from typing import Any

import numpy as np
import pytest

import tinygrad_edu
from tinygrad_edu.compiler.compiled import compile
from tinygrad_edu.compiler.explain import bytes_text
from tinygrad_edu.compiler.record import record_call
from tinygrad_edu.compiler.tape import SHORT, Tape, fits
from tinygrad_edu.errors import CompileError
from tinygrad_edu.value import Value


def taped(f: Any) -> tuple[Tape, list[Any]]:
    recording = record_call(f, lambda trace: ((), {}), differentiate=False)
    return Tape(recording.program), recording.sources


def test_a_recurrence_gives_the_same_number_and_gradients():
    x, w = Value(0.3), Value(1.2)

    def f() -> Any:
        y = x
        for _ in range(50):
            y = np.tanh(w * y + x) - 0.1 / (2.0 + y**2)
        return y

    tape, sources = taped(f)
    out = f()
    out.backward()
    assert tape.forward([source.data for source in sources]) == out.data
    assert tape.backward() == pytest.approx([source.grad for source in sources], rel=1e-13)


def test_new_inputs_and_another_seed_are_followed():
    x = Value(2.0)
    tape, _ = taped(lambda: x * x * x)
    assert tape.forward([3.0]) == 27.0
    assert tape.backward(2.0) == [54.0]


def test_where_python_would_raise_the_tape_says_what_numpy_says():
    x = Value(1.0)
    tape, _ = taped(lambda: 1.0 / x + np.exp(x))
    with np.errstate(all="ignore"):
        assert tape.forward([0.0]) == np.inf
        assert np.isneginf(tape.backward()[0])
        assert tape.forward([1000.0]) == np.inf


@pytest.mark.parametrize("function", [np.tanh, np.log, np.arcsin, np.sqrt, tinygrad_edu.relu])
@pytest.mark.parametrize("odd", [0.25, 0.0, -0.5, 2.0])
def test_a_run_of_one_operation_has_the_gradients_of_each_step_also_where_python_would_raise(function, odd):
    numbers = [0.1 + 0.05 * k for k in range(SHORT + 2)]
    xs = [Value(number) for number in numbers]

    def f() -> Any:
        total: Any = xs[0] * 1.0
        for k, one in enumerate([function(x * 1.0) for x in xs]):
            total = total + (k + 1.0) * one
        return total

    tape, sources = taped(f)
    assert any(piece.one is not None and piece.read_a is not None for piece in tape._pieces)
    xs[3].data = odd
    with np.errstate(all="ignore"):
        out = f()
        out.backward()
        found = tape.forward([source.data for source in sources])
        np.testing.assert_array_equal(found, out.data)
        np.testing.assert_allclose(tape.backward(), [source.grad for source in sources], rtol=1e-13)


def test_a_program_with_arrays_is_refused():
    x = Value(np.ones(3))
    recording = record_call(lambda: (x * x).sum(), lambda trace: ((), {}), differentiate=False)
    assert not fits(recording.program)
    with pytest.raises(CompileError, match="scalar programs"):
        Tape(recording.program)


def test_compile_runs_a_long_recurrence_as_a_tape():
    x, w = Value(0.3), Value(1.2)

    def f(start: Any) -> Any:
        y = start
        for _ in range(400):
            y = np.tanh(w * y + x) - 0.1 * y
        return y

    fast = compile(f)
    for start in (0.5, -0.2, 0.5):
        x.zero_grad()
        w.zero_grad()
        out = fast(start)
        out.backward()
        found = x.grad, w.grad
        x.zero_grad()
        w.zero_grad()
        expected = f(start)
        expected.backward()
        assert out.data == expected.data
        assert found == pytest.approx((x.grad, w.grad), rel=1e-13)
    text = fast.explain()
    assert "a tape of 2,000 operations" in text
    (plan,) = next(iter(fast.plans.values()))
    tape = plan.runner().tape
    assert f"memory: {bytes_text(16 * (tape.first + 2000))} in buffers" in text
