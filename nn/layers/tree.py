"""A network that follows a tree: the same weights at every joint."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_edu.errors import ShapeError
from tinygrad_edu.mode import scope
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.init import Initializer, Rng, initializer, zeros
from tinygrad_edu.nn.layers.activation import Function, activation_function, activation_name
from tinygrad_edu.nn.layers.registry import example
from tinygrad_edu.nn.module import Module, Parameter
from tinygrad_edu.op import Node


@example(
    lambda: TreeRNN(2, rng=0), lambda rng: ((rng.normal(size=2), rng.normal(size=2)), rng.normal(size=2)), wrong=(3,)
)
class TreeRNN(Module):
    """The recursive network: the vectors of two children become that of their parent, f([left; right] W + b).

    Parameters
    ----------
    features : int
        The length of every vector, of leaves and of joints.
    activation : str or function
    init, rng, dtype, name
        As for `Dense`.

    Attributes
    ----------
    weight : Parameter, shape (2 * features, features)
        The left child meets the upper half.
    bias : Parameter, shape (features,)

    Raises
    ------
    ShapeError
        If a leaf has another length, or a joint not two children; names the way to it.

    Notes
    -----
    Socher et al. (2011), "Parsing natural scenes and natural language with recursive neural networks".

    Examples
    --------
    >>> layer = TreeRNN(2, rng=0)
    >>> not_, very, good = np.eye(2)[[0, 0, 1]]
    >>> layer((not_, (very, good))).shape
    (2,)
    """

    def __init__(
        self,
        features: int,
        activation: str | Function = "tanh",
        init: str | Initializer = "xavier_uniform",
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.features = size("TreeRNN: features", features)
        activation_function(activation)
        self.activation = activation
        self.weight = Parameter(initializer(init)((2 * self.features, self.features), rng=rng, dtype=dtype))
        self.bias = Parameter(zeros((self.features,), dtype=dtype))

    def forward(self, tree: Any) -> Any:
        """The vector of the root.

        Parameters
        ----------
        tree : nested pairs
            A leaf is a vector (array or Value) of shape (features,), or (batch, features) for trees of one
            form; a joint is a tuple or list ``(left, right)``.
        """
        return self.nodes(tree)[-1]

    def nodes(self, tree: Any) -> list[Any]:
        """The vectors of all leaves and joints, children before parents; the root's is the last."""
        activate = activation_function(self.activation)
        found: list[Any] = []
        open_joints: list[tuple[Any, str, bool]] = [(tree, "", False)]
        waiting: list[Any] = []
        joints = 0
        while open_joints:
            item, way, ready = open_joints.pop()
            if ready:
                right, left = waiting.pop(), waiting.pop()
                with scope(f"joint{joints}"):
                    total = np.concatenate([left, right], axis=-1) @ self.weight + self.bias
                    item = total if activate is None else activate(total)
                joints += 1
            elif isinstance(item, (tuple, list)):
                if len(item) != 2:
                    raise ShapeError(f"{self.label}: a joint has two children; {way or 'the root'} has {len(item)}")
                open_joints += [(item, way, True), (item[1], f"{way}[1]", False), (item[0], f"{way}[0]", False)]
                continue
            else:
                leaf: Any = item if isinstance(item, Node) else np.asarray(item)
                item = leaf
                if not leaf.ndim or leaf.shape[-1] != self.features:
                    raise ShapeError(
                        f"{self.label}: a leaf must have shape ({self.features},), the one at "
                        f"{f'tree{way}' if way else 'the root'} has {leaf.shape}"
                    )
            found.append(item)
            waiting.append(item)
        return found

    def extra_repr(self) -> str:
        """The size, and the activation."""
        return f"{self.features}" + (
            "" if self.activation == "tanh" else f", activation={activation_name(self.activation)!r}"
        )
