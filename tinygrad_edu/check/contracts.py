"""What every gradient must keep, whatever the function: contracts that need no finite differences.

A pull-back is linear in its seed, gives the same bits twice, has the shape and dtype of what it belongs
to, adds to a gradient that is there, shares memory with nobody, changes nothing it was given, and is the
transpose of the push-forward. Each contract is one function; `CONTRACTS` lists them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tinygrad_edu.check.claims import SEEDS, Array, quiet
from tinygrad_edu.check.tables import html_report, html_table, text_table
from tinygrad_edu.check.trials import DoesNotApply, Recorded, Trial, like
from tinygrad_edu.check.walk import Verdict
from tinygrad_edu.errors import ArgumentError, GradientCheckError, NotDifferentiableError
from tinygrad_edu.op import Node

HEAD: Final = ("contract", "verdict", "why")
ROUNDINGS: Final = 1000.0  # sums that are done in another order may differ by so many times what a rescaled seed shows
LOOSE: Final = 1e6  # ... and by so many roundings of the largest number on the way
EXACT: Final = 1e-9  # a seed scaled by a power of two gives a gradient that is off by less than this part of it
FLOOR: Final = 16.0  # derivatives below so many roundings of the function itself are rounding


@dataclass(frozen=True)
class Contract:
    """One contract and whether it was kept; `verdict` is None where it does not apply, and `reason` says why."""

    name: str
    verdict: Verdict | None
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The same in plain types."""
        return {"name": self.name, "verdict": self.verdict and str(self.verdict), "reason": self.reason}


