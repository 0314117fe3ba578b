"""An optimizer's rule over scalar parameters: as for arrays, and the state stays one of plain numbers."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

import numpy as np

from tinygrad_edu.compiler.hidden import FlatNumbers
from tinygrad_edu.compiler.scalars import Rule
from tinygrad_edu.compiler.update import Update


class NumberUpdate:
    """`Update` of scalar parameters: floats of the state are one for each parameter, other numbers are for all.

    Parameters
    ----------
    rule, options, jit
        As for `Update`.
    flat : FlatNumbers
    states : sequence of dict
        The optimizer's state of each parameter of the layout, with the same keys in all.

    Raises
    ------
    CompileError
        If the rule asks for a number: it runs as it is, then.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> weights = [Value(1.0), Value(2.0)]
    >>> flat, states = FlatNumbers(weights), [{}, {}]
    >>> def momentum(x, g, state, lr):
    ...     state["v"] = state.get("v", 0.0) * 0.5 + g
    ...     return lr * state["v"]
    >>> flat.grad[:] = 4.0
    >>> NumberUpdate(momentum, flat, states, {"lr": 0.25}).run({"lr": 0.25})
    True
    >>> flat.data, states
    (array([0., 1.]), [{'v': 4.0}, {'v': 4.0}])
    """

    def __init__(
        self,
        rule: Callable[..., Any],
        flat: FlatNumbers,
        states: Sequence[dict[str, Any]],
        options: Mapping[str, Any],
        jit: bool | None = None,
    ) -> None:
        self.states = list(states)
        first = self.states[0]
        self.own = [key for key, value in first.items() if value.__class__ is float]
        self.common = [key for key in first if key not in self.own]
        self.joint = {**first, **{key: np.array([state[key] for state in self.states]) for key in self.own}}
        self.update = Update(rule, flat, [self.joint], options, jit=jit)
        self.keeps_state = _keeps_state(rule, options)
        self._rule: Rule | None = None

    def rule(self, options: Mapping[str, Any]) -> Rule | None:
        """What it does, for `options` as they are at each step; None if it keeps a state."""
        update = self.update
        recording = update.recordings.get(update.flat.data.size)
        if self.keeps_state or recording is None:
            return None
        if self._rule is None or self._rule.options is not options:
            self._rule = Rule(recording, options, update.varying, partial(update.run, options), update.warmth)
        return self._rule

    def run(self, options: Mapping[str, Any]) -> bool:
        """One step; False, and nothing is done, if the parameters' states are no longer alike."""
        states, joint, arrays = self.states, self.joint, self.update.arrays
        known = len(self.own) + len(self.common)
        if known and {*map(len, states)} != {known}:
            return False
        for key in self.common:
            joint[key] = states[0][key]
            if {state[key] for state in states} != {joint[key]}:
                return False
        for key in self.own:
            arrays[key][:] = [state[key] for state in states]
        self.update.run(options)
        found = {key: array.tolist() for key, array in arrays.items()}
        found |= {key: [value] * len(states) for key, value in joint.items() if key not in arrays}
        for key, numbers in found.items():
            for state, number in zip(states, numbers, strict=True):
                state[key] = number
        return True


class _Untouched:
    """A state that refuses whatever is done with it."""

    def _refuse(self, *_: Any) -> NoReturn:
        raise TypeError("the state is used")

    __getattr__ = __getitem__ = __setitem__ = __contains__ = __iter__ = __len__ = __bool__ = __eq__ = __or__ = _refuse
    __hash__ = None  # type: ignore[assignment]  # a method of others, and here none


def _keeps_state(rule: Callable[..., Any], options: Mapping[str, Any]) -> bool:
    """Whether a rule looks at the state that it is given, or puts something there."""
    try:
        rule(1.0, 1.0, _Untouched(), **options)
    except Exception:  # a rule's own error comes again where the rule is recorded
        return True
    return False
