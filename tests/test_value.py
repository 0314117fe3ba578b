"""A Value behaves like the number or the array that it holds."""

import numpy as np
import pytest

import tinygrad_edu
from tinygrad_edu import Value, array
from tinygrad_edu.errors import DTypeError, NotDifferentiableError, ShapeError


@pytest.mark.parametrize("data", [2, 2.0, True, np.float64(2.0), np.int64(2)])
def test_a_scalar_is_held_as_a_python_float(data):
    assert Value(data).data.__class__ is float


def test_integers_and_lists_become_float64_and_float32_stays():
    assert Value([1, 2]).data.dtype == np.float64
    assert Value(np.array([True])).data.dtype == np.float64
    assert Value(np.ones(2, np.float32)).data.dtype == np.float32


def test_an_array_is_copied():
    data = np.ones(2)
    value = Value(data)
    data[0] = 5.0
    assert value.data.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("data", ["text", None, 1j, np.array(["a"]), np.array([1j]), {"a": 1}, object()])
def test_what_is_no_real_number_is_refused_by_name(data):
    with pytest.raises(DTypeError, match="expected real numbers"):
        Value(data)


def test_a_list_of_values_is_refused_with_the_way_out():
    with pytest.raises(DTypeError, match=r"stack|array"):
        Value([Value(1.0), 2.0])


def test_array_joins_nested_lists_of_values_and_numbers():
    a, b = Value(2.0), Value([1.0, 2.0])
    (array([[a, 1.0], b]) * np.array([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert (a.grad, b.grad.tolist()) == (1.0, [3.0, 4.0])


def test_operators_work_both_ways_with_numbers_and_arrays():
    x = Value(np.array([1.0, 2.0]))
    other = np.array([3.0, 5.0])
    pairs = [
        (x + other, other + x, [4.0, 7.0]),
        (x - other, -(other - x), [-2.0, -3.0]),
        (x * other, other * x, [3.0, 10.0]),
        (x / other, 1 / (other / x), [1 / 3, 0.4]),
        (x**other, other ** (1 * x), None),
        (x @ other, other @ x, 13.0),
    ]
    for left, right, expected in pairs:
        assert isinstance(left, Value)
        assert isinstance(right, Value)
        if expected is not None:
            np.testing.assert_allclose(left.data, expected)
            np.testing.assert_allclose(right.data, expected)
    assert (2**x).data.tolist() == [2.0, 4.0]
    assert (np.float64(2.0) * x).data.tolist() == [2.0, 4.0]
    assert abs(-x).data.tolist() == [1.0, 2.0]


def test_float32_is_not_widened_by_python_numbers():
    x = Value(np.ones(2, np.float32))
    assert (2 * x + 1.5).dtype == np.float32


def test_comparisons_are_plain_booleans():
    x = Value(2.0)
    assert (x > 1) is True
    assert (x == Value(2.0)) is True
    assert (Value([1.0, 3.0]) < 2).tolist() == [True, False]
    assert len({x, x, Value(2.0)}) == 2  # two values are two things, whatever they hold


def test_it_converts_iterates_and_measures_like_its_data():
    x = Value([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert (x.shape, x.ndim, x.size, len(x), x.T.shape, x.mT.shape) == ((2, 3), 2, 6, 2, (3, 2), (3, 2))
    assert [row.data.tolist() for row in x] == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert (float(Value(2.5)), int(Value(2.5)), Value([2.5]).item(), bool(Value(0.0))) == (2.5, 2, 2.5, False)
    assert 5.0 in x
    assert 7.0 not in x
    for refused in (len, iter):
        with pytest.raises(TypeError, match="single number"):
            refused(Value(1.0))


def test_methods_answer_as_numpy_does():
    data = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])
    x = Value(data)
    for name in ("sum", "mean", "max", "min", "var", "std"):
        for axis in (None, 0, (0, 1), -1):
            np.testing.assert_array_equal(getattr(x, name)(axis).data, getattr(data, name)(axis=axis))
    assert x.reshape(3, 2).shape == x.reshape((3, 2)).shape == (3, 2)
    assert x.transpose(1, 0).shape == x.transpose((1, 0)).shape == x.transpose().shape == (3, 2)
    np.testing.assert_array_equal(x.clip(-1, 3).data, data.clip(-1, 3))
    np.testing.assert_array_equal(x.clip(max=0).data, data.clip(max=0))


def test_a_value_never_becomes_a_plain_array_unseen():
    x = Value([1.0, 2.0])
    for escape in (lambda: np.array(x), lambda: np.asarray(x), lambda: np.array([x[0], x[1]], dtype=float)):
        with pytest.raises(NotDifferentiableError, match="gradient would be lost"):
            escape()


def test_results_are_not_written_into_plain_arrays():
    out = np.zeros(2)
    with pytest.raises(NotDifferentiableError, match="out="):
        out += Value([1.0, 2.0])
    assert out.tolist() == [0.0, 0.0]


def test_assignment_into_a_value_says_what_to_write_instead():
    with pytest.raises(TypeError, match="where"):
        Value([1.0, 2.0])[0] = 3.0


def test_shapes_that_do_not_fit_name_the_operation_and_the_shapes():
    with pytest.raises(ShapeError, match=r"add.*\(2, 3\), \(4,\)"):
        Value(np.ones((2, 3))) + np.ones(4)
    with pytest.raises(ShapeError, match=r"did you mean x @ y\.T\?"):
        Value(np.ones((2, 3))) @ np.ones((2, 3))


def test_an_index_out_of_range_stays_an_index_error():
    with pytest.raises(IndexError, match="getitem"):
        Value([1.0])[3]


def test_the_repr_says_what_made_it():
    x = Value(2.0, name="x")
    assert repr(x) == "Value(2.0, name='x')"
    y = x * 3
    y.backward()
    assert repr(y) == "Value(6.0, op=multiply, grad=1.0)"
    assert repr(Value([1.0, 2.0])) == "Value([1., 2.])"


def test_an_index_changed_after_recording_does_not_change_the_gradient():
    x, index = Value([1.0, 2.0, 3.0]), np.array([0, 0])
    y = x[index].sum()
    index[:] = 2
    y.backward()
    assert x.grad.tolist() == [2.0, 0.0, 0.0]


def test_every_public_name_is_there_and_has_a_docstring():
    for name in tinygrad_edu.__all__:
        assert getattr(tinygrad_edu, name).__doc__, name
