"""What `fit` leaves out between batches where none but plans runs there, and keeps from one run for the next."""

import copy
import pickle

import numpy as np
import pytest

from tinygrad_edu import nn
from tinygrad_edu.compiler import training
from tinygrad_edu.compiler.record import record_call
from tinygrad_edu.errors import DataError, ShapeError
from tinygrad_edu.nn.callbacks import LearningRateScheduler, heard
from tinygrad_edu.nn.data import blobs, minibatches, moons
from tinygrad_edu.nn.feed import Feed
from tinygrad_edu.nn.measure import WAITING, Averages, Measure
from tinygrad_edu.nn.step import UNSEEN, Stepper

DATA = moons(200, noise=0.2, rng=0)


class Listening(nn.Callback):
    """Hears each batch, and so keeps `fit` at its most careful."""

    def __init__(self):
        self.heard = []

    def on_batch_end(self, state):
        self.heard.append(dict(state.numbers))


def made(dtype=np.float64):
    first, last = nn.Dense(2, 8, activation="relu", rng=0, dtype=dtype), nn.Dense(8, 2, rng=1, dtype=dtype)
    return nn.Sequential(first, nn.Dropout(0.2, rng=3), last)


def trained(model, optimizer, epochs=2, **options):
    options = {"rng": 0, "progress": False, "batch_size": 8, **options}
    return nn.fit(model, DATA, "softmax_cross_entropy", optimizer, epochs, **options)


def assert_alike(ours, theirs, rtol=1e-7):
    for name, array in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name], array, rtol=rtol, atol=1e-10, err_msg=name)


# -- batches


def test_a_batch_is_nobody_elses_memory():
    x, y = np.arange(20.0), np.arange(20)
    for shuffle in (False, True):
        seen = []
        for a, b in minibatches((x, y), 3, rng=0, shuffle=shuffle):
            seen += a.tolist()
            a[:], b[:] = -1.0, -1
        assert sorted(seen) == x.tolist() == list(range(20))
    assert y.tolist() == list(range(20))


def test_batches_are_the_same_however_many_are_taken_at_a_time(monkeypatch):
    x, y = np.random.default_rng(0).normal(size=(50, 3)), np.arange(50)
    runs = []
    for block in (1, 400, 1 << 20):
        monkeypatch.setattr("tinygrad_edu.nn.data.batches.BLOCK", block)
        runs.append([(a.tolist(), b.tolist()) for a, b in minibatches((x, y), 8, rng=1)])
    assert runs[0] == runs[1] == runs[2]
    assert [len(labels) for _, labels in runs[0]] == [8] * 6 + [2]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_data_are_refused_for_one_number_that_is_none_and_not_for_a_sum_that_is_too_large(bad):
    large = np.full((4, 2), np.finfo(np.float32).max, np.float32)
    assert len(Feed.of("data", (large, np.arange(4)))) == 4
    large[2, 1], large[3, 0] = bad, -bad
    with pytest.raises(DataError, match=r"at \[2, 1\] \(2 entries are not finite\)"):
        Feed.of("data", (large, np.arange(4)))


# -- metrics


@pytest.mark.parametrize("compile", [None, False])
def test_nobody_listening_changes_no_number(compile):
    runs = []
    for callbacks in ([], [Listening()]):
        model = made()
        history = trained(
            model, nn.Adam(model.parameters()), batch_size=24, metrics=["accuracy", "f1"], callbacks=callbacks,
            compile=compile,
        )  # fmt: skip
        runs.append((model, history))
    (alone, history), (heard, expected) = runs
    for name, array in heard.state_dict().items():
        np.testing.assert_array_equal(alone.state_dict()[name], array)
    assert list(history.keys()) == list(expected.keys()) == ["loss", "accuracy", "f1"]
    for name, numbers in expected.items():
        np.testing.assert_allclose(history[name], numbers, rtol=1e-14)


