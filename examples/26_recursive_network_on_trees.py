# %% [markdown]
"""
# 26. A recursive network: the same weights at every joint of a tree

A recurrent network goes along a chain; a recursive one goes up a tree. At each joint the vectors of the two children
become the vector of their parent, f([left; right] W + b), with the same W and b everywhere, so one small set of weights
serves trees of every form and size: sentences, formulas, pictures made of parts.

**Claim.** Trained on trees of 2 to 8 leaves to say whether an odd number of them is 1, the network is right on at least
99 % of trees of 16 and of 32 leaves of any form. In the graph, the shared weights are there once.
"""

# %%
import numpy as np

from tinygrad_edu import Value, nn, no_grad, viz
from tinygrad_edu.graph import topological
from tinygrad_edu.lesson import show

# %% [markdown]
# A tree is nested pairs. Three leaves and two joints make a graph with two frames, and one `weight` and one `bias` with
# an edge to each joint. Their gradients are the sums of what comes back from all joints.

# %%
net = nn.TreeRNN(2, rng=0)
a, b, c = (Value(vector, name=name) for name, vector in zip("abc", np.eye(3, 2), strict=True))
root = net((a, (b, c)))
root.sum().backward()
show(viz.draw(root), "tree.svg", "The tree (a, (b, c)) as a graph: one weight and one bias, shared by both joints.")
shared = [node for node in topological(root) if node is net.weight]
uses = sum(parent is net.weight for node in topological(root) for parent in node.parents)
print(f"the weight is in the graph {len(shared)} time(s), and used {uses} times")

# %% [markdown]
# The task: each leaf is a bit, and the root should say whether an odd number of them is 1. Every joint has to work out
# "one or the other, but not both", which no single neuron can (lesson 7), and has to say it in a way that the next
# joint can read.

# %%
rng = np.random.default_rng(0)
bit_vectors = nn.Embedding(2, 8, rng=rng)
net = nn.TreeRNN(8, rng=rng)
readout = nn.Dense(8, 1, rng=rng)


def random_tree(leaves):
    """A tree of random form over the numbers 0 to leaves - 1, as nested pairs."""
    parts = list(range(leaves))
    while len(parts) > 1:
        i = rng.integers(len(parts) - 1)
        parts[i : i + 2] = [(parts[i], parts[i + 1])]
    return parts[0]


def grown(tree, vectors):
    """The tree with the vectors (trees, leaves, 8) of its leaves."""
    return vectors[:, tree] if isinstance(tree, int) else tuple(grown(part, vectors) for part in tree)


def scores(tree, bits):
    """What the network says of trees of one form with these bits, shape (trees, leaves): above 0 means odd."""
    return readout(net(grown(tree, bit_vectors(bits))))[:, 0]


print("a random tree of 6 leaves:", random_tree(6))

# %% [markdown]
# Training: each step draws one form with 2 to 8 leaves, and 32 settings of its bits. The learning rate falls to 0.

# %%
parameters = [*bit_vectors.parameters(), *net.parameters(), *readout.parameters()]
optimizer = nn.Adam(parameters, lr=0.03)
losses = []
for step in range(1500):
    optimizer.lr = 0.03 * (1 - step / 1500)
    leaves = int(rng.integers(2, 9))
    bits = rng.integers(0, 2, size=(32, leaves))
    optimizer.zero_grad()
    loss = nn.binary_cross_entropy(scores(random_tree(leaves), bits), bits.sum(axis=1) % 2.0)
    loss.backward(keep="leaves")
    optimizer.step()
    losses.append(loss.item())
smooth = np.convolve(losses, np.ones(25) / 25, mode="valid")
figure = viz.plot_curves({"loss": smooth}, xlabel="step", ylabel="loss (mean of 25 steps)", log="y")
show(figure, "loss.png", "For a while nothing; then the joint learns 'one or the other', for trees of all sizes.")

# %%
right = {}
for leaves in (2, 4, 6, 8, 16, 32):
    answers = []
    with no_grad():
        for _ in range(20):
            bits = rng.integers(0, 2, size=(20, leaves))
            answers.append((scores(random_tree(leaves), bits).data > 0) == bits.sum(axis=1) % 2)
    right[leaves] = float(np.mean(answers))
    seen = "forms seen in training" if leaves <= 8 else "larger than any in training"
    print(f"{leaves:2} leaves: {100 * right[leaves]:5.1f} % right  ({seen})")

# %%
assert (len(shared), uses) == (1, 2)
assert min(right.values()) >= 0.99
assert losses[0] > 0.5
assert np.mean(losses[-50:]) < 0.01
