"""Kernels: groups of steps as one loop each, compiled by numba where it is installed (the extra ``[jit]``)."""

import functools
import importlib.util

from tinygrad_edu.compiler.kernels.call import whole_lines as whole_lines
from tinygrad_edu.compiler.kernels.choose import chosen as chosen
from tinygrad_edu.compiler.kernels.fuse import Fused as Fused
from tinygrad_edu.compiler.kernels.fuse import fuse as fuse
from tinygrad_edu.compiler.kernels.joined import fused_lines as fused_lines
from tinygrad_edu.compiler.kernels.makers import whole as whole
from tinygrad_edu.compiler.kernels.source import may_overwrite as may_overwrite
from tinygrad_edu.compiler.kernels.whole import Whole as Whole
from tinygrad_edu.errors import MissingDependencyError, optional_import

WARM = 20  # runs of a plan before its kernels are made, unless it was asked for them at once


class Warmth:
    """Whether a plan has its kernels: from the beginning, never, or once it has run often enough to pay for them.

    Parameters
    ----------
    jit : bool, optional
        None: from run `WARM` on, if numba is installed.

    Raises
    ------
    MissingDependencyError
        If `jit` is true, and numba is not installed or cannot be used.

    Examples
    --------
    >>> cold = Warmth(False)
    >>> [cold.rises() for _ in range(100)].count(True), cold.jit
    (0, False)
    """

    def __init__(self, jit: bool | None) -> None:
        self.asked, self.jit = jit, bool(jit)
        self.left = WARM if jit is None and available() else -1
        if jit:
            if available() and not works():
                raise MissingDependencyError(f"jit=True needs numba, which is installed but cannot be used: {fault()}")
            optional_import("numba", extra="jit")

    def rises(self) -> bool:
        """Count a run; whether this is the one before which the kernels are made."""
        if self.left < 0:
            return False
        self.left -= 1
        self.jit = self.left < 0 and works()
        return self.jit


@functools.cache
def available() -> bool:
    """Whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


def works() -> bool:
    """Whether numba can be used."""
    return fault() is None


@functools.cache
def fault() -> str | None:
    """Why numba cannot be used (one that is older than NumPy cannot be imported); None if it can."""
    try:
        numba = importlib.import_module("numba")
        importlib.import_module("tinygrad_edu.compiler.kernels.functions")  # which needs much of it
    except Exception as error:  # whatever a broken installation says
        return f"{type(error).__name__}: {error}"
    return "NUMBA_DISABLE_JIT is set" if numba.config.DISABLE_JIT else None
