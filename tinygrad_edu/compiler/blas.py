"""How many threads NumPy's products of matrices run on while a plan runs.

OpenBLAS hands half of each product of more than some 64 x 64 x 64 numbers to another core, waits for it there, and
leaves its results in that core's cache. In a step of half a millisecond that takes longer than it saves, and many
milliseconds where somebody else needs the core. So plans of few operations have their products done on one thread.
Which OpenBLAS is NumPy's is known where NumPy brings it along.
"""

import ctypes
import functools
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu.compiler.cost import flops_of
from tinygrad_edu.compiler.program import Step

FEW = 8e7  # operations on numbers of a plan whose products are done on one thread: some 0.7 ms
SHARED = 2e5  # operations of a product that may be shared with another core; smaller ones never are
PLACES = ("../numpy.libs/libscipy_openblas*", ".dylibs/libscipy_openblas*")  # beside NumPy: Linux and Windows, macOS
SUFFIXES = ("", "64_")


class Threads:
    """The number of threads of a library, which is 1 while anybody wants it so.

    Parameters
    ----------
    get, put : callable
        ``get()`` tells the number, ``put(n)`` sets it, for the whole process.
    """

    def __init__(self, get: Callable[[], int], put: Callable[[int], None]) -> None:
        self.get, self.put = get, put
        self.reset()

    def reset(self) -> None:
        """Nobody wants one thread."""
        self.lock, self.inside, self.before = threading.Lock(), 0, 1

    def enter(self) -> None:
        """From here on one thread."""
        with self.lock:
            self.inside += 1
            if self.inside == 1:
                self.before = self.get()
                if self.before > 1:
                    self.put(1)

    def leave(self) -> None:
        """As it was, unless somebody else still wants one."""
        with self.lock:
            self.inside -= 1
            if self.inside == 0 and self.before > 1:
                self.put(self.before)

    def one(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function that runs with one thread."""

        def run(*args: Any) -> Any:
            self.enter()
            try:
                return function(*args)
            finally:
                self.leave()

        return run


@functools.cache
def found() -> Threads | None:
    """Those of NumPy's own OpenBLAS; None if it is another library, or not where it is looked for."""
    here = Path(np.__file__).parent
    for path in (path for place in PLACES for path in sorted(here.glob(place))):
        try:
            library = ctypes.CDLL(str(path))  # which is loaded already
        except OSError:
            continue
        for suffix in SUFFIXES:
            get = getattr(library, f"scipy_openblas_get_num_threads{suffix}", None)
            put = getattr(library, f"scipy_openblas_set_num_threads{suffix}", None)
            if get is not None and put is not None:
                put.argtypes, put.restype = [ctypes.c_int], None
                threads = Threads(get, put)
                if hasattr(os, "register_at_fork"):
                    os.register_at_fork(after_in_child=threads.reset)
                return threads
    return None


def on_one_thread(steps: Sequence[Step]) -> Threads | None:
    """What runs these steps with their products on one thread; None where they are large, or it is not known how."""
    shared = any(step.op.name == "matmul" and flops_of(step) > SHARED for step in steps)
    if not shared or sum(map(flops_of, steps)) > FEW:
        return None
    return found()
