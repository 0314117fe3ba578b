"""Scalar programs become array programs: write scalar code, get the speed of arrays."""

from tinygrad_edu.compiler.lift.lifting import Lifted as Lifted
from tinygrad_edu.compiler.lift.lifting import lift as lift
