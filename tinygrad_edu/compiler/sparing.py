"""Memory while a function is recorded: numbers that no rule will look at again are given back.

A recording needs shapes and types to the end, but numbers only as long as something is computed from them. Backward,
a node's own numbers are done with when its rule has run, and a gradient's when it has been handed on.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu.compiler.traced import Capture
from tinygrad_edu.op import Node

SMALL = 1 << 12  # bytes of an array that is kept
LARGE = 1 << 22  # bytes in gradients that may come together before they are gone through


class Sparing:
    """Forgets numbers behind a backward pass that is recorded.

    Parameters
    ----------
    capture : Capture
        That records it; nothing else is to be computed from the nodes that it holds now.

    Examples
    --------
    >>> from tinygrad_edu.ops.elementwise import exp
    >>> capture = Capture()
    >>> x = capture.argument(np.ones(10_000), True, "x")
    >>> out = capture.record(exp, np.exp(np.ones(10_000)), [x], None)
    >>> Sparing(capture).done(out, {})
    >>> out.shape, float(np.asarray(out.data)[0]), out.data.strides
    ((10000,), 0.0, (0,))
    """

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self._seen = len(capture.nodes)
        self._fresh: list[Node] = []
        self._bytes = 0

    def done(self, node: Node, gradients: Mapping[Node, Any]) -> None:
        """The rule of this node has run, and these gradients are still to be handed on."""
        _forget(node)
        for made in self.capture.nodes[self._seen :]:
            size = getattr(made.data, "nbytes", 0)
            if size > SMALL:
                self._fresh.append(made)
                self._bytes += size
        self._seen = len(self.capture.nodes)
        if self._bytes > LARGE:
            waiting = {*map(id, gradients.values())}
            for gradient in self._fresh:
                if id(gradient) not in waiting:
                    _forget(gradient)
            self._fresh = [gradient for gradient in self._fresh if id(gradient) in waiting]
            self._bytes = 0


def _forget(node: Node) -> None:
    """Leave the shape and the type of what was computed; what came from outside stays."""
    data = node.data
    if node.parents and isinstance(data, np.ndarray) and data.nbytes > SMALL:
        node.data = np.broadcast_to(np.zeros((), data.dtype), data.shape)
