"""A case of the bank: a function, a point, the gradient there, and the gradient that is claimed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.checkers import exact

Array = np.ndarray[Any, np.dtype[np.float64]]
Function = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Case:
    """One question for a checker: whether `claim` is the gradient of `function` at `x`.

    `function` is plain NumPy code. A peer gets it, with the claim as its derivative, through the peer's own
    facility for custom gradients, so that all checkers see the same floats.

    Parameters
    ----------
    name : str
    function : callable
    x : array
    truth : array
        The gradient, of shape ``function(x).shape + x.shape``; at a kink, one of those that are right.
    claim : array
        What is claimed; any shape.
    right : bool
        Whether the claim is right.
    kink : bool
        Whether the function has no derivative here, and any convex combination of the neighbouring ones is right.
    twin : callable, optional
        The same function for `exact.Exact` numbers, where they cannot run `function` itself.
    family : str
        "hand" or "drawn".
    """

    name: str
    function: Function
    x: Array
    truth: Array
    claim: Array
    right: bool
    kink: bool = False
    twin: Function | None = None
    family: str = "hand"

    @property
    def error(self) -> float:
        """The largest error among the entries of the claim, relative to the entry itself; nan for another shape."""
        if self.claim.shape != self.truth.shape:
            return np.nan
        wrong = self.claim != self.truth
        with np.errstate(all="ignore"):
            parts = np.abs(self.claim - self.truth)[wrong] / np.abs(self.truth)[wrong]
        return float(np.max(parts, initial=0.0)) if not np.isnan(parts).any() else np.inf

    @property
    def exactly(self) -> Function:
        """The function for `exact.Exact` numbers."""
        return self.twin or self.function


def right(
    name: str, function: Function, x: Any, truth: Any = None, *, kink: bool = False, twin: Function | None = None
) -> Case:
    """A right claim: an array, a function of x, or (if nothing is given) the exact derivative rounded to floats."""
    x = np.asarray(x, dtype=np.float64)
    gradient = _read(truth, function if twin is None else twin, x)
    return Case(name, function, x, gradient, gradient, True, kink, twin)


def wrong(
    name: str,
    function: Function,
    x: Any,
    truth: Any,
    claim: Any,
    *,
    kink: bool = False,
    twin: Function | None = None,
) -> Case:
    """A wrong claim beside the right one; each an array, a function of x, or, for the claim, of the truth by name."""
    x = np.asarray(x, dtype=np.float64)
    gradient = _read(truth, function if twin is None else twin, x)
    claimed = claim(gradient) if callable(claim) else claim
    return Case(name, function, x, gradient, np.asarray(claimed, dtype=np.float64), False, kink, twin)


def _read(truth: Any, function: Function, x: Array) -> Array:
    if truth is None:
        return exact.gradient(function, x)
    return np.asarray(truth(x) if callable(truth) else truth, dtype=np.float64)
