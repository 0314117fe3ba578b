"""One source tree, four ways to use it: plain Python, a wheel, an editable install, an sdist."""

import ast
import configparser
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tinygrad_edu import _checkout

ROOT = Path(__file__).parents[1]
FOLDERS = {"tinygrad_edu": "tinygrad_edu", "tinygrad_edu.nn": "nn", "tinygrad_edu.viz": "viz"}
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
OFFLINE = ("--no-deps", "--no-build-isolation")
# Prints where the three packages and the digits come from.
WHERE = """
import sys, tinygrad_edu, tinygrad_edu.nn.data, tinygrad_edu.viz
for module in (tinygrad_edu, tinygrad_edu.nn, tinygrad_edu.nn.data, tinygrad_edu.viz):
    print(module.__file__)
assert tinygrad_edu.nn.data.digits()[0].shape == (1797, 8, 8)
assert "nn" not in sys.modules and "viz" not in sys.modules
"""


def config():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def run(*command, cwd=ROOT, pythonpath=()):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, pythonpath)),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [str(part) for part in command]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def python(code, *arguments, cwd, path=()):
    """What code prints, run without this environment's .pth files: its own editable install would answer for a gap."""
    return run(sys.executable, "-S", "-c", code, *arguments, cwd=cwd, pythonpath=[*path, Path(np.__file__).parents[1]])


def where(cwd, path=(), before=""):
    return [Path(line) for line in python(before + WHERE, cwd=cwd, path=path).splitlines()]


def in_tree(root):
    return [root / name / "__init__.py" for name in ("tinygrad_edu", "nn", "nn/data", "viz")]


def installed_in(root):
    return [root / "tinygrad_edu" / name / "__init__.py" for name in ("", "nn", "nn/data", "viz")]


# --- without building ------------------------------------------------------------------------------------------------


def test_setup_cfg_lists_every_package_of_the_tree():
    found = {
        ".".join([name, *init.parent.relative_to(ROOT / folder).parts])
        for name, folder in FOLDERS.items()
        for init in (ROOT / folder).rglob("__init__.py")
    }
    assert set(config()["options"]["packages"].split()) == {*found, "tinygrad_edu.examples"}
    assert not (ROOT / "examples" / "__init__.py").exists(), "walking the packages would run the lessons"


def test_every_folder_with_modules_is_a_package():
    for folder in FOLDERS.values():
        bare = {file.parent for file in (ROOT / folder).rglob("*.py") if not (file.parent / "__init__.py").exists()}
        assert bare == set()


def test_every_extra_that_an_error_message_names_can_be_installed():
    named = set()
    for folder in FOLDERS.values():
        for file in (ROOT / folder).rglob("*.py"):
            for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("optional_import"):
                    extra = [*call.args[1:], *(word.value for word in call.keywords if word.arg == "extra")]
                    named |= {value.value for value in extra if isinstance(value, ast.Constant)}
    assert named <= set(config()["options.extras_require"])


def test_plain_python_finds_the_sibling_folders_from_the_root_and_from_elsewhere(tmp_path):
    assert where(cwd=ROOT) == in_tree(ROOT)
    assert where(cwd=tmp_path, path=[ROOT]) == in_tree(ROOT)


def test_the_finder_is_installed_once_and_answers_for_two_names_only():
    before = list(sys.meta_path)
    _checkout.install()
    assert sys.meta_path == before
    finders = [finder for finder in sys.meta_path if isinstance(finder, _checkout.SiblingFinder)]
    assert len(finders) == 1
    assert finders[0].find_spec("tinygrad_edu.nn").submodule_search_locations == [str(ROOT / "nn")]
    for name in ("nn", "viz", "tinygrad_edu", "tinygrad_edu.nn.data", "tinygrad_edu.tests", "tests"):
        assert finders[0].find_spec(name) is None


def test_walking_the_packages_ends_and_imports_each_file_once():
    walk = (  # some modules are written for numba, and only kernels import them
        "numba = tuple('kernels.' + name for name in ('fill', 'functions', 'pointers', 'register', 'tile'))\n"
        "import pkgutil, importlib, sys, tinygrad_edu\n"
        "for top in ('tinygrad_edu', 'tinygrad_edu.nn', 'tinygrad_edu.viz'):\n"
        "    for found in pkgutil.walk_packages(importlib.import_module(top).__path__, top + '.'):\n"
        "        if not found.name.endswith(('__main__', *numba)): importlib.import_module(found.name)\n"
        "files = [getattr(module, '__file__', None) or '' for module in sys.modules.values()]\n"
        "files = [file for file in files if file.startswith(sys.argv[1]) and 'site-packages' not in file]\n"
        "print(len(files) - len(set(files)), len(files))"
    )
    twice, files = python(walk, f"{ROOT}{os.sep}", cwd=ROOT).split()
    assert twice == "0"
    assert int(files) > 10


