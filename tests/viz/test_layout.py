"""The built-in layout: nothing overlaps, nothing is missing, everything is inside what it belongs to."""

from itertools import combinations

import numpy as np
import pytest

from tinygrad_edu import Value, scope
from tinygrad_edu.viz import draw
from tinygrad_edu.viz.layered.layout import lay_out
from tinygrad_edu.viz.layered.rows import crossings, settle
from tinygrad_edu.viz.style import SMALL
from tinygrad_edu.viz.text import width

EPSILON = 0.01


def overlap(one, other):
    return (
        one.x + one.width > other.x + EPSILON
        and other.x + other.width > one.x + EPSILON
        and one.y + one.height > other.y + EPSILON
        and other.y + other.height > one.y + EPSILON
    )


def within(inner, outer):
    return (
        inner.x >= outer.x - EPSILON
        and inner.y >= outer.y - EPSILON
        and inner.x + inner.width <= outer.x + outer.width + EPSILON
        and inner.y + inner.height <= outer.y + outer.height + EPSILON
    )


def points_along(route, lengthwise, steps=12):
    """Points on the lines and curves of a route, as the SVG writer draws them."""
    for number in range(1, len(route.points)):
        (x0, y0), (x1, y1) = route.points[number - 1], route.points[number]
        for step in range(steps + 1):
            t = step / steps
            if number % 2:
                yield x0 + (x1 - x0) * t, y0 + (y1 - y0) * t
                continue
            ease = t * t * (3 - 2 * t)
            along = 1.5 * t * (1 - t) + t**3  # the cubic with both handles halfway
            yield (
                (x0 + (x1 - x0) * along, y0 + (y1 - y0) * ease)
                if lengthwise
                else (x0 + (x1 - x0) * ease, y0 + (y1 - y0) * along)
            )


def loop():
    h = Value(0.0, name="h")
    for t in range(100):
        with scope("cell"):
            h = (0.5 * h + Value(float(t), name=f"x{t}")).tanh()
        h = h + 1.0
    return h


def stacked():
    a = b = Value(1.0, name="a")
    for number in range(4):
        with scope(f"a scope with a long name, number {number}"):
            b = b * a
    return b + a


# Each is given a function that gets a fixture by its name.
ROOTS = {
    "neuron": lambda fixture: fixture("one_neuron"),
    "mlp": lambda fixture: fixture("network")(2, 3, 2, 1)([Value(1.0, name="x1"), Value(2.0, name="x2")]),
    "tensor": lambda fixture: fixture("tensor_loss"),
    "batch": lambda fixture: fixture("network")(2, 4, 4, 1)([Value(1.0, name="x1"), Value(2.0, name="x2")]),
    "folded batch": lambda fixture: fixture("batch_loss"),
    "random 1": lambda fixture: fixture("random_graph")(60, seed=1),
    "random 2": lambda fixture: fixture("random_graph")(110, seed=2),
    "loop": lambda fixture: loop(),
    "stacked": lambda fixture: stacked(),
}


@pytest.fixture(scope="module")
def all_laid():
    """What `laid` has laid out, once for all tests: they only look."""
    return {}


@pytest.fixture(params=[(direction, root) for root in ROOTS for direction in ("LR", "TB")], ids=" ".join)
def laid(request, all_laid):
    direction, root = request.param
    if request.param not in all_laid:
        graph = ROOTS[root](request.getfixturevalue)
        picture = draw(graph, direction=direction, edges="local", title="a title").picture
        all_laid[request.param] = picture, lay_out(picture)
    return all_laid[request.param]


def test_no_two_parts_overlap(laid):
    _, layout = laid
    for (one, here), (other, there) in combinations(layout.parts.items(), 2):
        assert not overlap(here, there), (one, other)


def test_every_edge_is_drawn_from_its_tail_to_its_head(laid):
    picture, layout = laid
    assert sorted(route.edge for route in layout.routes) == list(range(len(picture.edges)))
    for route in layout.routes:
        edge = picture.edges[route.edge]
        for point, key in ((route.points[0], edge.tail), (route.points[-1], edge.head)):
            part = layout.parts[key]
            assert part.x - 1 <= point[0] <= part.x + part.width + 1
            assert part.y - 1 <= point[1] <= part.y + part.height + 1


def test_edges_into_one_operation_arrive_at_different_points_in_operand_order(laid):
    picture, layout = laid
    circles = {circle.key for circle in picture.circles}
    arriving = {}
    for route in layout.routes:
        edge = picture.edges[route.edge]
        forwards = route.points[-1][not layout.lengthwise] > route.points[0][not layout.lengthwise]
        if edge.head in circles and edge.ports > 1 and forwards:
            arriving.setdefault(edge.head, []).append((edge.port, route.points[-1][layout.lengthwise]))
    assert arriving
    for ends in arriving.values():
        in_order = [place for _, place in sorted(ends)]
        assert in_order == sorted(in_order)
        assert len({(port, round(place, 3)) for port, place in ends}) == len(dict(ends))


def test_no_edge_runs_through_a_part_it_does_not_belong_to(laid):
    picture, layout = laid
    rects = layout.parts.values()
    left, top = np.array([(rect.x + 1, rect.y + 1) for rect in rects]).T
    right, bottom = np.array([(rect.x + rect.width - 1, rect.y + rect.height - 1) for rect in rects]).T
    for route in layout.routes:
        edge = picture.edges[route.edge]
        x, y = np.array(list(points_along(route, layout.lengthwise))).T[:, :, np.newaxis]
        inside = (left < x) & (x < right) & (top < y) & (y < bottom)
        through = {key for key, hit in zip(layout.parts, inside.any(axis=0), strict=True) if hit}
        assert through <= {edge.tail, edge.head}, edge


