"""A training step as a plan: forward, backward and the optimizer's rule over one flat array of parameters."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_edu import Value
from tinygrad_edu.compiler.failures import FunctionError, cause_of
from tinygrad_edu.compiler.hidden import FlatNumbers
from tinygrad_edu.compiler.number_update import NumberUpdate
from tinygrad_edu.compiler.scalars import Rule
from tinygrad_edu.compiler.training import Flat, GradientStep
from tinygrad_edu.compiler.update import Update
from tinygrad_edu.errors import ArgumentError, CompileError, GradientError
from tinygrad_edu.mode import current_mode
from tinygrad_edu.nn.callbacks import TrainingState
from tinygrad_edu.nn.feed import Batch
from tinygrad_edu.nn.losses import Loss
from tinygrad_edu.nn.measure import Measure
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.optim import Optimizer
from tinygrad_edu.nn.regularize import Penalty
from tinygrad_edu.watch import HOOKED

UNSEEN = 31  # steps between two looks at what lies outside, while nothing but plans runs: for other threads' changes
NO_SETTINGS = ("params", "lr")  # of a group of parameters: a plan holds whatever the learning rate is


class CompiledStep:
    """A step of training that is recorded once, and then runs as a plan.

    Call it for the loss, and the step is done. `fit` uses its two halves, `gradients` and `update`, so that
    callbacks can change gradients in between.

    Parameters
    ----------
    function : callable
        ``function(*arrays)`` gives a loss (a Value of one number), or a tuple that begins with it.
    optimizer : Optimizer
        Where its rule cannot be recorded (it asks for a number), or its parameters lie in several groups, the rule
        runs as it is.
    jit : bool, optional
        As for `tinygrad_edu.compile`.

    Examples
    --------
    >>> from tinygrad_edu.nn import SGD, Dense, mse
    >>> model = Dense(2, 1, rng=0)
    >>> x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0], [2.0]])
    >>> step = CompiledStep(lambda x, y: mse(model(x), y), SGD(model.parameters(), lr=0.01))
    >>> losses = [float(step(x, y)) for _ in range(50)]
    >>> losses[-1] < 0.5 * losses[0]
    True
    """

    def __init__(self, function: Callable[..., Any], optimizer: Optimizer, jit: bool | None = None) -> None:
        self.optimizer = optimizer
        self.jit = jit
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.gradients = GradientStep(function, parameters, jit)
        self._updates: dict[Any, Update | None] = {}
        self._states: list[dict[str, Any]] = []
        self._number_updates: dict[Any, NumberUpdate | None] = {}
        self._state_of_numbers: list[dict[str, Any]] | None = None
        self._state_ids: list[int] = []
        self._number_states: list[dict[str, Any]] = []
        self._stateless: tuple[dict[str, Any], dict[str, Any], Rule | None] | None = None  # a group, as it was, and its
        self._known: list[int] = []  # the optimizer's parameters, by id
        self._trained: list[int] = []  # the places among them of those in the layout
        self._latest: Update | None = None  # the plan of the latest update
        self.steady = False  # whether the one before it had the same
        self._warm = False  # whether it ran kernels in the run before, and so does from the beginning

    def __call__(self, *arrays: Any) -> Any:
        """What the function gives, as plain numbers; the parameters have moved."""
        failed: Exception | None = None
        try:
            result = self.gradients.step(arrays, self._rule)
        except FunctionError as error:
            failed = cause_of(error)
        if failed is not None:
            raise failed  # out here, so that it comes as the function raised it
        if not self.gradients.moved:
            self.update()
        return result

    def update(self) -> None:
        """The optimizer's step, by the gradients that the parameters have."""
        before, self._latest, self.steady = self._latest, None, False
        flat, optimizer = self.gradients.flat, self.optimizer
        if flat is None or len(optimizer.param_groups) > 1 or not flat.gather_gradients():
            optimizer.step()
            self._states = []  # which has other arrays now, and perhaps not every parameter has moved
            return
        group = optimizer.param_groups[0]
        if isinstance(flat, FlatNumbers):
            rule = self._rule()
            if rule is not None:
                rule.run()
            elif (moved := self._number_update(flat, group)) is None or not moved.run(group):
                optimizer.step()
                return
            flat.spread()
            return
        fused = self._update(group)
        if fused is None:
            optimizer.step()
            self._updates = {key: update for key, update in self._updates.items() if update is None}
        else:
            fused.run(group)
            flat.spread()
            self._latest, self.steady = fused, fused is before

    def repeat_update(self) -> None:
        """The latest update once more, where nothing but plans has run since, and it was `steady`."""
        assert self._latest is not None
        self._latest.run(self.optimizer.param_groups[0])

    def rest(self) -> None:
        """Between two runs, where others may change the optimizer's state: keep the recorded function alone."""
        self.gradients.rest()
        self._warm = self._latest is not None and self._latest.warmth.jit
        self._states, self._state_of_numbers, self._latest, self._stateless = [], None, None, None

    def _update(self, group: dict[str, Any]) -> Update | None:
        """The plan of the rule for the options of a group and what the state holds; None if there is none."""
        flat, optimizer = self.gradients.flat, self.optimizer
        assert flat is not None
        settings = tuple([item for item in group.items() if item[0] not in NO_SETTINGS])
        known = [*map(id, group["params"])]
        if known != self._known:
            trained = {*map(id, flat.parameters)}
            self._known, self._trained = known, [i for i, p in enumerate(known) if p in trained]
        state = optimizer.state
        states = [state[i] for i in self._trained]
        if [*map(id, states)] != [*map(id, self._states)]:
            self._updates, self._states = {}, states
        key = (settings, *map(frozenset, states))
        if key not in self._updates:
            self._updates[key] = self._planned(group)
        return self._updates[key]

    def _planned(self, group: dict[str, Any]) -> Update | None:
        flat = self.gradients.flat
        assert flat is not None
        if len({tuple(_numbers(state)) for state in self._states}) > 1:  # some were without a gradient in between
            return None
        options = {key: value for key, value in group.items() if key != "params"}
        try:
            update = Update(self.optimizer.update, flat, self._states, options, jit=self._warm or self.jit)
        except CompileError:
            return None
        update.share()
        return update

    def _rule(self) -> Rule | None:
        """What the optimizer does to scalar parameters, if it keeps no state, and its options are no obstacle."""
        flat, groups = self.gradients.flat, self.optimizer.param_groups
        if not isinstance(flat, FlatNumbers) or len(groups) > 1:
            return None
        group = groups[0]
        if self._stateless is not None:
            of, then, rule = self._stateless
            then["lr"] = group.get("lr")
            if of is group and then["params"] is group["params"] and then == group:
                return rule
        update = self._number_update(flat, group)
        rule = None if update is None else update.rule(group)
        self._stateless = group, dict(group), rule
        return rule

    def _number_update(self, flat: FlatNumbers, group: dict[str, Any]) -> NumberUpdate | None:
        """As `_update`, for parameters that are single numbers."""
        state = self.optimizer.state
        begun = any(state)
        if state is not self._state_of_numbers or (begun and [*map(id, state)] != self._state_ids):
            at = {id(p): i for i, p in enumerate(group["params"])}
            self._number_states = [state[at[id(p)]] for p in flat.parameters]
            self._state_of_numbers, self._state_ids, self._number_updates = state, [*map(id, state)], {}
        settings = tuple([item for item in group.items() if item[0] not in NO_SETTINGS])
        if begun and not self._number_states[0]:  # others have a state, the first one has none
            return None
        key = (settings, *self._number_states[0])
        if key not in self._number_updates:
            options = {name: value for name, value in group.items() if name != "params"}
            try:
                made = NumberUpdate(self.optimizer.update, flat, self._number_states, options, jit=self.jit)
            except (CompileError, KeyError):  # some parameters have no state yet
                made = None
            self._number_updates[key] = made
        return self._number_updates[key]


