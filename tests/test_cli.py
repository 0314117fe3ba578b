"""The command line: what it writes, and how it ends on bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tinygrad_edu.__main__ import main
from tinygrad_edu.cli.expressions import read_target
from tinygrad_edu.errors import ArgumentError

ROOT = Path(__file__).parents[1]
FAST = ["--epochs", "2", "--no-progress"]


@pytest.fixture
def table(tmp_path):
    """A CSV file of two well separated classes."""
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'yes' if a + b > 0 else 'no'}" for a, b in rng.normal(size=(120, 2))]
    path = tmp_path / "table.csv"
    path.write_text("width,height,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_the_demo_reaches_its_accuracy_and_writes_a_page_that_opens_offline(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path), "--no-progress"]) == 0
    run = tmp_path / "demo"
    files = {file.name for file in run.iterdir()}
    assert files == {
        "index.html", "neuron.svg", "network.svg", "history.png", "predictions.png", "weights.npz", "run.json",
    }  # fmt: skip
    numbers = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert numbers["held_out"]["accuracy"] >= 0.96
    page = (run / "index.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http://www.w3.org", "")
    assert all(name in page for name in ("neuron.svg", "network.svg", "history.png", "predictions.png"))
    printed = capsys.readouterr().out
    assert "PASS" in printed
    assert all(name in printed for name in files)


def test_an_existing_run_is_never_overwritten(tmp_path, capsys):
    (tmp_path / "demo").mkdir()
    assert main(["demo", "--out", str(tmp_path), *FAST]) == 0
    assert list((tmp_path / "demo").iterdir()) == []
    assert (tmp_path / "demo-2" / "index.html").exists()
    assert main(["demo", "--out", str(tmp_path), "--name", "demo", *FAST]) == 2
    assert "not overwritten" in capsys.readouterr().err


def test_train_learns_a_users_table(tmp_path, table):
    arguments = ["--data", str(table), "--target", "label", "--out", str(tmp_path / "runs"), "--no-progress"]
    assert main(["train", *arguments]) == 0
    numbers = json.loads((tmp_path / "runs" / "table" / "run.json").read_text(encoding="utf-8"))
    assert numbers["classes"] == ["no", "yes"]
    assert numbers["held_out"]["accuracy"] >= 0.9


def test_train_predicts_numbers_too(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "line.csv"
    rows = [f"{x:.4f},{3 * x + 1 + 0.1 * e:.4f}" for x, e in rng.normal(size=(150, 2))]
    path.write_text("x,y\n" + "\n".join(rows), encoding="utf-8")
    arguments = ["--data", str(path), "--target", "y", "--task", "regression", "--out", str(tmp_path), "--no-progress"]
    assert main(["train", *arguments]) == 0
    numbers = json.loads((tmp_path / "line" / "run.json").read_text(encoding="utf-8"))
    assert numbers["held_out"]["R2"] > 0.9


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (None, [], "no such file"),
        ("", [], "empty"),
        ("a,label\n", [], "header"),
        ("a,label\n1,x\ntext,y\n", [], "text"),
        ("a,label\n1,x\nnan,y\n", [], "line 3"),
        ("a,label\n1,x\n2,x\n", [], "two classes"),
        ("a,b\n1,2\n", [], "label"),
        ("a,label\n1,x\n2,y\n" * 1 + "3,x\n4,y\n" * 8, ["--batch-size", "5000"], "5000"),
        ("a,label\n" + "3,x\n4,y\n" * 8, ["--lr", "-1", "--batch-size", "2"], "lr"),
        ("a,label\n" + "3,x\n4,y\n" * 8, ["--name", "../up", "--batch-size", "2"], "folder name"),
        ("a,label\n" + "3,x\n4,y\n" * 8, ["--dropout", "1.5", "--batch-size", "2"], "1.5"),
        ("a,label\n" + "3,x\n4,y\n" * 8, ["--epochs", "-1", "--batch-size", "2"], "-1"),
    ],
)
def test_bad_input_ends_in_one_clear_line_and_leaves_nothing(tmp_path, capsys, content, options, says):
    path = tmp_path / "data.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    runs = tmp_path / "runs"
    code = main(["train", "--data", str(path), "--target", "label", "--out", str(runs), "--no-progress", *options])
    error = capsys.readouterr().err
    assert code == 2
    assert error.startswith("tinygrad-edu train: ")
    assert error.count("\n") == 1
    assert says in error.lower()
    assert not runs.exists() or list(runs.iterdir()) == []


@pytest.mark.parametrize("sizes", ["0", "8,-1", "a", "8,,8"])
def test_bad_layer_sizes_are_refused(sizes, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["demo", "--hidden", sizes])
    assert stopped.value.code == 2
    assert "--hidden" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(tmp_path, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder", encoding="utf-8")
    assert main(["demo", "--out", str(blocked), *FAST]) == 2
    assert str(blocked) in capsys.readouterr().err


def test_draw_writes_a_picture_of_an_expression_and_keeps_an_existing_file(tmp_path, capsys):
    path = tmp_path / "out.svg"
    arguments = ["draw", "tanh(w * x + b)", "-i", "w=2", "-i", "x=0.5", "-i", "b=-1", "-o", str(path)]
    assert main(arguments) == 0
    picture = path.read_text(encoding="utf-8")
    assert picture.lstrip().startswith(("<?xml", "<svg", "<!DOCTYPE"))
    path.write_text("mine", encoding="utf-8")
    assert main(arguments) == 2
    assert path.read_text(encoding="utf-8") == "mine"
    assert main([*arguments, "--overwrite"]) == 0
    assert path.read_text(encoding="utf-8") != "mine"


def test_check_verifies_an_expression(capsys):
    assert main(["check", "tanh(w * x) + exp(x)", "-i", "w=2", "-i", "x=0.5"]) == 0
    assert "PASS" in capsys.readouterr().out


def test_check_gives_the_whole_report_as_json(capsys):
    assert main(["check", "x ** 2", "-i", "x=3", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["verdict"], report["entries"][0]["analytic"]) == ("PASS", 6.0)
    assert main(["check", "log(x)", "-i", "x=-1", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["entries"][0]["numeric"] is None


def test_check_says_what_its_exit_codes_mean(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["check", "--help"])
    assert stopped.value.code == 0
    assert "1  a gradient is wrong" in capsys.readouterr().out


def test_check_and_draw_take_a_function_of_a_users_module(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine_cli.py").write_text(
        "import numpy as np\n"
        "from tinygrad_edu.kinds import elementwise\n"
        "wrong = elementwise('wrong_cli', np.sin, along=(lambda t, out, x: t * np.cos(x) * 1.001,))\n"
        "def good(x, scale=2.0):\n    return np.sum(np.sin(x) * scale)\n"
        "def bad(x):\n    return np.sum(wrong(x))\n"
        "def number(x):\n    return 3.0\n"
        "def broken(x):\n    return x.no_such_method()\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    assert main(["check", "mine_cli:good", "-i", "x=[1, 2]"]) == 0
    assert main(["check", "mine_cli:bad", "-i", "x=[1, 2]"]) == 1
    printed = capsys.readouterr().out
    assert "FAIL" in printed
    assert "the derivative rule of wrong_cli is wrong" in printed
    assert f"made at {tmp_path / 'mine_cli.py'}:7: return np.sum(wrong(x))" in printed
    assert main(["check", "mine_cli:broken", "-i", "x=1"]) == 2
    assert "mine_cli:broken failed: AttributeError" in capsys.readouterr().err
    assert main(["draw", "mine_cli:good", "-i", "x=[1, 2]", "-i", "scale=3", "-o", "good.svg"]) == 0
    assert main(["check", "mine_cli:number", "-i", "x=1"]) == 2
    assert "expected a Value" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "inputs", "says"),
    [
        ("x +", ["x=1"], "neither an expression"),
        ("x * y", ["x=1"], "give a value for y"),
        ("x", ["x=1", "z=2"], "does not use 'z'"),
        ("x", ["x=one"], "expected a number"),
        ("x", ["1x=1"], "name=number"),
        ("nosuch(x)", ["x=1"], "no operation 'nosuch'"),
        ("x.__class__", ["x=1"], "only numbers"),
        ("[x for x in (1,)]", [], "only numbers"),
        ("no_such_module:f", [], "no module 'no_such_module'"),
        ("json:nothing", [], "no function 'nothing'"),
    ],
)
def test_what_cannot_be_read_says_why(text, inputs, says):
    with pytest.raises(ArgumentError, match=says):
        read_target(text, inputs)


def test_info_lists_versions_and_extras(capsys):
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    assert f"numpy         {np.__version__}" in printed
    assert "[render]" in printed


def heed_ctrl_c():
    """Programs in the background of a shell begin with Ctrl-C ignored, and so would the process here."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_keeps_the_best_weights_so_far_and_says_where(tmp_path):
    command = [
        sys.executable,
        "-m",
        "tinygrad_edu",
        "demo",
        "--epochs",
        "100000",
        "--no-progress",
        "--out",
        str(tmp_path),
    ]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MPLBACKEND": "Agg", "PYTHONUNBUFFERED": ""},
        preexec_fn=heed_ctrl_c,
    )
    try:
        assert process.stdout.readline().startswith("data")
        assert any(process.stdout.readline().startswith("network") for _ in range(4))
        time.sleep(3.0)
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, errors
    weights = tmp_path / "demo" / "weights.npz"
    assert f"are in {weights}" in printed
    with np.load(weights) as file:
        assert all(np.isfinite(file[name]).all() for name in file.files)
    numbers = json.loads((tmp_path / "demo" / "run.json").read_text(encoding="utf-8"))
    assert numbers["interrupted"]
    assert numbers["best_epoch"] >= 1
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_ctrl_c_after_training_leaves_out_pictures_and_keeps_the_weights(tmp_path, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tinygrad_edu.cli.training._verify", interrupted)
    assert main(["demo", "--out", str(tmp_path), *FAST]) == 130
    assert {"weights.npz", "run.json", "index.html"} == {file.name for file in (tmp_path / "demo").iterdir()}
    assert "interrupted" in capsys.readouterr().out
