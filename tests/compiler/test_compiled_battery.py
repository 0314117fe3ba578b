"""Every operation, compiled: results and gradients are those of the operation itself, on second and third data."""

import numpy as np
import pytest

import tinygrad_edu
from tests.calls import OURS, call_of
from tinygrad_edu import Value
from tinygrad_edu.op import REGISTRY


def close(a, b, relative=1e-12):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    np.testing.assert_allclose(a, b, rtol=relative, atol=relative * max(1.0, np.max(np.abs(b), initial=0.0)))


def gradients(f, call, seed):
    """The result and the gradients of the operands that have one, the others as plain arrays."""
    operands = [Value(x) if i in call.varied else np.asarray(x) for i, x in enumerate(call.operands)]
    out = f(*operands)
    if isinstance(out, Value) and not out.op.terminal:
        out.backward(seed)
    return out, [operands[i].grad for i in call.varied]


@pytest.mark.parametrize("name", OURS)
def test_a_compiled_operation_is_the_operation(name):
    op = REGISTRY[name]
    for way in op.cases:

        def f(*operands, params=way.params):
            return op(operands, **params) if op.variadic else op(*operands, **params)

        fast = tinygrad_edu.compile(f)
        for salt in ("", "second", "third"):
            call = call_of(op, way, salt)
            seed = np.asarray(call.rng.normal(size=np.shape(call(*call.inputs))))
            expected, wanted = gradients(f, call, seed)
            found, got = gradients(fast, call, seed)
            close(getattr(found, "data", found), getattr(expected, "data", expected))
            for g, h in zip(got, wanted, strict=True):
                close(g, h)
        assert len(fast.plans) == 1, "data alone made another plan"
