"""Claims about gradients: what they are, how far rounding may have moved them, how noisy the function is."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tinygrad_edu.backward import pull_back
from tinygrad_edu.check.intervals import UNIT
from tinygrad_edu.graph import descendants, topological
from tinygrad_edu.op import Node

Array = np.ndarray[Any, np.dtype[Any]]
SEEDS: Final = (3.0, 0.7)  # a pull-back is linear in its seed: what other seeds give differs by rounding only
OWN: Final = 2.0**21  # a gradient may be off by so many roundings of its own size (5e-10): those inside an operation
# (log(1 + tiny) in a logsumexp) are seen neither from outside nor in the graph


@dataclass(frozen=True)
class Claim:
    """Claimed gradients of <cotangent, f>, one per input: what they are, and how far rounding may have moved them.

    `noise` is the rounding error to expect of <cotangent, f> itself, as far as the graph tells.
    """

    gradients: tuple[Array, ...]
    slacks: tuple[Array, ...]
    noise: float = 0.0


def engine_claim(root: Any, at: Sequence[Node], shape: tuple[int, ...]) -> Callable[[Array], Claim]:
    """The engine's gradients at the nodes `at`, for any cotangent of the root (None: it depends on nothing)."""
    zeros = tuple(np.zeros(np.shape(node.data)) for node in at)
    below = descendants(root, of=at) if root is not None else set()

    def claim(v: Array) -> Claim:
        if root is None:
            return Claim(zeros, zeros)
        with quiet():
            seed = float(v[0]) if root.data.__class__ is float else v.reshape(shape)[()]
            order = topological(root)
            grads = pull_back(order, {root: seed}, keep_all=True)
            found = [_numbers(grads.get(node), node) for node in at]
            slacks = [OWN * UNIT * np.abs(g) for g in found]
            for factor in SEEDS:
                again = pull_back(order, {root: seed * factor}, needed=below)
                for i, node in enumerate(at):
                    apart = np.abs(_numbers(again.get(node), node) / factor - found[i])
                    slacks[i] = np.maximum(slacks[i], 8 * np.where(np.isfinite(apart), apart, 0.0))
            return Claim(tuple(found), tuple(slacks), _graph_noise(order, grads))

    return claim


def _numbers(gradient: Any, node: Node) -> Array:
    shape = np.shape(node.data)
    return np.zeros(shape) if gradient is None else np.array(np.broadcast_to(gradient, shape), dtype=np.float64)


def _graph_noise(order: Sequence[Node], grads: dict[Node, Any]) -> float:
    """The rounding error to expect of a root: each node's own roundings, carried on by its gradient.

    Roundings are taken as independent, so their squares add up (Higham and Mary, A New Approach to
    Probabilistic Rounding Error Analysis, 2019); four standard deviations. An elementwise operation
    rounds its result; one that sums, its terms too. Leaves and constants are exact. The worst case, where
    all roundings conspire, is the bound if it is lower.
    """
    squares = worst = 0.0
    for node in order:
        g = grads.get(node)
        if g is None or node.op.terminal:
            continue
        unit = float(np.finfo(np.result_type(node.data)).eps)
        sizes = [(g, node.data)]
        if node.op.kind != "elementwise" and np.size(node.data) < sum(np.size(p.data) for p in node.parents):
            sizes += [(grads[p], p.data) for p in node.parents if p in grads]
        for gradient, data in sizes:
            errors = np.abs(np.multiply(gradient, data, dtype=np.float64) * unit)
            errors = errors[np.isfinite(errors)]
            squares = float(np.hypot(squares, np.linalg.norm(errors)))
            worst += float(np.sum(errors))
    return min(4 * squares, worst)


@contextmanager
def quiet() -> Iterator[None]:
    """No floating-point warnings inside."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def number(x: Array) -> Any:
    """A single number as Python's float, an array as it is."""
    return float(x) if np.ndim(x) == 0 else x
