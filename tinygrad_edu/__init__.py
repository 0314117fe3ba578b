"""An autograd engine on NumPy: one graph to differentiate, draw, verify and train with."""

from tinygrad_edu import _checkout

_checkout.install()

from tinygrad_edu import ops
from tinygrad_edu.check import check_gradients, check_graph
from tinygrad_edu.compiler.compiled import compile
from tinygrad_edu.errors import GradientCheckError
from tinygrad_edu.memory import keep_freed_memory
from tinygrad_edu.mode import detect_anomaly, no_grad, record_lines, scope
from tinygrad_edu.ops import *
from tinygrad_edu.transforms import (
    checkpoint,
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
from tinygrad_edu.value import Value, array, stop_gradient

keep_freed_memory()

__all__ = [
    "Value",
    "array",
    "no_grad",
    "scope",
    "stop_gradient",
    "checkpoint",
    "compile",
    "detect_anomaly",
    "record_lines",
    "grad",
    "value_and_grad",
    "vjp",
    "jvp",
    "jacobian",
    "hessian",
    "hvp",
    "elementwise_grad",
    "check_gradients",
    "check_graph",
    "GradientCheckError",
]
__all__ += ops.__all__
