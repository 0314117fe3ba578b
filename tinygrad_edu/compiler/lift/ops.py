"""What lifted programs are made of beside the usual operations: strided reads, and sums in a kept order.

A scalar program adds left to right. `ordered_sum` and `ordered_dot` do the same for whole arrays, so
a lifted loss equals the scalar one to the last bit; their derivatives may use matrix products.
"""

import math
from typing import Any

import numpy as np

from tinygrad_edu.kinds import general, linear
from tinygrad_edu.op import case


def _strided(x: Any, start: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    x = np.ascontiguousarray(x)
    size = x.dtype.itemsize
    if 0 in shape:
        return np.empty(shape, x.dtype)
    return np.ndarray(shape, x.dtype, x, start * size, tuple([stride * size for stride in strides]))


def _unstrided(x: Any, start: int, strides: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, np.result_type(x))
    view = _strided(out, start, np.shape(x), strides)
    view[...] = x
    return out


strided = linear(
    "strided", _strided,
    adjoint=lambda g, x, start, shape, strides: unstrided(g, start=start, strides=strides, shape=np.shape(x)),
    symbol="strided", reads="1 at the entries read",
    cases=(
        case((6,), start=1, shape=(2, 2), strides=(3, 1)),
        case((2, 3), start=5, shape=(3,), strides=(-2,)),
        case((4,), start=2, shape=(), strides=()),
        case((4,), start=0, shape=(0,), strides=(1,)),
    ),
    doc="""A regular selection of entries: entry (i, j, ...) is the flat entry start + i strides[0] + j strides[1] + ...

    No entry may be read twice (no stride of 0 on an axis of more than one entry).""",
)  # fmt: skip

unstrided: Any = linear(
    "unstrided", _unstrided,
    adjoint=lambda g, x, start, strides, shape: strided(g, start=start, shape=np.shape(x), strides=strides),
    reads="1",
    cases=(case((2, 2), start=1, strides=(3, 1), shape=(6,)), case((3,), start=5, strides=(-2,), shape=(2, 3))),
    doc="""Zeros, with the operand at a regular selection of entries: the adjoint of `strided`.""",
)  # fmt: skip


def _gather(x: Any, index: Any) -> Any:
    return np.reshape(x, -1)[index]


def _ungather(x: Any, index: Any, shape: tuple[int, ...]) -> Any:
    size = math.prod(shape)
    return np.bincount(index.reshape(-1), np.reshape(x, -1), size).reshape(shape).astype(np.result_type(x), copy=False)


gather = linear(
    "gather", _gather,
    adjoint=lambda g, x, index: ungather(g, index=index, shape=np.shape(x)),
    symbol="[ ]", reads="1 at the entries read; repeats add up",
    cases=(case((6,), index=np.array([5, 0, 0])), case((2, 3), index=np.array([[1, 4], [2, 2]]))),
    doc="""Any selection of entries by their flat positions, an array of integers without negative ones.""",
)  # fmt: skip

ungather: Any = linear(
    "ungather", _ungather,
    adjoint=lambda g, x, index, shape: gather(g, index=index),
    reads="1",
    cases=(
        case((3,), index=np.array([5, 0, 0]), shape=(6,)),
        case((2, 2), index=np.array([[1, 4], [2, 2]]), shape=(2, 3)),
    ),
    doc="""Zeros, with the operand's entries added at flat positions: the adjoint of `gather`.""",
)  # fmt: skip


def _ordered_sum(x: Any) -> Any:
    x = np.ascontiguousarray(x)
    if len(x) and math.prod(x.shape[1:]) == 1:  # one long column: np.add.reduce would add it in pairs
        return np.add.accumulate(x, axis=0)[-1]
    return np.add.reduce(x, axis=0)


ordered_sum = linear(
    "ordered_sum", _ordered_sum,
    adjoint=lambda g, x: np.broadcast_to(g, np.shape(x)),
    symbol="Σ", reads="1",
    cases=(case((4,)), case((3, 2)), case((2, 2, 3)), case((5, 1)), case((0, 2))),
    doc="""The sum over the first axis, added strictly from first to last as a loop would.""",
)  # fmt: skip


def _aligned(x: Any, axes: str, out: str) -> Any:
    """`x` with its summed axis 'k' first, then the axes of the result, 1 where it has none."""
    order = [axes.index("k"), *(axes.index(a) for a in out if a in axes)]
    shape = [np.shape(x)[order[0]]] + [np.shape(x)[axes.index(a)] if a in axes else 1 for a in out]
    return np.reshape(np.transpose(x, order), shape)


def _ordered_dot(start: Any, x: Any, y: Any, axes: tuple[str, str, str]) -> Any:
    a, b = _aligned(x, axes[0], axes[2]), _aligned(y, axes[1], axes[2])
    shape = np.broadcast_shapes(a.shape, b.shape, (1, *np.shape(start)))
    terms = np.empty((shape[0] + 1, *shape[1:]), np.result_type(start, a, b))
    terms[0] = start
    np.multiply(a, b, out=terms[1:])
    return _ordered_sum(terms)


def contract(g: Any, y: Any, from_: str, with_: str, to: str) -> Any:
    """The sum over all axes of `g` and `y` that `to` lacks, as one matrix product."""
    both = [a for a in to if a in from_ and a in with_]
    summed = [a for a in from_ if a in with_ and a not in to]
    only_g = [a for a in to if a in from_ and a not in with_]
    only_y = [a for a in to if a in with_ and a not in from_]
    sizes = {**dict(zip(from_, np.shape(g), strict=True)), **dict(zip(with_, np.shape(y), strict=True))}
    alone = tuple([i for i, a in enumerate(from_) if a not in with_ and a not in to])
    g = np.sum(g, axis=alone) if alone else g
    from_ = "".join(a for a in from_ if a in with_ or a in to)

    def matrix(x: Any, axes: str, *groups: list[str]) -> Any:
        order = [axes.index(a) for group in groups for a in group]
        return np.reshape(np.transpose(x, order), [math.prod([sizes[a] for a in group]) for group in groups])

    left, right = (g, from_, only_g), (y, with_, only_y)
    if [a for a in to if a not in both] == [*only_y, *only_g]:  # the product has its axes in that order at once
        left, right = right, left
    stack = [both] if both else []
    product = matrix(*left[:2], *stack, left[2], summed) @ matrix(*right[:2], *stack, summed, right[2])
    made = [*both, *left[2], *right[2]]
    return np.transpose(np.reshape(product, [sizes[a] for a in made]), [made.index(a) for a in to])


ordered_dot: Any = general(
    "ordered_dot", _ordered_dot,
    pull=(
        lambda g, out, start, x, y, axes: g,
        lambda g, out, start, x, y, axes: contract(g, y, axes[2], axes[1], axes[0]),
        lambda g, out, start, x, y, axes: contract(g, x, axes[2], axes[0], axes[1]),
    ),
    push=(
        lambda t, out, start, x, y, axes: np.broadcast_to(t, np.shape(out)),
        lambda t, out, start, x, y, axes: ordered_dot(np.zeros_like(start), t, y, axes=axes),
        lambda t, out, start, x, y, axes: ordered_dot(np.zeros_like(start), x, t, axes=axes),
    ),
    symbol="Σ w·x", reads=("1", "y", "x"),
    cases=(
        case((3,), (2, 4), (3, 4), axes=("sk", "jk", "sj")),
        case((2, 3), (2, 4), (3, 4), axes=("sk", "jk", "sj")),
        case((), (4,), (4,), axes=("k", "k", "")),
        case((2, 3), (2, 3, 4), (3, 4), axes=("sjk", "jk", "sj")),
        case((2,), (2, 3), (2, 3), axes=("sk", "sk", "s")),
        case((2, 3), (4,), (3, 4), axes=("k", "jk", "sj")),
    ),
    doc="""``start + sum over k of x * y``, the products added strictly in the order of k, `start` first.

    `axes` names the axes of `x`, of `y` and of the result by letters, ``k`` being the summed one.""",
)  # fmt: skip
