"""What README says is so: its code prints the values beside it, its commands exist.

Convention: in a ```python block every statement `print(...)` carries a comment with the line it prints,
such as `print(g.data)  # 24.7041`; `...` in the comment stands for anything. The blocks share one namespace.
"""

import ast
import configparser
import contextlib
import doctest
import io
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL = "\n".join(re.findall(r"^```(?:bash|sh|console|shell)\n(.*?)^```", README, re.MULTILINE | re.DOTALL))
SPOKEN = SHELL + "\n" + "\n".join(re.findall(r"(?<!`)`([^`\n]+)`(?!`)", README))  # commands inside sentences too


def python_blocks(text=README):
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def promised(code):
    """(source line, what its comment promises to print) for each print statement of a block."""
    lines = code.splitlines()
    for statement in ast.walk(ast.parse(code)):
        if isinstance(statement, ast.Expr) and ast.unparse(statement.value).startswith("print("):
            line = lines[statement.end_lineno - 1].encode()
            yield line.decode(), line[statement.end_col_offset :].decode().strip().removeprefix("#").strip()


def run(code, namespace):
    """The lines a block prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "README.md", "exec"), namespace)
    return out.getvalue().splitlines()


def assert_prints_what_it_promises(code, namespace):
    expected, printed = list(promised(code)), run(code, namespace)
    agree = doctest.OutputChecker().check_output
    for (line, promise), got in zip(expected, printed, strict=True):
        assert agree(promise + "\n", got + "\n", doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE), (
            f"{line}\nprints: {got}"
        )


def test_the_code_in_readme_prints_the_values_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    assert python_blocks(), "README shows no Python"
    for code in python_blocks():
        assert_prints_what_it_promises(code, namespace)
    assert any(list(promised(code)) for code in python_blocks()), "README's code prints nothing"


def test_the_code_in_the_page_on_compile_prints_the_values_beside_it():
    namespace = {"__name__": "__main__"}
    (code,) = python_blocks((ROOT / "docs" / "compile.md").read_text(encoding="utf-8"))
    assert_prints_what_it_promises(code, namespace)
    assert list(promised(code))


@pytest.mark.parametrize(
    "code", ["print(1 + 1)  # 3", "print(1)", "print(1)  # 1\nprint(2)", "for i in (1, 2): print(i)  # 1"]
)
def test_a_false_or_missing_promise_is_noticed(code):
    with pytest.raises((AssertionError, ValueError)):
        assert_prints_what_it_promises(code, {})


def test_every_make_target_that_readme_names_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z][\w-]*)", SPOKEN))
    assert {"demo", "test"} <= named
    assert named <= targets


def test_every_extra_that_readme_names_exists():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    named = {extra for group in re.findall(r"(?:tinygrad_edu|\.)\[([\w,]+)\]", README) for extra in group.split(",")}
    assert named <= set(config["options.extras_require"])


def test_every_subcommand_that_readme_names_exists(monkeypatch, capsys):
    from tinygrad_edu.__main__ import main

    named = set(re.findall(r"tinygrad-edu ([a-z]+)", SPOKEN)) | set(re.findall(r"-m tinygrad_edu ([a-z]+)", SPOKEN))
    assert named
    for command in sorted(named):
        monkeypatch.setattr(sys, "argv", ["tinygrad-edu", command, "--help"])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code == 0, f"tinygrad-edu {command}"
        assert command in capsys.readouterr().out
