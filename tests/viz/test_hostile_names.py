"""Names come from users: whatever they hold, a picture stays a picture."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from tinygrad_edu import Value, scope
from tinygrad_edu.viz import draw, explain, paths
from tinygrad_edu.viz.text import NAME_LENGTH, clean

NAMES = [
    "</script><script>alert(1)</script>",
    "\"quoted\" 'both' & <b>bold</b>",
    "two\nlines\r\nand\ttabs",
    "\\N \\G \\l \\",
    "trailing backslash \\",
    "]]> <!-- --> <![CDATA[ ?>",
    "{record | shape} <port>",
    "&amp; &#60; &nbsp; &bogus;",
    "日本語 Ünïcödé 🎉 ∂L/∂w",
    "\x00\x07\x1b[31m\x7f\x9f",
    "\ud800 lone \udfff \ufffe \uffff",
    "\u202egnp.exe\u2066",
    "<TABLE>",
    "x" * 10_000,
    " ",
    "-> a; b [shape=box]",
    "%s %d {0} {name}",
]


def evil(name):
    a = Value(2.0, name=name)
    with scope(name):
        b = a * a
        b.name = name
    return b + Value(np.ones(3), name=name)


def check_svg(text):
    root = ET.fromstring(text)  # well-formed
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert "script" not in tags
    assert not any(name.lower().startswith("on") for element in root.iter() for name in element.attrib)
    return root


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_harmless_in_our_svg(name):
    root = check_svg(draw(evil(name), title=name, renderer="builtin").svg())
    longest = max(len(text) for text in root.itertext())
    assert longest <= 600


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_any_name_is_harmless_in_graphviz(name):
    pytest.importorskip("pygraphviz")
    drawing = draw(evil(name), title=name, renderer="pygraphviz")
    root = check_svg(drawing.svg())
    shown = [text for text in root.itertext() if text.strip()]
    # Graphviz knows backslash sequences such as \N (the node's key): none may have been read as one.
    if name == "\\N \\G \\l \\":
        assert name in shown
    assert len(re.findall(r'class="node"', drawing.svg())) == len(drawing.picture.order)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_written_as_utf_8(name, tmp_path):
    path = draw(evil(name), title=name).render(tmp_path / "evil.gv")
    assert path.read_bytes().decode()


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_harmless_in_mermaid(name):
    """Within quotes stand letters, digits, spaces, numbered entities, and the breaks and bold that are ours."""
    text = draw(evil(name).sum(), title=name, edges="contribution", overlay="health").mermaid
    for label in re.findall(r'"(.*?)"', text):
        assert re.fullmatch(r"(?:[A-Za-z0-9 ]|#\d+;|<br/>|</?b>)+", label), label
    outside = re.sub(r'".*?"', "", text)
    assert not set(outside) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,:;#|()[]/>- \n")


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_harmless_in_explanations_and_paths(name):
    a = Value(2.0, name=name)
    loss = (a * a).tanh() / a
    latex = explain(loss, a).latex
    assert not set('<>$%#~`"') & set(latex.replace(r"\$", "").replace(r"\%", "").replace(r"\#", ""))
    assert latex.count("{") - latex.count(r"\{") == latex.count("}") - latex.count(r"\}")
    assert len(latex) < 6_000
    check_svg(f"<svg>{paths(loss, a)._repr_html_()}</svg>")


@pytest.mark.parametrize(
    "name", ["</script>.svg", "a b & c.svg", "日本語 🎉.svg", "'quoted'.svg", "%s{0}.svg", "-rf.svg"]
)
def test_a_file_may_be_called_what_one_likes(name, tmp_path):
    written = tmp_path / name.replace("/", "")
    assert draw(Value(1.0, name="a") * 2.0, renderer="builtin").render(written).read_text("utf-8").startswith("<svg")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_one_short_line(name):
    short = clean(name)
    assert len(short) <= NAME_LENGTH
    assert short.isprintable()


def test_a_long_name_ends_with_an_ellipsis_and_a_short_one_does_not():
    assert clean("x" * 10_000) == "x" * (NAME_LENGTH - 1) + "…"
    assert clean("x" * NAME_LENGTH) == "x" * NAME_LENGTH
