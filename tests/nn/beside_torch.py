"""A layer of ours beside PyTorch's, in float64. Importing this skips a file of tests where there is no PyTorch."""

import numpy as np
import pytest

from tinygrad_edu import Value

torch = pytest.importorskip("torch")
TOLERANCE = 1e-10


def tensor(array, grad=False):
    return torch.tensor(np.array(array), requires_grad=grad)


def take(parameter, array):
    """Our parameter gets the numbers of PyTorch's, in our layout."""
    assert parameter.shape == array.shape
    parameter.data[...] = array


def compare(ours, theirs, inputs, pairs, to_theirs=lambda x: x, to_ours=lambda x: x, call=None, results=None):
    """The largest deviation, of outputs, gradients of inputs and of parameters.

    `pairs` is a list of (our parameter, function of a getter that reads PyTorch's numbers or gradients).
    """
    rng = np.random.default_rng(1)
    theirs = theirs.double()
    values = [Value(x) for x in inputs]
    tensors = [tensor(to_theirs(x), grad=True) for x in inputs]
    if ours._recipe is not None:
        ours(*values)  # lazy layers make their parameters
    for module in theirs.parameters():
        with torch.no_grad():
            module += torch.tensor(rng.normal(scale=0.1, size=tuple(module.shape)))
    for name, read in pairs.items():
        take(dict(ours.named_parameters())[name], read(lambda t: t.detach().numpy()))
    assert set(pairs) == {name for name, _ in ours.named_parameters()}
    out, expected = (call or (lambda f, xs: f(*xs)))(ours, values), (results or (lambda f, xs: f(*xs)))(theirs, tensors)
    outs = out if isinstance(out, (tuple, list)) else [out]
    expecteds = expected if isinstance(expected, (tuple, list)) else [expected]
    weights = [rng.normal(size=one.shape) for one in outs]
    total = sum((one * weight).sum() for one, weight in zip(outs, weights, strict=True))
    total.backward()
    shaped = [tensor(to_theirs(w)) if w.ndim == inputs[0].ndim else tensor(w) for w in weights]
    sum((one * weight).sum() for one, weight in zip(expecteds, shaped, strict=True)).backward()

    def back(array):
        return to_ours(array) if array.ndim == inputs[0].ndim else array

    deviations = [np.abs(a.data - back(b.detach().numpy())).max() for a, b in zip(outs, expecteds, strict=True)]
    deviations += [np.abs(a.grad - to_ours(b.grad.numpy())).max() for a, b in zip(values, tensors, strict=True)]
    named = dict(ours.named_parameters())
    deviations += [np.abs(named[name].grad - read(lambda t: t.grad.numpy())).max() for name, read in pairs.items()]
    assert np.isfinite(deviations).all()
    assert max(deviations) < TOLERANCE, deviations
    print(f"max deviation {max(deviations):.1e}")  # shown by pytest -rP
    return max(deviations)


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape)
