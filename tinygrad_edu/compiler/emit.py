"""How each operation is written in a plan: with ``out=`` into a buffer, as a view, or as a call that makes an array.

`WRITERS` has the operations that write into a buffer, `VIEWS` those that only look at their operand in
another way. What is in neither is called as it is, and brings an array of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu import sums
from tinygrad_edu.compiler import pairs
from tinygrad_edu.compiler.program import Step, Var, axes_of
from tinygrad_edu.kinds import Elementwise, General
from tinygrad_edu.ops import attention, gaussian, pooling, windows
from tinygrad_edu.ops.indexing import At

# What a writer gets: a function that binds an object to a name, the names of the operands, the name of the target.
Bind = Callable[[Any, str], str]


@dataclass(frozen=True)
class Writer:
    """How an operation writes into a buffer.

    Attributes
    ----------
    lines : callable
        ``lines(step, bind, operands, out)`` gives the lines of Python.
    fits : callable
        Whether a step can be written like this.
    over : tuple of int, or None
        Which operands may be overwritten by the result, where they have its shape and type; None for all.
    """

    lines: Callable[[Step, Bind, Sequence[str], str], list[str]]
    fits: Callable[[Step], bool] = lambda step: True
    over: tuple[int, ...] | None = ()


BY_NAME = frozenset({np.maximum, np.minimum})  # whose third operand NumPy may mean to be one to compare


def _ufunc(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
    target = f"out={out}" if step.op.forward in BY_NAME else out  # shorter to read for NumPy without the name
    return [f"{bind(step.op.forward, step.op.forward.__name__)}({', '.join(xs)}, {target})"]


def _matmul(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
    return [f"{bind(np.matmul, 'matmul')}({', '.join(xs)}, out={out})"]


def _is_ufunc(step: Step) -> bool:
    return isinstance(step.op.forward, np.ufunc) and step.op.forward.nout == 1


def _reduction(ufunc: np.ufunc) -> Writer:
    def lines(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
        reduce = bind(ufunc.reduce, f"{ufunc.__name__}_reduce")
        return [f"{reduce}({xs[0]}, {step.params['axis']!r}, None, {out}, {step.params['keepdims']!r})"]

    return Writer(lines, lambda step: step.operands[0].dtype is not None)


def _sum(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
    x, gone = step.operands[0], axes_of(step) if step.params["axis"] is not None else ()
    if gone and gone == tuple(range(len(gone))) and sums.fits(x, len(gone)):
        return [f"{bind(sums.add_rows, 'add_rows')}({xs[0]}, {len(gone)}, {out})"]
    n = len(x.shape)
    if gone and gone == tuple(range(n - len(gone), n)) and x.dtype == step.out.dtype and sums.fits_last(x, len(gone)):
        return [f"{bind(sums.add_columns, 'add_columns')}({xs[0]}, {len(gone)}, {out})"]
    return _reduction(np.add).lines(step, bind, xs, out)


def _mean(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
    count = step.operands[0].size // max(step.out.size, 1)
    return [*_sum(step, bind, xs, out), f"{bind(np.true_divide, 'divide')}({out}, {count}, {out})"]


def _where(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
    copyto = bind(np.copyto, "copyto")
    first = [] if xs[2] == out else [f"{copyto}({out}, {xs[2]})"]
    return [*first, f"{copyto}({out}, {xs[1]}, 'same_kind', {xs[0]})"]


def _joined(function: Callable[..., Any]) -> Writer:
    def lines(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
        return [f"{bind(function, function.__name__)}(({', '.join(xs)},), {step.params['axis']!r}, {out})"]

    return Writer(lines)


def _draw(method: str) -> Writer:
    def lines(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
        draw = bind(getattr(step.params["rng"], method), method)
        return [f"{draw}(None, {bind(np.dtype(step.params['dtype']), 'dtype')}, {out})"]

    return Writer(lines)


def _cast(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
    return [f"{bind(np.copyto, 'copyto')}({out}, {xs[0]}, 'unsafe')"]


def _scatter(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
    return [f"{out}.fill(0)", f"{out}[{bind(step.params['index'], 'index')}] = {xs[0]}"]


def _assembled(operands: Sequence[Any], places: Sequence[Any], shape: tuple[int, ...], cover: str | None) -> Any:
    out = np.zeros(shape, np.result_type(*operands))
    for x, place in zip(operands, places, strict=True):
        out[place] += x
    return out


# Made by a pass: an array from its parts, which add up where they overlap.
ASSEMBLE = General("assemble", _assembled, pull=(None,), push=(None,), variadic=True)


def _assemble(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
    first = [] if step.params["cover"] == "all" else [f"{out}.fill(0)"]
    places = [f"{out}[{bind(_open(place), 'place')}]" for place in step.params["places"]]
    if step.params["cover"] not in (None, "again") and step.out.dtype.kind == "f":  # type: ignore[union-attr]
        add, zero = bind(np.add, "add"), bind(np.zeros((), step.out.dtype), "zero")  # which -0.0 does not survive
        return [*first, *(f"{add}({x}, {zero}, {place})" for x, place in zip(xs, places, strict=True))]
    sign = "+=" if step.params["cover"] in (None, "again") else "="
    return [*first, *(f"{place} {sign} {x}" for x, place in zip(xs, places, strict=True))]


# Made by a pass: results side by side. A plan has them written there, if it can.
ROWS = General("rows", lambda operands: np.stack(operands), pull=(None,), push=(None,), variadic=True)


def _rows(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
    return [f"{bind(np.stack, 'stack')}(({', '.join(xs)},), 0, {out})"]


def _copied(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
    return [f"{bind(np.copyto, 'copyto')}({out}, {bind(step.op.forward, step.op.name)}({xs[0]}))"]


def _into(function: Callable[..., Any], name: str, fits: Callable[[Step], bool] = lambda step: True) -> Writer:
    """A function that takes where its result goes (or its results) as its last argument."""

    def lines(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
        return [f"{bind(function, name)}({', '.join(xs)}, {out})"]

    return Writer(lines, fits)


def _is_large(step: Step) -> bool:
    return gaussian.is_large(step.out.size, step.out.dtype)


def _scatter_at(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
    rows = bind(step.params["index"][0], "rows")
    return [f"{out}.fill(0)", f"{out}[{rows}, {xs[1]}[{step.params['index'][1].row}]] = {xs[0]}"]


def one_each(step: Step) -> bool:
    """Whether an index names one entry of each row, so none twice."""
    index = step.params["index"]
    if not (isinstance(index, tuple) and len(index) == 2 and isinstance(index[1], At)):
        return False
    rows = index[0]
    return isinstance(rows, np.ndarray) and rows.ndim == 1 and np.array_equal(rows, np.arange(rows.size))


def _first_plus(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
    first = [] if xs[0] == out else [f"{bind(np.copyto, 'copyto')}({out}, {xs[0]})"]
    return [*first, f"{out}[0] += {xs[1]}"]


def _gather(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
    flat = xs[0] if len(step.operands[0].shape) == 1 else f"{xs[0]}.reshape(-1)"
    return [f"{flat}.take({bind(step.params['index'], 'index')}, None, {out}, 'clip')"]


def _ordered_sum(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
    x = f"{bind(np.ascontiguousarray, 'ascontiguousarray')}({xs[0]})"
    if step.out.size == 1:  # np.add.reduce would add one long column in pairs
        return [f"{out}[...] = {bind(np.add.accumulate, 'accumulate')}({x})[-1]"]
    return [f"{bind(np.add.reduce, 'add_reduce')}({x}, 0, None, {out})"]


def _images(function: Callable[..., Any]) -> Writer:
    """Of a convolution or a pool: `function` takes operands, geometry and target."""

    def lines(step: Step, bind: Bind, xs: Sequence[str], out: str) -> list[str]:
        return [f"{bind(function, step.op.name)}({', '.join(xs)}, {bind(step.params['geometry'], 'geometry')}, {out})"]

    return Writer(lines, lambda step: step.params.get("groups", 1) == 1)


WRITERS: dict[str, Writer] = {
    "conv2d": _images(windows.correlate),
    "conv2d_image": _images(windows.image_gradient),
    "conv2d_kernel": _images(windows.kernel_gradient),
    "max_pool2d": _images(pooling.largest),
    "max_pool2d_spread": _images(pooling.spread),
    "first_plus": Writer(_first_plus, over=(0,)),
    "gather": Writer(_gather, lambda step: step.operands[0].dtype == step.out.dtype),
    "ordered_sum": Writer(_ordered_sum, lambda step: step.operands[0].size > 0),
    "where": Writer(_where, lambda step: step.operands[0].dtype == np.bool_ and step.out.dtype is not None, (2,)),
    "sum": Writer(_sum, lambda step: step.operands[0].dtype is not None),
    "max": _reduction(np.maximum),
    "min": _reduction(np.minimum),
    "prod": _reduction(np.multiply),
    "all": _reduction(np.logical_and),
    "any": _reduction(np.logical_or),
    "mean": Writer(_mean, lambda step: step.operands[0].dtype in (np.float32, np.float64) and step.out.size > 0),
    "matmul": Writer(_matmul),
    "concatenate": _joined(np.concatenate),
    "stack": _joined(np.stack),
    "rows": Writer(_rows),
    "cast": Writer(_cast),
    "scatter": Writer(_scatter, lambda step: is_basic(step.params["index"])),
    "scatter_at": Writer(_scatter_at, one_each),
    "assemble": Writer(_assemble),
    "ndtr": Writer(_copied, lambda step: step.operands[0].dtype == step.out.dtype),
    "gelu": _into(gaussian.gelu, "gelu", _is_large),
    "gelu_slope": _into(gaussian.gelu_slope, "gelu_slope", _is_large),
    "gelu_and_slope": _into(gaussian.gelu_and_slope, "gelu_and_slope"),
    "dot_product_attention": _into(attention.forward, "attention"),
    "dot_product_attention_gradient": _into(attention.gradient, "attention_gradient"),
    "attention_and_weights": _into(attention.forward, "attention"),
    "attention_gradient_of_weights": _into(pairs.gradient_of_weights, "attention_gradient"),
    "standard_uniform": _draw("random"),
    "standard_normal": _draw("standard_normal"),
}
_ELEMENTWISE = Writer(_ufunc, _is_ufunc, None)


def writer_of(step: Step) -> Writer | None:
    """How a step writes into a buffer; None if it cannot."""
    if step.out.dtype is None:
        return None
    found = WRITERS.get(step.op.name) or (_ELEMENTWISE if isinstance(step.op, Elementwise) else None)
    return found if found is not None and found.fits(step) else None


def is_basic(index: Any) -> bool:
    """Whether an index has only slices, whole numbers, None and an ellipsis."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is Ellipsis or isinstance(part, (slice, int, np.integer)) for part in parts)