def test_a_cluster_holds_its_own_and_nothing_else(laid):
    picture, layout = laid
    parent = {cluster.key: cluster.parent for cluster in picture.clusters}
    for key, part in picture.parts.items():
        around = set()
        cluster = part.cluster
        while cluster is not None:
            around.add(cluster)
            cluster = parent[cluster]
        for other, rect in layout.clusters.items():
            if other in around:
                assert within(layout.parts[key], rect), (key, other)
            else:
                assert not overlap(layout.parts[key], rect), (key, other)


def test_clusters_are_nested_or_apart(laid):
    picture, layout = laid
    for one, other in combinations(picture.clusters, 2):
        here, there = layout.clusters[one.key], layout.clusters[other.key]
        assert within(there, here) or within(here, there) or not overlap(here, there), (one.label, other.label)


def test_a_cluster_is_as_wide_as_its_label(laid):
    picture, layout = laid
    for cluster in picture.clusters:
        assert layout.clusters[cluster.key].width >= width(cluster.label, 11.0)


def test_labels_on_edges_overlap_neither_parts_nor_each_other(laid):
    picture, layout = laid
    from tinygrad_edu.viz.layered.layout import Rect

    labels = []
    for route in layout.routes:
        text = picture.edges[route.edge].label
        assert bool(text) == (route.label_at is not None)
        if route.label_at is not None:
            x, y = route.label_at
            wide = width(text, SMALL)
            top = y - SMALL * 1.2 if layout.lengthwise else y - SMALL * 0.6
            labels.append(Rect(x - wide / 2, top, wide, SMALL * 1.2))
    assert labels
    for one, other in combinations(labels, 2):
        assert not overlap(one, other)
    for label in labels:
        assert not any(overlap(label, part) for part in layout.parts.values())


def test_everything_is_inside_the_picture(laid):
    _, layout = laid
    for rect in (*layout.parts.values(), *layout.clusters.values()):
        assert rect.x >= -EPSILON
        assert rect.y >= -EPSILON
        assert rect.x + rect.width <= layout.width + EPSILON
        assert rect.y + rect.height <= layout.height + EPSILON


def test_words_fit_their_boxes(laid):
    from tinygrad_edu.viz.layered.measure import row_height, row_width

    _, layout = laid
    for key, block in layout.blocks.items():
        rect = layout.parts[key]
        assert max(row_width(row) for row in block.rows) <= rect.width
        assert sum(row_height(row) for row in block.rows) <= rect.height


def test_an_operand_stands_before_its_operation_in_the_reading_direction(one_neuron):
    for direction, axis in (("LR", "x"), ("TB", "y")):
        picture = draw(one_neuron, direction=direction).picture
        layout = lay_out(picture)
        for edge in picture.edges:
            assert getattr(layout.parts[edge.tail], axis) < getattr(layout.parts[edge.head], axis)


def test_a_tree_is_drawn_without_crossings(one_neuron):
    picture = draw(one_neuron).picture
    layout = lay_out(picture)
    titles = {box.title: layout.parts[box.key].y for box in picture.boxes}
    assert titles["w1"] < titles["x1"] < titles["w2"] < titles["x2"]


def test_an_operation_stands_in_line_with_its_result(one_neuron):
    picture = draw(one_neuron).picture
    layout = lay_out(picture)
    middle = {key: rect.y + rect.height / 2 for key, rect in layout.parts.items()}
    for circle in picture.circles:
        assert middle[circle.key] == pytest.approx(middle[circle.key.replace("o", "v")])


def test_there_is_room_for_an_arrow_between_a_part_and_the_next(laid):
    picture, layout = laid
    axis, extent = ("x", "width") if layout.lengthwise else ("y", "height")
    for route in layout.routes:
        tail, head = (layout.parts[key] for key in (picture.edges[route.edge].tail, picture.edges[route.edge].head))
        first, second = sorted((tail, head), key=lambda rect: getattr(rect, axis))
        assert getattr(second, axis) - getattr(first, axis) - getattr(first, extent) >= 20


def test_a_circle_that_folding_made_is_laid_out(network):
    h = Value(0.0, name="h")
    for _ in range(200):
        with scope("cell"):
            h = (h * 0.5).tanh()
        h = h + 1.0
    picture = draw(h, max_nodes=8).picture
    layout = lay_out(picture)
    assert len(layout.routes) == len(picture.edges)


def test_a_graph_with_very_long_edges_keeps_every_edge():
    weights = [Value(0.1, name=f"w{k}") for k in range(30)]
    x = Value(1.0, name="x")
    for k in range(600):
        x = x * weights[k % 30] + weights[(7 * k) % 30]
    picture = draw(x, fold=False).picture
    layout = lay_out(picture)
    assert sorted(route.edge for route in layout.routes) == list(range(len(picture.edges)))


def test_settling_a_row_keeps_the_gaps_and_moves_as_little_as_it_can():
    assert settle([5.0, 0.0], [0.0, 2.0], [1.0, 1.0]) == [1.5, 3.5]
    assert settle([0.0, 0.0], [0.0, 10.0], [1.0, 4.0]) == pytest.approx([-8.0, 2.0])
    assert settle([], [], []) == []


def test_crossings_are_counted_once_each():
    assert crossings([0, 1, 2], [2, 1, 0]) == 3
    assert crossings([0, 0, 1], [1, 2, 0]) == 2
    assert crossings([0, 0], [1, 2]) == 0
