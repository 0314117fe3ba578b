"""Right gradients at places where checkers raise false alarms: written by hand, each with its formula."""
# fmt: off

import math
from typing import Any

import numpy as np

from benchmarks.checkers.case import Case, right

draw = np.random.default_rng(20260301)
V = draw.normal(size=6)
LONG = draw.normal(size=400)
M = draw.normal(size=(4, 4))
W = draw.normal(size=(25, 40)) * 0.2
X40 = draw.normal(size=40)
MANY = draw.normal(size=20_000)
TERMS = draw.uniform(-1, 1, size=100_000)
LAYERS = draw.normal(size=(100, 4, 4)) * 0.6
ONES = np.ones(3)
HILBERT = 1 / (1.0 + np.add.outer(np.arange(5), np.arange(5)))
THIRD = np.full(3, 1 / 3)


def relu(x: Any) -> Any:
    """Max(x, 0)."""
    return np.maximum(x, 0.0)


def softmax(x: Any) -> Any:
    """Exponentials over their sum."""
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def softmax_jacobian(x: Any) -> Any:
    """Its derivative: diag(p) - p p^T."""
    p = softmax(x)
    return np.diag(p) - np.outer(p, p)


def logsumexp(x: Any) -> Any:
    """Log of the sum of exponentials, from the largest."""
    top = np.max(x)
    return top + np.log(np.sum(np.exp(x - top)))


def softplus(x: Any) -> Any:
    """Log(1 + e^x), for any x."""
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0.0)


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x), by tanh."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def chain(x: Any) -> Any:
    """200 steps x + 0.01 sin x."""
    for _ in range(200):
        x = x + 0.01 * np.sin(x)
    return x


def chain_slope(x: Any) -> Any:
    """Its derivative, by the chain rule."""
    slope = 1.0
    for _ in range(200):
        slope, x = slope * (1 + 0.01 * np.cos(x)), x + 0.01 * np.sin(x)
    return slope


def chaos(x: Any) -> Any:
    """25 steps of a chaotic map: errors double in each."""
    for _ in range(25):
        x = 3.9 * x * (1.0 - x)
    return x


def network(x: Any) -> Any:
    """100 layers of tanh."""
    for weights in LAYERS:
        x = np.tanh(weights @ x)
    return np.sum(x)


def solve(a: Any, b: Any) -> Any:
    """Gauss and Jordan, with the largest pivot, for arrays of objects."""
    table = np.concatenate([a, b], axis=1)
    n = len(a)
    for k in range(n):
        pivot = max(range(k, n), key=lambda i: abs(table[i, k]))
        table[[k, pivot]] = table[[pivot, k]]
        table[k] = table[k] / table[k, k]
        for i in range(n):
            if i != k:
                table[i] = table[i] - table[i, k] * table[k]
    return table[:, n:]


def inverse(a: Any) -> Any:
    """For arrays of objects."""
    return solve(a, np.eye(len(a)).astype(object))


def determinant(a: Any) -> Any:
    """By the first row."""
    if len(a) == 1:
        return a[0, 0]
    signs = (1 - 2 * (k % 2) for k in range(len(a)))
    return sum(s * a[0, k] * determinant(np.delete(a[1:], k, axis=1)) for k, s in enumerate(signs))


def rosenbrock(x: Any) -> Any:
    """A curved valley, with its minimum at (1, 1)."""
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def huber(x: Any) -> Any:
    """A parabola that goes on straight, without a kink."""
    size = np.abs(x)
    return np.where(size <= 1.0, 0.5 * x * x, size - 0.5)


def bent(x: Any) -> Any:
    """Exp(-1/x) for x > 0, else 0: smooth everywhere."""
    inside = np.where(x > 0, x, 1.0)
    return np.where(x > 0, np.exp(-1.0 / inside), 0.0)


