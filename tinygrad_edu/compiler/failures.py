"""What goes wrong while a function is recorded: by the function itself, or because it was handed traced values."""

import dis
from pathlib import Path
from types import FrameType
from typing import Final

from tinygrad_edu.compiler.environment import LIBRARIES
from tinygrad_edu.errors import CompileError, NotDifferentiableError
from tinygrad_edu.op import Node

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


def _is_its_own(error: Exception) -> bool:
    """Whether a function raises this by itself, and not because a traced value is no number.

    It does by a ``raise`` or ``assert`` of its own; and by whatever else goes wrong in its lines, a missing key or
    file, unless a traced value is in it, or it is what Python says when something is no number.
    """
    trace = error.__traceback__
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
