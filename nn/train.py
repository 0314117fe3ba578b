"""The training loop: `fit`, and what belongs beside it, `evaluate` and `predict`."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu import no_grad
from tinygrad_edu.errors import ArgumentError, DataError, GradientError
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.callbacks import Callback, TrainingState, as_callbacks, progress_callback
from tinygrad_edu.nn.data import minibatches, train_test_split
from tinygrad_edu.nn.history import History
from tinygrad_edu.nn.losses import CLASSIFICATION, Loss, loss_function
from tinygrad_edu.nn.metrics import Metric, metric_function
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.optim import Optimizer
from tinygrad_edu.op import Node

Data = tuple[ArrayLike, ArrayLike]
Arrays = tuple[NDArray[Any], NDArray[Any]]
Rng = np.random.Generator | int | None
Metrics = Sequence[str | Metric] | None


def fit(
    model: Module,
    data: Data,
    loss: str | Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int = 32,
    validation: Data | float | None = None,
    rng: Rng = None,
    callbacks: Iterable[Callback | Callable[[TrainingState], Any]] = (),
    metrics: Metrics = None,
    progress: bool = True,
    shuffle: bool = True,
) -> History:
    """Train a model, and give back what happened.

    Parameters
    ----------
    model : Module
        Takes a batch of inputs, an array; `fit` puts it in training mode, and leaves every module in
        the mode in which it was.
    data : (inputs, targets)
        Arrays with one row a sample.
    loss : str or function
        A name ("softmax_cross_entropy"; see `losses.LOSSES`) or ``loss(outputs, targets) -> Value``.
    optimizer : Optimizer
        Of the model's parameters.
    epochs : int
        How often each sample is seen.
    batch_size : int
        At most the number of samples.
    validation : (inputs, targets), or a fraction of the data, optional
        What the loss and metrics are measured on after each epoch. A fraction is drawn with `rng` and
        held out of the training.
    rng : Generator or int, optional
        Draws the order of samples, and who is held out.
    callbacks : list of Callback or function
        Run between batches and epochs; a function is called at the end of each epoch.
    metrics : list of str or function, optional
        Numbers ``metric(outputs, targets)`` beside the loss. None: accuracy, if the loss is one for classes.
    progress : bool
        Show a bar by tqdm on standard error (extra ``train``); without tqdm, one line an epoch.
    shuffle : bool
        Whether each epoch draws a new order.

    Returns
    -------
    History

    Raises
    ------
    DataError
        If the data is empty, differs in length, holds NaN or infinity, or is smaller than a batch.
    ArgumentError
        If the loss, a metric or a callback is not one, or `epochs` is not a positive number.
    GradientError
        If the loss becomes NaN or infinite; the best weights so far are back in the model.

    Notes
    -----
    Ctrl-C ends the training, not the program: once an epoch is finished, the weights of the best epoch
    so far (by validation loss, else training loss) are put back, and the history says `interrupted`.
    Without an interruption the weights of the last epoch stay.

    Examples
    --------
    >>> from tinygrad_edu.nn import SGD, Dense, Sequential
    >>> from tinygrad_edu.nn.data import xor
    >>> points, labels = xor(200, noise=0.1, rng=0)
    >>> rng = np.random.default_rng(0)
    >>> model = Sequential(Dense(2, 8, activation="tanh", rng=rng), Dense(8, 2, rng=rng))
    >>> optimizer = SGD(model.parameters(), lr=0.5, momentum=0.9)
    >>> history = fit(model, (points, labels), "softmax_cross_entropy", optimizer, epochs=20, rng=rng, progress=False)
    >>> history["accuracy"][-1]
    1.0
    """
    if not isinstance(model, Module):
        raise ArgumentError(f"fit: the model must be a Module, got {type(model).__name__}")
    size("fit: epochs", epochs)
    rng = np.random.default_rng(rng)
    train_data, held_out = _split(_checked("data", data), validation, rng)
    measure = _Measure.of(loss, metrics)
    order = minibatches(train_data, batch_size, rng, shuffle)  # refuses a batch that is too large before anything else
    batches = -(-len(train_data[0]) // batch_size)
    state = TrainingState(model, optimizer, History(), epochs, batches)
    listeners = as_callbacks(callbacks) + ([progress_callback()] if progress else [])
    best = _Best()

    def tell(event: str) -> None:
        for listener in listeners:
            getattr(listener, event)(state)

    with _modes_kept(model):
        try:
            tell("on_train_begin")
            for state.epoch in range(1, epochs + 1):
                tell("on_epoch_begin")
                order = minibatches(train_data, batch_size, rng, shuffle) if state.epoch > 1 else order
                _train_epoch(state, order, measure, lambda: tell("on_batch_end"))
                if held_out is not None:
                    numbers = evaluate(model, held_out, measure.loss, measure.metrics, batch_size=max(batch_size, 256))
                    state.numbers.update({f"val_{name}": number for name, number in numbers.items()})
                state.history.append(state.epoch, state.numbers)
                best.see(state)
                tell("on_epoch_end")
                if state.stop:
                    break
        except KeyboardInterrupt:
            state.history.interrupted = True
            best.restore(model)
        except GradientError:
            best.restore(model)
            raise
        finally:
            tell("on_train_end")
    return state.history


def evaluate(
    model: Callable[[Any], Any], data: Data, loss: str | Loss, metrics: Metrics = None, batch_size: int = 256
) -> dict[str, float]:
    """Loss and metrics of a model on data, in evaluation mode and without recording.

    Parameters
    ----------
    model : Module or function
    data : (inputs, targets)
    loss, metrics
        As for `fit`.
    batch_size : int
        How many samples at a time.

    Returns
    -------
    dict of str to float
        ``"loss"`` and the metrics, averaged over the samples.

    Examples
    --------
    >>> evaluate(lambda x: 2 * x, ([1.0, 2.0], [2.0, 5.0]), "mse")
    {'loss': 0.5}
    """
    size("evaluate: batch_size", batch_size)
    inputs, targets = _checked("data", data)
    measure = _Measure.of(loss, metrics)
    sums = _Averages()
    with _modes_kept(model, training=False), no_grad():
        for start in range(0, len(inputs), batch_size):
            part = slice(start, start + batch_size)
            outputs = model(inputs[part])
            sums.add(len(inputs[part]), measure(measure.loss(outputs, targets[part]), outputs, targets[part]))
    return sums.means()


def predict(model: Callable[[Any], Any], inputs: ArrayLike, batch_size: int = 256) -> NDArray[Any]:
    """The model's outputs as a plain array, in evaluation mode and without recording.

    Parameters
    ----------
    model : Module or function
    inputs : array with one row a sample
    batch_size : int
        How many samples at a time.

    Returns
    -------
    array with one row a sample

    Examples
    --------
    >>> predict(lambda x: 2 * x, [1.0, 2.0])
    array([2., 4.])
    """
    size("predict: batch_size", batch_size)
    array = np.asarray(inputs)
    if not array.ndim or not len(array):
        raise DataError(f"predict: expected at least one sample along the first axis, got shape {array.shape}")
    with _modes_kept(model, training=False), no_grad():
        outputs = [model(array[start : start + batch_size]) for start in range(0, len(array), batch_size)]
    return np.concatenate([output.data if isinstance(output, Node) else output for output in outputs])


def _train_epoch(
    state: TrainingState, batches: Iterable[tuple[Any, ...]], measure: "_Measure", after_batch: Callable[[], None]
) -> None:
    """One pass over the data; `state.numbers` holds the averages so far."""
    state.model.train()
    sums = _Averages()
    for state.batch, (inputs, targets) in enumerate(batches, start=1):
        state.optimizer.zero_grad()
        with np.errstate(over="ignore", invalid="ignore"):  # a diverging loss is reported below, in words
            outputs = state.model(inputs)
            loss = measure.loss(outputs, targets)
            numbers = measure(loss, outputs, targets)
            if not np.isfinite(numbers["loss"]):
                raise GradientError(
                    f"fit: the loss is {numbers['loss']} in epoch {state.epoch}, batch {state.batch}. Try a lower "
                    f"learning rate (it is {state.optimizer.lr:g}), inputs of about unit size (standardize), or "
                    "another initialisation; tinygrad_edu.check_graph(loss) finds a wrong gradient"
                )
            loss.backward(keep="leaves")
            state.optimizer.step()
        sums.add(len(inputs), numbers)
        state.numbers = sums.means()
        after_batch()


@dataclass(frozen=True)
class _Measure:
    """The loss and the metrics by name."""

    loss: Loss
    metrics: Sequence[str | Metric]
    functions: dict[str, Metric]

    @classmethod
    def of(cls, loss: str | Loss, metrics: Metrics) -> "_Measure":
        loss = loss_function(loss)
        if isinstance(metrics, str) or (metrics is not None and callable(metrics)):
            raise ArgumentError(f"metrics: expected a list, got {metrics!r}; write metrics=[...]")
        chosen = (["accuracy"] if loss in CLASSIFICATION else []) if metrics is None else list(metrics)
        return cls(loss, chosen, dict(map(metric_function, chosen)))

    def __call__(self, loss: Any, outputs: Any, targets: Any) -> dict[str, float]:
        numbers = {name: metric(outputs, targets) for name, metric in self.functions.items()}
        return {"loss": float(loss), **numbers}


class _Averages:
    """Means over samples of numbers that come batch by batch."""

    def __init__(self) -> None:
        self.samples = 0
        self.sums: defaultdict[str, float] = defaultdict(float)

    def add(self, samples: int, numbers: dict[str, float]) -> None:
        self.samples += samples
        for name, number in numbers.items():
            self.sums[name] += samples * number

    def means(self) -> dict[str, float]:
        return {name: total / self.samples for name, total in self.sums.items()}


@dataclass
class _Best:
    """The weights of the best epoch so far."""

    loss: float = np.inf
    weights: dict[str, NDArray[Any]] = field(default_factory=dict)

    def see(self, state: TrainingState) -> None:
        loss = state.numbers.get("val_loss", state.numbers["loss"])
        if loss < self.loss:
            self.weights, self.loss = state.model.state_dict(), loss
            state.history.best_epoch = state.epoch

    def restore(self, model: Module) -> None:
        if self.weights:
            model.load_state_dict(self.weights)


@contextmanager
def _modes_kept(model: Any, training: bool | None = None) -> Iterator[None]:
    """Give every module its mode back at the end; meanwhile the given one."""
    modes = [(module, module.training) for module in model.modules()] if isinstance(model, Module) else []
    if modes and training is not None:
        model.train(training)
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _checked(what: str, data: Data) -> Arrays:
    """Inputs and targets as arrays of equal length, at least one sample, all finite."""
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise DataError(f"{what}: expected a pair (inputs, targets), got {type(data).__name__}")
    inputs, targets = (np.asarray(part) for part in data)
    for name, array in (("inputs", inputs), ("targets", targets)):
        if array.dtype.kind not in "biuf":
            raise DataError(f"{what}: the {name} must be numbers, got an array of {array.dtype}")
        if not array.ndim:
            raise DataError(f"{what}: the {name} must have one row a sample, got a single number")
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            where = ", ".join(map(str, bad[0]))
            value = array[tuple(bad[0])]
            raise DataError(f"{what}: the {name} hold {value} at [{where}] ({len(bad)} entries are not finite)")
    if len(inputs) != len(targets) or not len(inputs):
        raise DataError(
            f"{what}: expected as many targets as inputs, and at least one, "
            f"got {len(inputs)} inputs and {len(targets)} targets"
        )
    return inputs, targets


def _split(data: Arrays, validation: Data | float | None, rng: np.random.Generator) -> tuple[Arrays, Arrays | None]:
    """What to train on, and what to hold out."""
    if validation is None:
        return data, None
    if isinstance(validation, (tuple, list)):
        return data, _checked("validation", validation)
    inputs, held_inputs, targets, held_targets = train_test_split(*data, test_fraction=validation, rng=rng)
    return (inputs, targets), (held_inputs, held_targets)
