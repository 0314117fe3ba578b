"""A function that was called and recorded, to be differentiated again and again: what contracts are asked of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.backward import pull_back
from tinygrad_edu.check.claims import Array, quiet
from tinygrad_edu.check.subjects import names_of, plain
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.graph import descendants, topological
from tinygrad_edu.mode import tracing
from tinygrad_edu.op import LEAF, Node
from tinygrad_edu.transforms.forward import push_forward
from tinygrad_edu.value import Value


class DoesNotApply(Exception):
    """A contract that says nothing about this function here."""


@dataclass
class Recorded:
    """A recorded graph, and the nodes whose gradients are looked at.

    `unit` is the coarsest rounding in the graph, `grads` holds what the latest pull gave every node.
    """

    root: Node
    at: list[Node]
    names: tuple[str, ...]
    rng: np.random.Generator

    def __post_init__(self) -> None:
        self.below = descendants(self.root, of=self.at)
        self.order = [node for node in topological(self.root) if node in self.below]
        self.unit = max(float(np.finfo(np.result_type(node.data)).eps) for node in (self.root, *self.order))
        self.grads: dict[Node, Any] = {}

    def seed(self) -> Any:
        """A gradient of the result, drawn at random, of its shape, dtype and kind."""
        return like(self.rng.normal(size=np.shape(self.root.data)), self.root.data)

    def pull(self, seed: Any) -> list[Array]:
        """Gradients for a gradient of the result; what does not depend on anything has zeros."""
        return self._pull(like(np.array(seed), seed))

    def _pull(self, seed: Any) -> list[Array]:
        self.grads = pull_back(self.order, {self.root: seed}, needed=self.below, keep_all=True)
        return [
            np.zeros(np.shape(node.data)) if (g := self.grads.get(node)) is None else np.array(g, dtype=np.float64)
            for node in self.at
        ]

    def known(self, seed: Any) -> list[Array]:
        """The same, where all of it is finite; elsewhere nothing can be said."""
        found = self.pull(seed)
        if not all(np.isfinite(g).all() for g in found):
            raise DoesNotApply("the gradient is not finite here")
        return found

    def differentiate(self, seed: Any) -> None:
        """A backward pass in every way there is, for what it may do to others."""
        self._pull(seed)

    def push(self, tangents: Sequence[Any]) -> dict[Node, Any]:
        """The tangents of all nodes that those of the inputs reach."""
        outer = set(self.at)
        inner = [node for node in self.order if node not in outer]
        return push_forward(inner, dict(zip(self.at, tangents, strict=True)))


class Trial(Recorded):
    """A call of a function, which can be made again."""

    def __init__(
        self,
        f: Callable[..., Any],
        inputs: Sequence[Any],
        rng: np.random.Generator,
        names: Sequence[str] | None = None,
    ) -> None:
        self.f = f
        self.inputs = [x.data if isinstance(x, Node) else x for x in inputs]
        root, at = self.call()
        super().__init__(root, at, names_of(inputs, names, f), rng)

    def call(self) -> tuple[Node, list[Node]]:
        """The result as a Value, and the Values that the function was given."""
        at: list[Node] = [Value(x) for x in self.inputs]
        with quiet(), tracing():
            root = self.f(*at)
        if not isinstance(root, Node):
            plain(root)  # refuses containers
            raise ArgumentError(
                f"check_contracts: the function returned {type(root).__name__}, and no Value: its result does not "
                "depend on its inputs as recorded (float(), .data or no_grad on the way?)"
            )
        return root, at

    def differentiate(self, seed: Any) -> None:
        """As `Recorded.differentiate`, and by `Value.backward`."""
        super().differentiate(seed)
        if not self.root.op.terminal:
            self.root.backward(seed)  # type: ignore[attr-defined]  # a recorded node is a Value

    def passed_back(self, seed: Any) -> tuple[Node, list[Any]]:
        """A new call, differentiated by `Value.backward`: its result, and the Values with their gradients."""
        root, at = self.call()
        if root.op.terminal and root.op is not LEAF:
            raise DoesNotApply("nothing here has a derivative")
        root.backward(seed)  # type: ignore[attr-defined]
        return root, at


def like(array: Any, data: Any) -> Any:
    """Numbers in the kind and dtype of `data`."""
    return float(array) if data.__class__ is float else np.asarray(array, dtype=np.result_type(data))[()]
