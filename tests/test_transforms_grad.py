"""grad, value_and_grad, elementwise_grad: what they take, what they give back, what they refuse."""

import dataclasses
import gc
from typing import NamedTuple

import numpy as np
import pytest

from tinygrad_edu import Value, no_grad, stop_gradient
from tinygrad_edu.errors import ArgumentError, DTypeError, IndependentResultWarning, NotDifferentiableError, ShapeError
from tinygrad_edu.transforms import checkpoint, elementwise_grad, grad, hessian, jvp, value_and_grad, vjp


@dataclasses.dataclass(frozen=True, slots=True)
class Affine:
    w: np.ndarray
    b: float
    activation: str = "tanh"


class Pair(NamedTuple):
    left: float
    right: float


def test_grad_of_plain_numpy_code_is_plain():
    slope = grad(lambda x: np.sum(np.exp(x) * np.sin(x)))(np.array([0.0, 1.0]))
    assert type(slope) is np.ndarray
    np.testing.assert_allclose(slope, [1.0, np.e * (np.sin(1.0) + np.cos(1.0))], rtol=1e-15)
    assert type(grad(np.cos)(1.0)) is float


def test_value_and_grad_gives_both_in_one_call_of_the_function():
    calls = []

    def f(x):
        calls.append(1)
        return x * x

    assert value_and_grad(f)(3.0) == (9.0, 6.0)
    assert len(calls) == 1


def test_a_number_float32_and_a_0d_array_keep_their_types():
    cube = grad(lambda x: x**3)
    assert type(cube(2.0)) is float
    assert cube(np.float32(2.0)).dtype == np.float32
    assert cube(np.array([2.0], dtype=np.float32)).dtype == np.float32
    assert cube(np.array(2.0)) == 12.0


def test_a_gradient_shares_memory_with_nothing():
    x = np.array([1.0, 2.0])
    first, second = grad(lambda a, b: (a + b).sum(), argnum=(0, 1))(x, x)
    assert not np.shares_memory(first, second)
    first[0] = 99.0
    assert second[0] == 1.0
    assert x.tolist() == [1.0, 2.0]


# -- which argument


def test_argnum_is_a_position_a_name_or_a_tuple_of_them():
    def f(x, y, scale=1.0):
        return scale * x**2 * y

    assert grad(f)(3.0, 5.0) == 30.0
    assert grad(f, argnum=1)(3.0, 5.0) == 9.0
    assert grad(f, argnum=-1)(3.0, 5.0) == 9.0
    assert grad(f, argnum="y")(3.0, 5.0) == 9.0
    assert grad(f, argnum="y")(3.0, y=5.0) == 9.0
    assert grad(f, argnum=(1, "scale"))(3.0, 5.0, scale=2.0) == (18.0, 45.0)
    assert grad(f, argnum=(0,))(3.0, 5.0) == (30.0,)


@pytest.mark.parametrize(
    ("argnum", "words"),
    [(2, "2 positional"), ("z", "without an argument of that name"), (1.0, "a position, a parameter"), ((), "empty")],
)
def test_an_argument_that_is_not_there_is_an_error(argnum, words):
    with pytest.raises(ArgumentError, match=words):
        grad(lambda x, y: x * y, argnum=argnum)(1.0, 2.0)


def test_grad_of_something_that_is_not_a_function_is_an_error():
    with pytest.raises(TypeError, match=r"write grad\(f\)\(x\)"):
        grad(3.0)


# -- containers


def test_containers_come_back_built_as_they_were():
    def f(params):
        layers, extra = params["layers"], params["extra"]
        return sum(np.sum(w * w) * b for w, b in layers) + extra.left * extra.right

    params = {"layers": [(np.ones(2), 3.0), (np.full((1, 2), 2.0), 4.0)], "extra": Pair(5.0, 6.0)}
    g = grad(f)(params)
    assert list(g) == ["layers", "extra"]
    assert type(g["extra"]) is Pair
    assert g["extra"] == Pair(6.0, 5.0)
    np.testing.assert_array_equal(g["layers"][0][0], [6.0, 6.0])
    np.testing.assert_array_equal(g["layers"][1][0], [[16.0, 16.0]])
    assert (g["layers"][0][1], g["layers"][1][1]) == (2.0, 8.0)


