"""Imports point one way, in the order of ORDER; and importing the package brings NumPy and nothing else."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Each part may import what stands before it. `tinygrad_edu` is the public face, __init__.py.
ORDER = (
    "_checkout", "errors", "files", "memory", "sums", "typed", "graph", "mode", "node", "watch", "op", "kinds", "ops",
    "backward", "numpy_protocol", "value", "transforms", "check", "compiler", "tinygrad_edu", "nn", "viz", "lesson",
    "cli", "__main__",
)  # fmt: skip


def module_files():
    """Real module name -> file."""
    files = {}
    for name, folder in {"tinygrad_edu": "tinygrad_edu", "tinygrad_edu.nn": "nn", "tinygrad_edu.viz": "viz"}.items():
        for file in (ROOT / folder).rglob("*.py"):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            files[".".join([name, *parts]).removesuffix(".__init__")] = file
    return files


FILES = module_files()


def part(module):
    """The part of ORDER that a module belongs to."""
    return [*module.split("."), "tinygrad_edu"][1]


def imported(module, tree, known):
    """The modules of ours that a syntax tree imports, `if TYPE_CHECKING` aside; lazy imports count too."""
    is_package = any(name.startswith(f"{module}.") for name in known)
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            stack += node.orelse
            continue
        stack += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: len(module.split(".")) + is_package - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            names = [full if (full := f"{base}.{alias.name}") in known else base for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] == "tinygrad_edu")


def upward(module, source, known):
    """The imports of a module that point upward."""
    own = ORDER.index(part(module))
    return [name for name in imported(module, ast.parse(source), known) if ORDER.index(part(name)) > own]


@pytest.mark.parametrize("module", sorted(FILES))
def test_no_import_points_upward(module):
    assert part(module) in ORDER, f"{module} has no place in ORDER: say which parts may import it"
    assert upward(module, FILES[module].read_text(encoding="utf-8"), FILES) == []


def test_no_modules_import_each_other_in_a_circle():
    edges = {
        module: set(imported(module, ast.parse(file.read_text(encoding="utf-8")), FILES)) - {module}
        for module, file in FILES.items()
    }
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError as error:
        pytest.fail("imports in a circle: " + " -> ".join(error.args[1]))


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("tinygrad_edu.op", "from .value import Value", ["tinygrad_edu.value"]),
        ("tinygrad_edu.op", "def f():\n    from . import value", ["tinygrad_edu.value"]),
        ("tinygrad_edu.ops.shape", "from .. import value", ["tinygrad_edu.value"]),
        ("tinygrad_edu.ops.shape", "import tinygrad_edu.nn.data as d", ["tinygrad_edu.nn.data"]),
        ("tinygrad_edu.ops", "from .shape import x; from ..value import y", ["tinygrad_edu.value"]),
        ("tinygrad_edu.value", "from tinygrad_edu import grad", ["tinygrad_edu"]),
        ("tinygrad_edu.nn.data", "from ...viz import draw", ["tinygrad_edu.viz"]),
        ("tinygrad_edu.nn.data", "from tinygrad_edu import grad; from ...errors import DataError", []),
        ("tinygrad_edu.op", "if TYPE_CHECKING:\n    from .value import Value\nelse:\n    import numpy", []),
    ],
)
def test_an_upward_import_is_noticed_however_it_is_written(module, source, found):
    known = {
        f"tinygrad_edu{name}"
        for name in ("", ".op", ".value", ".ops", ".ops.shape", ".nn", ".nn.data", ".nn.data.toy", ".viz")
    }
    assert upward(module, source, known) == found


def loaded_by(statement):
    """Top-level modules, the standard library aside, that a fresh interpreter holds after a statement."""
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return set(output.split()) - set(sys.stdlib_module_names)


NUMPY = loaded_by("import numpy, numpy.random")  # NumPy itself loads parts of itself late


def test_importing_the_package_loads_numpy_and_no_other_dependency():
    assert loaded_by("import tinygrad_edu") - NUMPY == {"tinygrad_edu"}


def test_importing_the_package_loads_neither_nn_nor_viz():
    code = "import sys, tinygrad_edu; print({'tinygrad_edu.nn', 'tinygrad_edu.viz'} & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert output == "set()\n"


@pytest.mark.parametrize("package", ["nn", "viz"])
def test_importing_nn_or_viz_loads_no_optional_dependency(package):
    extra = loaded_by(f"import tinygrad_edu.{package}") - NUMPY
    assert extra <= {"tinygrad_edu", "graphviz"}
