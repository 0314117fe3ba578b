"""Large graphs become readable, and every picture says what it left out."""

import pytest

from tinygrad_edu import Value, scope
from tinygrad_edu.viz import draw
from tinygrad_edu.viz.folding.fold import plan
from tinygrad_edu.viz.folding.outline import outline
from tinygrad_edu.viz.folding.repeats import stretches


def size(root):
    return len(outline([root]).nodes)


def plans(root, **options):
    return plan(outline([root]), **options)


def test_a_small_graph_is_drawn_whole_without_a_note(one_neuron):
    drawing = draw(one_neuron)
    assert len(drawing.picture.boxes) == size(one_neuron)
    assert drawing.notes == []


def test_every_node_is_in_exactly_one_group(batch_loss):
    for fold in ("auto", "scopes", "repeats", False):
        folded = plans(batch_loss, fold=fold, max_nodes=60)
        members = sorted(member for group in folded.groups for member in group.members)
        assert members == list(range(len(folded.graph.nodes)))


def test_a_batch_of_calls_folds_to_one_network_with_counts(batch_loss):
    drawing = draw(batch_loss)
    assert size(batch_loss) > 900
    assert len(drawing.picture.boxes) <= 40
    labels = [cluster.label for cluster in drawing.picture.clusters]
    assert labels == ["mlp  ×20", "layer0", "layer1", "layer2"]
    folded = [(box.title, box.tag) for box in drawing.picture.boxes if box.role == "scope"]
    assert ("neuron0 … neuron3", "×4") in folded
    assert ("neuron0", "") in folded


def test_a_folded_scope_says_its_path_how_much_it_holds_and_what_it_gives(tensor_loss):
    drawing = draw(tensor_loss, fold="scopes")
    box = next(box for box in drawing.picture.boxes if box.title == "dense0")
    assert [line.text for line in box.lines][:2] == ["5 nodes, 2 parameters", "24 numbers to learn"]
    assert "gives (8, 4)" in [line.text for line in box.lines]
    assert box.tip == "model/dense0"


def test_notes_name_what_was_folded_with_its_counts(batch_loss):
    notes = draw(batch_loss).notes
    assert notes[0].startswith(f"{size(batch_loss):,} nodes drawn as ")
    assert "fold=False" in notes[0]
    assert any("mlp: 20 scopes of equal structure" in note for note in notes)
    assert any("80 scopes of equal structure" in note and "12 parameters" in note for note in notes)
    assert any(note.startswith("+: 20 operations in a row") for note in notes)
    assert any("do the same side by side" in note for note in notes)


def test_the_notes_stand_in_the_picture(batch_loss):
    drawing = draw(batch_loss, renderer="builtin")
    assert drawing.notes
    for text in (drawing.svg(), drawing.source):
        assert drawing.notes[0].split(". ")[0] in text


def test_without_folding_every_node_and_every_operand_is_drawn(batch_loss):
    drawing = draw(batch_loss, fold=False)
    written = outline([batch_loss])
    operations = sum(role == "op" for role in written.role)
    assert len(drawing.picture.boxes) == len(written.nodes)
    assert len(drawing.picture.edges) == sum(map(len, written.parents)) + operations
    assert drawing.notes == []


def test_nothing_is_lost_at_the_border_of_a_folded_box(batch_loss):
    """Whatever a group reads in the graph, an edge brings it in the picture."""
    folded = plans(batch_loss)
    drawing = draw(batch_loss)
    drawn = {(edge.tail, edge.head.replace("o", "v")) for edge in drawing.picture.edges if edge.tail[0] == "v"}
    needed = {
        (f"v{source}", f"v{number}") for number in range(len(folded.groups)) for source in folded.operands(number)
    }
    assert drawn == needed


def test_the_root_is_always_a_box_of_its_own(network):
    out = network(2, 8, 8, 1)([Value(1.0, name="x1"), Value(2.0, name="x2")])
    for fold in ("scopes", "auto", "repeats"):
        roots = [box for box in draw(out, fold=fold, max_nodes=10).picture.boxes if box.role == "root"]
        assert len(roots) == 1


def test_scopes_fold_alone_before_equal_ones_fold_together(network):
    out = network(2, 4, 1)([Value(1.0, name="x1"), Value(2.0, name="x2")])
    drawing = draw(out, max_nodes=40)
    folded = [box.title for box in drawing.picture.boxes if box.role == "scope"]
    assert sorted(folded) == ["neuron0", "neuron0", "neuron1", "neuron2", "neuron3"]


def test_a_web_of_edges_folds_further_than_its_boxes_alone_would(network):
    drawing = draw(network(2, 12, 12, 1)([Value(1.0, name="x1"), Value(2.0, name="x2")]))
    assert [box.tag for box in drawing.picture.boxes if box.role == "scope"] == ["×12", "×12", ""]
    assert len(drawing.picture.edges) < 20


def test_layers_in_sequence_stay_apart_while_that_fits(network):
    drawing = draw(network(4, 4, 4, 4, 1)([Value(float(k)) for k in range(4)]), max_nodes=30)
    assert [c.label for c in drawing.picture.clusters if "layer" in c.label] == ["layer0", "layer1", "layer2", "layer3"]


