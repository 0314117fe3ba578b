"""Precision and its kin, top-k, confusion, regression: scikit-learn's definitions, alone and in `fit`."""

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, DataError, ShapeError
from tinygrad_edu.nn import Dense, evaluate, fit
from tinygrad_edu.nn.metrics import (
    confusion_matrix,
    f1,
    mae,
    precision,
    r2,
    recall,
    rmse,
    top_k_accuracy,
)
from tinygrad_edu.nn.optim import SGD

TRUE = np.array([0, 1, 2, 2, 1, 0, 3, 3, 2, 1])
GUESS = np.array([0, 2, 2, 1, 1, 0, 0, 3, 2, 1])
YES, SAID = np.array([1, 0, 1, 1, 0, 0, 1, 0]), np.array([1, 1, 1, 0, 0, 0, 1, 0])

# scikit-learn 1.9.1
REFERENCE = [
    (precision, "macro", 0.75), (precision, "micro", 0.7), (recall, "macro", 0.7083333333333333),
    (recall, "micro", 0.7), (f1, "macro", 0.7), (f1, "micro", 0.7),
]  # fmt: skip


@pytest.mark.parametrize(("metric", "average", "expected"), REFERENCE)
def test_averages_over_classes_are_those_of_scikit_learn(metric, average, expected):
    assert metric(GUESS, TRUE, average=average) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("metric", [precision, recall, f1])
@pytest.mark.parametrize("average", ["macro", "micro", "binary"])
@pytest.mark.parametrize("seed", range(4))
def test_random_decisions_are_judged_as_scikit_learn_judges_them(metric, average, seed):
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    classes = 2 if average == "binary" else 6
    labels, guesses = rng.integers(0, classes, 40), rng.integers(0, classes - (seed % 2), 40)
    judge = getattr(sklearn, f"{metric.__name__}_score")
    expected = judge(labels, guesses, average=average, zero_division=0)
    assert metric(guesses, labels, average=average) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("predictions", "labels"),
    [
        (SAID, YES),
        (SAID == 1, YES),
        (SAID - 0.5, YES),
        (SAID - 0.5, 2 * YES - 1),
        (2 * SAID - 1, 2 * YES - 1),
        (Value((SAID - 0.5)[:, None]), YES),
        (np.eye(2)[SAID], YES),
        (np.eye(2)[SAID], np.eye(2)[YES]),
    ],
)
def test_two_classes_are_binary_however_they_are_written(predictions, labels):
    assert precision(predictions, labels) == 0.75
    assert recall(predictions, labels) == 0.75
    assert f1(predictions, labels) == 0.75
    np.testing.assert_array_equal(confusion_matrix(predictions, labels), [[3, 1], [1, 3]])


def test_more_classes_are_averaged_over_those_that_occur():
    assert f1(np.eye(9)[GUESS], TRUE) == f1(GUESS, TRUE, average="macro")


def test_nothing_called_positive_is_no_precision_and_no_warning():
    assert precision([0, 0], [0, 1]) == 0.0
    assert recall([0, 0], [0, 0]) == 0.0
    assert f1([0, 0], [0, 0]) == 0.0


def test_the_confusion_matrix_has_truth_in_rows():
    matrix = confusion_matrix(GUESS, TRUE)
    assert matrix[1, 2] == 1
    assert matrix.sum() == 10
    assert np.trace(matrix) == 7
    assert confusion_matrix(GUESS, TRUE, classes=6).shape == (6, 6)
    assert confusion_matrix(np.eye(5)[GUESS], TRUE).shape == (5, 5)
    with pytest.raises(DataError, match="classes must lie in 0 to 2, got 0 to 3"):
        confusion_matrix(GUESS, TRUE, classes=3)


def test_top_k_counts_the_k_highest_and_the_first_of_equals():
    scores = [[0.5, 0.3, 0.2, 0.0], [0.1, 0.1, 0.1, 0.1], [0.0, 0.0, 0.3, 0.7]]
    assert top_k_accuracy(scores, [1, 1, 1], k=2) == pytest.approx(2 / 3)
    assert top_k_accuracy(scores, [0, 1, 3], k=1) == pytest.approx(2 / 3)
    assert top_k_accuracy(Value(scores), np.eye(4)[[3, 3, 0]], k=4) == 1.0
    with pytest.raises(ArgumentError, match="k must be at most 4"):
        top_k_accuracy(scores, [0, 0, 0])
    with pytest.raises(ShapeError, match="one label a sample"):
        top_k_accuracy(scores, [0, 0], k=2)


def test_regression_metrics_are_those_of_scikit_learn():
    x, y = np.array([1.0, 2.0, 4.0, 3.0]), np.array([1.5, 2.0, 3.0, 5.0])
    assert (mae(x, y), rmse(x, y)) == pytest.approx((0.875, 1.145643923738960), rel=1e-12)
    assert r2(x, y) == pytest.approx(0.26956521739130435, rel=1e-12)
    assert r2(Value(x[:, None]), y) == r2(x, y)
    two = np.stack([x, y], axis=1)
    assert r2(two, np.stack([y, y], axis=1)) == pytest.approx((r2(x, y) + 1.0) / 2)
    assert (r2([1.0, 1.0], [1.0, 1.0]), r2([1.0, 2.0], [1.0, 1.0])) == (1.0, 0.0)


@pytest.mark.parametrize("metric", [mae, rmse, r2])
def test_numbers_that_do_not_pair_up_are_refused(metric):
    with pytest.raises(ShapeError, match=rf"{metric.__name__}: predictions and targets must have the same shape"):
        metric([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ShapeError):
        metric(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(DataError, match="no sample"):
        metric([], [])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: precision(GUESS, TRUE, average="binary"), "needs two classes"),
        (lambda: recall(GUESS, TRUE, average="weighted"), "'binary', 'macro' or 'micro', got 'weighted'"),
    ],
)
def test_averages_that_cannot_be_are_refused(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


def test_metrics_that_are_no_means_are_taken_of_all_samples_at_once():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(23, 3)), rng.integers(0, 2, 23)
    model = Dense(3, 1, rng=0)
    found = evaluate(model, (x, y), "binary_cross_entropy", ["f1", "accuracy", "precision"], batch_size=4)
    outputs = model(x)
    assert list(found) == ["loss", "f1", "accuracy", "precision"]
    assert found["f1"] == f1(outputs, y)
    assert found["precision"] == precision(outputs, y)
    history = fit(
        model, (x, y), "binary_cross_entropy", SGD(model.parameters(), lr=0.0), 1, batch_size=4, metrics=["f1"], rng=0,
        validation=(x, y), progress=False,
    )  # fmt: skip
    assert history["f1"] == [f1(outputs, y)] == history["val_f1"]


def test_the_metrics_of_numbers_are_found_by_name():
    x, y = np.arange(6.0), np.arange(6.0) * 2
    found = evaluate(lambda x: x, (x, y), "mse", ["mae", "rmse", "r2"], batch_size=4)
    assert found == pytest.approx({"loss": 55 / 6, "mae": 2.5, "rmse": np.sqrt(55 / 6), "r2": r2(x, y)}, rel=1e-12)
