"""A stack of matrices times one matrix becomes one large product.

NumPy multiplies a stack matrix by matrix, each too small for a second thread and for the blocks of a good BLAS.
"""

import math

from tinygrad_edu.compiler.passes.rewriting import Rewrite, rewrite
from tinygrad_edu.compiler.program import Program, Step, Var
from tinygrad_edu.op import REGISTRY

# What leaves numbers in another order than memory has them: to put them in a row would be a copy.
OUT_OF_ROW = frozenset({"transpose", "swapaxes", "broadcast_to", "getitem"})


def join_stacks(program: Program) -> Program:
    """The program with ``x @ w``, for `x` of three axes or more and a matrix `w`, on all rows of `x` at once."""
    out_of_row: set[Var] = set()
    rows: dict[Var, Step] = {}

    def rule(step: Step) -> Rewrite:
        if step.op.name in OUT_OF_ROW or (step.op.name in VIEWS and step.operands[0] in out_of_row):
            out_of_row.add(step.out)
        if step.op.name != "matmul":
            return None
        x, w = step.operands
        if len(x.shape) < 3 or len(w.shape) != 2 or x in out_of_row or x.dtype is None or step.out.dtype is None:
            return None
        known = x in rows
        row = rows.setdefault(x, _step("reshape", (x,), {"shape": _flat(x)}, x, _flat(x)))
        product = _step("matmul", (row.out, w), step.params, step.out, _flat(step.out))
        last = Step(REGISTRY["reshape"], (product.out,), {"shape": step.out.shape}, step.out)
        return [product, last] if known else [row, product, last]

    return rewrite(program, rule)


VIEWS = frozenset({"expand_dims", "squeeze", "identity", "stop_gradient", "positive"})


def _flat(x: Var) -> tuple[int, ...]:
    return math.prod(x.shape[:-1]), x.shape[-1]


def _step(name: str, operands: tuple[Var, ...], params: dict[str, object], like: Var, shape: tuple[int, ...]) -> Step:
    out = Var("result", shape, like.dtype, None, like.name, like.scope, like.line)
    return Step(REGISTRY[name], operands, params, out)
