"""`np.einsum`, in every form it can be written, as one operation that is linear in each operand."""

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, ShapeError
from tinygrad_edu.kinds import multilinear
from tinygrad_edu.op import Node, case, implements

__all__ = [
    "einsum",
]


def _contract(operands: Sequence[Any], subscripts: str, optimize: Any = False) -> Any:
    return np.einsum(subscripts, *operands, optimize=optimize)


def _pull(g: Any, index: int, *operands: Any, subscripts: str, optimize: Any) -> Any:
    """The gradient of one operand: an einsum again, with g in the operand's place.

    A label that only this operand has (in this size) was summed: ones stretch the gradient along it.
    A label that it has twice read a diagonal: an identity matrix puts the gradient back on it.
    """
    inputs, output = subscripts.split("->")
    labels = inputs.split(",")
    own, shape = labels.pop(index), np.shape(operands[index])
    others = [x for i, x in enumerate(operands) if i != index]
    free = iter(sorted(set(string.ascii_letters) - set(subscripts)))
    target, extra, extra_labels = "", [], []
    dtype = np.result_type(g)
    for label, size in zip(own, shape, strict=True):
        if label in target:
            twin = next(free)
            extra.append(np.eye(size, dtype=dtype))
            extra_labels.append(label + twin)
            target += twin
            continue
        target += label
        sizes = [np.shape(x)[names.index(label)] for names, x in zip(labels, others, strict=True) if label in names]
        if label not in output and size not in sizes:
            extra.append(np.ones(size, dtype=dtype))
            extra_labels.append(label)
    terms = ",".join([output, *labels, *extra_labels])
    return np.einsum(f"{terms}->{target}", g, *others, *extra, optimize=True)


_einsum = multilinear(
    "einsum", _contract, pull=(_pull,), variadic=True,
    symbol="Σ∏", reads="einsum of g with the other operands",
    cases=(
        case((2, 3), (3, 4), subscripts="ij,jk->ik"),
        case((2, 3), subscripts="ij->ji"),
        case((2, 3), subscripts="ij->"),
        case((3, 3), subscripts="ii->"),
        case((3, 3), subscripts="ii->i"),
        case((3, 3, 3), subscripts="iii->i"),
        case((3, 3), (3,), subscripts="ii,i->i"),
        case((2, 3), (4,), subscripts="ij,k->i"),
        case((2, 3), (2, 3), (3, 2), subscripts="ij,ij,jk->k"),
        case((1, 3), (2, 3), subscripts="ij,ij->i"),
        case((2, 2, 3), (2, 3, 2), subscripts="bij,bjk->bik", optimize=True),
    ),
)  # fmt: skip


@implements(np.einsum)
def einsum(*operands: Any, optimize: Any = False) -> Any:
    """Sums of products after Einstein's convention, as `np.einsum`, in all of its forms.

    Parameters
    ----------
    *operands
        Subscripts (``"ij,jk->ik"``; the output may be left out; an ellipsis stands for further
        axes) and then the arrays; or each array followed by its list of axis numbers, and at the
        end, if wanted, the list of the output.
    optimize : bool, str or path
        As in NumPy: the order of contraction. The gradient is always contracted in a good order.

    Returns
    -------
    Value or array

    Raises
    ------
    ArgumentError
        If the subscripts do not fit the operands.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a = Value([[1.0, 2.0], [3.0, 4.0]])
    >>> np.einsum("ii", a).backward()
    >>> a.grad
    array([[1., 0.],
           [0., 1.]])
    >>> einsum(np.ones((2, 3)), [0, 1], [1]).shape
    (3,)
    """
    if not operands:
        raise ArgumentError("einsum: expected subscripts and operands, got nothing")
    if isinstance(operands[0], str):
        subscripts, arrays = operands[0].replace(" ", ""), list(operands[1:])
    else:
        subscripts, arrays = _from_lists(operands)
    arrays = [x if isinstance(x, Node) else np.asanyarray(x) for x in arrays]
    return _einsum(arrays, subscripts=_explicit(subscripts, [np.ndim(x) for x in arrays]), optimize=optimize)


def _from_lists(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """The interleaved form, array, axes, array, axes, ..., [output], as subscripts and arrays."""

    def letters(axes: Any) -> str:
        return "".join("..." if axis is Ellipsis else string.ascii_letters[axis] for axis in axes)

    pairs = len(operands) // 2
    terms = ",".join(letters(operands[2 * i + 1]) for i in range(pairs))
    if len(operands) % 2:
        terms += "->" + letters(operands[-1])
    return terms, [operands[2 * i] for i in range(pairs)]


def _explicit(subscripts: str, ndims: list[int]) -> str:
    """The subscripts with their output, and with letters of their own in place of an ellipsis."""
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ArgumentError(f"einsum: {subscripts!r} names {len(terms)} operand(s), got {len(ndims)}")
    spare = "".join(sorted(set(string.ascii_letters) - set(subscripts), reverse=True))
    hidden = 0
    for i, (term, ndim) in enumerate(zip(terms, ndims, strict=True)):
        named = len(term.replace("...", ""))
        if named > ndim or ("..." not in term and named != ndim):
            raise ShapeError(f"einsum: {term!r} in {subscripts!r} names {named} axes, the operand has {ndim}")
        hidden = max(hidden, ndim - named)
        terms[i] = term.replace("...", spare[: ndim - named][::-1])
    if not arrow:
        named_once = sorted(c for c in set(inputs) - set(".,") if inputs.count(c) == 1)
        output = ("..." if hidden else "") + "".join(named_once)
    if hidden and arrow and "..." not in output:
        raise ArgumentError(f"einsum: the output of {subscripts!r} must have the ellipsis of its inputs")
    return f"{','.join(terms)}->{output.replace('...', spare[:hidden][::-1])}"
