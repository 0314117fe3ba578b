"""A Value's methods and operators are those of an array, and every one that has a derivative is differentiated."""

import math

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError

X = np.array([[0.3, 1.7, 0.9], [1.2, 0.6, 2.4]])

METHODS = [
    "x.sum()", "x.sum(0)", "x.sum(axis=(0, 1), keepdims=True)", "x.prod(1)", "x.mean(0)", "x.max(1)", "x.min()",
    "x.var(ddof=1)", "x.std(0)", "x.cumsum(1)", "x.cumprod(0)", "x.ravel()", "x.flatten('F')", "x.reshape(3, 2)",
    "x.reshape((3, -1))", "x.reshape(-1, order='F')", "x.transpose()", "x.transpose(1, 0)", "x.transpose((1, 0))",
    "x.T", "x.swapaxes(0, 1)", "x.take([2, 0], 1)", "x.take([5, 0])", "x.repeat(2, 0)", "x.diagonal(1)", "x.trace()",
    "x.round(1)", "x.clip(0.5, 1.5)", "x.clip(max=1.0)", "x.compress([False, True], 0)", "x.dot(x.T)", "x.copy()",
    "x.astype(np.float32)", "x.conj()", "x.squeeze()", "x.argmax()", "x.argmax(axis=1, keepdims=True)", "x.argmin(0)",
    "x.argsort(1)", "x.any(0)", "x.all()", "x + 1", "1 - x", "x * x", "2 / x", "x // 0.7", "5 // x", "x % 0.7", "5 % x",
    "x**2", "2**x", "x @ x.T", "x.T @ np.ones(2)", "np.ones((1, 2)) @ x", "-x", "+x", "abs(x)", "divmod(x, 0.7)[1]",
    "x > 1", "1 >= x", "x == x", "x != 0.3",
]  # fmt: skip


@pytest.mark.parametrize("expression", METHODS)
def test_a_method_answers_as_an_arrays_does(expression):
    expected = eval(expression, {"np": np}, {"x": X})
    found = eval(expression, {"np": np}, {"x": Value(X)})
    data = found.data if isinstance(found, Value) else found
    np.testing.assert_allclose(data, expected, rtol=1e-15)
    assert np.result_type(data) == np.result_type(expected)
    assert isinstance(found, Value) == (np.result_type(expected).kind == "f")


def test_sorting_in_place_is_refused_with_the_way_out():
    with pytest.raises(TypeError, match=r"np\.sort\(value\)"):
        Value([3.0, 1.0, 2.0]).sort()


def test_numbers_round_as_numbers_do():
    x = Value(2.7)
    assert [float(f(x).data) for f in (round, math.floor, math.ceil, math.trunc)] == [3.0, 2.0, 3.0, 2.0]
    assert isinstance(math.floor(x), Value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: np.reshape(x, 6, order="A"), "order must be 'C' or 'F'"),
        (lambda x: np.reshape(x, 6, copy=False), "copy=False"),
        (lambda x: np.nan_to_num(x, copy=False), "copy=False"),
        (lambda x: np.max(x, where=X > 1), "initial="),
        (lambda x: np.var(x, ddof=1, correction=1), "two names for one number"),
        (lambda x: np.average(x, 1, weights=[1.0, 2.0]), r"weights of shape \(2,\)"),
        (lambda x: np.pad(x, 1, "empty"), "mode must be one of constant"),
        (lambda x: np.pad(x, 1, "edge", stat_length=2), "no parameter 'stat_length'"),
        (lambda x: np.pad(x, -1), "not negative"),
        (lambda x: np.split(x, 2, axis=1), "equal division"),
        (lambda x: np.diff(x, -1), "n of 0 or more"),
        (lambda x: np.gradient(x, 1.0, 2.0, 3.0), "one spacing, or 2"),
        (lambda x: np.gradient(x[:1], axis=0), "1 entries"),
        (lambda x: np.interp(1.0, x, x), "two vectors of one length"),
        (lambda x: np.select([X > 1, X > 2], [x]), "as many conditions as choices"),
        (lambda x: np.where(X > 1, x), "got 2 argument"),
        (lambda x: np.piecewise(x, [X > 1], [1.0, 2.0, 3.0]), "expected 1 or 2 functions"),
        (lambda x: np.quantile(x[:0], 0.5), "no entries"),
        (lambda x: np.quantile(X, x), "q has no derivative"),
        (lambda x: np.rot90(x, axes=(0, 0)), "two different axes"),
        (lambda x: np.meshgrid(x[0], indexing="yx"), "'xy' or 'ij'"),
        (lambda x: np.cumulative_sum(x), "which axis"),
        (lambda x: np.diag(np.stack([x, x])), "use diagonal"),
        (lambda x: np.moveaxis(x, 0, (0, 1)), "same number of elements"),
        (lambda x: np.concatenate([x, x[0]]), r"concatenate.*\(2, 3\), \(3,\)"),
        (lambda x: np.reshape(x, 7), r"reshape.*\(2, 3\).*cannot reshape"),
    ],
)
def test_a_wrong_argument_is_answered_with_what_was_expected(call, words):
    with pytest.raises(ValueError, match=words):
        call(Value(X))


def test_errors_of_ours_are_arguments_errors():
    assert issubclass(ArgumentError, ValueError)
