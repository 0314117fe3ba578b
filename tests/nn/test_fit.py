import io
import sys

import numpy as np
import pytest

from tinygrad_edu import no_grad
from tinygrad_edu.errors import ArgumentError, DataError, GradientError
from tinygrad_edu.nn import (
    SGD,
    Adam,
    Callback,
    Dense,
    Dropout,
    Sequential,
    accuracy,
    evaluate,
    fit,
    mse,
    predict,
    softmax_cross_entropy,
)
from tinygrad_edu.nn.callbacks import BarProgress, TextProgress, progress_callback
from tinygrad_edu.nn.data import blobs, xor


def small_net(inputs=2, outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    return Sequential(Dense(inputs, 8, activation="tanh", rng=rng), Dense(8, outputs, rng=rng))


def train(model=None, data=None, loss="softmax_cross_entropy", lr=0.3, epochs=3, optimizer=None, **options):
    model = model or small_net()
    data = xor(80, noise=0.1, rng=0) if data is None else data
    optimizer = optimizer or SGD(model.parameters(), lr, momentum=0.9)
    return model, fit(model, data, loss, optimizer, epochs, **{"rng": 0, "progress": False, **options})


def test_fit_learns_xor():
    model, history = train(epochs=30)
    assert history["accuracy"][-1] == 1.0
    assert history["loss"][-1] < 0.05 < history["loss"][0]
    assert predict(model, [[0, 0], [0, 1], [1, 0], [1, 1]]).argmax(axis=1).tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "hinge"])
def test_fit_learns_blobs_and_says_so_on_held_out_data(loss):
    data = blobs(150, noise=0.5, centers=[[0, 0], [4, 0], [0, 4]], rng=1)
    _, history = train(small_net(outputs=3), data, loss, lr=0.05, epochs=8, validation=0.2)
    assert history["val_accuracy"][-1] >= 0.95
    assert set(history.keys()) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert history.epochs == list(range(1, 9))
    assert all(len(numbers) == 8 for numbers in history.metrics.values())


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "binary_hinge"])
def test_fit_learns_yes_and_no_from_one_output(loss):
    points, labels = xor(80, noise=0.1, rng=0)
    if loss == "binary_hinge":
        labels = 2 * labels - 1
    _, history = train(small_net(outputs=1), (points, labels), loss, epochs=40)
    assert history["accuracy"][-1] == 1.0


def test_a_regression_has_no_accuracy():
    x = np.linspace(-1, 1, 64)[:, None]
    _, history = train(small_net(1, 1), (x, x**2), "mse", lr=0.1, epochs=30)
    assert set(history.keys()) == {"loss"}
    assert history["loss"][-1] < 0.01


def test_equal_seeds_give_equal_runs_and_other_seeds_other_ones():
    first, second, other = (train(small_net(seed=3), rng=rng)[1]["loss"] for rng in (5, 5, 6))
    assert first == second
    assert first != other


def test_the_held_out_samples_are_drawn_with_the_generator():
    first, second, other = (
        train(rng=rng, lr=0.0, epochs=1, shuffle=False, validation=0.3)[1]["val_loss"] for rng in (5, 5, 6)
    )
    assert first == second
    assert first != other


def test_without_shuffling_a_run_does_not_depend_on_the_generator():
    assert train(rng=1, shuffle=False)[1]["loss"] == train(rng=2, shuffle=False)[1]["loss"]


def test_one_full_batch_is_one_plain_step():
    model, twin = small_net(), small_net()
    data = xor(20, noise=0.1, rng=0)
    train(model, data, epochs=1, lr=0.3, batch_size=20, shuffle=False)
    softmax_cross_entropy(twin(data[0]), data[1]).backward()
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(ours.data, theirs.data - 0.3 * theirs.grad, rtol=1e-14)


def test_the_training_loss_is_the_mean_over_samples_also_with_a_smaller_last_batch():
    data = xor(10, noise=0.1, rng=0)
    model, history = train(data=data, lr=0.0, epochs=1, batch_size=4)
    expected = evaluate(model, data, "softmax_cross_entropy")
    assert history["loss"][0] == pytest.approx(expected["loss"], rel=1e-12)
    assert history["accuracy"][0] == expected.get("accuracy", 0)


def test_interior_gradients_are_not_kept():
    kept = []

    def loss(outputs, targets):
        kept.append(outputs)
        return softmax_cross_entropy(outputs, targets)

    train(loss=loss, epochs=1)
    assert all(outputs.grad is None for outputs in kept)


class Interrupt(Callback):
    """Presses Ctrl-C at the given epoch, after the optimizer's first step in it."""

    def __init__(self, epoch):
        self.epoch = epoch
        self.states = {}
        self.ended = False

    def on_batch_end(self, state):
        if state.epoch == self.epoch:
            raise KeyboardInterrupt

    def on_epoch_end(self, state):
        self.states[state.epoch] = state.model.state_dict()

    def on_train_end(self, state):
        self.ended = True


