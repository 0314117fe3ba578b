"""The battery: every registered operation, in every way its entry says it can be called, before every question.

No operation escapes: one without cases fails. A helper gets a `Call` and raises if its answer is wrong;
at the end faults are planted in throw-away operations, one for each helper.
"""

from typing import Any

import numpy as np
import pytest

from tests.calls import OURS, Call, call_of
from tinygrad_edu.check import Verdict, check_gradients
from tinygrad_edu.check.operations import drawn
from tinygrad_edu.errors import GradientCheckError
from tinygrad_edu.kinds import Elementwise, General, Linear, Multilinear
from tinygrad_edu.op import REGISTRY, Interval, case
from tinygrad_edu.transforms import jvp, vjp
from tinygrad_edu.value import Value


def close(a: Any, b: Any, relative: float) -> bool:
    """Whether two arrays agree, relative to the largest entry of either."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.size == 0:
        return a.shape == b.shape
    size = max(np.max(np.abs(a)), np.max(np.abs(b)))
    return bool(np.max(np.abs(a - b)) <= relative * size)


# -- the helpers: one question each


def assert_values_compute_what_arrays_do(call: Call) -> None:
    plain = call(*call.inputs)
    recorded = call(*map(Value, call.inputs)).data
    assert np.shape(plain) == np.shape(recorded)
    assert np.result_type(plain) == np.result_type(recorded)
    assert np.array_equal(plain, recorded, equal_nan=True)


def assert_gradients_are_those_of_finite_differences(call: Call) -> None:
    report = check_gradients(call, *call.inputs)
    assert report.verdict is Verdict.PASS, str(report)


def derivative(call: Call, order: int) -> Any:
    """The derivative of that order, weighed by random numbers at each stage, as a function of the inputs."""

    def once(f: Any, weights: list[Any], seed: Any) -> Any:
        def weighed(*inputs: Any) -> Any:
            _, pull = vjp(f, *inputs)
            return sum(np.sum(w * g) for w, g in zip(weights, _tuple(pull(seed)), strict=True))

        return weighed

    def f(*inputs: Any) -> Any:
        return call(*inputs)

    seed: Any = call.seed()
    for _ in range(order - 1):
        f = once(f, [call.rng.normal(size=np.shape(x)) for x in call.inputs], seed)
        seed = 1.0
    return f


def _tuple(gradients: Any) -> tuple[Any, ...]:
    return gradients if isinstance(gradients, tuple) else (gradients,)


def assert_higher_derivatives_are_those_of_finite_differences(call: Call) -> None:
    for order in range(2, call.op.order + 1):
        report = check_gradients(derivative(call, order), *call.inputs)
        assert report.verdict is Verdict.PASS, f"order {order}: {report}"


def assert_forward_mode_is_the_transpose_of_reverse_mode(call: Call) -> None:
    inputs = tuple(call.inputs)
    tangents = tuple(np.asarray(call.rng.normal(size=np.shape(x))) for x in inputs)
    seed = call.seed()
    _, pushed = jvp(call, inputs, tangents)
    _, pull = vjp(call, *inputs)
    assert np.shape(pushed) == np.shape(seed)
    terms = [seed * pushed, *(-g * t for g, t in zip(_tuple(pull(seed)), tangents, strict=True))]
    total = sum(np.sum(term) for term in terms)
    size = sum(np.sum(np.abs(term)) for term in terms)
    assert abs(total) <= 1e-12 * size, f"<u, J v> - <J^T u, v> = {total}, of terms that come to {size}"


def assert_float32_stays_float32(call: Call) -> None:
    seed = call.seed()
    wide = call.gradients(seed)
    narrow = call.with_inputs([np.asarray(x, np.float32) for x in call.inputs])
    values = [Value(x) for x in narrow.inputs]
    out = narrow(*values)
    out.backward(np.asarray(seed, out.dtype))
    for value, g in zip(values, wide, strict=True):
        assert value.grad.dtype == np.float32, f"a gradient of {value.grad.dtype} for a float32 operand"
        assert value.grad.shape == value.shape
        assert close(value.grad, g, 1e-3), f"float32 says {value.grad}, float64 {g}"


def assert_memory_layout_does_not_matter(call: Call) -> None:
    seed = call.seed()
    usual = call.gradients(seed)
    values = [Value(np.flip(x)) for x in call.inputs]
    turned = [value[(slice(None, None, -1),) * value.ndim] for value in values]
    call(*turned).backward(seed)
    for value, g in zip(values, usual, strict=True):
        assert close(np.flip(value.grad), g, 1e-12)
    values = [Value(np.asarray(x).T) for x in call.inputs]
    call(*(value.transpose() for value in values)).backward(seed)
    for value, g in zip(values, usual, strict=True):
        assert close(np.transpose(value.grad), g, 1e-12)


def assert_a_repeated_operand_collects_all_its_gradients(call: Call) -> None:
    """op(x, x): the gradient is the sum over the places where x stands."""
    first = call.varied[0]
    same = [i for i in call.varied if np.shape(call.operands[i]) == np.shape(call.operands[first])]
    if len(same) < 2 or call.op.sample is not None:
        return
    domains = [call.op.domain[0 if call.op.variadic else i] for i in same]
    common = Interval(max(d.low for d in domains), min(d.high for d in domains))
    if common.low >= common.high:
        return
    x = drawn(common, np.shape(call.operands[first]), call.rng)
    at_x = call.with_inputs([x if i in same else call.operands[i] for i in call.varied])
    seed = at_x.seed()
    expected = sum(g for i, g in zip(call.varied, at_x.gradients(seed), strict=True) if i in same)
    value = Value(x)
    at_x(*(value if i in same else call.operands[i] for i in call.varied)).backward(seed)
    assert close(value.grad, expected, 1e-12)


def assert_floats_and_0d_arrays_agree(call: Call) -> None:
    if any(np.shape(x) for x in call.inputs):
        return
    seed = call.seed()
    by_array = call.gradients(seed)
    as_floats = call.with_inputs([float(x) for x in call.inputs])
    assert close(as_floats(*as_floats.inputs), call(*call.inputs), 1e-15)
    for g, h in zip(as_floats.gradients(seed), by_array, strict=True):
        assert isinstance(g, float)
        assert close(g, h, 1e-14)


def assert_nothing_is_mutated_or_shared(call: Call) -> None:
    inputs, seed = [np.array(x) for x in call.inputs], call.seed()
    kept = seed.copy()
    values = [Value(x) for x in inputs]
    out = call(*values)
    result = np.array(out.data)
    out.backward(seed)
    assert np.array_equal(seed, kept), "the seed was changed"
    assert np.array_equal(out.grad, kept), "the gradient of the result was changed"
    assert np.array_equal(out.data, result, equal_nan=True), "the result was changed"
    assert all(np.array_equal(v.data, x) for v, x in zip(values, call.inputs, strict=True)), "an operand was changed"
    grads = [value.grad for value in values if isinstance(value.grad, np.ndarray)]
    others = [seed, out.data, out.grad, *(value.data for value in values)]
    for i, g in enumerate(grads):
        for other in [*grads[:i], *others]:
            assert not (isinstance(other, np.ndarray) and np.shares_memory(g, other)), "two arrays share memory"


def assert_linear_in_the_seed_and_repeatable(call: Call) -> None:
    u, v = call.seed(), call.seed()
    with_u, with_v = call.gradients(u), call.gradients(v)
    for g, h, both in zip(with_u, with_v, call.gradients(2 * u - 3 * v), strict=True):
        size = np.max(np.abs(g), initial=0) + np.max(np.abs(h), initial=0)
        assert np.all(np.abs(2 * g - 3 * h - both) <= 1e-12 * size), "not linear in the seed"
    assert all(not np.any(g) for g in call.gradients(np.zeros_like(u))), "a zero seed gives something"
    for g, again in zip(with_u, call.gradients(u), strict=True):
        assert np.array_equal(g, again), "two passes differ"


HELPERS = [
    assert_values_compute_what_arrays_do,
    assert_gradients_are_those_of_finite_differences,
    assert_higher_derivatives_are_those_of_finite_differences,
    assert_forward_mode_is_the_transpose_of_reverse_mode,
    assert_float32_stays_float32,
    assert_memory_layout_does_not_matter,
    assert_a_repeated_operand_collects_all_its_gradients,
    assert_floats_and_0d_arrays_agree,
    assert_nothing_is_mutated_or_shared,
    assert_linear_in_the_seed_and_repeatable,
]


@pytest.mark.parametrize("name", OURS)
def test_an_operation_says_how_it_is_called(name):
    assert REGISTRY[name].cases, f"{name} has no cases, so nothing is known about its derivative"


@pytest.mark.parametrize("helper", HELPERS, ids=lambda helper: helper.__name__.removeprefix("assert_"))
@pytest.mark.parametrize("name", [name for name in OURS if not REGISTRY[name].terminal])
def test_every_operation(name, helper):
    for way in REGISTRY[name].cases:
        call = call_of(REGISTRY[name], way)
        try:
            helper(call)
        except Exception as error:
            error.add_note(str(call))
            raise


@pytest.mark.parametrize("name", [name for name in OURS if REGISTRY[name].terminal])
def test_an_operation_without_a_derivative_is_flat_where_it_is_smooth(name):
    op = REGISTRY[name]
    for way in op.cases:
        call = call_of(op, way)

        def run(*xs, params=way.params):
            return op(list(xs), **params) if op.variadic else op(*xs, **params)

        report = check_gradients(run, *call.operands)
        assert report.verdict is Verdict.PASS, str(report)
        assert all(entry.analytic == 0.0 for entry in report.entries)


# -- the helpers, before operations with a fault


def planted(kind: Any, *args: Any, shapes: tuple[tuple[int, ...], ...] = ((3,),), **entry: Any) -> Call:
    """A call of an operation that is in no registry."""
    return call_of(kind("planted", *args, **entry), case(*shapes))


def cube(x):
    return x * x * x


def _in_place(g, out, x):
    g *= 3 * x**2
    return g


class Lying(Linear):
    """Computes one thing on arrays and another on Values."""

    def _make_apply(self):
        apply = super()._make_apply()
        return lambda x: apply(x) if isinstance(x, np.ndarray) else apply(x * 1.0000001)


_count = iter(range(1000))
FAULTS = {
    "a rule without its factor": (
        assert_gradients_are_those_of_finite_differences,
        lambda: planted(Elementwise, cube, along=(lambda t, out, x: t * x**2,)),
    ),
    "a rule off by a millionth": (
        assert_gradients_are_those_of_finite_differences,
        lambda: planted(Elementwise, cube, along=(lambda t, out, x: t * 3.000003 * x**2,)),
    ),
    "a rule with a sign too many": (
        assert_gradients_are_those_of_finite_differences,
        lambda: planted(Elementwise, np.cos, along=(lambda t, out, x: t * np.sin(x),)),
    ),
    "a rule that peeks at plain data, so its own derivative is lost": (
        assert_higher_derivatives_are_those_of_finite_differences,
        lambda: planted(Elementwise, cube, along=(lambda t, out, x: t * 3 * np.square(getattr(x, "data", x)),)),
    ),
    "an adjoint that is not the transpose": (
        assert_forward_mode_is_the_transpose_of_reverse_mode,
        lambda: planted(Linear, lambda x: x[::-1] * np.arange(3.0), (lambda g, x: g * np.arange(3.0),)),
    ),
    "a forward rule that disagrees": (
        assert_forward_mode_is_the_transpose_of_reverse_mode,
        lambda: planted(
            General, lambda x: np.sum(x), pull=(lambda g, out, x: g + 0 * x,), push=(lambda t, out, x: 2 * np.sum(t),)
        ),
    ),
    "a rule that is rough in float32": (
        assert_float32_stays_float32,
        lambda: planted(
            Elementwise, cube, along=(lambda t, out, x: t * 3 * x**2 * (1 + 0.01 * (np.result_type(x) == np.float32)),)
        ),
    ),
    "a result that depends on the memory layout": (
        assert_memory_layout_does_not_matter,
        lambda: planted(
            Elementwise, cube, along=(lambda t, out, x: t * 3 * x**2 * (1 + (np.asarray(x).strides[0] < 0)),)
        ),
    ),
    "a scalar path with another derivative": (
        assert_floats_and_0d_arrays_agree,
        lambda: planted(Elementwise, cube, along=(lambda t, out, x: t * (3 + isinstance(x, float)),), shapes=((),)),
    ),
    "a scalar path with another result": (
        assert_floats_and_0d_arrays_agree,
        lambda: planted(Elementwise, cube, scalar=lambda x: x, along=(lambda t, out, x: t * 3 * x**2,), shapes=((),)),
    ),
    "a rule that writes into the incoming gradient": (
        assert_nothing_is_mutated_or_shared,
        lambda: planted(General, cube, pull=(_in_place,), push=(None,)),
    ),
    "a rule that writes into its operand": (
        assert_nothing_is_mutated_or_shared,
        lambda: planted(General, cube, pull=(lambda g, out, x: np.multiply(3 * g, x, out=x),), push=(None,)),
    ),
    "a rule that is not linear in the gradient": (
        assert_linear_in_the_seed_and_repeatable,
        lambda: planted(Elementwise, cube, along=(lambda t, out, x: t * t * x,)),
    ),
    "a rule with a constant": (
        assert_linear_in_the_seed_and_repeatable,
        lambda: planted(Elementwise, cube, along=(lambda t, out, x: t * x + 1e-3,)),
    ),
    "a rule that differs from pass to pass": (
        assert_linear_in_the_seed_and_repeatable,
        lambda: planted(Elementwise, cube, along=(lambda t, out, x: t * x * (1 + 1e-15 * next(_count)),)),
    ),
    "a repeated operand that counts once": (
        assert_a_repeated_operand_collects_all_its_gradients,
        lambda: planted(
            Multilinear,
            np.multiply,
            (lambda g, x, y: g * y, lambda g, x, y: g * x * (x is not y)),
            shapes=((3,), (3,)),
        ),
    ),
    "a result that differs on Values": (
        assert_values_compute_what_arrays_do,
        lambda: planted(Lying, np.positive, (lambda g, x: g,)),
    ),
}


def test_every_helper_has_a_fault_to_catch():
    assert {helper for helper, _ in FAULTS.values()} == set(HELPERS)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault):
    helper, make = FAULTS[fault]
    with pytest.raises((AssertionError, GradientCheckError)):
        helper(make())
