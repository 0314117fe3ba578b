# %% [markdown]
"""
# 15. A two-layer network with its backward pass by hand

A backward pass is a handful of array formulas, one per layer, each of which takes the gradient of what the layer gave
and returns those of what it took. Here they are for affine, relu and softmax loss, in plain NumPy, beside the graph
that derives them by itself.

**Claim.** The hand-written dx, dw and db of a network affine-relu-affine-softmax equal the graph's gradients exactly,
to the last bit.
"""

# %%
import numpy as np

from tinygrad_edu import Value, check_gradients, nn, relu, viz
from tinygrad_edu.lesson import show

# %% [markdown]
# Each layer: forward, and backward. `d` before a name is the gradient of the loss in that array; its shape is the same.


# %%
def affine(x, w, b):
    """Scores x w + b, shape (samples, units)."""
    return x @ w + b


def affine_backward(dout, x, w):
    """Each weight meets every sample, so the samples' parts add up; the same for the bias, whose factor is 1."""
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


def relu_backward(dout, x):
    """What was cut off gets nothing."""
    return dout * (x > 0)


def softmax_loss(scores, labels):
    """The mean of -log p of the right class, and its gradient: the probabilities p, less 1 at the right class."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    right = (np.arange(len(labels)), labels)
    dscores = np.exp(log_p)
    dscores[right] -= 1
    return -log_p[right].mean(), dscores / len(labels)


# %% [markdown]
# Forward with everything kept, then backward from the last layer to the first.

# %%
rng = np.random.default_rng(0)
x, labels = rng.normal(size=(8, 4)), rng.integers(0, 3, 8)
w1, b1 = rng.normal(size=(4, 5)), rng.normal(size=5)
w2, b2 = rng.normal(size=(5, 3)), rng.normal(size=3)


def by_hand(x, w1, b1, w2, b2):
    """The loss, and the gradient in each of the five arrays."""
    v = affine(x, w1, b1)
    h = np.maximum(v, 0)
    loss, dscores = softmax_loss(affine(h, w2, b2), labels)
    dh, dw2, db2 = affine_backward(dscores, h, w2)
    dx, dw1, db1 = affine_backward(relu_backward(dh, v), x, w1)
    return loss, (dx, dw1, db1, dw2, db2)


loss_by_hand, gradients = by_hand(x, w1, b1, w2, b2)

# %% [markdown]
# The same forward pass with Values: the graph is recorded, and walked backwards by `backward()`.


# %%
def network(x, w1, b1, w2, b2):
    """The loss of the network."""
    return nn.softmax_cross_entropy(affine(relu(affine(x, w1, b1)), w2, b2), labels)


names = ("x", "w1", "b1", "w2", "b2")
leaves = [Value(data, name=name) for name, data in zip(names, (x, w1, b1, w2, b2), strict=True)]
loss = network(*leaves)
loss.name = "loss"
loss.backward()
show(viz.draw(loss), "graph.svg", "The graph of the network: backward() walks it from the loss to the five leaves.")

print(f"loss by hand {loss_by_hand:.6f}, by the graph {loss.item():.6f}")
differences = {}
for leaf, gradient in zip(leaves, gradients, strict=True):
    differences[leaf.name] = np.abs(leaf.grad - gradient).max()
    print(f"d{leaf.name:2}: shape {gradient.shape}, largest difference {differences[leaf.name]:.1e}")

# %% [markdown]
# Formulas of your own can be proved without our graph, by finite differences. And the proof notices a slip: here
# somebody forgets that relu cuts the gradient off, too.

# %%
report = check_gradients(network, x, w1, b1, w2, b2, gradient=gradients)
print(f"by hand: {report.verdict.name}")

_, dscores = softmax_loss(affine(np.maximum(affine(x, w1, b1), 0), w2, b2), labels)
dh = dscores @ w2.T
slip = (*affine_backward(dh, x, w1), *gradients[3:])
refused = check_gradients(network, x, w1, b1, w2, b2, gradient=slip, raise_on_fail=False)
print(f"with a slip: {refused.verdict.name}")

# %%
assert loss_by_hand == loss.item()
assert all(difference == 0.0 for difference in differences.values())
assert report.passed
assert not refused.passed
