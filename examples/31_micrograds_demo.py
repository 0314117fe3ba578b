# %% [markdown]
"""
# 31. micrograd's demo: two moons, and a network of single numbers

The smallest engine that trains a network is a graph of single numbers. Here every weight, every product and every sum
is a node of its own, as in Andrej Karpathy's micrograd, whose demo this is: the code differs from his in the imports.

**Claim.** A 2-16-16-1 network of scalar neurons with 337 parameters, trained with the max-margin loss and an L2
penalty, puts every one of the points of two moons on the right side: 100 % training accuracy.
"""

# %%
import time

import numpy as np

from tinygrad_edu import Value, nn, viz
from tinygrad_edu.graph import topological
from tinygrad_edu.lesson import full_or_quick, show

# %% [markdown]
# The moons, labelled -1 and +1, and the network. Each of its 337 parameters is a Value that holds one number.

# %%
count, steps = full_or_quick((100, 100), (24, 40))
points, moon = nn.data.moons(count, noise=0.1, rng=1337)
labels = 2 * moon - 1
model = nn.MLP(2, [16, 16, 1], rng=1337)
print(f"{len(model.parameters())} parameters, {count} points")

# %% [markdown]
# The loss asks for a margin: a point costs nothing once its score is beyond +1 or -1 on its own side, else what is
# missing. The penalty keeps the weights small. Both are written with plain arithmetic.


# %%
def loss_and_accuracy():
    """The loss as a graph, and the share of points on the right side."""
    scores = [model([Value(float(x)) for x in point]) for point in points]
    losses = [(1 + -int(label) * score).relu() for label, score in zip(labels, scores, strict=True)]
    data_loss = sum(losses) * (1.0 / len(losses))
    penalty = 1e-4 * sum(p * p for p in model.parameters())
    right = [(label > 0) == (score.data > 0) for label, score in zip(labels, scores, strict=True)]
    return data_loss + penalty, float(np.mean(right))


total, _ = loss_and_accuracy()
print(f"the graph of one loss has {len(topological(total)):,} nodes")
drawing = viz.draw(total, title="the loss, folded", gradients=False)
show(drawing, "loss.svg", "The graph of the loss, too large to read, folded: points alike are drawn once.")

# %% [markdown]
# Gradient descent on all points at once, with a learning rate that falls from 1 to 0.1.

# %%
history = {"loss": [], "accuracy": []}
started = time.perf_counter()
for k in range(steps):
    total, accuracy = loss_and_accuracy()
    model.zero_grad()
    total.backward()
    for p in model.parameters():
        p.data -= (1.0 - 0.9 * k / steps) * p.grad
    history["loss"].append(total.data)
    history["accuracy"].append(accuracy)
    if k % (steps // 5) == 0:
        print(f"step {k:3}: loss {total.data:.4f}, accuracy {100 * accuracy:.0f} %")
seconds = time.perf_counter() - started
total, accuracy = loss_and_accuracy()
print(f"step {steps:3}: loss {total.data:.4f}, accuracy {100 * accuracy:.0f} %")
print(f"{seconds / steps * 1000:.0f} ms a step")
show(viz.plot_curves({"loss": history["loss"], "accuracy": history["accuracy"]}, xlabel="step"), "training.png",
     "The loss falls unevenly at the high rate of the beginning; the accuracy ends at 1.")  # fmt: skip

# %% [markdown]
# The same network on arrays: `to_dense` has the same weights and gives the same answers, thousands at a time, which is
# what a map of its decision needs.

# %%
dense = model.to_dense()
show(viz.plot_boundary(dense, points, moon), "boundary.png", "The line that 337 numbers have drawn between the moons.")
one_by_one = [model(list(map(float, point))).data for point in points[:10]]

# %%
assert len(model.parameters()) == 337
assert accuracy == 1.0
assert np.allclose(dense(points[:10]).data[:, 0], one_by_one, rtol=1e-12)
assert history["loss"][-1] < 0.3 * history["loss"][0]
