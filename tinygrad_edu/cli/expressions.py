"""What `draw` and `check` are given: an expression such as ``tanh(w * x + b)``, or ``module:function``."""

import ast
import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.value import Value

OPERATORS = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.MatMult, ast.USub,
    ast.UAdd, ast.Call, ast.keyword, ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple, ast.Subscript, ast.Slice,
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """Something to draw or to check: a function, and the inputs to call it with, by name."""

    text: str
    function: Callable[..., Any]
    inputs: dict[str, Any]

    def __call__(self, *values: Any) -> Any:
        """The result for these inputs, in the order of `inputs`.

        Raises
        ------
        ArgumentError
            If the function does not give back a Value.
        """
        result = self.function(**dict(zip(self.inputs, values, strict=True)))
        if not isinstance(result, Value):
            raise ArgumentError(
                f"{self.text}: expected a Value as the result, got {type(result).__name__}; "
                "compute it from the arguments with operators and NumPy functions"
            )
        return result

    def run(self) -> Value:
        """The result on Values of the inputs, their names in the graph."""
        result: Value = self(*[Value(data, name=name) for name, data in self.inputs.items()])
        return result


def read_target(text: str, settings: Sequence[str]) -> Target:
    """Read an expression or ``module:function``, and its inputs.

    Parameters
    ----------
    text : str
    settings : sequence of str
        Inputs, each ``name=number`` or ``name=[list]`` (JSON).

    Returns
    -------
    Target

    Raises
    ------
    ArgumentError
        If the text or a setting cannot be read, or an input is missing.

    Examples
    --------
    >>> read_target("x * y + 1", ["x=2", "y=[1, 2]"]).run()
    Value([3., 5.], op=add)
    """
    inputs = dict(_setting(item) for item in settings)
    module, colon, name = text.partition(":")
    if colon and all(part.isidentifier() for part in (*module.split("."), name)):
        return _module_function(text, module, name, inputs)
    return _expression(text, inputs)


def _setting(text: str) -> tuple[str, Any]:
    name, equals, data = text.partition("=")
    if not equals or not name.isidentifier():
        raise ArgumentError(f"input {text!r}: expected name=number or name=[list], such as x=2.5 or w=[1,2,3]")
    try:
        array = np.array(json.loads(data), dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"input {name!r}: expected a number or a list of numbers, got {data!r}") from error
    return name, float(array) if array.ndim == 0 else array


def _expression(text: str, inputs: dict[str, Any]) -> Target:
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise ArgumentError(f"{text!r} is neither an expression such as 'tanh(w*x + b)' nor module:function") from error
    functions = {name: getattr(ops, name) for name in sorted(ops.__all__)}
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names: list[str] = []
    for node in ast.walk(tree):
        if not isinstance(node, OPERATORS):
            hint = "; a power is written x**2" if isinstance(node, ast.BitXor) else ""
            raise ArgumentError(
                f"{text!r}: only numbers, names, operators and operations may stand in an expression{hint}"
            )
        if isinstance(node, ast.Name):
            if id(node) in called:
                if node.id not in functions:
                    raise ArgumentError(f"{text!r}: no operation {node.id!r}; there are: {', '.join(functions)}")
            elif node.id not in names:
                names.append(node.id)
    names.sort(key=lambda name: list(inputs).index(name) if name in inputs else -1)
    _same_names(text, names, inputs)
    code = compile(tree, "<expression>", "eval")

    def function(**values: Any) -> Any:
        return eval(code, {"__builtins__": {}}, {**functions, **values})

    return Target(text, function, {name: inputs[name] for name in names})


def _module_function(text: str, module: str, name: str, inputs: dict[str, Any]) -> Target:
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        function = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        raise ArgumentError(f"{text}: there is no module {error.name!r} here; run in the folder it is in") from error
    except AttributeError as error:
        raise ArgumentError(f"{text}: the module {module!r} has no function {name!r}") from error
    if not callable(function):
        raise ArgumentError(f"{text}: expected a function, got {type(function).__name__}")
    needed = [p.name for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    known = list(inspect.signature(function).parameters)
    _same_names(text, needed, {key: inputs[key] for key in inputs if key not in known or key in needed})
    return Target(text, function, {key: inputs[key] for key in known if key in inputs})


def _same_names(text: str, names: Sequence[str], inputs: dict[str, Any]) -> None:
    missing = [name for name in names if name not in inputs]
    if missing:
        raise ArgumentError(f"{text}: give a value for {', '.join(missing)}, such as --input {missing[0]}=0.5")
    unknown = [name for name in inputs if name not in names]
    if unknown:
        raise ArgumentError(f"{text}: does not use {unknown[0]!r}; its inputs are {', '.join(names) or 'none'}")
