"""An autograd engine on NumPy: one graph to differentiate, draw, verify and train with."""

from tinygrad_edu import _checkout

_checkout.install()

from tinygrad_edu.value import Value, array, stop_gradient  # noqa: E402
from tinygrad_edu.mode import no_grad, record_lines, scope  # noqa: E402