def test_a_frozen_dataclass_with_text_in_it_is_a_container():
    def f(layer, x):
        return np.sum(getattr(np, layer.activation)(layer.w * x + layer.b))

    g = grad(f)(Affine(np.array([0.0, 0.0]), 0.0), 2.0)
    assert type(g) is Affine
    np.testing.assert_array_equal(g.w, [2.0, 2.0])
    assert (g.b, g.activation) == (2.0, None)


def test_arguments_that_are_not_chosen_pass_through_untouched():
    flags = {"n": 3, "name": "cubic", "mask": np.array([1, 0])}
    seen = []

    def f(x, config):
        seen.append(config)
        return np.sum(x ** config["n"] * config["mask"])

    np.testing.assert_array_equal(grad(f)(np.array([1.0, 2.0]), flags), [3.0, 0.0])
    assert seen[0] is flags


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (3, r"x is the integer 3.*write 3\.0"),
        (np.array([1, 2]), r"x is an array of int64.*astype\(float\)"),
        ({"w": 1.0, "n": 2}, r"x\['n'\] is the integer 2"),
        (1j, "x is a complex number"),
        (np.array([1j]), "x is an array of complex128"),
        ("text", "x holds nothing to differentiate by"),
        ([], "x holds nothing to differentiate by"),
        (None, "x holds nothing"),
    ],
)
def test_what_is_not_a_real_number_is_an_error_that_names_it(x, words):
    with pytest.raises(DTypeError, match=words):
        grad(lambda x: 1.0)(x)


# -- what the function returns


def test_a_result_that_is_not_a_number_is_an_error():
    with pytest.raises(ShapeError, match=r"shape \(2,\).*jacobian"):
        grad(lambda x: x * 2)(np.ones(2))
    with pytest.raises(ShapeError, match="has_aux=True"):
        grad(lambda x: (x, 1.0))(1.0)
    with pytest.raises(DTypeError, match="is a return missing"):
        grad(lambda x: None)(1.0)


def test_has_aux_returns_what_else_the_function_found():
    def f(x):
        hidden = x * 2
        return (hidden**2).sum(), {"hidden": hidden, "note": "ok"}

    x = np.array([1.0, 2.0])
    g, aux = grad(f, has_aux=True)(x)
    np.testing.assert_array_equal(g, 8 * x)
    assert type(aux["hidden"]) is np.ndarray
    assert aux["note"] == "ok"
    (value, _), again = value_and_grad(f, has_aux=True)(x)
    assert value == 20.0
    np.testing.assert_array_equal(again, g)
    with pytest.raises(ArgumentError, match="must return"):
        grad(lambda x: x, has_aux=True)(1.0)


@pytest.mark.parametrize(
    "f", [lambda x, y: x * 2, lambda x, y: x * stop_gradient(y), lambda x, y: x * y.data, lambda x, y: x * np.sign(y)]
)
def test_a_result_that_does_not_depend_on_an_argument_warns_and_names_it(f):
    with pytest.warns(IndependentResultWarning, match="does not depend on y") as caught:
        assert grad(f, argnum=(0, 1))(3.0, 2.0)[1] == 0.0
    assert caught[0].filename == __file__


def test_a_constant_result_has_a_zero_gradient_of_the_right_shape():
    with pytest.warns(IndependentResultWarning, match="x"):
        np.testing.assert_array_equal(grad(lambda x: 3.0)(np.ones((2, 3))), np.zeros((2, 3)))


def test_the_second_derivative_of_a_straight_line_is_zero_without_a_warning():
    assert grad(grad(lambda x: 3.0 * x))(1.0) == 0.0
    np.testing.assert_array_equal(hessian(lambda x: x.sum())(np.ones(2)), np.zeros((2, 2)))


# -- leaving the graph


@pytest.mark.parametrize(
    "escape",
    [
        lambda v: float(v[0]),
        lambda v: int(v[0]) * 1.0,
        lambda v: v[0].item(),
        lambda v: np.sum(v.numpy()),
        lambda v: np.sum(np.asarray(v)),
        lambda v: np.sum(np.array([v[0], v[1]])),
        lambda v: sum([float(item) for item in v]),
    ],
)
def test_a_value_that_would_lose_its_gradient_raises_inside_a_transform(escape):
    with pytest.raises(NotDifferentiableError, match="gradient"):
        grad(escape)(np.array([1.0, 2.0]))


