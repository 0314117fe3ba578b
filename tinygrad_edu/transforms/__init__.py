"""Functions in, functions out: derivatives of Python functions of any order, by forward and reverse mode.

A transform wraps its inputs, runs the function once under recording, and then pulls gradients back or
pushes tangents forward along what was recorded between those inputs and the outputs, and nothing else.
"""

from tinygrad_edu.transforms.checkpoint import checkpoint
from tinygrad_edu.transforms.first_order import elementwise_grad, grad, jvp, value_and_grad, vjp
from tinygrad_edu.transforms.matrices import hessian, hvp, jacobian

__all__ = ["grad", "value_and_grad", "elementwise_grad", "vjp", "jvp", "jacobian", "hessian", "hvp", "checkpoint"]
