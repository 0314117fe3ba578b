# %% [markdown]
"""
# 27. The Hopfield network: a memory that completes what it is shown

Neurons that are -1 or +1, each joined to each other. Patterns are stored by Hebb's rule: neurons that agree in a
pattern get a stronger joint. Recall asks one neuron after the other to agree with what it hears from the others; the
energy -1/2 s W s falls or stays at each change, so the network comes to rest, in a pattern if it can.

**Claim.** Three letters of 64 dots come back exactly with 12 dots wrong, and the energy never rises. Random patterns
are held up to about 0.138 of the number of neurons; with more, recall breaks down.
"""

# %%
import numpy as np

from tinygrad_edu import nn, viz
from tinygrad_edu.lesson import full_or_quick, show

# %% [markdown]
# Three letters of 8 x 8 dots, stored in a network of 64 neurons.

# %%
LETTERS = {
    "A": "...##... ..####.. .##..##. .##..##. .######. .##..##. .##..##. .##..##.",
    "L": "##...... ##...... ##...... ##...... ##...... ##...... ######## ########",
    "X": "##....## .##..##. ..####.. ...##... ...##... ..####.. .##..##. ##....##",
}
letters = {name: np.where(np.array(list(dots.replace(" ", ""))) == "#", 1, -1) for name, dots in LETTERS.items()}
network = nn.HopfieldNetwork(64).store(list(letters.values()))
print(network)

# %% [markdown]
# Each letter with 12 of its 64 dots turned over, and what the network makes of it.

# %%
rng = np.random.default_rng(0)
pictures, names, recalls = [], [], {}
for name, letter in letters.items():
    shown = letter.copy()
    shown[rng.choice(64, 12, replace=False)] *= -1
    recalls[name] = network.recall(shown, rng=rng)
    energies = ", ".join(f"{energy:.1f}" for energy in recalls[name].energies)
    print(f"{name}: energy by sweep {energies}; {np.sum(recalls[name].state != letter)} dots wrong")
    pictures += [shown.reshape(8, 8), recalls[name].state.reshape(8, 8)]
    names += [f"{name} shown", f"{name} recalled"]
show(viz.plot_feature_maps(pictures, names=names, columns=6), "letters.png", "What was shown, and what was recalled.")

# %% [markdown]
# The energy, neuron by neuron: each asks the others, turns if they outvote it, and no turn raises the energy. We start
# from noise, and end in a stored letter or in a mixture of them, which is a valley of its own.

# %%
falls = {}
for start in range(3):
    state = rng.choice([-1, 1], size=64)
    falls[f"start {start + 1}"] = energies = [network.energy(state)]
    for neuron in np.tile(rng.permutation(64), 3):
        heard = network.weights[neuron] @ state
        state[neuron] = np.sign(heard) if heard else state[neuron]
        energies.append(network.energy(state))
figure = viz.plot_curves(falls, xlabel="neurons asked", ylabel="energy")
show(figure, "energy.png", "The energy from three random starts: it falls or stays, until nothing changes any more.")

# %% [markdown]
# How much fits in? Random patterns, more and more of them in a network of many neurons; each is shown without any
# fault. Below 0.138 patterns a neuron nearly all dots stay, above it the other patterns pull the state far away.

# %%
n = full_or_quick(1000, 500)
loads, kept = [0.05, 0.08, 0.11, 0.138, 0.16, 0.18, 0.22, 0.26], []
for load in loads:
    patterns = rng.choice([-1, 1], size=(round(load * n), n))
    memory = nn.HopfieldNetwork(n).store(patterns)
    ends = [memory.recall(pattern, rng=rng, max_sweeps=20).state for pattern in patterns[:8]]
    kept.append(float(np.mean([end == pattern for end, pattern in zip(ends, patterns[:8], strict=True)])))
    print(f"{load:5.3f} patterns a neuron: {100 * kept[-1]:.1f} % of the dots stay")
figure = viz.plot_curves({f"{n} neurons": (np.array(loads), np.array(kept))}, xlabel="patterns a neuron",
                         ylabel="share of dots that stay")  # fmt: skip
show(figure, "capacity.png", "What is left of a stored pattern: it breaks down beyond about 0.138 patterns a neuron.")

# %%
assert all(np.array_equal(recalls[name].state, letter) for name, letter in letters.items())
assert all(np.all(np.diff(energies) <= 1e-12) for energies in falls.values())
assert all(np.all(np.diff(recall.energies) <= 1e-12) for recall in recalls.values())
assert min(kept[:3]) > 0.99
assert max(kept[-2:]) < 0.85
