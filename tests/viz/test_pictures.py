"""What a picture shows of a graph."""

import numpy as np
import pytest

from tinygrad_edu import Value, scope
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.viz import draw


def box_of(drawing, title):
    return next(box for box in drawing.picture.boxes if box.title == title)


def texts(box):
    return [line.text for line in box.lines]


def test_a_value_multiplied_by_itself_has_two_edges_into_the_operation():
    a = Value(3.0, name="a")
    picture = draw(a * a).picture
    into = [edge for edge in picture.edges if edge.head == picture.circles[0].key]
    assert [(edge.tail, edge.port, edge.ports) for edge in into] == [("v0", 0, 2), ("v0", 1, 2)]


def test_two_edges_of_one_value_are_two_edges_in_dot_too():
    a = Value(3.0, name="a")
    assert draw(a * a).source.count("v0 -> o1") == 2


def test_operands_keep_their_order():
    a, b = Value(3.0, name="a"), Value(2.0, name="b")
    drawing = draw(b - a)
    keys = {box.key: box.title for box in drawing.picture.boxes}
    operation = drawing.picture.circles[0].key
    into = sorted((edge.port, keys[edge.tail]) for edge in drawing.picture.edges if edge.head == operation)
    assert into == [(0, "b"), (1, "a")]


def test_a_gradient_that_was_not_computed_says_so_and_is_not_zero():
    a, b = Value(3.0, name="a"), Value(0.0, name="b")
    product = a * b
    assert "grad not computed" in texts(box_of(draw(product), "a"))
    product.backward()
    assert "grad 0" in texts(box_of(draw(product), "a"))


def test_gradients_can_be_left_out():
    a = Value(3.0, name="a")
    assert texts(box_of(draw(a * 2, gradients=False), "a")) == ["3"]


def test_a_scalar_is_shown_with_four_significant_digits():
    assert texts(box_of(draw(Value(0.123456, name="a")), "a"))[0] == "0.1235"


def test_an_array_is_shown_with_a_few_numbers_its_dtype_and_its_shape():
    x = Value(np.arange(12, dtype=np.float32).reshape(3, 4), name="x")
    assert texts(box_of(draw(x), "x"))[:2] == ["[0, 1, 2, …]", "float32 (3, 4)"]


@pytest.mark.parametrize("data", [np.zeros((0, 3)), np.zeros(()), np.float32(1.5), np.array([np.nan, np.inf])])
def test_odd_arrays_are_drawn(data):
    x = Value(data, name="x")
    assert draw(x * 2.0, renderer="builtin").svg().startswith("<svg")


def test_every_kind_of_node_has_a_look_of_its_own(one_neuron):
    drawing = draw(one_neuron * 2.0 + 1.0)
    roles = {box.title or box.lines[0].text: box.role for box in drawing.picture.boxes}
    assert roles["w1"] == "parameter"
    assert roles["x1"] == "input"
    assert roles["2"] == "constant"
    assert roles["o"] == "value"
    assert "root" in roles.values()


def test_no_two_roles_share_fill_or_outline_and_tag():
    from tinygrad_edu.viz.style import LOOKS

    looks = LOOKS.values()
    assert len({look.fill for look in looks}) == len(looks)
    # Without colour: shape, tag and border width still differ (a folded box says in words what it folds).
    assert len({(look.shape, look.tag, look.border_width) for look in looks}) == len(looks) - 1


def luminance(colour):
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_text_can_be_read_on_every_fill():
    from tinygrad_edu.viz.style import CLUSTER_FILLS, INK, LOOKS, OP_FILL, PANEL, TONES

    fills = [look.fill for look in LOOKS.values()]
    pairs = [(tone, fill) for tone in TONES.values() for fill in [*fills, PANEL]]
    pairs += [(INK, fill) for fill in (*CLUSTER_FILLS, OP_FILL)] + [
        (look.border, look.fill) for look in LOOKS.values() if look.tag
    ]
    for text, fill in pairs:
        assert (luminance(fill) + 0.05) / (luminance(text) + 0.05) >= 4.5, (text, fill)


