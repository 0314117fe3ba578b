# %% [markdown]
"""
# 25. LSTM and GRU: a memory with gates

A plain recurrent network writes over its whole state at every step, so what it saw long ago is soon gone. An LSTM keeps
a cell state beside it, and three gates, each between 0 and 1, decide at every step how much of the cell is kept, what
is written to it and what is read from it. A GRU does it with two gates and without the second state.

**Claim.** One bit to keep, then 100 steps of noise: after training, LSTM and GRU still know it, at least 99 % of
the time; the plain RNN, trained in the same way, still guesses.
"""

# %%
import numpy as np

from tinygrad_edu import nn, no_grad, sigmoid, viz
from tinygrad_edu.lesson import full_or_quick, show

GAP, HIDDEN = full_or_quick(100, 50), 16

# %% [markdown]
# The task: the first input is the bit, +1 or -1, at step 0, and at the 100 steps after it noise that is twice as large.
# The second input is 1 at step 0, which says "keep this one", and then 0. At the end comes the question: which was it?


# %%
def sequences(count, rng):
    """Inputs (count, 101, 2), and the bits to keep (count,), 0 or 1."""
    x = np.zeros((count, GAP + 1, 2))
    bits = rng.integers(0, 2, count)
    x[:, :, 0] = 2 * rng.normal(size=(count, GAP + 1))
    x[:, 0] = np.stack([2 * bits - 1, np.ones(count)], axis=1)
    return x, bits


def trained(layer, steps, lr=0.03):
    """The layer with an output of one number, trained on 32 new sequences at each step."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(layer, nn.Dense(HIDDEN, 1, rng=rng))
    optimizer = nn.Adam(model.parameters(), lr=lr)
    losses = []
    for _ in range(steps):
        x, bits = sequences(32, rng)
        optimizer.zero_grad()
        loss = nn.binary_cross_entropy(model(x)[:, 0], bits.astype(float))
        loss.backward(keep="leaves")
        nn.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return model, losses


# %% [markdown]
# Gates have biases, and a good place to start is "keep all, take nothing": sigmoid(5) = 0.993 of the cell survives
# a step, sigmoid(-4) = 0.02 of what is new comes in (Tallec & Ollivier, 2018). In the LSTM that is the forget gate, and
# the input gate, first in its bias; in the GRU one gate for both, the second in its bias. The plain RNN gets the best
# start that it can have: a recurrent matrix that is a rotation, which neither shrinks nor stretches its state.

# %%
lstm = nn.LSTM(2, HIDDEN, forget_bias=5.0, rng=1)
lstm.cells[0].bias.data[:HIDDEN] = -4.0
gru = nn.GRU(2, HIDDEN, rng=1)
gru.cells[0].bias.data[HIDDEN : 2 * HIDDEN] = 5.0
plain = nn.ElmanRNN(2, HIDDEN, rng=1)

steps = full_or_quick({"LSTM": 300, "GRU": 300, "plain RNN": 1000}, {"LSTM": 70, "GRU": 75, "plain RNN": 40})
x_new, bits_new = sequences(400, np.random.default_rng(99))
right, curves, models = {}, {}, {}
for name, layer in {"LSTM": lstm, "GRU": gru, "plain RNN": plain}.items():
    models[name], curves[name] = trained(layer, steps[name])
    with no_grad():
        right[name] = float(np.mean((models[name](x_new).data[:, 0] > 0) == bits_new))
    print(f"{name:9} {steps[name]:4} steps: {100 * right[name]:5.1f} % of 400 new sequences are right")

shown = min(steps.values())
figure = viz.plot_curves({name: losses[:shown] for name, losses in curves.items()}, xlabel="step", ylabel="loss")
show(
    figure,
    "loss.png",
    "Once a gate has learned when to open, the loss falls to nothing; the plain RNN stays at ln 2, a guess.",
)

# %% [markdown]
# What the gates do. An LSTM is short enough to write by hand; the numbers are those of the layer. We follow two
# sequences that differ in the bit only, and look at the memory cell whose input gate opens widest for it.


# %%
def by_hand(cell, x):
    """Gates and cell state of one sequence (time, 2): a dict of arrays (time, hidden)."""
    h, c = np.zeros(HIDDEN), np.zeros(HIDDEN)
    seen = {"input gate": [], "forget gate": [], "output gate": [], "cell": []}
    for now in x:
        sums = now @ cell.weight_input.data + h @ cell.weight_hidden.data + cell.bias.data
        i, f, g, o = np.split(sums, 4)
        i, f, o = sigmoid(i), sigmoid(f), sigmoid(o)
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        for name, value in zip(seen, (i, f, o, c), strict=True):
            seen[name].append(value)
    return {name: np.array(values) for name, values in seen.items()}, h


pair = np.repeat(x_new[:1], 2, axis=0)
pair[:, 0, 0] = [1.0, -1.0]
(plus, h_plus), (minus, h_minus) = (by_hand(lstm.cells[0], one) for one in pair)
cell = int(np.argmax(plus["input gate"][0]))
panels = {
    "what the cell holds: tanh(c)": {
        "bit +1": np.tanh(plus["cell"][:, cell]),
        "bit -1": np.tanh(minus["cell"][:, cell]),
    },
    "its gates (bit +1)": {name: plus[name][:, cell] for name in ("input gate", "forget gate", "output gate")},
}
figure = viz.plot_curves(panels, xlabel="step")
show(
    figure,
    "gates.png",
    "One memory cell: its input gate opens for the bit and then stays shut; the forget gate keeps it.",
)

# %%
assert np.allclose(lstm(pair).data, [h_plus, h_minus])
assert right["LSTM"] >= 0.99
assert right["GRU"] >= 0.99
assert 0.35 < right["plain RNN"] < 0.65
