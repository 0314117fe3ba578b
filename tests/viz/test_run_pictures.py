"""Pictures of whole runs: the report, the loss landscape, moving pictures, the dashboard."""

import numpy as np
import pytest

from tinygrad_edu import Value, nn, viz
from tinygrad_edu.errors import ArgumentError, OutputExistsError

pytest.importorskip("matplotlib")


@pytest.fixture
def run():
    x, y = nn.data.moons(60, noise=0.1, rng=0)
    model = nn.Sequential(nn.Dense(2, 4, activation="tanh", rng=0), nn.Dense(4, 2, rng=1))
    adam = nn.Adam(model.parameters(), lr=0.05)
    history = nn.fit(model, (x, y), nn.softmax_cross_entropy, adam, epochs=3, rng=0, progress=False)
    return model, history, (x, y)


def test_a_report_has_numbers_curves_graph_model_and_whatever_else_it_is_given(run, tmp_path):
    model, history, (x, y) = run
    loss = nn.softmax_cross_entropy(model(x[:4]), y[:4])
    figures = {"Boundary <b>": viz.plot_boundary(model, x, y)}
    page = viz.report(
        history, model=model, graph=loss, figures=figures, notes="First line.\nSecond & last.", title="Moons"
    )
    text = page.save(tmp_path / "report.html").read_text("utf-8")
    for part in ("<title>Moons</title>", "Second &amp; last.", "Boundary &lt;b&gt;", "<svg", "Dense", "data:image/png"):
        assert part in text
    assert f"{history['loss'][-1]:.4g}" in text
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    with pytest.raises(OutputExistsError):
        page.save(tmp_path / "report.html")


def test_the_best_epoch_is_the_lowest_loss_and_the_highest_accuracy():
    text = viz.report({"loss": [2.0, 1.0, 1.5], "accuracy": [0.2, 0.9, 0.8]}).html
    assert "1 (epoch 2)" in text
    assert "0.9 (epoch 2)" in text


@pytest.mark.parametrize("nothing", [{}, {"loss": []}, 3])
def test_a_report_of_nothing_is_refused(nothing):
    with pytest.raises(ArgumentError, match="at least one epoch"):
        viz.report(nothing)


def test_the_landscape_of_a_bowl_is_lowest_where_it_should_be_and_leaves_the_parameters_alone():
    w = Value(np.array([0.0, 0.0]))
    v = Value(np.array([3.0, 4.0]))
    before = w.data, v.data
    figure = viz.plot_loss_landscape(lambda: (v * v).sum() + (w * w).sum(), [w, v], directions=1, points=21, rng=0)
    x, y = figure.axes[0].lines[0].get_data()
    assert w.data is before[0]
    assert v.data is before[1]
    assert y[10] == 25.0, "no step, no change"
    np.testing.assert_allclose(y, _parabola(x, y), rtol=1e-10)


def _parabola(x, y):
    return np.polyval(np.polyfit(x, y, 2), x)


def test_the_parameters_come_back_even_if_the_loss_fails():
    w = Value(np.array([1.0, 2.0]))
    before = w.data
    with pytest.raises(ZeroDivisionError):
        viz.plot_loss_landscape(lambda: 1 / 0, [w], rng=0)
    assert w.data is before


def test_a_map_of_a_network_has_as_many_points_as_asked(run):
    model, _, (x, y) = run
    figure = viz.plot_loss_landscape(lambda: nn.softmax_cross_entropy(model(x), y), model, points=5, rng=0)
    assert len(figure.axes) == 2, "the map and its scale"


@pytest.mark.parametrize("options", [{"directions": 3}, {"points": 2}, {"span": 0.0}])
def test_impossible_landscapes_are_refused(options):
    with pytest.raises(ArgumentError, match="expected directions"):
        viz.plot_loss_landscape(lambda: 1.0, [Value([1.0])], **options)


def test_a_moving_picture_has_a_frame_for_each_figure(tmp_path):
    image = pytest.importorskip("PIL.Image")
    figures = [viz.plot_curves({"a": [1.0, float(i)]}) for i in range(3)]
    path = viz.animate(figures, tmp_path / "a.gif")
    with image.open(path) as picture:
        assert picture.n_frames == 3
    with pytest.raises(OutputExistsError):
        viz.animate(figures, path)
    with pytest.raises(ArgumentError, match=r"\.gif"):
        viz.animate(figures, tmp_path / "a.png")
    with pytest.raises(ArgumentError, match="at least one"):
        viz.animate([], tmp_path / "b.gif")


def test_the_dashboard_shows_one_picture_and_replaces_it_in_place(run):
    model, _, data = run
    shown, replaced = [], []

    class Handle:
        def update(self, figure):
            replaced.append(figure)

    def display(figure):
        shown.append(figure)
        return Handle()

    adam = nn.Adam(model.parameters(), lr=0.05)
    dashboard = viz.Dashboard(every=2, display=display)
    nn.fit(model, data, nn.softmax_cross_entropy, adam, epochs=5, rng=0, callbacks=[dashboard], progress=False)
    assert (len(shown), len(replaced)) == (1, 2), "after epochs 2, 4 and the last"
