"""A run that was stopped, by whatever, goes on as if it had not been: to the last bit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tinygrad_edu.errors import ArgumentError, CheckpointError
from tinygrad_edu.nn import L2, BatchNorm1d, Callback, Dense, Dropout, Sequential, fit
from tinygrad_edu.nn.archive import read_archive, write_archive
from tinygrad_edu.nn.callbacks import EarlyStopping
from tinygrad_edu.nn.data import xor
from tinygrad_edu.nn.optim import SGD, Adam, OneCycleLR, ReduceLROnPlateau, StepLR

ROOT = Path(__file__).parents[2]
EPOCHS = 9


def run(epochs=EPOCHS, callbacks=(), seed=3, optimizer=None, rng=5, make_callbacks=None, **options):
    """A run in which everything that can be random is: start, dropout, order, who is held out."""
    generator = np.random.default_rng(seed)
    model = Sequential(Dense(2, 8, activation="tanh", rng=generator), Dropout(0.3, rng=generator), Dense(8, 2, rng=9))
    chosen = optimizer(model) if optimizer else Adam(model.parameters(), lr=0.05, amsgrad=True)
    callbacks = [*callbacks, *(make_callbacks(chosen) if make_callbacks else ())]
    history = fit(
        model, xor(60, noise=0.2, rng=0), "softmax_cross_entropy", chosen, epochs,
        batch_size=16, validation=0.25, rng=rng, callbacks=callbacks, progress=False, **options,
    )  # fmt: skip
    return model, chosen, history


def same(one, other):
    (model, optimizer, history), (model2, optimizer2, history2) = one, other
    assert history.metrics == history2.metrics
    assert (history.epochs, history.best_epoch) == (history2.epochs, history2.best_epoch)
    for ours, theirs in zip(model.parameters(), model2.parameters(), strict=True):
        assert ours.data.tobytes() == theirs.data.tobytes()
    for ours, theirs in zip(optimizer.state, optimizer2.state, strict=True):
        assert ours.keys() == theirs.keys()
        assert all(np.asarray(ours[key]).tobytes() == np.asarray(theirs[key]).tobytes() for key in ours)
    assert [{**g, "params": 0} for g in optimizer.param_groups] == [{**g, "params": 0} for g in optimizer2.param_groups]


class Crash(Callback):
    """Ends the program, as an exception does, at a batch of an epoch; its state is no part of the run's."""

    def __init__(self, epoch, batch=None):
        self.at = (epoch, batch)

    def on_batch_end(self, state):
        if (state.epoch, state.batch) == self.at:
            raise MemoryError

    def on_epoch_end(self, state):
        if (state.epoch, None) == self.at:
            raise MemoryError


SCHEDULES = {
    "none": lambda optimizer: [],
    "step": lambda optimizer: [StepLR(optimizer, 2, 0.5)],
    "one cycle": lambda optimizer: [OneCycleLR(optimizer, 0.1, epochs=EPOCHS, steps_per_epoch=3)],
    "plateau": lambda optimizer: [ReduceLROnPlateau(optimizer, patience=0, factor=0.5)],
    "early stopping": lambda optimizer: [EarlyStopping(patience=2, min_delta=0.1)],
}


@pytest.mark.parametrize("at", [(1, 1), (1, None), (2, 2), (4, 1), (4, None), (9, None)])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_crash_anywhere_changes_nothing_in_the_end(schedule, at, tmp_path):
    make = SCHEDULES[schedule]
    whole = run(callbacks=[Crash(None)], make_callbacks=make)
    path = tmp_path / "run.npz"
    if at[0] <= len(whole[2]):
        with pytest.raises(MemoryError):
            run(callbacks=[Crash(*at)], make_callbacks=make, checkpoint=path)
    same(run(callbacks=[Crash(None)], make_callbacks=make, checkpoint=path), whole)


