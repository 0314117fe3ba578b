# %% [markdown]
"""
# 20. Counting parameters

A dense layer has a weight for each pair of input and output, and a bias for each output. Layers follow one another, so
their counts add up. A convolution has one small kernel per output channel, the same at every position of the image.

**Claim.** A dense 784-15-10 network has 11,935 parameters. (Multiplying the weights' counts, 784*15*10, where they
should be added gives 117,625: ten times too many.) A convolution of 8 kernels has 80, on an image of any size.
"""

# %%
from itertools import pairwise

import numpy as np

from tinygrad_edu import nn, viz
from tinygrad_edu.lesson import show

# %% [markdown]
# By formula, and by asking the network.

# %%
sizes = [784, 15, 10]
added = sum(n * m + m for n, m in pairwise(sizes))
multiplied = 784 * 15 * 10 + 15 + 10
network = nn.Sequential(nn.Dense(784, 15, activation="relu", rng=0), nn.Dense(15, 10, rng=0))
print(f"(784*15 + 15) + (15*10 + 10) = {added:,}; the network says {network.n_parameters:,}")
print(f"784*15*10 + 15 + 10 = {multiplied:,} would be wrong")
print(network.summary(input_shape=(784,)))

# %% [markdown]
# A convolution on the same 28x28 image: 8 kernels of 3x3 and a bias each. It gives 26x26x8 numbers; a dense layer that
# gave as many would need a weight for each pair of pixels.

# %%
image = np.zeros((1, 28, 28, 1))
convolution = nn.Conv2d(1, 8, 3, rng=0)
outputs = convolution(image).size
dense = 28 * 28 * outputs + outputs
print(f"convolution: {convolution.n_parameters} parameters for {outputs:,} outputs; dense: {dense:,}")

# %% [markdown]
# The same for images of other sizes.

# %%
sides = np.array([8, 16, 28, 64, 128, 224])
dense_counts = (sides**2 + 1) * 8 * (sides - 2) ** 2
counts = {"dense": (sides, dense_counts), "convolution": (sides, np.full(len(sides), convolution.n_parameters))}
show(
    viz.plot_curves(counts, xlabel="side of the image (pixels)", ylabel="parameters", log="xy"),
    "parameters.png",
    "A dense layer grows with the fourth power of the image's side; a convolution does not grow.",
)
show(
    viz.draw(network(np.zeros((1, 784))), fold="scopes", gradients=False),
    "network.svg",
    "The dense network, folded by layer: each box says how many parameters it has.",
)

# %%
assert added == network.n_parameters == 11_935
assert multiplied == 117_625
assert convolution.n_parameters == 80
assert dense_counts[2] == dense
