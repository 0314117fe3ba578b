"""Every example in a docstring gives what it shows.

Modules are imported by their real names; collecting by folder would import nn/ and viz/ once more, as `nn` and `viz`.
"""

import doctest
import importlib
import importlib.util
import pkgutil

import pytest

import tinygrad_edu

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
# Modules whose examples need an optional package: skipped where it is missing, and only there.
PLOTS = (
    "activation",
    "boundary",
    "confusion",
    "curves",
    "feature_maps",
    "figures",
    "gradient_flow",
    "histograms",
    "kernels",
    "lines",
    "predictions",
)
NEEDS = {f"tinygrad_edu.viz.plots.{name}": "matplotlib" for name in PLOTS}
NEEDS |= {f"tinygrad_edu.check.{name}": "hypothesis" for name in ("operations", "strategies")}
FOR_NUMBA = ("fill", "functions", "pointers", "register", "tape", "tile")
NEEDS |= {f"tinygrad_edu.compiler.kernels.{name}": "numba" for name in FOR_NUMBA}


def module_names():
    """Every module, those in nn and viz (which a checkout keeps beside the package) included."""
    names = {"tinygrad_edu"}
    for package in (tinygrad_edu, *map(importlib.import_module, ("tinygrad_edu.nn", "tinygrad_edu.viz"))):
        names.add(package.__name__)
        names |= {found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")}
    return sorted(names)


@pytest.mark.parametrize("name", module_names())
def test_the_examples_of_a_module_give_what_they_show(name, tmp_path, monkeypatch):
    needed = NEEDS.get(name)
    if needed and importlib.util.find_spec(needed) is None:
        pytest.skip(f"the examples need {needed}")
    monkeypatch.chdir(tmp_path)  # what an example writes by a relative name stays out of the checkout
    outcome = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert outcome.failed == 0, f"{outcome.failed} of {outcome.attempted} examples of {name} failed"


def test_the_examples_of_nn_and_viz_are_among_those_run():
    names = module_names()
    assert "tinygrad_edu.nn.data.toy" in names
    assert any(name.startswith("tinygrad_edu.viz.") for name in names)
