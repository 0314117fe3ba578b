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

from tinygrad_edu import Value, nn, scope, tanh, viz
from tinygrad_edu.lesson import full_or_quick, show

# %% [markdown]
# One unit each over two steps, drawn with single numbers: in Elman's network the first h goes on into the second step,
# in Jordan's the first y, which is the output v h.


# %%
def unrolled(what_comes_back):
    """The output after two steps; `what_comes_back` picks from the hidden state and the output."""
    w, u, v = Value(0.5, name="w"), Value(0.8, name="u"), Value(1.5, name="v")
    back = 0.0
    for step, number in enumerate([1.0, -1.0], start=1):
        with scope(f"step {step}"):
            h = tanh(w * number + u * back)
            y = v * h
            h.name, y.name = f"h{step}", f"y{step}"
        back = what_comes_back(h, y)
    return y


elman, jordan = unrolled(lambda h, y: h), unrolled(lambda h, y: y)
show(viz.draw(elman, gradients=False), "elman.svg", "Elman's network over two steps: h1 goes on into the second.")
show(viz.draw(jordan, gradients=False), "jordan.svg", "Jordan's over two steps: the output y1 goes on into the second.")

# %% [markdown]
# The data: one number a year, brought to mean 0 and standard deviation 1 by the years up to 1920. The task at each
# year: the number of the next.

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


steps = full_or_quick(200, 60)
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
