# %% [markdown]
"""
# 13. Scores, the SVM loss and the softmax loss

A linear classifier gives each class a score, x w + b. A loss says how good a row of scores is when one class is right.
The SVM loss, the sum over the wrong classes of max(0, s_j - s_right + 1), asks for a margin of 1 and is content with
it. The softmax loss turns scores into probabilities and takes -log of the right one: it is never content.

**Claim.** With a true score of 10 and the others at 9, the SVM loss is 0, and so is its gradient; the softmax loss of
three classes is 0.55, and goes on pulling.
"""

# %%
import numpy as np

from tinygrad_edu import Value, nn, softmax, viz
from tinygrad_edu.lesson import full_or_quick, show

# %% [markdown]
# Scores of three classes for one sample of four features: one column of w per class.

# %%
x = np.array([[1.0, 0.5, -1.0, 2.0]])
w = Value([[0.2, -0.5, 0.0], [0.1, 1.3, 0.3], [0.5, -0.1, -0.2], [0.4, 0.5, 1.0]], name="w")
b = Value([0.1, 0.2, -0.3], name="b")
scores = x @ w + b
svm, softmax_loss = nn.hinge(scores, [0]), nn.softmax_cross_entropy(scores, [0])
print("scores       ", scores.data[0].round(3))
print("probabilities", softmax(scores.data)[0].round(3))
print(f"class 0 is right: SVM loss {svm.item():.3f}, softmax loss {softmax_loss.item():.3f}")

# %% [markdown]
# Both by hand. Each wrong class whose score comes within 1 of the right one's (or above it) costs what is missing.

# %%
s = scores.data[0]
svm_by_hand = max(0.0, s[1] - s[0] + 1) + max(0.0, s[2] - s[0] + 1)
softmax_by_hand = -np.log(np.exp(s[0]) / np.exp(s).sum())
print(f"by hand: {svm_by_hand:.3f} and {softmax_by_hand:.3f}")

# %% [markdown]
# Now the true score runs from 4 to 16, and the others stay at 9. Where does each loss stop caring?

# %%
true = np.linspace(4, 16, 121)
rows = Value(np.stack([true, np.full_like(true, 9.0), np.full_like(true, 9.0)], axis=1))
losses = {"SVM loss": nn.hinge, "softmax loss": nn.softmax_cross_entropy}
heights, pulls = {}, {}
for name, loss in losses.items():
    rows.zero_grad()
    each = loss(rows, np.zeros(len(true), dtype=int), reduction="none")
    each.sum().backward()
    heights[name], pulls[name] = (true, each.data), (true, rows.grad[:, 0])
panels = {"loss": heights, "its gradient in the true score": pulls}
figure = viz.plot_curves(panels, xlabel="true score (the others are 9)")
show(figure, "losses.png", "From a true score of 10 on the SVM loss rests; the softmax loss falls for ever.")

at_ten = Value([[10.0, 9.0, 9.0]])
content = {name: loss(at_ten, [0]).item() for name, loss in losses.items()}
print("scores 10, 9, 9:", ", ".join(f"{name} {number:.4f}" for name, number in content.items()))

# %% [markdown]
# The same classifier, trained with each loss on three clouds of points. Which points still pull at the end? For the
# SVM loss those within the margin or on the wrong side; for the softmax loss all of them, if only a little.

# %%
points, labels = nn.data.blobs(150, noise=0.9, centers=[[-2, 0], [2, 0], [0, 3]], rng=0)
pulling = {}
for name, loss in losses.items():
    model = nn.Sequential(nn.Dense(2, 3, rng=0))
    optimizer = nn.SGD(model.parameters(), lr=0.1)
    nn.fit(model, (points, labels), loss, optimizer, full_or_quick(100, 20), rng=0, progress=False)
    given = Value(model(points).data)
    loss(given, labels).backward()
    pulling[name] = np.count_nonzero(np.any(given.grad != 0, axis=1))
    accuracy = nn.accuracy(model(points), labels)
    print(f"{name}: accuracy {accuracy:.3f}, {pulling[name]} of {len(points)} points still pull")
    if name == "SVM loss":
        figure = viz.plot_boundary(model, points, labels)
        show(figure, "decisions.png", "A linear classifier gives each class a region with straight borders.")

# %%
assert np.isclose(svm.item(), svm_by_hand)
assert np.isclose(softmax_loss.item(), softmax_by_hand)
assert content["SVM loss"] == 0.0
assert np.isclose(content["softmax loss"], np.log(1 + 2 / np.e))
assert pulls["SVM loss"][1][-1] == 0.0 > pulls["softmax loss"][1][-1]
assert pulling["SVM loss"] < 0.5 * len(points)
assert pulling["softmax loss"] == len(points)
