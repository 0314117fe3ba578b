"""Early stopping, best models, monitors and logs do in `fit` what they say."""

import csv
import sys

import numpy as np
import pytest

from tinygrad_edu.errors import ArgumentError, MissingDependencyError
from tinygrad_edu.nn import SGD, Callback, Dense, Sequential, fit
from tinygrad_edu.nn.callbacks import (
    CSVLogger,
    DeadUnits,
    EarlyStopping,
    GradientNorm,
    ModelCheckpoint,
    TensorBoard,
    Watch,
)
from tinygrad_edu.nn.checkpoint import load_checkpoint
from tinygrad_edu.nn.data import xor


class Numbers(Callback):
    """Plays a course of numbers: what callbacks behind it see is not the run's own."""

    def __init__(self, course, name="val_loss"):
        self.course, self.name, self.states = course, name, {}

    def on_epoch_end(self, state):
        state.numbers[self.name] = self.course[state.epoch - 1]
        self.states[state.epoch] = state.model.state_dict()


def train(callbacks, epochs=6, model=None, lr=0.1, **options):
    model = model or Sequential(Dense(2, 6, activation="relu", rng=0), Dense(6, 2, rng=1))
    optimizer = SGD(model.parameters(), lr)
    history = fit(
        model, xor(40, rng=0), "softmax_cross_entropy", optimizer, epochs, batch_size=10, rng=0, progress=False,
        callbacks=callbacks, **options,
    )  # fmt: skip
    return model, history


@pytest.mark.parametrize(
    ("course", "options", "stopped", "best"),
    [
        ([5, 4, 3, 2, 1, 0], {}, None, 6),
        ([5, 4, 4, 3, 2, 1], {}, 3, 2),
        ([5, 4, 4, 3, 3, 2.9], {"patience": 2}, None, 6),
        ([5, 4, 4, 3, 3, 3], {"patience": 2}, 6, 4),
        ([5, 4, 4, 4, 3, 3], {"patience": 2}, 4, 2),
        ([5, 4, 3.5, 3.2, 1, 1], {"patience": 2, "min_delta": 0.6}, None, 5),
        ([5, 4, 3.5, 3.2, 1, 1], {"min_delta": 0.6}, 3, 2),
        ([1, 2, 3, 3, 4, 5], {"mode": "max", "patience": 1}, 4, 3),
        ([5, float("nan"), float("nan"), 3, 3, 3], {"patience": 2}, 3, 1),
    ],
)
def test_early_stopping_waits_for_its_patience_and_restores_the_best(course, options, stopped, best):
    numbers, stop = Numbers(course), EarlyStopping("val_loss", **options)
    model, history = train([numbers, stop])
    assert stop.stopped_epoch == stopped
    assert len(history) == (stopped or 6)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, numbers.states[best][name])


def test_early_stopping_leaves_the_last_weights_when_asked_to():
    numbers = Numbers([5, 4, 4, 4, 3, 3])
    model, history = train([numbers, EarlyStopping(patience=2, restore_best=False)])
    assert len(history) == 4
    np.testing.assert_array_equal(model[0].weight.data, numbers.states[4]["layers.0.weight"])


def test_early_stopping_begins_anew_with_each_run():
    stop = EarlyStopping("val_loss")
    assert len(train([Numbers([1, 2, 3, 4, 5, 6]), stop])[1]) == 2
    assert len(train([Numbers([9, 8, 7, 6, 5, 4]), stop])[1]) == 6


def test_what_is_watched_is_the_validation_loss_then_the_loss_and_names_tell_the_way():
    assert Watch().value({"loss": 1.0, "val_loss": 2.0}) == 2.0
    assert Watch().value({"loss": 1.0}) == 1.0
    assert [Watch(name).sign for name in ("loss", "val_accuracy", "top_k_accuracy", "f1", "mae")] == [1, -1, -1, -1, 1]
    with pytest.raises(ArgumentError, match="no number called 'f1' to watch; there are loss, accuracy"):
        train([EarlyStopping("f1")])
    with pytest.raises(ArgumentError, match="mode must be 'auto', 'min' or 'max'"):
        EarlyStopping(mode="low")


def test_the_best_model_is_kept_in_a_file(tmp_path):
    numbers = Numbers([5, 3, 4, 2, 3, 3])
    train([numbers, ModelCheckpoint(tmp_path / "best.npz")])
    other = Sequential(Dense(2, 6, rng=5), Dense(6, 2, rng=6))
    found = load_checkpoint(tmp_path / "best.npz", other, SGD(other.parameters(), 0.9))
    assert (found.epoch, found.history.epochs) == (4, [1, 2, 3, 4])
    np.testing.assert_array_equal(other[0].weight.data, numbers.states[4]["layers.0.weight"])
    assert [file.name for file in tmp_path.iterdir()] == ["best.npz"]


def test_a_model_is_saved_every_so_many_epochs(tmp_path):
    train([ModelCheckpoint(tmp_path / "at_{epoch}.npz", every=2)])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["at_2.npz", "at_4.npz", "at_6.npz"]
    with pytest.raises(ArgumentError, match="ModelCheckpoint: every must be a positive whole number, got 0"):
        ModelCheckpoint("a", every=0)


