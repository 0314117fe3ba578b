"""One step of a recurrent network, and the walk over the steps of a sequence.

The inputs of all steps meet their weights in one product of matrices, the weights of all gates side by
side; what is left for each step is the product with the state. Every step has a scope of its own, so a
picture shows the network unrolled.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from tinygrad_edu.mode import scope
from tinygrad_edu.nn.init import Initializer
from tinygrad_edu.nn.layers.activation import Function, activation_function
from tinygrad_edu.nn.layers.lazy import Recipe
from tinygrad_edu.nn.module import Module, Parameter
from tinygrad_edu.op import Node
from tinygrad_edu.ops.activation import sigmoid

State = tuple[Any, ...]


class Cell(Module):
    """The base of cells: the inputs' weights, and the walk; a subclass writes one step.

    Attributes
    ----------
    weight_input : Parameter, shape (in_features, gates * hidden)
    weight_hidden : Parameter, shape (state, gates * hidden)
    bias : Parameter, shape (gates * hidden,), or None
    """

    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1  # how many arrays make a state; the first is the output

    def __init__(
        self,
        in_features: int,
        hidden_size: int,
        recipe: Recipe,
        recurrent_init: str | Initializer,
        bias: bool,
        state_size: int | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.hidden_size = in_features, hidden_size
        self.state_size = hidden_size if state_size is None else state_size
        self.weight_input = recipe.fused(self.gates, in_features, hidden_size)
        self.weight_hidden = recipe.fused(self.gates, self.state_size, hidden_size, init=recurrent_init)
        self.bias = recipe.zeros(self.gates * hidden_size) if bias else None

    def step(self, projected: Any, state: State) -> State:
        """The next state, from the projected input of a step and the state before it."""
        raise NotImplementedError(f"{type(self).__name__} says what one step does: def step")

    def forward(self, x: Any, state: State, mask: Any = None, reverse: bool = False) -> tuple[list[Any], State]:
        """Outputs of all steps, in the order of time, and the last state.

        `x` has shape (time, batch, in_features), `mask` (time, batch, 1): where it is False the state
        stays, and the output is 0.
        """
        time, batch, features = np.shape(x)
        projected = np.reshape(x, (time * batch, features)) @ self.weight_input
        if self.bias is not None:
            projected = projected + self.bias
        inputs = np.reshape(projected, (time, batch, self.gates * self.hidden_size))
        outputs: list[Any] = [None] * time
        for t in reversed(range(time)) if reverse else range(time):
            with scope(f"step{t}"):
                new = self.step(inputs[t], state)
                if mask is None:
                    outputs[t] = new[0]
                else:
                    new = tuple(np.where(mask[t], now, before) for now, before in zip(new, state, strict=True))
                    outputs[t] = np.where(mask[t], new[0], np.zeros_like(new[0]))
            state = new
        return outputs, state

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.in_features}, {self.hidden_size}"


class ElmanCell(Cell):
    """h' = f(x W + h U + b)."""

    def __init__(self, *args: Any, activation: str | Function = "tanh", **options: Any) -> None:
        super().__init__(*args, **options)
        self.activation = activation

    def step(self, projected: Any, state: State) -> State:
        """The next hidden state."""
        activate = activation_function(self.activation)
        total = projected + state[0] @ self.weight_hidden
        return (total if activate is None else activate(total),)


class JordanCell(Cell):
    """h = f(x W + y U + b), y' = g(h V + c): what comes back is the output."""

    def __init__(
        self,
        in_features: int,
        hidden_size: int,
        recipe: Recipe,
        output_size: int,
        activation: str | Function = "tanh",
        output_activation: str | Function | None = None,
        **options: Any,
    ) -> None:
        super().__init__(in_features, hidden_size, recipe, state_size=output_size, **options)
        self.activation, self.output_activation = activation, output_activation
        self.weight_output = recipe.weight(self.hidden_size, output_size)
        self.bias_output = None if self.bias is None else recipe.zeros(output_size)

    def step(self, projected: Any, state: State) -> State:
        """The next output."""
        f, g = activation_function(self.activation), activation_function(self.output_activation)
        hidden = projected + state[0] @ self.weight_hidden
        y = (hidden if f is None else f(hidden)) @ self.weight_output
        if self.bias_output is not None:
            y = y + self.bias_output
        return (y if g is None else g(y),)


class LSTMCell(Cell):
    """Gates i, f, g, o, in PyTorch's order: c' = f c + i g, h' = o tanh(c')."""

    gates, states = 4, 2

    def __init__(self, *args: Any, forget_bias: float = 1.0, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.bias is not None:
            self.bias.data[self.hidden_size : 2 * self.hidden_size] = forget_bias

    def step(self, projected: Any, state: State) -> State:
        """The next hidden state and cell state."""
        h, c = state
        i, f, g, o = _gates(projected + h @ self.weight_hidden, self.hidden_size)
        i, f, o = (_named(sigmoid(gate), name) for gate, name in ((i, "input"), (f, "forget"), (o, "output")))
        c = _named(f * c + i * np.tanh(g), "cell")
        return o * np.tanh(c), c


class GRUCell(Cell):
    """Gates r, z, n, in PyTorch's order: n = tanh(x + r (h U + bias_hidden)), h' = (1 - z) n + z h."""

    gates = 3
    bias_hidden: Parameter | None

    def __init__(self, in_features: int, hidden_size: int, recipe: Recipe, **options: Any) -> None:
        super().__init__(in_features, hidden_size, recipe, **options)
        self.bias_hidden = None if self.bias is None else recipe.zeros(hidden_size)

    def step(self, projected: Any, state: State) -> State:
        """The next hidden state."""
        (h,), n = state, self.hidden_size
        back = h @ self.weight_hidden
        gates = sigmoid(projected[:, : 2 * n] + back[:, : 2 * n])
        reset, update = _named(gates[:, :n], "reset"), _named(gates[:, n:], "update")
        recalled = back[:, 2 * n :]
        if self.bias_hidden is not None:
            recalled = recalled + self.bias_hidden
        new = _named(np.tanh(projected[:, 2 * n :] + reset * recalled), "new")
        return (new + update * (h - new),)


def _gates(z: Any, n: int) -> Sequence[Any]:
    return [z[:, start : start + n] for start in range(0, np.shape(z)[1], n)]


def _named(x: Any, name: str) -> Any:
    if isinstance(x, Node):
        x.name = name
    return x