def _numbers(state: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What must be the same for all parameters, if one plan is to move them."""
    return ((key, None if isinstance(value, np.ndarray) else value) for key, value in state.items())


def compile_step(model: Module, loss: Callable[[Any, Any], Any], optimizer: Optimizer) -> Callable[[Any, Any], Any]:
    """A function ``step(inputs, targets)`` that trains a model by one batch, and gives the loss as a number.

    Parameters
    ----------
    model : Module
    loss : callable
        ``loss(outputs, targets)`` gives a Value of one number.
    optimizer : Optimizer

    Returns
    -------
    callable

    Raises
    ------
    CompileError
        At a call, if the model or the loss cannot be recorded.

    Examples
    --------
    >>> from tinygrad_edu.nn import Adam, Dense, softmax_cross_entropy
    >>> model = Dense(2, 3, rng=0)
    >>> step = compile_step(model, softmax_cross_entropy, Adam(model.parameters(), lr=0.1))
    >>> x, labels = np.eye(2), np.array([2, 0])
    >>> first = step(x, labels)
    >>> for _ in range(20):
    ...     last = step(x, labels)
    >>> bool(last < first)
    True
    """
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(f"compile_step: expected an optimizer, such as SGD(...), got {type(optimizer).__name__}")
    return CompiledStep(lambda inputs, targets: loss(model(inputs), targets), optimizer)


class Stepper:
    """The steps of `fit`: compiled where that can be done, else one operation after the other.

    Parameters
    ----------
    state : TrainingState
        Its history is told whether the steps were compiled, or why not.
    measure : Measure
        Has the loss.
    penalise : Penalty, optional
    compile : bool, optional
        None: where it can be done.
    jit : bool, optional
        As for `tinygrad_edu.compile`.
    """

    def __init__(
        self,
        state: TrainingState,
        measure: Measure,
        penalise: Penalty | None,
        compile: bool | None,
        jit: bool | None = None,
    ) -> None:
        self.state = state
        self.run = _step_of(state.model, measure.loss, penalise)
        self.must, self.jit = compile is True, jit
        self._key = None if penalise is not None else (id(measure.loss), jit, *_identity(state))
        taken_over = None if compile is False else self._taken_over()
        self.compiled = None if compile is False else taken_over or self._new()
        self._old = taken_over is not None
        state.history.compiled = "compile=False" if compile is False else True
        self.begin(alone=False)

    def _new(self) -> CompiledStep:
        return CompiledStep(self.run, self.state.optimizer, self.jit)

    def _taken_over(self) -> CompiledStep | None:
        """The step of the optimizer's latest run, if that was of the same model, loss and parameters."""
        kept = self.state.optimizer.kept
        step, kept.step = kept.step, None
        same = step is not None and self._key == kept.key and step.optimizer is self.state.optimizer
        return step if same else None

    def end(self) -> None:
        """After a run: leave the compiled step to the next one."""
        if self.compiled is not None and self._key is not None and isinstance(self.compiled.gradients.flat, Flat):
            self.compiled.rest()
            kept = self.state.optimizer.kept
            kept.key, kept.step = self._key, self.compiled

    def begin(self, alone: bool) -> None:
        """Before an epoch: whether nothing but plans will run between its batches, no code of the user's."""
        self.alone = alone
        self._left = self._samples = 0  # steps to go before the next look at what lies outside, and their samples
        self._repeats = False

    def gradients(self, batch: Batch) -> tuple[dict[str, float], Any]:
        """Loss and penalty of a batch, and the outputs; the parameters have their gradients."""
        self._repeats = False
        if self.compiled is not None and current_mode().anomaly is None and not HOOKED:
            if self._left > 0 and len(batch) == self._samples:
                found = self.compiled.gradients.repeat(batch.columns)
                if found is not None:
                    self._left, self._repeats = self._left - 1, True
                    return self._numbers(*found[:3]), found[3]
            try:
                found = self.compiled.gradients(batch.inputs, batch.targets, batch.weights)
            except CompileError as error:
                if self._old:  # other parameters may be trained than in the run before
                    self.compiled, self._old = self._new(), False
                    return self.gradients(batch)
                if self.must:
                    raise
                self.compiled, self.state.history.compiled = None, str(error)
            else:
                self._samples = len(batch)
                return self._numbers(*found[:3]), found[3]
        self.state.optimizer.zero_grad()
        total, *parts, outputs = self.run(batch.inputs, batch.targets, batch.weights)
        numbers = self._numbers(total, *parts)
        total.backward(keep="leaves")
        return numbers, outputs

    def update(self) -> None:
        """The optimizer's step."""
        if self.compiled is None:
            self.state.optimizer.step()
        elif self._repeats:
            self.compiled.repeat_update()
        else:
            self.compiled.update()
            self._left = UNSEEN if self.alone and self.compiled.steady else 0

    def _numbers(self, total: Any, loss: Any, extra: Any) -> dict[str, float]:
        """What the history keeps; a loss that is no number ends the training."""
        if not math.isfinite(total):
            raise GradientError(
                f"fit: the loss is {float(total)} in epoch {self.state.epoch}, batch {self.state.batch}. Try a lower "
                f"learning rate (it is {self.state.optimizer.lr:g}), inputs of about unit size (standardize), or "
                "another initialisation; tinygrad_edu.check_graph(loss) finds a wrong gradient"
            )
        return {"loss": float(loss)} | ({} if extra is None else {"penalty": float(extra)})


def _step_of(model: Module, loss: Loss, penalise: Penalty | None) -> Callable[..., tuple[Any, ...]]:
    """A function of a batch: what is made small, the loss and the penalty of which it is the sum, and the outputs."""

    def run(inputs: Any, targets: Any, weights: Any) -> tuple[Any, ...]:
        outputs = model(*inputs)
        one = weighted(loss, outputs, targets, weights)
        if not isinstance(one, Value) or one.size != 1:
            came = f"a Value of shape {one.shape}" if isinstance(one, Value) else type(one).__name__
            raise ArgumentError(f"fit: the loss must be a Value of one number, got {came}; average it over the batch")
        if penalise is None:
            return one, one, None, outputs
        extra = penalise(model)
        return one + extra, one, extra, outputs

    return run


def _identity(state: TrainingState) -> tuple[Any, ...]:
    """What tells training runs apart: who is trained, and the shapes and types of the parameters."""
    parameters = [p for group in state.optimizer.param_groups for p in group["params"]]
    arrays = [(id(p), getattr(p.data, "shape", None), getattr(p.data, "dtype", None)) for p in parameters]
    return id(state.model), *arrays


def weighted(loss: Loss, outputs: Any, targets: Any, weights: Any) -> Any:
    """The loss of a batch, weighted if the samples have weights."""
    if weights is None:
        return loss(outputs, targets)
    each = loss(outputs, targets, reduction="none")
    if np.ndim(each) > 1:
        each = np.mean(each, axis=tuple(range(1, np.ndim(each))))
    return np.sum(each * weights.astype(np.result_type(each))) / float(len(weights))
