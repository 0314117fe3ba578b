"""Wrong gradients that people write, and that checkers pass: written by hand, each beside the right one."""
# fmt: off

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.checkers import right as given
from benchmarks.checkers.case import Array, Case, wrong
from benchmarks.checkers.right import bent, chain, chain_slope, inverse, logsumexp, relu, sigmoid, softmax, softplus

draw = np.random.default_rng(20260302)
LONG, MANY, ONES, THIRD, V, W, X40 = given.LONG, given.MANY, given.ONES, given.THIRD, given.V, given.W, given.X40
M = draw.normal(size=(4, 4))
WEIGHTS = np.arange(1.0, 17).reshape(4, 4)
BATCH = draw.normal(size=(5, 4))
KERNEL = np.array([1.0, -2.0, 0.5])
N = V.size
COS = math.cos(0.7)


def times(factor: float) -> Callable[[Array], Array]:
    """The whole gradient, by a factor."""
    return lambda truth: truth * factor


def bumped(index: Any, factor: float) -> Callable[[Array], Array]:
    """One entry, by a factor."""
    return lambda truth: put(truth, index, truth[index] * factor)


def put(array: Any, index: Any, value: float) -> Array:
    """A copy with one entry set."""
    copy = np.array(array, dtype=np.float64)
    copy[index] = value
    return copy


def zeros(truth: Array) -> Array:
    """Nothing at all."""
    return np.zeros_like(truth)


def factors() -> list[Case]:
    """A number is wrong."""
    squares, twice = (lambda x: np.sum(x * x)), 2 * V
    return [
        wrong("sign", np.exp, 1.0, math.e, -math.e),
        wrong("factor 2", squares, V, twice, times(2)),
        wrong("factor 1/2", squares, V, twice, times(0.5)),
        wrong("factor -7 at scale 1e-6", lambda x: 1e-6 * np.sin(x), 0.7, 1e-6 * COS, times(-7)),
        wrong("factor -7 at scale 1e-6, beside 1", lambda x: 1 + 1e-6 * np.sin(x), 0.7, 1e-6 * COS, times(-7)),
        wrong("factor -7 at scale 1e-12", lambda x: 1e-12 * np.sum(np.sin(x)), V, 1e-12 * np.cos(V), times(-7)),
        wrong("300 % off at 1e12", np.square, 1e12, 2e12, times(4)),
        wrong("zeros", squares, V, twice, zeros),
        wrong("zeros at scale 1e-8", lambda x: 1e-8 * np.sum(np.sin(x)), V, 1e-8 * np.cos(V), zeros),
        wrong("ones", lambda x: np.sum(np.abs(x)), [1.0, -1e-3, 2.0], [1.0, -1.0, 1.0], ONES),
        wrong("NaN in one entry", squares, V, twice, put(twice, 3, np.nan)),
        wrong("infinity in one entry", squares, V, twice, put(twice, 3, np.inf)),
        wrong("(n - 1) / n", np.var, V, 2 * (V - V.mean()) / N, times((N - 1) / N)),
        wrong("n / (n - 1)", np.var, V, 2 * (V - V.mean()) / N, times(N / (N - 1))),
        wrong("(n - 1) / n for n of 400", np.var, LONG, 2 * (LONG - LONG.mean()) / 400, times(399 / 400)),
        wrong("degrees for radians", np.sin, 0.7, COS, math.cos(math.radians(0.7))),
        wrong("log2 for log", np.log, V**2 + 1, np.diag(1 / (V**2 + 1)), times(1 / math.log(2))),
        wrong("dropout without its scale", lambda x: np.sum(x * np.array([2.0, 0, 2, 2, 0, 2])), V,
              [2.0, 0, 2, 2, 0, 2], times(0.5)),
        wrong("a leak of 0.1 for 0.01", lambda x: np.sum(np.where(x > 0, x, 0.01 * x)), V, np.where(V > 0, 1, 0.01),
              np.where(V > 0, 1, 0.1)),
        wrong("rounded to float16", squares, V, twice, twice.astype(np.float16)),
    ]


