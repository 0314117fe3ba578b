# %% [markdown]
"""
# 8. One hidden layer approximates any function

A hidden neuron is a smooth step: low on its left, high on its right. Steps added up make a staircase, and a staircase
with enough steps follows any continuous function as closely as one likes (Cybenko, 1989). The theorem does not say how
many are enough, and training may find something better than a staircase.

**Claim.** The error of a staircase built by hand falls at every doubling of its width, from 4 to 64 neurons; training
makes each of them better still.
"""

# %%
from itertools import pairwise

import numpy as np

from tinygrad_edu import nn, viz
from tinygrad_edu.lesson import full_or_quick, show

# %% [markdown]
# A target with several bends, at 128 points.

# %%


def target(x):
    """The function to approximate."""
    return np.sin(3 * x) + 0.4 * x * np.cos(x)


x = np.linspace(-3, 3, 128)[:, None]
y = target(x)

# %% [markdown]
# The proof as code. Cut the interval into as many pieces as there are neurons; each neuron steps up or down in the
# middle of its piece, by what the target gains there. No training: the weights are written down.


# %%
def staircase(width):
    """A network with one hidden layer of tanh neurons, one step each."""
    edges = np.linspace(-3, 3, width + 1)
    rise, steepness = np.diff(target(edges)), width / 2
    network = nn.Sequential(nn.Dense(1, width, activation="tanh", rng=0), nn.Dense(width, 1, rng=0))
    network[0].weight.data[:] = steepness
    network[0].bias.data[:] = -steepness * (edges[1:] + edges[:-1]) / 2
    network[1].weight.data[:, 0] = rise / 2
    network[1].bias.data[:] = target(-3.0) + rise.sum() / 2
    return network


# %% [markdown]
# Then train each, from its staircase on.

# %%
epochs = full_or_quick(3000, 300)
built, trained, curves = {}, {}, {}
print("neurons   error of the staircase   after training")
for width in (4, 8, 16, 32, 64):
    network = staircase(width)
    built[width], curves[f"{width} by hand"] = float(nn.mse(network(x), y)), (x[:, 0], network(x).data[:, 0])
    optimizer = nn.Adam(network.parameters(), lr=0.01)
    schedule = nn.CosineAnnealingLR(optimizer, epochs)
    nn.fit(network, (x, y), "mse", optimizer, epochs, len(x), callbacks=[schedule], progress=False)
    trained[width], curves[f"{width} trained"] = float(nn.mse(network(x), y)), (x[:, 0], network(x).data[:, 0])
    print(f"{width:7}   {built[width]:22.2e}   {trained[width]:14.2e}")

# %%
few = {"target": (x[:, 0], y[:, 0]), "by hand": curves["8 by hand"], "trained": curves["8 trained"]}
many = {"target": (x[:, 0], y[:, 0]), "by hand": curves["32 by hand"], "trained": curves["32 trained"]}
show(
    viz.plot_curves({"8 hidden neurons": few, "32 hidden neurons": many}, xlabel="x", ylabel="y"),
    "curves.png",
    "Eight steps are a rough staircase; thirty-two follow the target; training rounds them off.",
)
errors = {"by hand": (list(built), list(built.values())), "trained": (list(trained), list(trained.values()))}
figure = viz.plot_curves(errors, xlabel="hidden neurons", ylabel="mean squared error", log="xy")
show(figure, "errors.png", "The error falls with the width of the hidden layer.")

# %%
assert all(wide < narrow for narrow, wide in pairwise(built.values()))
assert trained[64] < trained[4] / 1000
assert all(trained[width] < built[width] for width in built)
