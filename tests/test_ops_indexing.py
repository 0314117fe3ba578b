"""Reading, setting and adding by any index that NumPy knows; repeated entries collect every gradient."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_edu import Value, vjp
from tinygrad_edu.errors import NotDifferentiableError
from tinygrad_edu.ops import indexing
from tinygrad_edu.ops.indexing import at_add, at_set, getitem, scatter

shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)


@st.composite
def shape_and_index(draw):
    shape = draw(shapes)
    kind = draw(st.sampled_from(["basic", "integers", "mask", "mixed"]))
    if kind == "basic":
        return shape, draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    if kind == "integers":
        return shape, draw(hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2, max_side=3)))
    if kind == "mask":
        return shape, draw(hnp.arrays(bool, shape[: draw(st.integers(1, len(shape)))]))
    rows = draw(hnp.arrays(np.intp, draw(st.integers(0, 5)), elements=st.integers(-shape[0], shape[0] - 1)))
    return shape, (rows, *[draw(st.sampled_from([slice(None), slice(None, None, -1), 0])) for _ in shape[1:]])


@settings(max_examples=150, deadline=None)
@given(shape_and_index())
def test_reading_by_any_index_sums_the_gradients_of_repeated_entries(drawn):
    shape, index = drawn
    x = Value(np.arange(1.0, 1 + np.prod(shape)).reshape(shape))
    part = x[index]
    np.testing.assert_array_equal(part.data, x.data[index])
    weights = np.arange(1.0, 1 + part.size).reshape(part.shape)
    (part * weights).sum().backward()
    expected = np.zeros(shape)
    np.add.at(expected, index, weights)
    np.testing.assert_array_equal(x.grad, expected)


@settings(max_examples=100, deadline=None)
@given(shape_and_index(), st.booleans())
def test_setting_by_any_index_is_assignment_and_splits_the_gradient(drawn, single):
    shape, index = drawn
    x = Value(np.zeros(shape))
    size = np.zeros(shape)[index].shape
    value = Value(5.0) if single else Value(np.arange(1.0, 1 + np.prod(size)).reshape(size))
    result = at_set(x, index, value)
    expected = np.zeros(shape)
    expected[index] = value.data
    np.testing.assert_array_equal(result.data, expected)
    weights = np.arange(1.0, 1 + x.size).reshape(shape)
    (result * weights).sum().backward()
    kept = np.ones(shape)
    kept[index] = 0.0
    np.testing.assert_array_equal(x.grad, kept * weights)
    assert np.sum(value.grad) == pytest.approx(np.sum(weights * (1 - kept)))  # each entry set counts once
    assert x.data.sum() == 0.0


@settings(max_examples=100, deadline=None)
@given(shape_and_index(), st.sampled_from([np.float64, np.float32]))
def test_adding_by_any_index_adds_repeats_and_hands_each_its_gradient(drawn, dtype):
    shape, index = drawn
    size = np.zeros(shape)[index].shape
    x, value = Value(np.zeros(shape, dtype)), Value(np.ones(size, dtype))
    result = at_add(x, index, value)
    expected = np.zeros(shape, dtype)
    np.add.at(expected, index, 1)
    np.testing.assert_array_equal(result.data, expected)
    assert result.dtype == dtype
    weights = np.arange(1.0, 1 + x.size).reshape(shape).astype(dtype)
    (result * weights).sum().backward()
    np.testing.assert_array_equal(x.grad, weights)
    np.testing.assert_array_equal(value.grad, weights[index])


@pytest.mark.parametrize("rows", [5, 500])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_embedding_scatters_rows_as_add_at_does(rows, dtype, rng):
    index = rng.integers(-rows, rows, size=(4, 7))
    g = rng.normal(size=(4, 7, 3)).astype(dtype)
    expected = np.zeros((rows, 3), dtype)
    np.add.at(expected, index, g)
    found = scatter(g, index=index, shape=(rows, 3))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_an_index_changed_afterwards_changes_nothing():
    x, rows = Value([1.0, 2.0, 3.0]), np.array([0, 0])
    y = x[rows]
    rows[:] = 2
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 0.0]


def test_an_empty_list_reads_nothing():
    assert Value([1.0, 2.0])[[]].shape == (0,)


@pytest.mark.parametrize(
    ("index", "error", "words"),
    [
        (5, IndexError, r"getitem.*\(3,\).*out of bounds"),
        ([1.5], TypeError, "expected integers or booleans"),
        (np.array([0.0, 1.0]), TypeError, "expected integers or booleans"),
        (np.array([True, False]), IndexError, "boolean"),
        ((0, 0), IndexError, "too many indices"),
    ],
)
def test_an_index_that_does_not_fit_is_explained(index, error, words):
    with pytest.raises(error, match=words):
        Value([1.0, 2.0, 3.0])[index]


def test_a_value_is_no_index():
    with pytest.raises(NotDifferentiableError, match="cannot be an index"):
        Value([1.0, 2.0])[Value([0.0])]
    with pytest.raises(TypeError):
        np.arange(3.0)[Value(1.0)]


def test_taking_outside_an_axis_is_refused_unless_told_to_wrap_or_clip():
    with pytest.raises(IndexError, match=r"getitem.*out of bounds"):
        np.take(Value([1.0, 2.0]), [2])
    assert np.take(Value([1.0, 2.0]), [2, -3], mode="wrap").data.tolist() == [1.0, 2.0]


def test_the_functions_compute_on_plain_arrays_too():
    x = np.arange(4.0)
    assert getitem(x, index=slice(1, 3)).tolist() == [1.0, 2.0]
    assert at_set(x, [0, 1], 9.0).tolist() == [9.0, 9.0, 2.0, 3.0]
    assert at_add(x, [0, 0], 1.0).tolist() == [2.0, 1.0, 2.0, 3.0]
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0]


# --- an array that is read piece by piece: its gradient is one array, to which the pieces are added


def test_an_array_read_row_by_row_makes_one_gradient_of_its_size_and_not_one_a_row(monkeypatch):
    made, scatter = [], indexing.scatter
    monkeypatch.setattr(indexing, "scatter", lambda g, **params: made.append(1) or scatter(g, **params))
    x = Value(np.arange(12.0).reshape(6, 2))
    sum((row * row).sum() for row in x).backward()
    assert x.grad.tolist() == (2 * x.data).tolist()
    _, pullback = vjp(lambda x: sum((row * row).sum() for row in x), x.data)
    assert pullback(1.0).tolist() == (2 * x.data).tolist()
    assert len(made) == 2  # one in each of the two passes


@pytest.mark.parametrize("keep", ["all", "leaves"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pieces_of_every_kind_add_up_with_other_uses_in_any_order(keep, dtype, rng):
    pieces = [1, slice(1, 3), [2, 2, 0], np.array([True, False, True, False]), (slice(None), 1), ..., (3, 2), None]
    weights = [rng.normal(size=np.zeros((4, 3))[piece].shape).astype(dtype) for piece in pieces]
    expected = 3 * np.ones((4, 3), dtype)
    for piece, weight in zip(pieces, weights, strict=True):
        np.add.at(expected, piece, weight)
    order = rng.permutation(len(pieces) + 1)
    leaf = Value(np.ones((4, 3), dtype).T)
    x = leaf.T  # neither a leaf nor contiguous
    parts = [(x[pieces[i]] * weights[i]).sum() if i < len(pieces) else (3 * x).sum() for i in order]
    sum(parts[1:], start=parts[0]).backward(keep=keep)
    np.testing.assert_allclose(leaf.grad.T, expected, rtol=1e-5 if dtype == np.float32 else 1e-13)
    assert leaf.grad.dtype == dtype


def test_a_gradient_that_somebody_holds_from_an_earlier_pass_is_left_alone():
    x = Value(np.zeros((3, 2)))
    sum(row.sum() for row in x).backward()
    held = x.grad
    sum(row.sum() for row in x).backward()
    assert held.tolist() == np.ones((3, 2)).tolist()
    assert x.grad.tolist() == (2 * np.ones((3, 2))).tolist()