@pytest.mark.parametrize("validation", [None, 0.25])
def test_ctrl_c_puts_the_best_weights_so_far_back(validation):
    press = Interrupt(epoch=6)

    def worsen(state):  # from here on the loss climbs, so that the best epoch lies behind
        if state.epoch == 3:
            state.optimizer.param_groups[0]["maximize"] = True

    model, history = train(epochs=50, validation=validation, callbacks=[press, worsen])
    key = "loss" if validation is None else "val_loss"
    assert history.interrupted
    assert press.ended
    assert history.epochs == [1, 2, 3, 4, 5]
    assert history.best_epoch == 1 + int(np.argmin(history[key]))
    assert history.best_epoch < 5, "the test is about going back"
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, press.states[history.best_epoch][name])


def test_ctrl_c_in_the_first_epoch_keeps_the_weights_as_they_are():
    model, untrained = small_net(), small_net()
    _, history = train(model, callbacks=[Interrupt(epoch=1)])
    assert history.interrupted
    assert (len(history), history.best_epoch) == (0, None)
    assert not np.array_equal(model[0].weight.data, untrained[0].weight.data)


def test_without_an_interruption_the_last_weights_stay():
    press = Interrupt(epoch=None)
    model, history = train(epochs=4, callbacks=[press])
    assert not history.interrupted
    np.testing.assert_array_equal(model[0].weight.data, press.states[4]["layers.0.weight"])


def test_a_diverging_loss_ends_in_an_error_that_says_what_to_try_and_restores_the_best_weights():
    x = np.linspace(-1, 1, 64)[:, None]
    press = Interrupt(epoch=None)

    def explode(state):
        if state.epoch == 2:
            state.optimizer.lr = 1e200

    model = small_net(1, 1)
    with pytest.raises(
        GradientError, match=r"loss is (nan|inf) in epoch 3, batch \d. Try a lower learning rate \(it is 1e\+200\)"
    ):
        train(model, (x, x**2), "mse", lr=0.01, epochs=5, callbacks=[press, explode])
    np.testing.assert_array_equal(model[0].weight.data, press.states[2]["layers.0.weight"])
    assert press.ended


def test_callbacks_hear_every_event_in_order_and_functions_hear_the_end_of_epochs():
    heard = []

    class Listener(Callback):
        def on_train_begin(self, state):
            heard.append("train")

        def on_epoch_begin(self, state):
            heard.append(f"epoch {state.epoch}")

        def on_batch_end(self, state):
            heard.append(f"batch {state.batch}/{state.batches}")

        def on_epoch_end(self, state):
            heard.append(f"end {state.numbers.keys() == {'loss', 'accuracy'}} {len(state.history)}")

        def on_train_end(self, state):
            heard.append("done")

    train(epochs=1, batch_size=40, callbacks=[Listener(), lambda state: heard.append(f"function {state.epoch}")])
    assert heard == ["train", "epoch 1", "batch 1/2", "batch 2/2", "end True 1", "function 1", "done"]


def test_a_callback_stops_the_training():
    def stop(state):
        state.stop = state.epoch == 2

    _, history = train(epochs=10, callbacks=[stop])
    assert history.epochs == [1, 2]
    assert not history.interrupted


@pytest.mark.parametrize("bad", [[3], [Callback], Callback(), print])
def test_what_is_not_a_list_of_callbacks_is_refused(bad):
    with pytest.raises(ArgumentError, match="callbacks: expected"):
        train(callbacks=bad)


class Watcher(Dropout):
    """Notes the mode at each call."""

    def __init__(self):
        super().__init__(0.5, rng=0)
        self.modes = []

    def forward(self, x):
        self.modes.append(self.training)
        return super().forward(x)


def test_validation_runs_in_evaluation_mode_and_every_mode_is_given_back():
    watcher, frozen = Watcher(), Watcher()
    model = Sequential(Dense(2, 4, rng=0), watcher, frozen, Dense(4, 2, rng=0))
    frozen.eval()
    train(model, epochs=1, batch_size=40, validation=xor(10, rng=0), compile=False)
    assert watcher.modes == [True, True, False]
    assert watcher.training
    assert not frozen.training
    predict(model, np.zeros((3, 2)))
    assert watcher.modes[-1] is False
    assert watcher.training


def test_a_failing_model_gets_its_modes_back_too():
    model = Sequential(Dense(2, 2), Dense(3, 2))
    model.eval()
    with pytest.raises(ValueError, match="expected an input of shape"):
        train(model)
    assert not model.training


def test_evaluation_records_nothing():
    seen = []

    def loss(outputs, targets):
        seen.append(outputs.parents)
        return mse(outputs, targets)

    evaluate(Dense(2, 2, rng=0), (np.ones((5, 2)), np.ones((5, 2))), loss)
    assert seen == [()]


def test_evaluate_and_predict_do_not_depend_on_the_batch_size():
    model, data = small_net(), xor(21, noise=0.1, rng=0)
    whole = evaluate(model, data, "softmax_cross_entropy", ["accuracy"], batch_size=100)
    parts = evaluate(model, data, "softmax_cross_entropy", ["accuracy"], batch_size=4)
    assert parts == pytest.approx(whole, rel=1e-12)
    with no_grad():
        expected = model(data[0]).data
    np.testing.assert_allclose(predict(model, data[0], batch_size=4), expected, rtol=1e-14)
    assert type(predict(model, data[0])) is np.ndarray