def kinks() -> list[Case]:
    """The function has two slopes here, and everything between them is a right answer."""
    return [
        right("relu at 0, 0 by convention", relu, 0.0, 0.0, kink=True),
        right("relu at 0, 1 by convention", relu, 0.0, 1.0, kink=True),
        right("relu at 0, one half", relu, 0.0, 0.5, kink=True),
        right("abs at 0", np.abs, 0.0, 0.0, kink=True),
        right("abs at 0, from the right", np.abs, 0.0, 1.0, kink=True),
        right("max of three that tie, shared", np.max, ONES, THIRD, kink=True),
        right("max of three that tie, the first", np.max, ONES, [1.0, 0.0, 0.0], kink=True),
        right("min along an axis, ties", lambda x: np.sum(np.min(x, axis=0)), np.ones((2, 2)), np.full((2, 2), 0.5),
              kink=True),
        right("maximum with a constant, tie", lambda x: np.maximum(x, 1.0), 1.0, 0.5, kink=True),
        right("clip at its edge, passing", lambda x: np.clip(x, 0.0, 1.0), 1.0, 1.0, kink=True),
        right("clip at its edge, blocking", lambda x: np.clip(x, 0.0, 1.0), 0.0, 0.0, kink=True),
        right("norm at 0", np.linalg.norm, np.zeros(3), np.zeros(3), kink=True),
        right("hinge loss at its margin", lambda x: np.sum(np.maximum(0.0, 1.0 - x)), [1.0, 0.5, 2.0],
              [0.0, -1.0, 0.0], kink=True),
        right("leaky relu at 0", lambda x: np.where(x > 0, x, 0.01 * x), 0.0, 0.01, kink=True),
        right("relu at 0 in one entry of ten", lambda x: np.sum(relu(x) * np.arange(1.0, 11)), np.arange(-4.0, 6),
              np.where(np.arange(-4.0, 6) > 0, np.arange(1.0, 11), 0.0), kink=True),
    ]


def near_kinks() -> list[Case]:
    """A kink is near, or only in a higher derivative."""
    return [
        right("relu at 1e-9", relu, 1e-9, 1.0),
        right("relu at -1e-12", relu, -1e-12, 0.0),
        right("relu of x - 1 at 1 + 1e-9", lambda x: relu(x - 1), 1 + 1e-9, 1.0),
        right("max, a tie by a hair", np.max, [1.0, 1 + 1e-14], [0.0, 1.0]),
        right("x |x| at 0", lambda x: x * np.abs(x), 0.0, 0.0),
        right("|x|^1.5 at 0", lambda x: np.abs(x) ** 1.5, 0.0, 0.0),
        right("huber at its joint", lambda x: np.sum(huber(x)), [1.0, -1.0, 0.3], [1.0, -1.0, 0.3]),
        right("exp(-1/x) that ends at 0, at 0", bent, 0.0, 0.0),
        right("floor at 0.5", np.floor, 0.5, 0.0),
        right(
            "where with a pole in the branch not taken", lambda x: np.where(x > 1e-3, 1.0 / (x + 1e-30), 0.0), 1e-4, 0.0
        ),
        right(
            "sort of near ties",
            lambda x: np.sum(np.sort(x) * np.arange(4.0)),
            [3.0, 1.0, 1 + 1e-12, 2.0],
            [3.0, 0.0, 1.0, 2.0],
        ),
    ]


