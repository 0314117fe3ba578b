"""The training loop: `fit`, and what belongs beside it, `evaluate` and `predict`."""

import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu import no_grad
from tinygrad_edu.errors import ArgumentError, DataError, GradientError
from tinygrad_edu.nn.arguments import size
from tinygrad_edu.nn.callbacks import Callback, TrainingState, as_callbacks, heard, progress_callback
from tinygrad_edu.nn.feed import Batch, Data, Feed, Several, columns_of
from tinygrad_edu.nn.history import History
from tinygrad_edu.nn.losses import Loss
from tinygrad_edu.nn.measure import Averages, Best, Measure, Metrics
from tinygrad_edu.nn.module import Module, modes_kept
from tinygrad_edu.nn.optim import LRScheduler, Optimizer
from tinygrad_edu.nn.regularize import Penalty, penalty_function
from tinygrad_edu.nn.resume import Journal
from tinygrad_edu.nn.step import Stepper
from tinygrad_edu.op import Node

Rng = np.random.Generator | int | None
BATCH_SIZE = 32


def fit(
    model: Module,
    data: Data,
    loss: str | Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int | None = None,
    validation: Data | float | None = None,
    rng: Rng = None,
    callbacks: Iterable[Callback | LRScheduler | Callable[[TrainingState], Any]] = (),
    metrics: Metrics = None,
    progress: bool = True,
    shuffle: bool = True,
    sample_weight: ArrayLike | None = None,
    penalty: Penalty | Mapping[Module, Penalty] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    compile: bool | None = None,
) -> History:
    """Train a model, and give back what happened.

    Parameters
    ----------
    model : Module
        Takes a batch of inputs, an array; `fit` puts it in training mode, and leaves every module in
        the mode in which it was.
    data : (inputs, targets)
        Arrays with one row a sample; a tuple of arrays where the model has several inputs or outputs.
    loss : str or function
        A name ("softmax_cross_entropy"; see `losses.LOSSES`) or ``loss(outputs, targets) -> Value``.
    optimizer : Optimizer
        Of the model's parameters.
    epochs : int
        How often each sample is seen.
    batch_size : int, optional
        At most the number of samples; 32 if not given, or all samples where there are fewer.
    validation : (inputs, targets), or a fraction of the data, optional
        What the loss and metrics are measured on after each epoch. A fraction is drawn with `rng` and
        held out of the training.
    rng : Generator or int, optional
        Draws the order of samples, and who is held out.
    callbacks : list of Callback, schedule or function
        Run between batches and epochs; a learning-rate schedule steps as its `unit` says, a function is called at
        the end of each epoch.
    metrics : list of str or function, optional
        Numbers ``metric(outputs, targets)`` beside the loss. None: accuracy, if the loss is one for classes.
    progress : bool
        Show a bar by tqdm on standard error (extra ``train``); without tqdm, one line an epoch.
    shuffle : bool
        Whether each epoch draws a new order.
    sample_weight : array, shape (samples,), optional
        How much each sample counts: the loss of a batch is the sum of weight times loss over the batch,
        divided by the number of samples, as Keras has it. Metrics and validation are not weighted.
    penalty : a penalty such as ``L2(1e-4)``, or a dict of one for each of several layers, optional
        Added to the loss; see `tinygrad_edu.nn.regularize`. The history has it as ``penalty``, beside the ``loss``.
    checkpoint : path, optional
        Where the run is saved after each epoch, whole. If the file is there, the run goes on from it, as if it had
        never stopped, to the last bit: so a program that was killed is simply started again. Raise `epochs` to
        train longer; remove the file to begin anew.
    compile : bool, optional
        Whether steps are recorded once and then run as a plan, with the same numbers to rounding. None: where that
        can be done; ``history.compiled`` says whether it was, and why not. True: or else raise. See `compile_step`.
        Where no callback or metric of yours runs between batches, what another thread changes is seen 32 steps later at
        the latest. The plan stays with the optimizer: a second run of the same model and loss need not record.

    Returns
    -------
    History

    Raises
    ------
    DataError
        If the data is empty, differs in length, holds NaN or infinity, or is smaller than a batch.
    ArgumentError
        If the loss, a metric or a callback is not one, or `epochs` is not a positive number.
    CheckpointError
        If the file of `checkpoint` is no whole checkpoint, or one of another run; nothing has changed then.
    GradientError
        If the loss becomes NaN or infinite; the best weights so far are back in the model.
    CompileError
        If `compile` is True, and the model or the loss cannot be recorded.

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
    _refuse_unless_trained_by(optimizer, model)
    size("fit: epochs", epochs)
    rng = np.random.default_rng(rng)
    feed = Feed.of("data", data, sample_weight)
    measure = Measure.of(loss, metrics)
    if sample_weight is not None:
        _refuse_unless_weighable(measure.loss)
    penalise = None if penalty is None else penalty_function(penalty)
    run = {"batch_size": BATCH_SIZE if batch_size is None else batch_size, "samples": len(feed), "shuffle": shuffle}
    journal = None if checkpoint is None else Journal(checkpoint, rng, run)
    drawer = rng if journal is None else journal.drawer
    train_data, held_out = _split(feed, validation, drawer)
    batch_size = min(BATCH_SIZE, len(train_data)) if batch_size is None else batch_size
    order = train_data.batches(batch_size, drawer, shuffle)  # refuses a batch that is too large before anything else
    batches = -(-len(train_data) // batch_size)
    state = TrainingState(model, optimizer, History(), epochs, batches)
    listeners = as_callbacks(callbacks)
    best = Best()
    if journal is not None:
        journal.attach(state, listeners, best)
    listeners = listeners + ([progress_callback()] if progress else [])
    # Kernels come when a plan is warm: a run that goes on after a crash would round otherwise than an unbroken one.
    stepper = Stepper(state, measure, penalise, compile, jit=None if journal is None else False)

    def tell(event: str) -> None:
        for call in heard(listeners, event):
            call(state)

    with modes_kept(model):
        try:
            tell("on_train_begin")
            first = epochs + 1 if state.stop else state.epoch + 1
            for state.epoch in range(first, epochs + 1):
                tell("on_epoch_begin")
                order = train_data.batches(batch_size, rng, shuffle) if state.epoch > 1 else order
                _train_epoch(state, order, measure, stepper, listeners)
                if held_out is not None:
                    numbers = _evaluated(model, held_out, measure, batch_size=max(batch_size, 256))
                    state.numbers.update({f"val_{name}": number for name, number in numbers.items()})
                state.history.append(state.epoch, state.numbers)
                best.see(state)
                tell("on_epoch_end")
                if journal is not None:
                    journal.write()
                if state.stop:
                    break
            stepper.end()
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
    return _evaluated(model, Feed.of("data", data), Measure.of(loss, metrics), batch_size)


def predict(model: Callable[..., Any], inputs: Several, batch_size: int = 256) -> Any:
    """The model's outputs as a plain array, in evaluation mode and without recording.

    Parameters
    ----------
    model : Module or function
    inputs : array with one row a sample, or a tuple of them
    batch_size : int
        How many samples at a time.

    Returns
    -------
    array with one row a sample, or a tuple of them if the model has several outputs

    Examples
    --------
    >>> predict(lambda x: 2 * x, [1.0, 2.0])
    array([2., 4.])
    """
    size("predict: batch_size", batch_size)
    columns = columns_of("predict", "inputs", inputs)
    if len({len(column) for column in columns}) > 1 or not len(columns[0]):
        shapes = ", ".join(str(column.shape) for column in columns)
        raise DataError(f"predict: expected at least one sample along the first axis, got shape {shapes}")
    feed = Feed(columns, len(columns), 0, one_target=False)
    with modes_kept(model, training=False), no_grad():
        outputs = [model(*batch.inputs) for batch in feed.in_order(batch_size)]
    if isinstance(outputs[0], (tuple, list)):
        return tuple(_stacked(parts) for parts in zip(*outputs, strict=True))
    return _stacked(outputs)


def _stacked(outputs: Iterable[Any]) -> NDArray[Any]:
    return np.concatenate([output.data if isinstance(output, Node) else output for output in outputs])


def _evaluated(model: Callable[..., Any], feed: Feed, measure: Measure, batch_size: int) -> dict[str, float]:
    sums = measure.averages()
    with modes_kept(model, training=False), no_grad():
        for batch in feed.in_order(batch_size):
            outputs = model(*batch.inputs)
            loss = measure.loss(outputs, batch.targets)
            sums.add(len(batch), {"loss": float(loss)}, outputs, batch.targets)
    return sums.means()


def _train_epoch(
    state: TrainingState,
    batches: Iterable[Batch],
    measure: Measure,
    stepper: Stepper,
    listeners: Sequence[Callback],
) -> None:
    """One pass over the data; `state.numbers` holds the averages so far, for whoever listens between batches."""
    state.model.train()
    sums = measure.averages()
    after_backward, after_batch = heard(listeners, "on_backward_end"), heard(listeners, "on_batch_end")
    watched = bool(after_backward) or not all(hasattr(call, "only_counts") for call in after_batch)
    stepper.begin(alone=sums.ours and not watched)
    try:
        for state.batch, batch in enumerate(batches, start=1):
            with np.errstate(over="ignore", invalid="ignore"):  # a diverging loss is reported in words
                numbers, outputs = stepper.gradients(batch)
                for call in after_backward:
                    call(state)
                stepper.update()
            sums.add(len(batch), numbers, outputs, batch.targets, lasting=stepper.compiled is not None)
            if watched:
                state.numbers = _numbers(sums, last=state.batch == state.batches)
            for call in after_batch:
                call(state)
    finally:
        if not watched and sums.samples:
            state.numbers = _numbers(sums, last=state.batch == state.batches)


def _numbers(sums: Averages, last: bool) -> dict[str, float]:
    """What is known after a batch: metrics of all samples only at the end of the epoch."""
    return sums.means() if last else sums.so_far()


def _refuse_unless_trained_by(optimizer: Any, model: Module) -> None:
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            f"fit: expected an optimizer such as Adam(model.parameters(), lr=0.001), got {type(optimizer).__name__}"
        )
    own = {id(parameter) for parameter in model.parameters()}
    if not any(id(parameter) in own for group in optimizer.param_groups for parameter in group["params"]):
        raise ArgumentError("fit: the optimizer has no parameter of this model; make it of model.parameters()")


def _refuse_unless_weighable(loss: Loss) -> None:
    if "reduction" not in inspect.signature(loss).parameters:
        name = getattr(loss, "__name__", loss)
        raise ArgumentError(
            f"fit: sample_weight needs one loss a sample, and {name} takes no reduction='none'; "
            "write  def loss(outputs, targets, reduction='mean')"
        )


def _split(feed: Feed, validation: Data | float | None, rng: np.random.Generator) -> tuple[Feed, Feed | None]:
    """What to train on, and what to hold out."""
    if validation is None:
        return feed, None
    if isinstance(validation, (tuple, list)):
        return feed, Feed.of("validation", validation)
    return feed.split(validation, rng)
