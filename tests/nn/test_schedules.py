"""Learning-rate schedules step as PyTorch's of that name step, by hand and in `fit`."""

import warnings

import numpy as np
import pytest

from tinygrad_edu.errors import ArgumentError, CheckpointError
from tinygrad_edu.nn import Dense, Parameter, fit, optim
from tinygrad_edu.nn.callbacks import LearningRateScheduler
from tinygrad_edu.nn.optim import (
    SGD,
    Adagrad,
    Adam,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

# name -> what makes the schedule, from a library's schedules and an optimizer
SCHEDULES = {
    "step": lambda lib, o: lib.StepLR(o, step_size=7),
    "step, gamma": lambda lib, o: lib.StepLR(o, step_size=30, gamma=0.5),
    "exponential": lambda lib, o: lib.ExponentialLR(o, gamma=0.97),
    "linear": lambda lib, o: lib.LinearLR(o),
    "linear, all": lambda lib, o: lib.LinearLR(o, start_factor=0.01, end_factor=0.5, total_iters=40),
    "cosine": lambda lib, o: lib.CosineAnnealingLR(o, T_max=60),
    "cosine, eta_min": lambda lib, o: lib.CosineAnnealingLR(o, T_max=200, eta_min=0.01),
    "lambda": lambda lib, o: lib.LambdaLR(o, lambda t: (1 + t) ** -0.5),
    "one cycle": lambda lib, o: lib.OneCycleLR(o, max_lr=0.5, total_steps=200),
    "one cycle, linear": lambda lib, o: lib.OneCycleLR(
        o, max_lr=[0.5, 0.1], epochs=20, steps_per_epoch=10, anneal_strategy="linear", pct_start=0.25,
        base_momentum=0.8, max_momentum=0.99, div_factor=10.0, final_div_factor=100.0,
    ),
    "one cycle, three phases": lambda lib, o: lib.OneCycleLR(o, max_lr=0.5, total_steps=200, three_phase=True),
    "one cycle, no momentum": lambda lib, o: lib.OneCycleLR(o, max_lr=0.5, total_steps=200, cycle_momentum=False),
    "warm-up, cosine, exponential": lambda lib, o: lib.SequentialLR(
        o, [lib.LinearLR(o, 0.1, total_iters=20), lib.CosineAnnealingLR(o, 100), lib.ExponentialLR(o, 0.9)], [20, 150]
    ),
    "plateau": lambda lib, o: lib.ReduceLROnPlateau(o, patience=3, factor=0.5, cooldown=4, min_lr=[0.01, 0.1]),
    "plateau, max": lambda lib, o: lib.ReduceLROnPlateau(o, "max", threshold_mode="abs", threshold=0.5, patience=2),
    "plateau, relative max": lambda lib, o: lib.ReduceLROnPlateau(o, "max", patience=0, factor=0.9),
    "plateau, absolute": lambda lib, o: lib.ReduceLROnPlateau(o, threshold_mode="abs", patience=1),
}  # fmt: skip

# PyTorch 2.13.0: the rates of both groups (0.3 and 0.2) before steps 1, 3, 21, 77, 151, 200, for SGD.
SHOWN = (1, 3, 21, 77, 151, 200)
REFERENCE = {
    "step": [(0.3, 0.2), (0.3, 0.2), (0.003, 0.002), (3e-11, 2e-11), (3e-22, 2e-22), (3e-29, 2e-29)],
    "step, gamma": [(0.3, 0.2), (0.3, 0.2), (0.3, 0.2), (0.075, 0.05), (0.009375, 0.00625), (0.0046875, 0.003125)],
    "exponential": [
        (0.3, 0.2), (0.28227, 0.18818), (0.16313830288, 0.10875886859),
        (0.029632825184, 0.01975521679), (0.0031108666468, 0.0020739110979), (0.00069935288969, 0.00046623525979),
    ],
    "linear": [(0.1, 0.066666666667), (0.18, 0.12), (0.3, 0.2), (0.3, 0.2), (0.3, 0.2), (0.3, 0.2)],
    "linear, all": [(0.003, 0.002), (0.01035, 0.0069), (0.0765, 0.051), (0.15, 0.1), (0.15, 0.1), (0.15, 0.1)],
    "cosine": [
        (0.3, 0.2), (0.29917828431, 0.19945218954), (0.225, 0.15),
        (0.049630409046, 0.033086939364), (0.15, 0.1), (0.068304144748, 0.045536096498),
    ],
    "cosine, eta_min": [
        (0.3, 0.2), (0.29992845125, 0.19995312323), (0.29290319486, 0.19535036905),
        (0.20837806014, 0.13997183251), (0.052469516728, 0.037824855787), (0.01001788829, 0.010011719914),
    ],
    "lambda": [
        (0.3, 0.2), (0.17320508076, 0.11547005384), (0.065465367071, 0.043643578047),
        (0.034188172938, 0.022792115292), (0.024413653763, 0.016275769175), (0.021213203436, 0.014142135624),
    ],
    "one cycle": [
        (0.02, 0.02), (0.02135964795, 0.02135964795), (0.14370779112, 0.14370779112),
        (0.48202881901, 0.48202881901), (0.13650382906, 0.13650382906), (2e-06, 2e-06),
    ],
    "one cycle, linear": [
        (0.05, 0.01), (0.068367346939, 0.013673469388), (0.23367346939, 0.046734693878),
        (0.41009, 0.082018), (0.16367, 0.032734), (0.0005, 0.0001),
    ],
    "one cycle, three phases": [
        (0.02, 0.02), (0.02135964795, 0.02135964795), (0.14370779112, 0.14370779112),
        (0.40820590759, 0.40820590759), (0.013238015687, 0.013238015687), (2e-06, 2e-06),
    ],
    "one cycle, no momentum": [
        (0.02, 0.02), (0.02135964795, 0.02135964795), (0.14370779112, 0.14370779112),
        (0.48202881901, 0.48202881901), (0.13650382906, 0.13650382906), (2e-06, 2e-06),
    ],
    "warm-up, cosine, exponential": [
        (0.03, 0.02), (0.057, 0.038), (0.3, 0.2),
        (0.12189280281, 0.081261868541), (0.3, 0.2), (0.0017179250691, 0.0011452833794),
    ],
    "plateau": [(0.3, 0.2), (0.3, 0.2), (0.15, 0.1), (0.01, 0.1), (0.01, 0.1), (0.01, 0.1)],
    "plateau, max": [(0.3, 0.2), (0.3, 0.2), (3e-06, 2e-06), (3e-09, 2e-09), (3e-09, 2e-09), (3e-09, 2e-09)],
    "plateau, relative max": [
        (0.3, 0.2), (0.27, 0.18), (0.050031545099, 0.033354363399),
        (0.00013703277224, 9.135518149e-05), (9.5402025436e-08, 9.6938500671e-08), (9.5402025436e-08, 9.6938500671e-08),
    ],
    "plateau, absolute": [(0.3, 0.2), (0.3, 0.2), (3e-07, 2e-07), (3e-09, 2e-09), (3e-09, 2e-09), (3e-09, 2e-09)],
}  # fmt: skip


def groups(kind):
    x, s = Parameter([1.0, -2.0]), Parameter(0.7)
    options = {"lr": 0.3, "momentum": 0.9} if kind == "SGD" else {"lr": 0.3}
    return getattr(optim, kind)([{"params": [x]}, {"params": [s], "lr": 0.2}], **options)


def metrics():
    rng = np.random.default_rng(0)
    return [float(rng.normal() + 100 / (t + 50)) for t in range(1, 201)]


def rates_and_momenta(optimizer):
    return [(g["lr"], g["betas"][0] if "betas" in g else g["momentum"]) for g in optimizer.param_groups]


def course(schedule, optimizer):
    """Rate and momentum of each group before each of 200 steps."""
    rows = []
    for metric in metrics():
        rows.append(rates_and_momenta(optimizer))
        step(schedule, metric)
    return np.array(rows)


def step(schedule, metric):
    if type(schedule).__name__ == "ReduceLROnPlateau":
        schedule.step(metric)
    else:
        schedule.step()


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_rates_are_those_of_pytorch(name):
    optimizer = groups("SGD")
    rates = course(SCHEDULES[name](optim, optimizer), optimizer)[:, :, 0]
    assert len(np.unique(rates)) > 2, "the test is about rates that change"
    np.testing.assert_allclose([rates[t - 1] for t in SHOWN], REFERENCE[name], rtol=0, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_two_hundred_rates_and_momenta_are_those_of_pytorch(name, kind):
    torch = pytest.importorskip("torch")
    ours = groups(kind)
    options = {"lr": 0.3, "momentum": 0.9} if kind == "SGD" else {"lr": 0.3}
    tensors = [torch.zeros(2, requires_grad=True), torch.zeros(1, requires_grad=True)]
    theirs = getattr(torch.optim, kind)([{"params": [tensors[0]]}, {"params": [tensors[1]], "lr": 0.2}], **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns that no step was made before its schedules'
        expected = course(SCHEDULES[name](torch.optim.lr_scheduler, theirs), theirs)
    np.testing.assert_allclose(course(SCHEDULES[name](optim, ours), ours), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_saved_schedule_goes_on_bit_for_bit(name):
    whole = groups("Adam")
    expected = course(SCHEDULES[name](optim, whole), whole)
    first, second = groups("Adam"), groups("Adam")
    schedule, again = (SCHEDULES[name](optim, o) for o in (first, second))
    for metric in metrics()[:50]:
        step(schedule, metric)
    second.load_state_dict(first.state_dict())
    again.load_state_dict(schedule.state_dict())
    rows = [rates_and_momenta(second)]
    for metric in metrics()[50:-1]:
        step(again, metric)
        rows.append(rates_and_momenta(second))
    np.testing.assert_array_equal(np.array(rows), expected[50:])


def test_the_state_of_another_schedule_is_refused():
    schedule, optimizer = StepLR(groups("SGD"), 3), SGD([Parameter(1.0)], lr=0.1)
    schedule.step()
    for foreign in (
        ReduceLROnPlateau(optimizer).state_dict(), StepLR(optimizer, 3).state_dict(), {}, {"last_epoch": True},
        {"last_epoch": 1, "base_lrs": ["a", "b"]},
    ):  # fmt: skip
        with pytest.raises(CheckpointError, match="StepLR: the saved state does not fit"):
            schedule.load_state_dict(foreign)
    assert schedule.last_epoch == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: StepLR(o, 0), "StepLR: step_size must be a positive whole number, got 0"),
        (lambda o: StepLR(3, 1), "StepLR: expected an Optimizer, got int"),
        (lambda o: LinearLR(o, start_factor=0.0), "start_factor must lie in"),
        (lambda o: CosineAnnealingLR(o, T_max=2.5), "T_max must be a positive whole number"),
        (lambda o: OneCycleLR(o, 1.0), "give total_steps, or epochs and steps_per_epoch"),
        (lambda o: OneCycleLR(o, [1.0], total_steps=3), "one for each of 2 groups"),
        (lambda o: OneCycleLR(o, 1.0, total_steps=3, anneal_strategy="sin"), "one of cos, linear, got 0.3 and 'sin'"),
        (lambda o: OneCycleLR(Adagrad([Parameter(1.0)]), 1.0, total_steps=3), "Adagrad has no momentum"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), "factor must be below 1"),
        (lambda o: ReduceLROnPlateau(o).step(), "needs the number to judge"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)], [3]), "milestones, one fewer"),
        (lambda o: SequentialLR(o, [StepLR(groups("SGD"), 1)], []), "of the same optimizer"),
        (lambda o: LearningRateScheduler(3), "expected a schedule or a function"),
    ],
)
def test_arguments_that_make_no_schedule_are_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make(groups("SGD"))


