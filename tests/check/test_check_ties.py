"""Ties: what several entries may claim together, where each by itself may claim anything between two slopes."""

import numpy as np
import pytest

from tinygrad_edu import Value, check_gradients
from tinygrad_edu.check import Verdict
from tinygrad_edu.check.lines import Cotangent
from tinygrad_edu.check.subjects import from_gradient
from tinygrad_edu.check.ties import Corner, direction, tied

ONES, SQUARE = np.ones(3), np.ones((2, 2))
MIXED = np.array([1.0, -1.0, 2.0, -3.0])


def columns(x):
    return np.sum(np.min(x, axis=0))


def first_two(x):
    return np.max(np.abs(x))


WRONG = {
    "max of two, counted twice": (np.max, ONES[:2], ONES[:2]),
    "max of three, counted fully": (np.max, ONES, ONES),
    "max of three, shared among two too many": (np.max, ONES, ONES / 2),
    "min along an axis, counted twice": (columns, SQUARE, SQUARE),
    "a difference that moves with both": (lambda x: np.abs(x[0] - x[1]), ONES[:2], ONES[:2]),
    "a tie of 2 x and y": (lambda x: np.max(np.array([2 * x[0], x[1]])), [1.0, 2.0], [2.0, 1.0]),
    "a tie with a sign": (first_two, [1.0, -1.0, 1.0], [1.0, -1.0, 1.0]),
    "a sort that gives a weight twice": (
        lambda x: np.sum(np.sort(x) * np.arange(3.0)), [1.0, 1.0, 0.0], [2.0, 2.0, 0.0],
    ),
    "beside an entry that is not in the tie": (
        lambda x: np.max(x[:2]) + np.maximum(x[2], 0.0), [1.0, 1.0, 0.0], [1.0, 1.0, 0.5],
    ),
}  # fmt: skip

RIGHT = {
    "max, shared": (np.max, ONES, ONES / 3),
    "max, the first": (np.max, ONES, [1.0, 0.0, 0.0]),
    "min along an axis": (columns, SQUARE, SQUARE / 2),
    "relu at 0 in four entries, all 0": (lambda x: np.sum(MIXED * np.maximum(x, 0)), np.zeros(4), np.zeros(4)),
    "relu at 0 in four entries, halves": (lambda x: np.sum(MIXED * np.maximum(x, 0)), np.zeros(4), MIXED / 2),
    "a kink across x + y": (lambda x: np.maximum(x[0] + x[1] - 1, 0) * 2, [0.5, 0.5], [2.0, 2.0]),
    "a kink across x + y, halves": (lambda x: np.maximum(x[0] + x[1] - 1, 0) * 2, [0.5, 0.5], [1.0, 1.0]),
    "a tie with a sign": (first_two, [1.0, -1.0, 1.0], np.array([1.0, -1.0, 1.0]) / 3),
    "a tie of 2 x and y": (lambda x: np.max(np.array([2 * x[0], x[1]])), [1.0, 2.0], [1.0, 0.5]),
    "a sort": (lambda x: np.sum(np.sort(x) * np.arange(3.0)), [1.0, 1.0, 0.0], [1.0, 2.0, 0.0]),
    "norm at 0": (np.linalg.norm, np.zeros(3), np.zeros(3)),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_tie_that_does_not_add_up_fails_and_the_report_says_which_entries(name):
    f, x, gradient = WRONG[name]
    report = check_gradients(f, np.asarray(x), gradient=np.asarray(gradient), raise_on_fail=False)
    assert report.verdict is Verdict.FAIL
    assert " with [" in report.worst.place
    assert "must add up to one slope" in report.worst.reason
    assert all(entry.verdict is not Verdict.FAIL for entry in report.entries if entry.index is not None)


@pytest.mark.parametrize("name", RIGHT)
def test_every_convention_that_adds_up_is_left_alone(name):
    f, x, gradient = RIGHT[name]
    assert check_gradients(f, np.asarray(x), gradient=np.asarray(gradient)).verdict is Verdict.KINK


def test_a_tie_between_two_arguments_is_seen():
    def f(x, y):
        return np.sum(np.maximum(x, y))

    x, y = np.ones(2), np.ones(2)
    assert check_gradients(f, x, y, gradient=(x / 2, y / 2)).verdict is Verdict.KINK
    report = check_gradients(f, x, y, gradient=(x, y), raise_on_fail=False)
    assert report.verdict is Verdict.FAIL
    assert "y [" in report.worst.place


def test_the_engines_own_conventions_add_up():
    for f in (
        np.max,
        lambda x: np.sum(np.sort(x) * ONES),
        lambda x: np.sum(np.maximum(x, ONES)),
    ):
        assert check_gradients(f, Value(ONES)).passed


def corners(f, x, bends):
    subject = from_gradient(f, [np.asarray(x)], np.zeros(np.shape(x)), None)
    found = [Corner(0, i, 1.0, bend) for i, bend in enumerate(bends)]
    return [list(moves.values()) for moves in tied(subject, Cotangent(np.ones(1), 0), found)]


def test_only_directions_that_keep_the_kink_are_taken():
    """The fault planted: along (1, -1) relu(x) - relu(-x) is smooth too, and says nothing of either convention."""
    assert corners(np.max, [1.0, 1.0], [1.0, 1.0]) == [[1.0, 1.0]]
    assert corners(lambda x: np.maximum(x[0] + x[1], 0.0), [1.0, -1.0], [1.0, 1.0]) == [[1.0, -1.0]]
    assert corners(lambda x: np.sum(np.maximum(x, 0.0)), [0.0, 0.0], [1.0, 1.0]) == []


def test_moves_are_inverse_to_the_kinks():
    (moves,) = corners(lambda x: np.max(np.array([2 * x[0], x[1]])), [1.0, 2.0], [2.0, 1.0])
    assert moves == [0.5, 1.0]


def test_a_direction_has_an_array_for_each_argument_that_moves():
    subject = from_gradient(lambda x, y: np.sum(x) + np.sum(y), [np.ones((2, 2)), np.ones(3)], (SQUARE, ONES), None)
    found = direction(subject, {Corner(0, 3, 1.0, 1.0): 0.5})
    assert list(found) == [0]
    assert found[0].tolist() == [[0.0, 0.0], [0.0, 0.5]]
