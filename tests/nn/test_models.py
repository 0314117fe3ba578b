"""Models as in Keras: compile, fit, evaluate, predict, summary; weights of samples; subclasses."""

from functools import partial

import numpy as np
import pytest

from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.nn import (
    GRU,
    SGD,
    Adam,
    Callback,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Model,
    Parameter,
    Sequential,
    accuracy,
    evaluate,
    fit,
    mse,
)
from tinygrad_edu.nn.data import blobs, xor
from tinygrad_edu.nn.trainable import OPTIMIZERS

# -- Keras, line for line


def test_the_model_of_lesson_18_has_its_parameters_and_trains(rng):
    x, y = rng.normal(size=(60, 28, 28)), rng.integers(0, 10, 60)
    model = Sequential([Flatten(), Dense(128, activation="relu"), Dropout(0.2), Dense(10)])
    model.compile(optimizer="adam", loss="softmax_cross_entropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=5, rng=0, progress=False)
    assert model.n_parameters == 101_770
    assert history["accuracy"][-1] > 0.9 > history["accuracy"][0]
    assert model.evaluate(x, y)["accuracy"] > 0.95
    assert model.predict(x).shape == (60, 10)
    assert str(model.summary()) == (
        "Sequential 'sequential'\n"
        "layer   kind     output shape  parameters\n"
        "layer0  Flatten  (None, 784)            0\n"
        "layer1  Dense    (None, 128)      100,480\n"
        "layer2  Dropout  (None, 128)            0\n"
        "layer3  Dense    (None, 10)         1,290\n"
        "total                             101,770"
    )


def small(seed=0):
    rng = np.random.default_rng(seed)
    return Sequential(Dense(8, activation="tanh", rng=rng), Dense(2, rng=rng))


def test_fit_as_a_method_is_fit_the_function(rng):
    data = xor(80, noise=0.1, rng=0)
    methods, functions = small(), small()
    methods.compile(partial(SGD, lr=0.3, momentum=0.9), "softmax_cross_entropy")
    first = methods.fit(*data, epochs=4, validation_split=0.25, rng=5, progress=False)
    functions(data[0][:1])
    optimizer = SGD(functions.parameters(), 0.3, momentum=0.9)
    second = fit(functions, data, "softmax_cross_entropy", optimizer, 4, validation=0.25, rng=5, progress=False)
    assert first.metrics == second.metrics
    assert methods.evaluate(*data) == evaluate(functions, data, "softmax_cross_entropy")


def test_fitting_twice_goes_on_with_the_same_optimizer():
    data = xor(40, noise=0.1, rng=0)
    model = small()
    model.compile("adam", "softmax_cross_entropy")
    model.fit(*data, epochs=1, rng=0, progress=False)
    first = model.optimizer
    model.fit(*data, epochs=1, rng=0, progress=False)
    assert isinstance(first, Adam)
    assert model.optimizer is first
    assert first.state[0]["step"] == 4


def test_validation_data_callbacks_and_given_optimizers():
    data, seen = xor(40, noise=0.1, rng=0), []

    class Listen(Callback):
        def on_epoch_end(self, state):
            seen.append(sorted(state.numbers))

    model = small()
    model(data[0])
    optimizer = SGD(model.parameters(), 0.1)
    model.compile(optimizer, mse_of_classes, metrics=[accuracy])
    model.fit(*data, epochs=2, validation_data=data, callbacks=[Listen()], rng=0, progress=False)
    assert model.optimizer is optimizer
    assert seen == [["accuracy", "loss", "val_accuracy", "val_loss"]] * 2


def mse_of_classes(outputs, labels, reduction="mean"):
    return mse(outputs, np.eye(2)[labels], reduction=reduction)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda m: m.compile("adam"), "say which loss"),
        (lambda m: m.compile("adan", "mse"), "no optimizer is called 'adan'; there are sgd"),
        (lambda m: m.compile("adam", "mes"), "loss: none is called 'mes'"),
        (lambda m: m.compile(3, "mse"), "expected an optimizer, its name, or what makes one"),
        (lambda m: m.compile("adam", ["mse", "mae"]), "one output, so one loss"),
        (lambda m: m.fit([[1.0]], [1]), "fit: the model has no loss yet"),
        (lambda m: m.evaluate([[1.0]], [1]), "evaluate: the model has no loss yet"),
        (lambda m: m.summary(), "has no parameters yet"),
        (lambda m: m.summary(()), r"samples of shape \(\) do not fit"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(action, message):
    with pytest.raises(ArgumentError, match=message):
        action(Sequential(Dense(2), Dense(2, activation="tanh")))


# -- weights of samples


def test_sample_weights_of_one_change_nothing_and_of_zero_leave_samples_out():
    x, y = xor(40, noise=0.1, rng=0)
    runs = {}
    for name, weights in (("none", None), ("ones", np.ones(40)), ("half", np.repeat([1.0, 0.0], 20))):
        model = small()
        model.compile(partial(SGD, lr=0.5), "softmax_cross_entropy", metrics=[])
        model.fit(x, y, epochs=1, batch_size=40, sample_weight=weights, shuffle=False, progress=False)
        runs[name] = model[0].weight.data
    np.testing.assert_allclose(runs["ones"], runs["none"], rtol=1e-12)
    model = small()
    model.compile(partial(SGD, lr=0.25), "softmax_cross_entropy", metrics=[])
    model.fit(x[:20], y[:20], epochs=1, batch_size=20, shuffle=False, progress=False)
    np.testing.assert_allclose(runs["half"], model[0].weight.data, rtol=1e-12)


def test_weights_follow_their_samples_through_shuffling_and_splitting():
    x = np.arange(10.0)[:, None]
    seen = []

    def loss(outputs, targets, reduction="mean"):
        seen.extend(np.ravel(targets).tolist())
        losses = (outputs[:, 0] - targets[:, 0]) * 0.0 + targets[:, 0]
        return losses if reduction == "none" else np.mean(losses)

    model = Sequential(Dense(1, 1))
    model.compile("sgd", loss)
    history = model.fit(
        x, x, batch_size=8, validation_split=0.2, sample_weight=1.0 / (1.0 + x[:, 0]), rng=3, progress=False,
        compile=False,
    )  # fmt: skip
    trained = np.array(seen[:8])
    assert history["loss"][0] == pytest.approx(np.mean(trained / (1 + trained)))
    assert sorted(seen) == list(range(10))


def test_a_loss_without_reduction_cannot_be_weighted():
    model = Sequential(Dense(1, 1))
    model.compile("sgd", lambda outputs, targets: mse(outputs, targets))
    with pytest.raises(ArgumentError, match="takes no reduction='none'"):
        model.fit([[1.0], [2.0]], [[1.0], [2.0]], sample_weight=[1.0, 2.0], batch_size=2, progress=False)


@pytest.mark.parametrize("weights", [[1.0], [[1.0], [1.0]], [1.0, -1.0], [1.0, np.nan]])
def test_weights_that_are_none_are_refused(weights):
    model = Sequential(Dense(1, 1))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="weight"):
        model.fit([[1.0], [2.0]], [[1.0], [2.0]], sample_weight=weights, batch_size=2, progress=False)