def test_more_steps_than_a_cycle_has_are_refused():
    schedule = OneCycleLR(groups("SGD"), 1.0, total_steps=3)
    for _ in range(3):
        schedule.step()
    with pytest.raises(ArgumentError, match="4 steps, but the cycle has total_steps=3"):
        schedule.step()


DATA = np.arange(8.0)[:, None] / 8, np.arange(8.0)[:, None] / 4


def rates_in_fit(make, epochs=4, batch_size=4, **options):
    """The rate at the end of each epoch, before schedules step."""
    model = Dense(1, 1, rng=0)
    optimizer = Adam(model.parameters(), lr=0.4)
    seen = []
    callbacks = [lambda state: seen.append(optimizer.lr), *make(optimizer)]
    history = fit(
        model, DATA, "mse", optimizer, epochs, batch_size, callbacks=callbacks, progress=False, rng=0, **options
    )
    return seen, history


def test_a_schedule_among_the_callbacks_steps_after_each_epoch():
    assert rates_in_fit(lambda o: [ExponentialLR(o, 0.5)])[0] == [0.4, 0.2, 0.1, 0.05]


def test_a_one_cycle_steps_after_each_batch():
    schedule = OneCycleLR(Adam([Parameter(1.0)]), 0.5, total_steps=8)
    expected = [schedule.rate(0.5, t) for t in (2, 4, 6, 8)]
    assert rates_in_fit(lambda o: [OneCycleLR(o, 0.5, total_steps=8)])[0] == expected


