import numpy as np
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, CheckpointError
from tinygrad_edu.nn import SGD, Adam, Dense, Parameter
from tinygrad_edu.nn.optim import Optimizer

# Where PyTorch 2.13.0 (float64) stands after `walk`: twenty steps along gradients that depend on place and time.
TRAJECTORIES = [
    (SGD, {"lr": 0.1}, [0.5232316528533499, -1.9908723203333527, 0.13137257589436924], 0.8852624247070361),
    (
        SGD,
        {"lr": 0.1, "momentum": 0.9},
        [0.14003551727775437, -0.7870638754608509, 0.07147449866040155],
        -0.21408154578343494,
    ),
    (
        SGD,
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3},
        [0.47549680113331017, -1.2636806647723635, 0.1388436019074169],
        -0.0037497936965061734,
    ),
    (
        SGD,
        {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
        [0.31947341165804866, -1.7020598585637574, 0.06370833977887569],
        0.7138580118993096,
    ),
    (
        SGD,
        {"lr": 0.01, "weight_decay": 0.1, "maximize": True},
        [0.9883757450280831, -1.991575578554696, 0.5034777458218475],
        0.7103079630640398,
    ),
    (
        SGD,
        {"lr": 0.01, "momentum": 0.5, "weight_decay": 0.1, "dampening": 0.5, "maximize": True},
        [0.9851339890576977, -1.98489234773893, 0.5061439132717457],
        0.7049197108775895,
    ),
    (Adam, {}, [1.0014480289594732, -1.9983835199404554, 0.49897657096454356], 0.6971212127590071),
    (Adam, {"lr": 0.1}, [0.9929676292919418, -1.9530712341153547, 0.3606661728402189], 0.5527361196812312),
    (
        Adam,
        {"lr": 0.05, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1},
        [0.8756260492513716, -1.7303496664829836, 0.3756710530110161],
        0.5304472855364293,
    ),
    (
        Adam,
        {"lr": 0.05, "amsgrad": True},
        [1.0318210817599704, -1.9459060562677268, 0.4391051420323605],
        0.5912964481441078,
    ),
    (
        Adam,
        {"lr": 0.05, "maximize": True, "amsgrad": True, "weight_decay": 0.01},
        [0.8636250106100787, -2.0835151357539856, 0.5317022126182062],
        0.8816193391468122,
    ),
]
NAMES = [f"{kind.__name__}-{'-'.join(options)}" for kind, options, _, _ in TRAJECTORIES]


def start():
    return Parameter([1.0, -2.0, 0.5]), Parameter(0.7)


def walk(optimizer, x, s, steps, first=1):
    for t in range(first, first + steps):
        x.grad = np.sin(x.data * 3 + t) + x.data * 0.1
        s.grad = float(np.cos(s.data * 5 - t) + 0.2 * s.data)
        optimizer.step()


@pytest.mark.parametrize(("kind", "options", "array", "scalar"), TRAJECTORIES, ids=NAMES)
def test_twenty_steps_end_where_pytorch_ends(kind, options, array, scalar):
    x, s = start()
    walk(kind([x, s], **options), x, s, 20)
    np.testing.assert_allclose(x.data, array, rtol=1e-12)
    assert s.data == pytest.approx(scalar, rel=1e-12)


@pytest.mark.parametrize(("kind", "options", "array", "scalar"), TRAJECTORIES, ids=NAMES)
def test_a_saved_state_continues_bit_for_bit(kind, options, array, scalar):
    x, s = start()
    optimizer = kind([x, s], **options)
    walk(optimizer, x, s, 10)
    saved = optimizer.state_dict()
    y, u = Parameter(x.data), Parameter(s.data)
    walk(optimizer, x, s, 10, first=11)
    again = kind([y, u], lr=123.0)
    again.load_state_dict(saved)
    walk(again, y, u, 10, first=11)
    np.testing.assert_array_equal(y.data, x.data)
    assert u.data == s.data


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_arrays_are_changed_in_place_and_floats_stay_floats(kind):
    x, s = start()
    before = x.data
    walk(kind([x, s], lr=0.1), x, s, 3)
    assert x.data is before
    assert type(s.data) is float


@pytest.mark.parametrize(("kind", "options"), [(SGD, {"momentum": 0.9, "nesterov": True}), (Adam, {"amsgrad": True})])
def test_float32_parameters_and_their_state_stay_float32(kind, options):
    x = Parameter(np.ones(3, dtype=np.float32))
    optimizer = kind([x], lr=0.1, **options)
    for _ in range(3):
        x.grad = np.ones(3, dtype=np.float32)
        optimizer.step()
    assert x.data.dtype == np.float32
    assert {v.dtype for v in optimizer.state[0].values() if isinstance(v, np.ndarray)} == {np.dtype(np.float32)}