def test_scopes_of_different_structure_are_never_put_together():
    x = Value(1.0, name="x")
    total = Value(0.0, name="start")
    for number in range(30):
        with scope(f"block{number}"):
            y = x * 2.0
            total = total + (y.tanh() if number % 2 else y.sigmoid())
    folded = plans(total, max_nodes=12)
    for group in folded.groups:
        if group.kind == "scope":
            names = {folded.graph.nodes[member].op.name for member in group.members}
            assert not {"tanh", "sigmoid"} <= names


def test_a_long_sum_is_one_operation_with_its_count():
    terms = [Value(float(k), name=f"t{k}").tanh() for k in range(200)]
    drawing = draw(sum(terms))
    assert ("+", "×200") in [(circle.symbol, circle.count) for circle in drawing.picture.circles]
    assert ("tanh", "×200") in [(circle.symbol, circle.count) for circle in drawing.picture.circles]
    root = next(box for box in drawing.picture.boxes if box.role == "root")
    assert root.lines[0].text == f"{sum(terms).item():.4g}"


def test_nodes_drawn_as_one_show_how_many_and_between_which_numbers():
    drawing = draw(sum(Value(float(k), name=f"t{k}").tanh() for k in range(200)))
    box = next(box for box in drawing.picture.boxes if box.title == "t0 … t199")
    assert [line.text for line in box.lines] == ["200 values", "0 … 199", "grad not computed"]


def test_subtraction_is_not_taken_for_a_sum():
    x = Value(100.0, name="x")
    for k in range(200):
        x = x - Value(float(k), name=f"t{k}")
    kinds = {group.kind for group in plans(x).groups}
    assert "run" not in kinds
    assert "repeat" in kinds


@pytest.mark.parametrize("in_scopes", [False, True])
def test_an_unrolled_loop_folds_to_one_turn(in_scopes):
    weight = Value(0.5, name="weight")
    h = Value(0.0, name="h")
    for t in range(100):
        x = Value(float(t), name=f"x{t}")
        if in_scopes:
            with scope("cell"):
                h = (weight * h + x).tanh()
        else:
            h = (weight * h + x).tanh()
    drawing = draw(h, renderer="builtin")
    assert len(drawing.picture.boxes) < 15
    assert any(box.tag.startswith(("×9", "×100")) for box in drawing.picture.boxes)
    assert drawing.svg()


def test_scopes_that_feed_each_other_are_said_to_stand_in_a_row(batch_loss):
    h = Value(0.0, name="h")
    for t in range(100):
        with scope("cell"):
            h = (h + Value(float(t), name=f"x{t}")).tanh()
    drawing = draw(h)
    assert any(box.tag == "×99 in a row" for box in drawing.picture.boxes)
    assert any("99 scopes of equal structure one after another" in note for note in drawing.notes)
    assert "in a row" not in "".join(box.tag for box in draw(batch_loss).picture.boxes)


def test_a_residual_loop_folds_to_one_turn():
    x = Value(1.0, name="x")
    for _ in range(100):
        x = x + (x * 0.1).tanh()
    drawing = draw(x)
    assert len(drawing.picture.boxes) < 20
    assert any("turns of the same 4 nodes" in note for note in drawing.notes)


def test_what_does_not_repeat_is_put_together_by_operation_and_says_so(random_graph):
    drawing = draw(random_graph(600, seed=3), max_nodes=20)
    assert len(drawing.picture.boxes) <= 20
    assert any("put together by operation; their order is not shown" in note for note in drawing.notes)


def test_what_still_does_not_fit_says_so(one_neuron):
    drawing = draw(one_neuron, max_nodes=1)
    assert len(drawing.picture.boxes) > 1
    assert any("Still more than max_nodes=1" in note for note in drawing.notes)


def test_pairs_stay_two():
    a, b = Value(1.0, name="a"), Value(2.0, name="b")
    terms = sum((a * float(k)).tanh() * b for k in range(100))
    titles = [box.title for box in draw(terms).picture.boxes]
    assert "a" in titles
    assert "b" in titles


def test_weights_and_biases_are_not_put_together(network):
    model = network(3, 1)
    loss = sum(model([Value(float(k)), Value(1.0), Value(2.0)]) for k in range(60))
    titles = [box.title for box in draw(loss, fold="repeats").picture.boxes]
    assert "w0 … w2" in titles
    assert "b" in titles


@pytest.mark.parametrize(
    ("sequence", "found"),
    [
        ("", []),
        ("abc", []),
        ("aaaa", [(0, 1, 4)]),
        ("abab", []),
        ("ababab", [(0, 2, 3)]),
        ("xabcabcabcy", [(1, 3, 3)]),
        ("aaaabcbcbcbc", [(4, 2, 4), (0, 1, 4)]),
    ],
)
def test_a_stretch_that_repeats_is_found_with_its_shortest_period(sequence, found):
    assert stretches(sequence) == found
