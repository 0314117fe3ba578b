"""Pictures of training: figures of their own, labelled, saved whole."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from tinygrad_edu import Value
from tinygrad_edu.errors import ArgumentError, OutputExistsError, ShapeError
from tinygrad_edu.viz import plot_boundary, plot_history, plot_predictions, save_figure

HISTORY = {
    "loss": [2.0, 1.0, 0.5],
    "val_loss": [2.1, 1.2, 0.9],
    "accuracy": [0.3, 0.6, 0.8],
    "val_accuracy": [0.3, 0.5, 0.7],
}
POINTS = np.array([[-1.0, 0.0], [1.0, 0.5], [0.5, -1.0], [-0.5, 1.0]])


def refuse():
    raise TypeError("one point at a time, please")


def test_training_and_validation_share_a_panel_and_differ_without_colour():
    figure = plot_history(HISTORY)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy (fraction)"]
    assert {axes.get_xlabel() for axes in figure.axes} == {"epoch"}
    training, validation = figure.axes[0].lines
    assert list(training.get_xdata()) == [1, 2, 3]
    assert list(validation.get_ydata()) == HISTORY["val_loss"]
    assert training.get_linestyle() != validation.get_linestyle()
    assert training.get_marker() != validation.get_marker()


@pytest.mark.parametrize("attribute", ["metrics", "history"])
def test_a_history_object_is_as_good_as_a_mapping(attribute):
    assert len(plot_history(SimpleNamespace(**{attribute: HISTORY})).axes) == 2


def test_an_epoch_without_a_number_leaves_a_gap():
    figure = plot_history({"loss": [1.0, None, 0.5]})
    assert np.isnan(figure.axes[0].lines[0].get_ydata()[1])


@pytest.mark.parametrize("wrong", [{}, {"loss": []}, {"loss": [float("nan")]}, [1.0, 2.0], None])
def test_a_history_without_numbers_is_refused(wrong):
    with pytest.raises(ArgumentError, match="plot_history"):
        plot_history(wrong)


@pytest.mark.parametrize(
    "predict",
    [
        lambda x: x[:, 0],
        lambda x: x[:, :1],
        lambda x: np.stack([-x[:, 0], x[:, 0]], axis=1),
        lambda x: (x[:, 0] > 0).astype(int),
        lambda x: Value(x)[:, 0],
        lambda point: Value(point[0]) * 1.0 if isinstance(point, list) else refuse(),
    ],
    ids=["score", "column", "classes", "labels", "Value", "one point at a time"],
)
def test_any_kind_of_classifier_is_mapped(predict):
    figure = plot_boundary(predict, POINTS, [0, 1, 1, 0], resolution=11)
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x1", "x2")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["class 0", "class 1"]


@pytest.mark.parametrize("labels", [[-1, 1, 1, -1], [0, 0, 0, 0], [0, 1, 2, 1]])
def test_labels_may_be_any_numbers(labels):
    centres = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])[: len(set(labels))]
    figure = plot_boundary(lambda x: -((x[:, None] - centres) ** 2).sum(axis=2), POINTS, labels, resolution=9)
    assert len(figure.axes[0].collections) >= len(set(labels))


def test_the_map_says_what_the_classifier_says():
    from tinygrad_edu.viz.plots.boundary import _decide

    assert list(_decide(np.array([[-2.0], [3.0]]), np.array([-1, 1]))) == [0, 1]
    assert list(_decide(np.array([[1.0, 2.0, 0.0]]), np.array([0, 1, 2]))) == [1]
    assert list(_decide(np.array([[7], [3]]), np.array([3, 7]))) == [1, 0]


@pytest.mark.parametrize("columns", [1, 2])
def test_the_line_between_two_classes_is_where_their_scores_are_equal_and_no_staircase(columns):
    from matplotlib.contour import ContourSet

    def slope(x):
        score = x[:, 0] - 0.3 * x[:, 1] - 0.11
        return score if columns == 1 else np.stack([-score, score], axis=1)

    axes = plot_boundary(slope, POINTS, [0, 1, 1, 0], resolution=12).axes[0]
    lines = [line for line in axes.collections if isinstance(line, ContourSet)]
    drawn = np.concatenate([line.get_paths()[0].vertices for line in lines])
    assert len(drawn) > 10
    np.testing.assert_allclose(drawn[:, 0] - 0.3 * drawn[:, 1], 0.11, atol=1e-9)


def test_a_class_that_the_data_lack_is_on_the_map():
    five = plot_boundary(lambda x: x[:, :1] * np.arange(5.0), POINTS, [0, 3, 3, 0], resolution=5)
    assert [text.get_text() for text in five.axes[0].get_legend().get_texts()] == [f"class {k}" for k in range(5)]
    new = plot_boundary(lambda x: (x[:, 0] > 0) * 7, POINTS, [0, 1, 1, 0], resolution=5)
    assert [text.get_text() for text in new.axes[0].get_legend().get_texts()] == ["class 0", "class 1", "class 7"]


def test_what_cannot_be_mapped_is_refused():
    with pytest.raises(ShapeError, match="scores for 2 classes, but y has"):
        plot_boundary(lambda x: x[:, 0], POINTS, [0, 1, 2, 0])
    with pytest.raises(ArgumentError, match="resolution of at least 2"):
        plot_boundary(lambda x: x[:, 0], POINTS, [0, 1, 1, 0], resolution=1)
    with pytest.raises(ArgumentError, match="expected a model"):
        plot_boundary([1.0], POINTS, [0, 1, 1, 0])


def test_the_model_records_no_graph_while_it_is_asked():
    weight = Value(1.0)
    seen = []

    def model(x):
        out = Value(x[:, 0]) * weight
        seen.append(out.parents)
        return out

    plot_boundary(model, POINTS, [0, 1, 1, 0], resolution=5)
    assert seen == [()]


def test_points_of_three_features_are_refused():
    with pytest.raises(ShapeError, match=r"\(points, 2\).*got \(4, 3\)"):
        plot_boundary(lambda x: x, np.zeros((4, 3)), [0, 1, 0, 1])


def test_right_and_wrong_differ_in_colour_and_in_mark():
    figure = plot_predictions(np.zeros((3, 64)), [1, 2, 3], [1, 2, 5], title="digits")
    right, _, wrong = figure.axes
    assert (right.get_title(), wrong.get_title()) == ("✓ 1", "✗ 5, not 3")
    assert right.title.get_color() != wrong.title.get_color()


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 8, 8, 1), (5, 8, 8, 3), (5, 64)])
def test_images_of_any_usual_shape_are_shown(shape):
    assert len(plot_predictions(np.zeros(shape), range(5), range(5), count=4).axes) == 4


def test_lengths_that_differ_are_refused():
    with pytest.raises(ShapeError, match="3 images, 2 labels, 3 predictions"):
        plot_predictions(np.zeros((3, 8, 8)), [1, 2], [1, 2, 3])


@pytest.mark.parametrize(("suffix", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_saved_figure_is_whole_and_the_same_each_time(tmp_path, suffix, begins):
    written = [save_figure(plot_history(HISTORY), tmp_path / f"{k}.{suffix}").read_bytes() for k in range(2)]
    assert written[0].startswith(begins)
    assert written[0] == written[1]


def test_a_saved_figure_overwrites_nothing_unasked(tmp_path):
    path = tmp_path / "history.png"
    plot_history(HISTORY, path)
    before = path.read_bytes()
    with pytest.raises(OutputExistsError, match="overwrite=True"):
        plot_history({"loss": [1.0]}, path)
    assert path.read_bytes() == before
    plot_history({"loss": [1.0]}, path, overwrite=True)
    assert path.read_bytes() != before


def test_an_unknown_figure_format_lists_the_formats(tmp_path):
    with pytest.raises(ArgumentError, match=r"\.png \.svg \.pdf"):
        save_figure(plot_history(HISTORY), tmp_path / "history.jpg")


def test_no_plot_touches_pyplot():
    program = (
        "import sys\nfrom tinygrad_edu import viz\nviz.plot_history({'loss': [1.0, 0.5]})\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
