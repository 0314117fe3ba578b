"""`Trainable`: what a model can do once it is compiled, as in Keras; the functions of `train` as methods."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_edu import no_grad
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.nn import train
from tinygrad_edu.nn.callbacks import Callback, TrainingState
from tinygrad_edu.nn.feed import Several
from tinygrad_edu.nn.history import History
from tinygrad_edu.nn.losses import Loss, loss_function
from tinygrad_edu.nn.metrics import Metric, metric_function
from tinygrad_edu.nn.module import Module, modes_kept
from tinygrad_edu.nn.optim import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Lion, NAdam, Optimizer, RAdam, RMSprop
from tinygrad_edu.nn.summary import Shape, Summary, summarize
from tinygrad_edu.op import Node

OPTIMIZERS: Mapping[str, Callable[..., Optimizer]] = {
    "sgd": partial(SGD, lr=0.01),  # as in Keras: the class has no default
    **{made.__name__.lower(): made for made in (Adagrad, Adadelta, RMSprop, Adam, AdamW, NAdam, RAdam, Adamax, Lion)},
}
Losses = str | Loss | Sequence[str | Loss] | Mapping[str, str | Loss]
Metrics = Sequence[str | Metric] | None


class Trainable(Module):
    """The base of models: `compile`, `fit`, `evaluate`, `predict`, `summary`."""

    _compiled: "_Compiled | None" = None
    _called_on: list[tuple[tuple[int, ...], np.dtype[Any]]] | None = None  # arrays of the first call, for `summary`
    optimizer: Optimizer | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What `forward` gives, computed in a scope of the module's name."""
        if self._called_on is None and args and all(isinstance(x, (np.ndarray, Node)) for x in args):
            self._called_on = [(np.shape(x), np.result_type(x)) for x in args]
        return super().__call__(*args, **kwargs)

    def compile(
        self,
        optimizer: str | Optimizer | Callable[..., Optimizer] = "adam",
        loss: Losses | None = None,
        metrics: Metrics = None,
        loss_weights: Sequence[float] | None = None,
    ) -> None:
        """Say how the model is trained.

        Parameters
        ----------
        optimizer : str, Optimizer, or function of parameters
            A name ("adam", with PyTorch's defaults: eps 1e-8, Keras has 1e-7; "sgd" with Keras's rate 0.01), an
            optimizer of this model's parameters, or what makes one of them: ``functools.partial(SGD, lr=0.1)``.
        loss : str or function
            As for `tinygrad_edu.nn.fit`. For a model with several outputs one for all, or a list of one for
            each, or a dict by the outputs' names; they are added.
        metrics : list of str or function, optional
            As for `tinygrad_edu.nn.fit`; measured on each output.
        loss_weights : list of float, optional
            Factors of the losses of several outputs.

        Raises
        ------
        ArgumentError
            If there is no such optimizer, loss or metric.
        """
        if loss is None:
            raise ArgumentError("compile: say which loss is to become small, for example loss='softmax_cross_entropy'")
        names = self._output_names()
        if len(names) > 1:
            joint = JointLoss(names, _each("loss", loss, names), loss_weights)
            metrics = [_OfOutput(i, name, metric) for i, name in enumerate(names) for metric in metrics or ()]
            self._compiled = _Compiled(joint, metrics)
        else:
            if loss_weights is not None or not (isinstance(loss, str) or callable(loss)):
                raise ArgumentError(f"compile: the model has one output, so one loss and no loss_weights; got {loss!r}")
            self._compiled = _Compiled(loss_function(loss), metrics)
        if isinstance(optimizer, str) and optimizer not in OPTIMIZERS:
            raise ArgumentError(f"compile: no optimizer is called {optimizer!r}; there are {', '.join(OPTIMIZERS)}")
        if not (isinstance(optimizer, (str, Optimizer)) or callable(optimizer)):
            raise ArgumentError(f"compile: expected an optimizer, its name, or what makes one, got {optimizer!r}")
        self.optimizer = optimizer if isinstance(optimizer, Optimizer) else None
        self._make_optimizer: Any = OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer

    def fit(
        self,
        x: Any,
        y: Any,
        epochs: int = 1,
        batch_size: int | None = None,
        validation_split: float | None = None,
        validation_data: tuple[Any, Any] | None = None,
        callbacks: Iterable[Callback | Callable[[TrainingState], Any]] = (),
        sample_weight: ArrayLike | None = None,
        shuffle: bool = True,
        rng: np.random.Generator | int | None = None,
        progress: bool = True,
        penalty: Any = None,
        checkpoint: Any = None,
        compile: bool | None = None,
    ) -> History:
        """Train on data; see `tinygrad_edu.nn.fit`, which this calls.

        Parameters
        ----------
        x, y : array; or a tuple, list or dict of them by name where there are several inputs or outputs
        epochs, batch_size, callbacks, sample_weight, shuffle, rng, progress, penalty, checkpoint, compile
            As for `tinygrad_edu.nn.fit`.
        validation_split : float, optional
            This fraction is held out. It is drawn with `rng`; Keras takes the last samples.
        validation_data : (x, y), optional

        Returns
        -------
        History
        """
        compiled = self._ready("fit")
        if validation_split and validation_data is not None:
            raise ArgumentError("fit: give validation_split or validation_data, not both")
        inputs, targets = self._packed(x), self._packed(y, of_outputs=True)
        held = validation_data and (self._packed(validation_data[0]), self._packed(validation_data[1], of_outputs=True))
        self._build_on(inputs)
        if self.optimizer is None:
            self.optimizer = self._make_optimizer(self.parameters())
        return train.fit(
            self,
            (inputs, targets),
            compiled.loss,
            self.optimizer,
            epochs,
            batch_size=batch_size,
            validation=held or validation_split or None,
            rng=rng,
            callbacks=callbacks,
            metrics=compiled.metrics,
            progress=progress,
            shuffle=shuffle,
            sample_weight=sample_weight,
            penalty=penalty,
            checkpoint=checkpoint,
            compile=compile,
        )

    def evaluate(self, x: Any, y: Any, batch_size: int = 256) -> dict[str, float]:
        """Loss and metrics by name (Keras: a list), in evaluation mode; see `tinygrad_edu.nn.evaluate`."""
        compiled = self._ready("evaluate")
        data = (self._packed(x), self._packed(y, of_outputs=True))
        return train.evaluate(self, data, compiled.loss, compiled.metrics, batch_size)

    def predict(self, x: Any, batch_size: int = 256) -> Any:
        """Outputs as plain arrays, in evaluation mode; see `tinygrad_edu.nn.predict`."""
        return train.predict(self, self._packed(x), batch_size)

    def summary(self, input_shape: Sequence[Any] | None = None) -> Summary:
        """A table of layers, their output shapes and parameters; print it.

        Parameters
        ----------
        input_shape : tuple, optional
            Of one sample, without the batch; a list of tuples for several inputs. Needed only if the model
            does not know it yet: functional models do, others after the first call.

        Raises
        ------
        ArgumentError
            If parameters wait for the size of the input, which nobody has told.

        Examples
        --------
        >>> from tinygrad_edu.nn import Dense, Flatten, Sequential
        >>> model = Sequential([Flatten(), Dense(128, activation="relu"), Dense(10)])
        >>> print(model.summary((28, 28)))
        Sequential 'sequential'
        layer    kind     output shape  parameters
        layer0   Flatten  (None, 784)            0
        layer1   Dense    (None, 128)      100,480
        layer2   Dense    (None, 10)         1,290
        total                              101,770
        """
        return summarize(self, *self._samples(input_shape))

    # -- what kinds of models know better

    def _samples(self, input_shape: Sequence[Any] | None) -> tuple[list[Shape] | None, list[Any] | None]:
        """Shapes and dtypes of one sample of each input, as far as they are known."""
        if input_shape is not None:
            several = bool(input_shape) and isinstance(input_shape[0], (tuple, list))
            return [tuple(one) for one in input_shape] if several else [tuple(input_shape)], None
        if self._called_on is None:
            return None, None
        return [shape[1:] for shape, _ in self._called_on], [dtype for _, dtype in self._called_on]

    def _output_names(self) -> list[str]:
        return ["output"]

    def _packed(self, x: Any, of_outputs: bool = False) -> Several:
        return x  # type: ignore[no-any-return]  # what `train` checks

    # -- inside

    def _ready(self, what: str) -> "_Compiled":
        if self._compiled is None:
            raise ArgumentError(
                f"{what}: the model has no loss yet; first  "
                "model.compile(optimizer='adam', loss='softmax_cross_entropy')"
            )
        return self._compiled

    def _build_on(self, inputs: Any) -> None:
        """Let layers that wait for the size of the input make their parameters."""
        if any(module._recipe is not None for module in self.modules()):
            first = inputs if isinstance(inputs, tuple) else (inputs,)
            with no_grad(), modes_kept(self, training=False):
                self(*(np.asarray(array)[:2] for array in first))