def scales() -> list[Case]:
    """Numbers are tiny, huge, or both; the curve is steep or flat."""
    return [
        right("1/x near 0", lambda x: 1 / x, 1e-8, -1e16),
        right("1/x very near 0", lambda x: 1 / x, 1e-150, -1e300),
        right("sin at 1e10", np.sin, 1e10, np.cos),
        right("sin at 1e13", np.sin, 1e13, np.cos),
        right("x^2 at 1e12", np.square, 1e12, 2e12),
        right("x^2 at 0", lambda x: x * x, 0.0, 0.0),
        right("x^3 at 1e100", lambda x: x**3, 1e100, 3e200),
        right("cos at 0", np.cos, 0.0, 0.0),
        right("exp at 50", np.exp, 50.0, np.exp),
        right("exp at 700", np.exp, 700.0, np.exp),
        right("exp at -700", np.exp, -700.0, np.exp),
        right("sqrt near 0", np.sqrt, 1e-12, 5e5),
        right("sqrt very near 0", np.sqrt, 1e-300, lambda x: 0.5 / np.sqrt(x)),
        right("log at 1e-300", np.log, 1e-300, lambda x: 1 / x),
        right("log near 1", np.log, 1 + 1e-12, lambda x: 1 / x),
        right("x^20", lambda x: x**20, 3.0, 20 * 3.0**19),
        right("x^20 at 1e-3", lambda x: x**20, 1e-3, lambda x: 20 * x**19),
        right("x^-20", lambda x: x**-20, 10.0, lambda x: -20 * x**-21),
        right("cube root near 0", lambda x: x ** (1 / 3), 1e-9, lambda x: (1 / 3) * x ** (1 / 3 - 1)),
        right("tan near its pole", np.tan, 1.5707, lambda x: 1 + np.tan(x) ** 2),
        right("arcsin near 1", np.arcsin, 1 - 1e-9, lambda x: 1 / np.sqrt((1 - x) * (1 + x))),
        right("x^x", lambda x: np.exp(x * np.log(x)), 5.0, lambda x: x**x * (1 + np.log(x))),
        right("sin(1/x) at 1e-3", lambda x: np.sin(1 / x), 1e-3),
        right("exp(-1/x^2)", lambda x: np.exp(-1 / (x * x)), 0.05, lambda x: 2 / x**3 * np.exp(-1 / (x * x))),
        right("tiny inputs", lambda x: np.sum(x * x), [1e-12, 3e-12], [2e-12, 6e-12]),
        right("huge inputs", lambda x: np.sum(np.sqrt(x)), [1e150, 4e150], lambda x: 0.5 / np.sqrt(x)),
        right("mixed scales", lambda x: np.sum(np.sin(x)), [1e-12, 1e6, 0.0, 1.0], np.cos),
        right("mixed scales, squared", lambda x: np.sum(x * x), [1e-8, 1.0, 1e8], [2e-8, 2.0, 2e8]),
        right("a product over 120 decades", np.prod, [1e-100, 1e50, 1e60], [1e110, 1e-40, 1e-50]),
    ]


def cancellation() -> list[Case]:
    """The function rounds more than its value tells."""
    return [
        right("1e8 + sin x", lambda x: 1e8 + np.sin(x), 0.7, np.cos),
        right("(1e8 + sin x) - 1e8", lambda x: (1e8 + np.sin(x)) - 1e8, 0.7, np.cos),
        right("1e12 + sin x", lambda x: 1e12 + np.sin(x), 0.7, np.cos),
        right("1e16 + x^2", lambda x: 1e16 + x * x, 3.0, 6.0),
        right("(1 - cos x) / x^2", lambda x: (1 - np.cos(x)) / x**2, 1e-5),
        right("(e^x - 1) / x", lambda x: (np.exp(x) - 1) / x, 1e-9),
        right("(x - 1)^7, multiplied out",
              lambda x: x**7 - 7 * x**6 + 21 * x**5 - 35 * x**4 + 35 * x**3 - 21 * x**2 + 7 * x - 1, 1.01,
              lambda x: 7 * (x - 1) ** 6),
        right("a variance far from 0", np.var, [1e6, 1e6 + 1, 1e6 + 2], [-2 / 3, 0.0, 2 / 3]),
        right("a standard deviation of near equals", np.std, [5.0, 5 + 1e-7, 5 - 2e-7]),
        right("a fast small ripple", lambda x: x + 1e-9 * np.sin(1e9 * x), 1.0, lambda x: 1 + np.cos(1e9 * x)),
        right("a sum of softmax", lambda x: np.sum(softmax(x)), [0.1, 0.3, 2.0], np.zeros(3)),
        right("float32 inside", lambda x: np.sum(x.astype(np.float32) ** 2), V, 2 * V, twin=lambda x: np.sum(x * x)),
        right("float32 inside, float64 outside", lambda x: np.sum(x.astype(np.float32) ** 2).astype(np.float64), V,
              2 * V,
              twin=lambda x: np.sum(x * x)),
        right("float32 exp, float64 outside", lambda x: np.sum(np.exp(x.astype(np.float32)).astype(np.float64)), [1.5],
              np.exp,
              twin=lambda x: np.sum(np.exp(x))),
    ]


