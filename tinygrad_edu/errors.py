"""Every error of the project: one tree, and each is also the builtin a caller would catch.

A message says what was expected, what came, and what to do about it.
"""

import importlib
from types import ModuleType

import numpy as np


class TinygradEduError(Exception):
    """The root of all errors that tinygrad_edu raises on purpose."""


class ShapeError(TinygradEduError, ValueError):
    """Array shapes that do not fit together."""


class LinearAlgebraError(TinygradEduError, np.linalg.LinAlgError):
    """A matrix that cannot be inverted or factorised as asked (singular, not positive definite)."""


class DTypeError(TinygradEduError, TypeError):
    """Data of a type that the engine does not differentiate (text, objects, complex)."""


class GradientError(TinygradEduError, RuntimeError):
    """A backward pass that cannot be done as asked."""


class NotDifferentiableError(TinygradEduError, TypeError):
    """A function without a derivative rule, or a Value leaving the graph unseen."""


class AnomalyError(TinygradEduError, RuntimeError):
    """The first NaN or Inf of a computation under `detect_anomaly`; `node` is where it appeared."""

    def __init__(self, message: str, node: object = None) -> None:
        super().__init__(message)
        self.node = node


class IndependentResultWarning(UserWarning):
    """A derivative by something that the result does not depend on: it is zero, and perhaps a mistake."""


class InconclusiveCheckWarning(UserWarning):
    """A gradient that the checker could neither confirm nor refute; the message says why, and what to do."""


class GradientCheckError(TinygradEduError, AssertionError):
    """A gradient that finite differences contradict; `report` holds the evidence."""

    def __init__(self, message: str, report: object = None) -> None:
        super().__init__(message)
        self.report = report


class CompileError(TinygradEduError, RuntimeError):
    """A function that cannot be turned into a plan without risking a wrong number."""


class CheckpointError(TinygradEduError, ValueError):
    """A file of weights that is truncated, foreign, or does not fit the model."""


class DataError(TinygradEduError, ValueError):
    """Data that cannot be trained on; the message names the file, line and column."""


class ArgumentError(TinygradEduError, ValueError):
    """An argument outside what a function accepts."""


class OutputExistsError(TinygradEduError, FileExistsError):
    """A file or folder that is already there; nothing is overwritten without being asked."""


class MissingDependencyError(TinygradEduError, ImportError):
    """An optional package that is not installed; the message has the install line."""


def optional_import(module: str, extra: str) -> ModuleType:
    """Import an optional package, or say how to install it.

    Parameters
    ----------
    module : str
        Dotted name of the module to import, such as ``"matplotlib.figure"``.
    extra : str
        The extra of tinygrad_edu that brings it, such as ``"plot"``.

    Returns
    -------
    module

    Raises
    ------
    MissingDependencyError
        If the module is not there; the message has the exact install line.

    Examples
    --------
    >>> optional_import("json", extra="all").dumps([1])
    '[1]'
    >>> optional_import("no_such_package", extra="plot")
    Traceback (most recent call last):
    ...
    tinygrad_edu.errors.MissingDependencyError: this needs the package 'no_such_package', which is not installed: \
run  pip install 'tinygrad_edu[plot]'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingDependencyError(
            f"this needs the package {package!r}, which is not installed: run  pip install 'tinygrad_edu[{extra}]'"
        ) from error
