# %% [markdown]
"""
# 2. Feed-forward through a 2-2-1 network

A layer is neurons side by side that all see the same inputs. A network feeds what one layer says into the next: two
inputs, two hidden neurons, one output. Nothing flows back, and nothing is remembered.

**Claim.** If every neuron has w = [0, 1], b = 0 and a sigmoid, the network answers x = [2, 3] with 0.7216.
"""

# %%
import numpy as np

from tinygrad_edu import Value, nn, scope, sigmoid, viz
from tinygrad_edu.lesson import show

# %% [markdown]
# A neuron as a function, and three calls of it. The hidden neurons are equal here, so they say the same.


# %%
def neuron(inputs, w=(0.0, 1.0), b=0.0):
    """The sigmoid of the weighted sum."""
    return sigmoid(sum((wi * xi for wi, xi in zip(w, inputs, strict=True)), b))


x = [2.0, 3.0]
h1, h2 = neuron(x), neuron(x)
by_hand = neuron([h1, h2])
print(f"h1 = h2 = sigmoid(0*2 + 1*3) = {h1:.4f}")
print(f"o1 = sigmoid(0*h1 + 1*h2)    = {by_hand:.4f}")

# %% [markdown]
# The same from the library: an MLP of scalar neurons, in which every weight is a node of the graph.

# %%
network = nn.MLP(2, [2, 1], activation="sigmoid", output_activation="sigmoid", rng=0)
for layer in network.layers:
    for unit in layer.neurons:
        unit.w[0].data, unit.w[1].data, unit.b.data = 0.0, 1.0, 0.0
out = network([Value(2.0, name="x1"), Value(3.0, name="x2")])
out.name = "o1"
print(f"nn.MLP answers {out.item():.4f}")
show(viz.draw(out, gradients=False), "network.svg", "Two hidden neurons and one output, each in its frame.")

# %% [markdown]
# Large networks hold the weights of a layer in one matrix, a column each neuron. The whole pass is then two lines, and
# any number of samples goes through at once.

# %%
W1, W2 = Value(np.array([[0.0, 0.0], [1.0, 1.0]]), name="W1"), Value(np.array([[0.0], [1.0]]), name="W2")
with scope("hidden"):
    hidden = sigmoid(np.array([[2.0, 3.0], [3.0, 2.0], [0.0, 0.0]]) @ W1)
with scope("output"):
    answers = sigmoid(hidden @ W2)
print(f"three samples at once: {answers.data.ravel().round(4)}")
show(viz.draw(answers, gradients=False), "matrices.svg", "The same network on matrices, for three samples at once.")

# %%
assert round(by_hand, 4) == 0.7216
assert out.item() == by_hand
assert answers.data[0, 0] == by_hand
