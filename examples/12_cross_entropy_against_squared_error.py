# %% [markdown]
"""
# 12. Cross-entropy against squared error

A neuron that is wrong and sure of it should learn fast. With the squared error it does not: its gradient carries the
slope of the sigmoid as a factor, and a sure sigmoid is flat. In the cross-entropy that factor cancels, and what is left
of the gradient is the mistake itself.

**Claim.** A neuron that says 0.982 where 0 is right gets a first gradient of 0.98 from the cross-entropy and 0.03 from
the squared error. At the same rate it needs 17 steps to come below 0.5 with the one, and 117 with the other.
"""

# %%
import numpy as np

from tinygrad_edu import Value, nn, sigmoid, viz
from tinygrad_edu.lesson import full_or_quick, show

# %% [markdown]
# The gradient at the weighted sum v, for every v, when 0 is right. Far to the right the neuron is as wrong as can be:
# there the squared error hardly pulls, the cross-entropy pulls with its full strength of 1.


# %%
def squared(v):
    """The squared error of sigmoid(v), when 0 is right."""
    return nn.mse(sigmoid(v), np.zeros(v.shape), reduction="sum")


def entropy(v):
    """The cross-entropy of sigmoid(v), when 0 is right; the library's function takes v itself."""
    return nn.binary_cross_entropy(v, np.zeros(v.shape), reduction="sum")


def gradient(loss, at):
    """The gradient of a loss in the weighted sums."""
    v = Value(at)
    loss(v).backward()
    return v.grad


sums = np.linspace(-8, 8, 161)
pulls = {"squared error": (sums, gradient(squared, sums)), "cross-entropy": (sums, gradient(entropy, sums))}
figure = viz.plot_curves(pulls, xlabel="weighted sum v (0 is the right answer)", ylabel="d loss / d v")
show(figure, "pull.png", "The pull on a neuron that should say 0: the squared error lets go where it is most wrong.")

for v in (0.0, 2.0, 4.0, 8.0):
    at = np.array([v])
    both = gradient(squared, at)[0], gradient(entropy, at)[0]
    print(f"v = {v:.0f}: answer {sigmoid(v):.4f}   squared error {both[0]:.4f}   cross-entropy {both[1]:.4f}")

# %% [markdown]
# One neuron, one input of 1, one right answer: 0. It starts a little wrong (w = 0.6, b = 0.9) or very wrong
# (w = 2, b = 2), and learns by gradient descent at one rate for both losses.


# %%
def answers(loss, weight, bias, steps):
    """What the neuron says before each step."""
    w, b = Value(np.array([weight]), name="w"), Value(np.array([bias]), name="b")
    optimizer = nn.SGD([w, b], lr=0.15)
    said = []
    for _ in range(steps):
        v = w * 1.0 + b
        said.append(sigmoid(v).item())
        optimizer.zero_grad()
        loss(v).backward()
        optimizer.step()
    return np.array(said)


steps = full_or_quick(400, 200)
losses = {"squared error": squared, "cross-entropy": entropy}
slightly = {name: answers(loss, 0.6, 0.9, steps) for name, loss in losses.items()}
very = {name: answers(loss, 2.0, 2.0, steps) for name, loss in losses.items()}
panels = {"starts at 0.818": slightly, "starts at 0.982": very}
figure = viz.plot_curves(panels, xlabel="step", ylabel="what the neuron says (0 is right)")
show(figure, "learning.png", "The more wrong the neuron starts, the longer the squared error hesitates.")

needed = {name: int(np.argmax(said < 0.5)) for name, said in very.items()}
for name, steps_needed in needed.items():
    print(f"{name}: from 0.982 to below 0.5 in {steps_needed} steps")

# %% [markdown]
# Why: with a = sigmoid(v) the squared error's gradient is 2 (a - y) a (1 - a), the cross-entropy's a - y.

# %%
a = sigmoid(4.0)
first = gradient(squared, np.array([4.0])).item(), gradient(entropy, np.array([4.0])).item()
assert np.allclose(first, [2 * a * a * (1 - a), a])
assert 25 < first[1] / first[0] < 30
assert needed == {"squared error": 117, "cross-entropy": 17}
assert slightly["cross-entropy"][100] < slightly["squared error"][100]
