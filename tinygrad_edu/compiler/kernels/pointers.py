"""Arrays handed to a kernel by their addresses: one table of them is one argument, and each argument takes 0.1 us."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _pointer(kind: Any, to: Any) -> Any:
    @intrinsic  # type: ignore[untyped-decorator]  # numba has no types
    def pointer(_context: Any, address: Any) -> Any:
        def write(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], to.as_pointer())

        return types.CPointer(kind)(address), write

    return pointer


floats = _pointer(types.float64, ir.DoubleType())
integers = _pointer(types.int64, ir.IntType(64))
