# %% [markdown]
"""
# 6. The McCulloch-Pitts neuron

The first model of a neuron (1943): inputs are 0 or 1, the neuron adds them up with weights and fires, 1, if the sum
reaches a threshold. Excitatory inputs push the sum up; an inhibitory input forbids firing altogether. Nothing learns:
whoever builds the network chooses weights and thresholds.

**Claim.** One such neuron computes AND, OR or NOT; none computes XOR with these weights, but three in two layers do.
"""

# %%
import itertools

import numpy as np

from tinygrad_edu import Value, nn, viz
from tinygrad_edu.lesson import show

inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])

# %% [markdown]
# A threshold decides how many inputs have to fire: two for AND, one for OR. NOT has one input, which inhibits, and a
# threshold of 0: it fires unless forbidden.

# %%
AND, OR, NOT = nn.McCullochPitts([1, 1], threshold=2), nn.McCullochPitts([1, 1], threshold=1), nn.McCullochPitts.NOT()
butnot = nn.McCullochPitts([1, 0], threshold=1, inhibitory=[1])
print("x1 x2   sum   AND OR   x1 BUT NOT x2")
for x in inputs:
    print(f"{x[0]}  {x[1]}    {AND.sums(x):3g}   {AND(x):3d} {OR(x):2d}   {butnot(x):8d}")
print(f"NOT 0 = {NOT([0])}, NOT 1 = {NOT([1])}")

# %% [markdown]
# As a graph: weighted sum, minus threshold, step. A step is flat on both sides, so no gradient comes through it:
# w1.grad stays None, and gradient descent cannot train this neuron. The sigmoid of lesson 1 is its smooth cousin.

# %%
x1, x2, w1, w2 = (Value(1.0, name=name) for name in ("x1", "x2", "w1", "w2"))
theta = Value(2.0, name="threshold")
fires = np.heaviside(x1 * w1 + x2 * w2 - theta, 1.0)
fires.name = "fires"
fires.backward()
show(viz.draw(fires), "and.svg", "AND of 1 and 1 fires; no gradient comes back through the step.")

# %% [markdown]
# XOR, "one of them and not both", is OR but not AND: two neurons, and a third that the second one inhibits.

# %%
xor = butnot(np.stack([OR(inputs), AND(inputs)], axis=1))
print(f"OR {OR(inputs)} but not AND {AND(inputs)} = XOR {xor}")

# %% [markdown]
# One neuron alone cuts the plane along a straight line, and no line has (0, 1) and (1, 0) on one side and (0, 0) and
# (1, 1) on the other. Every neuron with small whole weights, thresholds and vetoes confirms it.

# %%
numbers = range(-3, 4)
tables = {
    tuple(nn.McCullochPitts(weights, threshold, veto)(inputs))
    for *weights, threshold in itertools.product(numbers, repeat=3)
    for veto in ((), (0,), (1,))
}
missing = set(itertools.product((0, 1), repeat=4)) - tables
print(f"one neuron computes {len(tables)} of the 16 truth tables; missing: XOR {(0, 1, 1, 0)} and its opposite")
figure = viz.plot_boundary(lambda x: x.sum(axis=1) - 0.5, inputs, OR(inputs), title="OR: fires on and above the line")
show(figure, "or.png", "OR as a line through the plane: three points on the side that fires.")
figure = viz.plot_boundary(lambda x: x.sum(axis=1) - 1.5, inputs, AND(inputs), title="AND: the line moved outward")
show(figure, "and_line.png", "AND has the same slope and a larger threshold, so only (1, 1) fires.")

# %%
assert AND(inputs).tolist() == [0, 0, 0, 1]
assert OR(inputs).tolist() == [0, 1, 1, 1]
assert [NOT([0]), NOT([1])] == [1, 0]
assert w1.grad is None
assert xor.tolist() == [0, 1, 1, 0]
assert missing == {(0, 1, 1, 0), (1, 0, 0, 1)}
