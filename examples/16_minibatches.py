# %% [markdown]
"""
# 16. Minibatch gradient descent

The gradient of the loss over all samples costs a pass over all of them. That over a random batch costs a fraction, and
points the same way on average. So an epoch, one pass over the data, is cut into as many steps as there are batches.

**Claim.** 5000 samples in batches of 500 give 10 steps (iterations) an epoch. The mean of the batches' gradients is the
gradient of all samples, and one that is 100 times smaller strays 10 times as far from it.
"""

# %%
import numpy as np

from tinygrad_edu import nn, viz
from tinygrad_edu.lesson import full_or_quick, show

points, labels = nn.data.moons(5000, noise=0.15, rng=0)


def network():
    """A small network, the same each time."""
    rng = np.random.default_rng(1)
    return nn.Sequential(nn.Dense(2, 32, activation="tanh", rng=rng), nn.Dense(32, 2, rng=rng))


# %% [markdown]
# One epoch: every sample once, in a random order, ten times 500.

# %%
batches = list(nn.data.minibatches((points, labels), batch_size=500, rng=0))
print(f"{len(points)} samples in batches of 500: {len(batches)} iterations an epoch")
print("the first batch:", batches[0][0].shape, batches[0][1].shape)

# %% [markdown]
# What a batch says about the whole: gradients of the first layer's weights at one and the same place, from batches of
# several sizes. Their mean over an epoch is the gradient of all samples; a single one strays from it.


# %%
model = network()


def gradient(x, y):
    """The gradient of all weights of `model` over these samples, as one vector."""
    model.zero_grad()
    nn.softmax_cross_entropy(model(x), y).backward()
    return np.concatenate([parameter.grad.ravel() for parameter in model.parameters()])


whole = gradient(points, labels)
sizes = [10, 100, 1000]
strays = []
for size in sizes:
    drawn = [gradient(x, y) for x, y in nn.data.minibatches((points, labels), size, rng=0)]
    strays.append(np.sqrt(np.mean([np.sum((g - whole) ** 2) for g in drawn])) / np.linalg.norm(whole))
    off = np.abs(np.mean(drawn, axis=0) - whole).max()
    print(f"batch of {size:4}: strays by {strays[-1]:.1%} of the gradient; the mean over an epoch is off by {off:.0e}")

# %% [markdown]
# Training with batches of several sizes, at one rate and for equally many epochs. An epoch looks at every sample once,
# whatever the batch: small batches make more steps of it, each less sure of its way.

# %%
epochs = full_or_quick(30, 6)
histories = {}
for size in (5000, 500, 50):
    model = network()
    optimizer = nn.SGD(model.parameters(), lr=0.5)
    data, loss = (points, labels), "softmax_cross_entropy"
    history = nn.fit(model, data, loss, optimizer, epochs, batch_size=size, rng=0, progress=False)
    histories[size] = history
    steps, last = epochs * len(points) // size, history.last()
    print(f"batches of {size:4}: {steps:5} steps, loss {last['loss']:.3f}, accuracy {last['accuracy']:.3f}")

curves = {f"batches of {size}": (np.array(h.epochs), np.array(h["loss"])) for size, h in histories.items()}
figure = viz.plot_curves(curves, xlabel="epoch", ylabel="loss")
show(figure, "batches.png", "The smaller the batch, the more steps an epoch has, and the faster the loss falls.")
figure = viz.plot_boundary(model, points[:600], labels[:600])
show(figure, "moons.png", "What the network decides that was trained in batches of 50.")

# %%
assert len(batches) == 10
assert sorted(np.concatenate([x[:, 0] for x, _ in batches])) == sorted(points[:, 0])
assert 8 < strays[0] / strays[2] < 12
assert histories[50]["loss"][-1] < histories[500]["loss"][-1] < histories[5000]["loss"][-1]
