# %% [markdown]
"""
# 4. Mean squared error

A network is as good as its loss is small. The simplest loss: take each answer's distance from its target, square it so
that no error cancels another, and average over the samples.

**Claim.** Targets [1, 0, 0, 1] against a network that always says 0 give a loss of 0.5.
"""

# %%
import numpy as np

from tinygrad_edu import Value, nn, viz
from tinygrad_edu.lesson import show

# %% [markdown]
# By hand, with plain NumPy.

# %%
targets = np.array([1.0, 0.0, 0.0, 1.0])
zeros = np.zeros(4)
print(f"squared errors {(targets - zeros) ** 2}, their mean {np.mean((targets - zeros) ** 2)}")

# %% [markdown]
# On the graph the loss also says in which direction each answer should move: its gradient by the answer is
# 2 (answer - target) / n. Two answers are right, and theirs is 0.

# %%
answers = Value(zeros, name="answers")
loss = np.mean((answers - targets) ** 2)
loss.name = "loss"
loss.backward()
print(f"loss {loss.item()}, gradient {answers.grad}; nn.mse says {nn.mse(zeros, targets)}")
show(viz.draw(loss, edges="local"), "mse.svg", "The loss as a graph: subtract, square, average.")

# %% [markdown]
# Squaring weighs one large error more than many small ones; the mean absolute error does not. Here one of four answers
# moves away from its target.

# %%
distances = np.linspace(-3, 3, 61)
off_by = [np.array([distance, 0.0, 0.0, 0.0]) for distance in distances]
squared = [float(nn.mse(targets + error, targets)) for error in off_by]
absolute = [float(nn.mae(targets + error, targets)) for error in off_by]
figure = viz.plot_curves(
    {"mean squared error": (distances, squared), "mean absolute error": (distances, absolute)},
    xlabel="one of four answers is off by",
    ylabel="loss",
)
show(
    figure, "shapes.png", "Squared error is flat near the target, and steep far from it; absolute error has one slope."
)

# %%
assert loss.item() == 0.5
assert float(nn.mse(zeros, targets)) == 0.5
assert answers.grad.tolist() == [-0.5, 0.0, 0.0, -0.5]
