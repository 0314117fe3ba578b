"""The verdicts of the gradient checker, one for each operation: its rule beside differences of its own forward."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.check.fault import judge_node
from tinygrad_edu.check.report import Report
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.viz.overlays.marks import Mark, Verdicts
from tinygrad_edu.viz.text import clean, number

MOST = 400  # operations that are judged
LEVEL_OF = {"PASS": "good", "KINK": "warning", "INCONCLUSIVE": "unknown", "FAIL": "bad"}
LEGEND = "Each operation's derivative, checked against finite differences at its own operands."


def judged(nodes: Sequence[Any], most: int = MOST) -> Verdicts:
    """A verdict on the derivative of every operation, found by the checker.

    Parameters
    ----------
    nodes : sequence of Value
        Operands first.
    most : int
        How many operations are judged, from the root on.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a = Value(3.0)
    >>> square = a * a
    >>> judged([a, square]).marks[square].text
    'PASS, ... digits'
    """
    operations = [node for node in reversed(nodes) if node.parents and not node.op.terminal]
    rng = np.random.default_rng(0)
    marks = {node: _mark(judge_node(node, rng)) for node in operations[:most]}
    rest = len(operations) - len(marks)
    return Verdicts(LEGEND + (f" Judged: the {most:,} nearest to the root, {rest:,} not." if rest else ""), marks)


def given(verdicts: Mapping[Any, Any]) -> Verdicts:
    """Verdicts that somebody else has found: for a node, a verdict of the checker or a pair of verdict and text.

    Raises
    ------
    ArgumentError
        If a verdict is not one of PASS, FAIL, KINK, INCONCLUSIVE.

    Examples
    --------
    >>> from tinygrad_edu import Value
    >>> a = Value(3.0)
    >>> given({a: ("FAIL", "sign")}).marks[a]
    Mark(level='bad', text='FAIL: sign')
    """
    marks = {}
    for node, one in verdicts.items():
        verdict, text = (one, "") if isinstance(one, str) else one
        if str(verdict) not in LEVEL_OF:
            raise ArgumentError(f"overlay: a verdict is one of {', '.join(LEVEL_OF)}, got {clean(verdict)!r}")
        marks[node] = Mark(LEVEL_OF[str(verdict)], f"{verdict}: {clean(text, 120)}" if text else str(verdict))
    return Verdicts("Marked by verdict.", marks)


def _mark(report: Report) -> Mark:
    """A verdict with the digits that are certain, or with what went wrong."""
    verdict, worst = str(report.verdict), report.worst
    text = verdict
    if worst is not None and verdict == "PASS":
        text = f"PASS, {min(entry.digits for entry in report.entries):.0f} digits"
    elif worst is not None and verdict == "FAIL":
        numbers = f"the rule says {number(worst.analytic)}, differences {number(worst.numeric)}"
        text = f"FAIL for {clean(worst.argument)}: {numbers}"
    elif worst is not None and worst.reason:
        text = f"{verdict}: {clean(worst.reason, 80)}"
    return Mark(LEVEL_OF[verdict], text)
