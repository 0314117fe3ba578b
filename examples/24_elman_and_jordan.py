# %% [markdown]
"""
# 24. Elman and Jordan networks

What should come back from one step to the next? In Elman's network it is the hidden state, which the network fills with
whatever it needs; in Jordan's it is the output, so the network remembers what it said. Both read the number of sunspots
of each year from 1700 on, and say what next year's will be.

**Claim.** On the years 1921 to 2008, which neither saw in training, both are better than a network without memory (its
error is about 30 sunspots): Jordan's by about a fifth, Elman's by more than a third.
"""

# %%
import numpy as np

from tinygrad_edu import Value, nn, viz
from tinygrad_edu.lesson import full_or_quick, show

# %% [markdown]
# Elman and Jordan side by side, unrolled over two steps: the loop leaves from h in the one, from y in the other.

# %%
x = Value([[[0.5], [1.0]]], name="x")
layer = nn.JordanRNN(1, 2, 1, return_sequences=True, rng=0)
show(viz.draw(layer(x), gradients=False), "jordan.svg", "Jordan's network over two steps: its output goes back into it.")
layer = nn.Sequential(nn.ElmanRNN(1, 2, return_sequences=True, rng=0), nn.Dense(2, 1, rng=0))
show(viz.draw(layer(x), gradients=False), "elman.svg", "Elman's over two steps: the hidden state goes back, the output does not.")

# %% [markdown]
# The data: one number a year, brought to mean 0 and standard deviation 1 by the years up to 1920. The task at each year:
# the number of the next.

# %%
years, numbers = nn.data.sunspots()
known = years <= 1920
mean, spread = numbers[known].mean(), numbers[known].std()
series = (numbers - mean) / spread
inputs, targets = series[None, :-1, None], series[1:]
train = np.arange(len(targets)) < known.sum() - 1
print(f"{train.sum()} years to learn from, {np.sum(~train)} to be judged on")

# %% [markdown]
# Three networks of 8 hidden units. The one without memory sees the number of this year only.


# %%
def error(said, which):
    """The root of the mean squared error, in sunspots."""
    return float(np.sqrt(np.mean((said[which] - targets[which]) ** 2)) * spread)


def trained(model, steps):
    """The model after training on the years up to 1920, and its errors there on the way."""
    optimizer = nn.Adam(model.parameters(), lr=0.01)
    errors = []
    for _ in range(steps):
        optimizer.zero_grad()
        said = model(inputs[:, train])[0, :, 0]
        loss = nn.mse(said[10:], targets[train][10:])  # the first ten years are for warming up
        loss.backward(keep="leaves")
        nn.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        errors.append(loss.item() ** 0.5 * spread)
    return model, errors


steps = full_or_quick(200, 120)
rng = np.random.default_rng(0)
models = {
    "no memory": nn.Sequential(nn.Dense(1, 8, activation="tanh", rng=rng), nn.Dense(8, 1, rng=rng)),
    "Jordan": nn.JordanRNN(1, 8, 1, return_sequences=True, rng=rng),
    "Elman": nn.Sequential(nn.ElmanRNN(1, 8, return_sequences=True, rng=rng), nn.Dense(8, 1, rng=rng)),
}
answers, curves, errors = {}, {}, {"this year again": error(series[:-1], ~train)}
for name, model in models.items():
    model, curves[name] = trained(model, steps)
    answers[name] = nn.predict(model, inputs)[0, :, 0]
    errors[name] = error(answers[name], ~train)
for name, found in errors.items():
    print(f"{name:15}: off by {found:4.1f} sunspots in the years after 1920")

figure = viz.plot_curves(curves, xlabel="step", ylabel="error in training (sunspots)")
show(figure, "training.png", "Training: Elman's network, free to remember what it likes, gets furthest.")
late = years[1:] >= 1950
lines = {"measured": (years[1:][late], numbers[1:][late])}
lines |= {name: (years[1:][late], answers[name][late] * spread + mean) for name in ("Jordan", "Elman")}
show(viz.plot_curves(lines, xlabel="year", ylabel="sunspots"), "forecast.png",
     "What both said one year ahead, and what came: Jordan's is late on the way up and down.")  # fmt: skip

# %%
assert errors["Jordan"] < 0.88 * errors["no memory"]
assert errors["Elman"] < 0.67 * errors["no memory"]
assert errors["Elman"] < errors["Jordan"]
