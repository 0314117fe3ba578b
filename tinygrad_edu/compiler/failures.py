"""What goes wrong while a function is recorded: by the function itself, or because it was handed traced values."""

import dis
from pathlib import Path
from types import FrameType
from typing import Any, Final

import numpy as np

from tinygrad_edu.compiler.environment import LIBRARIES
from tinygrad_edu.errors import CompileError, DTypeError, NotDifferentiableError
from tinygrad_edu.op import Node, as_operand

RAISE: Final = dis.opmap["RAISE_VARARGS"]
PACKAGES: Final = frozenset({"site-packages", "dist-packages"})  # folders of libraries


class FunctionError(CompileError):
    """A function fails by itself, as it would without `compile`; the cause is what it raised."""


def failure(error: Exception) -> CompileError:
    """What to raise from an error that came up while recording."""
    place = _place_of(error)
    if isinstance(error, NotDifferentiableError):
        return CompileError(f"{place}: a traced value cannot become a plain array here: {error}")
    kind = FunctionError if _is_its_own(error) else CompileError
    return kind(f"{place}: {type(error).__name__}: {error} (while recording; there, arguments are Values)")


def cause_of(error: FunctionError) -> Exception:
    """What the function raised, with a note of when."""
    cause = error.__cause__
    assert isinstance(cause, Exception)
    cause.add_note("(raised while tinygrad_edu.compile recorded the function; there, arguments are Values)")
    return cause


def refuse_odd(name: str, leaf: Any) -> None:
    """Raise if an argument is not made of real numbers, or computes by rules of its own, as a masked array does."""
    try:
        as_operand(leaf)
    except DTypeError as error:
        raise DTypeError(f"compile: {name}: {error}") from None
    if isinstance(leaf, np.ndarray) and type(leaf) not in (np.ndarray, np.memmap):
        raise DTypeError(
            f"compile: {name}: expected a plain array, got a {type(leaf).__name__}, whose own rules a plan would not "
            "follow; pass np.asarray(x) of it (x.filled(0.0) of a masked one)"
        )


def refuse_unless_given(before: list[tuple[str, Any]], now: list[tuple[str, Any]]) -> None:
    """Raise unless these leaves of the arguments are those that a function was given."""
    if [id(leaf) for _, leaf in before] != [id(leaf) for _, leaf in now]:
        raise CompileError(
            "compile: the function changes a list or dict among its arguments, which a plan would not do again. Return "
            "what changes as a result, or leave this function uncompiled."
        )


def _is_its_own(error: Exception) -> bool:
    """Whether a function raises this by itself, and not because a traced value is no number.

    It does by a ``raise`` or ``assert`` of its own; and by whatever else goes wrong in its lines, a missing key or
    file, unless a traced value is in it, or it is what Python says when something is no number.
    """
    trace = error.__traceback__
    if trace is not None and trace.tb_next is None:  # it was called with other arguments than it takes
        return isinstance(error, TypeError)
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    assert trace is not None
    if _module(trace.tb_frame) in ("tinygrad_edu", "numpy"):
        return False
    if trace.tb_frame.f_code.co_code[trace.tb_lasti] == RAISE and not _is_library(trace.tb_frame):
        return True
    touched = [*error.args, getattr(error, "obj", None)]
    return not isinstance(error, (TypeError, ValueError)) and not any(isinstance(x, Node) for x in touched)


def _place_of(error: Exception) -> str:
    """The line of the user's code in which an error came up."""
    place = "compile"
    trace = error.__traceback__
    while trace is not None:
        if not _is_library(trace.tb_frame):
            place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _module(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "")
    return name.partition(".")[0]


def _is_library(frame: FrameType) -> bool:
    return _module(frame) in LIBRARIES or not PACKAGES.isdisjoint(Path(frame.f_code.co_filename).parts)