def nothing() -> list[Case]:
    """The gradient, or a part of it, is 0."""
    return [
        right("a constant", lambda x: 5.0 + 0.0 * x, 1.0, 0.0),
        right("an independent input", lambda x: np.sin(x[0]), [1.0, 2.0], [math.cos(1.0), 0.0]),
        right("a saturated tanh", np.tanh, 50.0, lambda x: 1 / np.cosh(x) ** 2),
        right("a minimum", rosenbrock, [1.0, 1.0], [0.0, 0.0]),
        right("a minimum beside a large number", lambda x: 1e6 + np.sum((x - V) ** 2), V, np.zeros(6)),
    ]


def many_things() -> list[Case]:
    """Many inputs, results, terms or steps; saturated, or ill-conditioned."""
    return [
        right("softmax at +-1000", softmax, [1000.0, -1000.0, 999.0], softmax_jacobian),
        right("logsumexp at 1000", logsumexp, [1000.0, -1000.0, 1000.5], softmax),
        right("logsumexp at 1e5", logsumexp, [1e5, 1e5 - 1, 0.0], softmax),
        right("sigmoid far out", lambda x: np.sum(np.exp(-softplus(-x))), [-40.0, -100.0, 3.0],
              lambda x: np.exp(-softplus(-x) - softplus(x))),
        right("softplus far out", lambda x: np.sum(softplus(x)), [-30.0, 30.0, 800.0], lambda x: np.exp(-softplus(-x))),
        right("cross-entropy of a confident network", lambda x: logsumexp(x) - x[0], [30.0, 0.0, -5.0]),
        right("a product with one 0", np.prod, [2.0, 0.0, 5.0], [0.0, 10.0, 0.0]),
        right("a product with two 0s", np.prod, [2.0, 0.0, 0.0], np.zeros(3)),
        right("cumulative products with a 0", np.cumprod, [2.0, 0.0, 5.0], [[1.0, 0, 0], [0, 2.0, 0], [0, 10.0, 0]]),
        right("the inverse of a Hilbert matrix", lambda a: np.sum(np.linalg.inv(a)), HILBERT,
              twin=lambda a: np.sum(inverse(a))),
        right("a determinant near 0", np.linalg.det, HILBERT, twin=determinant),
        right("a system that is ill-conditioned", lambda a: np.sum(np.linalg.solve(a, np.arange(1.0, 6))), HILBERT,
              twin=lambda a: np.sum(solve(a, np.arange(1.0, 6).astype(object)[:, None]))),
        right("a Jacobian of 1000 entries", lambda x: np.tanh(W @ x), X40,
              lambda x: (1 / np.cosh(W @ x) ** 2)[:, None] * W),
        right("a matrix power", lambda a: np.sum(a @ a @ a @ a), M),
        right("a median", np.median, V, lambda x: np.where((x == np.sort(x)[2]) | (x == np.sort(x)[3]), 0.5, 0.0)),
        right("a chain of 200", chain, 0.3, chain_slope),
        right("a chaotic map", chaos, 0.3),
        right("a network of 100 layers", network, V[:4]),
        right("a sum of 100,000 terms", lambda x: np.sum(np.sqrt(1 + x * TERMS)), 0.5,
              lambda x: np.sum(TERMS / np.sqrt(1 + x * TERMS)) / 2),
        right("20,000 inputs", lambda x: np.sum(np.sqrt(1 + x * x)), MANY, lambda x: x / np.sqrt(1 + x * x)),
    ]


def cases() -> list[Case]:
    """All of them."""
    return [*kinks(), *near_kinks(), *scales(), *cancellation(), *nothing(), *many_things()]