def test_writing_a_value_into_a_plain_array_raises_inside_a_transform():
    def f(x):
        out = np.zeros(2)
        out[0] = x[0]
        return out.sum()

    with pytest.raises(ValueError, match="sequence") as caught:  # NumPy's own words, with ours as the cause
        grad(f)(np.array([1.0, 2.0]))
    assert isinstance(caught.value.__cause__, NotDifferentiableError)


def test_outside_a_transform_a_value_gives_its_number():
    v = Value(2.5)
    assert (float(v), int(v), v.item(), v.numpy()[()]) == (2.5, 2, 2.5, 2.5)


def test_values_that_no_transform_follows_give_their_number_inside_one_too():
    w = Value(4.0)

    def f(x):
        return x * float(w) + float(stop_gradient(x)) + float(no_grad()(lambda: x * 2)()) + int(np.sign(x))

    assert float(grad(f)(1.0)) == 4.0


def test_the_outer_input_must_not_leave_inside_an_inner_transform_either():
    with pytest.raises(NotDifferentiableError):
        grad(lambda x: grad(lambda y: y * float(x))(1.0))(2.0)


def test_no_transform_needs_the_cyclic_collector():
    def f(x):
        return np.sum(np.tanh(x) ** 2)

    x = np.ones(2)
    gc.collect()
    gc.disable()
    try:
        before = sum(issubclass(type(item), Value) for item in gc.get_objects())
        for run in (grad(f), hessian(f), grad(checkpoint(f)), lambda x: jvp(f, x, x), lambda x: vjp(f, x)[1](1.0)):
            run(x)
        assert sum(issubclass(type(item), Value) for item in gc.get_objects()) == before
    finally:
        gc.enable()


# -- Values, closures, modes


def test_values_in_give_values_out_that_can_be_differentiated_further():
    x = Value(2.0)
    slope = grad(lambda v: v**3)(x)
    assert isinstance(slope, Value)
    assert slope.data == 12.0
    (slope * slope).backward()
    assert x.grad == 2 * 12.0 * 12.0


def test_values_of_outside_are_constants_that_the_result_still_knows():
    w = Value(3.0)
    slope = grad(lambda x: (w * x) ** 2)(2.0)
    assert slope.data == 36.0
    slope.backward()
    assert w.grad == 4 * 3.0 * 2.0


def test_under_no_grad_results_are_plain_and_right():
    w, x = Value(3.0), Value(2.0)
    with no_grad():
        value, slope = value_and_grad(lambda v: (w * v) ** 2)(x)
    assert (value, slope) == (36.0, 36.0)
    assert type(slope) is float


def test_nobodys_grad_changes():
    x, w = Value([1.0, 2.0]), Value([3.0, 4.0])
    hidden = w * 2
    grad(lambda v: (v * hidden).sum())(x)
    jvp(lambda v: v * hidden, x, np.ones(2))
    assert x.grad is None
    assert w.grad is None
    assert hidden.grad is None


def test_the_same_value_given_twice_is_two_arguments():
    x = Value(2.0)
    a, b = grad(lambda p, q: p**2 * q, argnum=(0, 1))(x, x)
    assert (a.data, b.data) == (8.0, 4.0)


def test_grad_decorates_and_keeps_name_and_signature():
    @grad
    def energy(position, mass):
        return 0.5 * mass * position**2

    assert energy.__name__ == "grad(energy)"
    assert energy(2.0, mass=3.0) == 6.0
    assert grad(energy, argnum="mass")(2.0, 3.0) == 2.0


# -- entry by entry


def test_elementwise_grad_agrees_with_the_derivative():
    x = np.linspace(-2.0, 2.0, 7).reshape(7, 1)
    np.testing.assert_allclose(elementwise_grad(np.tanh)(x), 1 - np.tanh(x) ** 2, rtol=1e-15)
    np.testing.assert_allclose(elementwise_grad(elementwise_grad(lambda x: x**3))(x), 6 * x, rtol=1e-15)


def test_elementwise_grad_of_a_function_that_changes_the_shape_is_an_error():
    with pytest.raises(ShapeError, match="must be equal"):
        elementwise_grad(lambda x: x.sum())(np.ones(3))


def test_an_argument_named_twice_is_refused():
    with pytest.raises(ValueError, match="names the argument 'a' twice"):
        grad(lambda a, b: a * b, (0, "a"))(2.0, 3.0)
