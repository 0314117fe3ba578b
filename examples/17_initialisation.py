# %% [markdown]
"""
# 17. How weights start

Where a network begins decides whether it can learn. Equal weights make equal units, which get equal gradients and stay
equal for ever. Random weights break that symmetry; their size decides whether signals fade, blow up, or pass through a
deep network as they are. Xavier and He choose the size by how many inputs a unit has.

**Claim.** After training from constant weights all hidden units are still the same to the last bit. Through ten layers,
normal weights of 0.01 let signals fade to nothing and those of 1 saturate tanh; with Xavier (tanh) and He (relu) they
keep their size within a factor of 3.
"""

# %%
from functools import partial

import numpy as np

from tinygrad_edu import nn, viz
from tinygrad_edu.lesson import full_or_quick, show

# %% [markdown]
# Symmetry: a network with four hidden units learns to tell a circle from the ring around it.

# %%
points, labels = nn.data.circles(200, noise=0.05, rng=0)
accuracies, spreads = {}, {}
for name, init in {"constant 0.5": partial(nn.init.constant, value=0.5), "Xavier": "xavier_uniform"}.items():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Dense(2, 4, activation="tanh", init=init, rng=rng), nn.Dense(4, 2, init=init, rng=rng))
    adam = nn.Adam(model.parameters(), lr=0.05)
    epochs = full_or_quick(100, 40)
    nn.fit(model, (points, labels), "softmax_cross_entropy", adam, epochs, rng=0, progress=False)
    accuracies[name] = nn.accuracy(model(points), labels)
    spreads[name] = np.ptp(model[0].weight.data, axis=1).max()  # between the units' weights of one input
    print(f"{name}: accuracy {accuracies[name]:.3f}; the hidden units' weights differ by {spreads[name]:.3f}")

# %% [markdown]
# Size: the same data through ten layers of 200 units. What is left of the signal after each?

# %%
STARTS = {
    "constant 0.01": partial(nn.init.constant, value=0.01),
    "normal, std 0.01": partial(nn.init.normal, std=0.01),
    "normal, std 1": nn.init.normal,
    "uniform, ±0.05": partial(nn.init.uniform, low=-0.05, high=0.05),
    "Xavier": nn.init.xavier_uniform,
    "He": nn.init.he_normal,
}
data = np.random.default_rng(0).normal(size=(300, 200))


def outputs(activation, init):
    """What each of ten layers gives."""
    rng = np.random.default_rng(1)
    given = [data]
    for _ in range(10):
        layer = nn.Dense(200, 200, activation=activation, init=init, rng=rng)
        given.append(layer(given[-1]).data)
    return given[1:]


def sizes(activation):
    """The root mean square of what each layer gives, for every start."""
    return {name: [np.sqrt(np.mean(h**2)) for h in outputs(activation, init)] for name, init in STARTS.items()}


size = {"tanh": sizes("tanh"), "relu": sizes("relu")}
depth = np.arange(1, 11)
panels = {title: {name: (depth, np.array(one)) for name, one in starts.items()} for title, starts in size.items()}
figure = viz.plot_curves(panels, xlabel="layer", ylabel="size of its outputs (rms)", log="y")
show(figure, "sizes.png", "Signals fade, blow up, or pass: Xavier keeps them for tanh, He for relu.")

# %% [markdown]
# How the outputs of tanh are spread: all at 0, all at -1 and 1 where its slope is 0, or in between, where it can learn.

# %%
shown = {name: outputs("tanh", STARTS[name]) for name in ("normal, std 0.01", "normal, std 1", "Xavier")}
figure = viz.plot_histograms(shown, steps=depth, xlabel="layer")
show(figure, "spread.png", "The outputs of ten tanh layers: faded, saturated, and alive.")

saturated = {name: np.mean(np.abs(layers[-1]) > 0.99) for name, layers in shown.items()}
for name, share in saturated.items():
    print(f"{name:16}: after ten tanh layers rms {size['tanh'][name][-1]:.1e}, saturated {share:.0%}")

# %%
assert spreads["constant 0.5"] == 0.0 < spreads["Xavier"]
assert accuracies["Xavier"] > accuracies["constant 0.5"] + 0.05
assert size["tanh"]["normal, std 0.01"][-1] < 1e-6
assert saturated["normal, std 1"] > 0.7
assert max(size["tanh"]["Xavier"]) < 3 * min(size["tanh"]["Xavier"])
assert max(size["relu"]["He"]) < 3 * min(size["relu"]["He"])
assert size["relu"]["normal, std 1"][-1] > 1e6
