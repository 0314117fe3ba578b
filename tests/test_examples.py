"""Every lesson runs as a learner would run it, in its quick form, and its own claims hold."""

import contextlib
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tinygrad_edu import Value, viz
from tinygrad_edu.__main__ import main
from tinygrad_edu.cli import lessons as command
from tinygrad_edu.cli.lessons import FOLDER, lessons, read
from tinygrad_edu.errors import ArgumentError, OutputExistsError
from tinygrad_edu.lesson import full_or_quick, running, show

ROOT = Path(__file__).parents[1]
LESSONS = lessons()
GOOD = '"""\n# 7. A title\n\nA text.\n\n**Claim.** One is one.\n"""\nprint("said")\nassert 1 == {one}\n'


def test_every_file_is_a_lesson_and_every_number_is_used_once():
    assert [lesson.path for lesson in LESSONS] == sorted(FOLDER.glob("*.py"))
    numbers = [lesson.number for lesson in LESSONS]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_the_lesson_runs_and_shows_the_pictures_that_it_lists(lesson, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    with running(tmp_path, quick=True) as run:
        runpy.run_path(str(lesson.path))
    assert sorted(run.shown) == sorted(lesson.pictures)
    assert run.shown, "a lesson draws the picture that explains it"
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(run.shown), "a lesson leaves its pictures, only"
    assert len(capsys.readouterr().out.splitlines()) > len(run.shown)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)
def test_the_lesson_can_be_read_in_one_sitting_and_opens_as_a_notebook(lesson):
    lines = lesson.path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150
    assert lines[0] == "# %% [markdown]"
    cells = [line for line in lines if line.startswith("# %%")]
    assert set(cells) == {"# %%", "# %% [markdown]"}
    assert lines[len(lines) - lines[::-1].index("# %%") :], "the last cell is code"
    assert any(line.lstrip().startswith("assert ") for line in lines), "a lesson asserts its claim"


# --- show and full_or_quick ------------------------------------------------------------------------------------------


def test_the_length_is_full_unless_a_quick_run_is_on(tmp_path):
    assert full_or_quick("full", "quick") == "full"
    with running(tmp_path, quick=True):
        assert full_or_quick("full", "quick") == "quick"
    with running(tmp_path):
        assert full_or_quick("full", "quick") == "full"


def test_show_says_what_it_drew_and_redraws_its_own_pictures_but_nobody_elses(tmp_path, capsys):
    drawing = viz.draw(Value(2.0) * 3.0)
    (tmp_path / "mine.svg").write_text("precious")
    with running(tmp_path) as run:
        show(drawing, "product.svg", "Two times three.")
        show(drawing, "product.svg", "Again.")
        with pytest.raises(OutputExistsError):
            show(drawing, "mine.svg", "A file of the user's.")
    assert run.shown == ["product.svg", "product.svg"]
    assert "product.svg: Two times three." in capsys.readouterr().out
    assert (tmp_path / "mine.svg").read_text() == "precious"


@pytest.mark.parametrize(
    ("picture", "name", "message"),
    [
        (viz.draw(Value(1.0)), "folder/a.svg", "without a folder"),
        (viz.draw(Value(1.0)), "a.jpeg", "which format"),
        (np.zeros(3), "a.png", "drawing or a figure.*ndarray"),
    ],
)
def test_what_cannot_be_shown_is_refused(tmp_path, picture, name, message):
    with running(tmp_path), pytest.raises(ArgumentError, match=message):
        show(picture, name, "A caption.")
    assert list(tmp_path.iterdir()) == []


def test_a_plain_script_draws_into_a_new_folder_each_time(tmp_path):
    script = "from tinygrad_edu import Value, viz\nfrom tinygrad_edu.lesson import show\n"
    script += "show(viz.draw(Value(1.0) * 2.0), 'a.svg', 'A.')\nshow(viz.draw(Value(1.0)), 'b.svg', 'B.')"
    for _ in range(2):
        environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
        subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True, capture_output=True)
    made = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.svg")}
    assert made == {f"runs/{folder}/{name}.svg" for folder in ("lesson", "lesson-2") for name in "ab"}


