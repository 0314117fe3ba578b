# %% [markdown]
"""
# 22. A recurrent network, and backpropagation through time

A recurrent network reads a sequence step by step. Its state h is all that it remembers: at each step it mixes the new
input with the state before, h' = tanh(x W + h U + b), always with the same W, U and b. Unrolled, it is an ordinary deep
network with one layer a step, and backpropagation through it is backpropagation through time.

**Claim.** The three steps by hand (outputs, error terms, gradients summed over time) give what the graph gives, to
1e-12. With the loss at the last of 20 steps only, the gradient shrinks at every step back, to less than 1/1000.
"""

# %%
import numpy as np

from tinygrad_edu import Value, nn, scope, tanh, viz
from tinygrad_edu.lesson import show

# %% [markdown]
# One unit, three steps, to look at. Each step is a frame; the weights w, u and b are there once, with an edge to each.

# %%
w, u, b = Value(0.5, name="w"), Value(0.8, name="u"), Value(0.1, name="b")
h = Value(0.0, name="h0")
for t, x in enumerate([1.0, -1.0, 0.5], start=1):
    with scope(f"step {t}"):
        h = tanh(w * x + u * h + b)
        h.name = f"h{t}"
h.backward()
show(
    viz.draw(h), "unrolled.svg", "The network unrolled: the state goes from step to step, the three weights are shared."
)

# %% [markdown]
# Now a network of 3 units on a sequence of 5 inputs, which should say a given number at each step with each unit.

# %%
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(5, 2)), rng.uniform(-0.5, 0.5, size=(5, 3))
layer = nn.ElmanRNN(2, 3, return_sequences=True, rng=0)
W, U, B = (p.data for p in (layer.cells[0].weight_input, layer.cells[0].weight_hidden, layer.cells[0].bias))

# %% [markdown]
# **Step 1, outputs**, forward in time: the sums v, the states h.

# %%
states, before = [], np.zeros(3)
for x in X:
    before = np.tanh(x @ W + before @ U + B)
    states.append(before)
H = np.array(states)
loss = 0.5 * np.sum((H - Y) ** 2)
print(f"loss {loss:.6f}")

# %% [markdown]
# **Step 2, error terms**, backward in time: delta_t = dL / dv_t. A state acts on the loss twice, at once and through
# the next step, so what comes back through U is added: delta_t = (h_t - y_t + delta_{t+1} U^T) * (1 - h_t^2).

# %%
deltas, after = np.zeros((5, 3)), np.zeros(3)
for t in reversed(range(5)):
    after = (H[t] - Y[t] + after @ U.T) * (1 - H[t] ** 2)
    deltas[t] = after
    print(f"delta at step {t + 1}: {np.round(after, 4)}")

# %% [markdown]
# **Step 3, gradients**: the weights are the same at every step, so their gradients are sums over the steps.

# %%
by_hand = {
    "weight_input": X.T @ deltas,
    "weight_hidden": np.concatenate([np.zeros((1, 3)), H[:-1]]).T @ deltas,
    "bias": deltas.sum(axis=0),
}
out = layer(X[None])
graph_loss = 0.5 * ((out - Y) ** 2).sum()
graph_loss.backward()
for name, gradient in by_hand.items():
    difference = np.abs(getattr(layer.cells[0], name).grad - gradient).max()
    print(f"{name}: by hand and by the graph differ by at most {difference:.1e}")
    assert difference < 1e-12

# %% [markdown]
# How far does a loss reach back? A network of 16 units reads 20 steps, and only its last state counts. Each step back
# multiplies the gradient by the slopes 1 - h^2 and by U^T; where that makes it smaller, early steps hardly learn.

# %%
long = rng.normal(size=(20, 2))
cell = nn.ElmanRNN(2, 16, rng=1).cells[0]
cell.weight_hidden.data *= 0.8
state, path = Value(np.zeros(16)), []
for x in long:
    state = tanh(x @ cell.weight_input + state @ cell.weight_hidden + cell.bias)
    path.append(state)
state.sum().backward()
norms = [float(np.linalg.norm(one.grad)) for one in path]
figure = viz.plot_gradient_flow({"dL / dh": path}, title="the loss is at the last step")
show(figure, "flow.png", "The norm of the gradient at each state: read from right to left, it dies away.")
print(f"norm at the last step {norms[-1]:.3f}, ten steps before {norms[-11]:.5f}, at the first {norms[0]:.7f}")

# %%
assert np.isclose(graph_loss.item(), loss, rtol=1e-12)
assert norms[0] < norms[-1] / 1000
assert all(np.diff(norms) > 0)
