# %% [markdown]
"""
# 10. Dying ReLU

A relu unit that says 0 for every sample has slope 0 for every sample: no gradient reaches its weights, and training no
longer moves them. One step that is too long can push a unit there.

**Claim.** The larger the learning rate, the more units of a relu layer die; leaky relu units, with a small slope on the
left, all keep a gradient.
"""

# %%
import numpy as np

from tinygrad_edu import nn, viz
from tinygrad_edu.lesson import full_or_quick, show

images, labels = nn.data.digits()
pixels, labels = images[:500].reshape(500, -1), labels[:500]
rates = (0.1, 0.5, 1.0)
epochs = full_or_quick(30, 8)

# %% [markdown]
# `nn.DeadUnits` counts after each epoch how many relu units are 0 for all the samples it is given.


# %%
def trained(lr, activation="relu"):
    """A network with 64 hidden units, and the history of its training."""
    rng = np.random.default_rng(0)
    network = nn.Sequential(
        nn.Dense(64, 32, activation=activation, rng=rng),
        nn.Dense(32, 32, activation=activation, rng=rng),
        nn.Dense(32, 10, rng=rng),
    )
    monitors = [nn.DeadUnits(pixels)] if activation == "relu" else []
    history = nn.fit(
        network, (pixels, labels), "softmax_cross_entropy", nn.SGD(network.parameters(), lr=lr), epochs, 32,
        rng=0, callbacks=monitors, progress=False,
    )  # fmt: skip
    return network, history


runs = {lr: trained(lr) for lr in rates}
for lr, (_, history) in runs.items():
    print(f"rate {lr:4}: {history['dead_units'][-1]:6.1%} of the hidden units are dead, loss {history['loss'][-1]:.3f}")
figure = viz.plot_curves(
    {f"rate {lr}": (np.arange(1, epochs + 1), history["dead_units"]) for lr, (_, history) in runs.items()},
    xlabel="epoch",
    ylabel="dead units (fraction)",
)
show(
    figure,
    "dead_units.png",
    "At small rates few units die; at the largest nearly all of them do, within a few epochs.",
)

# %% [markdown]
# With a loss of 2.30 = log 10 a network guesses: its last hidden layer is dead, so the pixels make no difference.
#
# A dead unit gets no gradient at all: its column of the weight's gradient is exactly 0.


# %%
def without_gradient(network):
    """The share of hidden units whose weights get no gradient from any sample."""
    network.zero_grad()
    nn.softmax_cross_entropy(network(pixels), labels).backward()
    return float(np.mean([np.all(layer.weight.grad == 0, axis=0) for layer in network[:2]]))


shares = {"relu": without_gradient(runs[1.0][0]), "leaky relu": without_gradient(trained(1.0, "leaky_relu")[0])}
for name, share in shares.items():
    print(f"at rate 1, hidden units without any gradient with {name}: {share:.1%}")

# %%
dead = [history["dead_units"][-1] for _, history in runs.values()]
assert dead == sorted(dead)
assert dead[0] < 0.1 < 0.8 < dead[-1]
assert shares["relu"] >= dead[-1]
assert shares["leaky relu"] == 0