def test_metrics_are_names_and_functions():
    def largest(outputs, targets):
        return float(np.max(outputs.data))

    _, history = train(metrics=["accuracy", largest], epochs=2)
    assert list(history.keys()) == ["loss", "accuracy", "largest"]
    assert list(train(metrics=[], epochs=1)[1].keys()) == ["loss"]
    with pytest.raises(ArgumentError, match="metrics: expected a list"):
        train(metrics=accuracy)


X, Y = xor(20, rng=0)


def with_nan():
    x = X.copy()
    x[3, 1] = np.nan
    return x


@pytest.mark.parametrize(("data", "options", "message"), [
    ((X, Y), {"batch_size": 21}, r"batch_size must lie between 1 and the number of samples \(20\), but is 21"),
    ((X, Y), {"batch_size": 17, "validation": 0.2}, r"number of samples \(16\), but is 17"),
    ((X, Y), {"batch_size": 0}, "batch_size"),
    ((X, Y), {"validation": 1.5}, "test_fraction"),
    ((X, Y[:-1]), {}, "got 20 inputs and 19 targets"),
    ((X[:0], Y[:0]), {}, "at least one, got 0 inputs"),
    ((with_nan(), Y), {}, r"the inputs hold nan at \[3, 1\] \(1 entries are not finite\)"),
    ((X, np.array(["a"] * 20)), {}, "the targets must be numbers, got an array of <U1"),
    (X, {}, r"expected a pair \(inputs, targets\), got ndarray"),
    ((X, Y), {"validation": (X, Y[:3])}, "validation: expected as many targets as inputs"),
])  # fmt: skip
def test_data_that_cannot_be_trained_on_is_refused_before_anything_changes(data, options, message):
    model, untouched = small_net(), small_net()
    with pytest.raises(DataError, match=message):
        train(model, data, **{"batch_size": 4, **options})
    np.testing.assert_array_equal(model[0].weight.data, untouched[0].weight.data)


def test_an_unknown_loss_and_a_model_that_is_none_are_refused():
    with pytest.raises(ArgumentError, match="loss: none is called 'cross'"):
        train(loss="cross")
    with pytest.raises(ArgumentError, match="the model must be a Module, got function"):
        fit(lambda x: x, (X, Y), "mse", Adam([small_net()[0].weight]), 1)


def test_sizes_that_are_not_positive_whole_numbers_are_refused():
    with pytest.raises(ArgumentError, match="fit: epochs must be a positive whole number, got 0"):
        train(epochs=0)
    with pytest.raises(ArgumentError, match="predict: batch_size must be a positive whole number, got -1"):
        predict(small_net(), X, batch_size=-1)
    with pytest.raises(ArgumentError, match="evaluate: batch_size"):
        evaluate(small_net(), (X, Y), "softmax_cross_entropy", batch_size=0)


def test_the_text_progress_is_one_line_an_epoch():
    out = io.StringIO()
    _, history = train(epochs=2, callbacks=[TextProgress(out)])
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"epoch 2/2: loss {history['loss'][-1]:.4g}, accuracy ")


def test_without_tqdm_progress_is_text_on_standard_error(monkeypatch, capsys):
    for name in [name for name in sys.modules if name.partition(".")[0] == "tqdm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert isinstance(progress_callback(), TextProgress)
    train(epochs=2, progress=True)
    captured = capsys.readouterr()
    assert captured.err.count("epoch ") == 2
    assert captured.out == ""


def test_with_tqdm_progress_is_a_bar_that_ends_with_the_last_numbers(capsys):
    pytest.importorskip("tqdm")
    assert isinstance(progress_callback(), BarProgress)
    _, history = train(epochs=2, progress=True)
    captured = capsys.readouterr()
    last = captured.err.rstrip().rpartition("\r")[2]
    assert "epoch 2/2: 100%" in last
    assert f"loss {history['loss'][-1]:.4g}" in last
    assert captured.out == ""


def test_an_optimizer_of_another_model_is_refused():
    model, other = Sequential(Dense(2, 1, rng=0)), Sequential(Dense(2, 1, rng=0))
    data = (np.ones((4, 2)), np.ones((4, 1)))
    with pytest.raises(ArgumentError, match="no parameter of this model"):
        fit(model, data, "mse", SGD(other.parameters(), lr=0.1), epochs=1, progress=False)
    with pytest.raises(ArgumentError, match="expected an optimizer"):
        fit(model, data, "mse", 0.1, epochs=1, progress=False)


@pytest.mark.parametrize("loss", [lambda out, y: 1.0, lambda out, y: out - y])
def test_a_loss_that_is_not_one_number_is_refused(loss):
    model = Sequential(Dense(2, 1, rng=0))
    with pytest.raises(ArgumentError, match="a Value of one number"):
        fit(model, (np.ones((4, 2)), np.ones((4, 1))), loss, SGD(model.parameters(), lr=0.1), 1, progress=False)
