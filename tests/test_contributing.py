"""What CONTRIBUTING tells a newcomer to write works as it stands there."""

import re
from pathlib import Path

import numpy as np

from tinygrad_edu import Value, check_gradients, kinds, nn, op
from tinygrad_edu.cli.lessons import lessons, run
from tinygrad_edu.nn.layers.registry import LAYERS

TEXT = Path(__file__).parents[1].joinpath("CONTRIBUTING.md").read_text(encoding="utf-8")


def code(heading):
    """The code under a heading."""
    section = TEXT.split(f"## {heading}\n")[1].split("\n## ")[0]
    (found,) = re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return found


def block(heading, namespace):
    """Run the code under a heading."""
    exec(compile(code(heading), "CONTRIBUTING.md", "exec"), namespace)
    return namespace


def test_the_op_computes_differentiates_in_both_modes_and_is_entered():
    cube = block("Add an op", {"elementwise": kinds.elementwise, "Interval": op.Interval})["cube"]
    assert op.REGISTRY["cube"] is cube
    assert cube(np.array([2.0])).tolist() == [8.0]
    report = check_gradients(lambda x: cube(x) * np.ones((2, 1)), np.array([0.5, -1.5, 0.0]), rng=0)
    assert report.passed
    assert report.verdict.name == "PASS"
    x = Value(2.0)
    cube(x).backward(create_graph=True)
    slope = x.grad
    x.zero_grad()
    slope.backward()
    assert (slope.data, x.grad) == (12.0, 12.0)


def test_the_layer_learns():
    made = block("Add a layer", {"__name__": "scale"})["Scale"]
    LAYERS.pop(made)  # entered by its example; the battery walks the layers of the house
    scale = made(2)
    assert [name for name, _ in scale.named_parameters()] == ["factor"]
    x = np.arange(8.0).reshape(4, 2)
    optimizer = nn.SGD(scale.parameters(), lr=0.05)
    nn.fit(scale, (x, x * [2.0, -1.0]), "mse", optimizer, epochs=60, batch_size=4, rng=0, progress=False)
    np.testing.assert_allclose(scale.factor.data, [2.0, -1.0], atol=1e-3)


def test_the_lesson_is_listed_runs_in_both_lengths_and_becomes_a_page(tmp_path, capsys):
    (tmp_path / "34_two_times_three.py").write_text(code("Add a lesson"), encoding="utf-8")
    (lesson,) = lessons(tmp_path)
    assert (lesson.number, lesson.title, list(lesson.pictures)) == (34, "Two times three", ["product.svg"])
    lines = []
    for quick in (False, True):
        made = run(lesson, tmp_path, quick)
        assert "grows three times as fast" in made.read_text(encoding="utf-8")
        assert made.with_name("product.svg").exists()
        lines.append(capsys.readouterr().out.count("times 3 is"))
    assert lines == [3, 1]
