"""No function of NumPy drops a gradient: each has a derivative, answers with plain data, or refuses by name."""

import importlib.util
import inspect
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from tinygrad_edu import Value, array, ops
from tinygrad_edu.errors import DTypeError, NotDifferentiableError
from tinygrad_edu.numpy_protocol import PLAIN
from tinygrad_edu.op import NUMPY, Operation

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("operations_page", ROOT / "docs" / "operations.py")
page = importlib.util.module_from_spec(spec)
spec.loader.exec_module(page)

FUNCTIONS = dict(page.public_functions())
REFUSED = {name: function for name, function in FUNCTIONS.items() if page.status(function) == "refused"}
# Dispatched, but a Value among their arguments is no array to compute with.
NO_OPERANDS = {"np.printoptions"}
# Every way in which an array can be handed to a function that NumPy does not dispatch, and that could take its data.
CONVERSIONS = {
    "np.array": np.array,
    "np.asarray": np.asarray,
    "np.asanyarray": np.asanyarray,
    "np.ascontiguousarray": np.ascontiguousarray,
    "np.asarray_chkfinite": np.asarray_chkfinite,
    "np.require": np.require,
    "np.full": lambda v: np.full(2, v),
    "np.arange": np.arange,
    "np.array of a list": lambda v: np.array([v, 1.0]),
    "np.vectorize": lambda v: np.vectorize(np.exp)(v),
    "np.frombuffer": np.frombuffer,
    "np.frompyfunc": lambda v: np.frompyfunc(lambda x: x, 1, 1)(v),
    "np.linspace of a list": lambda v: np.linspace([v], 1.0),
}


