# %% [markdown]
"""
# 0. A first graph

Every computation with Values is a graph: numbers in boxes, operations in circles. Run backwards, it tells for each
number how much the result changes with it. This lesson computes one neuron, differentiates it, draws it, and has the
gradient verified.

**Claim.** For tanh(x1 w1 + x2 w2 + b) = 0.7071 the gradients by (x1, w1, x2, w2, b) are -1.5, 1, 0.5, 0, 0.5.
"""

# %%
from tinygrad_edu import Value, check_graph, viz
from tinygrad_edu.lesson import show

# %% [markdown]
# Two inputs, two weights, a bias; the tanh squashes their weighted sum.

# %%
x1, x2 = Value(2.0, name="x1"), Value(0.0, name="x2")
w1, w2 = Value(-3.0, name="w1"), Value(1.0, name="w2")
b = Value(6.8813735870195432, name="b")
out = (x1 * w1 + x2 * w2 + b).tanh()
out.name = "out"
print(f"the neuron says {out.item():.4f}")

# %% [markdown]
# Backward: how the output changes with each number that went in. The slope of tanh, 1 - tanh^2, is 0.5 here; so x1's
# gradient is 0.5 * w1, w1's is 0.5 * x1, and so on.

# %%
out.backward()
for leaf in (x1, w1, x2, w2, b):
    print(f"d out / d {leaf.name} = {leaf.grad:+.4f}")

# %% [markdown]
# The picture has each value with its gradient, and on each edge the local derivative.

# %%
show(
    viz.draw(out, edges="local"),
    "neuron.svg",
    "Values with their gradients, operations, and the local derivatives that backward() multiplies.",
)

# %% [markdown]
# The proof: finite differences agree, to as many digits as they can tell.

# %%
report = check_graph(out)
print(report)

# %%
assert round(out.item(), 4) == 0.7071
assert [round(leaf.grad, 4) for leaf in (x1, w1, x2, w2, b)] == [-1.5, 1.0, 0.5, 0.0, 0.5]
assert report.passed
