# %% [markdown]
"""
# 21. Convolutional networks

A convolution slides one small kernel over an image and asks at every place: how much does it look like this here? The
answers make a new image, a feature map. Pooling then keeps one number of each window. A few such layers and a dense one
at the end read images with few parameters, because every place shares the same kernels.

**Claim.** Two kernels of nine numbers find the edges of a digit; padding with zeros keeps the size, stride 2 halves it;
max, mean and stochastic pooling keep the largest, the average, and one drawn by its size. A network of 3,818 parameters
reads at least 96 % of unseen digits.
"""

# %%
from functools import partial

import numpy as np

from tinygrad_edu import conv2d, nn, viz
from tinygrad_edu.lesson import full_or_quick, show

images, labels = nn.data.digits(rng=1)
digit = images[labels == 0][0]

# %% [markdown]
# Edges. This kernel is positive on its right and negative on its left: it answers with a large number where the image
# gets darker from left to right. Turned by a right angle, it finds edges from top to bottom.

# %%
to_the_right = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 4
downwards = to_the_right.T
kernels = np.stack([to_the_right, downwards], axis=-1)[:, :, None, :]  # height, width, channels in, channels out
edges = conv2d(digit[None, :, :, None], kernels, padding="same")
names = ["a digit", "darker to the right", "darker downwards"]
figure = viz.plot_feature_maps([digit, edges[0, :, :, 0], edges[0, :, :, 1]], names=names)
show(figure, "edges.png", "Two kernels find edges: red where it gets darker that way, blue where it gets lighter.")

by_hand = np.sum(digit[2:5, 1:4] * to_the_right)
print(f"one place by hand: {by_hand:.4f}, in the feature map: {edges[0, 3, 2, 0]:.4f}")

# %% [markdown]
# Sizes: a kernel of k on an image of n with p zeros on each side and stride s gives (n + 2p - k) / s + 1, rounded down.

# %%
sizes = {}
for padding, stride in (("valid", 1), (1, 1), (1, 2), ("same", 2)):
    layer = nn.Conv2d(4, 3, padding=padding, stride=stride, rng=0)
    sizes[padding, stride] = layer(np.zeros((1, 8, 8, 1))).shape[1:3]
    print(f"8 x 8 image, 3 x 3 kernel, padding {padding!r:7}, stride {stride}: {sizes[padding, stride]}")

# %% [markdown]
# Pooling: one number from each window of 2 x 2. Of the window 0, 0, 1, 3 the largest is 3, the mean 1; stochastic
# pooling draws 1 or 3, with chances of 1/4 and 3/4, anew in each training step, and outside training gives the mean
# weighted by those chances, 2.5.

# %%
window = np.array([0.0, 0.0, 1.0, 3.0]).reshape(1, 2, 2, 1)
stochastic = nn.StochasticPool2d(2, rng=0)
drawn = [stochastic(window).item() for _ in range(200)]
pools = {
    "max": nn.MaxPool2d(2)(window).item(),
    "mean": nn.AvgPool2d(2)(window).item(),
    "stochastic, asked": nn.StochasticPool2d(2).eval()(window).item(),
}
print(pools, "drawn:", {number: drawn.count(number) for number in sorted(set(drawn))})

layers = {"max": nn.MaxPool2d(2), "mean": nn.AvgPool2d(2), "stochastic": nn.StochasticPool2d(2, rng=0)}
pooled = {name: layer(digit[None, :, :, None])[0, :, :, 0] for name, layer in layers.items()}
figure = viz.plot_feature_maps([digit, *pooled.values()], names=["a digit", *pooled])
show(figure, "pooling.png", "What is left of a digit: its darkest strokes, its average, or a draw between them.")

# %% [markdown]
# A network: convolution, pooling, convolution, and a dense layer for the ten scores.

# %%
x_train, x_test, y_train, y_test = nn.data.train_test_split(images[..., None].astype("float32"), labels, rng=0)
rng = np.random.default_rng(0)
settings = {"padding": "same", "activation": "relu", "rng": rng, "dtype": "float32"}
model = nn.Sequential(
    [
        nn.Conv2d(8, 3, **settings),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 3, **settings),
        nn.Flatten(),
        nn.Dense(10, rng=rng, dtype="float32"),
    ]
)
model.compile(optimizer=partial(nn.Adam, lr=0.005), loss="softmax_cross_entropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=full_or_quick(30, 12), rng=rng, progress=False)
accuracy = model.evaluate(x_test, y_test)["accuracy"]
print(model.summary())
print(f"accuracy on unseen digits: {accuracy:.3f}")

# %% [markdown]
# What it found by itself: the kernels of the first layer, and what they answer to the digit above.

# %%
show(viz.plot_kernels(model[0]), "kernels.png", "The kernels of the first layer after training: many are edges.")
maps = model[0](digit[None, :, :, None].astype("float32"))
show(viz.plot_feature_maps(maps), "maps.png", "The feature maps of the digit: each kernel answers to its own strokes.")

# %%
assert np.isclose(by_hand, edges[0, 3, 2, 0])
assert sizes == {("valid", 1): (6, 6), (1, 1): (8, 8), (1, 2): (4, 4), ("same", 2): (4, 4)}
assert pools == {"max": 3.0, "mean": 1.0, "stochastic, asked": 2.5}
assert set(drawn) == {1.0, 3.0}
assert abs(drawn.count(3.0) / 200 - 0.75) < 0.1
assert model.n_parameters == 3818
assert accuracy >= 0.96
