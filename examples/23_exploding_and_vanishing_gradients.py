# %% [markdown]
"""
# 23. Exploding and vanishing gradients

Going back one step in time multiplies the gradient by the recurrent weights. After many steps that is a power: weights
a little too small, and nothing arrives; a little too large, and the gradient is as large as you like. Against the
first, gates help (lesson 25); against the second, a limit on the gradient's norm: clipping.

**Claim.** Over 50 steps the norm changes by the factor s^50 for recurrent weights s times a rotation: 1e-15 for s =
0.5, 6e8 for s = 1.5. Training that such gradients break works with `clip_grad_norm_`, all else being equal.
"""

# %%
import numpy as np

from tinygrad_edu import Value, nn, tanh, viz
from tinygrad_edu.lesson import full_or_quick, show

# %% [markdown]
# Without a squashing function the state is only turned and scaled, so the gradient is exactly s^k after k steps back.

# %%
rng = np.random.default_rng(0)
rotation = nn.init.orthogonal((16, 16), rng=rng)


def states(scale, squash, steps=50):
    """The states of a network without inputs, after a loss at the last of them was taken back."""
    weight, found = Value(scale * rotation), [Value(1e-3 * rng.normal(size=16))]
    for _ in range(steps):
        sums = found[-1] @ weight
        found.append(tanh(sums) if squash else sums)
    (found[-1] @ rotation[0]).backward()
    return found


def norms(path):
    """The norm of the gradient at each state."""
    return np.array([np.linalg.norm(state.grad) for state in path])


linear = {s: norms(states(s, squash=False)) for s in (0.5, 0.9, 1.0, 1.1, 1.5)}
named = {f"s = {s}": found for s, found in linear.items()}
figure = viz.plot_gradient_flow(named, title="recurrent weights: s times a rotation")
show(figure, "norms.png", "The norm of the gradient by time step: a straight line on this axis is a power.")
for s, found in linear.items():
    squashed = norms(states(s, squash=True))
    print(
        f"s = {s}: the factor over 50 steps is {found[0] / found[-1]:.1e}, with a tanh {squashed[0] / squashed[-1]:.1e}"
    )

# %% [markdown]
# A tanh keeps the states in bounds, and its slope takes something off large gradients, but not enough. Here a network
# of 32 units, its recurrent weights 1.5 times a rotation, learns to add up the last four of 30 numbers; once plainly,
# and once with the gradient scaled down to a norm of 1 whenever it is longer.

# %%
steps = full_or_quick(400, 150)


def train(max_norm):
    """The loss at each step, and the norm of the gradient before it was clipped."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.ElmanRNN(1, 32, rng=1), nn.Dense(32, 1, rng=2))
    model[0].cells[0].weight_hidden.data *= 1.5
    optimizer = nn.SGD(model.parameters(), lr=0.1)
    losses, lengths = [], []
    for _ in range(steps):
        numbers = rng.normal(size=(32, 30, 1))
        optimizer.zero_grad()
        loss = nn.mse(model(numbers)[:, 0], numbers[:, -4:, 0].sum(axis=1) / 2)
        loss.backward(keep="leaves")
        lengths.append(nn.clip_grad_norm_(model.parameters(), max_norm))
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses), np.array(lengths)


plain, plain_norms = train(max_norm=np.inf)
clipped, clipped_norms = train(max_norm=1.0)
panels = {
    "loss": {"plain": plain, "clipped": clipped},
    "norm of the gradient, before clipping": {"plain": plain_norms, "clipped": clipped_norms},
}
figure = viz.plot_curves(panels, xlabel="step", log="y")
show(
    figure,
    "clipping.png",
    "Steps with exploded gradients throw the plain training out; clipping makes them small ones.",
)
for name, losses, lengths in (("plain", plain, plain_norms), ("clipped", clipped, clipped_norms)):
    print(f"{name:7}: norm up to {lengths.max():.1e}, loss up to {losses.max():.1e}, last {losses[-20:].mean():.3f}")

# %%
for s, found in linear.items():
    assert np.allclose(found, s ** np.arange(50, -1, -1.0), rtol=1e-9)
assert plain.max() > 1000
assert clipped.max() < 3
assert clipped[-20:].mean() < 0.2 < plain[-20:].mean()