def small_errors() -> list[Case]:
    """Relative errors from 1e-3 down to 1e-9."""
    total, inner = (lambda x: np.sum(np.sin(x) * x)), np.cos(LONG) * LONG + np.sin(LONG)
    row, slope = (lambda x: np.tanh(W @ x)), (1 / np.cosh(W @ X40) ** 2)[:, None] * W
    return [
        wrong("0.09 % off", np.sin, 0.7, COS, times(1.0009)),
        wrong("0.09 % off at 1e12", np.square, 1e12, 2e12, times(1.0009)),
        wrong("0.09 % off in one of 400", total, LONG, inner, bumped(7, 1.0009)),
        *(wrong(f"{e:.0e} off", np.sin, 0.7, COS, times(1 + e)) for e in (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)),
        *(wrong(f"{e:.0e} off in one of 400", total, LONG, inner, bumped(7, 1 + e)) for e in (1e-4, 1e-6, 1e-8)),
        wrong("one wrong Jacobian entry in 1000", row, X40, slope, bumped((7, 13), 0.0)),
        wrong("one Jacobian entry in 1000, 1e-3 off", row, X40, slope, bumped((7, 13), 1.001)),
        wrong("one Jacobian entry in 1000, 1e-6 off", row, X40, slope, bumped((7, 13), 1 + 1e-6)),
        wrong("one wrong entry in 20,000", lambda x: np.sum(np.sqrt(1 + x * x)), MANY, lambda x: x / np.sqrt(1 + x * x),
              bumped(12_345, -1.0)),
        wrong("one entry in 20,000, 1 % off", lambda x: np.sum(np.sqrt(1 + x * x)), MANY,
              lambda x: x / np.sqrt(1 + x * x),
              bumped(12_345, 1.01)),
        wrong("two errors that cancel", total, LONG, inner, lambda g: put(put(g, 0, g[0] + 1e-3), 1, g[1] - 1e-3)),
        wrong("exp at 50, 1e-6 off", np.exp, 50.0, np.exp, times(1 + 1e-6)),
        wrong("x^20, 1e-6 off", lambda x: x**20, 3.0, 20 * 3.0**19, times(1 + 1e-6)),
        wrong("sqrt near 0, 1e-6 off", np.sqrt, 1e-12, 5e5, times(1 + 1e-6)),
        wrong("log at 1e-300, 1e-6 off", np.log, 1e-300, 1e300, times(1 + 1e-6)),
        wrong("1/x near 0, 1e-6 off", lambda x: 1 / x, 1e-8, -1e16, times(1 + 1e-6)),
        wrong("sin at 1e10, 1e-6 off", np.sin, 1e10, np.cos, times(1 + 1e-6)),
        wrong("1e8 + sin x, 1e-4 off", lambda x: 1e8 + np.sin(x), 0.7, COS, times(1 + 1e-4)),
        wrong("tiny inputs, 1e-6 off", lambda x: np.sum(x * x), [1e-12, 3e-12], [2e-12, 6e-12], bumped(1, 1 + 1e-6)),
        wrong("mixed scales, the tiny entry doubled", lambda x: np.sum(x * x), [1e-8, 1.0, 1e8], [2e-8, 2.0, 2e8],
              bumped(0, 2.0)),
        wrong("a constant, 1e-3", lambda x: 5.0 + 0.0 * x, 3.0, 0.0, 1e-3),
        wrong("an independent input, 1e-7", lambda x: np.sin(x[0]), [1.0, 2.0], [math.cos(1.0), 0.0],
              [math.cos(1.0), 1e-7]),
    ]