@dataclass(frozen=True)
class _Compiled:
    loss: Loss
    metrics: Metrics


class JointLoss:
    """The sum of the losses of several outputs, each with a factor."""

    def __init__(
        self, names: Sequence[str], losses: Sequence[str | Loss], weights: Sequence[float] | None = None
    ) -> None:
        if weights is not None and len(weights) != len(names):
            raise ArgumentError(f"compile: {len(names)} outputs ({', '.join(names)}) need as many loss_weights")
        self.losses = [loss_function(loss) for loss in losses]
        self.weights = [1.0] * len(names) if weights is None else list(weights)
        self._takes_reduction = all("reduction" in inspect.signature(loss).parameters for loss in self.losses)

    def __call__(self, outputs: Sequence[Any], targets: Sequence[Any], reduction: str = "mean") -> Any:
        """One number; with ``reduction="none"`` one for each sample."""
        total: Any = 0.0
        for loss, weight, output, target in zip(self.losses, self.weights, outputs, targets, strict=True):
            one = loss(output, target) if reduction == "mean" else loss(output, target, reduction=reduction)
            if np.ndim(one) > 1:
                one = np.mean(one, axis=tuple(range(1, np.ndim(one))))
            total = total + (one if weight == 1.0 else weight * one)
        return total


class _OfOutput:
    """A metric of one of several outputs."""

    def __init__(self, index: int, output: str, metric: str | Metric) -> None:
        name, self.metric = metric_function(metric)
        self.index, self.__name__ = index, f"{output}_{name}"

    def __call__(self, outputs: Sequence[Any], targets: Sequence[Any]) -> float:
        return self.metric(outputs[self.index], targets[self.index])


def _each(what: str, choice: Any, names: Sequence[str]) -> list[Any]:
    """One choice for each output: the same for all, a list, or a dict by name."""
    if isinstance(choice, str) or callable(choice):
        return [choice] * len(names)
    if isinstance(choice, Mapping):
        if set(choice) != set(names):
            raise ArgumentError(f"compile: the outputs are {', '.join(names)}; {what} has {', '.join(choice)}")
        return [choice[name] for name in names]
    if len(choice) != len(names):
        raise ArgumentError(f"compile: {len(names)} outputs ({', '.join(names)}), but {len(choice)} entries in {what}")
    return list(choice)