def test_a_checkpoint_changes_nothing_in_a_run_and_its_bytes_do_not_depend_on_the_crashes(tmp_path):
    whole = run(callbacks=[Crash(None)], checkpoint=tmp_path / "a.npz")
    same(whole, run(callbacks=[Crash(None)]))
    for epoch in (2, 3, 7):
        with pytest.raises(MemoryError):
            run(callbacks=[Crash(epoch, 2)], checkpoint=tmp_path / "b.npz")
    run(callbacks=[Crash(None)], checkpoint=tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def with_statistics(epochs, path=None, crash=None):
    """A run of a model that keeps running statistics, in the style of Keras."""
    model = Sequential(Dense(2, 6, rng=0), BatchNorm1d(6), Dense(6, 2, rng=1))
    optimizer = Adam(model.parameters(), lr=0.05)
    history = fit(
        model, xor(60, noise=0.2, rng=0), "softmax_cross_entropy", optimizer, epochs, batch_size=16, rng=2,
        validation=0.25, callbacks=[Crash(crash)], checkpoint=path, progress=False, penalty=L2(1e-3), metrics=["f1"],
    )  # fmt: skip
    return model, optimizer, history


def test_running_statistics_go_on_too(tmp_path):
    whole = with_statistics(6)
    with pytest.raises(MemoryError):
        with_statistics(6, tmp_path / "run.npz", crash=3)
    resumed = with_statistics(6, tmp_path / "run.npz")
    same(resumed, whole)
    buffers = dict(whole[0].named_buffers())
    assert buffers, "the test is about buffers"
    for name, buffer in resumed[0].named_buffers():
        assert buffer.data.tobytes() == buffers[name].data.tobytes()


def test_a_finished_run_is_given_back_at_once_and_more_epochs_continue_it(tmp_path):
    path = tmp_path / "run.npz"
    run(epochs=4, checkpoint=path)
    before = path.read_bytes()
    same(run(epochs=4, checkpoint=path), run(epochs=4))
    assert path.read_bytes() == before
    same(run(epochs=6, checkpoint=path), run(epochs=6))


def test_a_run_that_stopped_early_stays_stopped_with_its_best_weights(tmp_path):
    path = tmp_path / "run.npz"
    make = SCHEDULES["early stopping"]
    first = run(make_callbacks=make, checkpoint=path, epochs=40)
    assert len(first[2]) < 40, "the test is about stopping"
    same(run(make_callbacks=make, checkpoint=path, epochs=40), first)


def test_without_a_seed_the_same_samples_are_held_out_again(tmp_path):
    path = tmp_path / "run.npz"
    run(epochs=1, rng=None, checkpoint=path)
    drawn = read_archive(path)["start"]["rng"]
    generator = np.random.default_rng()
    generator.bit_generator.state = drawn
    same(run(epochs=3, rng=None, checkpoint=path), run(epochs=3, rng=generator))


@pytest.mark.parametrize(
    "optimizer", [lambda m: SGD(m.parameters(), 0.1, momentum=0.9), lambda m: Adam(m.parameters())]
)
def test_ctrl_c_keeps_the_last_epoch_in_the_file_and_the_best_in_the_model(optimizer, tmp_path):
    class Press(Callback):
        def __init__(self, epoch):
            self.epoch = epoch

        def on_batch_end(self, state):
            if state.epoch == self.epoch:
                raise KeyboardInterrupt

    path = tmp_path / "run.npz"
    _, _, history = run(callbacks=[Press(5)], optimizer=optimizer, checkpoint=path)
    assert history.interrupted
    assert len(history) == 4
    resumed = run(callbacks=[Press(None)], optimizer=optimizer, checkpoint=path)
    assert not resumed[2].interrupted
    same(resumed, run(callbacks=[Press(None)], optimizer=optimizer))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": lambda m: SGD(m.parameters(), 0.1)}, "saved from a Adam, not from a SGD"),
        ({"callbacks": [EarlyStopping()]}, "a run with 0 callbacks, this one has 1"),
        ({"shuffle": False}, "a run with shuffle=True, this one has batch_size=16, samples=60, shuffle=False"),
    ],
)
def test_the_file_of_another_run_is_refused_and_stays(change, message, tmp_path):
    path = tmp_path / "run.npz"
    run(epochs=2, checkpoint=path)
    before = path.read_bytes()
    rng = np.random.default_rng(5)
    drawn = rng.bit_generator.state
    with pytest.raises(CheckpointError, match=message):
        run(checkpoint=path, rng=rng, **change)
    assert path.read_bytes() == before
    assert rng.bit_generator.state == drawn


