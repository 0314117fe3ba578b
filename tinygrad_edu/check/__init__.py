"""Gradient verification: finite differences with derived error bars, for functions and recorded graphs."""

from tinygrad_edu.check.contracts import Contract, ContractReport, check_contracts
from tinygrad_edu.check.gradients import check_gradients, check_graph
from tinygrad_edu.check.modules import ModuleReport, check_module
from tinygrad_edu.check.operations import OpReport, check_op
from tinygrad_edu.check.report import Entry, Fault, Report
from tinygrad_edu.check.walk import Verdict

__all__ = [
    "Contract",
    "ContractReport",
    "Entry",
    "Fault",
    "ModuleReport",
    "OpReport",
    "Report",
    "Verdict",
    "check_contracts",
    "check_gradients",
    "check_graph",
    "check_module",
    "check_op",
]