def shapes() -> list[Case]:
    """An axis, an order or an index is wrong."""
    added, truth = (lambda b: np.sum((M + b) ** 2)), (2 * (M + V[:4])).sum(axis=0)
    spread = 2 * (M + V[:4])
    weighed = lambda x: np.sum(np.sin(x) * WEIGHTS)  # noqa: E731 - a name for a lambda that three rows share
    right = np.cos(M) * WEIGHTS
    product = WEIGHTS.sum(axis=0)
    ends = np.diff(np.concatenate([[0.0], np.cumsum(V)]))
    return [
        wrong("a missing sum over the broadcast axis", added, V[:4], truth, spread),
        wrong("the last row for the sum", added, V[:4], truth, spread[-1]),
        wrong("a mean for the sum", added, V[:4], truth, spread.mean(axis=0)),
        wrong("a sum over the wrong axis", added, V[:4], truth, spread.sum(axis=1)),
        wrong("transposed", weighed, M, right, right.T),
        wrong("W for W.T", lambda x: np.sum(WEIGHTS @ x), V[:4], product, WEIGHTS.sum(axis=1)),
        wrong("rows for columns of a Jacobian", lambda x: M @ x, V[:4], M, M.T),
        wrong("reversed", lambda x: np.sum(x * np.arange(6.0)), V, np.arange(6.0), np.arange(6.0)[::-1]),
        wrong("off by one index", weighed, M, right, np.roll(right, 1)),
        wrong("the last entry left out", weighed, M, right, put(right, (3, 3), 0.0)),
        wrong("a running sum, not reversed", lambda x: np.sum(np.cumsum(x) * V), V, np.cumsum(V[::-1])[::-1],
              np.cumsum(V)),
        wrong("a kernel, not flipped", lambda x: np.sum(np.convolve(x, KERNEL, "same") * V), V,
              np.convolve(V, KERNEL[::-1], "same"), np.convolve(V, KERNEL, "same")),
        wrong("a sort, not undone", lambda x: np.sum(np.sort(x) * np.arange(6.0)), V, np.argsort(np.argsort(V)),
              np.arange(6.0)),
        wrong("max at the neighbour", np.max, V, V.argmax() == np.arange(N), np.roll(V.argmax() == np.arange(N), 1)),
        wrong("softmax over the wrong axis", lambda x: np.sum(np.log(np.sum(np.exp(x), axis=1))), BATCH,
              np.exp(BATCH) / np.exp(BATCH).sum(axis=1, keepdims=True), np.exp(BATCH) / np.exp(BATCH).sum(axis=0)),
        wrong("the input for its differences", lambda x: np.sum(np.cumsum(x) ** 2) / 2, V,
              np.cumsum(np.cumsum(V)[::-1])[::-1], ends),
    ]


def uses() -> list[Case]:
    """A contribution is missing, stale, or counted too often."""
    both = V * np.cos(V) + np.sin(V)
    return [
        wrong("= for +=, first use kept", lambda x: np.sum(x * np.sin(x)), V, both, np.sin(V)),
        wrong("= for +=, last use kept", lambda x: np.sum(x * np.sin(x)), V, both, V * np.cos(V)),
        wrong("= for += in a chain of 200", chain, 0.3, chain_slope, 1.0),
        wrong("one of 200 contributions missing", chain, 0.3, chain_slope,
              times(1 - 0.01 / (1 + 0.01 * math.cos(0.3)))),
        wrong("ties counted twice", np.max, ONES[:2], [0.5, 0.5], [1.0, 1.0], kink=True),
        wrong("ties of three counted fully", np.max, ONES, THIRD, ONES, kink=True),
        wrong("ties with weights beyond 1", np.max, ONES[:2], [0.5, 0.5], [1.5, 1.5], kink=True),
        wrong("ties along an axis counted twice", lambda x: np.sum(np.min(x, axis=0)), np.ones((2, 2)),
              np.full((2, 2), 0.5), np.ones((2, 2)), kink=True),
        wrong("relu at 0, beyond both slopes", relu, 0.0, 0.0, 2.0, kink=True),
        wrong("relu at 0, below both slopes", relu, 0.0, 0.0, -0.01, kink=True),
        wrong("abs at 0, beyond both slopes", np.abs, 0.0, 0.0, 1.001, kink=True),
        wrong("a dead relu that lives", relu, -1.0, 0.0, 1.0),
        wrong("clip that passes outside", lambda x: np.sum(np.clip(x, -1.0, 1.0) ** 2), [0.5, 3.0], [1.0, 0.0],
              [1.0, 2.0]),
        wrong("wrong at one point only: x |x| at 0", lambda x: x * np.abs(x), 0.0, 0.0, 1.0),
        wrong("wrong at one point only: exp(-1/x) at 0", bent, 0.0, 0.0, 1.0),
        wrong("wrong at one point only: one entry at 0", lambda x: np.sum(x * x * x + x), [0.0, 1.0, 2.0],
              [1.0, 4, 13], [0.0, 4, 13]),
        wrong("stale by 1e-2", lambda x: np.sum(np.exp(x)), V, np.exp(V), np.exp(V - 1e-2)),
        wrong("stale by 1e-5", lambda x: np.sum(np.exp(x)), V, np.exp(V), np.exp(V - 1e-5)),
        wrong("a product with a 0, by division", np.prod, [2.0, 0.0, 5.0], [0.0, 10, 0], [0.0, np.nan, 0]),
    ]


