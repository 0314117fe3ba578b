"""Rules with their constants as numbers of one type.

In ``1.0 - out * out`` NumPy takes as long to make a number of its own of Python's 1.0 as to subtract a few hundred
numbers. So for arrays a backward pass takes the same rule with such numbers in the place of its constants.
"""

import dis
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

TYPES = (np.dtype(np.float32), np.dtype(np.float64))


def typed(rule: Any) -> dict[np.dtype[Any], Callable[..., Any]]:
    """The rule for arrays of each type; empty if it has no constants, or more in it than sums, products and quotients.

    Examples
    --------
    >>> rules = typed(lambda t, out, x: t * (1.0 - out * out))
    >>> rules[np.dtype(np.float32)](np.float32([3.0]), np.float32([0.5]), None)
    array([2.25], dtype=float32)
    >>> typed(lambda t, out, x: t * x**1.5)
    {}
    """
    code = getattr(rule, "__code__", None)
    if code is None or code.co_names or code.co_freevars or float not in map(type, code.co_consts):
        return {}
    if any("**" in step.argrepr for step in dis.get_instructions(code)):  # NumPy has short ways for some exponents
        return {}
    found: dict[np.dtype[Any], Callable[..., Any]] = {}
    for dtype in TYPES:
        constants = tuple([_number(c, dtype) if type(c) is float else c for c in code.co_consts])
        found[dtype] = FunctionType(code.replace(co_consts=constants), {}, code.co_name, rule.__defaults__)
    return found


def _number(constant: float, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    number = np.array(constant, dtype)
    number.flags.writeable = False
    return number
