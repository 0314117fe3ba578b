"""The picture of gradients on their way back: curves of steps, bars of parameters, and what has vanished."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from tinygrad_edu import Value, nn
from tinygrad_edu.errors import ArgumentError
from tinygrad_edu.viz import plot_gradient_flow


def test_norms_become_curves_on_a_logarithmic_axis():
    (axes,) = plot_gradient_flow({"small": [0.01, 0.1, 1.0], "large": [100.0, 10.0, 1.0]}, xlabel="layer").axes
    assert (axes.get_yscale(), axes.get_xlabel(), axes.get_ylabel()) == ("log", "layer", "norm of the gradient")
    assert [list(line.get_ydata()) for line in axes.lines] == [[0.01, 0.1, 1.0], [100.0, 10.0, 1.0]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["small", "large"]
    assert len({line.get_marker() for line in axes.lines}) == 2


def test_values_are_drawn_with_the_norms_of_their_gradients():
    h, states = Value([3.0, 4.0]), []
    for _ in range(3):
        states.append(h)
        h = h * 0.5
    h.sum().backward()
    (line,) = plot_gradient_flow({"states": states}).axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), np.sqrt(2) * np.array([0.125, 0.25, 0.5]))


def test_what_has_vanished_is_marked_at_the_foot():
    curve, foot = plot_gradient_flow({"state": [0.0, Value(1.0), 1e-300, 1.0]}).axes[0].lines
    assert np.isnan(curve.get_ydata()).tolist() == [True, True, False, False]
    assert foot.get_xdata().tolist() == [0, 1]
    assert foot.get_label() == "state: 0 or none"


def test_a_module_is_drawn_parameter_by_parameter_from_the_top():
    model = nn.Sequential(nn.Dense(2, 3, activation="tanh", rng=0), nn.Dense(3, 1, rng=1))
    model(np.ones((4, 2))).sum().backward()
    model[0].bias.grad = None
    (axes,) = plot_gradient_flow(model).axes
    names = [name for name, _ in model.named_parameters()]
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    low, high = axes.get_ylim()
    assert low > high
    ends = {round(bar.get_y() + 0.3): bar.get_x() + bar.get_width() for bar in axes.patches}
    given = {i: np.linalg.norm(p.grad) for i, p in enumerate(model.parameters()) if p.grad is not None}
    assert ends == pytest.approx(given)
    assert [text.get_text() for text in axes.texts] == ["0 or none"]


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        ({}, "no gradient above 0"),
        ({"state": [0.0, Value(1.0)]}, r"backward\(keep='all'\)"),
        (nn.Dense(2, 1, rng=0), "call backward"),
        ([1.0, 2.0], "takes a mapping.*got list"),
    ],
)
def test_where_there_is_nothing_to_draw_it_says_so(flow, message):
    with pytest.raises(ArgumentError, match=message):
        plot_gradient_flow(flow)


def test_a_saved_picture_overwrites_nothing_unasked(tmp_path):
    plot_gradient_flow({"a": [1.0]}, tmp_path / "flow.png")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        plot_gradient_flow({"a": [1.0]}, tmp_path / "flow.png")
