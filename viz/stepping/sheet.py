"""The numbers of a pass and how each is computed, in a form that a page can compute again: plain lists."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.compiler.explained import Explained
from tinygrad_edu.compiler.program import Step, Var
from tinygrad_edu.viz.zoom.coefficients import terms

MOST_QUESTIONS = 6_000  # to one operation; its matrix goes into the page
# What the page computes row by row.
ROWS = {"max", "min", "softmax", "log_softmax", "logsumexp", "var", "std", "euclidean_norm", "prod", "cumprod"}


@dataclass(frozen=True)
class _Asked:
    """A step, as `terms` wants to see a node."""

    op: Any
    parents: tuple[Any, ...]
    params: dict[str, Any]
    data: Any


class Sheet:
    """Variables by number, with shape and numbers, and the steps that compute them.

    Parameters
    ----------
    explained : Explained
    """

    def __init__(self, explained: Explained) -> None:
        program = explained.program
        self.number: dict[Var, int] = {}
        every = [*program.inputs]
        for step in program.steps:
            every += [*step.operands, step.out]
        found = explained
        for marks in (found.value, found.gradient, found.local, found.raw, found.amount, found.total):
            every += marks.values()
        for var in every:
            self.number.setdefault(var, len(self.number))
        program.outputs = list(self.number)
        with np.errstate(all="ignore"):
            self.numbers = program.run([leaf.data for leaf in explained.leaves])
        self.steps = [self._step(step) for step in program.steps]

    def of(self, var: Var) -> Any:
        """The numbers of a variable."""
        return self.numbers[self.number[var]]

    def as_json(self) -> dict[str, Any]:
        """Variables and steps; lists and numbers only, infinities and NaN as text."""
        return {
            "vars": [[list(np.shape(x)), flat(x)] for x in self.numbers],
            "steps": self.steps,
        }

    def _step(self, step: Step) -> dict[str, Any]:
        found: dict[str, Any] = {
            "op": step.op.name,
            "in": [self.number[var] for var in step.operands],
            "out": self.number[step.out],
        }
        kind = step.op.kind
        if kind == "elementwise":
            params = {key: value for key, value in step.params.items() if value is not None}
            if all(isinstance(value, (int, float)) for value in params.values()):
                return {**found, "kind": "each", **({"params": params} if params else {})}
        if step.op.name in ROWS and "axis" in step.params:
            return {**found, "kind": "rows", "rows": self._rows(step), "ddof": step.params.get("ddof", 0)}
        if step.op.name == "getitem_at" or kind not in ("linear", "multilinear"):
            return {**found, "kind": "fixed"}
        parents = tuple(_Asked(None, (), {}, np.asarray(self.of(var))) for var in step.operands)
        opened = terms(_Asked(step.op, parents, step.params, self.of(step.out)), MOST_QUESTIONS)
        if opened is None:
            return {**found, "kind": "fixed"}
        shapes = [np.shape(parent.data) for parent in parents]
        return {
            **found,
            "kind": "sums",
            "terms": [
                [[factor, *[x for operand, at in entries for x in (operand, _flat(at, shapes[operand]))]]
                 for factor, entries in summands]
                for summands in opened.values()
            ],
        }  # fmt: skip

    def _rows(self, step: Step) -> list[list[int]]:
        """The flat positions that belong together, along the axis of the step."""
        shape = np.shape(self.of(step.operands[0]))
        axis = step.params["axis"]
        axes = tuple(range(len(shape))) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        at = np.arange(math.prod(shape)).reshape(shape)
        last = tuple(range(len(shape) - len(axes), len(shape)))
        moved = np.moveaxis(at, axes, last)
        width = math.prod([shape[axis] for axis in axes])
        rows: list[list[int]] = moved.reshape(-1, width).tolist()
        return rows


def _flat(index: tuple[int, ...], shape: tuple[int, ...]) -> int:
    return int(np.ravel_multi_index(index, shape)) if shape else 0


def flat(x: Any) -> list[Any]:
    """The numbers of an array in C order, as JSON can hold them."""
    return [float(v) if math.isfinite(v) else str(float(v)) for v in np.ravel(x)]