@dataclass(frozen=True)
class ContractReport:
    """The outcome of `check_contracts`: a table of named contracts.

    Parameters
    ----------
    contracts : tuple of Contract
    title : str
        What was checked.

    Examples
    --------
    >>> report = check_contracts(np.tanh, np.array([0.5, 1.0]))
    >>> report.passed, report.worst.name
    (True, 'no mutation')
    """

    contracts: tuple[Contract, ...]
    title: str = "contracts"

    @property
    def verdict(self) -> Verdict:
        """FAIL if one contract is broken, else PASS."""
        return Verdict.PASS if self.passed else Verdict.FAIL

    @property
    def passed(self) -> bool:
        """Whether no contract is broken."""
        return not broken(self.contracts)

    @property
    def worst(self) -> Contract:
        """The first broken contract; the first one if all are kept."""
        return (*broken(self.contracts), *self.contracts)[0]

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain types, for JSON."""
        rows = [contract.to_dict() for contract in self.contracts]
        return {"verdict": str(self.verdict), "passed": self.passed, "title": self.title, "contracts": rows}

    def summary(self) -> str:
        """One line: verdict, what was checked, how many contracts are kept."""
        applied = [contract for contract in self.contracts if contract.verdict is not None]
        kept = sum(contract.verdict is Verdict.PASS for contract in applied)
        return f"{self.verdict}: {self.title}: {kept} of {len(applied)} contracts kept"

    def __str__(self) -> str:
        return "\n".join([self.summary(), *text_table(HEAD, map(_cells, self.contracts))])

    def _repr_html_(self) -> str:
        return html_report(self.summary(), [html_table(HEAD, map(_cells, self.contracts))])


def _cells(contract: Contract) -> tuple[str, str, str]:
    return contract.name, "-" if contract.verdict is None else str(contract.verdict), contract.reason


def broken(contracts: Sequence[Contract]) -> list[Contract]:
    """Those that were not kept."""
    return [contract for contract in contracts if contract.verdict is Verdict.FAIL]


def check_contracts(
    f: Callable[..., Any],
    *inputs: Any,
    rng: np.random.Generator | int | None = None,
    names: Sequence[str] | None = None,
    raise_on_fail: bool = True,
) -> ContractReport:
    """Hold the gradients of `f` against what every gradient must keep; no finite differences are taken.

    Parameters
    ----------
    f : callable
        A function of one Value per input, or an operation.
    *inputs : array or float
        Where. Their types are kept: float32 is checked in float32.
    rng : Generator, int or None
        For seeds and tangents; None is a fixed seed.
    names : sequence of str, optional
        Names of the inputs in the report.
    raise_on_fail : bool

    Returns
    -------
    ContractReport
        One row per contract: *no mutation* (of inputs, seed and result), *repeatable* (bit for
        bit), *linear in the seed*, *zero seed gives zero*, *shape and dtype*, *accumulates* onto a gradient that is
        there, *backward = vjp*, *no aliasing* (every gradient has memory of its own), *forward = reverse*:
        ``<u, J v> = <J' u, v>``.

    Raises
    ------
    GradientCheckError
        If one is broken. Its `report` is the table.
    ArgumentError
        If there are no inputs, or `f` does not return one Value.

    Examples
    --------
    >>> print(check_contracts(np.multiply, 2.0, np.array([1.0, 3.0])))
    PASS: multiply: 9 of 9 contracts kept
    contract              verdict  why
    no mutation           PASS
    repeatable            PASS
    linear in the seed    PASS
    zero seed gives zero  PASS
    shape and dtype       PASS
    accumulates           PASS
    backward = vjp        PASS
    no aliasing           PASS
    forward = reverse     PASS
    """
    __tracebackhide__ = True  # pytest shows the line that called us
    if not callable(f):
        raise ArgumentError(f"check_contracts: expected a function or an operation, got {type(f).__name__}")
    if not inputs:
        raise ArgumentError("check_contracts: give the point to check at: check_contracts(f, x) or (f, x, y, ...)")
    draw = np.random.default_rng(0 if rng is None else rng)
    report = ContractReport(
        _held(CONTRACTS, lambda: Trial(f, inputs, draw, names)), getattr(f, "__name__", type(f).__name__)
    )
    if raise_on_fail and not report.passed:
        raise GradientCheckError(f"{report.worst.name}: {report.worst.reason}\n\n{report}", report)
    return report


def quick_contracts(
    root: Node, at: Sequence[Node], names: Sequence[str], rng: np.random.Generator
) -> tuple[Contract, ...]:
    """Those contracts that a recorded graph answers with a few backward passes."""
    recorded = Recorded(root, list(at), tuple(names), rng)
    return _held(QUICK, lambda: recorded)


def _held(contracts: Mapping[str, Callable[[Any], str]], trial: Callable[[], Any]) -> tuple[Contract, ...]:
    """Each contract on a trial of its own, where one can be had: what one spoils, no other meets."""
    found = []
    for name, contract in contracts.items():
        try:
            with quiet():
                reason = contract(trial())
            found.append(Contract(name, Verdict.FAIL if reason else Verdict.PASS, reason))
        except DoesNotApply as error:
            found.append(Contract(name, None, str(error)))
    return tuple(found)


# -- the contracts: each gives "", or the sentence that says how it is broken


def _linear(trial: Recorded) -> str:
    """Scaling a seed by a power of two scales every number exactly; a sum of seeds gives the sum, up to rounding."""
    u, v = trial.seed(), trial.seed()
    with_u, with_v, with_both = trial.known(u), trial.known(v), trial.known(like(u + v, u))
    for factor in (2.0, -1.0):
        for g, doubled, name in zip(with_u, trial.known(like(factor * u, u)), trial.names, strict=True):
            apart = np.abs(doubled - factor * g)
            if np.any(apart > EXACT * _size(g) + np.finfo(float).tiny):
                at = np.unravel_index(int(np.argmax(apart)), apart.shape)
                return (
                    f"{factor:g} times the incoming gradient should give {factor:g} times the gradient for {name}"
                    f"{_place(at)}: {factor * g[at]:.6g}, and gives {doubled[at]:.6g}"
                )
    widest = max(float(np.max(np.abs(g), initial=0.0)) for g in trial.grads.values())
    scaled = [trial.pull(like(factor * u, u)) for factor in SEEDS]
    for i, name in enumerate(trial.names):
        g, h, both = with_u[i], with_v[i], with_both[i]
        rounding = max(_size(again[i] / factor - g) for again, factor in zip(scaled, SEEDS, strict=True))
        apart = np.abs(both - g - h)
        if np.any(apart > ROUNDINGS * rounding + LOOSE * trial.unit * widest):
            at = np.unravel_index(int(np.argmax(apart)), apart.shape)
            return (
                f"the gradient for {name}{_place(at)} of a sum of two seeds is {both[at]:.6g}, "
                f"the sum of their gradients {(g + h)[at]:.6g}"
            )
    return ""


def _zero(trial: Recorded) -> str:
    u = trial.seed()
    trial.known(u)
    for g, name in zip(trial.pull(like(np.zeros(np.shape(u)), u)), trial.names, strict=True):
        if np.any(g):
            return f"a seed of zeros gives {name} the gradient {g.flat[int(np.flatnonzero(g)[0])]:.6g}"
    return ""


def _repeatable(trial: Recorded) -> str:
    u = trial.seed()
    if isinstance(trial, Trial):
        first, again = np.asarray(trial.root.data), np.asarray(trial.call()[0].data)
        if not np.array_equal(first, again, equal_nan=True):
            return "two calls with the same inputs give two results; hand in a seeded rng, and keep no state"
    for g, h, name in zip(trial.pull(u), trial.pull(u), trial.names, strict=True):
        if not np.array_equal(g, h, equal_nan=True):
            return f"two backward passes give {name} two gradients, {np.max(np.abs(g - h)):.1e} apart"
    return ""


def _shape_and_dtype(trial: Trial) -> str:
    _, values = trial.passed_back(trial.seed())
    for value, name in zip(values, trial.names, strict=True):
        g = value.grad
        if g is None:
            continue
        if np.shape(g) != np.shape(value.data):
            return f"the gradient for {name} has shape {np.shape(g)}, the input {np.shape(value.data)}"
        if np.result_type(g) != np.result_type(value.data):
            return f"the gradient for {name} is {np.result_type(g)}, the input {np.result_type(value.data)}"
    return ""


def _accumulates(trial: Trial) -> str:
    seed = trial.seed()
    root, values = trial.passed_back(seed)
    once = [None if value.grad is None else np.array(value.grad) for value in values]
    root.backward(seed)  # type: ignore[attr-defined]
    for value, g, name in zip(values, once, trial.names, strict=True):
        if g is not None and not np.array_equal(value.grad, g + g, equal_nan=True):
            return f"a second backward pass should double the gradient for {name}, and does not"
    return ""


def _one_gradient(trial: Trial) -> str:
    seed = trial.seed()
    _, values = trial.passed_back(seed)
    for value, g, name in zip(values, trial.known(seed), trial.names, strict=True):
        own = np.zeros(np.shape(g)) if value.grad is None else np.asarray(value.grad, dtype=np.float64)
        if np.any(np.abs(own - g) > 1e-6 * _size(g)):
            return f"backward() and the transforms give {name} different gradients, {np.max(np.abs(own - g)):.1e} apart"
    return ""


def _no_aliasing(trial: Trial) -> str:
    seed = trial.seed()
    root, values = trial.passed_back(seed)
    grads = {f"the gradient for {n}": v.grad for v, n in zip(values, trial.names, strict=True)}
    held = {"the seed": seed, "the result": root.data} | {
        f"the input {n}": v.data for v, n in zip(values, trial.names, strict=True)
    }
    arrays = [(name, a) for name, a in (grads | held).items() if isinstance(a, np.ndarray)]
    for i, (name, g) in enumerate(arrays[: sum(isinstance(g, np.ndarray) for g in grads.values())]):
        for other, a in arrays[i + 1 :]:
            if np.shares_memory(g, a):
                return f"{name} and {other} share memory: changing one changes the other"
    return ""


def _no_mutation(trial: Recorded) -> str:
    """Neither what the caller handed in, nor what the graph holds, changes in a backward pass."""
    seed = trial.seed()
    held = {"the seed": seed, "the result": trial.root.data}
    held |= {f"the input {name}": node.data for node, name in zip(trial.at, trial.names, strict=True)}
    if isinstance(trial, Trial):
        for value, x, name in zip(trial.at, trial.inputs, trial.names, strict=True):
            if not np.array_equal(value.data, np.asarray(x, dtype=np.result_type(value.data)), equal_nan=True):
                return f"the function changes its input {name} in place"
    before = {name: np.array(data) for name, data in held.items()}
    trial.differentiate(seed)
    for name, data in held.items():
        if not np.array_equal(data, before[name], equal_nan=True):
            return f"{name} is changed in place by the backward pass"
    return ""


def _adjoint(trial: Recorded) -> str:
    """<u, J v> = <J' u, v>; at every node gradient times tangent comes to as much, which tells the roundings."""
    u = trial.seed()
    tangents = [like(trial.rng.normal(size=np.shape(node.data)), node.data) for node in trial.at]
    trial.known(u)
    try:
        pushed = trial.push(tangents)
    except NotDifferentiableError as error:
        raise DoesNotApply(str(error)) from None
    pairs = {node: np.multiply(g, pushed[node], dtype=np.float64) for node, g in trial.grads.items() if node in pushed}
    forward = float(np.sum(np.multiply(u, pushed.get(trial.root, 0.0), dtype=np.float64)))
    reverse = sum(float(np.sum(pairs[node])) for node in trial.at if node in pairs)
    if not np.isfinite(forward):
        return f"the forward-mode derivative is {forward:g} where the gradient is finite"
    size = max((float(np.sum(np.abs(pair))) for pair in pairs.values()), default=0.0)
    floor = FLOOR * float(np.sum(np.abs(np.multiply(u, trial.root.data, dtype=np.float64))))
    if abs(forward - reverse) > trial.unit * (LOOSE * size + floor):
        return f"<u, J v> = {forward:.9g} by forward mode, <J' u, v> = {reverse:.9g} by reverse mode"
    return ""


QUICK: Final[dict[str, Callable[[Any], str]]] = {
    "no mutation": _no_mutation,
    "repeatable": _repeatable,
    "linear in the seed": _linear,
    "zero seed gives zero": _zero,
}
CONTRACTS: Final[dict[str, Callable[[Any], str]]] = {
    **QUICK,
    "shape and dtype": _shape_and_dtype,
    "accumulates": _accumulates,
    "backward = vjp": _one_gradient,
    "no aliasing": _no_aliasing,
    "forward = reverse": _adjoint,
}


def _size(g: Array) -> float:
    return float(np.max(np.abs(g), initial=0.0))


def _place(at: Sequence[Any]) -> str:
    return f" at [{', '.join(str(int(i)) for i in at)}]" if len(at) else ""
