"""The pytest plugin in a project of somebody else's: the fixture, what a failure reads like, and what is not judged."""

import configparser
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
THEIRS = """
import numpy as np

def test_right(gradcheck):
    report = gradcheck(lambda x: np.sum(np.tanh(x)), np.array([0.5, 1.0]))
    assert report.verdict == "PASS"

def test_wrong(gradcheck):
    gradcheck(np.sin, 1.0, gradient=lambda x: -np.cos(x))

def test_nobody_can_tell(gradcheck):
    assert gradcheck(np.log, -1.0).verdict == "INCONCLUSIVE"
"""


def pytest_in(folder, *options):
    """What pytest says in a folder, in a process that knows the plugin alone."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "120"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tinygrad_edu.check.plugin", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *options], cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def test_the_fixture_serves_another_project(tmp_path):
    (tmp_path / "test_theirs.py").write_text(THEIRS, encoding="utf-8")
    done = pytest_in(tmp_path)
    assert done.returncode == 1, done.stderr
    assert "1 failed, 2 passed, 1 warning" in done.stdout
    assert "the gradient for argument 0 is wrong" in done.stdout
    assert "perhaps: a sign" in done.stdout
    assert "Traceback" not in done.stdout
    assert "in check_gradients" not in done.stdout, "the report is shown, not the way through the checker"
    assert (
        "InconclusiveCheckWarning: gradcheck could not judge argument 0 all: the function is not finite" in done.stdout
    )


def test_the_fixture_serves_the_examples_of_a_hypothesis_test(tmp_path):
    pytest.importorskip("hypothesis")
    (tmp_path / "test_drawn.py").write_text(
        "import numpy as np\n"
        "from hypothesis import given, settings\n"
        "from tinygrad_edu.check.strategies import arrays, shapes\n"
        "@settings(max_examples=10, database=None)\n"
        "@given(x=arrays((0.5, 2.0), shape=shapes()))\n"
        "def test_log(gradcheck, x):\n"
        "    gradcheck(np.log, x)\n",
        encoding="utf-8",
    )
    done = pytest_in(tmp_path)
    assert "1 passed" in done.stdout, done.stdout


def test_the_example_grades_students_and_says_what_is_wrong_with_whose_answer(tmp_path):
    pytest.importorskip("hypothesis")
    shutil.copytree(ROOT / "examples" / "grading", tmp_path / "grading", ignore=shutil.ignore_patterns("__pycache__"))
    done = pytest_in(tmp_path / "grading")
    assert "6 failed, 14 passed" in done.stdout, done.stdout + done.stderr
    failed = {line.split("[")[1].split("]")[0] for line in done.stdout.splitlines() if line.startswith("FAILED")}
    assert failed == {
        "Ben-sigmoid_sum", "Ben-add_bias", "Ben", "Cem-squared_error", "Dana-add_bias", "Dana-matrix_product",
    }  # fmt: skip
    for words in (
        "a sign",
        "must be summed over axis 0",
        "a whole number",
        "does not arrive",
        "transposed",
        "softsign_ben(-1.0)",
    ):
        assert words in done.stdout


def test_the_entry_point_names_the_plugin():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    name, _, module = parser["options.entry_points"]["pytest11"].strip().partition(" = ")
    assert name == "tinygrad_edu"
    assert hasattr(importlib.import_module(module), "gradcheck")
