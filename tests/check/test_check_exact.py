"""Exact checks: on whole numbers a derivative of a polynomial is right or wrong, to the last bit."""

import numpy as np
import pytest

from tinygrad_edu.check import Verdict, check_op
from tinygrad_edu.check.exact import POLYNOMIALS, applies, check_exactly
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.kinds import elementwise, linear, multilinear
from tinygrad_edu.op import REGISTRY, case

EXACT = [(name, i) for name, op in REGISTRY.items() if op.is_built_in() and applies(op) for i in range(len(op.cases))]


@pytest.mark.parametrize(("name", "number"), EXACT, ids=[f"{name}-{i}" for name, i in EXACT])
def test_every_linear_and_polynomial_operation_has_exact_derivatives(name, number):
    report = check_exactly(REGISTRY[name], REGISTRY[name].cases[number])
    assert report.passed, str(report)


def test_the_list_names_operations_that_are_there_and_most_linear_ones_are_checked():
    assert set(POLYNOMIALS) <= set(REGISTRY)
    assert len({name for name, _ in EXACT}) > 45


def test_an_error_in_the_last_bit_is_found():
    off = 1 + 2.0**-52
    double = linear("double_off", lambda x: 2.0 * x, adjoint=lambda g, x: (2.0 * off) * g)
    report = check_exactly(double, case((3,)))
    assert not report.passed
    assert {what for what, *_ in report.wrong} == {"gradient of operand 0"}
    assert "double_off" in str(report)
    assert "exactly" in str(report)


def test_a_transposed_adjoint_and_a_forgotten_operand_are_found():
    wrong = multilinear(
        "matmul_wrong", np.matmul, pull=(lambda g, x, y: g @ np.swapaxes(y, -1, -2), lambda g, x, y: 0.0 * y)
    )
    report = check_exactly(wrong, case((2, 2), (2, 2)))
    assert {what for what, *_ in report.wrong} == {"gradient of operand 1"}


def test_a_wrong_place_is_named():
    report = check_exactly(
        linear("roll_wrong", lambda x: np.roll(x, 1), adjoint=lambda g, x: np.roll(g, 1)), case((5,))
    )
    assert all(len(place) == 1 for _, place, *_ in report.wrong)
    assert report.compared == 10


def test_an_operation_that_rounds_is_refused():
    with pytest.raises(ArgumentError, match="exp is not linear"):
        check_exactly(REGISTRY["exp"], case((3,)))
    cube = elementwise("cube_exact", lambda x: x**3, along=(lambda t, out, x: t * 3 * x**2,))
    with pytest.raises(ArgumentError, match="use check_op"):
        check_exactly(cube, case((3,)))


def test_an_operation_that_rounds_on_whole_numbers_is_refused_too():
    most = linear("most_exact", lambda x: 0.7 * x, adjoint=lambda g, x: 0.7 * g, cases=(case((7,)),))
    for seed in range(30):
        with pytest.raises(ArgumentError, match="other than whole numbers"):
            check_exactly(most, case((7,)), seed)
    report = check_op(most, examples=3)
    assert report.passed
    assert not [row for row in report.rows if row.what.startswith("exact")]


def test_check_op_finds_an_error_that_differences_with_rounding_cannot_see():
    off = 1 + 2.0**-52
    double = linear("double_off_op", lambda x: 2.0 * x, adjoint=lambda g, x: (2.0 * off) * g, cases=(case((3,)),))
    report = check_op(double, examples=3, raise_on_fail=False)
    assert [row.what for row in report.rows if row.verdict is Verdict.FAIL] == ["exact on (3,)"]
    assert "exactly" in report.worst.reason
    assert check_op(REGISTRY["matmul"], examples=3).rows[1].what == "exact on (2, 3), (3, 4)"


def test_draws_can_be_repeated():
    first, second = (check_exactly(REGISTRY["matmul"], case((2, 3), (3, 2)), rng=5) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first.operands, second.operands, strict=True))
    assert all((a == np.rint(a)).all() for a in first.operands)