def test_the_gradient_norm_is_that_of_all_parameters_averaged_over_batches():
    norms = []

    class ByHand(Callback):
        def on_backward_end(self, state):
            norms.append(np.sqrt(sum(np.square(p.grad).sum() for p in state.model.parameters())))

    monitor = GradientNorm()
    _, history = train([ByHand(), monitor], epochs=2)
    assert len(norms) == 8
    assert history["gradient_norm"] == pytest.approx([np.mean(norms[:4]), np.mean(norms[4:])], rel=1e-12)
    assert monitor.norms == pytest.approx(norms[4:], rel=1e-12)


def test_dead_units_are_those_that_are_zero_on_the_whole_batch():
    inputs = np.array([[1.0, 0.0], [0.0, 1.0]])
    model = Sequential(Dense(2, 4, activation="relu", rng=0), Dense(4, 3, activation="relu", rng=1), Dense(3, 2, rng=2))
    model[0].weight.data[:] = [[1, -1, -1, 1], [-1, 1, -1, 1]]
    model[1].weight.data[:] = 1.0
    model[1].bias.data[:] = [0.0, -99.0, -99.0]
    monitor = DeadUnits(inputs)
    assert monitor.measure(model) == pytest.approx((1 + 2) / 7)
    assert monitor.fractions == {"sequential/layer0": 0.25, "sequential/layer1": pytest.approx(2 / 3)}
    assert model.training


def test_dead_units_are_counted_after_each_epoch_without_disturbing_the_run():
    inputs = xor(40, rng=0)[0]
    plain_model, plain = train([], epochs=3)
    model, history = train([DeadUnits(inputs)], epochs=3)
    assert history["loss"] == plain["loss"]
    np.testing.assert_array_equal(model[0].weight.data, plain_model[0].weight.data)
    assert history["dead_units"][-1] == DeadUnits(inputs).measure(model)
    assert len(history["dead_units"]) == 3
    killed, _ = train([], epochs=1)
    killed[0].bias.data[:] = -99.0
    assert DeadUnits(inputs).measure(killed) == 1.0


def test_a_model_without_relu_has_no_dead_units():
    with pytest.raises(ArgumentError, match="there is no relu in the model"):
        DeadUnits(np.zeros((2, 2))).measure(Dense(2, 2))


def test_the_csv_file_is_the_history(tmp_path):
    (tmp_path / "run.csv").write_text("an older run")
    _, history = train([CSVLogger(tmp_path / "run.csv")], epochs=3, validation=0.25)
    with (tmp_path / "run.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    for name, numbers in history.items():
        assert [float(row[name]) for row in rows] == numbers


def test_numbers_that_begin_later_stand_in_their_lines(tmp_path):
    class Late(Callback):
        def on_batch_end(self, state):
            if state.epoch > 1:
                state.numbers["late"] = float(state.epoch)

    train([Late(), CSVLogger(tmp_path / "run.csv")], epochs=3)
    with (tmp_path / "run.csv").open(newline="") as file:
        assert [row["late"] for row in csv.DictReader(file)] == ["", "2.0", "3.0"]


def written_events(folder):
    """What the only events file in a folder holds: by tag, the value of each step."""
    from tensorboardX.proto.event_pb2 import Event

    (file,) = folder.iterdir()
    found, raw = {}, file.read_bytes()
    while raw:
        length = int.from_bytes(raw[:8], "little")
        event = Event.FromString(raw[12 : 12 + length])
        raw = raw[16 + length :]
        for value in event.summary.value:
            found.setdefault(value.tag, {})[event.step] = value
    return found


@pytest.mark.filterwarnings("default")  # protobuf's own deprecations are not ours
def test_tensorboard_gets_the_numbers_of_each_epoch(tmp_path):
    pytest.importorskip("tensorboardX")
    _, history = train([TensorBoard(tmp_path)], epochs=3)
    found = {tag: [one.simple_value for one in steps.values()] for tag, steps in written_events(tmp_path).items()}
    assert found["loss"] == pytest.approx(history["loss"], rel=1e-6)
    assert found["lr"] == pytest.approx([0.1] * 3)
    assert set(found) == {"loss", "accuracy", "lr"}


@pytest.mark.filterwarnings("default")
def test_tensorboard_gets_histograms_of_the_parameters_as_often_as_asked(tmp_path):
    pytest.importorskip("tensorboardX")
    model, _ = train([TensorBoard(tmp_path, histogram_freq=2)], epochs=5)
    found = written_events(tmp_path)
    for name, parameter in model.named_parameters():
        assert set(found[name]) == {2, 4}
        histogram = found[name][4].histo
        assert histogram.num == sum(histogram.bucket) == parameter.size
    with pytest.raises(ArgumentError, match=r"histogram_freq must be a positive whole number, got 0\.5"):
        TensorBoard(tmp_path, histogram_freq=0.5)


def test_without_tensorboardx_the_install_line_is_given(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingDependencyError, match=r"tinygrad_edu\[train\]"):
        TensorBoard("runs")


def test_callbacks_hear_the_end_of_the_backward_pass_before_the_step():
    seen = []

    class Listener(Callback):
        def on_backward_end(self, state):
            seen.append((state.model.parameters()[0].grad is not None, state.model.state_dict()["layers.0.weight"]))

        def on_batch_end(self, state):
            seen.append(state.model.state_dict()["layers.0.weight"])

    train([Listener()], epochs=1)
    assert all(there for there, _ in seen[::2])
    assert all(not np.array_equal(before, after) for (_, before), after in zip(seen[::2], seen[1::2], strict=True))
