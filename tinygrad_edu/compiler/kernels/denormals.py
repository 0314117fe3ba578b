"""Numbers below the normal range: an optimizer's kernel takes them as 0, because a processor takes 100 times as long.

Moments of Adam get there where gradients stay away: behind pixels that are hardly ever on, behind units that are dead.
Only where a rule has an `eps` far above the root of such a number is nothing lost. Without kernels they are cleared
away every `EVERY` steps.
"""

import platform
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.compiler.kernels.store import compiled

LEAST = 1e-15  # of an `eps`: the smallest normal float32 has the root 1.1e-19
EVERY = 32
FLUSH, KEEP = 0x8040, 0xFFFFFFFF  # bits of the register: results flushed to zero, and operands; what stays
PROCESSORS = ("x86_64", "AMD64")

SOURCE = """from numba import njit, types
from tinygrad_edu.compiler.kernels.register import control, set_control

@njit(types.uint32(types.uint32, types.uint32), cache=CACHE, nogil=True)
def kernel(bits, kept):
    old = control()
    set_control((old & kept) | bits)
    return old
"""


def flusher(options: Mapping[str, Any]) -> Callable[[int, int], int] | None:
    """For a rule with these options, what tells this thread's processor to flush; None if it must not, or cannot.

    Returns
    -------
    callable, optional
        ``swap(bits, kept)`` sets the register to what `kept` leaves of it and `bits`, and gives back what it held:
        ``old = swap(FLUSH, KEEP)`` begins to flush, ``swap(old, 0)`` ends it.
    """
    if platform.machine() not in PROCESSORS or options.get("eps", 0.0) < LEAST:
        return None
    return compiled(SOURCE)  # type: ignore[return-value]  # the function of that source


def clear(options: Mapping[str, Any], state: Iterable[Any]) -> None:
    """Set what lies below the normal range to 0 in the arrays of an optimizer's state, where its `eps` allows that.

    Examples
    --------
    >>> moments = np.array([1e-40, 0.5], np.float32)
    >>> clear({"eps": 1e-8}, [moments])
    >>> moments
    array([0. , 0.5], dtype=float32)
    """
    for array in state:
        if isinstance(array, np.ndarray) and array.dtype.kind == "f":
            least = np.finfo(array.dtype).tiny
            if options.get("eps", 0.0) >= LEAST > 1e3 * float(least) ** 0.5:  # not of float16, whose range ends at 6e-5
                array[np.abs(array) < least] = 0
