# %% [markdown]
"""
# 7. The perceptron

Rosenblatt (1958) let the threshold neuron learn. It answers; if wrong, the input is added to the weights (it should
have fired) or taken away (it should not). The threshold theta becomes a weight like the others: the bias b = -theta of
an input that is always 1.

**Claim.** The rule learns AND and OR. No weights exist for XOR, so there it never stops making mistakes; a network with
one hidden layer learns it.
"""

# %%
import warnings

import numpy as np

from tinygrad_edu import nn, viz
from tinygrad_edu.lesson import show

inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
targets = {"AND": np.array([0, 0, 0, 1]), "OR": np.array([0, 1, 1, 1]), "XOR": np.array([0, 1, 1, 0])}

# %% [markdown]
# The rule written out, for AND. Each line is one mistake and what it changes.

# %%
weights, bias = np.zeros(2), 0.0
for _ in range(10):
    for x, wanted in zip(inputs, targets["AND"], strict=True):
        error = wanted - int(x @ weights + bias > 0)
        if error:
            weights, bias = weights + error * x, bias + error
            print(f"{x} should give {wanted}: w = {weights}, b = {bias:+.0f}, so theta = {-bias:.0f}")

# %% [markdown]
# The library's perceptron does the same. Mistakes in each pass through the data: none in the end for AND and OR.

# %%
learned = {}
for name, wanted in targets.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nn.classic.NotSeparatedWarning)  # it will say so of XOR
        learned[name] = nn.Perceptron(epochs=20).fit(inputs, wanted)
    print(f"{name:3} {learned[name]}: mistakes {learned[name].mistakes}")
figure = viz.plot_curves(
    {name: (np.arange(1, len(one.mistakes) + 1), one.mistakes) for name, one in learned.items()},
    xlabel="pass through the data",
    ylabel="mistakes",
)
show(figure, "mistakes.png", "AND and OR are learned after a few passes; XOR keeps making mistakes for ever.")
show(
    viz.plot_boundary(learned["AND"].scores, inputs, targets["AND"], title="AND"),
    "and.png",
    "The line that the perceptron found for AND.",
)

# %% [markdown]
# Why XOR cannot be: it asks for four things at once,
#
# - (0, 0) does not fire: b <= 0
# - (1, 0) and (0, 1) fire: w1 + b > 0 and w2 + b > 0; added up, w1 + w2 + 2b > 0
# - (1, 1) does not fire: w1 + w2 + b <= 0; with b <= 0, w1 + w2 + 2b <= 0
#
# The second and the third contradict each other, whatever the weights.
#
# A hidden layer first moves the points so that a line can part them.

# %%
network = nn.Sequential(nn.Dense(2, 4, activation="tanh", rng=0), nn.Dense(4, 1, rng=1))
signs = 2.0 * targets["XOR"][:, None] - 1.0
history = nn.fit(network, (inputs, signs), "mse", nn.Adam(network.parameters(), lr=0.05), 200, rng=0, progress=False)
answers = (network(inputs).data[:, 0] > 0).astype(int)
print(f"a network with 4 hidden neurons says {answers}, with a loss of {history['loss'][-1]:.1e}")
show(
    viz.plot_boundary(
        lambda x: network(x)[:, 0], inputs, targets["XOR"], title="XOR, by a network with a hidden layer"
    ),
    "xor.png",
    "What one line cannot separate, a hidden layer can.",
)

# %%
assert learned["AND"].predict(inputs).tolist() == targets["AND"].tolist()
assert learned["OR"].predict(inputs).tolist() == targets["OR"].tolist()
assert (weights @ inputs.T + bias > 0).astype(int).tolist() == targets["AND"].tolist()
assert not learned["XOR"].converged
assert answers.tolist() == targets["XOR"].tolist()
