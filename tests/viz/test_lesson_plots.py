"""Plots that lessons explain with: curves side by side, activations with their slopes, histograms over time."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from tinygrad_edu import nn, relu, sigmoid
from tinygrad_edu.errors import ArgumentError, OutputExistsError, ShapeError
from tinygrad_edu.viz import plot_activation, plot_curves, plot_histograms

KEPT = {"weights": [np.zeros((2, 2)), np.ones((2, 2)), np.array([[0.0, 1.0], [2.0, 3.0]])]}


# --- plot_curves -----------------------------------------------------------------------------------------------------


def test_curves_of_one_panel_differ_without_colour_and_keep_their_points():
    figure = plot_curves({"a": [3.0, 2.0], "b": ([1, 10], [1.0, 0.5])}, xlabel="step", ylabel="loss", title="two")
    (axes,) = figure.axes
    a, b = axes.lines
    assert (list(a.get_xdata()), list(a.get_ydata())) == ([0, 1], [3.0, 2.0])
    assert (list(b.get_xdata()), list(b.get_ydata())) == ([1, 10], [1.0, 0.5])
    assert a.get_linestyle() != b.get_linestyle()
    assert a.get_marker() != b.get_marker()
    assert [axes.get_xlabel(), axes.get_ylabel(), axes.get_title()] == ["step", "loss", "two"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_a_mapping_of_mappings_makes_panels():
    figure = plot_curves({"left": {"a": [1.0]}, "right": {"a": [1.0], "b": [2.0]}}, title="both")
    assert [(axes.get_title(), len(axes.lines)) for axes in figure.axes] == [("left", 1), ("right", 2)]


@pytest.mark.parametrize("log", ["", "x", "y", "xy"])
def test_the_axes_asked_for_are_logarithmic(log):
    (axes,) = plot_curves({"a": ([1, 10], [1.0, 0.1])}, log=log).axes
    assert [axes.get_xscale() == "log", axes.get_yscale() == "log"] == ["x" in log, "y" in log]


def test_few_points_of_a_logarithmic_axis_are_its_ticks_and_whole_numbers_have_whole_ticks():
    (axes,) = plot_curves({"a": ([4, 8, 64], [1, 3, 2])}, log="x").axes
    axes.figure.canvas.draw()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["4", "8", "64"]
    assert all(tick == round(tick) for tick in axes.get_yticks())


@pytest.mark.parametrize("wrong", [{}, {"left": {"a": [1.0]}, "right": {}}, {"left": {"a": [1.0]}, "b": [1.0]}])
def test_a_mapping_without_curves_is_refused(wrong):
    with pytest.raises(ArgumentError, match="plot_curves takes a mapping"):
        plot_curves(wrong)


@pytest.mark.parametrize("wrong", [[], [[1.0, 2.0]], ([1.0], [1.0, 2.0])])
def test_a_curve_of_another_shape_is_refused_by_name(wrong):
    with pytest.raises(ShapeError, match="curve 'loss'"):
        plot_curves({"loss": wrong})


def test_an_unknown_log_axis_is_refused():
    with pytest.raises(ArgumentError, match="got 'z'"):
        plot_curves({"a": [1.0]}, log="z")


# --- plot_activation -------------------------------------------------------------------------------------------------


def test_the_slope_drawn_is_the_derivative():
    (axes,) = plot_activation({"sigmoid": sigmoid}, low=-6.0, high=6.0).axes
    _, curve, slope = axes.lines
    x, y = np.array(curve.get_xdata()), np.array(curve.get_ydata())
    np.testing.assert_allclose(y, 1 / (1 + np.exp(-x)), rtol=1e-12)
    np.testing.assert_allclose(np.array(slope.get_ydata()), y * (1 - y), atol=1e-12)


def test_layers_are_drawn_as_well_as_functions():
    figure = plot_activation({"relu": relu, "prelu": nn.PReLU(), **{f"tanh {k}": np.tanh for k in range(4)}})
    assert len(figure.axes) == 6
    assert figure.axes[1].get_title() == "prelu"


@pytest.mark.parametrize(("functions", "low"), [({}, -1.0), ({"relu": relu}, 5.0)])
def test_nothing_to_draw_is_refused(functions, low):
    with pytest.raises(ArgumentError, match="at least one function, and low below high"):
        plot_activation(functions, low=low)


def test_a_function_that_changes_the_shape_is_refused_by_name():
    with pytest.raises(ShapeError, match="'sum' must keep the shape"):
        plot_activation({"sum": lambda x: x.sum()})


# --- plot_histograms -------------------------------------------------------------------------------------------------


def test_each_column_is_the_histogram_of_its_step():
    (axes,) = plot_histograms(KEPT, bins=3, steps=[1, 2, 4]).axes
    tints = np.asarray(axes.collections[0].get_array()).reshape(3, 3)  # bin, step
    assert tints.T.tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, 1.0]]
    (median,) = axes.lines
    assert (list(median.get_xdata()), list(median.get_ydata())) == ([1, 2, 4], [0.0, 1.0, 1.5])


def test_one_step_is_enough_and_a_plain_histogram():
    assert len(plot_histograms({"a": [[1.0, 2.0]], "b": [3.0]}).axes) == 2
    (axes,) = plot_histograms({"a": [[1.0, 1.0, 2.0, 4.0]]}, bins=3).axes
    (bars,) = axes.patches
    assert list(bars.get_data().values) == [2, 1, 1]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("value", "entries")


def test_entries_that_are_not_finite_are_left_out_and_counted():
    (axes,) = plot_histograms({"a": [[1.0, np.nan, np.inf, 2.0]]}).axes
    assert [text.get_text() for text in axes.texts] == ["50.0% not finite"]


@pytest.mark.parametrize(
    ("arrays", "options", "error"),
    [
        ({}, {}, ArgumentError),
        (KEPT, {"bins": 0}, ArgumentError),
        (KEPT, {"steps": [1, 1, 2]}, ArgumentError),
        ({"a": []}, {}, ArgumentError),
        ({"a": [[np.nan]]}, {}, ArgumentError),
        (KEPT, {"steps": [1, 2]}, ShapeError),
        ({**KEPT, "b": [[1.0]]}, {}, ShapeError),
    ],
)
def test_what_cannot_be_drawn_is_refused(arrays, options, error):
    with pytest.raises(error, match="plot_histograms"):
        plot_histograms(arrays, **options)


@pytest.mark.parametrize(
    ("plot", "what"), [(plot_curves, {"a": [1.0]}), (plot_activation, {"relu": relu}), (plot_histograms, KEPT)]
)
def test_each_saves_itself_the_same_each_time_and_overwrites_nothing_unasked(tmp_path, plot, what):
    path = tmp_path / "a.png"
    plot(what, path, title="a title")
    written = path.read_bytes()
    path.write_bytes(b"mine")
    with pytest.raises(OutputExistsError):
        plot(what, path)
    assert path.read_bytes() == b"mine"
    plot(what, path, title="a title", overwrite=True)
    assert path.read_bytes() == written
