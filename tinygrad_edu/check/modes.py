"""Second order and forward mode as subjects of the same check: other claims, the same differences."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from tinygrad_edu.check.claims import OWN, Array, Claim, number, quiet
from tinygrad_edu.check.intervals import UNIT
from tinygrad_edu.check.report import Entry
from tinygrad_edu.check.subjects import Subject
from tinygrad_edu.check.walk import Verdict
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.graph import topological
from tinygrad_edu.transforms.first_order import grad
from tinygrad_edu.transforms.forward import push_forward

LARGEST: Final = 2000  # entries of the inputs: each needs a forward pass of its own
ROUNDINGS: Final = 64.0  # of the sizes summed, between the two modes


def gradient_of(f: Callable[..., Any], count: int) -> Callable[..., Any]:
    """The gradient of `f` by all of its `count` inputs as one flat array: what a check of second order differentiates.

    Results that are arrays are weighed, always in the same way.

    Examples
    --------
    >>> gradient_of(lambda x, y: x * x * y, 2)(3.0, 5.0)
    array([30.,  9.])
    """

    def weighed(*xs: Any) -> Any:
        out = f(*xs)
        if not np.shape(out):
            return out
        return np.sum(out * np.random.default_rng(0).uniform(0.5, 1.5, np.shape(out)))

    first = grad(weighed, tuple(range(count)))

    def flat(*xs: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an input without effect has a gradient of zeros, and that is checked
            return np.concatenate([np.ravel(g) for g in first(*xs)])

    return flat


def forward(subject: Subject) -> Subject:
    """The same function with the claims of forward mode: one pass for each entry of the inputs.

    Raises
    ------
    ArgumentError
        If the inputs have too many entries for that.
    """
    size = sum(x.size for x in subject.inputs)
    if size > LARGEST:
        raise ArgumentError(
            f"check_gradients: mode='forward' takes a pass for each entry of the inputs, {size} here and at most "
            f"{LARGEST}; check fewer inputs, or mode='reverse'"
        )
    jacobians = [np.zeros((subject.base.size, *x.shape)) for x in subject.inputs]
    if subject.root is not None:
        order = topological(subject.root)
        for jacobian, node, x in zip(jacobians, subject.at, subject.inputs, strict=True):
            for place in np.ndindex(x.shape):
                unit = np.zeros(x.shape)
                unit[place] = 1.0
                with quiet():
                    tangent = push_forward(order, {node: number(unit)}).get(subject.root)
                if tangent is not None:
                    jacobian[(slice(None), *place)] = np.broadcast_to(tangent, subject.shape).ravel()

    def claim(v: Array) -> Claim:
        gradients = tuple(np.tensordot(v, j, axes=1) for j in jacobians)
        sizes = (np.tensordot(np.abs(v), np.abs(j), axes=1) for j in jacobians)
        slacks = tuple(
            OWN * UNIT * np.abs(g) + ROUNDINGS * UNIT * size for g, size in zip(gradients, sizes, strict=True)
        )
        return Claim(gradients, slacks)

    return Subject(
        subject.names, subject.inputs, subject.shape, subject.base, subject.unit, subject.run, claim, subject.notes
    )


def disagreement(pushed: Subject, pulled: Subject, rng: np.random.Generator) -> Sequence[Entry]:
    """Where the two modes differ: <u, J v> = <J'u, v> for random u, entry by entry of v; no differences needed."""
    u = rng.uniform(0.5, 1.5, pushed.base.size) * rng.choice((-1.0, 1.0), pushed.base.size)
    one, other = pushed.claim(u), pulled.claim(u)
    entries = []
    for i, name in enumerate(pushed.names):
        slack = one.slacks[i] + other.slacks[i]
        apart = np.abs(one.gradients[i] - other.gradients[i])
        excess = np.where(apart <= slack, 0.0, apart)
        if excess.any():
            place = tuple(map(int, np.unravel_index(int(np.argmax(excess)), excess.shape)))
            entries.append(
                Entry(
                    name, place, None, float(one.gradients[i][place]), float(other.gradients[i][place]),
                    float(slack[place]), 0.0, Verdict.FAIL,
                    "the modes disagree: forward mode is shown as analytic, reverse mode as numeric",
                )
            )  # fmt: skip
    return entries
