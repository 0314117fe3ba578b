"""Contracts: each is kept by right operations, and each is broken by a fault planted for it."""

import json

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Value, check_gradients
from tinygrad_edu.check import Verdict, check_contracts
from tinygrad_edu.check.contracts import CONTRACTS, QUICK
from tinygrad_edu.errors import ArgumentError, GradientCheckError
from tinygrad_edu.kinds import General

X = np.array([0.3, -1.2, 2.0])
calls = iter(range(10_000))


def square(pull, forward=np.square, push=lambda t, out, x: 2 * t * x):
    """An operation in no registry, with a fault in one of its parts."""
    return General("square_with_a_fault", lambda x: forward(x), pull=(pull,), push=(push,))


def _writes(g, out, x):
    g *= 2 * x
    return g


FAULTS = {
    "no mutation": square(_writes),
    "repeatable": square(lambda g, out, x: 2 * g * x * (1 + 1e-12 * next(calls))),
    "linear in the seed": square(lambda g, out, x: 2 * g * np.abs(g) * x),
    "zero seed gives zero": square(lambda g, out, x: 2 * g * x + 1e-3),
    "forward = reverse": square(lambda g, out, x: 2 * g * x, push=lambda t, out, x: t * x),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_contract_is_broken_by_the_fault_planted_for_it(name):
    report = check_contracts(FAULTS[name], X, raise_on_fail=False)
    assert not report.passed
    assert name in [contract.name for contract in report.contracts if contract.verdict is Verdict.FAIL]


def wrong_backward(monkeypatch, change):
    """`Value.backward` with something done to the gradients of the leaves afterwards."""
    real = Value.backward

    def backward(self, gradient=None, **options):
        leaves = tg.graph.leaves(self)
        before = [leaf.grad for leaf in leaves]
        real(self, gradient, **options)
        for leaf, old in zip(leaves, before, strict=True):
            change(leaf, old, gradient)

    monkeypatch.setattr(Value, "backward", backward)


BACKWARD = {
    "shape and dtype": lambda leaf, old, seed: setattr(leaf, "grad", leaf.grad.astype(np.float32)),
    "accumulates": lambda leaf, old, seed: setattr(leaf, "grad", leaf.grad if old is None else leaf.grad - old),
    "backward = vjp": lambda leaf, old, seed: setattr(leaf, "grad", leaf.grad * 1.001),
    "no aliasing": lambda leaf, old, seed: setattr(leaf, "grad", seed),
}


@pytest.mark.parametrize("name", BACKWARD)
def test_a_backward_pass_that_breaks_a_contract_is_caught(name, monkeypatch):
    wrong_backward(monkeypatch, BACKWARD[name])
    f = (lambda x: x * 1.0) if name == "no aliasing" else (lambda x: np.sum(x * x))
    report = check_contracts(f, X, raise_on_fail=False)
    assert name in [contract.name for contract in report.contracts if contract.verdict is Verdict.FAIL]


def test_every_contract_has_a_fault_to_catch():
    assert {*FAULTS, *BACKWARD} == set(CONTRACTS)


def test_a_function_that_changes_its_input_is_caught():
    def f(x):
        x.data[0] = 5.0
        return np.sum(x * x)

    report = check_contracts(f, X, raise_on_fail=False)
    assert "changes its input x in place" in str(report)


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (np.tanh, (X,)),
        (np.multiply, (2.0, X)),
        (lambda x, w: x @ w, (np.ones((2, 3)), np.arange(6.0).reshape(3, 2))),
        (lambda x: tg.softmax(x * 800), (X,)),
        (lambda x: np.sum(tg.softmax(x)), (X * 40,)),
        (np.max, (np.array([1.0, 3.0, 3.0]),)),
        (lambda x: np.sum(x * 1e10 - x * 1e10 + x), (X,)),
        (np.tanh, (X.astype(np.float32),)),
        (lambda x: np.sum(x.astype(np.float32).astype(np.float64) ** 2), (X,)),
        (np.exp, (1.5,)),
        (np.tanh, (np.zeros((0, 3)),)),
    ],
)
def test_right_functions_keep_every_contract(f, inputs):
    report = check_contracts(f, *inputs)
    assert {contract.verdict for contract in report.contracts} == {Verdict.PASS}


def test_a_contract_that_does_not_apply_says_why():
    no_push = square(lambda g, out, x: 2 * g * x, push=None)
    report = check_contracts(no_push, X)
    (last,) = [contract for contract in report.contracts if contract.verdict is None]
    assert (last.name, "no forward-mode rule" in last.reason) == ("forward = reverse", True)
    infinite = check_contracts(np.sqrt, np.array([0.0, 1.0]))
    assert "not finite" in next(c.reason for c in infinite.contracts if c.name == "linear in the seed")


def test_the_table_names_each_contract_and_the_error_carries_it():
    with pytest.raises(GradientCheckError, match="no mutation: the seed is changed in place") as caught:
        check_contracts(FAULTS["no mutation"], X)
    report = caught.value.report
    assert report.worst.name == "no mutation"
    assert all(name in str(report) for name in CONTRACTS)
    assert all(name in report._repr_html_() for name in CONTRACTS)
    plain = json.loads(json.dumps(report.to_dict()))
    assert [row["name"] for row in plain["contracts"]] == list(CONTRACTS)


def test_bad_calls_are_refused():
    with pytest.raises(ArgumentError, match="give the point"):
        check_contracts(np.sin)
    with pytest.raises(ArgumentError, match="expected a function or an operation, got float"):
        check_contracts(2.0, X)
    with pytest.raises(ArgumentError, match="expected a function, got Value; for a Value use check_graph"):
        check_gradients(Value(2.0), X)
    with pytest.raises(ArgumentError, match="no Value"):
        check_contracts(lambda x: 3.0, X)
    with pytest.raises(ArgumentError, match="returned a tuple"):
        check_contracts(lambda x: (x, x), X)
    with pytest.raises(ArgumentError, match="1 inputs, but 2 names"):
        check_contracts(np.sin, X, names=("a", "b"))


# --- within check_gradients


def test_a_check_runs_the_cheap_contracts_and_reports_them():
    report = check_gradients(np.tanh, X)
    assert [contract.name for contract in report.contracts] == list(QUICK)
    assert "contracts kept: no mutation, repeatable, linear in the seed, zero seed gives zero" in str(report)
    assert check_gradients(np.sin, X, gradient=np.cos).contracts == ()


def test_a_rule_that_is_right_for_a_seed_of_one_only_fails_the_check():
    quadratic = square(lambda g, out, x: 2 * g * np.abs(g) * x)
    with pytest.raises(GradientCheckError, match="breaks a contract, linear in the seed") as caught:
        check_gradients(lambda x: np.sum(quadratic(x)), X)
    report = caught.value.report
    assert report.verdict is Verdict.FAIL
    assert not report.passed
    assert "1 contract broken" in report.summary()
    assert report.faults[0].node.op.name == "square_with_a_fault"


def test_the_contracts_of_a_check_do_not_call_the_function_again():
    calls = []

    def f(x):
        calls.append(x)
        return np.sum(np.tanh(x))

    assert check_gradients(f, X).evaluations == len(calls)
