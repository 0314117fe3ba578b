"""Networks of scalar Values, where every weight is a node one can look at: `Neuron`, `Layer`, `MLP`.

The call, the order of parameters and the order of arithmetic are those of Andrej Karpathy's
micrograd, so its examples run with the imports changed and give the same numbers to the last bit.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from tinygrad_edu import Value, array, stop_gradient
from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.layers.activation import Activation, scalar_activation
from tinygrad_edu.nn.layers.dense import Dense
from tinygrad_edu.nn.layers.sequential import Sequential
from tinygrad_edu.nn.module import Module, Parameter
from tinygrad_edu.ops.chains import weighted_sum
from tinygrad_edu.ops.questions import is_plain


class Uniform(Protocol):
    """Anything that draws uniform numbers: a NumPy Generator, `random.Random`, the module `random`."""

    def uniform(self, low: float, high: float, /) -> float:
        """One number between `low` and `high`."""


ScalarRng = Uniform | int | None


class Neuron(Module):
    """One neuron of scalar Values: ``activation(b + w0 x0 + w1 x1 + ...)``, summed in this order.

    Parameters
    ----------
    n_inputs : int
    nonlin : bool
        False leaves the activation out: a linear neuron.
    activation : str or None
        "relu", "tanh" or "sigmoid".
    rng : Generator, int, or anything with a method ``uniform(low, high)``, optional
        Draws the weights, one ``uniform(-1, 1)`` each, in order. The module `random` (after
        ``random.seed(1337)``) gives the weights that micrograd draws. None: fresh randomness.
    name : str, optional

    Attributes
    ----------
    w : list of Parameter
    b : Parameter
        Starts at 0.

    Raises
    ------
    ShapeError
        When called with any other number of inputs than `n_inputs`.

    Examples
    --------
    >>> neuron = Neuron(2, activation="tanh", rng=0)
    >>> neuron.w[0].data, neuron.w[1].data, neuron.b.data = -3.0, 1.0, 6.8813735870195432
    >>> out = neuron([2.0, 0.0])
    >>> out.backward()
    >>> round(out.item(), 4), round(neuron.w[0].grad, 4)
    (0.7071, 1.0)
    >>> neuron([1.0, 2.0, 3.0])
    Traceback (most recent call last):
    ...
    tinygrad_edu.errors.ShapeError: Neuron 'neuron': expected 2 inputs, got 3
    """

    def __init__(
        self,
        n_inputs: int,
        nonlin: bool = True,
        activation: str | None = "relu",
        rng: ScalarRng = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        n_inputs = size("Neuron: n_inputs", n_inputs)
        draw = _uniform(rng)
        self.w = [Parameter(draw.uniform(-1, 1)) for _ in range(n_inputs)]
        self.b = Parameter(0.0)
        self.activation = activation if nonlin else None
        self._activate = scalar_activation(self.activation, "Neuron")

    def forward(self, x: Sequence[Any]) -> Any:
        """The output, a scalar Value; `x` holds `n_inputs` numbers or scalar Values."""
        if x.__class__ is not list:
            x = _as_list(x, self)
        if len(x) != len(self.w):
            raise ShapeError(f"{self.label}: expected {len(self.w)} inputs, got {len(x)}")
        total = weighted_sum(self.b, self.w, x)
        return total if self._activate is None else self._activate(total)

    @property
    def n_inputs(self) -> int:
        """How many inputs, so weights."""
        return len(self.w)

    def extra_repr(self) -> str:
        """Number of inputs, and the activation."""
        return f"{self.n_inputs}, {self.activation or 'linear'}"


class Layer(Module):
    """Neurons side by side: each sees all inputs.

    Parameters
    ----------
    n_inputs, n_outputs : int
    nonlin, activation, rng
        As for `Neuron`.
    name : str, optional

    Notes
    -----
    A call gives a list of scalar Values, one a neuron. A layer of exactly one neuron gives that
    Value itself, not a list of one, as micrograd does.

    Examples
    --------
    >>> len(Layer(2, 3, rng=0)([1.0, -1.0])), Layer(2, 1, rng=0)([1.0, -1.0]).shape
    (3, ())
    >>> Layer(2, 3)
    Layer(
      (neurons.0 to 2) 3 × Neuron(2, relu)
    )
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        nonlin: bool = True,
        activation: str | None = "relu",
        rng: ScalarRng = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        draw = _uniform(rng)
        n_outputs = size("Layer: n_outputs", n_outputs)
        self.neurons = [Neuron(n_inputs, nonlin, activation, draw) for _ in range(n_outputs)]

    def forward(self, x: Sequence[Any]) -> Any:
        """A list of `n_outputs` scalar Values; for one output, that Value itself."""
        inputs = _as_list(x, self)
        if len(inputs) != self.n_inputs:
            raise ShapeError(f"{self.label}: each neuron expects {self.n_inputs} inputs, got {len(inputs)}")
        out = [neuron(inputs) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out

    @property
    def n_inputs(self) -> int:
        """How many inputs each neuron takes."""
        return self.neurons[0].n_inputs

    @property
    def n_outputs(self) -> int:
        """How many neurons."""
        return len(self.neurons)

    @property
    def activation(self) -> str | None:
        """The activation of the neurons."""
        return self.neurons[0].activation


class MLP(Module):
    """A multilayer perceptron of scalar Values.

    Parameters
    ----------
    n_inputs : int
    sizes : list of int
        Neurons of each layer; the last entry is the number of outputs.
    activation : str or None
        Of all layers but the last.
    output_activation : str or None
        Of the last layer; linear if not given.
    rng : as for `Neuron`, optional
    name : str, optional

    Notes
    -----
    Called on one sample, a list of `n_inputs` numbers or scalar Values, it gives a list of scalar
    Values, one an output; with one output, that Value itself (as micrograd does). Called on a batch,
    a plain array of shape (batch, n_inputs), it gives one Value of shape (batch, n_outputs), so that
    `fit` and the losses take it like any other model; inside it is still scalars.

    Every multiplication is a node: use `to_dense` where speed matters more than sight.

    Examples
    --------
    >>> model = MLP(2, [16, 16, 1], rng=0)
    >>> len(model.parameters()), model([1.0, -1.0]).shape, model(np.ones((5, 2))).shape
    (337, (), (5, 1))
    >>> model
    MLP(
      (layers.0) Layer(
        (neurons.0 to 15) 16 × Neuron(2, relu)
      )
      (layers.1) Layer(
        (neurons.0 to 15) 16 × Neuron(16, relu)
      )
      (layers.2) Layer(
        (neurons.0) Neuron(16, linear)
      )
    )
    """

    def __init__(
        self,
        n_inputs: int,
        sizes: Sequence[int],
        activation: str | None = "relu",
        output_activation: str | None = None,
        rng: ScalarRng = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if isinstance(sizes, int) or not len(sizes):
            raise ArgumentError(f"MLP: sizes must be a list of layer sizes such as [16, 16, 1], got {sizes!r}")
        draw = _uniform(rng)
        activations = [activation] * (len(sizes) - 1) + [output_activation]
        self.layers = [
            Layer(n_in, n_out, activation=chosen, rng=draw)
            for (n_in, n_out), chosen in zip(pairwise([n_inputs, *sizes]), activations, strict=True)
        ]

    def forward(self, x: Any) -> Any:
        """One sample: the output Values. A batch, as an array of shape (batch, n_inputs): one Value."""
        if isinstance(x, (np.ndarray, Value)) and x.ndim == 2 and is_plain(x):
            rows: Any = x
            return array([_as_list(self._sample(row), self) for row in rows.tolist()])
        return self._sample(x)

    def _sample(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def to_dense(self) -> Sequential:
        """The same network on arrays: equal outputs and gradients (to rounding), far faster.

        Returns
        -------
        Sequential of Dense
            With copies of the parameters: neuron j of layer l holds column j of its weight.

        Examples
        --------
        >>> mlp = MLP(2, [3, 1], rng=0)
        >>> dense = mlp.to_dense()
        >>> dense
        Sequential(
          (layers.0) Dense(2, 3, activation='relu')
          (layers.1) Dense(3, 1)
        )
        >>> bool(np.isclose(mlp([0.5, -1.0]).item(), dense(np.array([0.5, -1.0])).item()))
        True
        """
        dense = Sequential()
        for layer in self.layers:
            twin = Dense(layer.n_inputs, layer.n_outputs, activation=layer.activation, init="zeros")
            twin.load_state_dict({
                "weight": [[neuron.w[i].data for neuron in layer.neurons] for i in range(layer.n_inputs)],
                "bias": [neuron.b.data for neuron in layer.neurons],
            })  # fmt: skip
            dense.add(twin)
        return dense

    @classmethod
    def from_dense(cls, model: Iterable[Module]) -> "MLP":
        """The network of scalars that computes what a Sequential of Dense layers computes.

        Parameters
        ----------
        model : Sequential (or list) of Dense layers
            Activations may be arguments of Dense or layers of their own. A layer without bias becomes
            neurons whose bias is 0.

        Raises
        ------
        ArgumentError
            If there is another layer, or an activation that a single neuron cannot have.

        Examples
        --------
        >>> MLP.from_dense(MLP(2, [3, 1], rng=0).to_dense()).n_parameters
        13
        """
        found: list[tuple[Dense, Any]] = []
        for layer in model:
            if isinstance(layer, Dense):
                found.append((layer, layer.activation))
            elif isinstance(layer, Activation) and layer.options == layer.defaults and found and found[-1][1] is None:
                found[-1] = (found[-1][0], layer.key)
            else:
                raise ArgumentError(
                    f"MLP.from_dense: expected Dense layers, each with at most one activation, got {layer!r}"
                )
        if not found:
            raise ArgumentError("MLP.from_dense: expected at least one Dense layer, got none")
        mlp = cls(found[0][0].weight.shape[0], [dense.out_features for dense, _ in found])
        mlp.layers = [_layer_of(dense, activation) for dense, activation in found]
        return mlp


def _layer_of(dense: Dense, activation: Any) -> Layer:
    layer = Layer(dense.weight.shape[0], dense.out_features, activation=activation, rng=0)
    bias = [0.0] * dense.out_features if dense.bias is None else dense.bias.data.tolist()
    for neuron, column, offset in zip(layer.neurons, dense.weight.data.T.tolist(), bias, strict=True):
        neuron.b.data = offset
        for parameter, number in zip(neuron.w, column, strict=True):
            parameter.data = number
    return layer


def _uniform(rng: ScalarRng) -> Any:
    """What draws the weights: handed in, or a NumPy Generator from a seed."""
    return np.random.default_rng(rng) if rng is None or isinstance(rng, (int, np.integer)) else rng


def _as_list(x: Any, module: Module) -> list[Any]:
    """The inputs as a list in which plain numbers are constants, one each for all neurons.

    One scalar Value, the output of a layer of one neuron, is a list of one.
    """
    if isinstance(x, (np.ndarray, Value)):
        if x.ndim > 1:
            raise ShapeError(
                f"{module.label}: expected one sample, a list of numbers, got an array of shape {x.shape}; "
                "for a batch call the MLP on a plain array, or use to_dense()"
            )
        x = [x] if not x.ndim else x.tolist() if isinstance(x, np.ndarray) else list(x)
    return [item if isinstance(item, Value) else stop_gradient(Value(item)) for item in x]
