"""Files and renderers: what is there is used, what is missing is named, nothing is overwritten."""

import shutil
import stat
import subprocess
import sys

import graphviz
import pytest

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, MissingDependencyError, OutputExistsError
from tinygrad_edu.viz import draw, render

INSTALL = r"pip install 'tinygrad_edu\[render\]'"


@pytest.fixture
def a_times_a():
    a = Value(3.0, name="a")
    product = a * a
    product.backward()
    return product


@pytest.fixture
def no_graphviz(monkeypatch):
    """As if neither the dot program nor pygraphviz were there."""
    monkeypatch.setattr(render.shutil, "which", lambda name: None)
    monkeypatch.setattr(render.importlib.util, "find_spec", lambda name: None)


@pytest.mark.usefixtures("no_graphviz")
def test_svg_and_dot_work_with_nothing_installed(a_times_a, tmp_path):
    drawing = draw(a_times_a)
    assert drawing.render(tmp_path / "a.svg").read_text().startswith("<svg")
    assert drawing.render(tmp_path / "a.dot").read_text() == drawing.source
    assert drawing.render(tmp_path / "a.gv").read_text().startswith("digraph")


@pytest.mark.usefixtures("no_graphviz")
@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_what_cannot_be_written_says_what_to_install_and_leaves_no_file(a_times_a, tmp_path, suffix):
    with pytest.raises(MissingDependencyError, match=INSTALL):
        draw(a_times_a).render(tmp_path / f"a.{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_graphviz")
@pytest.mark.parametrize("renderer", ["dot", "pygraphviz"])
def test_a_chosen_renderer_that_is_missing_is_an_error_that_names_it(a_times_a, renderer):
    with pytest.raises(MissingDependencyError, match=f"renderer='{renderer}'.*{INSTALL}"):
        draw(a_times_a, renderer=renderer).svg()


def test_the_builtin_layout_does_not_pretend_to_write_png(a_times_a, tmp_path):
    with pytest.raises(MissingDependencyError, match=f"builtin renderer writes svg, not png.*{INSTALL}"):
        draw(a_times_a, renderer="builtin").render(tmp_path / "a.png")


def test_an_unknown_suffix_lists_the_formats(a_times_a, tmp_path):
    for name in ("a.jpg", "a", "a.svg.gz"):
        with pytest.raises(ArgumentError, match=r"\.svg \.png \.pdf \.dot \.gv"):
            draw(a_times_a).render(tmp_path / name)


def test_a_suffix_may_be_in_capitals(a_times_a, tmp_path):
    assert draw(a_times_a, renderer="builtin").render(tmp_path / "A.SVG").exists()


def test_an_existing_file_is_kept_unless_asked(a_times_a, tmp_path):
    path = tmp_path / "a.svg"
    path.write_text("precious")
    drawing = draw(a_times_a, renderer="builtin")
    with pytest.raises(OutputExistsError, match="overwrite=True"):
        drawing.render(path)
    assert path.read_text() == "precious"
    with pytest.raises(FileExistsError):
        drawing.render(path)
    drawing.render(path, overwrite=True)
    assert path.read_text() == drawing.svg()
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_finished_is_not_begun(a_times_a, tmp_path, monkeypatch):
    from tinygrad_edu import files

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        draw(a_times_a, renderer="builtin").render(tmp_path / "a.svg")
    assert list(tmp_path.iterdir()) == []


def test_a_file_has_the_usual_permissions(a_times_a, tmp_path):
    usual = tmp_path / "usual"
    usual.touch()
    path = draw(a_times_a, renderer="builtin").render(tmp_path / "a.svg")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_a_missing_folder_is_the_usual_error(a_times_a, tmp_path):
    with pytest.raises(FileNotFoundError):
        draw(a_times_a, renderer="builtin").render(tmp_path / "nowhere" / "a.svg")


