import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, DataError, ShapeError
from tinygrad_edu.nn.metrics import accuracy, metric_function

SCORES = [[0.1, 0.9, 0.0], [0.8, 0.2, 0.1], [0.3, 0.1, 0.7]]


@pytest.mark.parametrize(
    ("predictions", "labels", "expected"),
    [
        (SCORES, [1, 0, 2], 1.0),
        (SCORES, [1, 0, 0], 2 / 3),
        (Value(SCORES), np.eye(3)[[1, 0, 0]], 2 / 3),
        (SCORES, np.eye(3, dtype=int)[[1, 0, 0]], 2 / 3),
        ([1.5, -0.2, 0.1, 0.0], [1, 0, 0, 0], 0.75),
        ([1.5, -0.2, 0.1, 0.0], [1, -1, -1, -1], 0.75),
        (Value([[1.5], [-0.2]]), [1, 0], 1.0),
        ([[1.5], [-0.2]], [[1], [1]], 0.5),
        ([2, 0, 1], [2, 0, 2], 2 / 3),
        (np.array([True, False]), [1, 1], 0.5),
        ([Value(1.0), Value(-1.0)], [1, -1], 1.0),
        ([[0.2, 0.8]], [1], 1.0),
        (Value([[3.0]]), [1], 1.0),
        (np.tile([0.0, 1.0, 0.0], (2, 2, 1)), [[1, 1], [0, 1]], 0.75),
    ],
)
def test_accuracy_is_the_share_of_right_classes(predictions, labels, expected):
    assert accuracy(predictions, labels) == pytest.approx(expected)


def test_probabilities_of_yes_take_a_threshold():
    assert accuracy([0.3, 0.7], [0, 1], threshold=0.5) == 1.0
    assert accuracy([0.3, 0.7], [0, 1]) == 0.5


@pytest.mark.parametrize(("predictions", "labels"), [(SCORES, [1, 0]), ([1.0, 2.0], [1]), ([1, 2], [[1, 2], [1, 2]])])
def test_predictions_and_labels_that_do_not_pair_up_are_refused(predictions, labels):
    with pytest.raises(ShapeError, match="do not go together"):
        accuracy(predictions, labels)


def test_accuracy_of_nothing_is_refused():
    with pytest.raises(DataError, match="no sample"):
        accuracy(np.zeros((0, 3)), np.zeros(0, dtype=int))


def test_a_metric_is_found_by_name_or_is_a_function():
    def spread(outputs, targets):
        return 0.0

    assert metric_function("accuracy") == ("accuracy", accuracy)
    assert metric_function(spread) == ("spread", spread)
    with pytest.raises(ArgumentError, match="none is called 'acc'; there are accuracy"):
        metric_function("acc")
