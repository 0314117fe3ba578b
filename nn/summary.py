"""The table of a model: its layers, what they give, and how many numbers training changes in each."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu import no_grad
from tinygrad_edu.errors import ArgumentError, DTypeError
from tinygrad_edu.nn.module import Module, modes_kept

Shape = tuple[int | None, ...]
Shapes = dict[int, list[tuple[int, ...]]]


@dataclass(frozen=True)
class Row:
    """A layer: its place and class, the shapes of what it gave (one for each call), its own parameters.

    `shared` says that the parameters were counted in a row above.
    """

    name: str
    kind: str
    shapes: tuple[Shape, ...]
    parameters: int
    shared: bool = False


@dataclass(frozen=True)
class Summary:
    """A table of rows; printing it shows it.

    Attributes
    ----------
    title : str
    rows : list of Row
    parameters : int
        In all, shared ones once.
    """

    title: str
    rows: list[Row]
    parameters: int

    def __str__(self) -> str:
        head = ("layer", "kind", "output shape", "parameters")
        cells = [head, *(_cells(row) for row in self.rows), ("total", "", "", f"{self.parameters:,}")]
        widths = [max(len(row[i]) for row in cells) for i in range(4)]
        aligned = [[*map(str.ljust, row[:3], widths), row[3].rjust(widths[3])] for row in cells]
        lines = ["  ".join(row) for row in aligned]
        return "\n".join([self.title, *lines])

    def __repr__(self) -> str:
        return str(self)


def _cells(row: Row) -> tuple[str, str, str, str]:
    shapes = ", ".join(dict.fromkeys(map(str, row.shapes))) or "?"
    times = f" × {len(row.shapes)}" if len(row.shapes) > 1 else ""
    return row.name, row.kind, shapes + times, "shared" if row.shared else f"{row.parameters:,}"


def summarize(model: Module, sample_shapes: Sequence[Shape] | None, dtypes: Sequence[Any] | None = None) -> Summary:
    """The table of a model; it is called on zeros to learn shapes, if those of its inputs are known."""
    shapes = {} if sample_shapes is None else _shapes(model, sample_shapes, dtypes)
    if model._place is None:
        model._settle_names()
    rows: list[Row] = []
    counted: set[int] = set()
    for module in _parts(model):
        own = {id(parameter): parameter.size for parameter in module.parameters()}
        new = sum(size for key, size in own.items() if key not in counted)
        rows.append(
            Row(
                str(module.name or module._place), type(module).__name__, tuple(shapes.get(id(module), ())), new,
                shared=bool(own) and not new,
            )
        )  # fmt: skip
        counted |= own.keys()
    if not rows or sum(row.parameters for row in rows) < model.n_parameters:  # parameters of the model itself
        own_size = sum(p.size for p in model.parameters() if id(p) not in counted)
        rows.append(Row("(own)", type(model).__name__, tuple(shapes.get(id(model), ())), own_size))
    return Summary(f"{type(model).__name__} {model.name or model._place!r}", rows, model.n_parameters)


def _parts(model: Module) -> list[Module]:
    """The modules directly in a model, each once."""
    return list({id(child): child for _, child in model.children()}.values())


def _shapes(model: Module, sample_shapes: Sequence[Shape], dtypes: Sequence[Any] | None) -> dict[int, list[Shape]]:
    """What each module gives, for each of its calls; None where the batch (or an open length) shows."""
    told = dtypes or [np.float64] * len(sample_shapes)
    try:
        first, second = (_trial(model, sample_shapes, told, extra) for extra in (0, 1))
    except DTypeError:
        if dtypes is not None:
            raise
        return _shapes(model, sample_shapes, [int] * len(sample_shapes))  # indices, for an Embedding
    except ValueError as error:
        shapes = ", ".join(map(str, sample_shapes))
        raise ArgumentError(f"summary: samples of shape {shapes} do not fit: {error}") from error
    return {key: [_open(*pair) for pair in zip(first[key], second[key], strict=True)] for key in first}


def _trial(model: Module, sample_shapes: Sequence[Shape], dtypes: Sequence[Any], extra: int) -> Shapes:
    """The shapes that a call on zeros gives; 2 samples (and length 32 where it is open), and so many more."""
    found: Shapes = {}
    inputs = [
        np.zeros((2 + extra, *(32 + extra if n is None else n for n in shape)), dtype=dtype)
        for shape, dtype in zip(sample_shapes, dtypes, strict=True)
    ]
    with ExitStack() as stack:
        stack.enter_context(no_grad())
        stack.enter_context(np.errstate(all="ignore"))
        stack.enter_context(modes_kept(model, training=False))
        for module in model.modules():
            stack.callback(_listen(module, found))
        model(*inputs)
    return found


def _open(a: tuple[int, ...], b: tuple[int, ...]) -> Shape:
    """A shape with None where the sizes of two trials differ."""
    return tuple(m if m == n else None for m, n in zip(a, b, strict=True))


def _listen(module: Module, found: Shapes) -> Any:
    """Note the shape of whatever `module.forward` gives; a function that ends it."""
    forward = module.forward

    def noting(*args: Any, **kwargs: Any) -> Any:
        result = forward(*args, **kwargs)
        parts = result if isinstance(result, (tuple, list)) else [result]
        found.setdefault(id(module), []).extend(np.shape(part) for part in parts if not isinstance(part, (tuple, list)))
        return result

    module.forward = noting  # type: ignore[method-assign]  # only on this object, and only for now
    return lambda: vars(module).pop("forward", None)