def test_metrics_of_batches_that_waited_are_the_mean_over_all_samples():
    rng = np.random.default_rng(0)
    measure = Measure.of("softmax_cross_entropy", ["accuracy", "mae"])
    shapes = [(32, 10)] * 9 + [(5, 10)] + [(32, WAITING // 64)] * 3 + [(32, 10)] * 4
    for targets_of in (lambda scores: rng.random(scores.shape), lambda scores: rng.integers(0, 2, scores.shape)):
        averages, one_by_one, right = measure.averages(), measure.averages(), 0.0
        for shape in shapes:
            scores = rng.random(shape)
            targets = targets_of(scores)
            averages.add(shape[0], {"loss": 1.0}, scores, targets, lasting=True)
            one_by_one.add(shape[0], {"loss": 1.0}, scores, targets)
            right += shape[0] * nn.accuracy(scores, targets)
        found, expected = averages.means(), one_by_one.means()
        assert found == pytest.approx(expected, rel=1e-13)
        assert found["accuracy"] == pytest.approx(right / sum(n for n, _ in shapes), rel=1e-13)


def test_a_metric_of_the_users_is_asked_batch_by_batch():
    asked = []

    def margin(scores, labels):
        asked.append(len(labels))
        return 0.5

    averages = Averages({"accuracy": nn.accuracy, "margin": margin})
    assert not averages.ours
    for _ in range(4):
        averages.add(3, {"loss": 1.0}, np.eye(3), np.arange(3), lasting=True)
    assert asked == [3, 3, 3, 3]
    assert averages.means() == {"loss": 1.0, "accuracy": 1.0, "margin": 0.5}


def test_a_metric_that_does_not_suit_the_outputs_fails_at_the_first_batch():
    model = nn.Dense(2, 3, rng=0)
    batches = []

    class Noting(nn.Callback):
        def on_train_end(self, state):
            batches.append(state.batch)

    data = DATA[0], np.zeros((200, 3, 1))
    optimizer = nn.SGD(model.parameters(), lr=0.0)
    with pytest.raises(ShapeError):
        nn.fit(
            model, data, lambda outputs, targets: (outputs**2).mean(), optimizer, 1, batch_size=8, metrics=["accuracy"],
            callbacks=[Noting()], progress=False,
        )  # fmt: skip
    assert batches == [1]


def test_a_run_that_is_interrupted_has_the_averages_until_then():
    seen, asked = [], []

    def interrupting(outputs, targets):
        asked.append(0)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return float(len(asked))

    class Noting(nn.Callback):
        def on_train_end(self, state):
            seen.append(state.numbers)

    model = made()
    history = trained(model, nn.SGD(model.parameters(), lr=0.1), metrics=[interrupting], callbacks=[Noting()])
    assert history.interrupted
    assert seen[0]["interrupting"] == pytest.approx((1 + 2 + 3) / 4)  # of the batch that failed there is the loss alone
    assert seen[0]["loss"] > 0


def test_a_schedule_hears_batches_only_if_it_steps_by_them():
    optimizer = nn.SGD(made().parameters(), lr=0.1)
    schedule = nn.StepLR(optimizer, 3, gamma=0.5)
    by_epochs, by_batches = (LearningRateScheduler(schedule, every) for every in ("epoch", "batch"))
    assert heard([by_epochs, by_batches], "on_batch_end") == [by_batches.on_batch_end]


# -- looks at what lies outside


def test_a_setting_that_a_callback_changes_holds_from_the_next_batch_on():
    runs = []
    for compile in (False, True):
        model = made()

        class Weakening(nn.Callback):
            def on_batch_end(self, state):
                state.model[1].p = 0.5 if state.batch % 7 else 0.1

        trained(model, nn.Adam(model.parameters()), compile=compile, callbacks=[Weakening()])
        runs.append(model)
    assert_alike(*runs)


def test_a_setting_that_another_thread_changes_is_seen_after_a_few_batches():
    model = made()
    state = nn.callbacks.TrainingState(model, nn.SGD(model.parameters(), lr=1e-9), nn.History(), 1, 25)
    stepper = Stepper(state, Measure.of("softmax_cross_entropy", None), None, compile=True)
    model.train()
    stepper.begin(alone=True)
    batch = next(Feed.of("data", DATA).in_order(8))

    def step():
        _, outputs = stepper.gradients(batch)
        stepper.update()
        return outputs

    for _ in range(2 * UNSEEN):
        step()
    model[1].p = 0.0
    for _ in range(UNSEEN + 1):
        outputs = step()
    np.testing.assert_allclose(outputs, model.eval()(batch.inputs[0]).data, rtol=1e-5)


# -- from one run to the next


def test_a_second_run_makes_no_plan_and_goes_on_as_one_that_is_not_compiled(monkeypatch):
    recorded = []

    def noted(*args, **options):
        recorded.append(args)
        return record_call(*args, **options)

    monkeypatch.setattr(training, "record_call", noted)
    quick, slow = made(), made()
    moving, plain = nn.Adam(quick.parameters()), nn.Adam(slow.parameters())
    trained(quick, moving)
    assert len(recorded) == 2  # and once more to compare
    assert trained(quick, moving, rng=1).compiled is True
    assert len(recorded) == 3  # to compare
    for seed in (0, 1):
        trained(slow, plain, rng=seed, compile=False)
    assert_alike(quick, slow)


def step_by_hand(model, optimizer):
    optimizer.zero_grad()
    nn.softmax_cross_entropy(model(DATA[0][:30]), DATA[1][:30]).backward()
    optimizer.step()


def load_other_numbers(model, optimizer):
    model.load_state_dict({name: 0.5 * array for name, array in model.state_dict().items()})
    optimizer.load_state_dict(optimizer.state_dict())


def double_precision(model, optimizer):
    for parameter, state in zip(model.parameters(), optimizer.state, strict=True):
        parameter.data = parameter.data.astype(np.float64)
        state.update({name: x.astype(np.float64) for name, x in state.items() if isinstance(x, np.ndarray)})


def forget_moments(model, optimizer):
    for state in optimizer.state:
        state.clear()


def other_moments(model, optimizer):
    for state in optimizer.state:
        state.update({name: 0.25 * x for name, x in state.items() if isinstance(x, np.ndarray)})


def weaken(model, optimizer):
    model[1].p = 0.4


def other_rates(model, optimizer):
    optimizer.lr *= 3
    optimizer.param_groups[0]["weight_decay"] = 0.1


@pytest.mark.parametrize(
    "meanwhile",
    [step_by_hand, load_other_numbers, double_precision, forget_moments, other_moments, weaken, other_rates],
)  # fmt: skip
def test_what_is_done_between_two_runs_counts(meanwhile):
    runs = []
    for compile in (False, True):
        model = made(dtype=np.float32)
        optimizer = nn.Adam(model.parameters(), lr=0.01)
        trained(model, optimizer, compile=compile)
        meanwhile(model, optimizer)
        trained(model, optimizer, rng=1, compile=compile)
        runs.append(model)
    assert_alike(runs[1], runs[0], rtol=2e-3)
    assert runs[0].parameters()[0].data.dtype == runs[1].parameters()[0].data.dtype


def test_a_second_run_may_train_other_parameters_by_another_loss():
    runs = []
    for compile in (False, True):
        body, heads = nn.Dense(2, 6, activation="tanh", rng=0), [nn.Dense(6, 2, rng=1), nn.Dense(6, 2, rng=2)]
        chosen = [0]

        class Forked(nn.Module):
            def __init__(self, body, heads, chosen):
                self.body, self.heads, self.chosen = body, heads, chosen

            def forward(self, x):
                return self.heads[self.chosen[0]](self.body(x))

        model = Forked(body, heads, chosen)
        optimizer = nn.SGD(model.parameters(), lr=0.1, momentum=0.9)
        trained(model, optimizer, compile=compile)
        chosen[0] = 1
        history = trained(model, optimizer, rng=1, compile=compile)
        assert history.compiled is True or not compile
        nn.fit(model, DATA, "hinge", optimizer, 1, rng=2, progress=False, compile=compile)
        runs.append(model)
    assert_alike(*runs)


def test_a_number_that_no_plan_can_see_is_looked_at_again_in_each_run():
    runs = []
    for compile in (False, True):
        table = np.zeros(100_000)  # of which a plan compares a sample

        class Scaled(nn.Module):
            def __init__(self, table):
                self.dense, self.table = nn.Dense(2, 2, rng=0), table

            def forward(self, x):
                return self.dense(x) * (1.0 + self.table.max())

        model = Scaled(table)
        optimizer = nn.SGD(model.parameters(), lr=0.1)
        trained(model, optimizer, compile=compile)
        table[1] = 3.0
        history = trained(model, optimizer, rng=1, compile=compile)
        assert history.compiled is True or not compile
        runs.append(model)
    assert_alike(*runs)


def test_a_copy_of_a_trained_model_trains_by_itself():
    model = made()
    model.compile("adam", "softmax_cross_entropy")
    options = {"batch_size": 8, "progress": False}
    model.fit(*DATA, rng=0, **options)
    for twin in (copy.deepcopy(model), copy.copy(model)):
        assert twin.optimizer is not None
    twin, before = copy.deepcopy(model), model.state_dict()
    twin.fit(*DATA, rng=1, **options)
    for name, array in before.items():
        np.testing.assert_array_equal(model.state_dict()[name], array)
    model.fit(*DATA, rng=1, **options)
    assert_alike(model, twin)


def test_a_copy_of_an_optimizer_goes_by_its_own_options():
    model = made()
    optimizer = nn.SGD(model.parameters(), lr=0.1)
    trained(model, optimizer)
    before, twin = model.state_dict(), copy.copy(optimizer)
    twin.param_groups = [{**optimizer.param_groups[0], "lr": 0.0}]
    trained(model, twin)
    for name, array in before.items():
        np.testing.assert_array_equal(model.state_dict()[name], array)


def test_an_optimizer_that_has_trained_can_be_pickled_as_before():
    model = nn.Dense(2, 2, rng=0)
    optimizer = nn.Adam(model.parameters())
    trained(model, optimizer)
    assert optimizer.kept.step is not None
    assert pickle.loads(pickle.dumps(optimizer.kept)).step is None


def test_a_run_in_a_callback_of_a_run_does_not_disturb_it():
    model = made()
    optimizer = nn.SGD(model.parameters(), lr=0.1)
    inner = []

    def again(state):
        if not inner:
            inner.append(1)
            inner.append(trained(model, optimizer, epochs=1, rng=5))

    trained(model, optimizer)
    history = trained(model, optimizer, rng=1, callbacks=[again])
    assert history.compiled is True
    assert inner[1].compiled is True
    assert nn.evaluate(model, blobs(40, centers=2, rng=0), "softmax_cross_entropy")["loss"] > 0
