"""The bank: right gradients that checkers with a fixed tolerance fail, and wrong ones that they pass."""

import math

import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.check import Verdict, check_gradients
from tinygrad_edu.errors import GradientCheckError

rng = np.random.default_rng(20260101)
V = rng.normal(size=6)
LONG = rng.normal(size=400)
M = rng.normal(size=(4, 4))
W = rng.normal(size=(25, 40))
X40 = rng.normal(size=40)
WEIGHTS = np.arange(16.0).reshape(4, 4)

SOFT = rng.normal(size=7)

PASS, KINK, INCONCLUSIVE = Verdict.PASS, Verdict.KINK, Verdict.INCONCLUSIVE

RIGHT = {
    "relu at 0": (lambda x: x.relu(), 0.0, KINK),
    "abs at 0": (abs, 0.0, KINK),
    "ties of max": (np.max, np.ones(3), KINK),
    "ties of min along an axis": (lambda x: np.min(x, axis=0), np.ones((2, 2)), KINK),
    "a tie of maximum": (lambda x: np.maximum(x, 1.0), 1.0, KINK),
    "clip at its edge": (lambda x: x.clip(0.0, 1.0), 1.0, KINK),
    "a tie by a hair": (np.max, np.array([1.0, 1 + 1e-14]), None),
    "relu close to 0": (lambda x: (x - 1).relu(), 1 + 1e-9, PASS),
    "1/x near 0": (lambda x: 1 / x, 1e-8, PASS),
    "sin at 1e10": (np.sin, 1e10, PASS),
    "sin at 1e12": (np.sin, 1e12, PASS),
    "sin at 1e17": (np.sin, 1e17, INCONCLUSIVE),
    "x^2 at 1e12": (np.square, 1e12, PASS),
    "x^2 at 0": (lambda x: x * x, 0.0, PASS),
    "cos at 0": (np.cos, 0.0, PASS),
    "x |x| at 0": (lambda x: x * abs(x), 0.0, PASS),
    "x^1.5 at 0": (lambda x: x**1.5, 0.0, PASS),
    "1e8 + sin x": (lambda x: 1e8 + np.sin(x), 0.7, PASS),
    "(1e8 + sin x) - 1e8": (lambda x: (1e8 + np.sin(x)) - 1e8, 0.7, PASS),
    "3.3 ((1e8 + sin x) - 1e8)": (lambda x: ((1e8 + np.sin(x)) - 1e8) * 3.3, 0.7, PASS),
    "(1e8 + 1e-9 x) - 1e8": (lambda x: (1e8 + 1e-9 * x) - 1e8, 1.0, INCONCLUSIVE),
    "1e8 + 1e-5 sin x": (lambda x: 1e8 + 1e-5 * np.sin(x), 0.7, INCONCLUSIVE),
    "exp at 50": (np.exp, 50.0, PASS),
    "exp at 700": (np.exp, 700.0, PASS),
    "x^3 at 1e100": (lambda x: x**3, 1e100, PASS),
    "sqrt near 0": (np.sqrt, 1e-12, PASS),
    "sqrt at 0": (np.sqrt, 0.0, INCONCLUSIVE),
    "log at 1e-300": (np.log, 1e-300, PASS),
    "log at 0": (np.log, 0.0, INCONCLUSIVE),
    "x^20": (lambda x: x**20, 3.0, PASS),
    "exp(-1/x^2)": (lambda x: np.exp(-1 / (x * x)), 0.05, PASS),
    "a constant": (lambda x: 5.0, 1.0, PASS),
    "a constant that was computed": (lambda x: 0 * x + 5.0, 1.0, PASS),
    "tiny inputs": (lambda x: np.sum(x * x), np.array([1e-12, 3e-12]), PASS),
    "mixed scales": (lambda x: np.sum(np.sin(x)), np.array([1e-12, 1e6, 0.0, 1.0]), PASS),
    "a sum of softmax": (lambda x: np.sum(x.softmax()), np.array([0.1, 0.3, 2.0]), PASS),
    "a sum of softmax, with gradients of 1e-17": (lambda x: np.sum(x.softmax()), SOFT, PASS),
    "a saturated tanh": (np.tanh, 50.0, PASS),
    "logsumexp at 1000": (lambda x: x.logsumexp(), np.array([1000.0, -1000.0, 0.0]), PASS),
    "a variance far from 0": (np.var, np.array([1e6, 1e6 + 1, 1e6 + 2]), PASS),
    "a fast small ripple": (lambda x: x + 1e-9 * np.sin(1e9 * x), 1.0, PASS),
    "a sum of 100,000 terms": (lambda x: np.sum(x * np.arange(1e5)), 2.5, PASS),
    "float32 input": (lambda x: np.sum(x * x), np.array([1, 2, 3], np.float32), PASS),
    "float32 inside": (lambda x: np.sum(x.astype(np.float32) ** 2), np.array([1.0, 2.5, 3.3]), PASS),
    "a Jacobian": (lambda x: np.tanh(W @ x), X40, PASS),
    "a long chain": (lambda x: _chain(x, 200), 0.3, PASS),
}