def test_a_notebook_shows_the_picture_as_well(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    seen = []
    ipython = SimpleNamespace(
        SVG=lambda filename: ("svg", filename), Image=lambda filename: ("image", filename), display=seen.append
    )
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython.display", ipython)
    with running(tmp_path):
        show(viz.draw(Value(1.0)), "a.svg", "A.")
        show(viz.plot_curves({"b": [1.0]}), "b.png", "B.")
    assert seen == [("svg", str(tmp_path / "a.svg")), ("image", str(tmp_path / "b.png"))]


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def two_lessons(tmp_path, monkeypatch):
    """A folder of a lesson that holds, and one that does not."""
    folder = tmp_path / "examples"
    folder.mkdir()
    for number, one in ((7, 1), (8, 2)):
        text = GOOD.format(one=one).replace("7", str(number))
        (folder / f"0{number}_a_title.py").write_text(text, encoding="utf-8")
    (folder / "helper.txt").write_text("not a lesson")
    monkeypatch.setattr(command, "lessons", lambda: lessons(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def test_without_a_number_the_lessons_are_listed(capsys):
    assert main(["lesson"]) == 0
    printed = capsys.readouterr().out
    for lesson in LESSONS:
        assert f"{lesson.number:2}  {lesson.title}" in printed
    assert max(map(len, printed.splitlines())) <= 100


def test_a_lesson_becomes_a_page_with_its_pictures_its_output_and_its_text(tmp_path, capsys):
    for _ in range(2):
        assert main(["lesson", "1", "--quick", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lesson-01", "lesson-01-2"]
    page = (tmp_path / "lesson-01" / "index.html").read_text(encoding="utf-8")
    (picture,) = LESSONS[[lesson.number for lesson in LESSONS].index(1)].pictures
    for part in (f'src="{picture}"', "0.999089", "import numpy as np", "One sigmoid neuron"):
        assert part in page
    assert (tmp_path / "lesson-01" / picture).exists()
    assert (tmp_path / "lesson-01" / "index.html").as_uri() in capsys.readouterr().out


def test_a_lesson_whose_claim_fails_says_so_and_the_others_still_run(two_lessons, tmp_path, capsys):
    assert main(["lesson", "8", "7"]) == 1
    out, error = capsys.readouterr()
    assert "AssertionError" in error
    assert "failed: 8 (of 2 run)" in error
    assert "said" in out
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["lesson-07"]


def test_all_runs_all(two_lessons, capsys):
    assert main(["lesson", "all"]) == 1
    assert capsys.readouterr().out.count("said") == 2


def test_an_unknown_lesson_lists_those_there_are(two_lessons, capsys):
    assert main(["lesson", "99"]) == 2
    assert "no lesson '99'; expected 'all', or one of 7, 8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "at_a_terminal", "opened"), [([], True, 1), (["--no-open"], True, 0), ([], False, 0)]
)
def test_the_page_opens_where_somebody_watches(two_lessons, monkeypatch, capsys, arguments, at_a_terminal, opened):
    addresses = []
    monkeypatch.setattr("webbrowser.open", addresses.append)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: at_a_terminal, raising=False)
    assert main(["lesson", "7", *arguments]) == 0
    assert len(addresses) == opened
    assert all(address.endswith("/runs/lesson-07/index.html") for address in addresses)


@pytest.mark.parametrize("text", ["print(1)", '"""Some words."""', GOOD.replace("7", "8"), GOOD.replace("**", "")])
def test_a_lesson_that_does_not_introduce_itself_is_refused(tmp_path, text):
    path = tmp_path / "07_title.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ArgumentError, match=r"07_title.py: a lesson begins with a docstring '# 7. Title'"):
        read(path)


def test_what_a_lesson_prints_is_seen_at_once_and_kept(two_lessons, tmp_path, capsys):
    with contextlib.suppress(SystemExit):
        main(["lesson", "7", "--no-open"])
    assert "said" in capsys.readouterr().out
    assert "said" in (tmp_path / "runs/lesson-07/index.html").read_text(encoding="utf-8")


# --- the page of lessons ---------------------------------------------------------------------------------------------


def test_the_page_of_lessons_is_up_to_date_and_each_picture_on_it_is_there_and_small():
    command = [sys.executable, str(ROOT / "docs" / "lessons.py"), "--check"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    page = (ROOT / "docs" / "lessons.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\]\((images/lessons/[^)]+)\)", page))
    assert named == {f"images/lessons/{file.name}" for file in (ROOT / "docs/images/lessons").iterdir()}
    assert len(named) == sum(len(lesson.pictures) for lesson in LESSONS)
    assert all((ROOT / "docs" / name).stat().st_size <= 70_000 for name in named)