def formulas() -> list[Case]:
    """A rule of calculus is wrong."""
    p = softmax(V)
    size = np.sqrt(np.sum(V * V))
    good, a = sigmoid(V), M + 5 * np.eye(4)
    b = inverse(a)
    return [
        wrong("the inner factor forgotten", lambda x: np.sin(3 * x), 0.7, 3 * math.cos(2.1), math.cos(2.1)),
        wrong("exp(-x^2) without its inner derivative", lambda x: np.sum(np.exp(-(x**2))), V, -2 * V * np.exp(-(V**2)),
              np.exp(-(V**2))),
        wrong("tanh by its result", np.tanh, 0.9, 1 - np.tanh(0.9) ** 2, 1 - np.tanh(np.tanh(0.9)) ** 2),
        wrong("sigmoid for its derivative", lambda x: np.sum(sigmoid(x)), V, good * (1 - good), good),
        wrong("softmax without its cross terms", softmax, V, given.softmax_jacobian, np.diag(p * (1 - p))),
        wrong("log-softmax without its sum", lambda x: x[0] - logsumexp(x), V, np.eye(N)[0] - p, np.eye(N)[0]),
        wrong("cross-entropy, the target left out", lambda x: logsumexp(x) - x[2], V, p - np.eye(N)[2], p),
        wrong("cross-entropy, not divided by the batch", lambda x: np.mean(softplus(x)), V, good / N, good),
        wrong("the sign in a quotient", lambda x: np.sin(x) / x, 1.3, (1.3 * math.cos(1.3) - math.sin(1.3)) / 1.69,
              (1.3 * math.cos(1.3) + math.sin(1.3)) / 1.69),
        wrong("a norm without its division", lambda x: np.sqrt(np.sum(x * x)), V, V / size, V),
        wrong("a standard deviation by its variance", np.std, V, (V - V.mean()) / N / np.std(V),
              2 * (V - V.mean()) / N),
        wrong("a variance whose mean stands still at 0", np.var, V + 1, 2 * (V - V.mean()) / N, 2 * (V + 1) / N),
        wrong("logsumexp, all alike", logsumexp, V, p, np.full(N, 1 / N)),
        wrong("x^20 with 19 in front", lambda x: x**20, 1.1, 20 * 1.1**19, 19 * 1.1**19),
        wrong("an inverse without its sign", lambda x: np.sum(np.linalg.inv(x) * WEIGHTS), a, -b.T @ WEIGHTS @ b.T,
              b.T @ WEIGHTS @ b.T,
              twin=lambda x: np.sum(inverse(x) * WEIGHTS)),
        wrong("an inverse without its transpositions", lambda x: np.sum(np.linalg.inv(x) * WEIGHTS), a,
              -b.T @ WEIGHTS @ b.T,
              -b @ WEIGHTS @ b, twin=lambda x: np.sum(inverse(x) * WEIGHTS)),
        wrong("the symmetric part of a matrix only", lambda x: V[:4] @ x @ M[0], M, np.outer(V[:4], M[0]),
              (np.outer(V[:4], M[0]) + np.outer(M[0], V[:4])) / 2),
        wrong("straight through", lambda x: np.floor(4 * x) / 4, 0.6, 0.0, 1.0),
    ]


def cases() -> list[Case]:
    """All of them."""
    return [*factors(), *small_errors(), *shapes(), *uses(), *formulas()]