def test_a_parameter_without_gradient_is_left_alone():
    x, s = start()
    optimizer = Adam([x, s], lr=0.1, weight_decay=1.0)
    s.grad = 1.0
    optimizer.step()
    np.testing.assert_array_equal(x.data, [1.0, -2.0, 0.5])
    assert s.data < 0.7
    assert optimizer.state[0] == {}


def test_the_gradient_is_not_changed_by_a_step():
    x, _ = start()
    x.grad = grad = np.ones(3)
    optimizer = SGD([x], lr=0.1, momentum=0.9, weight_decay=0.1)
    optimizer.step()
    optimizer.step()
    np.testing.assert_array_equal(grad, 1.0)


def test_a_gradient_that_was_recorded_is_used_as_a_number():
    x = Parameter([1.0, 2.0])
    (x**2).sum().backward(create_graph=True)
    SGD([x], lr=0.5).step()
    np.testing.assert_array_equal(x.data, [0.0, 0.0])


def test_zero_grad_forgets_the_gradients():
    x, s = start()
    x.grad, s.grad = np.ones(3), 1.0
    SGD([x, s], lr=0.1).zero_grad()
    assert x.grad is None
    assert s.grad is None


def test_a_group_has_options_of_its_own():
    x, s = start()
    optimizer = SGD([{"params": [x]}, {"params": s, "lr": 0.0}], lr=0.1)
    x.grad, s.grad = np.ones(3), 1.0
    optimizer.step()
    np.testing.assert_allclose(x.data, [0.9, -2.1, 0.4])
    assert s.data == 0.7


def test_the_learning_rate_is_read_and_set_for_all_groups():
    x, s = start()
    optimizer = SGD([{"params": [x]}, {"params": [s], "lr": 0.5}], lr=0.1)
    assert optimizer.lr == 0.1
    optimizer.lr = 0.2
    assert [group["lr"] for group in optimizer.param_groups] == [0.2, 0.2]
    with pytest.raises(ArgumentError, match="lr must be at least 0, got -1"):
        optimizer.lr = -1


def test_a_new_optimizer_is_one_rule():
    class SignDescent(Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, lr=lr)

        def update(self, x, g, state, *, lr):
            return lr * np.sign(g)

    x, s = start()
    walk(SignDescent([x, s], lr=0.25), x, s, 1)
    np.testing.assert_array_equal(x.data, [1.25, -2.25, 0.25])
    assert type(s.data) is float


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: SGD([], lr=0.1), "there are no parameters"),
        (lambda x: SGD([x, x], lr=0.1), "is there twice"),
        (lambda x: SGD(x, lr=0.1), r"write \[parameter\]"),
        (lambda x: SGD(Dense(2, 2), lr=0.1), r"write model.parameters\(\)"),
        (lambda x: SGD([x * 2], lr=0.1), "expected Parameters"),
        (lambda x: SGD([np.ones(2)], lr=0.1), "expected Parameters"),
        (lambda x: SGD([x], lr=-0.1), "lr must be at least 0, got -0.1"),
        (lambda x: SGD([x], lr=0.1, momentum=-1), "momentum must be at least 0"),
        (lambda x: SGD([x], lr=float("nan")), "lr must be at least 0, got nan"),
        (lambda x: SGD([x], lr=0.1, nesterov=True), "nesterov needs momentum > 0 and dampening = 0"),
        (lambda x: Adam([x], betas=(0.9, 1.0)), r"betas must be two numbers in \[0, 1\)"),
        (lambda x: Adam([x], eps=-1.0), "eps must be at least 0"),
        (lambda x: SGD([{"params": [x], "rate": 0.1}], lr=0.1), "a group holds 'params' and any of lr, momentum"),
    ],
)
def test_arguments_that_make_no_optimizer_are_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make(Value([1.0]))


def test_the_state_of_another_optimizer_is_refused_and_nothing_changes():
    x, s = start()
    optimizer = Adam([x, s], lr=0.5)
    walk(optimizer, x, s, 2)
    before = optimizer.state_dict()
    bad_shape = Adam([Parameter([1.0, 2.0]), Parameter(1.0)])
    walk_x, walk_s = bad_shape.param_groups[0]["params"]
    walk(bad_shape, walk_x, walk_s, 1)
    for foreign in (
        SGD([*start()], lr=0.1).state_dict(),
        Adam([start()[0]]).state_dict(),
        bad_shape.state_dict(),
        Adam([{"params": [p]} for p in start()]).state_dict(),
        {"weights": 1},
    ):
        with pytest.raises(CheckpointError, match="Adam:"):
            optimizer.load_state_dict(foreign)
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    np.testing.assert_array_equal(after["state"][0]["exp_avg"], before["state"][0]["exp_avg"])
