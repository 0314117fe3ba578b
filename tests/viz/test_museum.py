"""The bug museum: each exhibit is really wrong, and its correct side is what the engine gives."""

import numpy as np
import pytest

from tinygrad_edu import viz
from tinygrad_edu.graph import topological
from tinygrad_edu.viz.exhibits.museum import compare
from tinygrad_edu.viz.exhibits.rooms import EXHIBITS

WRONG = {
    "no-zero-grad": {"w", "x"},
    "assign": {"a"},
    "order": {"x"},
    "set": {"a"},
    "in-place": {"x"},
    "broadcast": {"b"},
}


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.key)
def test_the_broken_engine_is_wrong_where_the_exhibit_says_and_nowhere_else(exhibit):
    assert {name for name, *_, same in compare(exhibit) if not same} == WRONG[exhibit.key]


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.key)
def test_the_correct_side_is_what_backward_gives(exhibit):
    root = exhibit.build()
    shown = exhibit.correct(root)
    root.backward()
    for node in topological(root):
        if node.grad is not None:
            np.testing.assert_array_equal(shown[node], node.grad)


def test_the_page_shows_each_exhibit_twice_and_refers_to_nothing_outside(tmp_path):
    text = viz.museum().save(tmp_path / "museum.html").read_text("utf-8")
    assert text.count("<svg") == 2 * len(EXHIBITS)
    assert text.count("✗ FAIL: should be") >= len(EXHIBITS)
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
