"""Drawing takes no time worth mentioning, at any size; measured in this process's own seconds."""

import time

import pytest

from tinygrad_edu import Value
from tinygrad_edu.graph import topological
from tinygrad_edu.viz import draw


def seconds(graph, **options):
    start = time.process_time()
    draw(graph, renderer="builtin", **options).svg()
    return time.process_time() - start


def test_two_thousand_nodes_are_laid_out_in_under_two_seconds(random_graph):
    graph = random_graph(2_250, seed=3)
    assert len(topological(graph)) >= 2_000
    assert seconds(graph, fold=False) < 2.0


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"detail": "layer"}, {"edges": "contribution"}, {"overlay": "health"}])
def test_a_hundred_thousand_nodes_are_drawn_folded_in_under_five_seconds(network, options):
    model = network(2, 16, 16, 1)
    calls = [model([Value(k / 160.0), Value(-k / 160.0)]) for k in range(160)]
    loss = sum((1.0 - score).relu() for score in calls)
    assert len(topological(loss)) >= 100_000
    loss.backward()
    assert seconds(loss, **options) < 5.0