def _chain(x, n):
    for _ in range(n):
        x = x + 0.01 * np.sin(x)
    return x


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_gradient_does_not_fail(name):
    f, x, expected = RIGHT[name]
    report = check_gradients(f, x)
    assert report.verdict is expected or expected is None


def _bumped(gradient, index, relative):
    gradient = np.array(gradient, dtype=float)
    gradient.flat[index] *= 1 + relative
    return gradient


def _jacobian(x, relative):
    jacobian = (1 - np.tanh(W @ x) ** 2)[:, None] * W
    jacobian[7, 13] *= 1 + relative
    return jacobian


def _tanh_slope(x):
    return 1 - np.tanh(x) ** 2


SIN = (lambda x: np.sum(np.sin(x) * x), LONG, np.cos(LONG) * LONG + np.sin(LONG))

WRONG = {
    "factor -7 at scale 1e-6": (lambda x: 1e-6 * np.sin(x), 0.7, -7e-6 * math.cos(0.7)),
    "factor -7 at scale 1e-6 on top of 1": (lambda x: 1 + 1e-6 * np.sin(x), 0.7, -7e-6 * math.cos(0.7)),
    "0.09 % off": (np.sin, 0.7, 1.0009 * math.cos(0.7)),
    "0.09 % off at 1e12": (np.square, 1e12, 1.0009 * 2e12),
    "300 % off at 1e12": (np.square, 1e12, 8e12),
    "one wrong Jacobian entry in 1000": (lambda x: np.tanh(W @ x), X40, _jacobian(X40, -1.0)),
    "one Jacobian entry in 1000, 1e-6 off": (lambda x: np.tanh(W @ x), X40, _jacobian(X40, 1e-6)),
    "sign": (np.exp, 1.0, -math.e),
    "factor 2": (lambda x: np.sum(x * x), V, 4 * V),
    "factor 1/2": (lambda x: np.sum(x * x), V, V),
    "zeros": (lambda x: np.sum(x * x), V, np.zeros(6)),
    "NaN in one entry": (lambda x: np.sum(x * x), V, np.where(np.arange(6) == 3, np.nan, 2 * V)),
    "missing unbroadcast": (lambda b: np.sum((M + b) ** 2), V[:4], 2 * (M + V[:4])),
    "the last row only": (lambda b: np.sum((M + b) ** 2), V[:4], 2 * (M + V[:4])[-1]),
    "mean over the broadcast axis": (lambda b: np.sum((M + b) ** 2), V[:4], 2 * (M + V[:4]).mean(axis=0)),
    "transposed": (lambda x: np.sum(np.sin(x) * WEIGHTS), M, (np.cos(M) * WEIGHTS).T),
    "reversed": (lambda x: np.sum(x * np.arange(6.0)), V, np.arange(6.0)[::-1]),
    "(n - 1) / n": (np.var, V, 2 * (V - V.mean()) / 6 * 5 / 6),
    "std by its variance": (np.std, V, 2 * (V - V.mean()) / 6),
    "one of two uses": (lambda x: np.sum(x * np.sin(x)), V, np.sin(V)),
    "one entry 1e-6 off": (*SIN[:2], _bumped(SIN[2], 7, 1e-6)),
    "one entry 1e-8 off": (*SIN[:2], _bumped(SIN[2], 7, 1e-8)),
    "wrong at one entry only": (lambda x: np.sum(np.abs(x)), np.array([1.0, -1e-3, 2.0]), np.ones(3)),
    "tanh by its argument": (np.tanh, V, _tanh_slope(np.tanh(V))),
    "relu at 0, above": (lambda x: np.maximum(x, 0), 0.0, 2.0),
    "relu at 0, below": (lambda x: np.maximum(x, 0), 0.0, -0.01),
    "a dead relu": (lambda x: np.maximum(x, 0), -1.0, 1.0),
    "ties counted twice": (lambda x: np.max(x), np.ones(2), np.array([1.5, 1.5])),
    "1/x near 0": (lambda x: 1 / x, 1e-8, -1.000001e16),
    "sin at 1e10": (np.sin, 1e10, math.cos(1e10) * (1 + 1e-6)),
    "1e8 + sin x": (lambda x: 1e8 + np.sin(x), 0.7, math.cos(0.7) * (1 + 1e-5)),
    "exp at 50": (np.exp, 50.0, math.exp(50) * (1 + 1e-6)),
    "sqrt near 0": (np.sqrt, 1e-12, 5e5 * (1 + 1e-6)),
    "log at 1e-300": (np.log, 1e-300, 1e300 * (1 + 1e-6)),
    "x^20": (lambda x: x**20, 3.0, 20 * 3.0**19 * (1 + 1e-6)),
    "a constant": (lambda x: 5.0 + 0 * x, 3.0, 1e-3),
    "a float32 gradient 1e-5 off": (lambda x: np.sum(x * x), V, (2 * V * (1 + 1e-5)).astype(np.float32)),
    "tiny inputs": (lambda x: np.sum(x * x), np.array([1e-12, 3e-12]), np.array([2e-12, 6.00001e-12])),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_gradient_fails(name):
    f, x, gradient = WRONG[name]
    with pytest.raises(GradientCheckError):
        check_gradients(f, x, gradient=gradient)


RIGHT_BY_HAND = {
    "the Jacobian": (lambda x: np.tanh(W @ x), X40, _jacobian(X40, 0.0)),
    "the product rule": SIN,
    "a derivative entry by entry": (np.tanh, V, _tanh_slope),
    "float32 inside": (lambda x: np.sum(np.asarray(x, np.float32) ** 2), V, 2 * V),
    "a float32 gradient": (lambda x: np.sum(x * x), V, (2 * V).astype(np.float32)),
    "Python's own math": (math.sin, 1.0, math.cos),
    "a domain that ends": (math.log, 1e-3, 1e3),
    "(1e8 + sin x) - 1e8": (lambda x: (1e8 + np.sin(x)) - 1e8, 0.7, math.cos(0.7)),
    "(1 - cos x) / x^2": (lambda x: (1 - np.cos(x)) / x**2, 1e-5, -1e-5 / 12),
    "exp(x) ((1e10 + sin x) - 1e10)": (
        lambda x: ((1e10 + np.sin(x)) - 1e10) * np.exp(x), 0.7, math.exp(0.7) * (math.cos(0.7) + math.sin(0.7)),
    ),
    "a product over 120 decades": (np.prod, np.array([1e-100, 1e50, 1e60]), np.array([1e110, 1e-40, 1e-50])),
    "no dependence": (lambda x: 3.0, V, np.zeros(6)),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT_BY_HAND)
def test_a_right_gradient_by_hand_does_not_fail(name):
    f, x, gradient = RIGHT_BY_HAND[name]
    assert check_gradients(f, x, gradient=gradient).passed


UNARY = (np.exp, np.sin, np.cos, np.tanh, np.square, np.sqrt, np.log, np.abs, np.reciprocal, lambda x: np.maximum(x, 0))
BINARY = (np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum)


def random_function(seed):
    """A composition drawn at random, and a point with magnitudes from 1e-6 to 1e6."""
    draw = np.random.default_rng(seed)
    steps = [
        (UNARY[draw.integers(len(UNARY))], None, None)
        if draw.random() < 0.6
        else (None, BINARY[draw.integers(len(BINARY))], 10 ** draw.uniform(-4, 4))
        for _ in range(draw.integers(1, 7))
    ]
    shape = () if draw.random() < 0.3 else (int(draw.integers(1, 4)),)
    x, y = draw.normal(size=shape) * 10 ** draw.uniform(-6, 6), draw.normal(size=shape) * 10 ** draw.uniform(-3, 3)

    def f(x, y):
        z = x
        for unary, binary, factor in steps:
            z = unary(z) if unary is not None else binary(z * factor, y)
        return np.sum(z)

    return f, x, y


def test_right_gradients_of_random_functions_raise_no_alarm():
    passed = 0
    for seed in range(300):
        f, x, y = random_function(seed)
        with np.errstate(all="ignore"):
            report = check_gradients(f, x, y, raise_on_fail=False, rng=seed)
        finite = all(math.isfinite(entry.analytic) for entry in report.entries)
        assert report.passed or not finite, f"seed {seed}:\n{report}"
        passed += report.verdict is PASS
    assert passed > 200


def test_wrong_gradients_of_random_functions_are_caught():
    missed, checked = [], 0
    for seed in range(120):
        f, x, y = random_function(seed)
        with np.errstate(all="ignore"):
            report = check_gradients(f, x, y, raise_on_fail=False, rng=seed, names=("x 0", "y 1"))
        if report.verdict is not PASS or not any(entry.analytic for entry in report.entries):
            continue
        gradients = [np.zeros(np.shape(x)), np.zeros(np.shape(y))]
        for entry in report.entries:
            gradients[int(entry.argument[-1])][entry.index] = entry.analytic
        worst = max(report.entries, key=lambda entry: abs(entry.analytic))
        gradients[int(worst.argument[-1])][worst.index] *= 1.001

        def run(*inputs, f=f):
            return f(*map(Value, inputs))

        checked += 1
        if check_gradients(run, x, y, gradient=tuple(gradients), raise_on_fail=False).passed:
            missed.append(seed)
    assert checked > 60
    assert not missed
