"""Calls of every registered operation, in every way its entry says it can be called: what the batteries walk."""

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_edu  # noqa: F401 - registers the operations
from tinygrad_edu.check.operations import OpCall, call_at
from tinygrad_edu.op import REGISTRY, Case, Operation
from tinygrad_edu.value import Value

# As registered when this file is read: examples in docstrings, and other tests, enter theirs too.
OURS = sorted(
    name
    for name, op in REGISTRY.items()
    if op.kind != "source" and not name.endswith("_doc") and not op.forward.__module__.startswith(("test_", "__main__"))
)


@dataclass(frozen=True)
class Call(OpCall):
    """A call with randomness of its own, for gradients of its result."""

    rng: np.random.Generator

    def seed(self) -> Any:
        """A gradient of the result, drawn at random, in its shape and dtype."""
        out = np.asarray(self(*self.inputs))
        return np.asarray(self.rng.normal(size=out.shape)).astype(out.dtype)

    def with_inputs(self, inputs: list[Any]) -> "Call":
        """The same call, with other operands where there is a derivative."""
        operands = list(self.operands)
        for i, x in zip(self.varied, inputs, strict=True):
            operands[i] = x
        return Call(self.op, tuple(operands), self.params, self.rng)

    def gradients(self, seed: Any) -> list[Any]:
        """The gradients of the inputs, through `Value.backward`."""
        values = [Value(x) for x in self.inputs]
        self(*values).backward(seed)
        return [value.grad for value in values]


def call_of(op: Operation, way: Case, salt: str = "") -> Call:
    """One way to call an operation, the same at each run; another `salt` draws other numbers."""
    rng = np.random.default_rng(zlib.crc32(f"{op.name} {way} {salt}".encode()))
    call = call_at(op, way, rng)
    return Call(call.op, call.operands, call.params, rng)
