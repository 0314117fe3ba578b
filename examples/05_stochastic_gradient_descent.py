# %% [markdown]
"""
# 5. Learning, one sample at a time

Stochastic gradient descent: take one sample, see how its loss changes with each weight, move each weight a small step
against that, take the next sample. Here a 2-2-1 network learns to tell two groups of people apart by weight and height.

**Claim.** After 1000 epochs at rate 0.1 on four people, it says about 0.95 of the new (-7, -3), and about 0.04 of
(20, 2).
"""

# %%
import numpy as np

from tinygrad_edu import nn, viz
from tinygrad_edu.lesson import show

# %% [markdown]
# The data: (weight in pounds - 135, height in inches - 66), and the group. Shifting the numbers to around 0 keeps the
# sigmoids out of their flat parts, where nothing learns.

# %%
people = np.array([[-2.0, -1.0], [25.0, 6.0], [17.0, 4.0], [-15.0, -6.0]])
groups = np.array([1.0, 0.0, 0.0, 1.0])

# %% [markdown]
# The whole of training is these few lines: forward, loss, backward, step.

# %%
network = nn.Sequential(nn.Dense(2, 2, activation="sigmoid", rng=7), nn.Dense(2, 1, activation="sigmoid", rng=8))
optimizer = nn.SGD(network.parameters(), lr=0.1)
losses = []
for epoch in range(1000):
    losses.append(float(nn.mse(network(people).data[:, 0], groups)))
    if epoch % 200 == 0:
        print(f"epoch {epoch:4}: loss {losses[-1]:.4f}")
    for person, group in zip(people, groups, strict=True):
        optimizer.zero_grad()
        loss = (network(person)[0] - group) ** 2
        loss.backward()
        optimizer.step()
print(f"epoch 1000: loss {float(nn.mse(network(people).data[:, 0], groups)):.4f}")

# %% [markdown]
# The loss falls slowly at first, while the sigmoids find their side, then fast, then ever slower: the better an answer
# is, the smaller its gradient.

# %%
show(
    viz.plot_curves({"loss": losses}, xlabel="epoch", ylabel="mean squared error"),
    "loss.png",
    "The loss over the four people, before each epoch.",
)
figure = viz.plot_boundary(
    lambda x: network(x).data - 0.5, people, groups.astype(int), names=("weight - 135 (lb)", "height - 66 (in)")
)
show(figure, "boundary.png", "Where the network says more than 0.5: four people drew this line.")

# %% [markdown]
# Two people it has never seen.

# %%
emily, frank = network(np.array([[-7.0, -3.0], [20.0, 2.0]])).data[:, 0]
print(f"(-7, -3) -> {emily:.3f}; (20, 2) -> {frank:.3f}")

# %%
assert abs(emily - 0.95) < 0.02
assert abs(frank - 0.04) < 0.02
assert losses[-1] < 0.01 < losses[0]
