"""An estimate of what each step of a plan costs: operations on numbers, and bytes that are read and written.

`OPERATIONS` has those that do more than one operation for each number; a multiplication and an addition count as two.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from tinygrad_edu.compiler.emit import view_of
from tinygrad_edu.compiler.program import Step
from tinygrad_edu.ops.geometry import Geometry

SHOWN = 4  # operations that `shares` names


def flops_of(step: Step) -> int:
    """About how many operations on numbers a step takes; none if it only looks at its operand in another way."""
    if view_of(step) is not None:
        return 0
    of = OPERATIONS.get(step.op.name)
    return max([step.out.size, *(var.size for var in step.operands)]) if of is None else of(step)


def bytes_of(step: Step) -> int:
    """How many bytes a step reads and writes."""
    return 0 if view_of(step) is not None else step.out.nbytes + sum(var.nbytes for var in step.operands)


def shares(steps: Sequence[Step], cost: Callable[[Step], int]) -> str:
    """How much of a cost each operation has, the largest first: ``"matmul 92 %, exp 5 %, the rest 3 %"``."""
    found: Counter[str] = Counter()
    for step in steps:
        found[step.op.name] += cost(step)
    whole = max(sum(found.values()), 1)
    named = [(name, 100 * n / whole) for name, n in found.most_common(SHOWN) if 200 * n >= whole]
    rest = 100 - sum(percent for _, percent in named)
    return ", ".join(f"{name} {percent:.0f} %" for name, percent in [*named, ("the rest", rest)] if percent >= 0.5)


def _product(step: Step) -> int:
    """A multiplication and an addition for each result and each number along the axis that is summed."""
    return 2 * step.out.size * step.operands[0].shape[-1]


def _contraction(step: Step) -> int:
    """Along the axes that both have and the result has not."""
    x, y = step.operands
    return 2 * math.isqrt(x.size * y.size * step.out.size)


def _einsum(step: Step) -> int:
    """For each combination of the indices."""
    names = step.params["subscripts"].split("->")[0].split(",")
    sizes: dict[str, int] = {}
    for one, var in zip(names, step.operands, strict=True):
        sizes |= {i: max(n, sizes.get(i, 0)) for i, n in zip(one, var.shape, strict=True)}
    return len(step.operands) * math.prod(sizes.values())


def _convolution(step: Step) -> int:
    """The whole kernel at each place, forward and for both gradients."""
    kernel = step.out if step.op.name == "conv2d_kernel" else step.operands[1]
    geometry: Geometry = step.params["geometry"]
    return 2 * step.operands[0].shape[0] * math.prod(geometry.out) * kernel.size


def _windows(step: Step) -> int:
    """One operation for each number of each window."""
    geometry: Geometry = step.params["geometry"]
    largest = max((step.out, *step.operands), key=lambda var: var.size)
    return largest.size // math.prod(geometry.size) * math.prod(geometry.out) * math.prod(geometry.kernel)


def _attention(step: Step) -> int:
    """Scores and weighted values; for the gradient the scores again, and two products for each of both."""
    *_, q, k, v, _ = step.operands
    scores, values = 2 * q.size * k.shape[1], 2 * math.prod(q.shape[:3]) * k.shape[1] * v.shape[3]
    return scores + values if step.op.name == "dot_product_attention" else 3 * scores + 2 * values


def _sorted(step: Step) -> int:
    """A comparison for each number and each halving of the axis."""
    axis = step.params.get("axis")
    x = step.operands[0]
    return math.ceil(x.size * math.log2(max(2, x.size if axis is None else x.shape[axis])))


def _cubic(step: Step) -> int:
    """The numbers of a matrix, times its side."""
    x = step.operands[0]
    return x.size * x.shape[-1]


OPERATIONS: Mapping[str, Callable[[Step], int]] = {
    "matmul": _product,
    "tensordot": _contraction,
    "einsum": _einsum,
    **dict.fromkeys(("conv2d", "conv2d_image", "conv2d_kernel"), _convolution),
    **dict.fromkeys(
        (
            "max_pool2d", "max_pool2d_spread", "max_pool2d_gather", "avg_pool2d", "avg_pool2d_back",
            "stochastic_pool2d", "stochastic_pool2d_spread", "stochastic_pool2d_gather",
        ),
        _windows,
    ),
    **dict.fromkeys(("dot_product_attention", "dot_product_attention_gradient"), _attention),
    **dict.fromkeys(("sort", "argsort", "partition"), _sorted),
    **dict.fromkeys(
        ("inv", "det", "slogdet", "solve", "cholesky", "svd", "qr", "eigh", "pinv", "lstsq", "expm", "cofactor"), _cubic
    ),
}  # fmt: skip
