"""The base of optimizers: parameters in groups, state, steps."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from tinygrad_edu import Value
from tinygrad_edu.compiler.kernels.denormals import EVERY, clear
from tinygrad_edu.errors import ArgumentError, CheckpointError
from tinygrad_edu.op import Node

State = dict[str, Any]
Group = dict[str, Any]


class Kept:
    """What the latest run of `fit` leaves to the next one: its compiled step. A copy of an optimizer has none."""

    def __init__(self) -> None:
        self.key: Any = None
        self.step: Any = None

    def __deepcopy__(self, memo: Any) -> "Kept":
        return Kept()

    def __reduce__(self) -> tuple[Any, ...]:
        return Kept, ()


class Optimizer:
    """The base of optimizers: parameters, options, state; a subclass writes one rule, `update`.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
        A dict is a parameter group, ``{"params": [...], "lr": 0.1}``: its options replace the others.
    **options
        The subclass's options; each is a key of every group.

    Attributes
    ----------
    param_groups : list of dict
        ``"params"`` and the options. Options may be changed between steps (``lr`` by a schedule).
    state : list of dict
        For each parameter, in order, what the rule keeps between steps.

    Raises
    ------
    ArgumentError
        If there is no parameter, one comes twice, something is not a leaf Value, or an option is out of range.
    """

    unread_by_calls: ClassVar[bool] = True  # what a model computes does not depend on it: `compile` need not watch it

    # Option -> (what it must be, whether it is); the subclass's options are checked against this table.
    limits: ClassVar[Mapping[str, tuple[str, Any]]] = {
        "lr": ("at least 0", lambda x: x >= 0),
        "momentum": ("at least 0", lambda x: x >= 0),
        "weight_decay": ("at least 0", lambda x: x >= 0),
        "eps": ("at least 0", lambda x: x >= 0),
        "betas": ("two numbers in [0, 1)", lambda x: len(x) == 2 and all(0 <= beta < 1 for beta in x)),
        "alpha": ("at least 0", lambda x: x >= 0),
        "rho": ("in [0, 1]", lambda x: 0 <= x <= 1),
        "lr_decay": ("at least 0", lambda x: x >= 0),
        "momentum_decay": ("at least 0", lambda x: x >= 0),
        "initial_accumulator_value": ("at least 0", lambda x: x >= 0),
    }

    def __init__(self, params: Iterable[Value] | Iterable[Mapping[str, Any]], **options: Any) -> None:
        self.defaults = options
        self.param_groups: list[Group] = []
        self.state: list[State] = []
        self._unscheduled: list[float] = []
        self.kept = Kept()
        if hasattr(params, "parameters"):
            raise ArgumentError(f"{self._name}: expected parameters, got a model; write model.parameters()")
        if isinstance(params, Node):
            raise ArgumentError(f"{self._name}: expected a list of parameters, got one; write [parameter]")
        given: list[Any] = list(params)
        for group in given if given and isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    def update(self, *args: Any, **options: Any) -> Any:
        """The step to subtract: ``update(self, x, g, state, *, lr, ...)``, pure but for `state`.

        `x` holds a parameter's data, `g` its gradient, and the options come by name. Every entry of
        `x` is treated alike, so a rule runs on a float, an array, or many parameters laid out in one.
        """
        raise NotImplementedError("an optimizer says how a gradient becomes a step")

    def step(self) -> None:
        """Change the parameters along their gradients: arrays in place; where the gradient is None, not at all."""
        states = iter(self.state)
        for group in self.param_groups:
            options = {key: value for key, value in group.items() if key != "params"}
            for x, state in zip(group["params"], states, strict=False):  # `states` last: it goes on in the next group
                g = x.grad
                if g is None:
                    continue
                a_float = x.data.__class__ is float
                x.data -= self.update(x.data, g.data if isinstance(g, Node) else g, state, **options)
                if a_float:
                    x.data = float(x.data)
                elif state.get("step", 1) % EVERY == 0:
                    clear(options, state.values())

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters: they are None again."""
        for group in self.param_groups:
            for x in group["params"]:
                x.grad = None

    @property
    def lr(self) -> float:
        """The learning rate (of the first group); setting it sets that of all groups."""
        return float(self.param_groups[0]["lr"])

    @lr.setter
    def lr(self, lr: float) -> None:
        self._check({"lr": lr})
        for group in self.param_groups:
            group["lr"] = lr

    def unscheduled_lrs(self) -> list[float]:
        """The groups' learning rates as the first schedule found them: what schedules multiply."""
        known = len(self._unscheduled)
        self._unscheduled += [float(group["lr"]) for group in self.param_groups[known:]]
        return list(self._unscheduled)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Take more parameters in, with options of their own where the group has them."""
        unknown = [key for key in group if key != "params" and key not in self.defaults]
        if unknown or "params" not in group:
            raise ArgumentError(
                f"{self._name}: a group holds 'params' and any of {', '.join(self.defaults)}; got {', '.join(group)}"
            )
        params = [group["params"]] if isinstance(group["params"], Node) else list(group["params"])
        if not params:
            raise ArgumentError(f"{self._name}: there are no parameters to optimize")
        seen = {id(x) for _, x, _ in self._slots()}
        for x in params:
            if not isinstance(x, Node) or not x.is_leaf:
                raise ArgumentError(f"{self._name}: expected Parameters (or leaf Values), got {x!r}")
            if id(x) in seen:
                raise ArgumentError(f"{self._name}: the parameter {x!r} is there twice")
            seen.add(id(x))
        options = {**self.defaults, **{key: value for key, value in group.items() if key != "params"}}
        self._check(options)
        self.param_groups.append({"params": params, **options})
        self.state += [{} for _ in params]

    def state_dict(self) -> dict[str, Any]:
        """Options and copies of the state, without the parameters themselves (a group has their numbers).

        Examples
        --------
        >>> from tinygrad_edu import Value
        >>> from tinygrad_edu.nn.optim import SGD
        >>> SGD([Value(1.0)], lr=0.1).state_dict()["param_groups"][0]["lr"]
        0.1
        """
        groups, start = [], 0
        for group in self.param_groups:
            stop = start + len(group["params"])
            groups.append({**group, "params": list(range(start, stop))})
            start = stop
        return {"state": [_copied(state) for state in self.state], "param_groups": groups}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken.

        Raises
        ------
        CheckpointError
            If the groups, options or shapes are others than this optimizer's; nothing has changed.
        """
        own = self.state_dict()["param_groups"]
        groups, states = saved.get("param_groups"), saved.get("state")
        if not isinstance(groups, list) or not isinstance(states, list) or len(states) != len(self.state):
            count = len(states) if isinstance(states, list) and isinstance(groups, list) else "no"
            raise CheckpointError(
                f"{self._name}: the saved state is of {count} parameters, this optimizer has {len(self.state)}"
            )
        for i, (group, mine) in enumerate(zip(groups, own, strict=False)):
            if not isinstance(group, Mapping) or group.keys() != mine.keys() or group["params"] != mine["params"]:
                raise CheckpointError(
                    f"{self._name}: group {i} was saved with {', '.join(group)}, here it has {', '.join(mine)}, "
                    "or other parameters; is it the state of another optimizer?"
                )
        if len(groups) != len(own):
            raise CheckpointError(f"{self._name}: {len(groups)} groups were saved, this optimizer has {len(own)}")
        options = [
            {key: _as_option(value, mine[key]) for key, value in group.items() if key != "params"}
            for group, mine in zip(groups, own, strict=True)
        ]
        try:
            for group in options:
                self._check(group)
        except (ArgumentError, TypeError) as error:
            raise CheckpointError(f"{self._name}: a saved option is not one: {error}") from error
        for i, ((_, x, _), state) in enumerate(zip(self._slots(), states, strict=True)):
            for key, value in state.items():
                if np.asarray(value).dtype.kind not in "biuf" or np.shape(value) not in ((), np.shape(x.data)):
                    raise CheckpointError(
                        f"{self._name}: {key} of parameter {i} has shape {np.shape(value)}, not {np.shape(x.data)}, "
                        "or is no number"
                    )
        for group, new in zip(self.param_groups, options, strict=True):
            group.update(new)
        self.state = [_copied(state) for state in states]

    def __repr__(self) -> str:
        options = ", ".join(f"{key}={value!r}" for key, value in self.param_groups[0].items() if key != "params")
        return f"{self._name}({len(self.state)} parameters, {options})"

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _slots(self) -> Iterable[tuple[Group, Any, State]]:
        pairs = ((group, x) for group in self.param_groups for x in group["params"])
        return [(group, x, state) for (group, x), state in zip(pairs, self.state, strict=True)]

    def _check(self, options: Mapping[str, Any]) -> None:
        for key, value in options.items():
            must, holds = self.limits.get(key, ("", lambda _: True))
            if not holds(value):
                raise ArgumentError(f"{self._name}: {key} must be {must}, got {value!r}")


def decayed(x: Any, g: Any, lr: float, weight_decay: float, decoupled: bool) -> tuple[Any, Any]:
    """The gradient and what is to be taken from `x` beside it, for either kind of weight decay.

    Examples
    --------
    >>> decayed(10.0, 1.0, 0.5, 0.01, decoupled=False), decayed(10.0, 1.0, 0.5, 0.01, decoupled=True)
    ((1.1, 0.0), (1.0, 0.05))
    """
    if not weight_decay:
        return g, 0.0
    return (g, lr * weight_decay * x) if decoupled else (g + weight_decay * x, 0.0)


def with_decay(shrink: Any, step: Any) -> Any:
    """What `decayed` says is to be taken beside a step, and the step: where there is nothing beside, no array more.

    Examples
    --------
    >>> with_decay(0.05, 0.5), with_decay(0.0, 0.5)
    (0.55, 0.5)
    """
    return step if shrink.__class__ is float and shrink == 0.0 else shrink + step


def _as_option(saved: Any, own: Any) -> Any:
    """A saved option; files know no tuples."""
    return tuple(saved) if isinstance(own, tuple) and isinstance(saved, list) else saved


def _copied(state: Mapping[str, Any]) -> State:
    return {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in state.items()}
