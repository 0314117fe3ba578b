"""CONTRIBUTING's steps for a new layer, followed to the letter in a copy of the tree."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path):
    for folder in ("nn", "tinygrad_edu"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests").mkdir()
    for name in ("tests/conftest.py", "tests/nn/test_layer_battery.py", "setup.cfg"):
        shutil.copy(ROOT / name, tmp_path / name.replace("tests/nn", "tests"))
    return tmp_path


def battery(tree):
    """The battery of a tree, for classes called Scale, and whatever looks at all layers."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "Scale or every_layer", "tests"]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def test_one_file_and_one_line_enter_a_layer_into_the_battery(copy):
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Add a layer\n")[1].split("\n## ")[0]
    (file,) = re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    (line,) = re.findall(r"`(from tinygrad_edu.nn.layers.scale import [^`]*)`", section)
    (copy / "nn/layers/scale.py").write_text(file, encoding="utf-8")
    forgotten = battery(copy)
    assert forgotten.returncode == 1, "the line is needed, and the battery says so"
    assert "name {'Scale'} in nn/__init__.py" in forgotten.stdout
    names = copy / "nn/__init__.py"
    text = names.read_text(encoding="utf-8")
    first = "from tinygrad_edu.nn.layers.sequential"
    assert text.count(first) == 1
    names.write_text(text.replace(first, f"{line}\n{first}"), encoding="utf-8")
    done = battery(copy)
    assert done.returncode == 0, done.stdout
    passed = int(re.search(r"(\d+) passed", done.stdout)[1])
    assert passed >= 10, "gradients, state, repr, modes, scopes, float32 ..."
