"""What each operation costs: seconds to compute it again, bytes to keep it."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.explain import bytes_text
from tinygrad_edu.viz.facts.chain import plain
from tinygrad_edu.viz.overlays.marks import Amounts

ROUNDS = 5
FLOAT_BYTES = 24  # a Python float
BAR = 10  # characters for the whole


def times(nodes: Sequence[Any], clock: Callable[[], float] = time.perf_counter) -> Amounts:
    """How long each operation takes forward, computed again from its operands: the median of a few rounds.

    Parameters
    ----------
    nodes : sequence of Value
    clock : callable
        Gives seconds.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value(2.0)
    >>> ticks = iter(range(100))
    >>> y = x.tanh()
    >>> times([x, y], clock=lambda: next(ticks)).amounts[y]
    1
    """
    found = {}
    with np.errstate(all="ignore"):
        for node in nodes:
            if node.parents:
                xs, params = [parent.data for parent in node.parents], node.params
                rounds = []
                for _ in range(ROUNDS):
                    start = clock()
                    node.op.compute(*xs, **params)
                    rounds.append(clock() - start)
                found[node] = statistics.median(rounds)
    legend = f"Time of each operation forward, median of {ROUNDS} runs; ⚠ a quarter of the whole or more."
    return Amounts(legend, found, lambda amount, share: f"{_bar(share)} {_seconds(amount)}, {100 * share:.0f} %")


def memory(nodes: Sequence[Any]) -> Amounts:
    """How many bytes the numbers and the gradient of each node take; a view of another array takes none.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value([1.0, 2.0])
    >>> memory([x]).amounts[x]
    16
    """
    seen: set[int] = set()
    found = {node: sum(_bytes(data, seen) for data in (node.data, plain(node.grad))) for node in nodes}
    legend = "Memory of each value and its gradient; ⚠ a quarter of the whole or more. Views of other arrays take none."
    return Amounts(legend, found, lambda amount, share: f"{_bar(share)} {bytes_text(amount)}, {100 * share:.0f} %")


def _bytes(data: Any, seen: set[int]) -> int:
    if data is None:
        return 0
    if not isinstance(data, np.ndarray):
        return getattr(data, "nbytes", FLOAT_BYTES)
    owner = data
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    if id(owner) in seen:
        return 0
    seen.add(id(owner))
    return int(owner.nbytes)


def _bar(share: float) -> str:
    full = round(share * BAR)
    return "▮" * full + "▯" * (BAR - full)


def _seconds(amount: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if amount * factor >= 1.0:
            return f"{amount * factor:.3g} {unit}"
    return f"{amount * 1e9:.0f} ns"
