"""What a judgement is asked for and comes to: doubts that may be looked into, and the finding."""

import math
from collections.abc import Callable
from typing import NamedTuple

from tinygrad_edu.check.walk import Verdict


class Doubts(NamedTuple):
    """What is asked before anything is said against a claim.

    `noise` gives the function's noise as it shows when all of its inputs move, `slope` that of its slope.
    """

    noise: Callable[[], float] = lambda: 0.0
    slope: Callable[[], float] = lambda: 0.0


NONE = Doubts()


class Finding(NamedTuple):
    """The verdict on one claim; `numeric` ± `error` is what the samples say (nan and inf if nothing).

    `rough`: the function has a kink or a jump, which may be told by name.
    """

    verdict: Verdict
    numeric: float = math.nan
    error: float = math.inf
    digits: float = 0.0
    reason: str = ""
    rough: bool = False
