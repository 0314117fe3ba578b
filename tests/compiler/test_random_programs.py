"""Programs drawn at random, of mixed types and shapes: compiled, they give what they give uncompiled."""

import contextlib
import random

import numpy as np
import pytest

import tinygrad_edu
from tinygrad_edu import Value, log_softmax, logsumexp, sigmoid, softmax, softplus
from tinygrad_edu.errors import GradientError

SHAPES = [(), (1,), (3,), (2, 3), (1, 3), (2, 1), (4, 2, 3), (0, 3), (2, 0, 1)]
TYPES = [np.float64, np.float64, np.float32, np.int64, np.bool_]
HARD = [0.0, -0.0, 1.0, np.inf, -np.inf, np.nan, 1e300, 700.0]
ROUGH = [lambda x: x.astype(np.float32), lambda x: x * np.float32(0.5)]
OF_ONE = [
    np.exp, np.tanh, np.negative, np.abs, np.sqrt, np.square, np.sign, np.floor, np.log, sigmoid, softplus, np.isfinite,
    np.ravel, np.transpose, np.linalg.norm, lambda x: np.expand_dims(x, 0), lambda x: np.flip(x), lambda x: x[..., :1],
    lambda x: x[::-1], lambda x: x[[0, 0, -1]], lambda x: x[..., None], *ROUGH,
    lambda x: x + x * x, lambda x: 2.0 - x, lambda x: x * 3, lambda x: x * True, lambda x: x - 1.5,
    lambda x: np.clip(x, -1, 1), lambda x: np.stack([x, np.zeros_like(x), x]), lambda x: softmax(x, axis=-1),
    lambda x: log_softmax(x, axis=-1), lambda x: logsumexp(x, axis=-1), lambda x: np.cumsum(x, axis=-1),
    lambda x: np.sort(x, axis=-1),
    *(
        lambda x, f=f, axis=axis, kept=kept: f(x, axis=axis, keepdims=kept)
        for f in (np.sum, np.mean, np.max, np.prod, np.var)
        for axis, kept in ((None, False), (-1, True), (0, False))
    ),
]  # fmt: skip
OF_TWO = [
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.hypot, np.logaddexp, np.matmul, np.fmod,
    lambda x, y: np.where(x > 0.1, x, y), lambda x, y: x * (y > 0), lambda x, y: (x >= y) * x + (x < y) * 2,
    lambda x, y: np.concatenate([x, y, x], axis=-1),
]  # fmt: skip


def drawn_array(rng, shape, kind):
    if kind in (np.int64, np.bool_):
        return rng.integers(-3, 4, shape).astype(kind)
    x = np.where(rng.random(shape) < 0.1, rng.choice(HARD, shape), rng.normal(size=shape)).astype(kind)
    return [x, np.asfortranarray(x), x[::-1] if x.ndim else x][rng.integers(3)]


def program(seed):
    """A function of some arguments, and a function that draws those from a seed."""
    draw = random.Random(seed)
    base = draw.choice(SHAPES)
    forms = [
        (base if draw.random() < 0.7 else draw.choice(SHAPES), draw.choice(TYPES), draw.random() < 0.7)
        for _ in range(draw.randint(1, 3))
    ]
    w = Value(drawn_array(np.random.default_rng(seed), base, np.float64))
    lines = [(draw.choice(OF_ONE), draw.random(), None) for _ in range(4)]
    lines += [(draw.choice(OF_TWO), draw.random(), draw.random()) for _ in range(4)]
    draw.shuffle(lines)

    def f(*args):
        known = [*args, w]
        for of, i, j in lines:
            chosen = [known[int(k * len(known))] for k in (i, j) if k is not None]
            try:
                made = of(*chosen)
            except (ValueError, IndexError, TypeError):  # shapes or types that do not fit: the same in each run
                continue
            if np.size(made) <= 400:
                known.append(made)
        return known[-1]

    def arguments(number):
        rng = np.random.default_rng([seed, number])
        drawn = [(drawn_array(rng, shape, kind), taken) for shape, kind, taken in forms]
        return [Value(x) if taken and x.dtype.kind == "f" else x for x, taken in drawn]

    exact = all(kind is not np.float32 for _, kind, _ in forms) and not any(of in ROUGH for of, *_ in lines)
    return f, arguments, w, 1e-9 if exact else 5e-4


def outcome(f, args, w):
    """Result and gradients, as arrays."""
    w.grad = None
    out = f(*args)
    if isinstance(out, Value) and out.dtype.kind == "f":
        with contextlib.suppress(GradientError):  # of something that depends on nothing
            out.backward(np.linspace(0.5, 1.5, out.size).reshape(out.shape).astype(out.dtype))
    leaves = [x for x in (*args, w) if isinstance(x, Value)]
    return [getattr(out, "data", out) if isinstance(out, Value) else out, *(x.grad for x in leaves)]


def assert_same(found, expected, tolerance):
    for ours, theirs in zip(found, expected, strict=True):
        if ours is None or theirs is None:  # an operation with derivative zero
            assert not np.any(theirs if ours is None else ours)
            continue
        assert (np.shape(ours), np.result_type(ours)) == (np.shape(theirs), np.result_type(theirs))
        finite = np.abs(np.asarray(theirs, float)[np.isfinite(theirs)])
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * float(finite.max(initial=0.0)))


@pytest.mark.parametrize("some", range(6))
@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:Mean of empty")
def test_random_programs_are_as_without_compile(some):
    with np.errstate(all="ignore"):
        for seed in range(20 * some, 20 * some + 20):
            f, arguments, w, tolerance = program(seed)
            fast = tinygrad_edu.compile(f, jit=False)
            kept = []
            for number in range(3):
                expected = outcome(f, arguments(number), w)
                found = outcome(fast, arguments(number), w)
                assert_same(found, expected, tolerance)
                kept.append((found[0], np.array(found[0])))
                w.data = w.data * 0.5
            for result, before in kept:  # later runs left earlier results alone
                np.testing.assert_array_equal(result, before)
