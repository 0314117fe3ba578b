"""Splitting, batching, standardising, encoding."""

import numpy as np
import pytest

from tinygrad_edu.errors import DataError
from tinygrad_edu.nn.data import minibatches, one_hot, standardize, train_test_split

X = np.arange(40).reshape(20, 2)
Y = np.arange(20)


@pytest.mark.parametrize(("fraction", "held_out"), [(0.2, 4), (0.5, 10), (0.01, 1), (0.99, 19)])
def test_a_split_deals_every_sample_once_and_keeps_rows_together(rng, fraction, held_out):
    x_train, x_test, y_train, y_test = train_test_split(X, Y, test_fraction=fraction, rng=rng)
    assert len(y_test) == held_out
    assert sorted([*y_train, *y_test]) == list(range(20))
    assert np.array_equal(x_train, X[y_train])
    assert np.array_equal(x_test, X[y_test])


def test_the_same_seed_splits_alike_and_another_seed_otherwise():
    first, again, other = (train_test_split(Y, rng=seed)[1].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_stratified_split_keeps_the_proportions_of_the_classes(rng):
    labels = np.repeat([0, 1, 2], [100, 50, 10])
    train, test = train_test_split(labels, stratify=labels, rng=rng)
    assert np.bincount(test).tolist() == [20, 10, 2]
    assert np.bincount(train).tolist() == [80, 40, 8]


def test_a_stratified_split_leaves_every_class_on_both_sides(rng):
    labels = np.repeat(["rare", "common"], [2, 100])
    for fraction in (0.01, 0.99):
        for part in train_test_split(labels, stratify=labels, test_fraction=fraction, rng=rng):
            assert set(part) == {"rare", "common"}


def test_the_training_part_of_a_stratified_split_is_shuffled_across_classes(rng):
    labels = np.repeat([0, 1], 50)
    train, _ = train_test_split(labels, stratify=labels, rng=rng)
    assert not np.array_equal(train, np.sort(train))


def test_splits_that_cannot_be_are_refused():
    with pytest.raises(DataError, match="all the same number"):
        train_test_split(X, Y[:-1])
    with pytest.raises(DataError, match="all the same number"):
        train_test_split(X, stratify=Y[:-1])
    with pytest.raises(DataError, match="all the same number"):
        train_test_split()
    with pytest.raises(DataError, match="test_fraction must lie between 0 and 1"):
        train_test_split(X, test_fraction=1.0)
    with pytest.raises(DataError, match="cannot split class 3 in two"):
        train_test_split([1, 1, 3], stratify=[1, 1, 3])
    with pytest.raises(DataError, match="cannot split the data in two"):
        train_test_split([1])


@pytest.mark.parametrize(
    ("drop_last", "sizes"), [(False, [6, 6, 6, 2]), (True, [6, 6, 6])], ids=["keep the rest", "drop the rest"]
)
def test_an_epoch_sees_each_sample_once_in_batches(rng, drop_last, sizes):
    batches = list(minibatches((X, Y), 6, rng, drop_last=drop_last))
    seen = np.concatenate([y for _, y in batches])
    assert [len(y) for _, y in batches] == sizes
    assert len(set(seen.tolist())) == sum(sizes)
    assert all(np.array_equal(x, X[y]) for x, y in batches)


def test_one_generator_orders_each_epoch_anew(rng):
    first, second = (np.concatenate([y for (y,) in minibatches((Y,), 5, rng)]).tolist() for _ in range(2))
    assert first != second
    assert sorted(first) == sorted(second) == Y.tolist()


def test_without_shuffling_the_order_stays():
    assert [y.tolist() for (y,) in minibatches((Y,), 10, shuffle=False)] == [Y[:10].tolist(), Y[10:].tolist()]


@pytest.mark.parametrize("batch_size", [0, -1, 21])
def test_a_batch_larger_than_the_data_or_empty_is_refused_before_the_first_batch(batch_size):
    with pytest.raises(DataError, match=r"between 1 and the number of samples \(20\)"):
        minibatches((X, Y), batch_size)


def test_a_bare_array_is_not_taken_for_a_tuple_of_arrays():
    with pytest.raises(DataError, match=r"minibatches\(\(x,\), ...\)"):
        minibatches(X, 2)


def test_standardized_training_data_has_mean_0_and_deviation_1_and_other_data_the_same_scale(rng):
    train = rng.normal(50.0, 3.0, (200, 4))
    scale = standardize(train)
    assert scale(train).mean(axis=0) == pytest.approx(0.0, abs=1e-12)
    assert scale(train).std(axis=0) == pytest.approx(1.0)
    assert scale(train[:1] + scale.std) == pytest.approx(scale(train[:1]) + 1.0)


def test_a_constant_column_becomes_zero_not_nan():
    scale = standardize(np.full((7, 1), 0.1))
    assert scale(np.full((7, 1), 0.1)).tolist() == [[0.0]] * 7


def test_standardizing_refuses_what_has_no_mean():
    with pytest.raises(DataError, match="NaN or infinite"):
        standardize([[1.0], [np.nan]])
    with pytest.raises(DataError, match="at least one sample"):
        standardize(np.zeros((0, 3)))
    with pytest.raises(DataError, match=r"samples have shape \(2,\), these have \(3,\)"):
        standardize(X)(np.zeros((5, 3)))


def test_one_hot_rows_are_one_at_the_label(rng):
    labels = rng.integers(0, 7, (5, 3))
    rows = one_hot(labels, 7)
    assert rows.shape == (5, 3, 7)
    assert np.array_equal(rows.argmax(axis=-1), labels)
    assert (rows.sum(axis=-1) == 1).all()
    assert one_hot([], 3).shape == (0, 3)


def test_one_hot_refuses_labels_outside_the_classes_and_fractions():
    with pytest.raises(DataError, match="label 3 lies outside 0 to 2"):
        one_hot([0, 3, 4], 3)
    with pytest.raises(DataError, match="label -1 lies outside"):
        one_hot([-1], 3)
    with pytest.raises(DataError, match="must be integers, but are float64"):
        one_hot([0.5], 3)