def test_the_file_of_another_model_is_refused_and_changes_nothing(tmp_path):
    path = tmp_path / "run.npz"
    run(epochs=2, checkpoint=path)
    other = Sequential(Dense(2, 4, rng=0), Dense(4, 2, rng=1))
    before, optimizer = other.state_dict(), Adam(other.parameters())
    with pytest.raises(CheckpointError, match=r"run\.npz: the state does not fit this Sequential"):
        fit(
            other, xor(60, rng=0), "softmax_cross_entropy", optimizer, 3, batch_size=16, checkpoint=path, progress=False
        )
    assert all((other.state_dict()[name] == array).all() for name, array in before.items())
    assert optimizer.state == [{}] * 4


def test_files_that_are_no_runs_and_folders_that_are_not_there_are_refused(tmp_path):
    path = write_archive(tmp_path / "other.npz", {"a": 1})
    with pytest.raises(CheckpointError, match=r"not one that fit\(checkpoint=...\) wrote"):
        run(checkpoint=path)
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(CheckpointError, match="no whole checkpoint"):
        run(checkpoint=tmp_path / "text.npz")
    with pytest.raises(ArgumentError, match=r"no folder .*nowhere"):
        run(checkpoint=tmp_path / "nowhere" / "run.npz")


PROGRAM = """
import sys, numpy as np
sys.path.insert(0, {tests!r})
from test_resume import run
from tinygrad_edu.nn.callbacks import CSVLogger, EarlyStopping, ModelCheckpoint
from tinygrad_edu.nn.optim import StepLR
folder = sys.argv[1]
print("ready", flush=True)
def callbacks(optimizer):
    return [StepLR(optimizer, 3), EarlyStopping(patience=10**6), CSVLogger(folder + "/run.csv"),
            ModelCheckpoint(folder + "/best.npz")]
model, _, history = run(epochs=int(sys.argv[2]), make_callbacks=callbacks, checkpoint=folder + "/run.npz")
print("done", flush=True)
"""


def start(folder, epochs):
    code = PROGRAM.format(tests=str(Path(__file__).parent))
    command = [sys.executable, "-c", code, str(folder), str(epochs)]
    program = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    )
    assert program.stdout.readline() == "ready\n"
    return program


def kill_until(folder, epochs, kills, rng):
    """Kill the run at random moments, start it again each time, then let it finish; how many kills hit it running."""
    hits = 0
    for _ in range(kills):
        program = start(folder, epochs)
        time.sleep(rng.uniform(0.0, 0.05))
        program.send_signal(signal.SIGKILL)
        output = program.communicate()[0]
        hits += "done" not in output
        path = folder / "run.npz"
        if path.exists():
            saved = read_archive(path)  # whole, whenever the program was killed
            assert len(saved["history"]["epochs"]) == saved["epoch"]
        assert {file.name for file in folder.iterdir() if not file.name.endswith(".part")} <= FILES
        if (folder / "best.npz").exists():
            read_archive(folder / "best.npz")
    program = start(folder, epochs)
    assert "done" in program.communicate()[0]
    return hits


FILES = {"run.npz", "best.npz", "run.csv"}


def after_kills(tmp_path, kills, epochs):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    killed.mkdir()
    whole.mkdir()
    hits = kill_until(killed, epochs, kills, np.random.default_rng(kills))
    assert "done" in start(whole, epochs).communicate()[0]
    for name in FILES:
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    return hits


@pytest.mark.skipif(os.name != "posix", reason="needs kill -9")
def test_kill_9_at_random_moments_changes_nothing_in_the_end(tmp_path):
    assert after_kills(tmp_path, kills=3, epochs=60) >= 1


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs kill -9")
def test_fifty_kills_change_nothing_in_the_end(tmp_path):
    assert after_kills(tmp_path, kills=50, epochs=1000) >= 45
