# %% [markdown]
"""
# 18. Digit images, as in Keras

The first program that most people write in Keras: flatten the image, one hidden layer, dropout, ten scores; compile,
fit, evaluate. Here it reads line for line the same. Who comes from there will find two things: randomness is handed in
(`rng`) where Keras has a global seed, and numbers are float64 unless told otherwise.

**Claim.** On images of 28 x 28 the model has 101,770 parameters. After five epochs it reads at least 97.5 % of MNIST's
test digits; of the small digits that come with the package, where MNIST is not there, at least 90 %.
"""

# %%
import numpy as np

from tinygrad_edu import nn, viz
from tinygrad_edu.errors import DataError
from tinygrad_edu.lesson import full_or_quick, show

# %% [markdown]
# The data: MNIST if it is there (its files, or the network to fetch them; `nn.data.mnist` says where it looks), else
# 1,797 digits of 8 x 8 pixels. A quick run takes the small ones.


# %%
def small_digits():
    """The digits that come with the package, split as MNIST is."""
    images, labels = nn.data.digits(rng=0)
    x_train, x_test, y_train, y_test = nn.data.train_test_split(images.astype("float32"), labels, rng=0)
    return (x_train, y_train), (x_test, y_test)


try:
    (x_train, y_train), (x_test, y_test) = full_or_quick(nn.data.mnist, small_digits)()
except DataError:
    (x_train, y_train), (x_test, y_test) = small_digits()
print("to train on:", x_train.shape, "to test on:", x_test.shape)

# %% [markdown]
# The model. The last layer gives scores (logits), not probabilities: the loss takes those.

# %%
rng = np.random.default_rng(0)
model = nn.Sequential(
    [
        nn.Flatten(),
        nn.Dense(128, activation="relu", rng=rng, dtype="float32"),
        nn.Dropout(0.2, rng=rng),
        nn.Dense(10, rng=rng, dtype="float32"),
    ]
)
model.compile(optimizer="adam", loss="softmax_cross_entropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=5, rng=rng, progress=False)
test = model.evaluate(x_test, y_test)

# %%
print(model.summary())
for epoch, loss, accuracy in zip(history.epochs, history["loss"], history["accuracy"], strict=True):
    print(f"epoch {epoch}: loss {loss:.4f}, accuracy {accuracy:.4f}")
print(f"on the test images: loss {test['loss']:.4f}, accuracy {test['accuracy']:.4f}")

# %% [markdown]
# What it says of images that it never saw, and which digits it takes for which.

# %%
predicted = model.predict(x_test).argmax(axis=1)
figure = viz.plot_predictions(x_test, y_test, predicted)
show(figure, "predictions.png", "The first test images, and what the model reads.")
mistakes = np.flatnonzero(predicted != y_test)
figure = viz.plot_predictions(x_test[mistakes], y_test[mistakes], predicted[mistakes], count=10)
show(figure, "mistakes.png", "Test images that it misreads: some are hard for anybody.")
figure = viz.plot_confusion(nn.confusion_matrix(predicted, y_test))
show(figure, "confusion.png", "True digits down, read digits across: mistakes are where shapes are alike.")

# %%
same_for_mnist = nn.Sequential([nn.Flatten(), nn.Dense(128, activation="relu"), nn.Dropout(0.2), nn.Dense(10)])
same_for_mnist(np.zeros((1, 28, 28)))
assert same_for_mnist.n_parameters == 101_770 == 784 * 128 + 128 + 128 * 10 + 10
assert test["accuracy"] >= (0.975 if len(x_train) == 60_000 else 0.9)
