"""Nested containers of numbers: tuples, named tuples, lists, dicts and dataclasses, as functions take them.

A tree is any nesting of those; everything else is a leaf. Real numbers, real arrays and Values are what
can be differentiated; text, None, booleans and other objects travel along; integers are refused, because
whether one is a number or a setting cannot be seen.
"""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError, DTypeError
from tinygrad_edu.op import Node


def map_leaves(function: Callable[[str, Any], Any], tree: Any, path: str) -> Any:
    """The same tree with ``function(path, leaf)`` in the place of each leaf.

    Examples
    --------
    >>> map_leaves(lambda path, leaf: f"{path} = {leaf}", {"w": [1.0, 2.0]}, "params")
    {'w': ["params['w'][0] = 1.0", "params['w'][1] = 2.0"]}
    """
    if isinstance(tree, (tuple, list)):
        items = [map_leaves(function, item, f"{path}[{i}]") for i, item in enumerate(tree)]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    if isinstance(tree, dict):
        filled = copy.copy(tree)
        for key, item in tree.items():
            filled[key] = map_leaves(function, item, f"{path}[{key!r}]")
        return filled
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        made = copy.copy(tree)  # not made anew: __init__ may have opinions on what is now a Value
        for field in dataclasses.fields(tree):
            item = map_leaves(function, getattr(tree, field.name), f"{path}.{field.name}")
            object.__setattr__(made, field.name, item)  # frozen ones too
        return made
    return function(path, tree)


def flatten(tree: Any, path: str) -> list[tuple[str, Any]]:
    """Every leaf with its path, in order.

    Examples
    --------
    >>> flatten(({"w": 1.0}, None), "x")
    [("x[0]['w']", 1.0), ('x[1]', None)]
    """
    found: list[tuple[str, Any]] = []
    map_leaves(lambda where, leaf: found.append((where, leaf)), tree, path)
    return found


def flatten_like(tree: Any, model: list[tuple[str, Any]], path: str, what: str) -> list[Any]:
    """The leaves of a tree that must be built as the one that gave `model` (see `flatten`)."""
    leaves = flatten(tree, path)
    if [where for where, _ in leaves] != [where for where, _ in model]:
        raise ArgumentError(
            f"{what} must be built as {path} is, with leaves {_listed(model)}; got leaves {_listed(leaves) or 'none'}"
        )
    return [leaf for _, leaf in leaves]


def _listed(leaves: list[tuple[str, Any]]) -> str:
    return ", ".join(where for where, _ in leaves[:6]) + (", ..." if len(leaves) > 6 else "")


def is_real(leaf: Any) -> bool:
    """Whether a leaf can be differentiated: a float, an array of floats, or a Value."""
    if isinstance(leaf, (Node, float)):
        return True
    dtype = getattr(leaf, "dtype", None)
    return isinstance(dtype, np.dtype) and dtype.kind == "f"


def is_numeric(leaf: Any) -> bool:
    """Whether a leaf is a number or an array of numbers, of any real type."""
    if is_real(leaf) or isinstance(leaf, (bool, int)):
        return True
    dtype = getattr(leaf, "dtype", None)
    return isinstance(dtype, np.dtype) and dtype.kind in "biu"


def require_real(path: str, leaf: Any, what: str) -> bool:
    """Whether to differentiate by a leaf; DTypeError for one that only looks as if one could."""
    if is_real(leaf):
        return True
    dtype = getattr(leaf, "dtype", None)
    if isinstance(leaf, (bool, str, bytes)) or leaf is None:
        return False
    if isinstance(leaf, int):
        raise DTypeError(
            f"{what}: {path} is the integer {leaf}, and derivatives need real numbers: write {leaf}.0 "
            "(a setting that is not to be differentiated goes into another argument)"
        )
    if isinstance(leaf, complex) or (isinstance(dtype, np.dtype) and dtype.kind in "biucOSU"):
        kind = "a complex number" if isinstance(leaf, complex) else f"an array of {dtype}"
        raise DTypeError(
            f"{what}: {path} is {kind}, and derivatives need real numbers"
            + (": write .astype(float)" if isinstance(dtype, np.dtype) and dtype.kind in "biu" else "")
        )
    return False
