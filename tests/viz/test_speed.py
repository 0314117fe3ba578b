"""Drawing takes little more time for each node of a large graph than for each of a small one.

Measured in this process's own seconds, and as a ratio, so that the pace of the machine does not matter.
"""

import time

import pytest

from tinygrad_edu import Value
from tinygrad_edu.graph import topological
from tinygrad_edu.viz import draw


def seconds(graph, **options):
    start = time.process_time()
    draw(graph, renderer="builtin", **options).svg()
    return time.process_time() - start


def test_three_times_the_nodes_are_laid_out_in_less_than_six_times_the_time(random_graph):
    small, large = random_graph(750, seed=3), random_graph(2_250, seed=3)
    assert len(topological(large)) >= 2_000
    assert seconds(large, fold=False) < 6.0 * min(seconds(small, fold=False) for _ in range(2))


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"detail": "layer"}, {"edges": "contribution"}, {"overlay": "health"}])
def test_ten_times_the_nodes_are_drawn_folded_in_less_than_forty_times_the_time(network, options):
    model = network(2, 16, 16, 1)

    def loss_of(samples):
        calls = [model([Value(k / samples), Value(-k / samples)]) for k in range(samples)]
        loss = sum((1.0 - score).relu() for score in calls)
        loss.backward()
        return loss

    small, large = loss_of(16), loss_of(160)
    assert len(topological(large)) >= 100_000
    assert seconds(large, **options) < 40.0 * seconds(small, **options)
