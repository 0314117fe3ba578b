"""Python's collector of garbage, while scalars are recorded."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_waits() -> Iterator[None]:
    """Let the collector wait: it would walk again and again over tens of thousands of new objects that all stay.

    Examples
    --------
    >>> before = gc.isenabled()
    >>> with collector_waits():
    ...     gc.isenabled()
    False
    >>> gc.isenabled() == before
    True
    """
    ran = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if ran:
            gc.enable()
