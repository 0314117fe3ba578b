"""Gradient verification: finite differences with derived error bars, for functions and recorded graphs."""

from tinygrad_edu.check.gradients import check_gradients, check_graph
from tinygrad_edu.check.report import Entry, Report
from tinygrad_edu.check.walk import Verdict

__all__ = ["Entry", "Report", "Verdict", "check_gradients", "check_graph"]
