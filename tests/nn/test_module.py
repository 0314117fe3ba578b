from dataclasses import dataclass

import numpy as np
import pytest

from tinygrad_edu import Value, no_grad
from tinygrad_edu.errors import CheckpointError
from tinygrad_edu.nn import MLP, Dense, Dropout, Module, Parameter, Sequential


class Line(Module):
    def __init__(self):
        self.slope = Parameter(2.0)
        self.offset = Parameter([1.0, 2.0])

    def forward(self, x):
        return self.slope * x + self.offset


class Everything(Module):
    """Parameters and modules in every place where they may be."""

    def __init__(self):
        self.lines = [Line(), Line()]
        self.heads = {"left": Line(), "right": (Parameter(3.0),)}
        self.again = self.lines[0]
        self.encoder = Line()
        self.note = "not a parameter"

    def forward(self, x):
        for line in self.lines:
            x = line(x)
        return self.heads["left"](self.encoder(x)) * self.heads["right"][0]


def test_parameters_are_found_in_attributes_lists_tuples_and_dicts_without_super_init():
    names = [name for name, _ in Everything().named_parameters()]
    assert names == [
        "lines.0.slope", "lines.0.offset", "lines.1.slope", "lines.1.offset",
        "heads.left.slope", "heads.left.offset", "heads.right.0", "encoder.slope", "encoder.offset",
    ]  # fmt: skip


def test_a_shared_module_or_parameter_counts_once():
    model = Everything()
    model.same = model.encoder.slope
    assert len(model.parameters()) == 9
    assert len(list(model.modules())) == 5
    assert model.n_parameters == 4 * 3 + 1


def test_a_module_that_holds_itself_is_walked_once():
    model = Line()
    model.parent = model
    assert len(model.parameters()) == 2
    assert repr(model) == "Line(\n  (parent) ...\n)"


def test_what_is_computed_from_a_parameter_is_a_plain_value():
    assert type(Parameter(2.0) * 3) is Value
    assert Parameter.role == "parameter"
    assert Value.role == "value"


def test_zero_grad_forgets_all_gradients():
    model = Line()
    model(1.0).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def scopes(root):
    seen, stack = set(), [root]
    while stack:
        node = stack.pop()
        stack += node.parents
        if node.scope is not None:
            seen.add(node.scope.path)
    return seen


def test_a_module_computes_in_a_scope_named_after_its_place():
    assert scopes(Everything()(1.0)) == {
        "everything", "everything/line0", "everything/line1", "everything/encoder", "everything/left",
    }  # fmt: skip


def test_a_given_name_wins_over_the_place():
    model = Everything()
    model.name, model.encoder.name = "model", "squeeze"
    assert {"model", "model/line0", "model/squeeze"} < scopes(model(1.0))


def test_layers_appended_to_a_list_after_its_assignment_are_named_too():
    class Stack(Module):
        def __init__(self):
            self.blocks = []
            self.blocks.append(Line())

        def forward(self, x):
            return self.blocks[0](x)

    assert "stack/block0" in scopes(Stack()(1.0))


def test_neurons_are_scoped_by_layer_and_number():
    assert {"mlp/layer0/neuron2", "mlp/layer1/neuron0"} < scopes(MLP(2, [3, 1], rng=0)([1.0, 2.0]))


def test_two_calls_of_a_module_have_equal_paths_and_different_scopes():
    model = Line()
    first, second = model(1.0).scope, model(1.0).scope
    assert first.path == second.path
    assert first is not second


def test_unnamed_parameters_are_named_after_their_attributes_and_given_names_stay():
    model = Sequential(Dense(2, 3, rng=0))
    model[0].bias.name = "offset"
    model(np.ones(2))
    assert [p.name for p in model.parameters()] == ["weight", "offset"]
    mlp = MLP(2, [1], rng=0)
    mlp([1.0, 2.0])
    assert [p.name for p in mlp.parameters()] == ["w0", "w1", "b"]


def test_under_no_grad_a_module_records_nothing():
    with no_grad():
        assert Line()(1.0).parents == ()


def test_train_and_eval_reach_every_module_and_return_the_model():
    model = Sequential(Dropout(0.5), Sequential(Dropout(0.5)))
    assert model.eval() is model
    assert not any(module.training for module in model.modules())
    model.train()
    assert all(module.training for module in model.modules())


def test_a_module_without_forward_says_what_to_write():
    class Empty(Module):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty has no forward: write  def forward\(self, x\)"):
        Empty()(1.0)


def test_state_dict_gives_copies_and_load_puts_them_back():
    model, other = Line(), Line()
    model.slope.data, model.offset.data = 5.0, np.array([6.0, 7.0])
    state = model.state_dict()
    model.offset.data[:] = 0.0
    other.load_state_dict(state)
    assert other.slope.data == 5.0
    assert type(other.slope.data) is float
    np.testing.assert_array_equal(other.offset.data, [6.0, 7.0])
    assert other.offset.data is not state["offset"]


def test_loading_writes_arrays_in_place_and_keeps_the_dtype():
    layer = Dense(2, 2, rng=0, dtype=np.float32)
    before = layer.weight.data
    layer.load_state_dict({"weight": np.eye(2), "bias": [1, 2]})
    assert layer.weight.data is before
    assert before.dtype == np.float32
    np.testing.assert_array_equal(before, np.eye(2))


def test_a_state_that_does_not_fit_names_every_problem_and_changes_nothing():
    model = Sequential(Dense(2, 3, rng=0), Dense(3, 1, rng=0))
    before = model.state_dict()
    state = model.state_dict()
    del state["layers.0.bias"]
    state["layers.1.weight"] = np.zeros((1, 3))
    state["layers.0.weight"] = np.zeros((2, 3))
    state["layers.7.bias"] = np.zeros(1)
    state["layers.1.bias"] = np.array(["a"])
    with pytest.raises(CheckpointError) as error:
        model.load_state_dict(state)
    for words in (
        "missing: layers.0.bias",
        "unexpected: layers.7.bias",
        "layers.1.weight: expected shape (3, 1), got (1, 3)",
        "layers.1.bias: expected real numbers, got <U1",
        "nothing was loaded",
    ):
        assert words in str(error.value)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_the_repr_is_nested_and_counts_equal_children():
    model = Sequential(Dense(2, 2), Dense(2, 2), Sequential(Dense(2, 1, bias=False)))
    assert repr(model) == (
        "Sequential(\n"
        "  (layers.0 to 1) 2 × Dense(2, 2)\n"
        "  (layers.2) Sequential(\n"
        "    (layers.0) Dense(2, 1, bias=False)\n"
        "  )\n"
        ")"
    )


def test_a_module_may_be_a_dataclass():
    @dataclass
    class Scale(Module):
        factor: Parameter

        def forward(self, x):
            return x * self.factor

    model = Sequential(Scale(Parameter(2.0)), Scale(Parameter(3.0)))
    assert model(1.0).item() == 6.0
    assert len(model.parameters()) == 2
