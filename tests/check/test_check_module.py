"""`check_module`: every parameter of a model, what it leaves alone, and what it says of models that are wrong."""

import json

import numpy as np
import pytest

from tinygrad_edu import nn
from tinygrad_edu.check import Verdict, check_module
from tinygrad_edu.errors import ArgumentError, GradientCheckError
from tinygrad_edu.kinds import elementwise
from tinygrad_edu.nn import Dense, Module, Parameter, Sequential

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)


def network():
    return Sequential(Dense(4, 5, activation="tanh", rng=0), Dense(5, 3, rng=1))


def test_every_parameter_has_a_row_under_its_layer_in_the_order_of_the_model():
    report = check_module(network(), (X, Y), nn.softmax_cross_entropy)
    assert [(row.layer, row.parameter, row.shape, row.looked_at) for row in report.rows] == [
        ("layers.0", "weight", "(4, 5)", "all 20"),
        ("layers.0", "bias", "(5,)", "all 5"),
        ("layers.1", "weight", "(5, 3)", "all 15"),
        ("layers.1", "bias", "(3,)", "all 3"),
    ]
    assert {row.verdict for row in report.rows} == {report.verdict} == {Verdict.PASS}
    assert min(row.digits for row in report.rows) > 6


def test_large_parameters_are_projected_and_the_chance_of_a_miss_is_stated():
    report = check_module(Sequential(Dense(30, 60, rng=0), Dense(60, 3, rng=1)), rng.normal(size=(2, 30)))
    assert report.rows[0].looked_at == "8 projections, 8 of 1800"
    assert 0 < report.miss_probability < 1
    assert "goes unseen with probability below" in str(report)


def test_a_model_of_many_scalars_has_one_row_for_each_layer():
    report = check_module(nn.MLP(2, [8, 1], rng=0), [0.3, -0.4])
    assert len(report.rows) <= 30
    assert sum(int(row.shape.split()[0]) for row in report.rows) == 33
    assert all(row.looked_at.startswith("all") for row in report.rows)


def test_layers_that_make_their_parameters_at_the_first_call_are_checked_too():
    report = check_module(Sequential(Dense(3, rng=0)), X)
    assert [row.shape for row in report.rows] == ["(4, 3)", "(3,)"]


def test_a_model_is_left_as_it_was():
    model = Sequential(Dense(4, 5, rng=0), nn.BatchNorm1d(5), nn.Dropout(0.4, rng=0), Dense(5, 3, rng=1))
    before = model.state_dict()
    held = [parameter.data for parameter in model.parameters()]
    report = check_module(model, (X, Y), nn.softmax_cross_entropy)
    assert all(np.array_equal(array, before[name]) for name, array in model.state_dict().items())
    assert all(p.data is data and p.grad is None for p, data in zip(model.parameters(), held, strict=True))
    assert any("the graph of one call was checked" in note for note in report.report.notes)


def test_a_wrong_operation_in_a_layer_is_named():
    wrong = elementwise("wrong_tanh", np.tanh, along=(lambda t, out, x: t * (1 - out),))

    class Layer(Module):
        def __init__(self):
            self.first, self.last = Dense(4, 5, rng=0), Dense(5, 3, rng=1)

        def forward(self, x):
            return self.last(wrong(self.first(x)))

    with pytest.raises(GradientCheckError, match="the derivative rule of wrong_tanh is wrong") as caught:
        check_module(Layer(), (X, Y), nn.softmax_cross_entropy)
    report = caught.value.report
    assert {row.layer: row.verdict for row in report.rows} == {"first": Verdict.FAIL, "last": Verdict.PASS}
    assert "return self.last(wrong(self.first(x)))" in str(caught.value)


class Leaking(Module):
    """A bias whose gradient never arrives, and a parameter that nothing uses."""

    def __init__(self):
        self.weight, self.bias, self.spare = Parameter(np.ones(4)), Parameter(np.ones(4)), Parameter(2.0)

    def forward(self, x):
        return np.sum(x * self.weight + self.bias.data)


def test_a_parameter_whose_gradient_does_not_arrive_fails_and_one_that_is_not_used_does_not():
    report = check_module(Leaking(), X, raise_on_fail=False)
    verdicts = {row.parameter: row.verdict for row in report.rows}
    assert verdicts == {"weight": Verdict.PASS, "bias": Verdict.FAIL, "spare": Verdict.PASS}
    assert report.worst.argument == "bias"
    assert "left the graph" in [fault.kind for fault in report.report.faults]
    assert [row.looked_at for row in report.rows][2] == "not used"
    assert "does not depend on bias, spare" in str(report)


def test_a_float32_model_is_checked_by_its_twin():
    model = network()
    for parameter in model.parameters():
        parameter.data = parameter.data.astype(np.float32)
    report = check_module(model, (X.astype(np.float32), Y), nn.softmax_cross_entropy)
    assert report.passed
    assert any("float32" in note for note in report.report.notes)


def test_anything_with_named_parameters_is_a_model():
    class Line:
        def __init__(self):
            self.slope = Parameter(2.0)

        def named_parameters(self):
            return iter([("slope", self.slope)])

        def __call__(self, x):
            return x * self.slope

    report = check_module(Line(), 3.0)
    assert (report.title, report.rows[0].parameter) == ("Line", "slope")


def test_the_table_reads_in_a_terminal_in_a_notebook_and_as_json():
    report = check_module(network(), (X, Y), nn.softmax_cross_entropy)
    assert str(report).splitlines()[1].split() == ["layer", "parameter", "shape", "looked", "at", "digits", "verdict"]
    assert "layers.1" in report._repr_html_()
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert [row["verdict"] for row in plain["rows"]] == ["PASS"] * 4
    assert plain["passed"]


@pytest.mark.parametrize(
    ("model", "batch", "loss", "words"),
    [
        (lambda x: x, X, None, "named_parameters"),
        (network(), X, nn.mse, r"a pair \(inputs, targets\)"),
        (nn.ReLU(), X, None, "no parameters"),
    ],
)
def test_bad_calls_are_refused(model, batch, loss, words):
    with pytest.raises(ArgumentError, match=words):
        check_module(model, batch, loss)


def test_a_model_that_gives_no_value_is_refused():
    class Plain(Leaking):
        def forward(self, x):
            return float(np.sum(x))

    with pytest.raises(ArgumentError, match="depends on no parameter"):
        check_module(Plain(), X)


@pytest.mark.slow
def test_a_hundred_thousand_parameters_take_seven_thousand_calls_at_most():
    layers = Dense(64, 400, activation="relu", rng=0), Dense(400, 180, activation="relu", rng=1), Dense(180, 10, rng=2)
    images, labels = nn.data.digits()[:2]
    report = check_module(
        Sequential(*layers), (images[:64].reshape(64, -1) / 16, labels[:64]), nn.softmax_cross_entropy
    )
    assert report.passed
    assert report.miss_probability < 0.01
    assert report.report.evaluations < 7000