# --- with building ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the sources, so that building leaves nothing in the checkout."""
    copy = tmp_path_factory.mktemp("source") / "tree"
    made = shutil.ignore_patterns(
        ".git", ".venv", "build", "dist", "runs", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis"
    )
    return Path(shutil.copytree(ROOT, copy, ignore=made))


@pytest.fixture(scope="module")
def wheel(tree):
    run(*PIP, "wheel", *OFFLINE, "--wheel-dir", tree.parent / "wheels", tree)
    (built,) = (tree.parent / "wheels").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def site_packages(wheel):
    target = wheel.parent / "site-packages"
    run(*PIP, "install", *OFFLINE, "--target", target, wheel)
    return target


def wheel_members(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


@pytest.mark.slow
def test_a_wheel_holds_every_source_and_data_file_below_one_name(wheel):
    expected = {
        f"{name.replace('.', '/')}/{file.relative_to(ROOT / folder).as_posix()}"
        for name, folder in FOLDERS.items()
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    expected |= {f"tinygrad_edu/examples/{lesson.name}" for lesson in (ROOT / "examples").glob("[0-9]*.py")}
    assert wheel_members(wheel) == expected
    assert {"tinygrad_edu/py.typed", "tinygrad_edu/nn/data/digits.npz", "tinygrad_edu/nn/data/DIGITS.txt"} <= expected


@pytest.mark.slow
def test_an_installed_wheel_imports_from_anywhere_and_adds_no_package_nn_or_viz(site_packages, tmp_path):
    assert where(cwd=tmp_path, path=[site_packages]) == installed_in(site_packages)
    # A target folder holds console scripts in bin/; everything else is the package and its metadata.
    assert {path.name for path in site_packages.iterdir() if path.suffix != ".dist-info"} == {"tinygrad_edu", "bin"}


@pytest.mark.slow
def test_an_installed_wheel_brings_the_lessons_along(site_packages, tmp_path):
    start = "import sys, tinygrad_edu.__main__ as command; sys.exit(command.main(sys.argv[1:]))"
    # Pictures of graphs need the graphviz package, which stands beside NumPy.
    assert "One sigmoid neuron" in python(start, "lesson", cwd=tmp_path, path=[site_packages])
    assert "0.999089" in python(start, "lesson", "1", cwd=tmp_path, path=[site_packages])
    assert {"index.html", "neuron.svg"} <= {file.name for file in (tmp_path / "runs" / "lesson-01").iterdir()}


@pytest.mark.slow
def test_an_installed_package_is_no_checkout_even_beside_folders_named_like_ours(site_packages, tmp_path):
    for name in ("nn", "viz"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise AssertionError('somebody else: not ours to import')")
    asks = "import tinygrad_edu._checkout as c; assert not c.in_checkout()\n"
    assert where(cwd=tmp_path, path=[site_packages], before=asks) == installed_in(site_packages)


@pytest.mark.slow
def test_a_checkout_comes_before_a_regular_install(site_packages):
    assert where(cwd=ROOT, path=[site_packages]) == in_tree(ROOT)


@pytest.mark.slow
def test_an_editable_install_runs_the_tree_from_anywhere(tree, tmp_path):
    prefix = tmp_path / "prefix"
    # --ignore-installed: pip would first uninstall what the environment of these tests has.
    run(*PIP, "install", *OFFLINE, "--ignore-installed", "--prefix", prefix, "--editable", tree)
    (folder,) = {path.parent for path in prefix.rglob("*.pth")}
    before = f"import site; site.addsitedir({str(folder)!r})\n"  # what Python does at its start, for one folder
    assert where(cwd=tmp_path, path=[folder], before=before) == in_tree(tree)


@pytest.mark.slow
def test_an_sdist_holds_what_building_and_testing_need(tree, wheel, tmp_path):
    run(
        sys.executable,
        "-c",
        "from setuptools import setup; setup()",
        "--quiet",
        "sdist",
        "--dist-dir",
        tmp_path,
        cwd=tree,
    )
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # Python before 3.11.4 has none
        tar.extractall(tmp_path, **safe)
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    for name in (
        "Makefile",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "setup.cfg",
        "pyproject.toml",
        "tests/conftest.py",
        "docs/operations.py",
        "docs/lessons.md",
        ".ci/run",
    ):
        assert (unpacked / name).is_file(), name
    run(*PIP, "wheel", *OFFLINE, "--wheel-dir", tmp_path, unpacked)
    (rebuilt,) = tmp_path.glob("*.whl")
    assert wheel_members(rebuilt) == wheel_members(wheel)
