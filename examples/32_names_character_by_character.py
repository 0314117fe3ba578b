# %% [markdown]
"""
# 32. Names, character by character

A language model says how likely each next character is, given those before it; draw from that, and it makes up names.
Four models, each with a longer or cleverer memory than the one before: pairs of letters counted, three letters through
an MLP, all letters through a GRU, all letters through a small transformer.

**Claim.** On names held out of training, the loss (nats a character) falls in the order bigram > MLP > GRU >
transformer: 2.36, 2.12, 1.89, 1.86. The last three are 64 wide and trained in the same way.
"""

# %%
import numpy as np

from tinygrad_edu import nn, viz
from tinygrad_edu.lesson import full_or_quick, show

# %% [markdown]
# The data: 5,163 first names. 0 stands for "begin" and "end", 1 to 26 for a to z. At each place the input is the
# character before, the target the character itself; -1 fills up after the end and does not count.

# %%
LENGTH, WIDTH, END = 12, 64, 0
names = nn.data.first_names()


def encoded(some):
    """Inputs and targets, each (names, 12)."""
    inputs, targets = np.zeros((len(some), LENGTH), int), np.full((len(some), LENGTH), -1)
    for row, name in enumerate(some):
        letters = [ord(letter) - ord("a") + 1 for letter in name]
        inputs[row, 1 : len(letters) + 1] = letters
        targets[row, : len(letters) + 1] = [*letters, END]
    return inputs, targets


order = np.random.default_rng(0).permutation(len(names))
held_out = encoded([names[i] for i in order[:516]])
train = encoded([names[i] for i in order[516 : full_or_quick(None, 1900)]])
print(f"{len(train[0])} names to learn from, {len(held_out[0])} held out; the first as numbers:")
print(f"inputs  {train[0][0]}\ntargets {train[1][0]}")


def loss(logits, targets):
    """The cross-entropy a character; places after the end do not count."""
    real = targets >= 0
    return nn.softmax_cross_entropy(logits[real], targets[real])


# %% [markdown]
# **Bigram**: count how often each character follows each other; nothing to train. (One is added to each count, so that
# no pair is impossible.)

# %%
counts = np.ones((27, 27))
real = train[1] >= 0
np.add.at(counts, (train[0][real], train[1][real]), 1)
log_chances = np.log(counts / counts.sum(axis=1, keepdims=True))

# %% [markdown]
# **MLP**: the last three characters, each as a learned vector (Bengio et al., 2003). **GRU** and **transformer** read
# all characters so far; the transformer looks at all of them at once, and is told where each stands.


# %%
class LastThree(nn.Module):
    """The characters at each place, and at the two before it: (batch, 12) to (batch, 12, 3)."""

    def forward(self, x):
        """Shifted by 2, 1 and 0 places; 0 where there is nothing yet."""
        before = np.pad(x, ((0, 0), (2, 0)))
        return np.stack([before[:, i : i + x.shape[1]] for i in range(3)], axis=-1)


rng = np.random.default_rng(1)
options = {"rng": rng, "dtype": np.float32}
block = {"heads": 4, "activation": "relu", "dropout": 0.1, "causal": True, **options}
models = {
    "MLP": nn.Sequential(
        LastThree(),
        nn.Embedding(27, 16, **options),
        nn.Reshape(LENGTH, 48),
        nn.Dense(48, WIDTH, activation="tanh", **options),
        nn.Dropout(0.1, rng=rng),
        nn.Dense(WIDTH, 27, **options),
    ),
    "GRU": nn.Sequential(
        nn.Embedding(27, WIDTH, **options),
        nn.Dropout(0.1, rng=rng),
        nn.GRU(WIDTH, WIDTH, return_sequences=True, **options),
        nn.Dropout(0.1, rng=rng),
        nn.Dense(WIDTH, 27, **options),
    ),
    "transformer": nn.Sequential(
        nn.Embedding(27, WIDTH, **options),
        nn.LearnedPositions(LENGTH, WIDTH, **options),
        nn.Dropout(0.1, rng=rng),
        nn.TransformerBlock(WIDTH, **block),
        nn.TransformerBlock(WIDTH, **block),
        nn.LayerNorm(WIDTH, dtype=np.float32),
        nn.Dense(WIDTH, 27, **options),
    ),
}
models["transformer"][0].weight.data *= 0.3  # vectors as large as a normalisation expects
EPOCHS, BATCH = full_or_quick(50, 3), 64
losses = {"bigram": nn.evaluate(lambda x: log_chances[x], held_out, loss, batch_size=1000)["loss"]}
curves = {"bigram": np.full(EPOCHS, losses["bigram"])}
for name, model in models.items():
    optimizer = nn.AdamW(model.parameters(), lr=4e-3, weight_decay=0.3)
    steps = EPOCHS * -(-len(train[0]) // BATCH)
    schedule = nn.OneCycleLR(optimizer, 4e-3, steps, pct_start=0.05, cycle_momentum=False)
    history = nn.fit(model, train, loss, optimizer, EPOCHS, BATCH, held_out, rng=0, metrics=[], progress=False,
                     callbacks=[schedule, nn.ClipGradients(norm=1.0)])  # fmt: skip
    curves[name] = np.array(history["val_loss"])
    losses[name] = nn.evaluate(model, held_out, loss, batch_size=1000)["loss"]

# %% [markdown]
# What each has learned, and ten names that it makes up: character by character, each drawn with the chances that the
# model gives it.


# %%
def made_up(model, count, rng):
    """Names drawn from a model of logits."""
    x = np.zeros((count, LENGTH), int)
    for place in range(LENGTH - 1):
        logits = nn.predict(model, x)[:, place]
        drawn = np.argmax(logits + rng.gumbel(size=logits.shape), axis=1)  # a draw with the softmax's chances
        x[:, place + 1] = np.where((place > 0) & (x[:, place] == END), END, drawn)
    return ["".join(chr(c + ord("a") - 1) for c in row[1:] if c != END) for row in x]


known = {names[i] for i in order[516:]}
for name, model in {"bigram": lambda x: log_chances[x], **models}.items():
    made = made_up(model, 100, np.random.default_rng(5))
    new = sum(one not in known for one in made)
    print(f"{name:11} {losses[name]:.3f}  {new:2} of 100 new: {' '.join(made[:9])}")

# %% [markdown]
# The last step is small on so few names, and not for good: a GRU twice as wide comes about as low as this transformer.

# %%
figure = viz.plot_curves(curves, xlabel="epoch", ylabel="loss on held-out names (nats a character)")
show(figure, "losses.png", "The longer the memory, the lower the loss on names that no model has seen.")

# %%
chain = full_or_quick(["bigram", "MLP", "GRU", "transformer"], ["bigram", "GRU"])
assert all(np.diff([losses[name] for name in chain]) < 0)
assert losses["bigram"] < np.log(27)
