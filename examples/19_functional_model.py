# %% [markdown]
"""
# 19. Models that are no chain

`Sequential` is a chain: each layer takes what the one before it gave. `Model` is any wiring: call layers on `Input`s
and on each other's results, and say which are the inputs and outputs. Here one input branches off before a layer and is
added again behind it (a skip), and two inputs meet.

**Claim.** A model of two inputs, the left and the right half of a digit, reads at least 93 % of unseen digits; with
one half left blank it reads fewer than half of them.
"""

# %%
import numpy as np

from tinygrad_edu import Value, nn, softmax, viz
from tinygrad_edu.lesson import full_or_quick, show

images, labels = nn.data.digits(rng=0)
x_train, x_test, y_train, y_test = nn.data.train_test_split(images, labels, rng=0)


def halves(images):
    """The two inputs, by name: 8 rows of 4 columns each, as 32 numbers."""
    return {"left": images[:, :, :4].reshape(-1, 32), "right": images[:, :, 4:].reshape(-1, 32)}


# %% [markdown]
# The wiring. Each half has a layer of its own; then they meet; then `x` goes two ways, through a layer and past it.

# %%
rng = np.random.default_rng(0)
left, right = nn.Input((32,), name="left"), nn.Input((32,), name="right")
seen_left = nn.Dense(24, activation="relu", rng=rng, name="look_left")(left)
seen_right = nn.Dense(24, activation="relu", rng=rng, name="look_right")(right)
x = nn.Concatenate(name="meet")(seen_left, seen_right)
around = nn.Dense(48, activation="relu", rng=rng, name="think")(x)
x = nn.Add(name="skip")(x, around)
scores = nn.Dense(10, rng=rng, name="digit")(x)
model = nn.Model([left, right], scores, name="two_halves")
print(model.summary())

# %% [markdown]
# Trained and asked like any other; several inputs go by name, or in a list.

# %%
model.compile(optimizer="adam", loss="softmax_cross_entropy", metrics=["accuracy"])
model.fit(halves(x_train), y_train, epochs=full_or_quick(20, 12), rng=rng, progress=False)

blank = np.zeros_like(x_test[:, :, :4]).reshape(-1, 32)
both = halves(x_test)
accuracies = {
    "both halves": model.evaluate(both, y_test)["accuracy"],
    "the left half": model.evaluate({**both, "right": blank}, y_test)["accuracy"],
    "the right half": model.evaluate({**both, "left": blank}, y_test)["accuracy"],
}
for what, accuracy in accuracies.items():
    print(f"given {what}: accuracy {accuracy:.3f}")

# %% [markdown]
# The graph of the model on two samples, each layer folded into one box: what is wired is what is drawn. A softmax
# behind it makes probabilities of the scores.

# %%
two = {name: Value(half[:2], name=name) for name, half in both.items()}
picture = viz.draw(softmax(model(two)), detail="layer", gradients=False)
show(picture, "wiring.svg", "Two inputs meet, branch, and skip a layer on their way to the scores.")

# %%
assert accuracies["both halves"] >= 0.93
assert max(accuracies["the left half"], accuracies["the right half"]) < 0.5
assert model.n_parameters == 2 * (32 * 24 + 24) + (48 * 48 + 48) + (48 * 10 + 10)