# -- subclasses


class Twice(Model):
    def __init__(self):
        super().__init__()
        self.first = Dense(4, activation="tanh", rng=0)
        self.head = Dense(3, rng=1)

    def forward(self, x):
        return self.head(self.first(x))


def test_a_subclass_compiles_fits_and_sums_up():
    points, labels = blobs(90, noise=0.5, centers=[[0, 0], [4, 0], [0, 4]], rng=1)
    model = Twice()
    model.compile(partial(Adam, lr=0.05), "softmax_cross_entropy")
    history = model.fit(points, labels, epochs=10, rng=0, progress=False)
    assert history["accuracy"][-1] > 0.95
    assert [(row.name, row.shapes) for row in model.summary().rows] == [("first", ((None, 4),)), ("head", ((None, 3),))]
    assert model.summary().parameters == 4 * 3 + 15


def test_a_subclass_of_several_inputs_takes_a_tuple(rng):
    class Distance(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(2, rng=0)

        def forward(self, a, b):
            return np.sum((self.dense(a) - self.dense(b)) ** 2, axis=-1)

    a, b = rng.normal(size=(2, 30, 3))
    model = Distance()
    model.compile(partial(SGD, lr=0.01), "mse")
    history = model.fit((a, b), np.zeros(30), epochs=5, rng=0, progress=False)
    assert history["loss"][-1] < history["loss"][0]
    assert model.predict((a, b)).shape == (30,)
    assert model.summary().rows[0].shapes == ((None, 2), (None, 2))


def test_parameters_of_the_model_itself_are_in_the_summary():
    class Shifted(Model):
        def __init__(self):
            super().__init__()
            self.shift, self.dense = Parameter(np.zeros(3)), Dense(2, 3, rng=0)

        def forward(self, x):
            return self.dense(x) + self.shift

    summary = Shifted().summary((2,))
    assert [(row.name, row.parameters) for row in summary.rows] == [("dense", 9), ("(own)", 3)]
    assert summary.parameters == 12


def test_a_model_that_begins_with_an_embedding_sums_up_before_and_after_a_call(rng):
    def make():
        return Sequential(Embedding(9, 4, rng=0), GRU(3, rng=0))

    called = make()
    called(rng.integers(0, 9, (2, 5)))
    assert str(called.summary()) == str(make().summary((5,)))
    assert called.summary().rows[0].shapes == ((None, 5, 4),)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_optimizer_is_known_by_name(name):
    model = small()
    model.compile(name, "softmax_cross_entropy")
    history = model.fit(*xor(40, noise=0.1, rng=0), epochs=2, rng=0, progress=False)
    assert history["loss"][1] < history["loss"][0]


def test_summary_leaves_the_model_as_it_was():
    model = Twice()
    model.summary((2,))
    assert "forward" not in vars(model.first)
    assert model.training
    assert model.first.in_features == 2
