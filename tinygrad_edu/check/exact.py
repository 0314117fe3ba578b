"""Exact checks: on whole numbers, the differences of linear and polynomial operations have no error at all.

So their derivatives are compared for equality, bit for bit; no error bar, and nothing that could hide in one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tinygrad_edu.check.claims import quiet
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.op import Case, Interval, Operation
from tinygrad_edu.transforms import jvp
from tinygrad_edu.value import Value

POLYNOMIALS: Final = (  # beside linear and multilinear operations: of degree 2 at most in each entry
    "add", "subtract", "multiply", "negative", "positive", "square", "conjugate", "prod", "cumprod", "at_set",
)  # fmt: skip
LARGEST: Final = 4  # operands are whole numbers up to this
UNIT: Final = 5040.0  # those of our linear operations are multiples of it, so that means of up to ten are whole
ENTRIES: Final = 64  # of one operand
LIMIT: Final = 2.0**52  # up to here all whole numbers, and halves of their differences, are floats


@dataclass(frozen=True)
class ExactReport:
    """What an exact check found.

    Parameters
    ----------
    operation : str
    operands : tuple of array
        Whole numbers, as drawn.
    compared : int
        How many derivatives were compared.
    wrong : tuple of (str, index, claimed, exact)
        Those that differ: "gradient of operand 0" or "tangent", where, what the engine says, what is right.
    """

    operation: str
    operands: tuple[Any, ...]
    compared: int
    wrong: tuple[tuple[str, tuple[int, ...], float, float], ...]

    @property
    def passed(self) -> bool:
        """Whether every derivative is exactly right."""
        return not self.wrong

    def __str__(self) -> str:
        """Give one line, and one for each of the first faults."""
        if self.passed:
            return f"{self.operation}: all {self.compared} derivatives are exact"
        lines = [f"{self.operation}: {len(self.wrong)} of {self.compared} derivatives are wrong"]
        lines += [
            f"  {what} at {list(at)}: {claimed!r}, exactly {right!r}" for what, at, claimed, right in self.wrong[:5]
        ]
        return "\n".join(lines)


def applies(op: Operation) -> bool:
    """Whether an operation can be checked exactly: linear, multilinear or a polynomial, on numbers drawn freely.

    Examples
    --------
    >>> from tinygrad_edu.op import REGISTRY
    >>> [name for name in ("matmul", "sum", "multiply", "exp") if applies(REGISTRY[name])]
    ['matmul', 'sum', 'multiply']
    """
    return op.sample is None and (op.kind in ("linear", "multilinear") or op.name in POLYNOMIALS)


def check_exactly(op: Operation, case: Case, rng: np.random.Generator | int = 0) -> ExactReport:
    """Compare the derivatives of a linear or polynomial operation with exact differences, in both modes.

    Parameters
    ----------
    op : Operation
        One that `applies`.
    case : Case
        How it is called: the shapes of its operands, and its parameters (see ``op.cases``).
    rng : Generator or int
        Draws operands, seeds and tangents: whole numbers.

    Returns
    -------
    ExactReport

    Raises
    ------
    ArgumentError
        If the operation is none of those, or rounds: its results for whole numbers are not whole.

    Examples
    --------
    >>> from tinygrad_edu.op import REGISTRY, case
    >>> print(check_exactly(REGISTRY["matmul"], case((2, 3), (3, 4))))
    matmul: all 26 derivatives are exact
    """
    if not applies(op):
        raise ArgumentError(
            f"check_exactly: {op.name} is not linear, multilinear or a listed polynomial on numbers drawn freely; "
            "use check_op"
        )
    found = exactly(op, case, rng)
    if found is None:
        raise ArgumentError(f"check_exactly: {op.name} gives other than whole numbers for whole numbers; use check_op")
    return found


def exactly(op: Operation, case: Case, rng: np.random.Generator | int) -> ExactReport | None:
    """What `check_exactly` finds; None where the operation rounds, so that nothing is exact."""
    draw = np.random.default_rng(rng)
    unit = UNIT if op.kind == "linear" and op.is_built_in() else 1.0  # 0.7 times UNIT is whole, but only rounded
    operands = [
        _whole(domain, shape, unit, draw) for domain, shape in zip(_domains(op, case), case.shapes, strict=True)
    ]
    varied = [i for i in range(len(operands)) if op.has_rule(i)]

    def run(moved: dict[int, Any]) -> Any:
        with quiet():
            return _called(op, [moved.get(i, x) for i, x in enumerate(operands)], case.params)

    values = {i: Value(operands[i]) for i in varied}
    out = run(values)
    if not _is_whole(out.data):
        return None
    seed = _whole(Interval(), np.shape(out.data), unit, draw)
    out.backward(seed)
    tangents = {i: _whole(Interval(), np.shape(operands[i]), unit, draw) for i in varied}
    exact_tangent = np.zeros(np.shape(out.data))
    compared, wrong, whole = 0, [], True
    for i in varied:
        places = list(np.ndindex(np.shape(operands[i])))
        whole = whole and len(places) <= ENTRIES
        for place in [places[k] for k in draw.permutation(len(places))[:ENTRIES]]:
            step = np.zeros(np.shape(operands[i]))
            step[place] = unit
            ahead, behind = run({i: operands[i] + step}), run({i: operands[i] - step})
            if not (_is_whole(ahead) and _is_whole(behind)):
                return None
            column = (ahead - behind) / 2  # the column, `unit` times
            right, claimed = float(np.sum(seed * column)) / unit, float(np.asarray(values[i].grad)[place])
            exact_tangent += tangents[i][place] / unit * column
            compared += 1
            if claimed != right:
                wrong.append((f"gradient of operand {i}", place, claimed, right))
    if whole:
        points = [operands[i] for i in varied]
        _, tangent = jvp(lambda *xs: run(dict(zip(varied, xs, strict=True))), points, [*tangents.values()])
        found = np.broadcast_to(tangent, exact_tangent.shape)
        compared += exact_tangent.size
        places = [tuple(map(int, place)) for place in np.argwhere(found != exact_tangent)]
        wrong += [("tangent", place, float(found[place]), float(exact_tangent[place])) for place in places]
    return ExactReport(op.name, tuple(operands), compared, tuple(wrong))


def _domains(op: Operation, case: Case) -> Sequence[Interval]:
    return op.domain * len(case.shapes) if op.variadic else op.domain


def _whole(domain: Interval, shape: tuple[int, ...], unit: float, draw: np.random.Generator) -> Any:
    if domain.integer:
        return draw.integers(int(domain.low), int(domain.high) + 1, shape)
    return unit * draw.integers(-LARGEST, LARGEST + 1, shape)


def _is_whole(x: Any) -> bool:
    return bool(np.all((np.rint(x) == x) & (np.abs(x) < LIMIT)))


def _called(op: Operation, operands: list[Any], params: dict[str, Any]) -> Any:
    return op(operands, **params) if op.variadic else op(*operands, **params)
