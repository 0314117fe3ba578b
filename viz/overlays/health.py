"""The health of gradients: dead, saturated, vanishing, exploding, NaN, each with its cause in words."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu.viz.facts.chain import Contribution, Facts, local_derivative
from tinygrad_edu.viz.overlays.marks import Mark, Verdicts
from tinygrad_edu.viz.text import clean, count_text, number

LEGEND = "Gradient health: ✗ nothing, or nothing finite, gets through; ⚠ little or far too much does."
FLAT = 0.05  # a squashing operation whose local derivative is less is called saturated
MOSTLY = 0.5  # this part of an array must be so before it is said of the array
VANISHED, EXPLODED = 1e-5, 1e4  # the gradient's size as a part of the seed's


def _power(x: float) -> str:
    return f"{f'({number(x)})' if x < 0 else number(x)}^2"


# How the local derivative of each squashing operation comes to its number: result -> words.
SQUASHING: dict[str, Callable[[float], str]] = {
    "tanh": lambda out: f"1 - {_power(out)}",
    "sigmoid": lambda out: f"{number(out)} × (1 - {number(out)})",
    "arctan": lambda out: "1 / (1 + x^2)",
    "softsign": lambda out: "1 / (1 + |x|)^2",
    "erf": lambda out: "2 / √π e^(-x^2)",
    "elu": lambda out: "α e^x",
}
# Operations that let nothing through on one side: name -> what is true of the operand there.
RECTIFYING = {"relu": "≤ 0", "clip": "outside the bounds", "maximum": "smaller", "minimum": "larger"}


def health(nodes: Sequence[Any], roots: Sequence[Any]) -> Verdicts:
    """Marks for every node whose gradient is in trouble, or brings others into it.

    Parameters
    ----------
    nodes : sequence of Value
        Operands first.
    roots : sequence of Value

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> x = Value(2.65)
    >>> y = x.tanh()
    >>> health([x, y], [y]).marks[y].text
    'tanh saturated: 1 - 0.9901^2 = 0.01977'
    """
    doctor = _Doctor(nodes, Facts(roots, nodes))
    marks: dict[Any, Mark] = {}
    for node in nodes:
        for rule in RULES:
            found = rule(doctor, node)
            if found is not None:
                marks[node] = found
                break
    return Verdicts(LEGEND, marks)


@dataclass
class _Doctor:
    """What the rules look at."""

    nodes: Sequence[Any]
    facts: Facts
    stops: dict[Any, Mark] = field(default_factory=dict)  # node -> which operation stops its gradient
    steps: dict[Any, tuple[float, Any]] = field(default_factory=dict)  # node -> the smallest step on its way, and where

    def __post_init__(self) -> None:
        self.sizes = {node: _size(self.facts.gradient(node)) for node in self.nodes}
        self.seed = self.sizes[self.nodes[-1]]

    def through(self, node: Any) -> Contribution | None:
        """The contribution that brings a node most of its gradient."""
        found = self.facts.contributions(node)
        return max(found, key=lambda one: _size(one.amount), default=None)


def _not_finite(doctor: _Doctor, node: Any) -> Mark | None:
    """A NaN or Inf in the forward pass: here it begins, or here it came from elsewhere."""
    bad = _broken(node.data)
    if not bad:
        return None
    from_ = [parent for parent in node.parents if _broken(parent.data)]
    if from_:
        return Mark("warning", f"{bad}, from {_called(from_[0])}")
    if not node.parents:
        return Mark("bad", f"{bad} begins here: it is in the data")
    at = ", ".join(number(value) for value in _operands_at(node))
    return Mark("bad", f"{bad} begins here: {clean(node.op.symbol, 14)}({at}) = {bad}, from finite numbers")


def _gradient_not_finite(doctor: _Doctor, node: Any) -> Mark | None:
    """A NaN or Inf that is only in the gradients."""
    gradient = doctor.facts.gradient(node)
    bad = "" if gradient is None else _broken(gradient)
    if not bad:
        return None
    for one in doctor.facts.contributions(node):
        if _broken(one.amount) and not _broken(one.upstream):
            local = _broken(one.local) if one.local is not None else ""
            cause = (
                f"the local derivative of {clean(one.consumer.op.symbol, 14)} is {local} there"
                if local
                else "too large"
            )
            return Mark("bad", f"gradient {bad} begins here: {cause}")
    return Mark("warning", f"gradient {bad}, from its consumers")


def _saturated(doctor: _Doctor, node: Any) -> Mark | None:
    """A squashing operation on its flat part."""
    words = SQUASHING.get(node.op.name)
    if words is None:
        return None
    local, out = np.ravel(local_derivative(node, 0)), np.ravel(node.data)
    flat = np.abs(local) < FLAT
    if not flat.size or flat.mean() < MOSTLY:
        return None
    worst = int(np.argmin(np.abs(local)))
    share = "" if flat.size == 1 else f" in {_share(flat)}, at worst"
    return Mark(
        "warning", f"{node.op.name} saturated{share}: {words(float(out[worst]))} = {number(float(local[worst]))}"
    )


def _rectified(doctor: _Doctor, node: Any) -> Mark | None:
    """A rectifier that lets nothing through, for one number, for all, or for a whole unit of a batch."""
    words = RECTIFYING.get(node.op.name)
    if words is None or any(parent.op.name != "constant" for parent in node.parents[1:]):
        return None
    dead = np.asarray(local_derivative(node, 0)) == 0.0
    if not dead.size or not dead.any():
        return None
    if dead.ndim == 0 or dead.size == 1:
        x = node.parents[0].item()
        return Mark("bad", f"{node.op.name} dead: x = {number(x)} is {words}, so the derivative is 0")
    if dead.ndim >= 2 and dead.shape[0] > 1:
        units = dead.reshape(len(dead), -1).all(axis=0)
        if units.any():
            whole = "bad" if units.all() else "warning"
            return Mark(
                whole,
                f"{node.op.name}: {int(units.sum()):,} of {count_text(units.size, 'unit')} dead for the whole batch",
            )
    return Mark("bad", f"{node.op.name} dead: every x is {words}") if dead.all() else None


def _unreached(doctor: _Doctor, node: Any) -> Mark | None:
    """A leaf that learns nothing, and which operation stops its gradient."""
    gradient = doctor.facts.gradient(node)
    if not node.is_leaf or gradient is None or _size(gradient) > 0.0 or not np.size(gradient):
        return None
    way = [node]
    while way[-1] not in doctor.stops:
        found = doctor.facts.contributions(way[-1])
        stopped = next((one for one in found if _size(one.upstream) > 0.0), None)
        if stopped is not None:
            text = f"gradient 0: {_called(stopped.consumer)} stops it, its local derivative is 0"
            doctor.stops[way[-1]] = Mark("bad", text)
        elif not found:
            doctor.stops[way[-1]] = Mark("bad", "gradient 0 from the start")
        else:
            way.append(found[0].consumer)
    mark = doctor.stops[way[-1]]
    doctor.stops.update(dict.fromkeys(way, mark))
    return mark


def _vanished(doctor: _Doctor, node: Any) -> Mark | None:
    """A gradient that is tiny beside the seed: at leaves, and where it becomes so."""
    size = doctor.sizes[node]
    if not 0.0 < size < VANISHED * doctor.seed:
        return None
    if node.is_leaf:
        factor, where = _smallest_step(doctor, node)
        return Mark(
            "warning",
            f"vanishing: {number(size / doctor.seed)} of the seed is left; the smallest step is × {number(factor)} "
            f"at {where}",
        )
    here = doctor.through(node)
    if here is not None and doctor.sizes[here.consumer] >= VANISHED * doctor.seed:
        return Mark("warning", f"from here on under {VANISHED:g} of the seed")
    return None


def _exploded(doctor: _Doctor, node: Any) -> Mark | None:
    """A gradient that is huge beside the seed: at leaves, and where it becomes so."""
    size = doctor.sizes[node]
    if not doctor.seed or size <= EXPLODED * doctor.seed:
        return None
    if node.is_leaf:
        return Mark("bad", f"exploding: {number(size / doctor.seed)} times the seed")
    here = doctor.through(node)
    if here is not None and doctor.sizes[here.consumer] <= EXPLODED * doctor.seed:
        return Mark("warning", f"from here on over {EXPLODED:g} times the seed")
    return None


RULES = (_not_finite, _gradient_not_finite, _rectified, _saturated, _unreached, _vanished, _exploded)


def _smallest_step(doctor: _Doctor, node: Any) -> tuple[float, str]:
    """The step that shrinks the gradient most, on the way by which most of it came."""
    way = []
    while node not in doctor.steps and (one := doctor.through(node)) is not None:
        way.append((node, one))
        node = one.consumer
    factor, where = doctor.steps.get(node, (1.0, None))
    for node, one in reversed(way):
        before = _size(one.upstream)
        ratio = _size(one.amount) / before if before else 1.0
        if ratio < 1.0 and ratio <= factor:
            factor, where = ratio, one.consumer
        doctor.steps[node] = factor, where
    return factor, "no one step" if where is None else _called(where)


def _called(node: Any) -> str:
    """A node in a sentence: its operation, with its name or scope if it has one; a leaf by its name."""
    name = clean(node.name) if node.name else ""
    if not node.parents:
        return name or "the data"
    place = f" ({name})" if name else f" in {clean(node.scope.path)}" if node.scope is not None else ""
    return clean(node.op.symbol, 14) + place


def _operands_at(node: Any) -> list[float]:
    """One number of each operand, where an operation of entries first gave NaN or Inf."""
    arrays = [np.asarray(parent.data, dtype=float) for parent in node.parents]
    if node.op.kind == "elementwise":
        first = tuple(np.argwhere(~np.isfinite(np.asarray(node.data)))[0])
        return [float(array[first]) for array in np.broadcast_arrays(*arrays)]
    return [float(array.flat[0]) for array in arrays if array.size]


def _broken(data: Any) -> str:
    """NaN or Inf, if there is one."""
    if type(data) is float and math.isfinite(data):
        return ""
    array = np.asarray(data)
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return ""
    return "NaN" if np.isnan(array).any() else "Inf"


def _size(data: Any) -> float:
    """The largest magnitude."""
    if type(data) is float:
        return abs(data)
    return 0.0 if data is None or not np.size(data) else float(np.max(np.abs(data)))


def _share(flags: Any) -> str:
    return "every entry" if flags.all() else f"{100 * flags.mean():.0f} % of entries"
