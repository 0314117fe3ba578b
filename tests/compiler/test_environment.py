"""What a compiled function sees beside its arguments: whatever changes there is noticed at the next call."""

import itertools
import random
from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_edu
from tinygrad_edu import Value
from tinygrad_edu.compiler.environment import SMALL, Environment
from tinygrad_edu.errors import CompileError


def around(*things):
    """A function that sees these things."""
    return lambda: things


def replaced(container, key, new):
    return lambda: container.__setitem__(key, new)


def cases():
    """A thing, and what changes it so that another thing than before is there, equal as it may be."""
    numbers, nested, mixed, flags = [1.0, 2.0], [[1.0, [2.0]], [3.0]], [object(), 1, "a"], {"on": True, "w": Value(1.0)}
    yield "a number of another type", numbers, replaced(numbers, 0, 1)
    yield "a zero of another sign", (zeros := [0.0]), replaced(zeros, 0, -0.0)
    yield "deep inside", nested, replaced(nested[0][1], 0, 2.5)
    yield "beside objects", mixed, replaced(mixed, 1, True)
    yield "a flag among Values", flags, replaced(flags, "on", 1)
    values = [Value(1.0), Value(2.0)]
    yield "a Value with the same number", values, replaced(values, 1, Value(2.0))
    array_values = {"w": Value([1.0])}
    yield "a Value with an equal array", array_values, replaced(array_values, "w", Value([1.0]))
    thing = SimpleNamespace(scale=1, w=Value(1.0))
    yield "an attribute", thing, lambda: setattr(thing, "scale", 1.0)
    yield "the order of a dict", (order := {"a": values, "b": thing}), lambda: order.update(a=order.pop("a"))
    yield "a longer list", (longer := [thing]), lambda: longer.append(thing)
    yield "a deque", (queue := deque([1.0])), replaced(queue, 0, 2.0)
    yield "a set", (names := {"a", Value}), lambda: names.add("b")
    yield "what equals everything", (any_ := [None, thing]), replaced(any_, 0, np.zeros(()) == 0.0)
    array = np.zeros(SMALL)
    yield "one number of an array", array, replaced(array, 7, 1e-9)


@pytest.mark.parametrize(("thing", "change"), [pytest.param(*rest, id=name) for name, *rest in cases()])
def test_a_change_is_noticed_at_the_next_look(thing, change):
    environment = Environment(around(thing, 1.5))
    assert environment.is_unchanged()
    assert environment.is_unchanged(), "by a glance"
    change()
    assert not environment.is_unchanged()
    assert environment.changed() is not None


def test_numbers_made_anew_are_no_change():
    settings, rows = {"scale": 2.0, "f": len}, [[float("nan")], [1.0]]
    environment = Environment(around(settings, rows))
    for _ in range(3):
        assert environment.is_unchanged()
        settings["scale"], rows[1][0], rows[0][0] = float("2.0"), float("1.0"), float("nan")
    assert environment.is_unchanged()


def test_an_environment_variable_is_watched(monkeypatch):
    import os

    monkeypatch.setenv("SCALE", "2.0")
    fast = tinygrad_edu.compile(lambda x: x * float(os.environ["SCALE"]))
    for scale in (2.0, 2.0, 2.0, 3.0):
        monkeypatch.setenv("SCALE", str(scale))
        assert fast(Value([1.0])).data.tolist() == [scale]


@pytest.mark.parametrize("source", [lambda: itertools.chain([2.0, 2.0], [3.0] * 9), lambda: iter([2.0] * 9)])
def test_a_function_that_takes_from_an_iterator_is_refused(source):
    scales = source()
    with pytest.raises(CompileError, match="iterator"):
        tinygrad_edu.compile(lambda x: x * next(scales))(Value([1.0]))


@pytest.mark.parametrize("kind", ["module", "Random", "numpy", "Generator"])
def test_a_function_that_branches_on_a_random_number_is_refused(kind):
    draw = {
        "module": random.random,
        "Random": random.Random(0).random,
        "numpy": np.random.random,
        "Generator": np.random.default_rng(0).random,
    }[kind]
    fast = tinygrad_edu.compile(lambda x: x * 2.0 if draw() < 2.0 else x)
    with pytest.raises(CompileError, match="random generator"):
        fast(Value([1.0]))


def test_weights_that_a_model_draws_at_its_first_call_are_no_such_numbers():
    rng, weights = np.random.default_rng(0), {}

    def f(x):
        if "w" not in weights:
            weights["w"] = Value(rng.normal(size=2))
        return x * weights["w"]

    fast = tinygrad_edu.compile(f)
    np.testing.assert_array_equal(fast(Value([1.0, 1.0])).data, weights["w"].data)
