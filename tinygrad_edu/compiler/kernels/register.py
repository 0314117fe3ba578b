"""Registers, for kernels: how wide vectors are, and the control register of x86 processors (MXCSR)."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

INT = ir.IntType(32)


def _call(builder: Any, name: str, place: Any) -> None:
    byte = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{name}")
    builder.call(function, [builder.bitcast(place, byte)])


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def wide(context: Any) -> Any:
    """Have the function around this use the widest vectors there are: LLVM is content with half of AVX-512's."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')  # `add` itself knows flags only
        return context.get_dummy_value()

    return types.void(), write


@intrinsic  # type: ignore[untyped-decorator]
def control(context: Any) -> Any:
    """What the register holds."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = cgutils.alloca_once(builder, INT)
        _call(builder, "stmxcsr", place)
        return builder.load(place)

    return types.uint32(), write


@intrinsic  # type: ignore[untyped-decorator]
def set_control(context: Any, bits: Any) -> Any:
    """Give the register other bits."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = cgutils.alloca_once(builder, INT)
        builder.store(builder.trunc(arguments[0], INT) if arguments[0].type != INT else arguments[0], place)
        _call(builder, "ldmxcsr", place)
        return context.get_dummy_value()

    return types.void(bits), write
