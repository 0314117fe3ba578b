"""The complex step, a second witness: Im f(x + i h d) / h is the slope along d to the last digits.

Nothing is subtracted, so nothing cancels, and h may be 1e-30. It asks for operations that are analytic and
compute with complex numbers; those are listed, and a test holds each of them to it. A graph of other
operations has no such witness.

Notes
-----
Squire and Trapp, Using Complex Variables to Estimate Derivatives of Real Functions, SIAM Review 40 (1998).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from tinygrad_edu.check.claims import Array, quiet
from tinygrad_edu.check.subjects import Subject
from tinygrad_edu.graph import Replay, topological

ANALYTIC: Final = frozenset((
    "add", "subtract", "multiply", "divide", "power", "float_power", "negative", "positive", "square", "reciprocal",
    "sqrt", "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "arcsin", "arccos", "arctan",
    "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "sinc", "gelu_tanh",
    "softmax", "log_softmax", "logsumexp", "sum", "mean", "prod", "cumsum", "cumprod",
    "matmul", "einsum", "tensordot", "cross", "convolve", "conv2d", "conv2d_image", "conv2d_kernel", "avg_pool2d",
    "solve", "inv", "det", "expm",
    "identity", "reshape", "transpose", "swapaxes", "broadcast_to", "squeeze", "expand_dims", "concatenate", "stack",
    "getitem", "scatter", "getitem_at", "scatter_at", "at_set", "part", "place", "pad", "flip", "roll", "tile", "tril",
    "triu", "im2col", "col2im",
))  # fmt: skip
PIECES: Final = frozenset(("relu", "leaky_relu", "elu", "where", "clip", "maximum", "minimum", "max", "min", "sort"))
# analytic away from their kinks, where NumPy compares complex numbers by their real parts first
STEP: Final = 2.0**-100
DIRECTIONS: Final = 3
SMALLEST: Final = 2.0**-53  # digits beyond are none


def has_witness(subject: Subject) -> bool:
    """Whether all of a subject's graph is analytic, by the lists."""
    if subject.root is None:
        return False
    ops = {node.op for node in topological(subject.root)}
    return all(op.kind == "source" or op.name in ANALYTIC or op.name in PIECES for op in ops)


def slope(subject: Subject, directions: Mapping[int, Array], cotangent: Array) -> float:
    """The slope of <cotangent, f> along a direction, by the complex step; nan if the function has no value there."""
    moved = {
        node: x + 1j * STEP * directions[i] if i in directions else x
        for i, (node, x) in enumerate(zip(subject.at, subject.inputs, strict=True))
    }
    with quiet():
        out = np.asarray(Replay(subject.root).run(moved))
    if out.shape != subject.shape:
        return math.nan
    return float(cotangent @ np.imag(out).ravel()) / STEP


def witness(subject: Subject, scales: Sequence[Array], rng: np.random.Generator) -> str | None:
    """What the complex step says of the engine's gradient, as a sentence; None if it cannot be asked.

    Parameters
    ----------
    subject : Subject
    scales : sequence of array
        How far each entry moves.
    rng : Generator
        Draws directions, and weights for the entries of the result.
    """
    if not has_witness(subject):
        return None
    worst = 0.0
    for _ in range(DIRECTIONS):
        cotangent = rng.uniform(0.5, 1.5, subject.base.size) * rng.choice((-1.0, 1.0), subject.base.size)
        directions = {i: s * rng.choice((-1.0, 1.0), s.shape) for i, s in enumerate(scales)}
        claim = subject.claim(cotangent)
        claimed = math.fsum(float(np.sum(claim.gradients[i] * d)) for i, d in directions.items())
        size = math.fsum(float(np.sum(np.abs(claim.gradients[i] * d))) for i, d in directions.items())
        slack = math.fsum(float(np.sum(claim.slacks[i] * np.abs(d))) for i, d in directions.items())
        found = slope(subject, directions, cotangent)
        if not math.isfinite(found) or not math.isfinite(claimed):
            return None
        if abs(found - claimed) > slack:
            return (
                f"second witness: the complex step through the recorded graph disagrees, it says {found:.12g} along a "
                f"random direction where the gradient says {claimed:.12g}"
            )
        apart = abs(found - claimed) / size if size else 0.0
        worst = max(worst, apart)
    digits = -math.log10(max(worst, SMALLEST))
    return (
        f"second witness: the complex step through the recorded graph agrees to {digits:.1f} digits along "
        f"{DIRECTIONS} random directions"
    )
