"""What four students handed in: four gradients by hand, and an operation. `test_submissions.py` grades them.

A gradient takes what its function takes, and returns one array per argument, in their order. Ada is right
everywhere; the others make the mistakes that one makes.
"""

import numpy as np

from tinygrad_edu.kinds import elementwise


def softsign(name, derivative):
    """An operation of a student's own: the forward is given, ``t`` times the derivative was to be found."""
    return elementwise(name, lambda x: x / (1 + np.abs(x)), along=(derivative,))


class Ada:
    """Everything right."""

    def sigmoid_sum(w, x):  # noqa: D102
        p = 1 / (1 + np.exp(-w * x))
        return np.sum(p * (1 - p) * x), p * (1 - p) * w

    def add_bias(x, b):  # noqa: D102
        return np.ones(x.shape), np.full(b.shape, x.shape[0])

    def squared_error(y, target):  # noqa: D102
        return 2 * (y - target) / y.size, -2 * (y - target) / y.size

    def matrix_product(x, w):  # noqa: D102
        ones = np.ones((x.shape[0], w.shape[1]))
        return ones @ w.T, x.T @ ones

    operation = softsign("softsign_ada", lambda t, out, x: t / (1 + np.abs(x)) ** 2)


class Ben(Ada):
    """A wrong sign; a bias that forgets that it was broadcast."""

    def sigmoid_sum(w, x):  # noqa: D102
        p = 1 / (1 + np.exp(-w * x))
        return -np.sum(p * (1 - p) * x), p * (1 - p) * w

    def add_bias(x, b):  # noqa: D102
        return np.ones(x.shape), np.ones(x.shape)

    operation = softsign("softsign_ben", lambda t, out, x: t / (1 + x) ** 2)  # right for positive x


class Cem(Ada):
    """The sum where the mean is meant."""

    def squared_error(y, target):  # noqa: D102
        return 2 * (y - target), -2 * (y - target)


class Dana(Ada):
    """An entry left at zero; a matrix turned the wrong way round."""

    def add_bias(x, b):  # noqa: D102
        counts = np.full(b.shape, float(x.shape[0]))
        counts[-1] = 0.0
        return np.ones(x.shape), counts

    def matrix_product(x, w):  # noqa: D102
        ones = np.ones((x.shape[0], w.shape[1]))
        return ones @ w.T, (x.T @ ones).T


STUDENTS = (Ada, Ben, Cem, Dana)
