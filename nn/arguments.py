"""What arguments of layers and losses have in common: sizes, and choices by name."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.errors import ArgumentError


def size(what: str, number: Any) -> int:
    """A size as an int; anything but a positive whole number is refused.

    Examples
    --------
    >>> size("Dense: in_features", 2.5)
    Traceback (most recent call last):
    ...
    tinygrad_edu.errors.ArgumentError: Dense: in_features must be a positive whole number, got 2.5
    """
    if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 1:
        raise ArgumentError(f"{what} must be a positive whole number, got {number!r}")
    return int(number)


def by_name(what: str, choice: Any, table: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    """The function of that name in the table; a function is returned as it is.

    Examples
    --------
    >>> by_name("loss", "mse", {"mse": max}) is max
    True
    >>> by_name("loss", "msr", {"mse": max, "mae": min})
    Traceback (most recent call last):
    ...
    tinygrad_edu.errors.ArgumentError: loss: none is called 'msr'; there are mse, mae, or give a function
    """
    if isinstance(choice, type):
        raise ArgumentError(f"{what}: got the class {choice.__name__}; did you mean {choice.__name__}()?")
    if callable(choice):
        return choice  # type: ignore[no-any-return]  # what a user's function returns is not known here
    if not isinstance(choice, str) or choice not in table:
        raise ArgumentError(f"{what}: none is called {choice!r}; there are {', '.join(table)}, or give a function")
    return table[choice]
