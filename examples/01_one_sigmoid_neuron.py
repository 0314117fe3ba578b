# %% [markdown]
"""
# 1. One sigmoid neuron

A neuron multiplies each input by a weight, adds the products and a bias, and squashes the sum into (0, 1) with the
sigmoid 1 / (1 + e^-v). That is all it does; everything later is many of these.

**Claim.** With w = [0, 1], b = 4 and x = [2, 3] the weighted sum is 7, and the neuron answers sigmoid(7) = 0.999.
"""

# %%
import numpy as np

from tinygrad_edu import Value, nn, sigmoid, viz
from tinygrad_edu.lesson import show

# %% [markdown]
# By hand, with plain numbers: the weighted sum v, then the sigmoid.

# %%
v = 0 * 2 + 1 * 3 + 4
print(f"v = 0*2 + 1*3 + 4 = {v}")
print(f"sigmoid(v) = 1 / (1 + e^-7) = {1 / (1 + np.exp(-v)):.6f}")

# %% [markdown]
# The same with Values. Each one remembers what made it, so the computation can be drawn, and run backwards.

# %%
x1, x2 = Value(2.0, name="x1"), Value(3.0, name="x2")
w1, w2, b = Value(0.0, name="w1"), Value(1.0, name="w2"), Value(4.0, name="b")
total = x1 * w1 + x2 * w2 + b
total.name = "v"
out = sigmoid(total)
out.name = "answer"
out.backward()
show(viz.draw(out), "neuron.svg", "The neuron as a graph: every number it computes, and its gradient below it.")

# %% [markdown]
# The neuron is *saturated*: at v = 7 the sigmoid is nearly flat, so no weight can change its answer much.
# Lesson 12 shows what that does to learning.

# %%
slope = out.item() * (1 - out.item())
print(f"slope of the sigmoid at 7: {slope:.6f}; d answer / d w2 = 3 * slope = {w2.grad:.6f}")

# %% [markdown]
# The library has this neuron ready-made, its weights still to be set.

# %%
neuron = nn.Neuron(2, activation="sigmoid", rng=0)
for parameter, number in zip(neuron.parameters(), [0.0, 1.0, 4.0], strict=True):
    parameter.data = number
print(f"nn.Neuron answers {neuron([2.0, 3.0]).item():.3f}")

# %%
assert total.item() == 7
assert round(out.item(), 3) == 0.999
assert neuron([2.0, 3.0]).item() == out.item()
assert np.isclose(w2.grad, 3 * slope)
