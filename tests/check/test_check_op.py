"""`check_op`: right operations pass, wrong ones fail at the smallest input, and the table says where."""

import json

import numpy as np
import pytest

from tinygrad_edu.check import Verdict, check_op
from tinygrad_edu.errors import ArgumentError, GradientCheckError, MissingDependencyError
from tinygrad_edu.kinds import elementwise, general, linear
from tinygrad_edu.op import REGISTRY, Interval, case

pytest.importorskip("hypothesis")


@pytest.mark.parametrize("name", ["tanh", "multiply", "sum", "stack", "log", "where", "cholesky"])
def test_operations_of_every_kind_pass(name):
    report = check_op(REGISTRY[name], examples=8)
    assert report.verdict is Verdict.PASS
    assert report.rows[-1].what == "8 drawn inputs"


def test_a_failing_input_is_shrunk_to_the_smallest():
    cube = elementwise("cube", lambda x: x**3, along=(lambda t, out, x: t * 2 * x**2,))
    report = check_op(cube, examples=30, raise_on_fail=False)
    assert str(report.failing) == "cube(1.0)"
    assert report.report.verdict is Verdict.FAIL
    assert not report.passed


def test_a_fault_that_the_cases_do_not_meet_is_found_by_drawing():
    rare = elementwise("rare", lambda x: x * x, along=(lambda t, out, x: t * np.where(x > 2, 1.9, 2.0) * x,))
    report = check_op(rare, raise_on_fail=False)
    assert {row.verdict for row in report.rows[:-1]} == {Verdict.PASS}
    assert report.worst is report.rows[-1]
    assert float(report.failing.operands[0]) > 2


def test_a_missing_sum_over_a_broadcast_axis_is_an_error_of_the_rule_with_its_shapes():
    shift = general(
        "shift", lambda x, b: x + b, pull=(lambda g, out, x, b: g, lambda g, out, x, b: g[0]),
        push=(lambda t, out, x, b: t, lambda t, out, x, b: t + 0 * x), cases=(case((2, 3), (3,)),),
    )  # fmt: skip
    report = check_op(shift, examples=5, raise_on_fail=False)
    assert "b [" in report.worst.reason


def test_operands_are_called_what_the_forward_calls_them():
    gap = elementwise("gap", lambda left, right: left - 2 * right, along=(lambda t, *_: t, lambda t, *_: 2 * t))
    report = check_op(gap, examples=5, raise_on_fail=False)
    assert report.worst.reason.startswith("right: claimed 2, differences -2")


def test_a_wrong_forward_rule_fails_by_its_contract():
    total = general(
        "total", lambda x: np.sum(x), pull=(lambda g, out, x: g + 0 * x,), push=(lambda t, out, x: 2 * np.sum(t),),
        cases=(case((3,)),),
    )  # fmt: skip
    report = check_op(total, examples=5, raise_on_fail=False)
    assert (report.worst.what, report.worst.verdict) == ("contracts on (3,)", Verdict.FAIL)
    assert "forward = reverse" in report.worst.reason


def test_an_operation_that_raises_in_its_domain_fails_with_its_error():
    picky = linear("picky", lambda x: np.reshape(x, (7,)), adjoint=lambda g, x: g, cases=(case((3,)),))
    report = check_op(picky, examples=3, raise_on_fail=False)
    assert report.worst.what == "call on (3,)"
    assert "ShapeError" in report.worst.reason


def test_a_rule_that_changes_its_mind_fails():
    turns = iter(range(10**6))
    moody = elementwise("moody", lambda x: x * x, along=(lambda t, out, x: t * 2 * x * (1 + (next(turns) % 7 == 0)),))
    assert not check_op(moody, examples=10, raise_on_fail=False).passed


def test_operations_with_a_sample_of_their_own_are_drawn_by_it():
    seen = []

    def sample(rng, way):
        seen.append(way)
        return [rng.uniform(1.0, 2.0, way.shapes[0])]

    root = elementwise(
        "root", np.sqrt, along=(lambda t, out, x: t / (2 * out),), cases=(case((2,)),), sample=sample,
        domain=Interval(-9.0, -1.0),
    )  # fmt: skip
    assert check_op(root, examples=5).passed
    assert len(seen) >= 5


def test_the_table_reads_in_a_terminal_in_a_notebook_and_as_json():
    wrong = elementwise("wrong", lambda x: x * x, along=(lambda t, out, x: -t * 2 * x,))
    with pytest.raises(GradientCheckError, match="wrong: derivative on") as caught:
        check_op(wrong, examples=10)
    report = caught.value.report
    assert "smallest call that fails: wrong(1.0)" in str(report)
    assert "perhaps: a sign" in str(report)
    assert "wrong(1.0)" in report._repr_html_()
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert (plain["failing"], plain["passed"], plain["report"]["verdict"]) == ("wrong(1.0)", False, "FAIL")


@pytest.mark.parametrize(
    ("op", "options", "words"),
    [
        (np.sin, {}, "expected an operation"),
        (REGISTRY["sign"], {}, "no derivative"),
        (REGISTRY["tanh"], {"examples": 0}, "at least 1"),
    ],
)
def test_bad_calls_are_refused(op, options, words):
    with pytest.raises(ArgumentError, match=words):
        check_op(op, **options)


def test_an_operation_without_cases_is_told_how_to_name_them():
    bare = linear("bare", lambda x: 2 * x, adjoint=lambda g, x: 2 * g)
    with pytest.raises(ArgumentError, match=r"cases=\(case"):
        check_op(bare)


def test_without_hypothesis_the_error_has_the_install_line(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'tinygrad_edu\[check\]'"):
        check_op(REGISTRY["tanh"])
