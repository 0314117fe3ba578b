# %% [markdown]
"""
# 28. Watching training

A loss that falls says that a network learns; it does not say how, or why it stopped. Weights, biases and gradients are
numbers too: keep them at the end of each epoch, and look at their spread over time. The same run can be written for
TensorBoard, which draws them in a browser while the training is on.

**Claim.** A callback of a few lines keeps every layer's weights and biases, epoch by epoch, and leaves the run as it
was, to the last bit. They spread as the network learns. TensorBoard's file has every curve and every histogram.
"""

# %%
import tempfile
from pathlib import Path

import numpy as np

from tinygrad_edu import nn, viz
from tinygrad_edu.lesson import full_or_quick, show

images, labels = nn.data.digits(rng=0)
x_train, x_test, y_train, y_test = nn.data.train_test_split(images, labels, rng=0)


def network():
    """A network for the digits, the same each time."""
    rng = np.random.default_rng(0)
    model = nn.Sequential([nn.Flatten(), nn.Dense(32, activation="tanh", rng=rng), nn.Dense(10, rng=rng)])
    model.compile(optimizer="adam", loss="softmax_cross_entropy", metrics=["accuracy"])
    return model


# %% [markdown]
# A callback is a class with the moments that matter to it. This one keeps a copy of each parameter.


# %%
class Keep(nn.Callback):
    """Keep all parameters at the end of each epoch."""

    def __init__(self):
        self.kept = {}

    def on_epoch_end(self, state):
        """Copy them: the optimizer writes into the arrays."""
        for name, parameter in state.model.named_parameters():
            self.kept.setdefault(name, []).append(parameter.data.copy())


epochs = full_or_quick(30, 6)


def train(callbacks):
    """The history of one training run."""
    data = {"validation_data": (x_test, y_test), "epochs": epochs, "rng": 0, "progress": False}
    return network().fit(x_train, y_train, callbacks=callbacks, **data)


with tempfile.TemporaryDirectory() as folder:  # yours would be nn.TensorBoard("runs/digits", histogram_freq=1)
    keep = Keep()
    history = train([keep, nn.GradientNorm(), nn.TensorBoard(folder, histogram_freq=1)])
    (events,) = Path(folder).iterdir()
    written = events.read_bytes()
print(f"the events file holds {len(written):,} bytes; `tensorboard --logdir runs` shows such files in a browser")
unwatched = train([])

# %% [markdown]
# The curves first: loss and accuracy on what it learns from and on what it does not see, and the size of the gradient.

# %%
show(viz.plot_history(history), "curves.png", "Loss, accuracy and the norm of the gradient, epoch by epoch.")

# %% [markdown]
# Then the numbers inside. Weights begin as they were drawn, biases at 0; each column of the picture is an
# epoch, and the line is the median.

# %%
figure = viz.plot_histograms(keep.kept, steps=history.epochs)
show(figure, "spread.png", "Every layer's weights and biases over time: darker where more of them are.")
for name, kept in keep.kept.items():
    print(f"{name:16} standard deviation after epoch 1: {kept[0].std():.3f}, after {epochs}: {kept[-1].std():.3f}")

# %%
assert unwatched["loss"] == history["loss"]
assert all(kept[-1].std() > kept[0].std() for kept in keep.kept.values())
assert all(name.encode() in written for name in (*keep.kept, *history.keys(), "lr"))
assert history["gradient_norm"][-1] < history["gradient_norm"][0]
