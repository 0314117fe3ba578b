# %% [markdown]
"""
# 11. Residuals, node by node

Textbooks derive backpropagation with a residual (delta) at each node: how the error changes with the weighted sum v
that enters its activation f. At the output, delta = (a - y) f'(v). In a hidden layer, delta = (sum of w delta over the
nodes it feeds) f'(v). A weight's gradient is the delta it leads to times the input it carries.

**Claim.** These deltas equal the graph's gradients at the weighted sums, and the gradient of a minibatch is the mean of
those of its samples.
"""

# %%
import numpy as np

from tinygrad_edu import Value, sigmoid, viz
from tinygrad_edu.lesson import show

rng = np.random.default_rng(0)
x, y = rng.normal(size=3), np.array([1.0, 0.0])
W1, W2 = Value(rng.normal(size=(3, 4)), name="W1"), Value(rng.normal(size=(4, 2)), name="W2")
b1, b2 = Value(rng.normal(size=4), name="b1"), Value(rng.normal(size=2), name="b2")

# %% [markdown]
# A 3-4-2 network of sigmoids with the error E = 1/2 sum (a - y)^2. The graph keeps the gradient of every value it
# passes, so those of the weighted sums v1 and v2 can be read off.


# %%
def error(x, y):
    """The error of one sample, with the weighted sums and activations on the way."""
    v1 = x @ W1 + b1
    a1 = sigmoid(v1)
    v2 = a1 @ W2 + b2
    a2 = sigmoid(v2)
    result = 0.5 * np.sum((a2 - y) ** 2)
    for value, name in ((v1, "v1"), (a1, "a1"), (v2, "v2"), (a2, "a2"), (result, "E")):
        value.name = name
    return result, v1, a1, v2, a2


E, v1, a1, v2, a2 = error(x, y)
E.backward()
show(viz.draw(E), "network.svg", "The gradients at v1 and v2 are the textbook's deltas.")

# %% [markdown]
# The textbook's formulas, with plain arrays; f'(v) = a (1 - a) for a sigmoid.

# %%
output_delta = (a2.data - y) * a2.data * (1 - a2.data)
hidden_delta = (W2.data @ output_delta) * a1.data * (1 - a1.data)
print(f"output deltas {output_delta.round(6)}, graph {v2.grad.round(6)}")
print(f"hidden deltas {hidden_delta.round(6)}")
print(f"        graph {v1.grad.round(6)}")
by_hand = {
    "W1": np.outer(x, hidden_delta),
    "b1": hidden_delta,
    "W2": np.outer(a1.data, output_delta),
    "b2": output_delta,
}
for parameter in (W1, b1, W2, b2):
    print(
        f"gradient of {parameter.name}: largest difference {np.max(abs(parameter.grad - by_hand[parameter.name])):.1e}"
    )
same = all(np.allclose(p.grad, by_hand[p.name], rtol=1e-12) for p in (W1, b1, W2, b2))
deltas = v1.grad.copy(), v2.grad.copy()

# %% [markdown]
# A minibatch: the mean of the errors of its samples. Derivatives of a sum are sums of derivatives; so its gradient is
# the mean of the samples' own.

# %%
samples, targets = rng.normal(size=(8, 3)), rng.uniform(size=(8, 2))
each = []
for sample, target in zip(samples, targets, strict=True):
    W1.zero_grad()
    error(sample, target)[0].backward()
    each.append(W1.grad.copy())
W1.zero_grad()
(error(samples, targets)[0] / len(samples)).backward()
print(f"W1[0, 0] by sample {[round(float(one[0, 0]), 4) for one in each]}")
print(f"their mean {np.mean(each, axis=0)[0, 0]:.6f}, minibatch {W1.grad[0, 0]:.6f}")

# %%
np.testing.assert_allclose(deltas[0], hidden_delta, rtol=1e-12)
np.testing.assert_allclose(deltas[1], output_delta, rtol=1e-12)
assert same
np.testing.assert_allclose(W1.grad, np.mean(each, axis=0), rtol=1e-12)
