"""Every optimizer walks where PyTorch's of that name walks."""

import math

import numpy as np
import pytest

from tinygrad_edu.nn import Parameter, optim
from tinygrad_edu.nn.optim import (
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
)

# Where PyTorch 2.13.0 (float64 throughout) stands after 200 steps of `walk`.
TRAJECTORIES = [
    (
        Adagrad,
        {},
        [0.9761618064944222, -1.941838973713578, 0.48304815509900173],
        0.654408142794862,
    ),
    (
        Adagrad,
        {"lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 0.001},
        [0.648011973281155, -1.4108163200682675, 0.27782850811886883],
        0.4331636264691724,
    ),
    (
        Adagrad,
        {"maximize": True},
        [1.0212630207105549, -2.062353191906806, 0.5147658937561962],
        0.7535901316579956,
    ),
    (
        Adadelta,
        {},
        [0.9053761020972864, -1.836686794011683, 0.4529875554708127],
        0.591781829631406,
    ),
    (
        Adadelta,
        {"lr": 0.5, "rho": 0.8, "eps": 0.0001, "weight_decay": 0.1},
        [0.4550718471384263, -1.1877572567241146, 0.19017567239065425],
        0.3777350669589418,
    ),
    (
        Adadelta,
        {"maximize": True},
        [1.0906336763298043, -2.18663651517091, 0.5376758589676589],
        0.8548675331983008,
    ),
    (
        RMSprop,
        {},
        [0.6168089684000181, -1.5106372590143706, 0.2186332093584012],
        0.47568149809603816,
    ),
    (
        RMSprop,
        {"lr": 0.02, "alpha": 0.9, "eps": 0.001, "weight_decay": 0.1, "momentum": 0.7},
        [-0.04040438889861958, -0.1313043139663493, -0.05942053981309646],
        0.11705116726219986,
    ),
    (
        RMSprop,
        {"centered": True, "momentum": 0.5},
        [0.41051853733720534, -1.1093643814748522, 0.09295198917640507],
        0.2843451071577272,
    ),
    (
        RMSprop,
        {"centered": True, "maximize": True},
        [1.0846392306472559, -3.0833379594342216, 0.5187659591561026],
        2.040305231984698,
    ),
    (
        Adam,
        {"decoupled_weight_decay": True, "weight_decay": 0.1},
        [0.9574960841383584, -1.9114530823429463, 0.4771206587223136],
        0.6496777852678874,
    ),
    (
        AdamW,
        {},
        [0.9749019662466009, -1.9462499267894853, 0.4857952581486693],
        0.6615194179419588,
    ),
    (
        AdamW,
        {"lr": 0.02, "betas": (0.8, 0.95), "eps": 0.001, "weight_decay": 0.3, "amsgrad": True, "maximize": True},
        [0.47000055066554336, -1.0128756521804774, 0.2450182333701948],
        0.637171142390338,
    ),
    (
        NAdam,
        {},
        [0.9485507903502896, -1.8988445142087238, 0.47389900309291244],
        0.6289997447490094,
    ),
    (
        NAdam,
        {"lr": 0.02, "betas": (0.8, 0.95), "eps": 0.001, "weight_decay": 0.3, "momentum_decay": 0.02},
        [0.09105530002591508, -0.3437478694106921, 0.01944249486539707],
        0.13106630204789319,
    ),
    (
        NAdam,
        {"weight_decay": 0.3, "decoupled_weight_decay": True, "maximize": True},
        [0.9327614930097484, -1.8703961245332588, 0.46556498376698785],
        0.6947015400842365,
    ),
    (
        RAdam,
        {},
        [0.9964419382089829, -1.9903683840640882, 0.49727257968728555],
        0.6919334788360186,
    ),
    (
        RAdam,
        {"lr": 0.02, "betas": (0.8, 0.95), "eps": 0.001, "weight_decay": 0.3},
        [0.14217255192621037, -0.3612250918173095, 0.062014548706991454],
        0.06586417570818431,
    ),
    (
        RAdam,
        {"weight_decay": 0.3, "decoupled_weight_decay": True, "maximize": True},
        [0.9451047425024217, -1.8926916199396744, 0.4734599558233277],
        0.6669453600520984,
    ),
    (
        Adamax,
        {},
        [0.970837969519813, -1.9392867576690032, 0.48139721660747864],
        0.6529997427115238,
    ),
    (
        Adamax,
        {"lr": 0.02, "betas": (0.8, 0.95), "eps": 0.001, "weight_decay": 0.3},
        [0.24049279797596038, -0.5813216736112188, 0.10347771012682269],
        0.11336236606704299,
    ),
    (
        Adamax,
        {"maximize": True},
        [1.0297614290939707, -2.062123184232713, 0.5192092869651337],
        0.7496740058466915,
    ),
]  # fmt: skip
NAMES = [f"{kind.__name__}-{'-'.join(options)}" for kind, options, _, _ in TRAJECTORIES]
LION = [{}, {"lr": 0.01, "betas": (0.8, 0.95), "weight_decay": 0.3}, {"lr": 0.003, "maximize": True}]


def start():
    return Parameter([1.0, -2.0, 0.5]), Parameter(0.7)


def gradients(x, s, t, np=np):
    return np.sin(x * 3 + t) + x * 0.1, np.cos(s * 5 - t) + 0.2 * s


def walk(optimizer, x, s, steps, first=1):
    for t in range(first, first + steps):
        x.grad, g = gradients(x.data, s.data, t)
        s.grad = float(g)
        optimizer.step()


def test_every_optimizer_is_walked():
    from_torch = {kind for kind, _, _, _ in TRAJECTORIES}
    assert from_torch | {Lion, optim.SGD} == {kind for kind in vars(optim).values() if is_rule(kind)}


def is_rule(kind):
    return isinstance(kind, type) and issubclass(kind, Optimizer) and kind is not Optimizer


@pytest.mark.parametrize(("kind", "options", "array", "scalar"), TRAJECTORIES, ids=NAMES)
def test_two_hundred_steps_end_where_pytorch_ends(kind, options, array, scalar):
    x, s = start()
    walk(kind([x, s], **options), x, s, 200)
    np.testing.assert_allclose(x.data, array, rtol=0, atol=1e-10)
    assert s.data == pytest.approx(scalar, rel=0, abs=1e-10)
    assert type(s.data) is float


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "options", "array", "scalar"), TRAJECTORIES, ids=NAMES)
def test_each_of_two_hundred_steps_is_that_of_pytorch(kind, options, array, scalar):
    torch = pytest.importorskip("torch")
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # else NAdam keeps one of its numbers in float32
    try:
        x, s = start()
        tx, ts = (torch.tensor(p.data, requires_grad=True) for p in (x, s))
        ours, theirs = kind([x, s], **options), getattr(torch.optim, kind.__name__)([tx, ts], **options)
        for t in range(1, 201):
            tx.grad, ts.grad = gradients(tx.detach(), ts.detach(), t, torch)
            theirs.step()
            walk(ours, x, s, 1, first=t)
            np.testing.assert_allclose(x.data, tx.detach().numpy(), rtol=0, atol=1e-10)
            assert s.data == pytest.approx(ts.item(), rel=0, abs=1e-10)
    finally:
        torch.set_default_dtype(default)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in vars(optim).values() if is_rule(kind) and kind is not Lion])