def test_a_broken_dot_program_is_passed_over(a_times_a, monkeypatch):
    def broken(*args, **kwargs):
        raise subprocess.CalledProcessError(1, "dot")

    monkeypatch.setattr(render.shutil, "which", lambda name: "/usr/bin/dot")
    monkeypatch.setattr(render.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(graphviz, "pipe", broken)
    assert draw(a_times_a).svg() == draw(a_times_a, renderer="builtin").svg()


def test_the_dot_program_is_asked_first(a_times_a, monkeypatch):
    asked = []

    def pipe(engine, suffix, data, quiet):
        asked.append((engine, suffix))
        return b'<?xml version="1.0"?>\n<!-- by -->\n<svg><g/></svg>\n'

    monkeypatch.setattr(render.shutil, "which", lambda name: "/usr/bin/dot")
    monkeypatch.setattr(graphviz, "pipe", pipe)
    assert draw(a_times_a).svg() == "<svg><g/></svg>\n"
    assert asked == [("dot", "svg")]


def test_a_very_large_picture_is_laid_out_by_us(a_times_a, monkeypatch):
    monkeypatch.setattr(render, "MOST_PARTS", 1)
    monkeypatch.setattr(render.shutil, "which", lambda name: "/usr/bin/dot")
    assert draw(a_times_a).svg() == draw(a_times_a, renderer="builtin").svg()


@pytest.mark.skipif(shutil.which("dot") is None, reason="there is no dot program here")
@pytest.mark.parametrize(("suffix", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_dot_program_writes_every_format(a_times_a, tmp_path, suffix, begins):
    path = draw(a_times_a, renderer="dot").render(tmp_path / f"a.{suffix}")
    assert path.read_bytes().startswith(begins)


@pytest.mark.parametrize(("suffix", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_pygraphviz_writes_every_format_with_the_same_bytes_each_time(a_times_a, tmp_path, suffix, begins):
    pytest.importorskip("pygraphviz")
    written = [draw(a_times_a, renderer="pygraphviz").render(tmp_path / f"{k}.{suffix}").read_bytes() for k in range(2)]
    assert written[0].startswith(begins)
    assert written[0] == written[1]


def test_a_pdf_holds_no_time_of_day(a_times_a, tmp_path):
    pytest.importorskip("pygraphviz")
    content = draw(a_times_a, renderer="pygraphviz").render(tmp_path / "a.pdf").read_bytes()
    assert b"/CreationDate (D:20000101000000" in content


def test_graphviz_draws_every_node_edge_and_cluster_on_a_rounded_panel(batch_loss):
    pytest.importorskip("pygraphviz")
    drawing = draw(batch_loss, renderer="pygraphviz", title="loss")
    svg = drawing.svg()
    assert svg.count('class="node"') == len(drawing.picture.order)
    assert svg.count('class="edge"') == len(drawing.picture.edges)
    assert svg.count('class="cluster"') == len(drawing.picture.clusters)
    assert 'rx="8"' in svg
    assert "<!--" not in svg


def test_our_svg_draws_every_part_edge_and_cluster(batch_loss):
    drawing = draw(batch_loss, renderer="builtin")
    svg = drawing.svg()
    assert svg.count("<ellipse") == len(drawing.picture.circles)
    assert svg.count('class="edge"') == len(drawing.picture.edges)
    assert svg.count('class="cluster"') == len(drawing.picture.clusters)
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")  # nothing from outside


def test_drawing_imports_neither_matplotlib_nor_pygraphviz():
    program = (
        "import sys\nfrom tinygrad_edu import Value, viz\nviz.draw(Value(1.0) * 2, renderer='builtin').svg()\n"
        "print(sorted({'matplotlib', 'pygraphviz'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_viz_has_every_name_it_lists_and_no_other():
    from tinygrad_edu import viz

    assert set(viz.__all__) <= set(dir(viz))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        viz.nonsense  # noqa: B018 - looking it up is the test
