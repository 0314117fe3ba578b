"""What a picture says on request: contributions, ledgers, broadcasting, highlights; and the same in Mermaid."""

import re

import numpy as np
import pytest

from tinygrad_edu import Value, scope
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.graph import leaves, topological
from tinygrad_edu.viz import draw, paths


def box_of(drawing, title):
    return next(box for box in drawing.picture.boxes if box.title == title)


def texts(box):
    return [line.text for line in box.lines]


def labels(drawing):
    return [edge.label for edge in drawing.picture.edges if edge.label]


def edges_from(drawing, title):
    return [edge for edge in drawing.picture.edges if edge.tail == box_of(drawing, title).key]


@pytest.fixture
def two_uses():
    """a * b + a with a = 3, b = -2."""
    a, b = Value(3.0, name="a"), Value(-2.0, name="b")
    loss = a * b + a
    loss.backward()
    return loss


def test_an_edge_carries_upstream_times_local_and_their_product(two_uses):
    assert labels(draw(two_uses, edges="contribution")) == ["1 × (-2) = -2", "1 × 3 = 3", "1 × 1 = 1", "1 × 1 = 1"]


def test_a_value_with_two_uses_shows_their_sum(two_uses):
    assert texts(box_of(draw(two_uses, edges="contribution"), "a"))[1:] == ["grad -1", "= 1 + (-2)"]
    assert texts(box_of(draw(two_uses, edges="contribution"), "b"))[1:] == ["grad 3"]


def test_an_edge_is_wider_where_more_flows():
    a, b = Value(100.0, name="a"), Value(1.0, name="b")
    drawing = draw(a * b, edges="contribution")
    assert edges_from(drawing, "b")[0].width > 2 * edges_from(drawing, "a")[0].width
    assert {edge.width for edge in draw(a * b).picture.edges} == {1.0}


def test_contributions_need_no_backward_pass_and_leave_none_behind():
    a = Value(3.0, name="a")
    assert texts(box_of(draw(a * a, edges="contribution"), "a"))[1:] == ["grad 6", "= 3 + 3"]
    assert a.grad is None


def test_a_gradient_that_other_passes_added_to_is_told_apart(two_uses):
    two_uses.backward()
    assert texts(box_of(draw(two_uses, edges="contribution"), "a"))[-1] == ".grad holds -2: passes add up"


def test_many_uses_are_counted_and_not_all_written():
    a = Value(1.0, name="a")
    loss = sum(a * float(k) for k in range(1, 8))
    assert texts(box_of(draw(loss, edges="contribution", fold=False), "a"))[-1] == "= 7 + 6 + 5 + … 4 more"


def test_broadcasting_is_named_on_the_way_forward_and_on_the_way_back():
    x, b = Value(np.ones((4, 3)), name="x"), Value(np.ones(3), name="b")
    loss = (x + b).sum()
    assert [edge.label for edge in edges_from(draw(loss), "b")] == ["stretched to (4, 3)"]
    assert [edge.label for edge in edges_from(draw(loss), "x")] == [""]
    (back,) = edges_from(draw(loss, edges="contribution"), "b")
    assert back.label.split("\n") == ["stretched to (4, 3)", "upstream × 1", "summed over axis 0", "= [4, 4, 4]"]


def test_a_number_that_is_stretched_to_an_array_is_no_news():
    assert labels(draw(Value(np.ones(3)) * 2.0)) == []


def test_a_matrix_product_shows_the_map_that_its_gradient_goes_through():
    x, w = Value(np.ones((2, 3)), name="x"), Value(np.ones((3, 1)), name="w")
    found = labels(draw((x @ w).sum(), edges="contribution"))
    assert found[:2] == ["upstream @ w.T\n= [1, 1, …]", "x.T @ upstream\n= [2, 2, 2]"]


def test_the_legend_explains_what_was_asked_for_and_nothing_else(two_uses):
    assert draw(two_uses).picture.legend == ()
    (said,) = draw(two_uses, edges="contribution").picture.legend
    assert "upstream gradient × local derivative" in said
    assert said.split(" (")[0][:40] in draw(two_uses, edges="contribution", renderer="builtin").svg()


def test_highlighting_a_value_lights_its_ways_to_the_root(two_uses):
    b = next(leaf for leaf in leaves(two_uses) if leaf.name == "b")
    drawing = draw(two_uses, highlight=b)
    assert [edge.tone for edge in edges_from(drawing, "b")] == ["lit"]
    assert [edge.tone for edge in edges_from(drawing, "a")] == ["faint", "faint"]
    assert drawing.picture.edges[-1].tone == "lit"


def test_highlighting_a_path_lights_one_way_only(two_uses):
    a = next(leaf for leaf in leaves(two_uses) if leaf.name == "a")
    found = paths(two_uses, a)
    for path in found:
        lit = [edge for edge in edges_from(draw(two_uses, highlight=path), "a") if edge.tone == "lit"]
        assert len(lit) == 1


def test_all_paths_together_light_what_their_start_lights(two_uses):
    a = next(node for node in topological(two_uses) if node.name == "a")
    every, start = (draw(two_uses, highlight=one, renderer="builtin").svg() for one in (paths(two_uses, a), a))
    assert every == start


def test_what_is_highlighted_differs_without_colour(two_uses):
    a = next(leaf for leaf in leaves(two_uses) if leaf.name == "a")
    svg = draw(two_uses, highlight=paths(two_uses, a)[0], renderer="builtin").svg()
    dashed, solid = svg.count("stroke-dasharray"), len(re.findall(r'<path d="[^"]*" stroke-width="2.6"/>', svg))
    assert dashed
    assert solid


@pytest.mark.parametrize("wrong", [3.0, "a", Value(1.0), [Value(1.0)]])
def test_highlighting_what_is_not_in_the_graph_is_refused(two_uses, wrong):
    with pytest.raises(ArgumentError, match="highlight"):
        draw(two_uses, highlight=wrong)


def test_a_picture_with_everything_on_it_has_the_same_bytes_twice(tensor_loss):
    def written():
        drawing = draw(tensor_loss, edges="contribution", overlay="health", highlight=leaves(tensor_loss)[0])
        return drawing.source, drawing.mermaid, draw(tensor_loss, edges="contribution", renderer="builtin").svg()

    assert written() == written()


def test_a_folded_graph_carries_contributions_too(batch_loss):
    drawing = draw(batch_loss, edges="contribution")
    assert len({edge.width for edge in drawing.picture.edges}) > 2


def test_mermaid_has_every_box_circle_edge_and_frame():
    a, b = Value(2.0, name="a"), Value(3.0, name="b")
    with scope("s"):
        c = a * b
    drawing = draw(c + a, edges="local")
    text = drawing.mermaid
    assert text.startswith("flowchart LR\n")
    for part in drawing.picture.order:
        assert re.search(rf"^{part}\W", text, flags=re.MULTILINE)
    assert text.count("-->") == len(drawing.picture.edges)
    assert text.count("subgraph") == text.count("\nend\n") == 1
    assert 'v0 -->|"b #61; 3"| o2' in text


def test_mermaid_is_written_to_a_file(tmp_path):
    drawing = draw(Value(2.0, name="a") * 2.0)
    assert drawing.render(tmp_path / "graph.mmd").read_text(encoding="utf-8") == drawing.mermaid