def test_constants_are_small_boxes_and_never_hidden():
    drawing = draw(Value(3.0, name="a") * 2.0)
    constant = next(box for box in drawing.picture.boxes if box.role == "constant")
    assert (constant.title, texts(constant)) == ("", ["2"])


def test_scopes_are_nested_clusters():
    a = Value(1.0, name="a")
    with scope("outer"):
        b = a * 2.0
        with scope("inner"):
            c = b.tanh()
    drawing = draw(c + 1.0)
    labels = {cluster.key: cluster for cluster in drawing.picture.clusters}
    inner = next(cluster for cluster in labels.values() if cluster.label == "inner")
    assert labels[inner.parent].label == "outer"
    assert box_of(drawing, "a").cluster is None


def test_a_parameter_stands_in_the_scope_that_reads_it_and_a_shared_one_outside(network):
    model = network(2, 1)
    one = draw(model([Value(1.0), Value(2.0)]))
    inside = {cluster.key: cluster.label for cluster in one.picture.clusters}
    assert inside[box_of(one, "w0").cluster] == "neuron0"
    two = draw(model([Value(1.0), Value(2.0)]) + model([Value(3.0), Value(4.0)]))
    assert [box.cluster for box in two.picture.boxes if box.title == "w0"] == [None]


def test_local_derivatives_stand_on_the_edges_in_symbols_and_numbers():
    a, b = Value(2.0, name="a"), Value(5.0, name="b")
    labels = [edge.label for edge in draw(a * b, edges="local").picture.edges]
    assert labels[:2] == ["b = 5", "a = 2"]
    unnamed = draw(Value(2.0) * Value(5.0), edges="local").picture.edges
    assert [edge.label for edge in unnamed][:2] == ["5", "2"]
    assert draw(Value(2.0).exp(), edges="local").picture.edges[0].label.startswith("e^x = ")
    assert not any(edge.label for edge in draw(a * b).picture.edges)


def test_the_same_graph_gives_the_same_bytes():
    def picture():
        a, b = Value(2.0, name="a"), Value(np.ones((2, 3)), name="b")
        with scope("s"):
            c = (a * b + a).sum()
        c.backward()
        drawing = draw(c, title="t", edges="local", renderer="builtin")
        return drawing.source, drawing.svg()

    assert picture() == picture()


def test_several_roots_are_drawn_together_and_each_is_marked():
    a = Value(2.0, name="a")
    drawing = draw([a * 2, a.tanh()])
    assert sum(box.role == "root" for box in drawing.picture.boxes) == 2
    assert sum(box.title == "a" for box in drawing.picture.boxes) == 1


def test_a_leaf_alone_can_be_drawn():
    assert repr(draw(Value(1.0))) == "Drawing(1 value, 0 operations, 0 edges)"


@pytest.mark.parametrize("wrong", [3.0, None, "loss", [], [Value(1.0), 2.0]])
def test_what_is_no_value_is_refused_with_advice(wrong):
    with pytest.raises(ArgumentError, match=r"draw takes a Value.*draw\(model\(x\)\)"):
        draw(wrong)


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("direction", "up", "direction must be one of 'LR', 'TB', got 'up'"),
        ("fold", "layers", "fold must be one of"),
        ("fold", 1, "fold must be one of"),
        ("max_nodes", 0, "max_nodes must be at least 1, got 0"),
        ("renderer", "neato", "choose one of auto, dot, pygraphviz, builtin"),
    ],
)
def test_a_wrong_option_names_the_right_ones(option, value, says):
    with pytest.raises(ArgumentError, match=says):
        draw(Value(1.0), **{option: value})


def test_a_notebook_shows_the_picture():
    drawing = draw(Value(1.0, name="a") * 2, renderer="builtin")
    assert drawing._repr_svg_() == drawing.svg() == drawing._repr_mimebundle_()["image/svg+xml"]


def test_scopes_a_thousand_deep_are_drawn():
    a = Value(1.0)
    opened = [scope(f"s{number}") for number in range(1_000)]
    for one in opened:
        one.__enter__()
    b = a * 2.0
    for one in reversed(opened):
        one.__exit__(None, None, None)
    drawing = draw(b + 1.0, renderer="builtin", fold=False)
    assert len(drawing.picture.clusters) == 12
    assert drawing.svg()
    assert drawing.source
