"""What holds for every layer: each class with its examples goes through all of it, and none escapes."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import tinygrad_edu.nn
import tinygrad_edu.nn.layers
from tinygrad_edu import Value, no_grad
from tinygrad_edu.check import check_graph
from tinygrad_edu.errors import ShapeError
from tinygrad_edu.graph import topological
from tinygrad_edu.nn.layers.registry import LAYERS
from tinygrad_edu.nn.module import Module

FILES = [
    importlib.import_module(f"tinygrad_edu.nn.layers.{found.name}")
    for found in pkgutil.iter_modules(tinygrad_edu.nn.layers.__path__)
]
# Bases and parts, which nobody puts into a model by themselves.
PARTS = {"Activation", "LazyLayer", "Cell", "ElmanCell", "JordanCell", "LSTMCell", "GRUCell"}
EXAMPLES = [
    pytest.param(layer, one, id=f"{layer.__name__}-{i}" if len(examples) > 1 else layer.__name__)
    for layer, examples in LAYERS.items()
    for i, one in enumerate(examples)
]
every_example = pytest.mark.parametrize(("layer", "one"), EXAMPLES)


def arrays(structure):
    """The arrays in nested tuples, as Values in the same structure, and in a list."""
    if isinstance(structure, (tuple, list)):
        pairs = [arrays(item) for item in structure]
        return type(structure)([made for made, _ in pairs]), [value for _, found in pairs for value in found]
    if structure.dtype.kind != "f":
        return structure, []
    value = Value(structure)
    return value, [value]


def numbers(result):
    """Whatever a layer gives, as one list of arrays."""
    parts = result if isinstance(result, (tuple, list)) else [result]
    return [np.asarray(part.data if isinstance(part, Value) else part) for part in parts]


def in_float32(structure):
    if isinstance(structure, (tuple, list)):
        return type(structure)([in_float32(item) for item in structure])
    return structure.astype(np.float32) if structure.dtype.kind == "f" else structure


def built(one, rng):
    """The example's layer after its first call, with parameters away from symmetric starts, and inputs."""
    layer, inputs = one.make(), one.draw(rng)
    layer(*inputs)
    for parameter in layer.parameters():
        parameter.data[...] += rng.normal(scale=0.1, size=parameter.shape)
    return layer, inputs


def names():
    for module in FILES:
        for name, found in inspect.getmembers(module, inspect.isclass):
            if issubclass(found, Module) and found.__module__ == module.__name__ and not name.startswith("_"):
                yield found


def test_every_layer_class_has_an_example():
    missing = {found.__name__ for found in names()} - {layer.__name__ for layer in LAYERS} - PARTS
    assert not missing, f"give {missing} an @example"


def test_every_layer_is_a_public_name_of_nn():
    missing = {layer.__name__ for layer in LAYERS} - set(vars(tinygrad_edu.nn))
    assert not missing, f"name {missing} in nn/__init__.py"
    assert {layer.__name__ for layer in LAYERS} <= set(tinygrad_edu.nn.__all__)


@every_example
def test_gradients_agree_with_finite_differences(layer, one, rng):
    module, inputs = built(one, rng)
    inputs, leaves = arrays(inputs)
    out = module(*inputs)
    weights = rng.normal(size=out.shape)
    wrt = leaves + module.parameters()
    below = set(topological(out)) if isinstance(out, Value) else set()
    unused = [one for one in wrt if one not in below]
    assert not unused, f"the output does not depend on {unused}"
    if wrt:
        check_graph((out * weights).sum(), wrt, budget=1500)


@every_example
def test_the_state_makes_a_twin(layer, one, rng):
    module, inputs = built(one, rng)
    twin = one.make()
    with no_grad():
        twin(*inputs)
    twin.load_state_dict(module.state_dict())
    for ours, theirs in zip(numbers(module.eval()(*inputs)), numbers(twin.eval()(*inputs)), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert module.state_dict().keys() == twin.state_dict().keys()


@every_example
def test_the_repr_names_the_class_and_fits_on_lines(layer, one, rng):
    module, _ = built(one, rng)
    text = repr(module)
    assert text.startswith(f"{layer.__name__}(")
    assert "object at 0x" not in text
    assert max(map(len, text.splitlines())) < 120


@every_example
def test_a_wrong_input_is_refused_by_name(layer, one, rng):
    if one.wrong is None:
        return
    module, inputs = built(one, rng)
    module.name = "suspect"
    with pytest.raises(ShapeError, match=f"{layer.__name__} 'suspect'") as error:
        module(rng.normal(size=one.wrong), *inputs[1:])
    assert str(one.wrong) in str(error.value), "the message says what came"


@every_example
def test_a_wrong_first_input_leaves_the_layer_unbuilt(layer, one, rng):
    if one.wrong is None:
        return
    module, inputs = one.make(), one.draw(rng)
    if module._recipe is None:
        return
    wrong = one.wrong if one.wrong != () and len(one.wrong) != np.ndim(inputs[0]) else ()
    with pytest.raises(ShapeError):
        module(np.ones(wrong), *inputs[1:])
    module(*inputs)
    assert module.parameters() or not list(one.make().children())


@every_example
def test_training_and_evaluation_reach_every_part(layer, one, rng):
    module, inputs = built(one, rng)
    module.eval()
    assert not any(part.training for part in module.modules())
    state = module.state_dict()
    first, second = numbers(module(*inputs)), numbers(module(*inputs))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b, err_msg="evaluation is the same each time")
    for name, array in module.state_dict().items():
        np.testing.assert_array_equal(array, state[name], err_msg="evaluation changes no state")
    module.train()
    assert all(part.training for part in module.modules())


@every_example
def test_everything_is_computed_in_the_scope_of_the_layer(layer, one, rng):
    module, inputs = built(one, rng)
    inputs, _ = arrays(inputs)
    module.name = "mine"
    out = module(*inputs)
    made = [node for node in topological(out) if node.parents] if isinstance(out, Value) else []
    assert all(node.scope is not None and node.scope.path.split("/")[0] == "mine" for node in made)
    named = [parameter.name for parameter in module.parameters()]
    assert all(named), f"parameters have names for pictures: {named}"


@every_example
def test_float32_stays_float32(layer, one, rng):
    module, inputs = built(one, rng)
    for _, item in module._state():
        item.data = item.data.astype(np.float32)
    inputs, leaves = arrays(in_float32(inputs))
    out = module(*inputs)
    assert out.dtype == np.float32
    if out.parents:
        out.backward(np.ones_like(out.data))
    assert {one.grad.dtype for one in leaves + module.parameters() if one.grad is not None} <= {np.dtype(np.float32)}


@every_example
def test_one_seed_gives_one_layer(layer, one, rng):
    inputs = one.draw(rng)
    first, second = one.make(), one.make()
    for ours, theirs in zip(numbers(first(*inputs)), numbers(second(*inputs)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_battery_notices_a_wrong_gradient(rng):
    from tinygrad_edu.errors import GradientCheckError
    from tinygrad_edu.kinds import elementwise
    from tinygrad_edu.op import REGISTRY

    wrong = elementwise("wrong_for_the_battery", np.sin, along=(lambda t, out, x: t * np.sin(x),))
    try:
        with pytest.raises(GradientCheckError):
            check_graph(wrong(Value(rng.normal(size=3))).sum())
    finally:
        del REGISTRY["wrong_for_the_battery"]
