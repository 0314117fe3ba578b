# %% [markdown]
"""
# 14. L1 and L2 penalties

Many weights give the same scores. A penalty on the weights, added to the loss, says which of them we prefer. The sum of
squares (L2) likes many small weights better than one large one; the sum of sizes (L1) does not mind, and pushes every
weight with the same force, however small it is, so that weights which do not pay for themselves go to 0.

**Claim.** For x = [1, 1, 1, 1] the weights [1, 0, 0, 0] and [0.25, 0.25, 0.25, 0.25] give the same score and have the
same L1, but sums of squares of 1 and 0.25. With L1 a model of 16 features, of which 3 matter, finds these 3.
"""

# %%
import numpy as np

from tinygrad_edu import Value, nn, viz
from tinygrad_edu.lesson import full_or_quick, show

# %%
x = np.ones(4)
w1, w2 = Value([1.0, 0.0, 0.0, 0.0], name="w1"), Value([0.25, 0.25, 0.25, 0.25], name="w2")
l1, l2 = nn.L1(1.0), nn.L2(1.0)
for w in (w1, w2):
    print(f"{w.name} = {w.data}: score {(x @ w).item()}, L1 {l1([w]).item()}, L2 {l2([w]).item()}")

# %% [markdown]
# What each penalty pulls with: L1 with the sign of the weight, L2 with twice the weight itself.

# %%
weights = Value(np.linspace(-2, 2, 81), name="w")
pulls = {}
for name, penalty in (("L1", l1), ("L2", l2)):
    weights.zero_grad()
    penalty([weights]).backward()
    pulls[name] = (weights.data, weights.grad)
figure = viz.plot_curves(pulls, xlabel="weight", ylabel="d penalty / d weight")
show(figure, "pulls.png", "L1 pulls a small weight as hard as a large one; L2 lets go near 0.")

# %% [markdown]
# Now weights that are learned. 40 samples of 16 features; the target is made of features 2, 7 and 11, and noise.

# %%
rng = np.random.default_rng(1)
true = np.zeros(16)
true[[2, 7, 11]] = 3.0, -2.0, 1.5
features = rng.normal(size=(40, 16))
targets = features @ true + rng.normal(size=40)


def learned(penalty):
    """The weights of a linear model that was trained with this penalty."""
    model = nn.Sequential(nn.Dense(16, 1, rng=0))
    optimizer = nn.SGD(model.parameters(), lr=0.02)
    epochs = full_or_quick(1000, 400)
    data = (features, targets[:, None])
    nn.fit(model, data, "mse", optimizer, epochs, batch_size=40, penalty=penalty, rng=0, progress=False)
    return model[0].weight.data[:, 0]


found = {"no penalty": learned(None), "L1(0.5)": learned(nn.L1(0.5)), "L2(0.5)": learned(nn.L2(0.5))}
useless = true == 0
figure = viz.plot_curves({name: w[useless] for name, w in found.items()}, ylabel="the 13 weights that are no use")
show(figure, "useless.png", "L1 drops the weights that are no use; L2 keeps some of each.")

for name, w in found.items():
    small = np.count_nonzero(np.abs(w[useless]) < 0.02)
    print(f"{name:10}: {small:2} of 13 useless weights within 0.02 of 0; sum of squares {np.square(w).sum():.2f}")

# %% [markdown]
# L1 by gradient descent does not land on 0 exactly: near it, a step of rate times strength goes to the other side, and
# the next one back. The three weights that matter pay for themselves, and stay; L2 takes most from the largest.

# %%
for name, w in {"true": true, **found}.items():
    print(f"{name:10}: the three weights that matter are", w[~useless].round(2))

# %%
assert (x @ w1).item() == (x @ w2).item() == 1.0
assert l1([w1]).item() == l1([w2]).item() == 1.0
assert (l2([w1]).item(), l2([w2]).item()) == (1.0, 0.25)
assert np.abs(found["L1(0.5)"][useless]).max() < 0.1 < np.abs(found["no penalty"][useless]).max()
assert np.abs(found["L1(0.5)"][~useless]).min() > 0.9
assert np.square(found["L2(0.5)"]).sum() < np.square(found["no penalty"]).sum()
