"""Recurrent layers over sequences: Elman, Jordan, LSTM, GRU; stacked, in both directions, with padding."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tinygrad_edu.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.init import Initializer, Rng
from tinygrad_edu.nn.layers.activation import Function, activation_function, activation_name
from tinygrad_edu.nn.layers.cells import Cell, ElmanCell, GRUCell, JordanCell, LSTMCell, State
from tinygrad_edu.nn.layers.lazy import LazyLayer, Recipe, optional_size, sizes_of
from tinygrad_edu.nn.layers.registry import example
from tinygrad_edu.op import Node
from tinygrad_edu.ops.random import dropout as dropped


class _Recurrent(LazyLayer):
    """What the four have in common: sizes, layers, directions, states, masks."""

    axes = 3
    _cell: ClassVar[type[Cell]]
    _output_name: ClassVar[str | None] = None  # a second size, if there is one
    cells: list[Cell]

    def __init__(
        self,
        *sizes: int,
        in_features: int | None = None,
        hidden_size: int | None = None,
        num_layers: int = 1,
        dropout: float = 0.0,
        bidirectional: bool = False,
        return_sequences: bool = False,
        return_state: bool = False,
        bias: bool = True,
        init: str | Initializer = "xavier_uniform",
        recurrent_init: str | Initializer = "orthogonal",
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
        name: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(name)
        kind = type(self).__name__
        named: dict[str, Any] = {"in_features": in_features, "hidden_size": hidden_size}
        if self._output_name is not None:
            named[self._output_name] = options.pop(self._output_name)
        found = sizes_of(kind, sizes, **named)
        self.in_features = optional_size(f"{kind}: in_features", found.pop("in_features"))
        self.hidden_size = size(f"{kind}: hidden_size", found["hidden_size"])
        self.output_size = [size(f"{kind}: {key}", n) for key, n in found.items()][-1]
        self.num_layers, self.bidirectional = size(f"{kind}: num_layers", num_layers), bidirectional
        if not 0.0 <= dropout < 1.0 or (dropout and self.num_layers == 1):
            raise ArgumentError(
                f"{kind}: dropout, the share that is dropped between layers, must lie in [0, 1), and needs num_layers "
                f"of at least 2; got {dropout!r} with num_layers={num_layers}. For the last outputs take Dropout"
            )
        self.dropout, self.rng = dropout, np.random.default_rng(rng)
        self.return_sequences, self.return_state = return_sequences, return_state
        self._options = {"bias": bias, "recurrent_init": recurrent_init, **options}
        self._prepare(init, self.rng, dtype)

    def _make(self, in_features: int, recipe: Recipe) -> None:
        directions = 2 if self.bidirectional else 1
        wider = directions * self.output_size
        options = self._options if self._output_name is None else {**self._options, "output_size": self.output_size}
        self.cells = [
            self._cell(in_features if layer == 0 else wider, self.hidden_size, recipe=recipe, **options)
            for layer in range(self.num_layers)
            for _ in range(directions)
        ]

    def forward(self, x: Any, state: Any = None, mask: ArrayLike | None = None) -> Any:
        """Walk over the steps of `x`, shape (batch, time, in_features).

        Parameters
        ----------
        x : Value or array
        state : array or Value, shape (cells, batch, hidden), optional
            Where to start, one for each layer (and direction); zeros if not given. LSTM: a pair of them.
        mask : bool array, shape (batch, time), optional
            True where a step is real. At the others the state stays and the output is 0.

        Returns
        -------
        the last output, shape (batch, hidden), or all, (batch, time, hidden), if `return_sequences`; with
        `return_state` also the last state, as `state` has it
            In two directions the outputs stand side by side: (..., 2 * hidden).
        """
        self._check(x)
        batch, time = np.shape(x)[:2]
        if not time:
            raise ShapeError(f"{self.label}: expected at least one step, got an input of shape {np.shape(x)}")
        states = self._states(state, x)
        steps = None if mask is None else self._steps(mask, (batch, time))
        x, last = np.swapaxes(x, 0, 1), []
        directions = 2 if self.bidirectional else 1
        for layer in range(self.num_layers):
            outputs = []
            for way in range(directions):
                k = layer * directions + way
                found, end = self.cells[k](x, states[k], steps, reverse=way == 1)
                outputs.append(found)
                last.append(end)
            if layer + 1 < self.num_layers or self.return_sequences:
                sides = [np.stack(found) for found in outputs]
                x = sides[0] if directions == 1 else np.concatenate(sides, axis=-1)
            if self.dropout and layer + 1 < self.num_layers:
                x = dropped(x, self.dropout, self.rng, self.training)
        ends = [end[0] for end in last[-directions:]]
        last_output = ends[0] if directions == 1 else np.concatenate(ends, axis=-1)
        out = np.swapaxes(x, 0, 1) if self.return_sequences else last_output
        return (out, self._joined(last)) if self.return_state else out

    def _states(self, state: Any, x: Any) -> list[State]:
        """One tuple of arrays a cell."""
        batch = np.shape(x)[0]
        count, parts, expected = len(self.cells), self._cell.states, (len(self.cells), batch, self.output_size)
        if state is None:
            start = np.zeros_like(x if isinstance(x, Node) else np.asarray(x), shape=expected[1:])
            if start.dtype.kind != "f":
                start = start.astype(np.float64)
            return [(start,) * parts] * count
        given = (state,) if parts == 1 else state
        if len(given) != parts or any(np.shape(one) != expected for one in given):
            several = "" if parts == 1 else f"{parts} of "
            got = np.shape(state) if parts == 1 else [np.shape(one) for one in given]
            raise ShapeError(f"{self.label}: expected a state of {several}shape {expected}, got {got}")
        return [tuple(one[k] for one in given) for k in range(count)]

    def _steps(self, mask: ArrayLike, expected: tuple[int, int]) -> Any:
        real: Any = mask if isinstance(mask, Node) else np.asarray(mask)
        if real.shape != expected:
            raise ShapeError(f"{self.label}: expected a mask of shape {expected}, got {real.shape}")
        if real.dtype != np.bool_:
            raise DTypeError(f"{self.label}: the mask must be boolean, True where a step is real; got {real.dtype}")
        return real.T[:, :, None]

    def _joined(self, last: list[State]) -> Any:
        parts = [np.stack([state[i] for state in last]) for i in range(self._cell.states)]
        return parts[0] if len(parts) == 1 else tuple(parts)

    def extra_repr(self) -> str:
        """Sizes, and whatever is not the default."""
        sizes = [self.in_features, self.hidden_size, *([self.output_size] if self._output_name else [])]
        shown: dict[str, tuple[Any, Any]] = {"num_layers": (self.num_layers, 1), "dropout": (self.dropout, 0.0)}
        flags = ("bidirectional", "return_sequences", "return_state")
        shown |= {flag: (getattr(self, flag), False) for flag in flags}
        used = [(key, usual) for key, usual in ACTIVATIONS if key in self._options]
        shown |= {key: (activation_name(self._options[key]), usual) for key, usual in used}
        options = [f"{key}={value!r}" for key, (value, usual) in shown.items() if value != usual]
        return ", ".join([*(str(n) for n in sizes if n is not None), *options])


ACTIVATIONS = (("activation", "tanh"), ("output_activation", None))


@example(lambda: ElmanRNN(2, 3, rng=0), (2, 3, 2), wrong=(2, 3, 4))
@example(lambda: ElmanRNN(2, bidirectional=True, num_layers=2, dropout=0.3, rng=0), (2, 3, 2), wrong=(2, 3))
class ElmanRNN(_Recurrent):
    """The plain recurrent network: what comes back is the hidden state, h' = f(x W + h U + b).

    ``ElmanRNN(8, 32)`` says both sizes, as PyTorch's RNN does; ``ElmanRNN(32)`` the hidden one alone, as
    Keras's SimpleRNN does. Everything else goes by name. Sequences are (batch, time, features).

    Parameters
    ----------
    in_features : int, optional
        None: what the first input has.
    hidden_size : int
    num_layers : int
        Each layer but the first reads the outputs of the one before it.
    dropout : float, in [0, 1)
        Share of the outputs of each layer but the last that training drops, at every step anew; as PyTorch has it.
        (Keras's dropout is that of the layer's own inputs.)
    bidirectional : bool
        A second network reads from the end; outputs stand side by side.
    return_sequences : bool
        Give the outputs of all steps, not the last alone. (PyTorch always gives all.)
    return_state : bool
        Give ``(outputs, last state)``.
    activation : str or function
        "tanh" or "relu", or any other.
    bias : bool
        PyTorch has two biases that are added; here it is their sum.
    init, recurrent_init : str or function
        Where the weights start: of the inputs, and of the state. These defaults are Keras's.
    rng, dtype, name
        As for `Dense`.

    Attributes
    ----------
    cells : list of Cell
        One a layer (and direction: forward, backward), with ``weight_input``, ``weight_hidden``, ``bias``.

    Raises
    ------
    ShapeError
        If a sequence, a state or a mask has another shape.

    Notes
    -----
    Elman (1990), "Finding structure in time". At masked steps the state stays and the output is 0, as
    PyTorch's packed sequences have it (Keras repeats the output before).

    Examples
    --------
    >>> layer = ElmanRNN(4, return_sequences=True, rng=0)
    >>> layer(np.ones((2, 5, 3))).shape, layer
    ((2, 5, 4), ElmanRNN(3, 4, return_sequences=True,
      (cells.0) ElmanCell(3, 4)
    ))
    """

    _cell = ElmanCell

    def __init__(self, *sizes: int, activation: str | Function = "tanh", **options: Any) -> None:
        activation_function(activation)
        super().__init__(*sizes, activation=activation, **_known("ElmanRNN", options))


@example(lambda: JordanRNN(2, 3, 2, return_sequences=True, rng=0), (2, 3, 2), wrong=(2, 3, 4))
class JordanRNN(_Recurrent):
    """What comes back is the output: h = f(x W + y U + b), y' = g(h V + c).

    Parameters
    ----------
    in_features : int, optional
    hidden_size, output_size : int
        ``JordanRNN(hidden, output)`` or ``JordanRNN(in, hidden, output)``.
    activation, output_activation : str, function or None
        f and g.
    num_layers, dropout, bidirectional, return_sequences, return_state, bias, init, recurrent_init, rng, dtype, name
        As for `ElmanRNN`; the state is the output.

    Notes
    -----
    Jordan (1986), "Serial order: a parallel distributed processing approach".

    Examples
    --------
    >>> JordanRNN(8, 1, rng=0)(np.ones((2, 5, 3))).shape
    (2, 1)
    """

    _cell = JordanCell
    _output_name = "output_size"

    def __init__(
        self,
        *sizes: int,
        output_size: int | None = None,
        activation: str | Function = "tanh",
        output_activation: str | Function | None = None,
        **options: Any,
    ) -> None:
        activation_function(activation)
        activation_function(output_activation)
        super().__init__(
            *sizes, output_size=output_size, activation=activation, output_activation=output_activation,
            **_known("JordanRNN", options),
        )  # fmt: skip


@example(lambda: LSTM(2, 3, return_sequences=True, rng=0), (2, 3, 2), wrong=(2, 3, 4))
@example(lambda: LSTM(2, bidirectional=True, num_layers=2, rng=0), (1, 3, 2), wrong=(2, 3))
class LSTM(_Recurrent):
    """Long short-term memory: a cell state c that gates write to, keep and read.

    i, f, o = σ(...), g = tanh(...), c' = f c + i g, h' = o tanh(c').

    Parameters
    ----------
    in_features, hidden_size, num_layers, dropout, bidirectional, return_sequences, return_state, bias, init
        As for `ElmanRNN`; the state is the pair (h, c).
    forget_bias : float
        Where the bias of the forget gate starts: 1, so that the cell remembers at first, as Keras has it
        (Jozefowicz, Zaremba & Sutskever, 2015); PyTorch draws it around 0.
    recurrent_init, rng, dtype, name
        As for `ElmanRNN`.

    Attributes
    ----------
    cells : list of Cell
        With ``weight_input`` (in, 4 hidden), ``weight_hidden`` (hidden, 4 hidden) and ``bias``; the gates side
        by side in the order i, f, g, o, which is PyTorch's (Keras: i, f, c, o, the same under another name).

    Notes
    -----
    Hochreiter & Schmidhuber (1997); the forget gate: Gers, Schmidhuber & Cummins (2000).

    Examples
    --------
    >>> out, (h, c) = LSTM(4, num_layers=2, return_state=True, rng=0)(np.ones((2, 5, 3)))
    >>> out.shape, h.shape, c.shape
    ((2, 4), (2, 2, 4), (2, 2, 4))
    """

    _cell = LSTMCell

    def __init__(self, *sizes: int, forget_bias: float = 1.0, **options: Any) -> None:
        super().__init__(*sizes, forget_bias=forget_bias, **_known("LSTM", options))


@example(lambda: GRU(2, 3, return_sequences=True, rng=0), (2, 3, 2), wrong=(2, 3, 4))
@example(lambda: GRU(2, bidirectional=True, num_layers=2, rng=0), (1, 3, 2), wrong=(2, 3))
class GRU(_Recurrent):
    """The gated recurrent unit: r, z = σ(...), n = tanh(x W + r (h U + b)), h' = (1 - z) n + z h.

    Parameters
    ----------
    in_features, hidden_size, num_layers, dropout, bidirectional, return_sequences, return_state, bias, init
    recurrent_init, rng, dtype, name
        As for `ElmanRNN`.

    Attributes
    ----------
    cells : list of Cell
        With ``weight_input`` (in, 3 hidden), ``weight_hidden`` (hidden, 3 hidden), ``bias`` and ``bias_hidden``
        (hidden,), that of the new state inside the reset gate; the gates side by side in PyTorch's order
        r, z, n (Keras: z, r, h). The reset gate comes after the product, as in PyTorch and Keras by default.

    Notes
    -----
    Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder".

    Examples
    --------
    >>> GRU(4, return_sequences=True, bidirectional=True, rng=0)(np.ones((2, 5, 3))).shape
    (2, 5, 8)
    """

    _cell = GRUCell

    def __init__(self, *sizes: int, **options: Any) -> None:
        super().__init__(*sizes, **_known("GRU", options))


OPTIONS = (
    "in_features", "hidden_size", "num_layers", "dropout", "bidirectional", "return_sequences", "return_state", "bias",
    "init", "recurrent_init", "rng", "dtype", "name",
)  # fmt: skip


def _known(kind: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options, none of which is a typo."""
    for option in options:
        if option not in OPTIONS:
            raise ArgumentError(f"{kind}: there is no option {option!r}; there are {', '.join(OPTIONS)}")
    return options
