"""Grade what students worked out by hand: ``pytest examples/grading``.

Each student and each exercise is a test; six fail. One that fails says which gradient is wrong, where, by how
much, and what such an error usually means. The fixture `gradcheck` comes with tinygrad_edu; it is not imported.
"""

import numpy as np
import pytest
from submissions import STUDENTS

from tinygrad_edu.check import check_op

rng = np.random.default_rng(7)

# The functions that were to be differentiated, and where they are checked.
EXERCISES = {
    "sigmoid_sum": (lambda w, x: np.sum(1 / (1 + np.exp(-w * x))), 0.7, rng.normal(size=4)),
    "add_bias": (lambda x, b: np.sum(x + b), rng.normal(size=(5, 3)), rng.normal(size=3)),
    "squared_error": (lambda y, target: np.mean((y - target) ** 2), rng.normal(size=6), rng.normal(size=6)),
    "matrix_product": (lambda x, w: np.sum(x @ w), rng.normal(size=(2, 3)), rng.normal(size=(3, 3))),
}


@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.parametrize("student", STUDENTS, ids=lambda student: student.__name__)
def test_gradient(student, exercise, gradcheck):
    """The answer of a student, beside differences of the function itself."""
    function, *inputs = EXERCISES[exercise]
    gradcheck(function, *inputs, gradient=getattr(student, exercise))


@pytest.mark.parametrize("student", STUDENTS, ids=lambda student: student.__name__)
def test_operation(student):
    """Derivative, contracts, both modes: at the shapes that the kind names, and at drawn inputs."""
    check_op(student.operation, examples=20)
