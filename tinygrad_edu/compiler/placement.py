"""Where the results of a program lie: in one block of memory, shared by results that never meet."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.compiler.emit import ROWS, view_of, writer_of
from tinygrad_edu.compiler.kernels import Fused, Whole, may_overwrite
from tinygrad_edu.compiler.memory import Arena
from tinygrad_edu.compiler.program import Step, Var


class Part:
    """A run of steps that ends in outputs; the first part is fed the inputs, later ones may be fed more."""

    def __init__(self, name: str, inputs: Sequence[Var], steps: Sequence[Step], outputs: Sequence[Var]) -> None:
        self.name = name
        self.inputs = list(inputs)
        self.steps = list(steps)
        self.outputs = list(outputs)


class Placement:
    """The memory of a program's results.

    Parameters
    ----------
    parts, held, into
        As for `Code`.
    block : array
        Memory that may be used, if it is large enough.

    Attributes
    ----------
    block : array of bytes
    peak : int
        How many bytes of it are used.
    static : dict of Var to array
        What is there before the first run: held inputs, buffers, targets.
    where : dict of Var to (int, int)
        The piece of the block that a buffer is.
    storage : dict of Var to frozenset of Var
        Whose memory a variable may lie in.
    rows : dict of Var to (Var, int)
        Results that are written into a stack, and which row of it they are.
    aimed : set of Var
        Outputs that are written where they are to go.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        held: Mapping[Var, np.ndarray[Any, Any]],
        into: Mapping[Var, np.ndarray[Any, Any]],
        block: np.ndarray[Any, Any],
    ) -> None:
        self.parts = list(parts)
        self.held, self.into, self.block = held, into, block
        self.static: dict[Var, Any] = dict(held)
        self.storage: dict[Var, frozenset[Var]] = {}
        self.where: dict[Var, tuple[int, int]] = {}
        self.rows: dict[Var, tuple[Var, int]] = {}
        self._plan_memory()

    def _plan_memory(self) -> None:
        self.timeline = [(p, step) for p, part in enumerate(self.parts) for step in part.steps]
        self.given = {var for part in self.parts for var in part.outputs}
        self._find_rows()
        for part in self.parts:
            for var in part.inputs:
                self.storage[var] = frozenset([var])
        last: dict[Var, float] = {}
        made_in = dict.fromkeys(self.storage, 0)
        for at, (p, step) in enumerate(self.timeline):
            held = [self.storage_of(var) for var in step.operands]
            own = frozenset() if view_of(step) is not None else frozenset([step.out])
            shares = view_of(step) is not None or (not writes(step) and may_alias(step))
            for out in step.outs:
                if out in self.rows:
                    stack = self.rows[out][0]
                    self.storage[out] = frozenset([stack])
                    made_in.setdefault(stack, p)
                    last[stack] = at
                    continue
                self.storage[out] = own.union(*held) if shares else frozenset([out])
                made_in.setdefault(out, p)
                last[out] = at
            for var in {v for vs in held for v in vs}:
                if len(self.parts) > 2 and made_in.get(var, 0) != p:
                    last[var] = math.inf
                last[var] = max(last.get(var, at), at)
        self._aim(last)
        for p, part in enumerate(self.parts):
            end = sum(len(one.steps) for one in self.parts[: p + 1])
            for var in part.outputs:
                for held_by in self.storage_of(var):
                    last[held_by] = max(last.get(held_by, end), end)
        self._place(last)

    def _find_rows(self) -> None:
        """Results that are written into a stack, and not copied there."""
        written = {out for _, step in self.timeline if writes(step) and view_of(step) is None for out in step.outs}
        written -= self.given
        for _, step in self.timeline:
            if step.op is ROWS and step.out not in self.given and written.issuperset(step.operands):
                self.rows.update({var: (step.out, i) for i, var in enumerate(step.operands)})
                written.difference_update(step.operands)

    def _aim(self, last: dict[Var, float]) -> None:
        """Have results written where they are to go, unless that array is still to be read."""
        self.aimed: set[Var] = set()
        holders = {id(array): var for var, array in self.held.items()}
        for at, (_, step) in enumerate(self.timeline):
            for out in step.outs:
                target = self.into.get(out)
                if target is None or not writes(step):
                    continue
                holder = holders.get(id(target))
                over = _replaceable(step, out)
                reads = [i for i, var in enumerate(step.operands) if holder in self.storage_of(var)]
                direct = all(i in over and step.operands[i] is holder for i in reads)
                if holder is None or (last.get(holder, -1) <= at and direct):
                    self.static[out] = target
                    self.aimed.add(out)

    def _place(self, last: dict[Var, float]) -> None:
        arena = Arena()
        leaving: dict[float, list[Var]] = {}
        placed: list[tuple[Var, int]] = []
        for at, (_, step) in enumerate(self.timeline):
            for var in leaving.pop(at - 1, ()):
                arena.give(*self.where[var])
            for made in step.outs:
                out = self.rows[made][0] if made in self.rows else made
                if not self._is_buffer(step, made) or out in self.where:  # two parts may make the same thing
                    continue
                heir = self._overwritten(step, out, at, last) if out is made else None
                if heir is not None and heir in leaving[last[heir]]:
                    self.where[out] = self.where[heir]
                    leaving[last[heir]].remove(heir)
                else:
                    self.where[out] = (arena.take(out.nbytes), out.nbytes)
                placed.append((out, self.where[out][0]))
                leaving.setdefault(last[out], []).append(out)
            for room in step.op.rooms if isinstance(step.op, Whole) else ():
                self.where[room] = (arena.take(room.nbytes), room.nbytes)
                placed.append((room, self.where[room][0]))
                leaving.setdefault(at, []).append(room)
        self.peak = arena.peak
        if self.block.size < arena.peak + 64:
            self.block = np.empty(arena.peak + 64, dtype=np.uint8)
        skip = -self.block.ctypes.data % 64
        for var, start in placed:
            assert var.dtype is not None
            piece = self.block[skip + start : skip + start + var.nbytes]
            self.static[var] = piece.view(var.dtype).reshape(var.shape)
        self.static |= {var: self.static[stack][i] for var, (stack, i) in self.rows.items()}

    def _is_buffer(self, step: Step, out: Var) -> bool:
        """Whether a result lies in the arena: not what the caller gets, which is his."""
        if not writes(step) or out in self.aimed:
            return False
        return out not in self.given or out.shape == () or out in self.into

    def _overwritten(self, step: Step, out: Var, at: int, last: dict[Var, float]) -> Var | None:
        """An operand that is used here for the last time, and whose memory the result may take."""
        for i in _replaceable(step, out):
            var = step.operands[i]
            if (
                var in self.where
                and last[var] == at
                and (var.shape, var.dtype) == (out.shape, out.dtype)
                and not any(var in self.storage_of(other) for other in step.operands if other is not var)
            ):
                return var
        return None

    def storage_of(self, var: Var) -> frozenset[Var]:
        """Whose memory a variable may lie in."""
        return self.storage.get(var, frozenset())


def writes(step: Step) -> bool:
    """Whether a step writes its results into given memory."""
    return isinstance(step.op, (Fused, Whole)) or writer_of(step) is not None


def _replaceable(step: Step, out: Var) -> Sequence[int]:
    """The operands whose memory a result may take."""
    if isinstance(step.op, Fused):
        return [i for i, var in enumerate(step.operands) if may_overwrite(step.op, out, var)]
    if isinstance(step.op, Whole):
        return step.op.kernel.over if out is step.out else ()
    writer = writer_of(step)
    assert writer is not None
    return range(len(step.operands)) if writer.over is None else writer.over


def may_alias(step: Step) -> bool:
    """Whether what an operation brings may be its operand in another form: so for linear ones, and for users' own."""
    module = getattr(step.op.forward, "__module__", None) or ""
    return step.op.kind == "linear" or module.partition(".")[0] not in ("tinygrad_edu", "numpy")