def required(function):
    """How many operands a function needs, at the least."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return 2
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return max(1, sum(p.default is p.empty and p.kind in positional for p in parameters))


@pytest.mark.parametrize("name", sorted(REFUSED.keys() - NO_OPERANDS))
def test_a_function_that_is_not_covered_refuses_a_value_by_name(name):
    function = REFUSED[name]
    count = function.nin if isinstance(function, np.ufunc) else required(function)
    operands = [Value([[1.0, 2.0], [3.0, 4.0]])] * count
    with pytest.raises((NotDifferentiableError, DTypeError), match=rf"{function.__name__}\b"):
        function(*operands)


@pytest.mark.parametrize("way", CONVERSIONS)
def test_a_value_never_becomes_a_plain_array_unseen(way):
    for v in (Value(2.0), Value([1.0, 2.0])):
        with pytest.raises(TypeError):
            CONVERSIONS[way](v)


def test_the_fourier_transforms_refuse_with_the_reason():
    with pytest.raises(DTypeError, match=r"np\.fft\.fft .*complex"):
        np.fft.fft(Value([1.0, 2.0]))


def test_in_place_functions_say_what_to_use_instead():
    with pytest.raises(NotDifferentiableError, match=r"np\.put .*at_set"):
        np.put(Value([1.0, 2.0]), 0, 3.0)


@pytest.mark.parametrize(
    "mix",
    [
        lambda v: v * 1j,
        lambda v: 1j + v,
        lambda v: np.multiply(v, np.array([1j, 2])),
        lambda v: np.where([True, False], v, 1j),
    ],
)
def test_complex_numbers_are_refused_by_the_name_of_the_function(mix):
    with pytest.raises(DTypeError, match=r"(add|multiply|where): expected real numbers"):
        mix(Value([1.0, 2.0]))


@pytest.mark.parametrize("kind", [complex, np.int64, bool])
def test_only_floating_point_types_can_be_asked_for(kind):
    v = Value([1.0, 2.0])
    for call in (lambda: np.sum(v, dtype=kind), lambda: np.concatenate([v, v], dtype=kind), lambda: v.astype(kind)):
        with pytest.raises(DTypeError, match="floating-point"):
            call()


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda v: np.exp(v, out=np.zeros(2)), "out"),
        (lambda v: np.add(np.zeros(2), v, out=np.zeros(2)), "out"),
        (lambda v: np.exp(v, where=np.array([True, False])), "where"),
        (lambda v: np.add(v, v, dtype=np.float32), "dtype"),
        (lambda v: np.sum(v, out=np.zeros(())), "out"),
        (lambda v: np.quantile(v, 0.5, weights=[1.0, 2.0]), "weights"),
        (lambda v: np.sort(v, order="x"), "order"),
        (lambda v: np.interp(1.0, v, v, period=2.0), "period"),
        (lambda v: np.add.reduce(v, out=np.zeros(())), "out"),
        (lambda v: np.multiply.outer(v, v, dtype=np.float32), "dtype"),
    ],
)
def test_an_argument_that_is_not_supported_is_refused_by_name(call, argument):
    with pytest.raises(NotDifferentiableError, match=rf"{argument}="):
        call(Value([1.0, 2.0]))


def test_adding_a_value_into_a_plain_array_in_place_is_refused():
    array = np.zeros(2)
    with pytest.raises(NotDifferentiableError, match="nothing is changed in place"):
        array += Value([1.0, 2.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda v: np.sum(v, 0, None, None, False),
        lambda v: np.sum(v, keepdims=np._NoValue),
        lambda v: np.exp(v, out=None, where=True, casting="same_kind", order="K", subok=True),
        lambda v: np.reshape(v, (2,), "C", copy=None),
        lambda v: np.sort(v, -1, None, None, stable=None),
        lambda v: np.quantile(v, 0.5, None, None, False, "linear", False, weights=None),
    ],
)
def test_an_argument_at_its_default_is_no_argument(call):
    assert isinstance(call(Value([1.0, 2.0])), Value)


@pytest.mark.parametrize("method", ["reduce", "accumulate"])
def test_a_method_of_a_ufunc_without_derivative_is_refused_by_name(method):
    with pytest.raises(NotDifferentiableError, match=rf"np\.arctan2\.{method}"):
        getattr(np.arctan2, method)(Value([1.0, 2.0]))
    with pytest.raises(NotDifferentiableError, match=r"np\.add\.at"):
        np.add.at(Value([1.0, 2.0]), [0], 1.0)
    with pytest.raises(NotDifferentiableError, match=r"np\.add\.reduceat"):
        np.add.reduceat(Value([1.0, 2.0]), [0])


@pytest.mark.parametrize("function", sorted(PLAIN, key=lambda f: f.__name__), ids=lambda f: f.__name__)
def test_what_is_answered_with_plain_data_never_has_a_derivative(function):
    assert function not in NUMPY


def test_plain_answers_are_those_for_the_data():
    v = Value([[3.0, 1.0], [2.0, 0.0]])
    assert np.argmax(v) == 0
    assert np.argsort(v, axis=0).tolist() == [[1, 1], [0, 0]]
    assert (np.isfinite(v) & (v > 0)).tolist() == [[True, True], [True, False]]
    assert np.logical_and.reduce(v, axis=1).tolist() == [True, False]
    assert np.array_equal(v, [v.data[0], [2.0, 0.0]])


def test_every_composition_takes_numpys_parameters_under_numpys_names():
    for function, ours in NUMPY.items():
        if isinstance(ours, Operation) or isinstance(function, np.ufunc) or not hasattr(function, "_implementation"):
            continue
        try:
            theirs = list(inspect.signature(function).parameters)
        except ValueError:
            continue
        own = [p.name for p in inspect.signature(ours).parameters.values() if p.kind is not p.VAR_KEYWORD]
        if function is np.where:  # its two branches have no names
            continue
        if function in (np.pad, np.clip):  # these name further parameters only in their documentation
            theirs += ["stat_length", "constant_values", "end_values", "reflect_type"]
        assert [name for name in own if name not in theirs] == [], f"{page.status(function)} {function.__name__}"


def test_every_public_name_of_the_operations_has_a_docstring_and_exists():
    modules = [module for module in vars(ops).values() if isinstance(module, types.ModuleType)]
    names = [(module, name) for module in modules for name in getattr(module, "__all__", ())]
    assert len(names) > 150
    for module, name in names:
        thing = getattr(module, name)
        assert (thing.__doc__ or "").strip() not in ("", name), f"{module.__name__}.{name}"


def test_every_operation_says_its_derivative_and_how_it_is_called():
    for operations in page.operations_by_module().values():
        for op in operations:
            assert op.reads, op.name
            assert op.cases, op.name


def test_the_page_of_operations_is_up_to_date():
    if f"NumPy {page.numpy_version()}." not in page.TARGET.read_text(encoding="utf-8"):
        pytest.skip("the page lists the functions of another version of NumPy")
    # In a process of its own, where no other test has entered an operation.
    command = [sys.executable, str(ROOT / "docs" / "operations.py"), "--check"]
    path = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("function", [np.sum, np.mean, np.max, np.linalg.norm, np.exp, np.cumsum])
def test_a_list_of_values_in_place_of_an_array_is_refused_and_the_way_out_is_shown(function):
    v, w = Value([1.0, 2.0]), Value([3.0, 4.0])
    with pytest.raises(NotDifferentiableError, match=r"np\.sum\(tinygrad_edu\.array\(\[v, w\]\)\)"):
        function([v, w])
    function(array([v, w])).sum().backward()
    assert v.grad.shape == (2,)


def test_filling_an_array_like_a_plain_one_with_a_value_names_the_function_that_does_it():
    fill = Value(3.0)
    with pytest.raises(NotDifferentiableError, match=r"np\.full_like\(array, value\).*tinygrad_edu\.full_like"):
        np.full_like(np.zeros(2), fill)
    ops.full_like(np.zeros(2), fill).sum().backward()
    assert fill.grad == 2.0