def test_arguments_and_defaults_are_those_of_pytorch(kind):
    torch = pytest.importorskip("torch")
    options = {} if kind is not optim.SGD else {"lr": 0.1}
    ours = kind([Parameter(1.0)], **options).param_groups[0]
    theirs = getattr(torch.optim, kind.__name__)([torch.ones(1)], **options).param_groups[0]
    machinery = {"params", "foreach", "capturable", "differentiable", "fused"}
    assert {k: v for k, v in ours.items() if k != "params"} == {k: v for k, v in theirs.items() if k not in machinery}


@pytest.mark.parametrize("options", LION, ids=["defaults", "decay", "maximize"])
def test_lion_walks_as_its_paper_says(options):
    x, s = start()
    walk(Lion([x, s], **options), x, s, 200)
    lr, (b1, b2), decay = options.get("lr", 1e-4), options.get("betas", (0.9, 0.99)), options.get("weight_decay", 0.0)
    sign = -1.0 if options.get("maximize") else 1.0
    by_hand, momenta = [1.0, -2.0, 0.5, 0.7], [0.0] * 4
    for t in range(1, 201):
        for i, (p, m) in enumerate(zip(by_hand, momenta, strict=True)):
            g = sign * (math.sin(p * 3 + t) + p * 0.1 if i < 3 else math.cos(p * 5 - t) + 0.2 * p)
            by_hand[i] = p - lr * (math.copysign(1.0, b1 * m + (1 - b1) * g) + decay * p)
            momenta[i] = b2 * m + (1 - b2) * g
    np.testing.assert_allclose([*x.data, s.data], by_hand, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", [Adagrad, Adadelta, RMSprop, AdamW, NAdam, RAdam, Adamax, Lion])
def test_a_saved_state_continues_bit_for_bit(kind):
    x, s = start()
    optimizer = kind([{"params": [x]}, {"params": [s], "lr": 0.03}], lr=0.05, weight_decay=0.01)
    walk(optimizer, x, s, 10)
    saved = optimizer.state_dict()
    y, u = Parameter(x.data.copy()), Parameter(s.data)
    walk(optimizer, x, s, 10, first=11)
    again = kind([{"params": [y]}, {"params": [u]}], lr=1.0)
    again.load_state_dict(saved)
    walk(again, y, u, 10, first=11)
    np.testing.assert_array_equal(y.data, x.data)
    assert u.data == s.data


@pytest.mark.parametrize("kind", [Adagrad, Adadelta, RMSprop, AdamW, NAdam, RAdam, Adamax, Lion])
def test_float32_parameters_and_their_state_stay_float32(kind):
    x = Parameter(np.ones(3, dtype=np.float32))
    optimizer = kind([x], lr=0.1, weight_decay=0.1)
    for _ in range(8):
        x.grad = np.ones(3, dtype=np.float32)
        optimizer.step()
    assert x.data.dtype == np.float32
    assert {v.dtype for v in optimizer.state[0].values() if isinstance(v, np.ndarray)} == {np.dtype(np.float32)}


def test_weight_decay_of_adamw_stays_out_of_its_means():
    x, y = Parameter([1.0]), Parameter([1.0])
    one, other = AdamW([x], lr=0.1, weight_decay=0.5), Adam([y], lr=0.1)
    for parameter, optimizer in ((x, one), (y, other)):
        parameter.grad = np.array([3.0])
        optimizer.step()
    np.testing.assert_allclose(x.data, y.data - 0.1 * 0.5, rtol=1e-15)
    assert one.state[0]["exp_avg"] == other.state[0]["exp_avg"]
