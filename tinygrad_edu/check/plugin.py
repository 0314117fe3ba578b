"""The pytest plugin: the fixture `gradcheck`. Installing tinygrad_edu is enough, nothing need be imported.

A gradient that is wrong fails the test, and what pytest prints is the checker's report, not a traceback
through the checker. One that cannot be judged warns (`InconclusiveCheckWarning`): the test goes on, pytest
lists it in its summary, and ``-W error::tinygrad_edu.errors.InconclusiveCheckWarning`` makes it a failure.
"""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tinygrad_edu.check.report import Report


@pytest.fixture(scope="session")
def gradcheck() -> "Callable[..., Report]":
    """`tinygrad_edu.check_gradients`, for tests: a wrong gradient fails the test with a readable report.

    ``gradcheck(f, *inputs)`` checks the engine's gradients, ``gradcheck(f, *inputs, gradient=mine)`` others;
    it takes what `check_gradients` takes and returns its report. It keeps nothing, so it serves a
    whole session, and the examples of a Hypothesis test.
    """
    from tinygrad_edu.check import Verdict, check_gradients
    from tinygrad_edu.errors import GradientCheckError, InconclusiveCheckWarning

    def check(f: Callable[..., Any], *inputs: Any, **options: Any) -> "Report":
        __tracebackhide__ = True
        try:
            report = check_gradients(f, *inputs, **options)
        except GradientCheckError as error:
            wrong = str(error)
        else:
            if report.verdict is Verdict.INCONCLUSIVE and report.worst is not None:
                reason = f"gradcheck could not judge {report.worst.where}: {report.worst.reason}"
                warnings.warn(InconclusiveCheckWarning(reason), stacklevel=2)
            return report
        pytest.fail(wrong, pytrace=False)

    return check
