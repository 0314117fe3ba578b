"""One number in every entry of an array, for kernels.

``array[:] = number`` says the same, but numba compiles with it how an error of shapes is put into words: 2 s of
compilation for a loop that a processor runs in microseconds.
"""

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, store_item


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def fill(context: Any, array: Any, number: Any) -> Any:
    """Write a number into each entry of an array whose entries lie one after another."""
    if not isinstance(array, types.Array) or array.layout != "C":
        return None

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, number = signature.args
        there = make_array(array)(context, builder, arguments[0])
        value = context.cast(builder, arguments[1], number, array.dtype)
        with cgutils.for_range(builder, there.nitems, intp=there.nitems.type) as loop:
            store_item(context, builder, array, value, builder.gep(there.data, [loop.index]))
        return context.get_dummy_value()

    return types.void(array, number), write