def _view(function: Callable[..., Any], *names: str) -> Callable[[Step, Any], Any]:
    return lambda step, x: function(x, *[step.params[name] for name in names])


def _open(index: Any) -> Any:
    """The index with an ellipsis, so that a single number is a view as well, not a copy."""
    parts = index if isinstance(index, tuple) else (index,)
    return parts if any(part is Ellipsis for part in parts) else (*parts, Ellipsis)


VIEWS: dict[str, Callable[[Step, Any], Any]] = {
    "reshape": _view(np.reshape, "shape"),
    "transpose": _view(np.transpose, "axes"),
    "swapaxes": _view(np.swapaxes, "axis1", "axis2"),
    "squeeze": _view(np.squeeze, "axis"),
    "expand_dims": _view(np.expand_dims, "axis"),
    "broadcast_to": _view(np.broadcast_to, "shape"),
    "getitem": lambda step, x: x[_open(step.params["index"])],
    "identity": lambda step, x: x,
    "stop_gradient": lambda step, x: x,
    "positive": lambda step, x: x,
}

# The same as methods of an array, in the text: where an array is there only when the plan runs, a call less.
METHODS: dict[str, Callable[[dict[str, Any]], str]] = {
    "reshape": lambda params: f"reshape({params['shape']!r})",
    "transpose": lambda params: f"transpose({params['axes']!r})",
    "swapaxes": lambda params: f"swapaxes({params['axis1']!r}, {params['axis2']!r})",
}


def view_of(step: Step) -> Callable[[Any], Any] | None:
    """How a step looks at its operand; None if it is more than a look."""
    make = VIEWS.get(step.op.name)
    if make is None or step.operands[0].dtype is None:
        return None
    if step.op.name == "getitem" and (not is_basic(step.params["index"]) or step.operands[0].shape == ()):
        return None
    return lambda x: make(step, x)


def is_scalar(var: Var) -> bool:
    """Whether a variable is a Python float."""
    return var.dtype is None
