"""One entry of each row, and questions about labels, as loops: what a kernel of a loss for classes is made of.

``x[arange(n), labels]`` is a gather, which no loop over entries can do. Where labels are known to lie in range, it is
also the largest of ``where(column == label, x, -inf)``, and its adjoint is ``where(column == label, g, 0)``: so that
softmax, the choice of a class, the loss and its gradient become one pass over the scores.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.emit import one_each
from tinygrad_edu.compiler.kernels.scalars import is_known
from tinygrad_edu.compiler.passes.dead import drop_dead
from tinygrad_edu.compiler.passes.rewriting import is_pure
from tinygrad_edu.compiler.program import Program, Step, Var
from tinygrad_edu.kinds import Elementwise
from tinygrad_edu.op import REGISTRY, Operation
from tinygrad_edu.ops.questions import QUESTIONS, Check

VIEWS = ("reshape", "expand_dims", "squeeze")


def _checked_unless(good: Any, labels: Any, check: Callable[[Any], Any]) -> Any:
    if not good:
        check(labels)
    return np.True_


CHECK_UNLESS = Check("check_unless", _checked_unless, pull=(None, None), push=(None, None), reads="0")


def chosen(steps: Sequence[Step], wanted: Collection[Var], around: Sequence[Step]) -> list[Step]:
    """The same steps, with choices of one entry of each row, and checks of labels, as steps that kernels know.

    Parameters
    ----------
    steps : sequence of Step
    wanted : collection of Var
        Results that somebody else needs.
    around : sequence of Step
        All steps of the program, these among them.
    """
    found = _Choices(around).run(steps)
    if len(found) == len(steps) and all(a is b for a, b in zip(found, steps, strict=True)):
        return found
    return drop_dead(Program([], found, [*wanted, *(step.out for step in found if not is_pure(step))])).steps


class _Choices:
    def __init__(self, around: Sequence[Step]) -> None:
        self.made: Mapping[Var, Step] = {out: step for step in around for out in step.outs}
        self.limits: dict[Var, tuple[int, int | None]] = {}  # of labels that are checked: classes, who is left out
        for step in around:
            if step.op.name == "check" and step.params["within"] is not None:
                self.limits[step.operands[0]] = step.params["within"]

    def run(self, steps: Sequence[Step]) -> list[Step]:
        """The steps, rewritten."""
        self.found: list[Step] = []
        self.columns: dict[Var, Var] = {}  # what has one number a row, with an axis of length 1 behind
        self.equal: dict[tuple[Var, int], Var] = {}
        for step in steps:
            rewrite = REWRITES.get(step.op.name)
            if rewrite is None or not rewrite(self, step):
                self.found.append(step)
        return self.found

    def check(self, step: Step) -> bool:
        """Labels that are looked at in the kernel; only if one is wrong, the check itself says which."""
        labels = step.operands[0]
        if labels not in self.limits or len(labels.shape) != 1 or not _holds(labels, self.limits[labels][0]):
            return False
        classes, ignored = self.limits[labels]
        column = self._column(labels)
        right = self._asked(np.less_equal, column, classes - 1)
        right = self._both(np.logical_and, self._asked(np.greater_equal, column, 0), right)
        if ignored is not None and _holds(labels, ignored):
            right = self._both(np.logical_or, right, self._asked(np.equal, column, ignored))
        good = self._add(QUESTIONS[np.all], (right,), {"axis": None, "keepdims": False}, Var("result", (), BOOL))
        self.found.append(Step(CHECK_UNLESS, (good, labels), {"check": step.params["check"]}, step.out))
        return True

    def all(self, step: Step) -> bool:
        """Whether something holds for each row: asked of a column, so that a kernel of rows can answer."""
        x = step.operands[0]
        if len(x.shape) != 1 or step.params["axis"] not in (None, 0, (0,)) or not self._about_labels(x):
            return False
        params = {**step.params, "axis": None, "keepdims": False}
        column = self._column(x)
        if step.out.shape:
            return False
        self.found.append(Step(step.op, (column,), params, step.out))
        return True

    def gather(self, step: Step) -> bool:
        """One entry of each row is the largest of the row in which the others are -inf."""
        x, at = step.operands
        if not self._fits(step, x, at) or x.dtype != step.out.dtype:
            return False
        here = self._here(at, x.shape)
        alone = self._where(here, x, -np.inf, x)
        self.found.append(Step(REGISTRY["max"], (alone,), {"axis": -1, "keepdims": False}, step.out))
        return True

    def scatter(self, step: Step) -> bool:
        """Zeros but for one entry of each row."""
        g, at = step.operands
        if not self._fits(step, step.out, at) or g.dtype != step.out.dtype or g.shape != step.out.shape[:1]:
            return False
        self._where(self._here(at, step.out.shape), self._column(g), 0.0, step.out)
        return True

    def _fits(self, step: Step, rows: Var, at: Var) -> bool:
        """Whether a choice is of one entry of each row, and surely in range."""
        whole = len(rows.shape) == 2 and rows.dtype is not None and rows.dtype.char in "fd" and rows.size > 0
        return whole and one_each(step) and len(step.params["index"][0]) == rows.shape[0] and self._sure(at, rows)

    def _sure(self, at: Var, rows: Var) -> bool:
        """Whether indices are labels that have been checked, with another number for those that are left out."""
        at, classes = self._seen_through(at), rows.shape[1]
        if not _holds(at, classes) or at.shape != rows.shape[:1]:
            return False
        left_out = None
        step = self.made.get(at)
        if step is not None and step.op.name == "where":
            question, at, other = step.operands
            asked = self.made.get(question)
            if asked is None or asked.op.name != "not_equal" or asked.operands[0] is not at:
                return False
            left_out, instead = _number(asked.operands[1]), _number(other)
            if left_out is None or instead is None or not 0 <= instead < classes:
                return False
        if at not in self.limits:
            return False
        limit, ignored = self.limits[at]
        return limit <= classes and ignored in (None, left_out)

    def _about_labels(self, x: Var) -> bool:
        step = self.made.get(x)
        return step is not None and step.op.name == "not_equal" and step.operands[0] in self.limits

    def _seen_through(self, var: Var) -> Var:
        while var in self.made and self.made[var].op.name in VIEWS:
            var = self.made[var].operands[0]
        return var

    def _here(self, at: Var, shape: tuple[int, ...]) -> Var:
        """Where the number of the column is that of the label."""
        at = self._seen_through(at)
        key = at, shape[1]
        if key not in self.equal:
            assert at.dtype is not None
            data = np.arange(shape[1], dtype=at.dtype)
            columns = Var("constant", data.shape, at.dtype, data)
            out = Var("result", shape, BOOL)
            self.equal[key] = self._add(QUESTIONS[np.equal], (columns, self._column(at)), {}, out)
        return self.equal[key]

    def _column(self, var: Var) -> Var:
        """One number a row with an axis of length 1 behind: computed so from the beginning, as far as kernels can."""
        if var not in self.columns:
            step = self.made.get(var)
            out = Var("result", (*var.shape, 1), var.dtype)
            if step is not None and isinstance(step.op, Elementwise) and not step.also and is_known(step):
                operands = tuple([x if x.shape == () else self._column(x) for x in step.operands])
                self.columns[var] = self._add(step.op, operands, step.params, out)
            elif var.role == "constant":
                self.columns[var] = Var("constant", out.shape, var.dtype, np.reshape(var.data, out.shape))
            else:
                self.columns[var] = self._add(REGISTRY["reshape"], (var,), {"shape": out.shape}, out)
        return self.columns[var]

    def _asked(self, question: np.ufunc, x: Var, number: int) -> Var:
        assert x.dtype is not None
        data = x.dtype.type(number)
        return self._add(QUESTIONS[question], (x, Var("constant", (), x.dtype, data)), {}, Var("result", x.shape, BOOL))

    def _both(self, question: np.ufunc, x: Var, y: Var) -> Var:
        return self._add(QUESTIONS[question], (x, y), {}, Var("result", x.shape, BOOL))

    def _where(self, question: Var, x: Var, other: float, like: Var) -> Var:
        """X where that holds, elsewhere a number; the result is `like` itself if nothing has made that."""
        assert like.dtype is not None
        number = Var("constant", (), like.dtype, like.dtype.type(other))
        out = Var("result", like.shape, like.dtype) if x is like else like
        return self._add(REGISTRY["where"], (question, x, number), {}, out)

    def _add(self, op: Operation, operands: tuple[Var, ...], params: dict[str, Any], out: Var) -> Var:
        self.found.append(Step(op, operands, params, out))
        return out


BOOL = np.dtype(np.bool_)
REWRITES = {
    "check": _Choices.check,
    "all": _Choices.all,
    "getitem_at": _Choices.gather,
    "scatter_at": _Choices.scatter,
}


def _holds(var: Var, number: int) -> bool:
    """Whether integers of this type may be that number."""
    if var.dtype is None or var.dtype.kind not in "iu":
        return False
    info = np.iinfo(var.dtype)
    return int(info.min) <= number <= int(info.max)


def _number(var: Var) -> int | None:
    return int(np.asarray(var.data)) if var.role == "constant" and var.shape == () else None