def constant(outputs, targets):
    return 1.0


def watching_a_constant(optimizer):
    return [LearningRateScheduler(ReduceLROnPlateau(optimizer, patience=0), monitor="constant")]


def test_a_plateau_watches_the_number_it_is_told():
    rates, _ = rates_in_fit(watching_a_constant, metrics=[constant])
    assert rates == pytest.approx([0.4, 0.4, 0.04, 0.004])
    with pytest.raises(ArgumentError, match="no number called 'constant' to watch; there are loss"):
        rates_in_fit(watching_a_constant)


def test_a_plateau_watches_the_loss_where_there_is_no_validation():
    rates, _ = rates_in_fit(lambda o: [ReduceLROnPlateau(o, threshold_mode="abs", threshold=1e9, patience=0)])
    assert rates == pytest.approx([0.4, 0.4, 0.04, 0.004])


def test_steps_of_the_cooldown_are_not_judged():
    optimizer = SGD([Parameter(1.0)], lr=1.0)
    schedule = ReduceLROnPlateau(optimizer, patience=0, cooldown=2)
    rates = []
    for _ in range(8):
        schedule.step(3.0)
        rates.append(optimizer.lr)
    assert rates == pytest.approx([1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001])


def test_a_function_of_the_epoch_sets_the_rate_before_it():
    assert rates_in_fit(lambda o: [LearningRateScheduler(lambda epoch: 1.0 / epoch)])[0] == [1.0, 0.5, 1 / 3, 0.25]


def test_the_schedule_of_another_optimizer_is_refused():
    with pytest.raises(ArgumentError, match="StepLR: it is the schedule of another optimizer"):
        rates_in_fit(lambda o: [StepLR(groups("SGD"), 1)])


def test_the_first_rate_is_set_when_the_schedule_is_made():
    assert LambdaLR(SGD([Parameter(1.0)], lr=0.5), lambda t: 2.0).get_last_lr() == [1.0]
