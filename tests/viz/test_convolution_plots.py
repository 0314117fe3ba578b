"""Pictures of convolutions and of confusions: every number in its place, and what cannot be drawn refused."""

import io

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from tinygrad_edu import Value, nn
from tinygrad_edu.errors import ArgumentError, OutputExistsError, ShapeError
from tinygrad_edu.viz import plot_confusion, plot_feature_maps, plot_kernels
from tinygrad_edu.viz.plots.figures import _with_palette


def drawn(figure, axes=0):
    """The numbers behind the picture in one of the axes; nan where there is none."""
    return np.ma.filled(figure.axes[axes].images[0].get_array().astype(float), np.nan)


# --- kernels ---------------------------------------------------------------------------------------------------------


def test_each_kernel_of_one_channel_stands_in_its_tile_row_by_row():
    weight = np.random.default_rng(0).normal(size=(3, 2, 1, 5))
    mosaic = drawn(plot_kernels(weight, columns=3))
    assert mosaic.shape == (2 * 4 - 1, 3 * 3 - 1)
    for kernel in range(5):
        row, column = divmod(kernel, 3)
        tile = mosaic[4 * row : 4 * row + 3, 3 * column : 3 * column + 2]
        np.testing.assert_array_equal(tile, weight[:, :, 0, kernel])
    assert np.isnan(mosaic[3]).all()
    assert np.isnan(mosaic[4:, 6:]).all()


def test_of_several_channels_each_has_its_row_and_each_kernel_its_column():
    weight = np.random.default_rng(0).normal(size=(2, 2, 3, 4))
    figure = plot_kernels(weight)
    mosaic = drawn(figure)
    for channel in range(3):
        for kernel in range(4):
            tile = mosaic[3 * channel : 3 * channel + 2, 3 * kernel : 3 * kernel + 2]
            np.testing.assert_array_equal(tile, weight[:, :, channel, kernel])
    assert figure.axes[0].get_title() == "4 kernels of 2 x 2 x 3"


def test_a_layer_shows_its_weight_and_white_is_zero():
    layer = nn.Conv2d(1, 4, 3, rng=0)
    figure = plot_kernels(layer)
    np.testing.assert_array_equal(drawn(figure), drawn(plot_kernels(layer.weight.data)))
    low, high = figure.axes[0].images[0].get_clim()
    assert -low == high == np.abs(layer.weight.data).max()


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (nn.Conv2d(4, 3), ArgumentError, "weight.*first call"),
        (nn.MaxPool2d(2), ArgumentError, "MaxPool2d.*weight"),
        (nn.Dense(2, 3), ShapeError, r"kernel height.*got \(2, 3\)"),
        (np.zeros((0, 3, 1, 2)), ShapeError, r"got \(0, 3, 1, 2\)"),
    ],
)
def test_what_has_no_kernels_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        plot_kernels(wrong)


# --- feature maps ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda maps: maps, lambda maps: maps[None], lambda maps: Value(maps)])
def test_each_channel_has_a_picture_in_the_same_shades(wrap):
    maps = np.random.default_rng(0).uniform(size=(4, 5, 3))
    figure = plot_feature_maps(wrap(maps))
    for channel in range(3):
        np.testing.assert_array_equal(drawn(figure, channel), maps[:, :, channel])
        assert figure.axes[channel].images[0].get_clim() == (0.0, maps.max())
    assert [axes.get_title() for axes in figure.axes[:3]] == ["0", "1", "2"]


def test_numbers_below_zero_bring_a_second_colour():
    figure = plot_feature_maps([np.array([[1.0, -2.0]]), np.array([[0.0]])])
    assert {axes.images[0].get_clim() for axes in figure.axes[:2]} == {(-2.0, 2.0)}


def test_nothing_but_zeros_can_be_shown():
    assert plot_feature_maps(np.zeros((2, 2, 1))).axes[0].images[0].get_clim() == (0.0, 1.0)
    assert plot_kernels(np.zeros((2, 2, 1, 1))).axes[0].images[0].get_clim() == (-1.0, 1.0)


@pytest.mark.parametrize("wrong", [np.zeros((2, 4, 4, 3)), np.zeros((4, 4)), [np.zeros(3)], [], np.zeros((0, 4, 3))])
def test_maps_of_several_images_or_of_none_are_refused(wrong):
    with pytest.raises(ShapeError, match="maps of one image"):
        plot_feature_maps(wrong)


def test_as_many_names_as_pictures_are_wanted():
    with pytest.raises(ShapeError, match="2 names for 3 maps"):
        plot_feature_maps(np.zeros((4, 4, 3)), names=["a", "b"])
    with pytest.raises(ShapeError, match="3 names for 2 classes"):
        plot_confusion(np.eye(2), names="abc")


# --- confusion -------------------------------------------------------------------------------------------------------


def test_counts_stand_where_the_matrix_has_them_true_classes_down():
    matrix = nn.confusion_matrix([0, 2, 1, 1, 0], [0, 2, 1, 2, 0])
    axes = plot_confusion(matrix, names=["shirt", "coat", "bag"]).axes[0]
    written = {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in axes.texts}
    assert written == {(0, 0): "2", (1, 1): "1", (2, 1): "1", (2, 2): "1"}
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true class", "predicted class")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["shirt", "coat", "bag"]


def test_shades_are_shares_of_a_class_and_a_class_without_samples_has_none():
    np.testing.assert_array_equal(drawn(plot_confusion([[3, 1], [0, 0]])), [[0.75, 0.25], [0.0, 0.0]])


@pytest.mark.parametrize("wrong", [np.zeros((2, 3)), np.zeros(4), np.zeros((0, 0))])
def test_what_is_no_confusion_matrix_is_refused(wrong):
    with pytest.raises(ShapeError, match=r"nn\.confusion_matrix"):
        plot_confusion(wrong)


@pytest.mark.parametrize(
    ("plot", "drawable"),
    [(plot_kernels, np.ones((2, 2, 1, 1))), (plot_feature_maps, np.ones((2, 2, 1))), (plot_confusion, np.eye(2))],
)
def test_the_plots_are_saved_and_overwrite_nothing_unasked(tmp_path, plot, drawable):
    path = tmp_path / "picture.png"
    plot(drawable, path, title="a title")
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputExistsError):
        plot(drawable, path)


def test_a_png_has_a_third_of_the_bytes_and_the_same_colours_to_the_eye():
    image = pytest.importorskip("PIL.Image")
    full = io.BytesIO()
    plot_kernels(np.random.default_rng(0).normal(size=(3, 3, 4, 16))).savefig(full, format="png")
    small = _with_palette(full.getvalue())
    before, after = (np.asarray(image.open(file).convert("RGB"), int) for file in (full, io.BytesIO(small)))
    assert np.abs(before - after).max() <= 8
    assert len(small) < 0.5 * len(full.getvalue())
