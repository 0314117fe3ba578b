# %% [markdown]
"""
# 29. One graph, fed again and again

So far every call of a network recorded its graph anew. Early frameworks did it the other way round: build the graph
once, with named placeholders, and then feed it. `compile` gives you that from a plain function. Its arguments are the
placeholders; the first call records, later ones run what was recorded, forward and backward.

**Claim.** A compiled function whose inputs are fed by name runs its Python code once for each shape of its inputs,
however many batches it is fed, and training with it gives the same losses as without.
"""

# %%
import time

import numpy as np

from tinygrad_edu import Value, compile, nn, viz
from tinygrad_edu.errors import CompileError
from tinygrad_edu.lesson import full_or_quick, show

# %% [markdown]
# The graph of a neuron's loss, with two places to fill: what comes in, and what should come out. It prints a line
# whenever Python itself runs through it.

# %%
w, b = Value([0.5, -0.5], name="w"), Value(0.0, name="b")


def loss_of(features, targets):
    """The squared error of one linear neuron."""
    print(f"  Python runs loss_of, for features of shape {features.shape}")
    return nn.mse(features @ w + b, targets)


fed = compile(loss_of)
rng = np.random.default_rng(0)
for number in range(4):
    features = rng.normal(size=(3, 2))
    targets = features.sum(axis=1)
    w.zero_grad()
    loss = fed(features=features, targets=targets)
    loss.backward()
    print(f"feed {number}: loss {loss.item():.4f}, d loss / d w = {w.grad.round(3)}")
recorded = [len(fed.plans)]
fed(features=np.ones((5, 2)), targets=np.ones(5))
recorded.append(len(fed.plans))
print("graphs recorded for batches of 3, and with one of 5:", recorded)

loss = loss_of(Value(features, name="features"), Value(targets, name="targets"))
show(viz.draw(loss, gradients=False), "graph.svg", "The graph that is built once: features and targets are fed.")

# %% [markdown]
# Parameters are read when the graph runs, not when it was recorded: so it can be trained. The same network learns with
# and without `compile`; small batches show best what recording costs.

# %%
points, labels = nn.data.moons(512, noise=0.1, rng=0)
data, epochs = (points, labels), full_or_quick(20, 4)


def train(prepare):
    """The losses of a training run, and how long it took."""
    rng = np.random.default_rng(1)
    model = nn.Sequential(nn.Dense(2, 16, activation="tanh", rng=rng), nn.Dense(16, 2, rng=rng))
    adam = nn.Adam(model.parameters(), lr=0.02)
    step = prepare(lambda features, targets: nn.softmax_cross_entropy(model(features), targets))
    losses, start = [], time.perf_counter()
    for _ in range(epochs):
        for x, y in nn.data.minibatches(data, batch_size=16, rng=rng):
            adam.zero_grad()
            loss = step(features=x, targets=y)
            loss.backward()
            adam.step()
            losses.append(loss.item())
    return np.array(losses), time.perf_counter() - start, nn.accuracy(model(points), labels)


losses, seconds, accuracy = {}, {}, {}
for name, prepare in {"as it is": lambda f: f, "compiled": compile}.items():
    losses[name], seconds[name], accuracy[name] = train(prepare)
    print(f"{name}: {len(losses[name])} steps in {seconds[name]:.2f} s, accuracy {accuracy[name]:.3f}")
by_epoch = {name: each.reshape(epochs, -1).mean(axis=1) for name, each in losses.items()}
figure = viz.plot_curves(by_epoch, xlabel="epoch", ylabel="loss")
show(figure, "losses.png", "One line hides the other: the recorded graph learns what the function learns.")

# %% [markdown]
# A recording has one way through the code. Where the way depends on a number that is fed, it is refused, with a message
# that says what to write instead, and never a wrong number.

# %%
message = ""
try:
    compile(lambda x: x * 2.0 if x.sum() > 0 else x)(np.ones(3))
except CompileError as error:
    message = str(error)
print("refused:", message)

# %%
assert recorded == [1, 2]
assert np.allclose(losses["compiled"], losses["as it is"], rtol=1e-6)
assert accuracy["compiled"] == accuracy["as it is"]
assert message
